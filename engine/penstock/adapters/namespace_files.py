"""Namespace files of a folder on this machine: what `penstock run` sees of the work tree around a flow."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from penstock.errors import NotFound, UserError
from penstock.flow.layout.namespace_layout import NamespaceLayout
from penstock.ports.namespace_files import MOST_FILE_BYTES, MOST_FILES, NamespaceFile, NamespaceFiles
from penstock.settings import PROJECT_FILE, repository_settings

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


class FolderNamespaceFiles(NamespaceFiles):
    """Below `root`, as its `penstock.yaml` says. Each part of a path is opened by itself and never through a link: what
    is swapped meanwhile leads nowhere else. Nothing is remembered: what is edited is seen."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def list(self, namespace: str) -> Sequence[NamespaceFile]:
        found = self._found(namespace)
        return [NamespaceFile(name, size) for name, (_, size) in found.items()]

    def open(self, namespace: str, path: str) -> BinaryIO:
        return self._open(namespace, path, self._found(namespace))

    def each(self, namespace: str, paths: Iterable[str]) -> Iterator[tuple[str, BinaryIO]]:
        found = self._found(namespace)
        for path in paths:
            with self._open(namespace, path, found) as file:
                yield path, file

    def _open(self, namespace: str, path: str, found: Mapping[str, tuple[str, int]]) -> BinaryIO:
        opened = _opened(self._root, found[path][0]) if path in found else None
        if opened is None:
            raise NotFound(
                f"there is no file `{path}` among those of the namespace {namespace}", help="links are not taken"
            )
        size = os.fstat(opened.fileno()).st_size
        if size > MOST_FILE_BYTES:
            opened.close()
            raise UserError(f"a namespace file has at most {MOST_FILE_BYTES} bytes, and `{path}` has {size}")
        return opened

    def _found(self, namespace: str) -> dict[str, tuple[str, int]]:
        """Where each file lies, and its size, by what it is called."""
        project = _opened(self._root, PROJECT_FILE)
        with project if project is not None else nullcontext():
            written = project.read() if project is not None else None
        layout = NamespaceLayout(repository_settings(written, PROJECT_FILE).files)
        sizes: dict[str, int] = {}
        for folder in layout.folders(namespace):
            for path, size in _walk(self._root, folder):
                sizes[path] = size
                if len(sizes) > MOST_FILES:
                    raise UserError(f"the namespace {namespace} has more than {MOST_FILES} files")
        return {name: (path, sizes[path]) for name, path in layout.files(namespace, sizes).items()}


class NoNamespaceFiles(NamespaceFiles):
    """Of a flow that comes from no tree: by standard input."""

    def list(self, namespace: str) -> Sequence[NamespaceFile]:
        return []

    def open(self, namespace: str, path: str) -> BinaryIO:
        raise NotFound(
            f"there is no file `{path}` among those of the namespace {namespace}",
            help="this flow was not read from a folder or a repository that could hold some",
        )

    def each(self, namespace: str, paths: Iterable[str]) -> Iterator[tuple[str, BinaryIO]]:
        for path in paths:
            yield path, self.open(namespace, path)


def _walk(root: Path, folder: str) -> Iterator[tuple[str, int]]:
    """The regular files below a folder of `root`, or that one file; by path from `root`, with their sizes."""
    start = root / folder
    if not _is_reached(root, folder):
        return
    if start.is_file():
        yield folder, start.stat().st_size
        return
    for here, folders, files, number in os.fwalk(start, follow_symlinks=False):
        folders[:] = sorted(name for name in folders if not name.startswith(".git"))
        at = Path(here).relative_to(root)
        for name in files:
            try:
                about = os.stat(name, dir_fd=number, follow_symlinks=False)
            except FileNotFoundError:
                continue  # it was there when the folder was read
            if stat.S_ISREG(about.st_mode) and _is_text(name):
                yield (at / name).as_posix(), about.st_size


def _is_reached(root: Path, folder: str) -> bool:
    """Whether no part of the way from `root` is a link."""
    at = root
    for part in PurePosixPath(folder).parts:
        at /= part
        if at.is_symlink() or not at.exists():
            return False
    return True


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _opened(root: Path, path: str) -> BinaryIO | None:
    """The regular file at `path`, reached without any link; None where there is none."""
    *folders, name = PurePosixPath(path).parts
    with ExitStack() as stack:
        try:
            at = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            stack.callback(os.close, at)
            for folder in folders:
                at = os.open(folder, _FOLDER, dir_fd=at)
                stack.callback(os.close, at)
            number = os.open(name, _FILE, dir_fd=at)
        except OSError:
            return None
        if not stat.S_ISREG(os.fstat(number).st_mode):
            os.close(number)
            return None
        return os.fdopen(number, "rb")
