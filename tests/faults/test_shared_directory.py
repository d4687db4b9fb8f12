"""Working directories that processes share: made once and whole, and no way out for who had it before."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from fakes.halt import HandHalt
from penstock.adapters.process import ProcessRunner
from penstock.errors import UserError
from penstock.ports.runner import Exit, Order, Stream, Workspace

_FILES = {PurePosixPath("a", str(number)): b"%d\n" % number for number in range(200)}


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[ProcessRunner]:
    made = ProcessRunner(tmp_path / "work")
    yield made
    for name in list(made.names()):
        made.remove(name)


def launched(runner: ProcessRunner, script: str, name: str = "it", **more: object) -> None:
    workspace = Workspace("ws", _FILES)
    runner.launch(Order(name, ["sh", "-c", script], workspace=workspace, **more))  # type: ignore[arg-type]


def followed(runner: ProcessRunner, name: str = "it") -> tuple[Exit, bytes]:
    said = bytearray()

    def hear(stream: Stream, data: bytes, offset: int) -> None:
        said.extend(data)

    return runner.follow(name, hear, HandHalt(), offsets={}), bytes(said)


def test_of_launches_at_once_none_sees_a_directory_that_is_half_made(runner: ProcessRunner) -> None:
    names = [f"it-{number}" for number in range(8)]
    start = threading.Barrier(len(names))

    def begin(name: str) -> None:
        start.wait()
        launched(runner, "ls a | wc -l; pwd", name)

    threads = [threading.Thread(target=begin, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len({followed(runner, name)[1].replace(b" ", b"") for name in names}) == 1
    assert followed(runner, names[0])[1].split()[0] == b"200"


def test_home_stays_the_private_folder_and_goes_with_the_attempt(runner: ProcessRunner, tmp_path: Path) -> None:
    launched(runner, 'echo "$HOME"; echo "$PWD"; echo kept > "$HOME/mine"; echo kept > ours')
    root = tmp_path / "work"
    assert followed(runner)[1].decode().split() == [str(root / "it"), str(root / "ws" / "work")]
    runner.remove("it")
    assert not (root / "it").exists()
    assert (root / "ws" / "work" / "ours").exists()


def test_a_later_process_knows_the_directory_of_an_attempt(runner: ProcessRunner, tmp_path: Path) -> None:
    launched(runner, "echo x > made")
    followed(runner)
    later = ProcessRunner(tmp_path / "work")
    found = list(later.collect("it", ["made"]))
    for _, file in found:
        file.close()
    assert [str(path) for path, _ in found] == ["made"]
    assert later.shell("it") == f"cd {tmp_path / 'work' / 'ws' / 'work'}"


def test_a_link_that_an_earlier_program_left_is_not_written_through(runner: ProcessRunner, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "victim").write_text("mine")
    launched(runner, f"ln -s {tmp_path / 'victim'} script; ln -s {tmp_path / 'out'} folder")
    followed(runner)
    launched(runner, "cat script", "next", files={PurePosixPath("script"): b"laid\n"})
    assert followed(runner, "next")[1] == b"laid\n"
    assert (tmp_path / "victim").read_text() == "mine"
    with pytest.raises(UserError, match="symbolic link stands on the way"):
        launched(runner, "true", "last", files={PurePosixPath("folder/x"): b""})
    assert list((tmp_path / "out").iterdir()) == []
    assert not runner.knows("last")


def test_files_that_an_earlier_program_has_locked_are_laid_anew(runner: ProcessRunner) -> None:
    launched(runner, "echo old > script; chmod 400 script")
    followed(runner)
    launched(runner, "cat script", "next", files={PurePosixPath("script"): b"new\n"})
    assert followed(runner, "next")[1] == b"new\n"


def test_files_that_lead_out_make_no_directory(runner: ProcessRunner, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="leads out"):
        runner.launch(Order("it", ["true"], workspace=Workspace("ws", {PurePosixPath("../x"): b""})))
    assert list(runner.names()) == []
    assert not (tmp_path / "x").exists()


def test_a_directory_that_a_program_has_deleted_is_told(runner: ProcessRunner, tmp_path: Path) -> None:
    launched(runner, "true")
    followed(runner)
    shutil.rmtree(tmp_path / "work" / "ws")
    with pytest.raises(UserError, match="working directory cannot be read"):
        list(runner.collect("it", ["**"]))
