"""A session is alive exactly while its process is, however that process ends."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from conftest import ROOT
from penstock.adapters.presence import FilePresence
from penstock.errors import Conflict

HOLDER = """
import sys, threading
sys.path.insert(0, {engine!r})
from pathlib import Path
from penstock.adapters.presence import FilePresence
with FilePresence(Path({folder!r})).hold("run-7", lambda: print("poked", flush=True)):
    print("held", flush=True)
    threading.Event().wait(60)
"""


@pytest.fixture
def presence(tmp_path: Path) -> FilePresence:
    return FilePresence(tmp_path / "sessions")


def test_a_session_lives_within_its_context(presence: FilePresence) -> None:
    assert not presence.is_alive("run-1")
    with presence.hold("run-1", lambda: None):
        assert presence.is_alive("run-1")
    assert not presence.is_alive("run-1")


def test_nobody_else_can_be_the_same_session(presence: FilePresence) -> None:
    with presence.hold("run-1", lambda: None), pytest.raises(Conflict), presence.hold("run-1", lambda: None):
        pass


def test_a_poke_is_heard(presence: FilePresence) -> None:
    heard = threading.Event()
    assert not presence.poke("run-1")
    with presence.hold("run-1", heard.set):
        assert presence.poke("run-1")
        assert heard.wait(5)


def test_one_agent_a_folder(presence: FilePresence) -> None:
    with presence.hold_agent() as first, presence.hold_agent() as second:
        assert (first, second) == (True, False)
    with presence.hold_agent() as again:
        assert again


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


def test_the_socket_is_for_its_owner_alone(presence: FilePresence, tmp_path: Path) -> None:
    with presence.hold("run-1", lambda: None):
        assert (tmp_path / "sessions" / "run-1.sock").stat().st_mode & 0o777 == 0o600
