"""What an inline task changes of its own execution: told while its attempt goes on, in one append with its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from penstock.execution.event.base import RunEvent
from penstock.execution.state import State
from penstock.flow.model import nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelsChanged(RunEvent):
    """The execution gets `labels`; those of the same keys are overwritten."""

    attempt: int
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class VariablesChanged(RunEvent):
    """What expressions see as `vars`: first `removed` (dotted paths) are taken away, then `values` are merged in."""

    attempt: int
    values: Mapping[str, Any] = field(default_factory=nothing)
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitRequested(RunEvent):
    """The execution is to end in `state`, whatever its other tasks would have come to."""

    attempt: int
    state: State
