"""Contents by digest, and names that lead to them, as plain files of one folder.

    <root>/contents/aa/bb/<sha256>          written once, never changed
    <root>/names/+dir/+dir/=name            one line: the digest; a pointer that is not whole leads to nothing
    <root>/tmp/                             contents being written

The marks `+` and `=` keep a name and a folder of the same name apart.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from penstock.adapters.files.durable import sync_all, sync_each
from penstock.errors import NotFound, Stalled, UserError
from penstock.ports.files import SCHEME, Files

_DIGEST = re.compile(r"[0-9a-f]{64}")
_CHUNK = 1 << 20
_MOST_UNSETTLED = 1_000
"""So many contents are written before they are made durable together."""
_MOST_URI_BYTES = 3000
_MOST_SEGMENT_BYTES = 240
_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EACCES, errno.EROFS, errno.EPERM}
_OLD = timedelta(days=1)


class LocalFiles(Files):
    """Files below `root`. What is named is durable when `put` and `name` return."""

    def __init__(self, root: Path) -> None:
        self._contents = root / "contents"
        self._names = root / "names"
        self._temporary = root / "tmp"
        self._root = root
        self._settling = threading.Lock()

    # ── contents ──

    def put(self, content: BinaryIO | bytes) -> str:
        if isinstance(content, bytes):
            digest = hashlib.sha256(content).hexdigest()
            if self._touch(digest):
                return digest
        with self._telling_full():
            path = self._temporary_path()
            try:
                with path.open("xb") as target:
                    digest = _copy(content, target)
                    if not self._touch(digest):
                        target.flush()
                        os.fsync(target.fileno())
                        self._settle(path, digest)
            finally:
                path.unlink(missing_ok=True)
        return digest

    def open(self, digest: str) -> BinaryIO:
        try:
            return self._content(digest).open("rb")
        except FileNotFoundError as error:
            raise NotFound(f"no content has the digest {digest}") from error

    def has(self, digest: str) -> bool:
        return self._content(digest).is_file()

    def _content(self, digest: str) -> Path:
        if not _DIGEST.fullmatch(digest):
            raise UserError(f"{digest!r} is no SHA-256 in hexadecimal")
        return self._contents / digest[:2] / digest[2:4] / digest

    def _temporary_path(self) -> Path:
        self._temporary.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self._temporary / secrets.token_hex(12)

    def _touch(self, digest: str) -> bool:
        """Whether it is kept already; then it is young again, so that no sweep takes it before it is named. Who finds
        what others are just settling waits until it is durable."""
        try:
            os.utime(self._content(digest))
        except FileNotFoundError:
            return False
        with self._settling:
            return True

    def _settle(self, path: Path, digest: str) -> None:
        sync_each(self._moved(path, digest))

    def _moved(self, path: Path, digest: str) -> list[Path]:
        """Move a file to where contents are; the folders that have got a new entry by that."""
        target = self._content(digest)
        made = _make_folder(target.parent, self._root)
        path.replace(target)
        return [target.parent, *made]

    # ── many at once ──

    def put_each(self, contents: Iterable[tuple[str, BinaryIO | bytes]]) -> None:
        """What `put` and `name` promise of each holds of all of them when this returns. On the way there are two
        moments at which everything that was written is made durable: before any content gets the name of its digest,
        for that name vouches for it, and at the end. A pointer that was cut short in between is none."""
        with self._telling_full():
            left = iter(contents)
            while self._put_portion(left):
                continue

    def _put_portion(self, contents: Iterator[tuple[str, BinaryIO | bytes]]) -> bool:
        """Keep the next of them; whether there may be more."""
        unsettled: list[tuple[str, str]] = []
        paths: list[Path] = []
        try:
            for uri, content in islice(contents, _MOST_UNSETTLED):
                self._pointer(uri)
                paths.append(self._temporary_path())
                with paths[-1].open("xb") as target:
                    unsettled.append((uri, _copy(content, target)))
            self._settle_each(unsettled, paths)
        finally:
            for path in paths:
                path.unlink(missing_ok=True)
        return len(paths) == _MOST_UNSETTLED

    def _settle_each(self, unsettled: Sequence[tuple[str, str]], paths: Sequence[Path]) -> None:
        found = zip(unsettled, paths, strict=True)
        new = {digest: path for (_, digest), path in found if not self._touch(digest)}
        sync_all(list(new.values()), self._root)
        with self._settling:
            changed = [folder for digest, path in new.items() for folder in self._moved(path, digest)]
            changed += [written for uri, digest in unsettled for written in self._pointed(uri, digest)]
            sync_all(list(dict.fromkeys(changed)), self._root)

    def _pointed(self, uri: str, digest: str) -> list[Path]:
        """Let `uri` lead to `digest`; what must be synced for that to last."""
        pointer = self._pointer(uri)
        made = _make_folder(pointer.parent, self._root)
        try:
            with pointer.open("xb") as file:
                file.write(f"{digest}\n".encode())
        except FileExistsError:
            self.name(uri, digest)
            return []
        return [pointer, pointer.parent, *made]

    # ── names ──

    def name(self, uri: str, digest: str) -> None:
        self._content(digest)
        pointer = self._pointer(uri)
        text = f"{digest}\n".encode()
        with self._telling_full():
            made = _make_folder(pointer.parent, self._root)
            try:
                # The common case, one name for one file, needs no rename: a pointer that is cut short is none.
                _write(pointer, text)
            except FileExistsError:
                if _digest_in(pointer) == digest:
                    return
                temporary = pointer.with_name(f".{secrets.token_hex(12)}")
                try:
                    _write(temporary, text)
                    temporary.replace(pointer)
                finally:
                    temporary.unlink(missing_ok=True)
            sync_each([pointer.parent, *made])

    def resolve(self, uri: str) -> str:
        digest = _digest_in(self._pointer(uri))
        if digest is None:
            raise NotFound(f"there is no file `{uri}`")
        return digest

    def size(self, uri: str) -> int:
        try:
            return self._content(self.resolve(uri)).stat().st_size
        except FileNotFoundError as error:
            raise NotFound(f"the content of `{uri}` is gone") from error

    def list(self, prefix: str) -> Iterator[str]:
        segments = _segments(prefix, may_be_folder=True)
        if segments and not prefix.endswith("/") and _digest_in(self._place(segments)) is not None:
            yield SCHEME + "/".join(segments)
        folder = self._names.joinpath(*(f"+{segment}" for segment in segments))
        yield from _walk(folder, SCHEME + "".join(f"{segment}/" for segment in segments))

    def delete(self, prefix: str) -> None:
        segments = _segments(prefix, may_be_folder=True)
        if segments and not prefix.endswith("/"):
            self._place(segments).unlink(missing_ok=True)
        folder = self._names.joinpath(*(f"+{segment}" for segment in segments))
        shutil.rmtree(folder, ignore_errors=True)

    def sweep(self, *, keep: Iterable[str] = (), older_than: timedelta = _OLD) -> int:
        """Free the contents that no name leads to, `keep` does not hold, and nobody has put of late; how many."""
        wanted = {bytes.fromhex(digest) for digest in keep}
        for uri in self.list(SCHEME):
            with suppress(NotFound):  # it was deleted while we looked
                wanted.add(bytes.fromhex(self.resolve(uri)))
        horizon = time.time() - older_than.total_seconds()
        freed = 0
        for path in self._contents.glob("??/??/*"):
            if not _DIGEST.fullmatch(path.name) or bytes.fromhex(path.name) in wanted:
                continue
            with suppress(FileNotFoundError):  # another sweep was faster
                freed += self._free(path, horizon)
        with suppress(FileNotFoundError):
            for path in self._temporary.iterdir():
                if path.stat().st_mtime < horizon:
                    path.unlink(missing_ok=True)
        return freed

    @staticmethod
    def _free(path: Path, horizon: float) -> bool:
        """Put it aside, then look at its age: whoever puts the same content meanwhile has either renewed it, and it
        comes back, or has not found it, and writes it anew."""
        if path.stat().st_mtime >= horizon:
            return False
        aside = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        path.rename(aside)
        if aside.stat().st_mtime >= horizon:
            aside.replace(path)
            return False
        aside.unlink()
        return True

    def _pointer(self, uri: str) -> Path:
        return self._place(_segments(uri, may_be_folder=False))

    def _place(self, segments: Sequence[str]) -> Path:
        return self._names.joinpath(*(f"+{segment}" for segment in segments[:-1]), f"={segments[-1]}")

    @contextmanager
    def _telling_full(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in _FULL:
                raise Stalled(
                    f"the disk of {self._root} is full: a file could not be kept",
                    help="make room there; what was kept before is whole",
                ) from error
            if error.errno in _FORBIDDEN:
                raise Stalled(
                    f"{self._root} cannot be written: {error.strerror}", help="see that this user may write there"
                ) from error
            raise


def _segments(uri: str, *, may_be_folder: bool) -> list[str]:
    """The parts of a URI's path. Raises UserError for anything but a plain path of this storage."""
    if not uri.startswith(SCHEME):
        raise UserError(f"`{uri[:200]}` is no file of this storage", help=f"such a URI begins with {SCHEME}")
    path = uri.removeprefix(SCHEME)
    if len(uri.encode("utf-8", "surrogatepass")) > _MOST_URI_BYTES:
        raise UserError(f"a URI of this storage has at most {_MOST_URI_BYTES} bytes: `{uri[:80]}…`")
    if may_be_folder:
        path = path.removesuffix("/")
        if not path:
            return []
    segments = path.split("/")
    for segment in segments:
        try:
            length = len(segment.encode())
        except UnicodeEncodeError as error:
            raise UserError(f"the URI {uri[:200]!r} holds what is no text") from error
        if segment in ("", ".", "..") or "\0" in segment or (os.name == "nt" and "\\" in segment):
            raise UserError(f"the URI `{uri[:200]!r}` leads out of the storage, or to nowhere in it")
        if length > _MOST_SEGMENT_BYTES:
            raise UserError(f"a name in a URI has at most {_MOST_SEGMENT_BYTES} bytes: `{segment[:80]}…`")
    return segments


