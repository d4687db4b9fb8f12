"""Hostile programs, and followers that die: nothing is lost, nothing doubled, nothing left behind."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import pytest

from conftest import ROOT
from fakes.halt import HandHalt
from fakes.small_disk import small_disk
from penstock.adapters.process import ProcessRunner
from penstock.adapters.process.cgroup import Group
from penstock.adapters.process.tree import Tree, look
from penstock.errors import Stalled, UserError
from penstock.ports.runner import Ending, Exit, Limits, Order, Stream
from until import until

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the process runner's faults need /proc")

OUT, ERR = Stream.STDOUT, Stream.STDERR


@dataclass
class Count:
    """A reader that keeps little: how much came, and the last of it."""

    halt: HandHalt = field(default_factory=HandHalt)
    bytes: int = 0
    pieces: int = 0
    largest: int = 0
    last: bytes = b""
    text: bytearray = field(default_factory=bytearray)
    keep: bool = True
    slow: threading.Event | None = None

    def __call__(self, stream: Stream, data: bytes, offset: int) -> None:
        if self.slow is not None:
            self.slow.wait()
        self.bytes += len(data)
        self.pieces += 1
        self.largest = max(self.largest, len(data))
        self.last = data[-100:]
        if self.keep:
            self.text += data


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[ProcessRunner]:
    made = ProcessRunner(tmp_path / "work")
    yield made
    for name in list(made.names()):
        made.remove(name)


def sh(script: str, name: str = "it", **more: object) -> Order:
    return Order(name, ["sh", "-c", script], **more)  # type: ignore[arg-type]


def python(script: str, name: str = "it", **more: object) -> Order:
    return Order(name, [sys.executable, "-c", script], **more)  # type: ignore[arg-type]


def follow(runner: ProcessRunner, count: Count | None = None, name: str = "it") -> Exit:
    count = count or Count()
    return runner.follow(name, count, count.halt, offsets={})


def in_background(runner: ProcessRunner, count: Count) -> tuple[threading.Thread, list[Exit]]:
    ended: list[Exit] = []
    thread = threading.Thread(target=lambda: ended.append(follow(runner, count)))
    thread.start()
    return thread, ended


def members(tmp_path: Path, name: str = "it") -> list[int]:
    """The processes that carry the mark of an attempt."""
    return list(Tree(str(tmp_path / "work" / name)).members())


def is_alive(pid: int) -> bool:
    seen = look(pid)
    return seen is not None and not seen.is_dead


# ── what runs, and with what ──


def test_the_environment_is_what_is_promised_and_nothing_else(tmp_path: Path) -> None:
    runner = ProcessRunner(tmp_path, environ={"PATH": "/usr/bin:/bin", "SECRET_X": "s", "TZ": "Europe/Berlin"})
    runner.launch(sh('env | sort; pwd; umask; ulimit -c; cat; ls -A "$HOME" | head -3', env={"A_1": "x y"}))
    count = Count()
    follow(runner, count)
    home = tmp_path / "it"
    assert count.text.decode().splitlines() == [
        "A_1=x y",
        f"HOME={home}",
        "LANG=C.UTF-8",
        "PATH=/usr/bin:/bin",
        f"PENSTOCK_ATTEMPT={home}",
        f"PWD={home}/work",
        "TZ=Europe/Berlin",
        f"{home}/work",
        "0077",
        "0",
        ".run",
        "work",
    ]
    assert home.stat().st_mode & 0o777 == 0o700
    runner.remove("it")


def test_limits_hold_for_the_program(runner: ProcessRunner) -> None:
    limits = Limits(memory_bytes=200 << 20, open_files=64, file_bytes=1 << 20)
    runner.launch(sh("ulimit -n; ulimit -v; ulimit -f", limits=limits))
    count = Count()
    follow(runner, count)
    assert count.text == f"64\n{200 << 10}\n{(1 << 20) // 512}\n".encode()


def test_a_name_that_the_shell_would_drop_is_refused(runner: ProcessRunner) -> None:
    with pytest.raises(UserError, match=r"`a\.b` is no name for an environment variable"):
        runner.launch(sh("true", env={"a.b": "1"}))
    assert list(runner.names()) == []


@pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden", "a\nb"])
def test_an_attempt_needs_a_name_that_is_one(runner: ProcessRunner, name: str) -> None:
    with pytest.raises(UserError):
        runner.launch(sh("true", name=name))


def test_a_program_in_the_working_directory_must_be_executable(runner: ProcessRunner) -> None:
    with pytest.raises(UserError, match="is not executable"):
        runner.launch(Order("it", ["./x.sh"], files={PurePosixPath("x.sh"): b"#!/bin/sh\n"}))
    with pytest.raises(UserError, match=r"no program `\./y\.sh`"):
        runner.launch(Order("it", ["./y.sh"]))
    assert list(runner.names()) == []


def test_what_an_attempt_used_is_told(runner: ProcessRunner) -> None:
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10  # a smaller child says nothing: see `_used`
    runner.launch(python(f"x = bytearray({own + (100 << 20)})\nfor _ in range(2_000_000): pass"))
    follow(runner)
    used = runner.usage("it")
    assert used["cpu_s"] > 0.02
    assert used["max_rss_bytes"] > own
    assert 0.02 < used["wall_s"] < 20
    adopted = ProcessRunner(Path(runner.shell("it").removeprefix("cd ")).parent.parent).usage("it")
    assert adopted["cpu_s"] > 0.02


# ── ends ──


def test_a_child_that_left_the_session_is_killed_too(runner: ProcessRunner, tmp_path: Path) -> None:
    runner.launch(sh(f"trap '' TERM; setsid sh -c 'trap \"\" TERM; echo $$ > {tmp_path}/pid; sleep 100' & wait"))
    count = Count()
    thread, ended = in_background(runner, count)
    escaped = int(until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text()))
    count.halt.throw()
    thread.join(30)
    assert [each.ending for each in ended] == [Ending.STOPPED]
    assert not is_alive(escaped)
    assert members(tmp_path) == []


def test_what_is_left_behind_by_a_program_that_ended_is_killed(runner: ProcessRunner, tmp_path: Path) -> None:
    runner.launch(sh(f"setsid sleep 100 & echo $! > {tmp_path}/a; (sleep 100 & echo $! > {tmp_path}/b); exit 4"))
    assert follow(runner) == Exit(Ending.EXITED, 4)
    assert not is_alive(int((tmp_path / "a").read_text()))
    assert not is_alive(int((tmp_path / "b").read_text()))


def test_a_program_that_cleans_up_in_a_child_has_its_grace(runner: ProcessRunner) -> None:
    """The shell dies of TERM at once; its child needs a moment, and has it."""
    child = "trap 'sleep 0.1; echo cleaned; exit' TERM; echo ready; while :; do sleep 0.01; done"
    runner.launch(sh(f'sh -c "{child}" & wait'))
    count = Count(halt=HandHalt(grace=5))
    thread, ended = in_background(runner, count)
    until(lambda: count.text == b"ready\n")
    began = time.monotonic()
    count.halt.throw()
    thread.join(30)
    assert [each.ending for each in ended] == [Ending.STOPPED]
    assert count.text.startswith(b"ready\n")
    assert b"cleaned\n" in count.text
    assert time.monotonic() - began < 3


def test_a_halt_before_the_program_has_begun_is_heard(runner: ProcessRunner) -> None:
    runner.launch(sh("sleep 100"))
    count = Count(halt=HandHalt(grace=5))
    count.halt.throw()
    began = time.monotonic()
    assert follow(runner, count).ending is Ending.STOPPED
    assert time.monotonic() - began < 2


def test_a_kill_is_done_soon_after_the_grace(runner: ProcessRunner) -> None:
    runner.launch(sh("trap '' TERM; echo ready; while :; do sleep 0.01; done"))
    count = Count(halt=HandHalt(grace=0.2))
    thread, ended = in_background(runner, count)
    until(lambda: count.text == b"ready\n")
    began = time.monotonic()
    count.halt.throw()
    thread.join(30)
    assert time.monotonic() - began < 2.5
    assert ended == [Exit(Ending.STOPPED, 137, 9)]


FORKS = "while :; do sleep 30 & done"


def test_a_fork_loop_ends_at_the_bound_of_its_order(runner: ProcessRunner, tmp_path: Path) -> None:
    runner.launch(sh(FORKS, limits=Limits(processes=40)))
    ended = follow(runner)
    assert (ended.ending, ended.reason) == (Ending.KILLED, "it had more than 40 processes")
    assert members(tmp_path) == []


def test_a_fork_loop_is_killed_as_a_whole(runner: ProcessRunner, tmp_path: Path) -> None:
    runner.launch(sh(f"trap '' TERM; {FORKS}", limits=Limits(processes=None)))
    count = Count(halt=HandHalt(grace=0.1))
    thread, ended = in_background(runner, count)
    until(lambda: len(members(tmp_path)) > 30)
    count.halt.throw()
    thread.join(30)
    assert [each.ending for each in ended] == [Ending.STOPPED]
    assert members(tmp_path) == []


def test_a_stranger_with_the_same_pid_is_never_touched(runner: ProcessRunner, tmp_path: Path) -> None:
    """The pid file names a living process that is not the wrapper: its start time and its mark tell."""
    runner.launch(sh("exit 5"))
    follow(runner)
    with subprocess.Popen(["sleep", "100"], start_new_session=True) as stranger:
        seen = look(stranger.pid)
        assert seen is not None
        for started in (seen.started, seen.started - 1):
            (tmp_path / "work/it/.run/pid").write_text(f"{stranger.pid} {started}\n")
            other = ProcessRunner(tmp_path / "work")
            count = Count()
            count.halt.throw()
            assert other.follow("it", count, count.halt, offsets={}) == Exit(Ending.EXITED, 5)
            (tmp_path / "work/it/.run/exit").rename(tmp_path / "exit")
            assert other.follow("it", count, count.halt, offsets={}).ending is Ending.LOST
            (tmp_path / "exit").rename(tmp_path / "work/it/.run/exit")
        other.remove("it")
        assert stranger.poll() is None
        stranger.kill()


def test_a_torn_pid_file_loses_neither_a_living_program_nor_an_ended_one(runner: ProcessRunner, tmp_path: Path) -> None:
    runner.launch(sh("echo ready; sleep 0.3; echo done; exit 6"))
    pid_file = tmp_path / "work/it/.run/pid"
    until(lambda: (tmp_path / "work/it/.run/out").read_bytes() == b"ready\n")
    pid_file.write_text("12")
    count = Count()
    assert ProcessRunner(tmp_path / "work").follow("it", count, count.halt, offsets={}) == Exit(Ending.EXITED, 6)
    assert count.text == b"ready\ndone\n"
    again = Count()
    assert ProcessRunner(tmp_path / "work").follow("it", again, again.halt, offsets={}) == Exit(Ending.EXITED, 6)


def test_a_wrapper_that_was_killed_leaves_a_word_or_is_lost(runner: ProcessRunner, tmp_path: Path) -> None:
    for name in ("own", "adopted"):
        runner.launch(sh("echo ready; exec sleep 100", name=name))
        until(lambda name=name: (tmp_path / "work" / name / ".run/out").read_bytes() == b"ready\n")
        os.kill(int((tmp_path / "work" / name / ".run/pid").read_text().split()[0]), signal.SIGKILL)
    assert follow(runner, name="own").ending is Ending.KILLED
    count = Count()
    other = ProcessRunner(tmp_path / "work")
    assert other.follow("adopted", count, count.halt, offsets={}).ending is Ending.LOST
    assert count.text == b"ready\n"
    assert members(tmp_path, "own") == members(tmp_path, "adopted") == []


def test_an_attempt_that_was_prepared_and_never_started_is_started_once(
    runner: ProcessRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash between the rename and the spawn, played by a spawn that never comes back."""

    class Crash(BaseException):
        pass

    def crash(*_: object) -> int:
        raise Crash

    order = sh(f"echo x >> {tmp_path}/starts")
    with monkeypatch.context() as patched:
        patched.setattr("penstock.adapters.process.wrapper.spawn", crash)
        patched.setattr("penstock.adapters.process.folder.Folder.remove", lambda *_: None)
        with pytest.raises(Crash):
            runner.launch(order)
    assert list(runner.names()) == ["it"]
    assert not runner.knows("it")
    assert follow(runner).ending is Ending.LOST
    rivals = [ProcessRunner(tmp_path / "work") for _ in range(6)]
    threads = [threading.Thread(target=rival.launch, args=(order,)) for rival in rivals]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [follow(rival).code for rival in rivals] == [0] * 6
    assert (tmp_path / "starts").read_text() == "x\n"


