"""Secrets by name, and the seal that keeps what was computed from them out of the store in clear."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol


class Secrets(Protocol):
    """Thread-safe. Values are resolved at the moment of use and never kept by whoever asks."""

    def get(self, name: str, *, namespace: str) -> str:
        """The value. Raises UserError `Cannot find secret for key 'NAME'.` with where it was looked for."""
        ...

    def names(self) -> Iterable[str]: ...


class Seal(Protocol):
    """Authenticated encryption with the agent's key."""

    def seal(self, clear: bytes) -> str:
        """Text that only `open` with the same key reads."""
        ...

    def open(self, sealed: str) -> bytes:
        """Raises Stalled when the key is not the one it was sealed with."""
        ...


class MaskStream(Protocol):
    """Masks bytes that come in pieces, which may cut a secret in two. For one thread."""

    @property
    def held(self) -> int:
        """How many of the bytes that were fed have not come out: they might be the beginning of a secret."""
        ...

    def feed(self, data: bytes) -> bytes:
        """What is certain by now, masked."""
        ...

    def finish(self) -> bytes:
        """The rest, masked; then the stream is as new."""
        ...


class Mask(Protocol):
    """Knows the secret values that were used, and replaces them by `******` wherever they turn up. Thread-safe.

    The one door to logs, outputs, errors and events goes through it (P9).
    """

    def learn(self, value: str) -> None:
        """From now on, hide `value`."""
        ...

    def text(self, text: str) -> str: ...

    def data(self, data: bytes) -> bytes: ...

    def value(self, value: Any) -> Any:
        """Every text within lists and mappings, keys included."""
        ...

    def hides(self, value: Any) -> bool:
        """Whether masking `value` would change it."""
        ...

    def stream(self) -> MaskStream:
        """For a line that comes in several pieces."""
        ...
