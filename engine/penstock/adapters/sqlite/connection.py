"""Connections to the store's file: opened safely, pooled for readers, one for the writer; errors in our own words."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import apsw

from penstock.adapters.sqlite.migrations import APPLICATION_ID, MIGRATIONS
from penstock.errors import Retryable, Stalled

T = TypeVar("T")

LEAST_SQLITE = (3, 51, 3)
"""Earlier builds may corrupt a WAL when a checkpoint and a commit race (SQLite forum, March 2026)."""

BUSY_MS = 10_000

_OF_ONE_STATEMENT = (apsw.ConstraintError, apsw.MismatchError, apsw.TooBigError, apsw.RangeError, apsw.SQLError)
"""Errors that are of what one caller wrote, not of the disk or the file."""

MOST_READERS = 8


@dataclass(slots=True)
class _Job:
    work: Callable[[apsw.Connection], Any]
    done: bool = False
    result: Any = None
    error: BaseException | None = None


class Database:
    """One file. Thread-safe; other processes may have it open too. `read_only` opens what is there, as it is.

    Writes are grouped: the first thread that finds the writer idle commits what has arrived until then, in one
    transaction; it never waits for company.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._path = path
        self._read_only = read_only
        _check_library()
        if not read_only:
            _prepare_file(path)
        self._writer_lock = threading.Lock()
        self._queue: list[_Job] = []
        self._queue_lock = threading.Lock()
        self._readers: list[apsw.Connection] = []
        self._readers_lock = threading.Lock()
        self._closed = False
        self.commits = 0
        with self.told():
            self._writer = self._connect()
            try:
                self._migrate()
            except BaseException:
                self._writer.close()
                raise

    # ── writing ──

    def write(self, work: Callable[[apsw.Connection], T]) -> T:
        """Do `work` in a transaction that is durable when this returns. Its exception undoes it, and it alone."""
        if self._read_only:
            raise Stalled(f"{self._path} was opened for reading only", help="open it without `read_only` to write")
        job = _Job(work)
        with self._queue_lock:
            self._queue.append(job)
        with self._writer_lock:
            if not job.done:
                self._commit_all()
        if job.error is not None:
            raise job.error
        if not job.done:
            raise _interrupted()  # whoever took it out of the queue never came to its commit
        result: T = job.result
        return result

    def _commit_all(self) -> None:
        with self._queue_lock:
            jobs, self._queue = self._queue, []
        try:
            with self.told():
                if self._writer.in_transaction:
                    self._writer.execute("rollback")  # an interrupt has hit a writer before us
                self._writer.execute("begin immediate")
                try:
                    for job in jobs:
                        self._do(job, alone=len(jobs) == 1)
                    self._writer.execute("commit")
                except BaseException:
                    with suppress(apsw.Error):  # the first error is the one to tell
                        self._writer.execute("rollback")
                    raise
            self.commits += 1
        except Exception as error:  # noqa: BLE001 - handed to everybody whose work was in the transaction
            for job in jobs:
                job.error = job.error or error
        except BaseException:
            for job in jobs:
                job.error = job.error or _interrupted()
            raise  # an interrupt is its own thread's; the others only hear that they were not served
        for job in jobs:
            job.done = True

    def _do(self, job: _Job, *, alone: bool) -> None:
        if alone:
            job.result = job.work(self._writer)
            return
        self._writer.execute("savepoint job")
        try:
            job.result = job.work(self._writer)
        except Exception as error:  # one caller's refusal must not undo another caller's work
            if isinstance(error, apsw.Error) and not isinstance(error, _OF_ONE_STATEMENT):
                raise
            self._writer.execute("rollback to job")
            job.error = error
        self._writer.execute("release job")

    # ── reading ──

    @contextmanager
    def reading(self) -> Iterator[apsw.Connection]:
        """A connection that sees one consistent state for as long as the context lasts."""
        with self._readers_lock:
            connection = self._readers.pop() if self._readers else None
        with self.told():
            connection = connection or self._connect()
            connection.execute("begin")
            try:
                yield connection
            finally:
                connection.execute("commit")
                with self._readers_lock:
                    if self._closed or len(self._readers) >= MOST_READERS:
                        connection.close()
                    else:
                        self._readers.append(connection)

    def close(self) -> None:
        with self._writer_lock, self._readers_lock:
            self._closed = True
            for connection in self._readers:
                connection.close()
            self._readers.clear()
            self._writer.close()

    # ── opening ──

    def _connect(self) -> apsw.Connection:
        if self._read_only:
            connection = apsw.Connection(str(self._path), flags=apsw.SQLITE_OPEN_READONLY)
            connection.set_busy_timeout(BUSY_MS)
            return connection
        connection = apsw.Connection(str(self._path), flags=apsw.SQLITE_OPEN_READWRITE)
        connection.set_busy_timeout(BUSY_MS)
        _to_wal(connection)
        connection.execute("pragma synchronous = full")
        return connection

    def _migrate(self) -> None:
        version = self._version()
        if version == len(MIGRATIONS):
            return
        if self._read_only:
            raise Stalled(
                f"{self._path} was written by an earlier version of Penstock (schema {version}, this one reads "
                f"{len(MIGRATIONS)})",
                help="open it once for writing, which brings it up to date",
            )
        self._writer.execute("begin immediate")
        for number in range(self._version(), len(MIGRATIONS)):
            self._writer.execute(MIGRATIONS[number])
        self._writer.execute(f"pragma user_version = {len(MIGRATIONS)}")
        self._writer.execute(f"pragma application_id = {APPLICATION_ID}")
        self._writer.execute("commit")

    def _version(self) -> int:
        # The tables are looked at first: they, the version and the owner may be committed by another process
        # between these reads, all three at once.
        is_bare = self._writer.execute("select 1 from sqlite_schema limit 1").get is None
        version = int(self._writer.execute("pragma user_version").get)
        owner = int(self._writer.execute("pragma application_id").get)
        if owner != APPLICATION_ID and (owner or version or not is_bare):
            raise Stalled(
                f"{self._path} is not a store of Penstock",
                help="name another data folder with --data, or move the file",
            )
        if version > len(MIGRATIONS):
            raise Stalled(
                f"{self._path} was written by a later version of Penstock (schema {version}, this one knows "
                f"{len(MIGRATIONS)})",
                help="install that version, or use another data folder with --data",
            )
        return version

    @contextmanager
    def told(self) -> Iterator[None]:
        """SQLite's errors as ours. Raises Stalled, Retryable."""
        try:
            yield
        except apsw.FullError as error:
            raise Stalled(f"the disk of {self._path} is full: nothing was written", help="free some space") from error
        except (apsw.BusyError, apsw.LockedError) as error:
            raise Retryable(
                f"another process holds the write lock of {self._path}", after=timedelta(milliseconds=200)
            ) from error
        except (apsw.CorruptError, apsw.NotADBError) as error:
            raise Stalled(
                f"{self._path} is damaged: {error}",
                help="keep a copy, then restore a backup; `sqlite3 store.db .recover` saves what can be read",
            ) from error
        except apsw.CantOpenError as error:
            deed = "read" if self._read_only else "written"
            raise Stalled(f"{self._path} cannot be {deed}: {error}", help="check the folder and its owner") from error
        except (apsw.ReadOnlyError, apsw.PermissionsError, apsw.AuthError) as error:
            raise Stalled(f"{self._path} cannot be written: {error}", help="check the folder's owner") from error
        except (apsw.IOError, apsw.NoMemError) as error:
            raise Stalled(f"the disk of {self._path} does not answer as it should: {error}") from error


def _to_wal(connection: apsw.Connection) -> None:
    """SQLite does not wait for the lock of a file that others switch to WAL too, whatever the busy timeout says."""
    deadline = time.monotonic() + BUSY_MS / 1000
    while True:
        try:
            connection.execute("pragma journal_mode = wal")
            return
        except apsw.BusyError:
            if time.monotonic() >= deadline:
                raise
            threading.Event().wait(0.002)


def _interrupted() -> Retryable:
    return Retryable("the thread that was writing was interrupted: nobody can say whether this was kept, read again")


def _check_library() -> None:
    version = apsw.sqlite_lib_version()
    if tuple(int(part) for part in version.split(".")[:3]) < LEAST_SQLITE:
        least = ".".join(map(str, LEAST_SQLITE))
        raise Stalled(
            f"SQLite {version} is linked, and builds before {least} may damage a store",
            help="install the `apsw` wheel from PyPI, which brings its own SQLite",
        )


def _prepare_file(path: Path) -> None:
    """The folder 0700 and the file 0600, whatever the umask says."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise Stalled(
            f"the data folder {path.parent} cannot be written: {error.strerror}",
            help="choose another one with --data DIR or PENSTOCK_DATA",
        ) from error
