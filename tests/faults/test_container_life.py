"""What a container's end is told as, through engines that are restarted, killed, hung, or gone, and agents that are."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import docker
import pytest

from fakes.halt import HandHalt
from penstock.adapters.docker.runner import DockerRunner
from penstock.errors import Retryable, UserError
from penstock.ports.container import Container, Memory, Pull
from penstock.ports.runner import Ending, Exit, Order, Runner, Stream
from penstock.wiring.containers import ContainerSetup, docker_runner
from until import until

OUT = Stream.STDOUT
MEGABYTE = 1 << 20


@dataclass
class Follower:
    """Follows one attempt in a thread of its own."""

    runner: Runner
    name: str
    offsets: dict[Stream, int] = field(default_factory=dict)
    halt: HandHalt = field(default_factory=lambda: HandHalt(0.5))
    pieces: list[tuple[Stream, bytes]] = field(default_factory=list)
    exit: Exit | None = None
    thread: threading.Thread | None = None

    def begin(self) -> Follower:
        self.thread = threading.Thread(target=self._follow, daemon=True)
        self.thread.start()
        return self

    def _follow(self) -> None:
        self.exit = self.runner.follow(self.name, self._hear, self.halt, offsets=self.offsets)

    def _hear(self, stream: Stream, data: bytes, offset: int) -> None:
        self.pieces.append((stream, data))

    def out(self) -> bytes:
        return b"".join(data for stream, data in self.pieces if stream is OUT)

    def end(self, within: float = 60) -> Exit:
        until(lambda: self.exit is not None, within)
        assert self.exit is not None
        return self.exit


RunnerOn = Callable[..., Runner]


@pytest.fixture
def runner_on(tmp_path: Path) -> Iterator[RunnerOn]:
    """Makes the runner of a data folder: another one of the same folder is what the next agent has."""
    made: list[DockerRunner] = []

    def make(host: str, data: str = "data", patience: float = 60) -> Runner:
        (tmp_path / data).mkdir(exist_ok=True)
        setup = ContainerSetup(engine=host, patience=timedelta(seconds=patience))
        made.append(docker_runner(tmp_path / data, setup, {}))
        return made[-1]

    yield make
    for runner in made:
        runner.close()


def launch(runner: Runner, name: str, script: str, **more: Any) -> None:
    container = Container(more.pop("image", "busybox"), **more.pop("container", {}))
    runner.launch(Order(name, ["sh", "-c", script], container=container, **more))


def told(runner: Runner, name: str, script: str, **more: Any) -> Exit:
    launch(runner, name, script, **more)
    return Follower(runner, name).begin().end()


@pytest.fixture
def runner(engine: Any, runner_on: RunnerOn) -> Iterator[Runner]:
    made = runner_on(engine.host)
    yield made
    for name in list(made.names()):
        made.remove(name)


COUNTING = "i=0; while [ $i -lt {count} ]; do echo line $i; i=$((i+1)); sleep 0.1; done; exit 9"


def lines(count: int) -> bytes:
    return b"".join(b"line %d\n" % number for number in range(count))


# ── how it ended ──


def test_each_end_is_told_apart(runner: Runner) -> None:
    assert told(runner, "fine", "exit 0") == Exit(Ending.EXITED, 0)
    assert told(runner, "failed", "exit 41") == Exit(Ending.EXITED, 41)
    assert told(runner, "signal", "kill -SEGV $$") == Exit(Ending.KILLED, 139, 11)
    greedy = told(runner, "greedy", "head -c 200m /dev/zero | tail", container={"memory": Memory(limit=32 * MEGABYTE)})
    assert (greedy.ending, greedy.code) == (Ending.OUT_OF_MEMORY, 137)
    assert "32 MiB" in greedy.reason


def test_what_cannot_be_started_or_fetched_is_no_failure_of_the_program(runner: Runner) -> None:
    runner.launch(Order("missing", ["/no/such/program"], container=Container("busybox")))
    missing = Follower(runner, "missing").begin().end()
    assert missing.ending is Ending.NOT_STARTED
    assert "/no/such/program" in missing.reason
    with pytest.raises(UserError, match="not there, and `pullPolicy: NEVER`"):
        launch(runner, "none", "true", image="nothing/of/the/kind", container={"pull": Pull.NEVER})
    with pytest.raises(UserError, match=r"user.*nobodyatall"):
        launch(runner, "user", "true", container={"user": "nobodyatall"})
    assert list(runner.names()) == ["missing"]


def test_killed_by_us_and_killed_by_another(runner: Runner, client: docker.APIClient) -> None:
    launch(runner, "ours", "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.05; done")
    ours = Follower(runner, "ours").begin()
    until(lambda: b"up" in ours.out(), 20)
    ours.halt.throw()
    assert ours.end() == Exit(Ending.STOPPED, 3)
    assert ours.out() == b"up\nbye\n"

    launch(runner, "deaf", "trap '' TERM; echo up; while :; do sleep 0.05; done")
    deaf = Follower(runner, "deaf").begin()
    until(lambda: b"up" in deaf.out(), 20)
    deaf.halt.throw()
    assert deaf.end() == Exit(Ending.STOPPED, 137, 9)

    launch(runner, "theirs", "echo up; sleep 100")
    theirs = Follower(runner, "theirs").begin()
    until(lambda: b"up" in theirs.out(), 20)
    client.kill("theirs")
    assert theirs.end() == Exit(Ending.KILLED, 137, 9)


def test_a_container_that_somebody_removed_is_lost(runner: Runner, client: docker.APIClient) -> None:
    launch(runner, "gone", "echo up; sleep 100")
    follower = Follower(runner, "gone").begin()
    until(lambda: b"up" in follower.out(), 20)
    client.remove_container("gone", force=True)
    assert follower.end().ending in (Ending.LOST, Ending.KILLED)  # whichever the engine still tells


def test_one_that_somebody_has_paused_is_stopped_all_the_same(runner: Runner, client: docker.APIClient) -> None:
    launch(runner, "paused", "echo up; sleep 100")
    follower = Follower(runner, "paused").begin()
    until(lambda: b"up" in follower.out(), 20)
    client.pause("paused")
    follower.halt.throw()
    assert follower.end().ending is Ending.STOPPED


# ── whose it is ──


def test_only_what_is_ours_is_found_and_removed(engine: Any, client: docker.APIClient, runner_on: RunnerOn) -> None:
    mine, theirs = runner_on(engine.host, "mine"), runner_on(engine.host, "theirs")
    told(mine, "a-mine", "true")
    told(theirs, "a-theirs", "true")
    foreign = client.create_container("busybox", ["true"], name="a-foreign")
    try:
        assert list(mine.names()) == ["a-mine"]
        assert list(theirs.names()) == ["a-theirs"]
        with pytest.raises(UserError, match="taken by a container that is not ours"):
            launch(mine, "a-foreign", "true")
        with pytest.raises(UserError, match="taken by a container that is not ours"):
            launch(mine, "a-theirs", "true")
        mine.remove("a-mine")
        assert list(mine.names()) == []
        assert client.inspect_container("a-foreign")
    finally:
        client.remove_container(foreign, force=True)
        theirs.remove("a-theirs")
        mine.remove("a-mine")


def test_an_attempt_begins_only_when_the_one_before_it_is_gone(runner: Runner, client: docker.APIClient) -> None:
    """The one before was given up for lost: its engine did not answer. It lives on all the same."""
    launch(runner, "try-1", "sleep 100", labels={"penstock.run": "r", "penstock.attempt": "1"})
    launch(runner, "try-2", "true", labels={"penstock.run": "r", "penstock.attempt": "2"})
    assert Follower(runner, "try-2").begin().end() == Exit(Ending.EXITED, 0)
    assert list(runner.names()) == ["try-2"]


def test_what_was_made_and_not_started_is_made_anew(runner: Runner, client: docker.APIClient, tmp_path: Path) -> None:
    """A crash between the two: nothing has begun, and the next one has other words."""
    owner = (tmp_path / "data" / "owner").read_text().strip() if (tmp_path / "data" / "owner").exists() else None
    assert owner is not None
    client.create_container("busybox", ["false"], name="half", labels={"penstock.owner": owner})
    assert not runner.knows("half")
    assert told(runner, "half", "exit 5") == Exit(Ending.EXITED, 5)


# ── agents that die ──


@pytest.mark.parametrize("ends_first", [False, True])
def test_the_next_agent_reads_each_line_once(
    engine: Any, client: docker.APIClient, runner_on: RunnerOn, ends_first: bool
) -> None:
    first = runner_on(engine.host)
    launch(first, "told", COUNTING.format(count=15))
    before = Follower(first, "told").begin()
    until(lambda: before.out().count(b"\n") >= 4, 20)
    heard = before.out()
    if ends_first:
        until(lambda: not client.inspect_container("told")["State"]["Running"], 20)
    second = runner_on(engine.host)
    assert second.knows("told")
    after = Follower(second, "told", {OUT: len(heard)}).begin()
    assert after.end() == Exit(Ending.EXITED, 9)
    assert heard + after.out() == lines(15)
    second.remove("told")
    assert list(second.names()) == []
    before.end()


ODD = (
    "printf 'caf\\351 \\377\\376\\n'; printf '\\342\\202\\254\\n';"
    "{ printf y; head -c 40000 /dev/zero | tr '\\0' '\\303' | sed 's/./&\\xa9/g' | tr -d '\\n'; echo; };"
    "head -c 30000 /dev/urandom; echo; echo middle; while :; do sleep 0.05; done"
)


def test_what_is_no_text_is_read_on_from_the_same_place_by_the_next_agent(
    engine: Any, client: docker.APIClient, runner_on: RunnerOn
) -> None:
    """What is heard live has bytes that no engine keeps: what was handed over counts as it is kept."""
    first = runner_on(engine.host)
    launch(first, "odd", f"trap 'echo last; exit 0' USR1; {ODD}")
    before = Follower(first, "odd").begin()
    until(lambda: before.out().endswith(b"middle\n"), 20)
    heard = before.out()
    second = runner_on(engine.host)
    after = Follower(second, "odd", {OUT: len(heard)}).begin()
    client.kill("odd", "SIGUSR1")
    assert after.end() == before.end() == Exit(Ending.EXITED, 0)
    assert after.out() == b"last\n"
    assert heard + after.out() == before.out() == client.logs("odd", stderr=False)
    second.remove("odd")


def test_a_slow_reader_slows_a_program_down_and_loses_nothing_of_it(runner: Runner, client: docker.APIClient) -> None:
    line = b"x" * 99 + b"\n"
    launch(runner, "fast", f"yes {'x' * 99} | head -c 4000000; echo last")
    goes_on, pieces = threading.Event(), list[bytes]()

    def hear(stream: Stream, data: bytes, offset: int) -> None:
        pieces.append(data)
        goes_on.wait(30)

    def follow() -> None:
        ended.append(runner.follow("fast", hear, HandHalt(), offsets={}))

    ended: list[Exit] = []
    following = threading.Thread(target=follow)
    following.start()
    until(lambda: pieces != [], 20)
    assert not goes_on.wait(3)  # longer than an engine waits for its own readers when a container ends
    goes_on.set()
    following.join(60)
    assert ended == [Exit(Ending.EXITED, 0)]
    assert b"".join(pieces) == line * 40_000 + b"last\n"


# ── engines that go away ──


Fault = Callable[[Any], None]


def _restarted(daemon: Any) -> None:
    daemon.stop()
    daemon.start()


def _killed(daemon: Any) -> None:
    daemon.kill()
    daemon.start()


def _hung(daemon: Any) -> None:
    daemon.pause()
    threading.Event().wait(2)
    daemon.resume()


@pytest.mark.parametrize(
    "fault", [_restarted, pytest.param(_killed, marks=pytest.mark.long), _hung], ids=["restarted", "killed", "hung"]
)
def test_a_container_that_lives_on_is_followed_to_its_own_end(
    own_daemon: Callable[..., Any], runner_on: RunnerOn, fault: Fault
) -> None:
    daemon = own_daemon(live_restore=True)
    runner = runner_on(daemon.host)
    launch(runner, "lives", COUNTING.format(count=60))
    follower = Follower(runner, "lives").begin()
    until(lambda: b"line 3" in follower.out(), 20)
    fault(daemon)
    assert follower.end() == Exit(Ending.EXITED, 9)
    if fault is not _killed:
        assert follower.out() == lines(60)
    # What is written while an engine is dead, and not read before the container ends, the engine itself has lost.
    assert lines(60).startswith(follower.out())


def test_a_container_that_ended_while_the_engine_was_away(own_daemon: Callable[..., Any], runner_on: RunnerOn) -> None:
    daemon = own_daemon(live_restore=True)
    runner = runner_on(daemon.host)
    launch(runner, "ended", COUNTING.format(count=20))
    follower = Follower(runner, "ended").begin()
    until(lambda: b"line 3" in follower.out(), 20)
    daemon.stop()
    threading.Event().wait(2.5)
    daemon.start()
    assert follower.end() == Exit(Ending.EXITED, 9)
    assert follower.out().startswith(lines(4))


def test_what_was_stopped_with_its_engine_is_lost_and_not_failed(
    own_daemon: Callable[..., Any], runner_on: RunnerOn
) -> None:
    daemon = own_daemon()
    runner = runner_on(daemon.host)
    launch(runner, "down", "echo up; sleep 100")
    follower = Follower(runner, "down").begin()
    until(lambda: b"up" in follower.out(), 20)
    daemon.stop()
    assert follower.exit is None, "an engine that does not answer is unknown"
    daemon.start()
    ended = follower.end()
    assert ended.ending is Ending.LOST
    assert "engine was stopped" in ended.reason


def test_an_engine_that_stays_away_is_given_up_in_the_end(own_daemon: Callable[..., Any], runner_on: RunnerOn) -> None:
    daemon = own_daemon()
    runner = runner_on(daemon.host, patience=3)
    launch(runner, "away", "echo up; sleep 100")
    follower = Follower(runner, "away").begin()
    until(lambda: b"up" in follower.out(), 20)
    daemon.kill()
    ended = follower.end()
    assert ended.ending is Ending.LOST
    assert "does not answer" in ended.reason


def test_who_looks_for_what_was_left_asks_an_absent_engine_once(runner_on: RunnerOn) -> None:
    """An agent does that before anything else: it does not wait, and looks again later."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        asked: list[None] = []

        def hang_up() -> None:
            while True:
                try:
                    caller, _ = listening.accept()
                except OSError:
                    return
                asked.append(None)
                caller.close()

        answering = threading.Thread(target=hang_up)
        answering.start()
        runner = runner_on(f"tcp://127.0.0.1:{listening.getsockname()[1]}")
        with pytest.raises(Retryable, match="does not answer"):
            list(runner.names())
        listening.shutdown(socket.SHUT_RDWR)
        answering.join()
    assert len(asked) == 1


def test_an_engine_that_is_away_when_a_task_begins_is_waited_for(
    own_daemon: Callable[..., Any], runner_on: RunnerOn
) -> None:
    daemon = own_daemon()
    runner = runner_on(daemon.host)
    assert told(runner, "before", "true") == Exit(Ending.EXITED, 0)
    daemon.stop()
    begun = threading.Thread(target=launch, args=(runner, "later", "exit 6"), daemon=True)
    begun.start()
    daemon.start()
    begun.join(60)
    assert Follower(runner, "later").begin().end() == Exit(Ending.EXITED, 6)
