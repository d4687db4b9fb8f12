"""Sessions of one data folder: a lock that dies with its process, and a Unix socket that is poked."""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from penstock.errors import Conflict, Stalled
from penstock.ports.presence import Presence

LONGEST_SOCKET = 100
"""The path of a Unix socket may have about 107 bytes on Linux, 103 on macOS."""

POKE_TIMEOUT_S = 1.0


class FilePresence(Presence):
    """`<session>.lock` is held by flock for as long as the session lives; `<session>.sock` listens, mode 0600."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def hold(self, session: str, on_poke: Callable[[], None]) -> Iterator[None]:
        with self._locked(f"{session}.lock") as mine:
            if not mine:
                raise Conflict(f"the session {session} is held by another process")
            address = self._address(session)
            with suppress(FileNotFoundError):
                address.unlink()  # left by a process that was killed: its lock was free
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            listener.bind(str(address))
            address.chmod(0o600)
            listener.listen(16)
            closing = threading.Event()
            thread = threading.Thread(target=_listen, args=(listener, on_poke, closing), name="pokes", daemon=True)
            thread.start()
            try:
                yield
            finally:
                closing.set()
                self.poke(session)  # so that `accept` returns, on every platform
                thread.join(POKE_TIMEOUT_S)
                listener.close()
                address.unlink(missing_ok=True)
        self._path(f"{session}.lock").unlink(missing_ok=True)

    def is_alive(self, session: str) -> bool:
        path = self._path(f"{session}.lock")
        try:
            handle = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(handle)
        return False

    def poke(self, session: str) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
            caller.settimeout(POKE_TIMEOUT_S)
            try:
                caller.connect(str(self._address(session)))  # to be connected is the poke: there is nothing to say
            except OSError:
                return False
        return True

    @contextmanager
    def hold_agent(self) -> Iterator[bool]:
        with self._locked("agent.lock") as mine:
            yield mine

    @contextmanager
    def _locked(self, name: str) -> Iterator[bool]:
        """Whether the lock was free; it is held within the context."""
        path = self._path(name)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Stalled(f"the data folder {path.parent} cannot be written: {error.strerror}") from error
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True
        finally:
            os.close(handle)

    def _path(self, name: str) -> Path:
        return self._folder / name

    def _address(self, session: str) -> Path:
        """The socket's path: in the folder, or, where that is too long, under a short name that is derived from it."""
        path = self._folder / f"{session}.sock"
        if len(os.fsencode(path)) <= LONGEST_SOCKET:
            return path
        short = sha256(os.fsencode(path.absolute())).hexdigest()[:24]
        return Path(tempfile.gettempdir()) / f"penstock-{short}.sock"


def _listen(listener: socket.socket, on_poke: Callable[[], None], closing: threading.Event) -> None:
    while not closing.is_set():
        try:
            caller, _ = listener.accept()
        except OSError:
            return  # the session is over
        caller.close()
        if not closing.is_set():
            on_poke()