# ── output ──


def test_two_hundred_megabytes_come_quickly_in_bounded_memory_and_are_freed(
    runner: ProcessRunner, tmp_path: Path
) -> None:
    runner.launch(sh("yes 0123456789012345678901234567890123456789 | head -c 200000000"))
    count = Count(keep=False)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    assert follow(runner, count) == Exit(Ending.EXITED, 0)
    assert count.bytes == 200_000_000
    assert time.monotonic() - began < 30
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 << 10
    raw = (tmp_path / "work/it/.run/out").stat()
    assert raw.st_size == 200_000_000
    assert raw.st_blocks * 512 < 8 << 20


def test_one_line_of_a_hundred_megabytes_comes_in_pieces(runner: ProcessRunner) -> None:
    runner.launch(sh("head -c 100000000 /dev/zero; echo; echo end"))
    count = Count(keep=False)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    follow(runner, count)
    assert (count.bytes, count.largest, count.last[-4:]) == (100_000_005, 65536, b"end\n")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 << 10


def test_a_character_is_not_cut_in_two(runner: ProcessRunner) -> None:
    runner.launch(python("print('x' + 'ü€😀' * 30000)"))
    count = Count()
    decoded: list[str] = []
    runner.follow("it", lambda _, data, __: decoded.append(data.decode()), count.halt, offsets={})
    assert "".join(decoded) == "x" + "ü€😀" * 30000 + "\n"
    assert len(decoded) > 4


