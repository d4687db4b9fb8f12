"""What the recorder asks of a place for results."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from penstock.errors import PenstockError

LOOK_EVERY = timedelta(seconds=30)
"""Where nothing waits, a sink looks again so often, whether or not it was told."""


@dataclass(frozen=True, slots=True)
class Taken:
    """How many results arrived. `is_more`: others wait that may be tried at once. `fault` ended it early; what had
    arrived by then is counted and marked all the same."""

    arrived: int = 0
    is_more: bool = False
    fault: PenstockError | None = None


class Sink(Protocol):
    """One place for results, by its `name` in the store. Used by one thread at a time."""

    @property
    def name(self) -> str: ...

    def wait(self) -> timedelta:
        """How long until `take` makes sense: zero when something waits that is due. Cheap: it may ask the store."""
        ...

    def take(self) -> Taken:
        """Take a bounded part of what waits, due or not. What a sink cannot do is its `fault`, or raised where it
        keeps the whole sink from its work; nothing is lost by it."""
        ...
