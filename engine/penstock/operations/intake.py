"""What inputs go through on their way in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from penstock.execution.model import Execution
from penstock.flow.model import Flow


@dataclass(frozen=True, slots=True)
class Intake:
    """What inputs go through on their way in, before anything of them is kept.

    `render` gives a value with its expressions rendered over the execution that is about to begin, and over more
    variables. `seal` makes of a secret what may be stored; `keep` does so with every text that holds one that is known.
    """

    render: Callable[[Flow, Execution, Any, Mapping[str, Any]], Any]
    seal: Callable[[str], str]
    keep: Callable[[Any], Any]