def test_a_program_far_ahead_of_its_reader_is_stopped_until_it_has_caught_up(
    runner: ProcessRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.adapters.process.following.AHEAD_BYTES", 4 << 20)
    monkeypatch.setattr("penstock.adapters.process.following.CAUGHT_UP_BYTES", 1 << 20)
    runner.launch(sh("while [ ! -e enough ]; do head -c 1000000 /dev/zero; echo; done"))
    raw = tmp_path / "work/it/.run"
    heard = 0
    sizes_while_paused: list[int] = []

    def read_slowly(_: Stream, data: bytes, __: int) -> None:
        nonlocal heard
        heard += len(data)
        if len(sizes_while_paused) < 6:
            threading.Event().wait(0.01)
            if (raw / "paused").exists():
                sizes_while_paused.append((raw / "out").stat().st_size)
        else:
            (tmp_path.joinpath("work", "it", "work") / "enough").touch()

    assert runner.follow("it", read_slowly, HandHalt(), offsets={}) == Exit(Ending.EXITED, 0)
    assert len(set(sizes_while_paused[1:])) == 1, "it went on writing while it was stopped"
    assert heard == (raw / "out").stat().st_size
    assert heard % 1_000_001 == 0
    assert not (raw / "paused").exists()


def test_a_program_that_prints_without_end_is_stopped_at_once(runner: ProcessRunner) -> None:
    runner.launch(sh("yes"))
    count = Count(keep=False)
    thread, ended = in_background(runner, count)
    until(lambda: count.bytes > 20 << 20)
    began = time.monotonic()
    count.halt.throw()
    thread.join(30)
    assert time.monotonic() - began < 5
    assert [each.ending for each in ended] == [Ending.STOPPED]


def test_a_program_that_cuts_its_own_output_short_does_not_confuse_its_reader(
    runner: ProcessRunner, tmp_path: Path
) -> None:
    script = """
    for n in 1 2 3; do echo "step $n" > /dev/stderr; while [ ! -e seen-$n ]; do sleep 0.01; done; done
    """
    runner.launch(sh(script))
    work = tmp_path / "work/it/work"
    offsets: list[int] = []
    text = bytearray()

    def tail(_: Stream, data: bytes, offset: int) -> None:
        offsets.append(offset)
        text.extend(data)
        (work / f"seen-{len(offsets)}").touch()

    halt = HandHalt()
    assert runner.follow("it", tail, halt, offsets={}).code == 0
    assert text == b"step 1\nstep 2\nstep 3\n"
    assert offsets == [7, 14, 21]
    again = Count()
    runner.follow("it", again, halt, offsets={ERR: 21})
    assert again.text == b""


# ── followers that die ──

AGENT = """
import sys
sys.path[:0] = {paths!r}
from pathlib import Path
from fakes.halt import HandHalt
from penstock.adapters.process import ProcessRunner
from penstock.ports.runner import Order
runner = ProcessRunner(Path({root!r}))
runner.launch(Order("it", ["sh", "-c", {script!r}]))
def tail(stream, data, offset):
    print(offset, flush=True)
runner.follow("it", tail, HandHalt(), offsets={{}})
"""


def agent(tmp_path: Path, script: str) -> subprocess.Popen[str]:
    source = AGENT.format(paths=[str(ROOT / "engine"), str(ROOT / "tests")], root=str(tmp_path / "work"), script=script)
    return subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, text=True, start_new_session=True)


