"""Processes of the program that need not import it again, as the suite starts a thousand: forked from one that has.

Each call is a process of its own: its arguments, environment, folder, streams, signals and exit code are what they are
of any other. Only what Python has imported is there already.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from threading import Lock
from typing import IO

ROOMS = ("penstock", "penstock_cli")
NOT_IMPORTED = "__main__"


class Warm:
    """The process that has imported the program, and what asks it for others. Used by any thread."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._asks, theirs = socket.socketpair()
        self._lock = Lock()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        atexit.register(self.close)

    def call(
        self, args: Sequence[str], *, cwd: str, env: Mapping[str, str], stdin: str, within: float
    ) -> tuple[int, str, str]:
        """Exit code (that of a signal is negative), stdout and stderr. Raises TimeoutExpired."""
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            given.write(stdin.encode())
            given.seek(0)
            mine, theirs = socket.socketpair()
            with mine:
                with theirs, self._lock:
                    fds = [theirs.fileno(), given.fileno(), out.fileno(), err.fileno()]
                    socket.send_fds(self._asks, [b"1"], fds)
                with mine.makefile("rw", encoding="utf-8") as talk:
                    json.dump({"args": list(args), "cwd": cwd, "env": dict(env)}, talk)
                    talk.write("\n")
                    talk.flush()
                    pid = int(talk.readline())
                    is_late = not select.select([mine], [], [], within)[0]
                    if is_late:
                        os.kill(pid, signal.SIGKILL)
                    code = int(talk.readline())
            if is_late:
                raise subprocess.TimeoutExpired(list(args), within)
            return code, _text(out), _text(err)

    def close(self) -> None:
        self._asks.close()
        self._process.wait()


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode().replace("\r\n", "\n")


# ── within the process that is forked ────────────────────────────────────────────────────────────────────────


def _import_all() -> None:
    for room in ROOMS:
        for found in pkgutil.walk_packages(import_module(room).__path__, f"{room}."):
            if not found.name.endswith(NOT_IMPORTED):
                import_module(found.name)


def _serve(asks: socket.socket) -> list[str] | None:
    """Fork for each request, and tell how each child ended. Comes back in a child, with its arguments."""
    ended, woken = os.pipe()
    for each in (ended, woken):
        os.set_blocking(each, False)
    signal.set_wakeup_fd(woken)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    living: dict[int, socket.socket] = {}
    while True:
        ready, _, _ = select.select([asks, ended], [], [])
        if ended in ready:
            os.read(ended, 4096)
            _tell_ended(living)
        if asks in ready:
            asked, fds, _, _ = socket.recv_fds(asks, 1, 4)
            if not asked:
                return None
            talk = socket.socket(fileno=fds[0])
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for each in (asks, *living.values()):
                    each.close()
                os.close(ended)
                os.close(woken)
                return _become(talk, fds[1:])
            living[pid] = talk
            talk.sendall(b"%d\n" % pid)
            for fd in fds[1:]:
                os.close(fd)


def _tell_ended(living: dict[int, socket.socket]) -> None:
    while living:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        with living.pop(pid) as talk, suppress(BrokenPipeError):  # whoever asked has gone
            talk.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))


def _become(talk: socket.socket, streams: Sequence[int]) -> list[str]:
    """Take over the streams, the folder and the environment of the request; its arguments."""
    with talk, talk.makefile(encoding="utf-8") as lines:
        asked = json.loads(lines.readline())
    for at, fd in enumerate(streams):
        os.dup2(fd, at)
        os.close(fd)
    os.environ.clear()
    os.environ.update(asked["env"])
    os.chdir(asked["cwd"])
    sys.path[0] = asked["cwd"]
    time.tzset()
    args: list[str] = asked["args"]
    return args


def _main() -> None:
    _import_all()
    gc.collect()
    gc.freeze()
    args = _serve(socket.socket(fileno=int(sys.argv[1])))
    if args is not None:
        sys.argv[1:] = args
        runpy.run_module("penstock_cli", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main()
