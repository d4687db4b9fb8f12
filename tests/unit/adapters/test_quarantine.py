"""What of a hook's environment leads to the objects of its push, and to nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fakes.git import RealHost, git
from penstock.adapters.git import GitReading
from penstock.adapters.git.quarantine import quarantine
from penstock.errors import NotFound

HOOK = {
    "GIT_QUARANTINE_PATH": "/r/objects/tmp_objdir-incoming-x",
    "GIT_OBJECT_DIRECTORY": "/r/objects/tmp_objdir-incoming-x",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES": "/r/objects",
}


def test_nothing_but_the_three_is_let_through() -> None:
    assert quarantine({**HOOK, "GIT_DIR": ".", "GIT_CONFIG_COUNT": "1", "GIT_PUSH_OPTION_COUNT": "0"}) == HOOK


def test_outside_of_pre_receive_no_variable_leads_elsewhere() -> None:
    assert quarantine({name: value for name, value in HOOK.items() if name != "GIT_QUARANTINE_PATH"}) == {}


def test_what_is_in_quarantine_is_read_by_whoever_is_told_and_by_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, other = RealHost(tmp_path / "host", str), RealHost(tmp_path / "other", str)
    host.commit({"a": b"held"})
    arriving = other.commit({"a": b"arriving"})
    told = {"GIT_QUARANTINE_PATH": "x", "GIT_OBJECT_DIRECTORY": str(other.bare / "objects"),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(host.bare / "objects")}  # fmt: skip
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(NotFound):
        GitReading(host.bare).commit(arriving)
    reading = GitReading(host.bare, objects=quarantine(os.environ))
    assert list(reading.read(reading.blobs(reading.commit(arriving)))) == [b"arriving"]
    assert list(reading.read(reading.blobs(reading.commit("main")))) == [b"held"]
    monkeypatch.undo()
    assert git("cat-file", "-t", "main", cwd=host.bare) == "commit"
