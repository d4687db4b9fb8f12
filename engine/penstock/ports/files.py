"""Kestra's internal storage and everything too large for an event: contents by digest, and names for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO, Protocol

SCHEME = "kestra:///"


class Files(Protocol):
    """Thread-safe and crash-safe: a name leads to whole content or to nothing.

    How its URIs are made up is in `penstock.ports.storage`.
    """

    def put(self, content: BinaryIO | bytes) -> str:
        """Keep the content, once however often it is put; its SHA-256 in hexadecimal. Raises Stalled on a full disk."""
        ...

    def open(self, digest: str) -> BinaryIO:
        """Raises NotFound."""
        ...

    def has(self, digest: str) -> bool: ...

    def name(self, uri: str, digest: str) -> None:
        """Let `uri` lead to `digest`. Raises UserError when the URI is malformed or leads out of the storage."""
        ...

    def put_each(self, contents: Iterable[tuple[str, BinaryIO | bytes]]) -> None:
        """Keep many contents, each under its URI: what `put` and `name` do, at a fraction of the cost. Each is read
        before the next is asked for. Whole and named when it returns; before that, some may be."""
        ...

    def resolve(self, uri: str) -> str:
        """The digest that `uri` leads to. Raises NotFound."""
        ...

    def size(self, uri: str) -> int: ...

    def list(self, prefix: str) -> Iterator[str]:
        """All URIs below `prefix`, sorted."""
        ...

    def delete(self, prefix: str) -> None:
        """Forget all names below `prefix`; contents that no name leads to are freed by `sweep`."""
        ...
