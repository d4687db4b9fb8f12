"""What the functions of expressions reach outside for. Everything else is pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # only for speed: `random` costs 3 ms to import, and most expressions draw nothing
    from random import Random

_NOTHING: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class WebCall:
    """What `http()` asks for, as the expression gave it. `query`, `headers`: a value is a text, or a list of texts.

    `options` are those of Kestra's HTTP client, by their own names. `body` is a text, or data for `content_type`.
    """

    uri: str
    method: str = "GET"
    query: Mapping[str, object] = field(default_factory=lambda: _NOTHING)
    body: object = None
    content_type: str = "application/json"
    headers: Mapping[str, object] = field(default_factory=lambda: _NOTHING)
    options: Mapping[str, object] = field(default_factory=lambda: _NOTHING)
    accept: str = "application/json"


@dataclass(frozen=True, slots=True)
class WebAnswer:
    """Whatever the other side answered, a status of failure too. `content_type` is as its header has it."""

    status: int
    reason: str
    content_type: str | None
    content: bytes


class World(Protocol):
    """The doors. Called from the thread that renders; the time they take is not the rendering's.

    Implementations raise PenstockError subclasses with the reason; those pass through rendering untouched.
    A `namespace` of None is the flow's own.
    """

    @property
    def dialect(self) -> str:
        """Which Kestra the flow is read as: `auto`, `0.21`, `1` or `2`."""
        ...

    def secret(self, name: str, namespace: str | None, subkey: str | None) -> str:
        """The secret's text. Raises when it is not there."""
        ...

    def kv(self, key: str, namespace: str | None, error_on_missing: bool | None) -> object:
        """The value of a key, of its own type; without a namespace those above the flow's are looked through too.

        What is not there is None, or raises with `error_on_missing`; where that is None the dialect decides.
        """
        ...

    def read(self, uri_or_path: str, namespace: str | None) -> str:
        """The text (UTF-8) of a namespace file, or of a `kestra:///` file of this execution."""
        ...

    def file_size(self, uri_or_path: str, namespace: str | None) -> int:
        """The bytes of a file that `read` would give. Raises as `read`."""
        ...

    def file_exists(self, uri_or_path: str, namespace: str | None) -> bool:
        """Whether there is such a file. Raises for one that `read` would not be allowed to give."""
        ...

    def file_is_empty(self, uri_or_path: str, namespace: str | None) -> bool:
        """Whether a file has no bytes. Raises as `read`."""
        ...

    def call(self, request: WebCall) -> WebAnswer:
        """The answer over HTTP; it may take as long as the options allow. Raises when there is none."""
        ...

    def learn(self, value: str) -> None:
        """From now on `value` is a secret: it is hidden wherever it turns up."""
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
