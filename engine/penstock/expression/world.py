"""What the functions of expressions reach outside for. Everything else is pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # only for speed: `random` costs 3 ms to import, and most expressions draw nothing
    from random import Random


class World(Protocol):
    """The doors. Called from the thread that renders; the time they take is not the rendering's.

    Implementations raise PenstockError subclasses with the reason; those pass through rendering untouched.
    """

    def secret(self, name: str, namespace: str | None, subkey: str | None) -> str:
        """The secret's text; of the flow's own namespace when `namespace` is None. Raises when it is not there."""
        ...

    def read(self, uri_or_path: str, namespace: str | None) -> str:
        """The text (UTF-8) of a namespace file (of the flow's own namespace when `namespace` is None), or of a
        `kestra:///` file of this execution."""
        ...

    def now(self) -> datetime:
        """The moment, aware, in UTC."""
        ...

    def random(self) -> Random:
        """The source of everything drawn: `uuid`, `randomInt`, `nanoId`, …"""
        ...

    def new_id(self) -> str:
        """A new short id, for `id()`."""
        ...

    def error_logs(self) -> Sequence[Mapping[str, object]]:
        """The execution's log entries of level ERROR, oldest first."""
        ...
