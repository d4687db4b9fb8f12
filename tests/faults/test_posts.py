"""A receiver of results that refuses, stalls, and drops its answers gets each of them, always under the same key."""

from __future__ import annotations

import random
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from fakes.git import RealHost
from penstock.failpoint import VARIABLE, Failpoint
from recording import SECOND, Desk, Post, Receiver, desk, guarded_http, on_branch, program_path
from until import until


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path / "data") as made:
        yield made


@pytest.fixture
def local(tmp_path: Path) -> RealHost:
    return RealHost(tmp_path / "host", str)


def post(at: Desk, receiver: Receiver, within: timedelta = timedelta(hours=1)) -> None:
    """Post until nothing waits."""
    with guarded_http() as http:
        at.drain(at.recorder(at.api_sink(http, receiver.url)), "api", within)


def all_arrived(at: Desk, receiver: Receiver, ids: list[str]) -> None:
    """The judge: everything was acknowledged, and each key stands for one execution."""
    assert set(receiver.acknowledged) == set(ids)
    assert all(post.body["id"] == post.key for post in receiver.posts)
    assert at.store.given_up("api") == []


def misbehaving(chance: random.Random, faults: list[object]) -> Callable[[Post], tuple[int, Mapping[str, str]] | str]:
    def behave(_: Post) -> tuple[int, Mapping[str, str]] | str:
        return chance.choice([(200, {}), (204, {}), *faults])  # type: ignore[return-value]

    return behave


@pytest.mark.parametrize(
    "faults",
    [
        [(500, {}), (502, {}), (503, {"Retry-After": "2"})],
        [(429, {"Retry-After": "7"}), (408, {}), (425, {})],
        ["drop"],
        [(400, {}), (422, {}), (409, {})],
        ["drop", (500, {}), (401, {}), (404, {}), (301, {"Location": "/elsewhere"})],
    ],
    ids=["trouble", "rests", "drops", "refusals", "everything"],
)
def test_a_receiver_that_misbehaves_gets_every_result_at_least_once(faults: list[object], at: Desk) -> None:
    ids = [f"e{n}" for n in range(60)]
    with Receiver(misbehaving(random.Random(7), faults)).serving() as receiver:
        at.end(*ids)
        post(at, receiver, timedelta(days=3))
        all_arrived(at, receiver, ids)
        assert len(receiver.posts) > len(ids)


def test_what_was_taken_and_not_answered_comes_again_under_the_same_key(at: Desk) -> None:
    seen: set[str] = set()

    def takes_and_drops(post: Post) -> tuple[int, Mapping[str, str]] | str:
        if post.key in seen:
            return 409, {}
        seen.add(post.key)
        return "drop"

    with Receiver(takes_and_drops).serving() as receiver:
        at.end("e1", "e2", "e3")
        post(at, receiver)
        all_arrived(at, receiver, ["e1", "e2", "e3"])
        assert sorted(receiver.keys) == ["e1", "e1", "e2", "e2", "e3", "e3"]


def test_a_receiver_that_is_not_there_gets_everything_when_it_comes(at: Desk) -> None:
    receiver = Receiver()
    with receiver.serving():
        port = receiver.port
    receiver.posts.clear()
    at.end("e1", "e2")
    with guarded_http() as http:
        recorder = at.recorder(at.api_sink(http, receiver.url))
        assert recorder.step() == 0
        assert len(at.troubles()) == 1
        assert "hush" not in at.troubles()[0]
        back = Receiver()
        with back.serving(port):
            at.drain(recorder, "api")
            all_arrived(at, back, ["e1", "e2"])


def test_a_receiver_that_stalls_holds_up_nothing_but_itself(at: Desk, local: RealHost) -> None:
    """It accepts and is silent: the post ends at its deadline, and the branch has the result long before."""
    stalls = {"e1"}
    with (
        Receiver(lambda post: "stall" if post.key in stalls else (200, {})).serving() as receiver,
        guarded_http() as http,
    ):
        recorder = at.recorder(at.to_real(local), at.api_sink(http, receiver.url, timeout=SECOND), patience=SECOND / 4)
        at.end("e1")
        at.ripen(recorder)
        until(lambda: recorder.step() and at.waiting("git") == 0)
        assert at.waiting("api") == 1
        at.end("e2")
        until(lambda: recorder.step() == 0 and at.troubles(), 20)
        assert "no answer in time" in at.troubles()[0]
        at.clock.advance(5 * SECOND)
        until(lambda: (recorder.step(), receiver.acknowledged == ["e2"])[1])
        stalls.clear()
        at.drain(recorder, "api")
        all_arrived(at, receiver, ["e1", "e2"])


def test_an_agent_killed_after_a_post_was_acknowledged_posts_it_again(tmp_path: Path) -> None:
    crashing = """
import sys
from pathlib import Path
from recording import Desk, guarded_http

at = Desk(Path(sys.argv[1]))
with guarded_http() as http:
    at.recorder(at.api_sink(http, sys.argv[2])).flush()
"""
    ids = [f"e{n}" for n in range(40)]
    with Receiver().serving() as receiver:
        with desk(tmp_path / "data") as at:
            at.end(*ids)
        died = subprocess.run(
            [sys.executable, "-c", crashing, tmp_path / "data", receiver.url],
            env={**program_path(), VARIABLE: f"{Failpoint.RESULT_POSTED}:2"},
            capture_output=True,
            check=False,
        )
        assert died.returncode == -9, died.stderr
        assert len(receiver.posts) == 40
        with desk(tmp_path / "data") as at:
            assert at.waiting("api") == 15, "what was kept before the crash is not posted again"
            post(at, receiver)
            all_arrived(at, receiver, ids)
    assert len(receiver.posts) == 55


def test_both_sinks_at_once_and_one_of_them_dead(at: Desk, local: RealHost) -> None:
    ids = [f"e{n}" for n in range(30)]
    with Receiver(lambda post: "drop").serving() as receiver, guarded_http() as http:
        recorder = at.recorder(at.to_real(local), at.api_sink(http, receiver.url))
        at.end(*ids)
        arrived, faults = recorder.flush()
        assert (arrived, len(faults)) == (30, 1)
        assert on_branch(local) == dict.fromkeys(ids, 1)
        receiver.behave = lambda post: (200, {})
        with local.away():
            more = [f"x{n}" for n in range(30)]
            at.end(*more)
            at.drain(recorder, "api")
            assert at.waiting("git") == 30
        at.drain(recorder, "git")
        all_arrived(at, receiver, [*ids, *more])
        assert on_branch(local) == dict.fromkeys([*ids, *more], 1)


def test_posts_go_over_one_connection(at: Desk) -> None:
    with Receiver().serving() as receiver:
        at.end(*(f"e{n}" for n in range(200)))
        post(at, receiver)
        assert len({each.port for each in receiver.posts}) == 1


def test_an_answer_however_long_acknowledges(at: Desk) -> None:
    """Only its status counts: a body that never ends costs the connection, and nothing else."""
    with socket.create_server(("127.0.0.1", 0)) as server, guarded_http() as http:
        heard: list[bytes] = []

        def serve() -> None:
            client, _ = server.accept()
            with client:
                heard.append(client.recv(1 << 16))
                client.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                client.recv(1)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        at.end("e1")
        recorder = at.recorder(at.api_sink(http, f"http://127.0.0.1:{server.getsockname()[1]}/"))
        assert recorder.step() == 1
        thread.join(5)
        assert b"Idempotency-Key: e1" in heard[0]
