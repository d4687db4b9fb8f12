"""What every runner promises: the same programs on each, told the same way."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import pytest

from fakes.halt import HandHalt
from fakes.runner import WORKING_DIR, Program, Running, ScriptedRunner
from penstock.adapters.process import ProcessRunner
from penstock.errors import UserError
from penstock.ports.container import Container
from penstock.ports.runner import WORKING_DIR_MARK, Ending, Exit, Halt, Order, Runner, Stream, Tail, Tell, Workspace
from penstock.wiring.containers import ContainerSetup, docker_runner
from until import until

OUT, ERR = Stream.STDOUT, Stream.STDERR

SHELL = {
    "greet": "echo one; echo two >&2; echo three; printf end; exit 3",
    "obedient": "trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.01; done",
    "deaf": "trap '' TERM; echo ready; while :; do sleep 0.01; done",
    "write": "mkdir -p a/b; echo 1 > top.csv; echo 2 > a/b/deep.csv; echo 3 > a/note.txt; cat given",
    "tell": 'echo "$1"; echo "$WHERE"; cat script',
    "long": "head -c 200000 /dev/zero | tr '\\0' x; echo; echo after",
    "dies": "echo last; kill -SEGV $$",
    "add": "cat given; echo more >> kept; cat kept; echo $1 >> given",
}


def _obedient(run: Running) -> int:
    run.out(b"ready\n")
    run.stop.wait()
    run.out(b"bye\n")
    return 7


def _deaf(run: Running) -> int:
    run.out(b"ready\n")
    run.kill.wait()
    return 137


def _write(run: Running) -> int:
    run.files |= {"top.csv": b"1\n", "a/b/deep.csv": b"2\n", "a/note.txt": b"3\n"}
    run.out(run.files["given"])
    return 0


def _add(run: Running) -> int:
    run.files["kept"] += b"more\n"
    run.out(run.files["given"] + run.files["kept"])
    return 0


def _say(out: bytes, err: bytes, code: int) -> Program:
    def program(run: Running) -> int:
        run.out(out)
        run.err(err)
        return code

    return program


def _tell(run: Running) -> int:
    run.out(f"{run.argv[1]}\n{run.env['WHERE']}\n".encode() + run.files["script"])
    return 0


SCRIPTED: dict[str, Program] = {
    "greet": _say(b"one\nthree\nend", b"two\n", 3),
    "obedient": _obedient,
    "deaf": _deaf,
    "write": _write,
    "tell": _tell,
    "long": _say(b"x" * 200000 + b"\nafter\n", b"", 0),
    "dies": _say(b"last\n", b"", 139),
    "add": _add,
}


@dataclass
class Kit:
    """A runner, and how its world starts a program of the list above."""

    runner: Runner
    argv: Callable[[str], list[str]]
    working_dir: Callable[[str], str]


class Apart(Runner):
    """A runner on an engine that others use at the same time: names of these tests are made their own."""

    def __init__(self, runner: Runner, prefix: str) -> None:
        self._runner = runner
        self._prefix = prefix

    def launch(self, order: Order, halt: Halt | None = None, tell: Tell | None = None) -> None:
        workspace = order.workspace
        if workspace is not None:
            workspace = replace(workspace, name=self._prefix + workspace.name)
        self._runner.launch(replace(order, name=self._prefix + order.name, workspace=workspace), halt, tell)

    def knows(self, name: str) -> bool:
        return self._runner.knows(self._prefix + name)

    def follow(self, name: str, tail: Tail, halt: Halt, *, offsets: Mapping[Stream, int]) -> Exit:
        return self._runner.follow(self._prefix + name, tail, halt, offsets=offsets)

    def collect(self, name: str, patterns: Iterable[str]) -> Iterator[tuple[PurePosixPath, BinaryIO]]:
        return self._runner.collect(self._prefix + name, patterns)

    def usage(self, name: str) -> Mapping[str, float]:
        return self._runner.usage(self._prefix + name)

    def remove(self, name: str) -> None:
        self._runner.remove(self._prefix + name)

    def names(self) -> Iterator[str]:
        return (name.removeprefix(self._prefix) for name in self._runner.names())

    def shell(self, name: str) -> str:
        return self._runner.shell(self._prefix + name)


@dataclass
class Heard:
    """All that a follower was handed."""

    pieces: list[tuple[Stream, bytes, int]] = field(default_factory=list)
    halt: HandHalt = field(default_factory=HandHalt)

    def __call__(self, stream: Stream, data: bytes, offset: int) -> None:
        self.pieces.append((stream, data, offset))

    def text(self, stream: Stream) -> bytes:
        return b"".join(data for each, data, _ in self.pieces if each is stream)

    def follow(self, kit: Kit, name: str = "it", offsets: dict[Stream, int] | None = None) -> Exit:
        return kit.runner.follow(name, self, self.halt, offsets=offsets or {})


@pytest.fixture(params=["process", "scripted", "docker", pytest.param("podman", marks=pytest.mark.long)])
def kit(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kit]:
    if request.param in ("docker", "podman"):
        engine = request.getfixturevalue("engine" if request.param == "docker" else "podman")
        (tmp_path / "data").mkdir()
        docker = docker_runner(tmp_path / "data", ContainerSetup(engine=engine.host), {})
        yield Kit(
            Apart(docker, f"contract-{os.getpid()}-{time.monotonic_ns()}-"),
            lambda program: ["sh", "-c", SHELL[program], program] if program in SHELL else [program],
            lambda _: "/penstock/work",
        )
        for name in list(docker.names()):
            docker.remove(name)
        docker.close()
        return
    if request.param == "scripted":
        runner: Runner = ScriptedRunner(SCRIPTED)
        yield Kit(runner, lambda program: [program], lambda _: WORKING_DIR)
    else:
        runner = ProcessRunner(tmp_path / "work")
        yield Kit(
            runner,
            lambda program: ["sh", "-c", SHELL[program], program] if program in SHELL else [program],
            lambda name: str(tmp_path / "work" / name / "work"),
        )
    for name in list(runner.names()):
        runner.remove(name)


def launch(kit: Kit, program: str, name: str = "it", **more: object) -> None:
    wish = Container("busybox")
    kit.runner.launch(Order(name, kit.argv(program), container=wish, **more))  # type: ignore[arg-type]


def collected(kit: Kit, name: str, *patterns: str) -> dict[str, bytes]:
    found = {}
    for path, content in kit.runner.collect(name, patterns):
        with content:
            found[str(path)] = content.read()
    return found


def test_output_and_exit_code_of_a_program(kit: Kit) -> None:
    launch(kit, "greet")
    heard = Heard()
    assert heard.follow(kit) == Exit(Ending.EXITED, 3)
    assert (heard.text(OUT), heard.text(ERR)) == (b"one\nthree\nend", b"two\n")
    assert {(stream, offset) for stream, _, offset in heard.pieces[-2:]} <= {(OUT, 13), (ERR, 4), (OUT, 10)}


def test_a_second_launch_under_the_same_name_starts_nothing(kit: Kit) -> None:
    launch(kit, "greet")
    launch(kit, "greet")
    heard = Heard()
    heard.follow(kit)
    launch(kit, "greet")
    assert heard.text(OUT) == b"one\nthree\nend"
    again = Heard()
    assert again.follow(kit) == Exit(Ending.EXITED, 3)
    assert again.text(OUT) == b"one\nthree\nend"


def test_following_goes_on_from_offsets(kit: Kit) -> None:
    launch(kit, "greet")
    Heard().follow(kit)
    heard = Heard()
    assert heard.follow(kit, offsets={OUT: 4, ERR: 4}) == Exit(Ending.EXITED, 3)
    assert [piece for piece in heard.pieces if piece[0] is ERR] == []
    assert heard.text(OUT) == b"three\nend"
    assert heard.pieces[-1][2] == 13


def test_a_line_is_handed_over_while_the_program_runs_and_it_stops_when_asked(kit: Kit) -> None:
    launch(kit, "obedient")
    heard = Heard()
    ended: list[Exit] = []
    follower = threading.Thread(target=lambda: ended.append(heard.follow(kit)))
    follower.start()
    until(lambda: heard.text(OUT) == b"ready\n")
    heard.halt.throw()
    follower.join(30)
    assert ended == [Exit(Ending.STOPPED, 7)]
    assert heard.text(OUT) == b"ready\nbye\n"


def test_a_deaf_program_is_killed_after_the_grace(kit: Kit) -> None:
    launch(kit, "deaf")
    heard = Heard()
    ended: list[Exit] = []
    follower = threading.Thread(target=lambda: ended.append(heard.follow(kit)))
    follower.start()
    until(lambda: heard.text(OUT) == b"ready\n")
    heard.halt.throw()
    follower.join(30)
    assert [(each.ending, each.code, each.signal) for each in ended] == [(Ending.STOPPED, 137, 9)]


def test_a_death_by_signal_says_which(kit: Kit) -> None:
    launch(kit, "dies")
    heard = Heard()
    assert heard.follow(kit) == Exit(Ending.KILLED, 139, 11)
    assert heard.text(OUT) == b"last\n"


def test_a_long_line_comes_in_pieces_of_64_kib(kit: Kit) -> None:
    launch(kit, "long")
    heard = Heard()
    heard.follow(kit)
    assert heard.text(OUT) == b"x" * 200000 + b"\nafter\n"
    assert max(len(data) for _, data, _ in heard.pieces) == 64 * 1024
    assert heard.pieces[-1][2] == 200007


def test_files_go_in_and_come_out_by_glob(kit: Kit) -> None:
    launch(kit, "write", files={PurePosixPath("given"): b"in\n"})
    heard = Heard()
    assert heard.follow(kit).code == 0
    assert heard.text(OUT) == b"in\n"

    assert collected(kit, "it", "*.csv") == {"top.csv": b"1\n"}
    assert collected(kit, "it", "**/*.csv", "top.csv") == {"a/b/deep.csv": b"2\n", "top.csv": b"1\n"}
    assert collected(kit, "it", "a/*") == {"a/note.txt": b"3\n"}
    assert collected(kit, "it", "nothing", "*.zip") == {}
    assert list(collected(kit, "it", "**")) == ["a/b/deep.csv", "a/note.txt", "given", "top.csv"]


@pytest.mark.parametrize("pattern", ["/etc/passwd", "../*", "a/../../x"])
def test_a_glob_that_leads_out_is_refused(kit: Kit, pattern: str) -> None:
    launch(kit, "greet")
    Heard().follow(kit)
    with pytest.raises(UserError, match="leads out"):
        list(kit.runner.collect("it", [pattern]))


@pytest.mark.parametrize("path", ["/etc/x", "../x", "a/../../x"])
def test_an_input_file_that_leads_out_is_refused_and_nothing_is_started(kit: Kit, path: str) -> None:
    with pytest.raises(UserError, match="leads out"):
        launch(kit, "greet", files={PurePosixPath(path): b""})
    assert not kit.runner.knows("it")


def test_the_mark_of_the_working_directory_is_replaced(kit: Kit) -> None:
    order = Order(
        container=Container("busybox"),
        name="it",
        argv=[*kit.argv("tell"), f"{WORKING_DIR_MARK}/x"],
        env={"WHERE": WORKING_DIR_MARK},
        files={PurePosixPath("script"): f"in {WORKING_DIR_MARK}\n".encode()},
    )
    kit.runner.launch(order)
    heard = Heard()
    heard.follow(kit)
    folder = kit.working_dir("it")
    assert heard.text(OUT).decode() == f"{folder}/x\n{folder}\nin {folder}\n"


def test_a_program_that_is_not_there_is_refused_by_name(kit: Kit) -> None:
    """By the launch, or by whoever follows it: what a container has is known only within."""
    why = ""
    try:
        launch(kit, "no-such-program")
    except UserError as refused:
        why = refused.message
    if why:
        assert not kit.runner.knows("it")
    else:
        ended = Heard().follow(kit)
        assert ended.ending is Ending.NOT_STARTED
        why = ended.reason
    assert "no-such-program" in why


def test_names_are_known_until_they_are_removed(kit: Kit) -> None:
    assert not kit.runner.knows("it")
    launch(kit, "greet")
    assert kit.runner.knows("it")
    Heard().follow(kit)
    assert list(kit.runner.names()) == ["it"]
    assert kit.runner.usage("it")["wall_s"] >= 0
    assert kit.runner.shell("it").startswith(("cd ", "docker run "))
    kit.runner.remove("it")
    kit.runner.remove("it")
    assert not kit.runner.knows("it")
    assert list(kit.runner.names()) == []
    assert Heard().follow(kit).ending is Ending.LOST


def test_programs_that_run_at_once_are_kept_apart(kit: Kit) -> None:
    heard = {f"it-{number}": Heard() for number in range(20)}
    for name in heard:
        launch(kit, "greet", name)
    threads = [threading.Thread(target=each.follow, args=(kit, name)) for name, each in heard.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert {each.text(OUT) for each in heard.values()} == {b"one\nthree\nend"}


def test_programs_that_share_a_working_directory_find_what_the_earlier_ones_left(kit: Kit) -> None:
    """The files of the directory are laid once; those of a program each time."""
    shared = Workspace("ws", {PurePosixPath("kept"): b"first\n"})
    said = []
    for number in (1, 2):
        launch(kit, "add", f"it-{number}", workspace=shared, files={PurePosixPath("given"): b"%d\n" % number})
        heard = Heard()
        assert heard.follow(kit, f"it-{number}").code == 0
        said.append(heard.text(OUT))
        kit.runner.remove(f"it-{number}")
    assert said == [b"1\nfirst\nmore\n", b"2\nfirst\nmore\nmore\n"]
    assert list(kit.runner.names()) == ["ws"]
    assert collected(kit, "ws", "kept") == {"kept": b"first\nmore\nmore\n"}
    kit.runner.remove("ws")
    assert list(kit.runner.names()) == []


def test_an_attempt_is_collected_from_the_directory_that_it_shares(kit: Kit) -> None:
    launch(kit, "write", workspace=Workspace("ws", {PurePosixPath("given"): b"in\n"}))
    Heard().follow(kit)
    assert collected(kit, "it", "*.csv") == {"top.csv": b"1\n"}
    assert not kit.runner.knows("ws")


def test_a_directory_that_no_program_has_shared_holds_nothing(kit: Kit) -> None:
    assert list(kit.runner.collect("ws", ["**"])) == []
    kit.runner.remove("ws")
