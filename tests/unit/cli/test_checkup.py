"""What `doctor` makes of a machine: each finding has its mark, and each that is not ok its mend."""

from __future__ import annotations

import json
import os
import re
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from docker_engine.shared import Engine
from penstock.settings import load_settings
from penstock_cli.checkup import Mark, cgroups, clock, containers, data_checks, git, process_trees, re2, sqlite

SETTINGS = load_settings(environ={"HOME": "/nonexistent"}, folder=Path("/"))

posix = pytest.mark.skipif(os.name != "posix", reason="permissions and sockets of POSIX")


@pytest.mark.parametrize(
    ("told", "mark"),
    [
        ("git version 2.51.0\n", Mark.OK),
        ("git version 2.50.1 (Apple Git-155)\n", Mark.OK),
        ("git version 2.50.0\n", Mark.NOTE),
        ("git version 2.39.5\n", Mark.NOTE),
        ("git version 2.43.7\n", Mark.OK),
        ("git version 2.45.1.windows.1\n", Mark.NOTE),
        ("git version 2.20.1\n", Mark.WRONG),
        ("no version at all", Mark.WRONG),
    ],
)
def test_git_is_judged_by_its_version(told: str, mark: Mark) -> None:
    check = git(lambda: told)
    assert check.mark is mark
    assert (check.mend is None) is (mark is Mark.OK)


def test_a_missing_git_is_wrong() -> None:
    def missing() -> str:
        raise FileNotFoundError("git")

    assert git(missing).mark is Mark.WRONG


@contextmanager
def saying(version: Mapping[str, str]) -> Iterator[str]:
    """The address of something that answers whatever it is asked with this."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(version).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"tcp://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@posix
def test_an_engine_that_does_not_answer_is_a_note(tmp_path: Path) -> None:
    [check] = containers(SETTINGS, {"DOCKER_HOST": f"unix://{tmp_path}/engine.sock"})
    assert (check.mark, "does not answer" in check.message) == (Mark.NOTE, True)


def test_an_engine_that_answers_is_told_with_its_version(engine: Engine) -> None:
    found = list(containers(SETTINGS, {"DOCKER_HOST": engine.host}))
    assert found[0].mark is Mark.OK
    assert re.fullmatch(r"(Docker|Podman) [0-9.+a-z~]+, API 1\.\d+, at .+", found[0].message)


def test_an_engine_that_is_too_old_is_of_no_use() -> None:
    with saying({"ApiVersion": "1.40", "Version": "19.03.0"}) as host:
        [check] = containers(SETTINGS, {"DOCKER_HOST": host})
    assert check.mark is Mark.NOTE
    assert "speaks version 1.40" in check.message


def test_what_is_no_engine_is_not_taken_for_one() -> None:
    with saying({"hello": "there"}) as host:
        [check] = containers(SETTINGS, {"DOCKER_HOST": host})
    assert check.mark is Mark.NOTE


@pytest.mark.parametrize("place", ["ssh://host", "nonsense"])
def test_an_engine_that_cannot_be_asked_is_wrong(place: str) -> None:
    [check] = containers(SETTINGS, {"DOCKER_HOST": place})
    assert (check.mark, place in check.message) == (Mark.WRONG, True)


def test_a_policy_that_cannot_be_read_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("profil: strict\n")
    told = replace(SETTINGS, agent=replace(SETTINGS.agent, policy=str(tmp_path / "policy.yaml")))
    [check] = containers(told, {"DOCKER_HOST": f"unix://{tmp_path}/engine.sock"})
    assert (check.mark, "`profil` is no key" in check.message) == (Mark.WRONG, True)


def test_a_clock_is_wrong_when_it_was_never_set_or_has_gone_back(tmp_path: Path) -> None:
    assert clock(tmp_path).mark is Mark.OK
    assert clock(tmp_path, lambda: 0.0).mark is Mark.WRONG
    (tmp_path / "store.db").touch()
    back = clock(tmp_path, lambda: time.time() - 3600)
    assert (back.mark, "it went back" in back.message) == (Mark.WRONG, True)
    off = clock(tmp_path / "not-there", lambda: time.time() + 60)
    assert (off.mark, "file system's clock" in off.message) == (Mark.WRONG, True)


@posix
@pytest.mark.parametrize(("mode", "mark"), [(0o700, Mark.OK), (0o755, Mark.NOTE), (0o777, Mark.WRONG)])
def test_a_data_folder_is_ours_alone(tmp_path: Path, mode: int, mark: Mark) -> None:
    folder = tmp_path / "d"
    folder.mkdir()
    folder.chmod(mode)
    check = next(iter(data_checks(folder)))
    expected = mark if len(os.fsencode(folder)) <= 80 or mark is not Mark.OK else Mark.WRONG
    assert (check.name, check.mark) == ("data folder", expected)


@posix
def test_a_data_folder_that_is_not_there_is_judged_by_what_is(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert next(iter(data_checks(tmp_path / "a" / "b"))).mark is Mark.OK
    assert next(iter(data_checks(tmp_path / "file" / "b"))).message.endswith("is not a folder")


def test_the_wheels_of_this_installation_are_fine() -> None:
    assert [check.mark for check in (sqlite(), re2())] == [Mark.OK, Mark.OK]


@pytest.mark.skipif(sys.platform != "linux", reason="cgroups are of Linux")
def test_cgroups_count_where_they_are_delegated(tmp_path: Path) -> None:
    root, own = tmp_path / "fs", tmp_path / "own"
    inner = root / "user" / "me"
    inner.mkdir(parents=True)
    assert cgroups(root, own).mark is Mark.NOTE
    (root / "cgroup.controllers").write_text("cpu memory pids\n")
    own.write_text("0::/user/me\n")
    (inner / "cgroup.controllers").write_text("cpu\n")
    (inner / "cgroup.procs").touch()
    assert "not delegated" in cgroups(root, own).message
    (inner / "cgroup.controllers").write_text("cpu memory pids\n")
    assert cgroups(root, own).mark is Mark.OK


@pytest.mark.parametrize(("platform", "mark"), [("linux", Mark.OK), ("darwin", Mark.NOTE), ("win32", Mark.NOTE)])
def test_each_system_says_what_it_can_kill(platform: str, mark: Mark) -> None:
    assert process_trees(platform).mark is mark
