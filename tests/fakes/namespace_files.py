"""Namespace files in memory: the honest fake."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import BinaryIO

from penstock.errors import NotFound, UserError
from penstock.ports.namespace_files import MOST_FILE_BYTES, MOST_FILES, NamespaceFile, NamespaceFiles


class MemoryNamespaceFiles(NamespaceFiles):
    """`files` by namespace and path."""

    def __init__(self, files: Mapping[str, Mapping[str, bytes]] | None = None) -> None:
        self.files = {namespace: dict(sorted(own.items())) for namespace, own in (files or {}).items()}

    def list(self, namespace: str) -> Sequence[NamespaceFile]:
        own = self.files.get(namespace, {})
        if len(own) > MOST_FILES:
            raise UserError(f"the namespace {namespace} has more than {MOST_FILES} files")
        return [NamespaceFile(path, len(content)) for path, content in own.items()]

    def open(self, namespace: str, path: str) -> BinaryIO:
        content = self.files.get(namespace, {}).get(path)
        if content is None:
            raise NotFound(f"there is no file `{path}` among those of the namespace {namespace}")
        if len(content) > MOST_FILE_BYTES:
            raise UserError(f"a namespace file has at most {MOST_FILE_BYTES} bytes, and `{path}` has {len(content)}")
        return io.BytesIO(content)

    def each(self, namespace: str, paths: Iterable[str]) -> Iterator[tuple[str, BinaryIO]]:
        for path in paths:
            yield path, self.open(namespace, path)
