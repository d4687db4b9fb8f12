"""A folder as a place that flows are deployed to, in the layout that Kestra and Penstock read.

<namespace>/flows/<id>.yaml
<namespace>/files/**
"""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from secrets import token_hex

from penstock.diagnostic import FlowName
from penstock.errors import PenstockError, Refused, Stalled, UserError
from penstock.flow.layout.flow_layout import EXTENSIONS, OWN_FILES
from penstock.flow.reading.heading import name_in
from penstock.lock import is_locked
from penstock.ports.target import Target

_FLOWS = "flows"
_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


class FolderTarget(Target):
    """Each file is written beside and put in its place: whoever reads meanwhile sees the old one or the new one.
    Nothing is read or written through a link below the folder."""

    def __init__(self, root: Path) -> None:
        """The folder is made when something is put there."""
        self._root = root
        self._places: dict[FlowName, Path] = {}

    @property
    def label(self) -> str:
        return str(self._root)

    @contextmanager
    def held(self) -> Iterator[None]:
        """While this lasts, no other deployment writes there, whosoever it is. Raises Refused where one does."""
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            handle = os.open(self._root, os.O_RDONLY)
        except OSError as error:
            raise UserError(f"cannot write {self._root}: {error.strerror or error}") from error
        try:
            if not is_locked(handle):
                raise Refused(f"another deployment to {self._root} runs", help="wait for its end")
            yield
        finally:
            os.close(handle)

    def flows(self) -> Mapping[FlowName, str]:
        found: dict[FlowName, str] = {}
        self._places.clear()
        for namespace in _folders(self._root):
            for file in _files(namespace / _FLOWS):
                if file.suffix not in EXTENSIONS:
                    continue
                text = _read(file).decode("utf-8-sig", "replace")
                name = name_in(text)
                if name is not None and name not in found:
                    found[name] = text
                    self._places[name] = file
        return found

    def put_flow(self, name: FlowName, text: str, *, is_new: bool) -> None:
        self._write(self._place(name), text.encode("utf-8", "surrogatepass"))

    def delete_flow(self, name: FlowName) -> None:
        self._delete(self._place(name))

    def namespaces(self) -> Collection[str]:
        return [folder.name for folder in _folders(self._root) if (folder / OWN_FILES).is_dir()]

    def files(self, namespace: str) -> Mapping[str, bytes]:
        root = self._below(namespace, OWN_FILES)
        return {file.relative_to(root).as_posix(): _read(file) for file in _files(root)}

    def put_file(self, namespace: str, path: str, content: bytes) -> None:
        self._write(self._file(namespace, path), content)

    def delete_file(self, namespace: str, path: str) -> None:
        self._delete(self._file(namespace, path))

    def _file(self, namespace: str, path: str) -> Path:
        parts = PurePosixPath(path).parts
        if not parts:
            raise Refused(f"`{path}` is no path of a file")
        return self._below(namespace, OWN_FILES, *parts)

    def _place(self, name: FlowName) -> Path:
        """Where it was found; what has become a link since is refused as any other is."""
        found = self._places.get(name)
        if found is not None:
            return self._below(*found.relative_to(self._root).parts)
        return self._below(name.namespace, _FLOWS, f"{name.id}.yaml")

    def _below(self, *parts: str) -> Path:
        at = self._root
        for part in parts:
            if part in ("", ".", "..") or "/" in part or "\\" in part or "\0" in part:
                raise Refused(f"`{'/'.join(parts)}` leads out of the folder")
            at /= part
            if _is_link(at):
                raise Refused(f"{at} is a link", help="nothing is written through links")
        return at

    def _write(self, place: Path, content: bytes) -> None:
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            beside = place.with_name(f".{token_hex(8)}.part")
            try:
                with beside.open("xb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                beside.replace(place)
            finally:
                beside.unlink(missing_ok=True)
        except OSError as error:
            raise _cannot("write", place, error) from error

    def _delete(self, place: Path) -> None:
        try:
            place.unlink(missing_ok=True)
        except OSError as error:
            raise _cannot("delete", place, error) from error


def _is_link(path: Path) -> bool:
    try:
        return path.is_symlink()
    except OSError as error:
        raise _cannot("read", path, error) from error


def _cannot(verb: str, place: Path, error: OSError) -> PenstockError:
    """What is wrong with one file concerns no other; of a disk that is full or read-only nothing more is asked."""
    said = f"cannot {verb} {place}: {error.strerror or error}"
    return Stalled(said) if error.errno in _OF_THE_DISK else Refused(said)


def _folders(root: Path) -> list[Path]:
    if not root.is_dir():
        return []
    return sorted(entry for entry in root.iterdir() if entry.is_dir() and not entry.is_symlink() and _seen(entry.name))


def _files(root: Path) -> Iterator[Path]:
    """The regular files below a folder, sorted; nothing hidden, no links."""
    if root.is_symlink():
        return
    for here, folders, names in os.walk(root, onerror=_unreadable):
        folders[:] = sorted(filter(_seen, folders))
        for name in sorted(filter(_seen, names)):
            file = Path(here, name)
            if file.is_file() and not file.is_symlink():
                yield file


def _unreadable(error: OSError) -> None:
    """What is not seen would be taken for what is not there."""
    if not isinstance(error, FileNotFoundError):
        raise UserError(f"cannot read {error.filename}: {error.strerror or error}") from error


def _seen(name: str) -> bool:
    return not name.startswith(".")


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {file}: {error.strerror or error}") from error
