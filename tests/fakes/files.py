"""Files in memory: the honest fake."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from penstock.errors import NotFound, UserError
from penstock.ports.files import SCHEME, Files


class MemoryFiles(Files):
    """Two dictionaries. What is assigned at once needs no lock."""

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}
        self._names: dict[str, str] = {}

    def put(self, content: BinaryIO | bytes) -> str:
        data = content if isinstance(content, bytes) else content.read()
        digest = hashlib.sha256(data).hexdigest()
        self._contents[digest] = data
        return digest

    def open(self, digest: str) -> BinaryIO:
        if not self.has(digest):
            raise NotFound(f"no content has the digest {digest}")
        return io.BytesIO(self._contents[digest])

    def has(self, digest: str) -> bool:
        if len(digest) != 64 or set(digest) - set("0123456789abcdef"):
            raise UserError(f"{digest!r} is no SHA-256 in hexadecimal")
        return digest in self._contents

    def name(self, uri: str, digest: str) -> None:
        self.has(digest)
        self._names[_checked(uri)] = digest

    def put_each(self, contents: Iterable[tuple[str, BinaryIO | bytes]]) -> None:
        for uri, content in contents:
            self.name(uri, self.put(content))

    def resolve(self, uri: str) -> str:
        try:
            return self._names[_checked(uri)]
        except KeyError:
            raise NotFound(f"there is no file `{uri}`") from None

    def size(self, uri: str) -> int:
        digest = self.resolve(uri)
        if digest not in self._contents:
            raise NotFound(f"the content of `{uri}` is gone")
        return len(self._contents[digest])

    def list(self, prefix: str) -> Iterator[str]:
        yield from sorted(uri for uri in self._names if _is_below(uri, prefix))

    def delete(self, prefix: str) -> None:
        for uri in [uri for uri in self._names if _is_below(uri, prefix)]:
            del self._names[uri]


def _is_below(uri: str, prefix: str) -> bool:
    if prefix.removesuffix("/") + "/" != SCHEME:
        _checked(prefix.removesuffix("/"))
    return uri == prefix or uri.startswith(prefix if prefix.endswith("/") else f"{prefix}/")


def _checked(uri: str) -> str:
    path = uri.removeprefix(SCHEME)
    segments = path.split("/")
    bad = any(each in ("", ".", "..") or "\0" in each or len(each.encode()) > 240 for each in segments)
    if not uri.startswith(SCHEME) or bad or len(uri.encode()) > 3000:
        raise UserError(f"`{uri[:200]!r}` is no file of this storage")
    return uri
