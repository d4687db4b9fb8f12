"""Sessions of one data folder: a lock that dies with its process, and a Unix socket that is poked.

A lock's file is removed only by its holder, while it holds it. So whoever has locked the file that lies at the path,
be it shared for a look, knows that nobody can become that session meanwhile.
"""

from __future__ import annotations

import os
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from penstock.errors import Conflict, Stalled, UserError
from penstock.lock import is_locked
from penstock.ports.presence import AGENT_PLACE, Presence

LONGEST_SOCKET = 100
"""The path of a Unix socket may have about 107 bytes on Linux, 103 on macOS."""

POKE_TIMEOUT_S = 1.0

PATIENCE_S = 10.0
"""How long a lock is asked for that nobody holds for himself: who looks whether a session lives has it shared, for some
microseconds, and many may look at once."""

_RETRY_S = 0.005


class FilePresence(Presence):
    """`<session>.lock` is held by flock for as long as the session lives; `<session>.sock` listens, mode 0600.

    Raises UserError on a system without flock and Unix sockets, Stalled where the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def hold(self, session: str, on_poke: Callable[[], None]) -> Iterator[None]:
        path = self._path(f"{session}.lock")
        handle = self._lock(path)
        if handle is None:
            raise Conflict(f"the session {session} is held by another process")
        try:
            with self._listening(session, on_poke):
                yield
        finally:
            path.unlink(missing_ok=True)
            os.close(handle)

    def is_alive(self, session: str) -> bool:
        path = self._path(f"{session}.lock")
        try:
            handle = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            if not _flock(handle, shared=True):
                return True
            if _is_at(handle, path):
                self._address(session).unlink(missing_ok=True)  # left by a process that was killed
        finally:
            os.close(handle)
        return False

    def poke(self, session: str) -> bool:
        _unix_only()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
            caller.settimeout(POKE_TIMEOUT_S)
            try:
                caller.connect(str(self._address(session)))  # to be connected is the poke: there is nothing to say
            except OSError:
                return False
        return True

    @contextmanager
    def hold_agent(self, on_poke: Callable[[], None] | None = None) -> Iterator[bool]:
        handle = self._lock(self._path(f"{AGENT_PLACE}.lock"))
        try:
            if handle is not None and on_poke is not None:
                with self._listening(AGENT_PLACE, on_poke):
                    yield True
            else:
                yield handle is not None
        finally:
            if handle is not None:
                os.close(handle)

    # ── the lock ──

    def _lock(self, path: Path) -> int | None:
        """The handle that holds the lock of the file at `path`; None when somebody else has it."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            handle = self._open(path)
            try:
                if _flock(handle, shared=False):
                    if _is_at(handle, path):
                        mine, handle = handle, -1
                        return mine
                    continue  # its holder has left, and taken the file away
                if not _flock(handle, shared=True):
                    return None
            finally:
                if handle >= 0:
                    os.close(handle)
            if time.monotonic() >= deadline:
                return None
            threading.Event().wait(_RETRY_S)

    def _open(self, path: Path) -> int:
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            return os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as error:
            raise Stalled(
                f"the data folder {path.parent} cannot be written: {error.strerror}",
                help="choose another one with --data DIR or PENSTOCK_DATA",
            ) from error

    # ── the socket ──

    @contextmanager
    def _listening(self, session: str, on_poke: Callable[[], None]) -> Iterator[None]:
        address = self._address(session)
        closing = threading.Event()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            try:
                if address.parent != self._folder:
                    _make_private(address.parent)
                address.unlink(missing_ok=True)  # left by a process that was killed: its lock was free
                listener.bind(str(address))
                address.chmod(0o600)
                listener.listen(16)
            except OSError as error:
                raise Stalled(f"no socket can be made at {address}: {error.strerror or error}") from error
            thread = threading.Thread(target=_listen, args=(listener, on_poke, closing), name="pokes", daemon=True)
            thread.start()
            try:
                yield
            finally:
                closing.set()
                self.poke(session)  # so that `accept` returns, on every platform
                thread.join(POKE_TIMEOUT_S)
                address.unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._folder / name

    def _address(self, session: str) -> Path:
        """The socket's path: in the folder, or, where that is too long, under a short name that is derived from it."""
        path = self._folder / f"{session}.sock"
        if len(os.fsencode(path)) <= LONGEST_SOCKET:
            return path
        short = sha256(os.fsencode(path.absolute())).hexdigest()[:24]
        return Path(tempfile.gettempdir()) / f"penstock-{os.getuid()}" / f"{short}.sock"


def _unix_only() -> None:
    """Windows has neither flock nor, in Python, Unix sockets."""
    if os.name == "nt":
        raise UserError(
            "sessions need file locks and sockets of a Unix system", help="on Windows, run Penstock within WSL"
        )


def _flock(handle: int, *, shared: bool) -> bool:
    """Whether the lock was free. It is let go when `handle` is closed, or its process dies."""
    _unix_only()
    return is_locked(handle, shared=shared)


def _is_at(handle: int, path: Path) -> bool:
    """Whether the open file is still the one at `path`."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _make_private(folder: Path) -> None:
    """A folder of ours in a place where everybody may write. Raises OSError when somebody else has made it."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if folder.is_symlink() or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(1, f"{folder} is open to others")


def _listen(listener: socket.socket, on_poke: Callable[[], None], closing: threading.Event) -> None:
    while not closing.is_set():
        try:
            caller, _ = listener.accept()
        except OSError:
            closing.wait(POKE_TIMEOUT_S)  # out of handles: a poke that is lost now costs its sender one interval
            continue
        caller.close()
        if not closing.is_set():
            on_poke()
