"""A session is alive exactly while its process is, however that process ends."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from conftest import ROOT
from fakes.presence import MemoryPresence
from penstock.adapters.presence import FilePresence
from penstock.errors import Conflict, Stalled
from penstock.ports.presence import Presence

HOLDER = """
import sys, threading
sys.path.insert(0, {engine!r})
from pathlib import Path
from penstock.adapters.presence import FilePresence
with FilePresence(Path({folder!r})).hold("run-7", lambda: print("poked", flush=True)):
    print("held", flush=True)
    threading.Event().wait(60)
"""


@pytest.fixture(params=["memory", "files"])
def presence(request: pytest.FixtureRequest, tmp_path: Path) -> Presence:
    return MemoryPresence() if request.param == "memory" else FilePresence(tmp_path / "sessions")


def test_a_session_lives_within_its_context(presence: Presence) -> None:
    assert not presence.is_alive("run-1")
    with presence.hold("run-1", lambda: None):
        assert presence.is_alive("run-1")
    assert not presence.is_alive("run-1")


def test_nobody_else_can_be_the_same_session(presence: Presence) -> None:
    with presence.hold("run-1", lambda: None), pytest.raises(Conflict), presence.hold("run-1", lambda: None):
        pass


def test_a_poke_is_heard(presence: Presence) -> None:
    heard = threading.Event()
    assert not presence.poke("run-1")
    with presence.hold("run-1", heard.set):
        assert presence.poke("run-1")
        assert heard.wait(5)


def test_one_agent_a_folder(presence: Presence) -> None:
    with presence.hold_agent() as first, presence.hold_agent() as second:
        assert (first, second) == (True, False)
    with presence.hold_agent() as again:
        assert again


# ── what files and sockets add ───────────────────────────────────────────────────────────────────────────────


def test_a_killed_process_is_not_alive_and_its_session_can_be_held(tmp_path: Path) -> None:
    folder = tmp_path / "sessions"
    code = HOLDER.format(engine=str(ROOT / "engine"), folder=str(folder))
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    presence = FilePresence(folder)
    assert presence.is_alive("run-7")
    assert presence.poke("run-7")
    assert process.stdout.readline() == "poked\n"
    process.kill()
    process.wait()
    process.stdout.close()
    assert not presence.is_alive("run-7")
    assert not presence.poke("run-7")
    with presence.hold("run-7", lambda: None):
        assert presence.is_alive("run-7")


def test_a_folder_with_a_very_long_name_works_too(tmp_path: Path) -> None:
    presence = FilePresence(tmp_path / ("x" * 120) / "sessions")
    heard = threading.Event()
    with presence.hold("run-1", heard.set):
        assert presence.poke("run-1")
        assert heard.wait(5)


def test_the_socket_is_for_its_owner_alone(tmp_path: Path) -> None:
    with FilePresence(tmp_path / "sessions").hold("run-1", lambda: None):
        assert (tmp_path / "sessions" / "run-1.sock").stat().st_mode & 0o777 == 0o600


def test_who_looks_never_keeps_a_session_from_beginning(tmp_path: Path) -> None:
    presence, looking, done = FilePresence(tmp_path / "sessions"), ["run-0"], threading.Event()

    def look() -> None:
        while not done.is_set():
            presence.is_alive(looking[0])

    watchers = [threading.Thread(target=look) for _ in range(2)]
    for each in watchers:
        each.start()
    try:
        for n in range(200):
            looking[0] = f"run-{n}"
            with presence.hold(f"run-{n}", lambda: None):
                assert presence.is_alive(f"run-{n}")
    finally:
        done.set()
        for each in watchers:
            each.join()


def test_the_socket_of_a_killed_process_is_cleared_by_who_finds_its_lock_free(tmp_path: Path) -> None:
    folder = tmp_path / "sessions"
    folder.mkdir()
    (folder / "run-1.lock").touch()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
        left.bind(str(folder / "run-1.sock"))
    assert not FilePresence(folder).is_alive("run-1")
    assert not (folder / "run-1.sock").exists()


def test_nothing_is_left_of_a_session_that_ended(tmp_path: Path) -> None:
    with FilePresence(tmp_path / "sessions").hold("run-1", lambda: None):
        assert {each.name for each in (tmp_path / "sessions").iterdir()} == {"run-1.lock", "run-1.sock"}
    assert list((tmp_path / "sessions").iterdir()) == []


def test_a_short_socket_lies_in_a_folder_of_our_own(tmp_path: Path) -> None:
    with FilePresence(tmp_path / ("x" * 120) / "sessions").hold("run-1", lambda: None):
        folder = Path(tempfile.gettempdir()) / f"penstock-{os.getuid()}"
        assert folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(Stalled, match="cannot be written"),
        FilePresence(tmp_path / "file" / "sessions").hold("run-1", lambda: None),
    ):
        pass