@pytest.mark.parametrize("ended_meanwhile", [False, True])
def test_after_a_kill_of_the_follower_another_has_every_line_once(
    runner: ProcessRunner, tmp_path: Path, ended_meanwhile: bool
) -> None:
    script = "for n in $(seq 1 60); do echo line $n; sleep 0.005; done; exit 9"
    with agent(tmp_path, script) as first:
        assert first.stdout is not None
        offset = 0
        for _ in range(4):
            offset = int(first.stdout.readline())
        os.killpg(first.pid, signal.SIGKILL)
    if ended_meanwhile:
        until(lambda: (tmp_path / "work/it/.run/exit").exists())
    whole = b"".join(b"line %d\n" % number for number in range(1, 61))
    runner.launch(sh("echo never"))
    count = Count()
    assert runner.follow("it", count, count.halt, offsets={OUT: offset}) == Exit(Ending.EXITED, 9)
    assert count.text == whole[offset:]
    assert 0 < offset < len(whole)


def test_an_adopted_program_is_stopped_with_its_tree(runner: ProcessRunner, tmp_path: Path) -> None:
    with agent(tmp_path, "trap '' TERM; setsid sleep 100 & echo ready; wait; sleep 100") as first:
        assert first.stdout is not None
        assert first.stdout.readline()
        os.killpg(first.pid, signal.SIGKILL)
    count = Count()
    count.halt.throw()
    assert follow(runner, count).ending is Ending.STOPPED
    assert members(tmp_path) == []


