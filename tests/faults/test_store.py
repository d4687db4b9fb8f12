"""What may befall the store's file and its writers: each is told precisely, and nothing acknowledged is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from conftest import ROOT
from contract.test_store import NOW, admit, fan_out, step
from fakes.small_disk import small_disk
from penstock.adapters.sqlite import SqliteStore
from penstock.adapters.sqlite.claims import claims_of
from penstock.adapters.sqlite.connection import Database
from penstock.adapters.sqlite.migrations import APPLICATION_ID, MIGRATIONS
from penstock.errors import Retryable, Stalled
from penstock.execution.event import KillRequested
from penstock.ports.store import Claimable, Observation
from until import until

TOUCH = "insert into touches (execution) values ('x')"
BAD = "insert into observations (source, at) values ('x', null)"


# ── writers of one process ──


class Batch:
    """Writers that wait behind one that holds the transaction open, so that they are committed together."""

    def __init__(self, path: Path) -> None:
        self.database = Database(path)
        self.heard: dict[str, Any] = {}
        self.gate = threading.Event()
        inside = threading.Event()

        def hold(_: apsw.Connection) -> None:
            inside.set()
            assert self.gate.wait(10)

        self.threads = [threading.Thread(target=self.write, args=("holder", hold))]
        self.threads[0].start()
        assert inside.wait(10)

    def write(self, name: str, work: Callable[[apsw.Connection], Any]) -> None:
        try:
            self.heard[name] = self.database.write(work)
        except BaseException as error:  # noqa: BLE001 - what a writer hears, an interrupt too, is what is looked at
            self.heard[name] = error

    def join(self, name: str, work: Callable[[apsw.Connection], Any]) -> None:
        self.threads.append(threading.Thread(target=self.write, args=(name, work)))
        self.threads[-1].start()
        until(lambda: len(self.database._queue) == len(self.threads) - 1)

    def end(self) -> int:
        """How many of the rows were kept."""
        self.gate.set()
        for each in self.threads:
            each.join(10)
        with self.database.reading() as connection:
            kept = int(connection.execute("select count(*) from touches").get)
        self.database.close()
        return kept


def touch(connection: apsw.Connection) -> str:
    connection.execute(TOUCH)
    return "kept"


def test_one_writers_error_leaves_those_committed_with_it_alone(tmp_path: Path) -> None:
    batch = Batch(tmp_path / "store.db")
    batch.join("good", touch)
    batch.join("bad", lambda connection: connection.execute(BAD))
    batch.join("late", touch)
    assert batch.end() == 2
    assert batch.heard["good"] == batch.heard["late"] == "kept"
    assert isinstance(batch.heard["bad"], apsw.ConstraintError)
    assert batch.database.commits == 2


def test_an_interrupt_is_its_own_threads_and_the_others_ask_again(tmp_path: Path) -> None:
    def interrupted(_: apsw.Connection) -> None:
        raise KeyboardInterrupt

    batch = Batch(tmp_path / "store.db")
    batch.join("leader", interrupted)
    batch.join("other", touch)
    assert batch.end() == 0
    assert isinstance(batch.heard["other"], Retryable | KeyboardInterrupt)
    kinds = sorted(type(batch.heard[name]).__name__ for name in ("leader", "other"))
    assert kinds == ["KeyboardInterrupt", "Retryable"], "exactly one thread was interrupted"


class InterruptedOnce:
    """A lock whose holder is interrupted as it lets go, when the queue has just been taken."""

    def __init__(self, database: Database) -> None:
        self.database, self.lock, self.armed = database, database._queue_lock, False

    def __enter__(self) -> None:
        self.lock.acquire()

    def __exit__(self, *_: object) -> None:
        self.lock.release()
        if self.armed and not self.database._queue:
            self.armed = False
            raise KeyboardInterrupt


def test_nobody_is_told_that_what_an_interrupt_dropped_was_kept(tmp_path: Path) -> None:
    batch = Batch(tmp_path / "store.db")
    lock = InterruptedOnce(batch.database)
    batch.database._queue_lock = lock  # type: ignore[assignment]
    batch.join("one", touch)
    batch.join("two", touch)
    lock.armed = True
    assert batch.end() == 0
    kinds = sorted(type(batch.heard[name]).__name__ for name in ("one", "two"))
    assert kinds == ["KeyboardInterrupt", "Retryable"]


def test_the_writer_works_on_after_an_interrupt(tmp_path: Path) -> None:
    database = Database(tmp_path / "store.db")
    database._writer.execute("begin immediate")  # what an interrupt between two lines leaves
    database._writer.execute(TOUCH)
    assert database.write(touch) == "kept"
    with database.reading() as connection:
        assert connection.execute("select count(*) from touches").get == 1
    database.close()


# ── other processes ──

OUTSIDER = """
import sys
sys.path[:0] = [{engine!r}, {schemas!r}, {tests!r}]
from pathlib import Path
import contract.test_store as t
from penstock.adapters.sqlite import SqliteStore
from penstock.execution.event import KillRequested
store = SqliteStore(Path({path!r}))
t.step(store, None, store.load("e1"), KillRequested(at=t.NOW, by="ada"))
"""


def test_a_word_from_another_process_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = SqliteStore(path)
    session = store.open_session(name="h", kind="agent", pid=1, at=NOW)
    admit(store, session, "e1")
    _, mark = store.touched(session, after=0)
    folders = {name: str(ROOT / name) for name in ("engine", "schemas", "tests")}
    subprocess.run([sys.executable, "-c", OUTSIDER.format(path=str(path), **folders)], check=True)
    assert store.touched(session, after=mark)[0] == ["e1"]
    assert store.events("e1")[-1] == KillRequested(at=NOW, by="ada")
    store.close()


def test_a_new_store_waits_for_who_makes_it_at_the_same_time(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    other = apsw.Connection(str(path))
    other.execute("begin exclusive")
    opened: list[SqliteStore] = []
    thread = threading.Thread(target=lambda: opened.append(SqliteStore(path)))
    thread.start()
    thread.join(0.05)
    assert not opened
    other.execute("rollback")
    other.close()
    thread.join(10)
    assert len(opened) == 1
    opened[0].close()


def test_a_writer_that_is_kept_waiting_is_told_to_ask_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.adapters.sqlite.connection.BUSY_MS", 20)
    path = tmp_path / "store.db"
    store = SqliteStore(path)
    session = store.open_session(name="h", kind="run", pid=1, at=NOW)
    other = apsw.Connection(str(path))
    other.execute("begin immediate")
    with pytest.raises(Retryable, match="another process"):
        admit(store, session, "e1")
    assert store.load("e1") is None
    other.execute("rollback")
    other.close()
    admit(store, session, "e1")
    store.close()


# ── the file ──


def test_a_full_disk_is_told_and_loses_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "1m") as disk:
        store = SqliteStore(disk / "store.db")
        session = store.open_session(name="h", kind="run", pid=1, at=NOW)
        told: list[str] = []

        def fill() -> None:
            for n in range(10_000):
                admit(store, session, f"e{n}")
                told.append(f"e{n}")

        with pytest.raises(Stalled, match="disk"):
            fill()
        assert told
        assert all(store.load(id_) is not None for id_ in told)
        store.close()
        shutil.copytree(disk, tmp_path / "copy")
        again = SqliteStore(tmp_path / "copy" / "store.db")
        assert sorted(again.find("e", limit=20_000)) == sorted(told)
        again.close()


def test_a_store_from_the_future_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    SqliteStore(path).close()
    with apsw.Connection(str(path)) as connection:
        connection.execute("pragma user_version = 999")
    connection.close()
    with pytest.raises(Stalled, match="later version of Penstock \\(schema 999") as told:
        SqliteStore(path)
    assert "install that version" in (told.value.help or "")


def test_a_store_of_the_first_schema_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    connection = apsw.Connection(str(path))
    connection.execute(MIGRATIONS[0])
    connection.execute(f"pragma user_version = 1; pragma application_id = {APPLICATION_ID}")
    connection.execute(
        "insert into executions values ('old', 'n', 'f', 1, 'RUNNING', 1, null, 1, null, 'agent-1', 1, 0, 0, '{}')"
    )
    connection.execute("insert into task_runs values ('old', 0, 'r', 't', 'CREATED', 1, '{}')")
    connection.close()
    store = SqliteStore(path)
    session = store.open_session(name="h", kind="agent", pid=1, at=NOW)
    assert store.claimable(session, limit=5) == [Claimable("old", "r")]
    store.close()


def test_somebody_elses_database_without_a_version_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    other = apsw.Connection(str(path))
    other.execute("create table mine (x)")
    with pytest.raises(Stalled, match="not a store of Penstock"):
        SqliteStore(path)
    assert other.execute("select group_concat(name) from sqlite_schema").get == "mine"
    other.close()


def test_a_page_that_was_overwritten_is_told_as_damage(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = SqliteStore(path)
    session = store.open_session(name="h", kind="agent", pid=1, at=NOW)
    fan_out(store, session, admit(store, session, "e1"), 200)
    store.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))
    with pytest.raises(Stalled, match="damaged") as told:
        SqliteStore(path).load("e1")
    assert "restore a backup" in (told.value.help or "")


@pytest.mark.parametrize("make", ["file for folder", "folder for file"])
def test_a_place_that_cannot_be_written_is_told(tmp_path: Path, make: str) -> None:
    path = tmp_path / "d" / "store.db"
    if make == "file for folder":
        path.parent.write_text("")
    else:
        path.mkdir(parents=True)
    with pytest.raises(Stalled, match="cannot be written") as told:
        SqliteStore(path)
    assert "--data" in (told.value.help or "")


def test_a_read_only_folder_is_told(tmp_path: Path) -> None:
    if os.geteuid() == 0:  # a folder's mode does not keep root out, a disk that is mounted read-only does
        with small_disk(tmp_path / "disk") as disk:
            subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
            with pytest.raises(Stalled, match="cannot be written"):
                SqliteStore(disk / "store.db")
        return
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(Stalled, match="cannot be written"):
            SqliteStore(tmp_path / "store.db")
    finally:
        tmp_path.chmod(0o700)


# ── for reading only ──


def test_a_store_opened_for_reading_reads_and_never_writes(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with pytest.raises(Stalled, match="cannot be read"):
        SqliteStore(path, read_only=True)
    assert not path.exists()
    store = SqliteStore(path)
    session = store.open_session(name="h", kind="run", pid=1, at=NOW)
    execution = fan_out(store, session, admit(store, session, "e1"), 2)
    reader = SqliteStore(path, read_only=True)
    assert reader.load("e1") == execution
    with pytest.raises(Stalled, match="for reading only"):
        reader.observe(Observation("repo", None, NOW))
    execution = step(store, session, execution, KillRequested(at=NOW))
    assert reader.load("e1") == execution
    reader.close()
    store.close()


# ── cost ──


def test_a_claim_steps_over_what_has_ended_and_what_waits(tmp_path: Path) -> None:
    """Counted in steps of SQLite's machine, so that no clock and no neighbour on this computer has a say."""
    store = SqliteStore(tmp_path / "store.db")
    session = store.open_session(name="h", kind="agent", pid=1, at=NOW)
    fan_out(store, session, admit(store, session, "wide"), 2000)

    def cost() -> int:
        with store._database.reading() as connection:
            steps = 0

            def count() -> bool:
                nonlocal steps
                steps += 1
                return False

            connection.set_progress_handler(count, 10)
            claims = claims_of(connection, session.id, 4)
            connection.set_progress_handler(None)
        assert len(claims) == 4
        return steps

    def crowd(connection: apsw.Connection) -> None:
        connection.execute("update task_runs set ready = 0 where ordinal < 1990")
        connection.execute(
            "with recursive n(i) as (select 1 union all select i + 1 from n where i < 2000) insert into executions "
            "(id, namespace, flow, revision, state, created, ended, seq, wake_at, session, ready, running, is_over, "
            "header, queued) select 'p' || i, 'team', 'a', 1, 'PAUSED', i, null, 1, 1, ?, 0, 0, 0, '{}', 0 from n",
            (session.id,),
        )

    alone = cost()
    store._database.write(crowd)
    assert cost() <= alone + 10
    store.close()
