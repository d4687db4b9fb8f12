"""The logs of all executions: a folder each, a file for each attempt."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from penstock.adapters.logs.frame import LogFile
from penstock.adapters.logs.reading import FrameTail, exported, logs_in, merged
from penstock.adapters.logs.writing import FrameWriter, pack
from penstock.errors import UserError
from penstock.flow.model import Level
from penstock.ports.clock import Clock, SystemClock
from penstock.ports.logs import LogKey, LogLine, Logs, LogTail

_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,150}")
_PACKERS = 2
LEAST_PACKED_BYTES = 4096
"""A smaller log takes one block of the disk in either form."""


class FrameLogs(Logs):
    """Logs below `root`.

    Closing a log for good tells its length and digest at once; durable and compressed it becomes right behind the
    caller's back, because a task's end must not wait for the disk. `settle` waits for that; the end of the program
    does so too. Killed in between, the log stays as it is, whole and readable, until it is opened or packed again.
    """

    def __init__(self, root: Path, clock: Clock | None = None, *, least_packed_bytes: int = LEAST_PACKED_BYTES) -> None:
        self._root = root
        self._now = (clock or SystemClock()).now
        self._least_packed_bytes = least_packed_bytes
        self._lock = threading.Lock()
        self._packers: ThreadPoolExecutor | None = None
        self._packing: dict[LogKey, Future[None]] = {}

    def open(self, key: LogKey, *, max_bytes: int) -> FrameWriter:
        log = self._log(key)
        self._wait_for(key)
        return FrameWriter(log, max_bytes, self._now, self._finish)

    def read(
        self, execution: str, *, run: str | None = None, attempt: int | None = None, min_level: Level = Level.TRACE
    ) -> Iterator[LogLine]:
        logs = [
            log
            for log in logs_in(self._folder(execution), execution)
            if run in (None, log.key.run) and attempt in (None, log.key.attempt)
        ]
        return merged(logs, min_level)

    @contextmanager
    def follow(self, execution: str) -> Iterator[LogTail]:
        tail = FrameTail(self._folder(execution), execution)
        try:
            yield tail
        finally:
            tail.close()

    def export(self, key: LogKey) -> Iterator[bytes]:
        return exported(self._log(key))

    def delete(self, execution: str) -> None:
        with self._lock:
            keys = [key for key in self._packing if key.execution == execution]
        for key in keys:
            self._wait_for(key)
        shutil.rmtree(self._folder(execution), ignore_errors=True)

    def settle(self) -> None:
        """Wait until every log that was closed for good is durable and compressed."""
        with self._lock:
            waiting = list(self._packing.values())
        for each in waiting:
            each.result()

    # ── private ──

    def _folder(self, execution: str) -> Path:
        return self._root / _checked(execution)

    def _log(self, key: LogKey) -> LogFile:
        _checked(key.run)
        return LogFile(self._folder(key.execution), key)

    def _finish(self, log: LogFile) -> None:
        with self._lock:
            if self._packers is None:
                self._packers = ThreadPoolExecutor(_PACKERS, thread_name_prefix="pack logs")
            done = self._packers.submit(pack, log, self._least_packed_bytes)
            self._packing[log.key] = done
        done.add_done_callback(lambda _: self._forget(log.key, done))

    def _forget(self, key: LogKey, done: Future[None]) -> None:
        if done.exception() is not None:
            return  # kept: `settle` and the next `open` raise it
        with self._lock:
            if self._packing.get(key) is done:
                del self._packing[key]

    def _wait_for(self, key: LogKey) -> None:
        with self._lock:
            packing = self._packing.pop(key, None)
        if packing is not None:
            packing.result()


def _checked(name: str) -> str:
    if not _ID.fullmatch(name) or name.startswith("."):
        raise UserError(f"{name!r} is no id of an execution or a task run")
    return name
