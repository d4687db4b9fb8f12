"""Where the local state and the settings files lie."""

from __future__ import annotations

import hashlib
from pathlib import Path

from penstock.settings import data_folder, user_file


def test_the_flag_wins_over_the_variable_and_both_are_made_absolute(tmp_path: Path) -> None:
    environ = {"PENSTOCK_DATA": str(tmp_path / "variable"), "HOME": "/home/x"}
    assert data_folder(tmp_path / "flag", environ=environ) == tmp_path / "flag"
    assert data_folder(None, environ=environ) == tmp_path / "variable"
    assert data_folder(Path("here"), environ={}) == Path.cwd() / "here"


def test_by_default_it_is_a_hash_of_the_git_root_below_the_state_home(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    (repository / "flows").mkdir(parents=True)
    (repository / ".git").mkdir()
    digest = hashlib.sha256(str(repository.resolve()).encode()).hexdigest()[:16]
    environ = {"XDG_STATE_HOME": "/state", "HOME": "/home/x"}
    assert data_folder(folder=repository / "flows", environ=environ) == Path("/state/penstock", digest)
    assert data_folder(folder=repository, environ=environ) == Path("/state/penstock", digest)
    assert data_folder(folder=repository, environ={"HOME": "/home/x"}) == Path("/home/x/.local/state/penstock", digest)


def test_outside_of_a_git_tree_it_is_of_the_folder_and_for_an_agent_of_what_it_serves(tmp_path: Path) -> None:
    environ = {"XDG_STATE_HOME": "/state"}
    one, other = (tmp_path / name for name in ("one", "other"))
    for folder in (one, other):
        folder.mkdir()
    assert data_folder(folder=one, environ=environ) != data_folder(folder=other, environ=environ)
    agent = ("https://host/x.git", "main", "flows")
    assert data_folder(folder=one, agent=agent, environ=environ) == data_folder(
        folder=other, agent=agent, environ=environ
    )
    moved = ("https://host/x.git", "main", "other")
    assert data_folder(agent=agent, environ=environ) != data_folder(agent=moved, environ=environ)


def test_a_relative_xdg_folder_does_not_count() -> None:
    assert user_file({"XDG_CONFIG_HOME": "here", "HOME": "/home/x"}) == Path("/home/x/.config/penstock/config.yaml")
    assert user_file({"XDG_CONFIG_HOME": "/conf"}) == Path("/conf/penstock/config.yaml")
