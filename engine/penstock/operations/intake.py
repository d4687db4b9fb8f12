"""What inputs go through on their way in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from penstock.execution.model import Execution
from penstock.flow.inputs import Renderer
from penstock.flow.model import Flow


class Rendering(Protocol):
    def __call__(
        self, flow: Flow, execution: Execution, value: Any, more: Mapping[str, Any], /, *, typed: bool = False
    ) -> Any:
        """A value with its expressions rendered over an execution, and over more variables; with `typed` the value of a
        text that is one expression."""
        ...


@dataclass(frozen=True, slots=True)
class Intake:
    """What inputs go through on their way in, before anything of them is kept.

    `render` renders what they are made of, over the execution that is about to begin or to go on. `seal` makes of a
    secret what may be stored; `keep` does so with every text that holds one that is known.
    """

    render: Rendering
    seal: Callable[[str], str]
    keep: Callable[[Any], Any]

    def renderer(self, flow: Flow, execution: Execution) -> Renderer:
        """How expressions of inputs are rendered as `execution` sees the world."""

        def render(text: str, /, *, seen: Mapping[str, Any], typed: bool = False) -> Any:
            return self.render(flow, execution, text, {"inputs": seen}, typed=typed)

        return render