def _walk(folder: Path, prefix: str) -> Iterator[str]:
    """All URIs below a folder. A folder sorts as its name with a slash, and so the whole is sorted as text."""
    try:
        with os.scandir(folder) as entries:
            found = sorted(
                (entry.name[1:] + "/" if entry.name[0] == "+" else entry.name[1:])
                for entry in entries
                if entry.name[0] in "+="
            )
    except FileNotFoundError:
        return
    for each in found:
        if each.endswith("/"):
            yield from _walk(folder / f"+{each[:-1]}", prefix + each)
        elif _digest_in(folder / f"={each}") is not None:
            yield prefix + each


def _digest_in(pointer: Path) -> str | None:
    try:
        text = pointer.read_text("ascii", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return None
    digest = text.removesuffix("\n")
    return digest if text.endswith("\n") and _DIGEST.fullmatch(digest) else None


def _write(path: Path, text: bytes) -> None:
    with path.open("xb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _copy(content: BinaryIO | bytes, target: BinaryIO) -> str:
    digest = hashlib.sha256()
    if isinstance(content, bytes):
        digest.update(content)
        target.write(content)
        return digest.hexdigest()
    while chunk := content.read(_CHUNK):
        digest.update(chunk)
        target.write(chunk)
    return digest.hexdigest()


def _make_folder(folder: Path, root: Path) -> list[Path]:
    """Make `folder`; the folders that have got a new entry by that, up to `root`'s parent."""
    changed: list[Path] = []
    missing = folder
    while not missing.is_dir():
        changed.append(missing.parent)
        if missing == root:
            break
        missing = missing.parent
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return changed