def test_the_end_is_seen_within_milliseconds(runner: ProcessRunner, tmp_path: Path) -> None:
    late: list[float] = []
    for number in range(5):
        runner.launch(sh("sleep 0.05", name=f"it-{number}"))
        follow(runner, name=f"it-{number}")
        late.append(time.time() - (tmp_path / f"work/it-{number}/.run/exit").stat().st_mtime)
    assert sorted(late)[2] < 0.02


# ── files ──


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("ln -s /etc/passwd x", "symbolic link"),
        ("ln -s / x", "symbolic link"),
        ("mkfifo x", "no regular file"),
        ("mkdir a && ln -s /etc a/x", "symbolic link"),
    ],
)
def test_what_is_no_file_of_the_folder_is_refused(runner: ProcessRunner, script: str, message: str) -> None:
    runner.launch(sh(script))
    assert follow(runner).code == 0
    with pytest.raises(UserError, match=message):
        list(runner.collect("it", ["**"]))
    assert list(runner.collect("it", ["*.csv", "x/*", "x/passwd"])) == []


@pytest.mark.parametrize("pattern", ["[", "{a", "[z-a]", "a**b?{c,d}[!x]"])
def test_odd_globs_are_answered(runner: ProcessRunner, pattern: str) -> None:
    runner.launch(sh("true"))
    follow(runner)
    with suppress(UserError):
        assert list(runner.collect("it", [pattern])) == []


def test_a_folder_that_resists_is_removed(runner: ProcessRunner, tmp_path: Path) -> None:
    runner.launch(sh("mkdir -p a/b/c && echo x > a/b/c/f && chmod 000 a/b/c && chmod 500 a a/b; ln -s /etc l"))
    follow(runner)
    runner.remove("it")
    assert list((tmp_path / "work/.trash").iterdir()) == []


def test_removing_what_runs_kills_it(runner: ProcessRunner, tmp_path: Path) -> None:
    runner.launch(sh("trap '' TERM; sleep 100"))
    until(lambda: members(tmp_path))
    runner.remove("it")
    assert members(tmp_path) == []
    assert list(runner.names()) == []


def test_a_full_disk_stalls_before_anything_is_started(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "256k") as disk:
        runner = ProcessRunner(disk / "work")
        with pytest.raises(Stalled, match="No space left"):
            runner.launch(sh("true", files={PurePosixPath("big"): b"x" * (1 << 20)}))
        assert list(runner.names()) == []
        runner.launch(sh("exit 2"))
        assert follow(runner).code == 2


def test_a_control_group_holds_the_whole_tree(tmp_path: Path) -> None:
    """Also what cleared its environment and left the session: where there is such a group."""
    mount = next(
        (
            each
            for each in map(Path, ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"))
            if (each / "cgroup.controllers").exists() and (each / "cgroup.procs").exists()
        ),
        None,
    )
    if mount is None or not os.access(mount, os.W_OK):
        pytest.skip("no writable cgroup v2 here")
    parent = mount / f"penstock-test-{os.getpid()}"
    try:
        parent.mkdir()
    except OSError as error:
        pytest.skip(f"no group can be made here: {error}")
    try:
        runner = ProcessRunner(tmp_path / "work", cgroup=parent)
        runner.launch(sh(f"env -i setsid sleep 100 & echo $! > {tmp_path}/pid; sleep 0.05; exit 3"))
        assert follow(runner) == Exit(Ending.EXITED, 3)
        assert not is_alive(int((tmp_path / "pid").read_text()))
        assert Group(parent, "it").pids() == set()
        runner.remove("it")
        assert not (parent / "it").exists()
    finally:
        parent.rmdir()
