"""When results are taken on their way, who is to blame for a refusal, and sinks that never keep one another back."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.git import MemoryHost
from penstock.agent.news import Topic
from penstock.agent.sinks.answers import Answer, answer_of, retry_after
from penstock.agent.sinks.api import GIVEN_UP_AFTER, ApiSink
from penstock.agent.sinks.git import GitSink, results_branch_of
from penstock.agent.sinks.pace import ENOUGH, Backoff, Pace, spread
from penstock.agent.sinks.sink import Sink, Taken
from penstock.agent.sinks.suspicion import Blame, Suspicion
from penstock.diagnostic import FlowName
from penstock.errors import Retryable, Stalled, UserError
from penstock.execution.state import State
from penstock.ports.http import Http, Request, Response
from recording import BRANCH, SECOND, START, Desk, desk
from until import until

URL = "http://receiver.example/results?token=hush"
SHOWN = "http://receiver.example/results"


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as made:
        yield made


# ── the pace ──


@given(
    waiting=st.lists(st.tuples(st.integers(0, 150), st.floats(0.01, 30)), min_size=1, max_size=60),
)
def test_pushes_keep_their_distance_and_nothing_waits_too_long(waiting: list[tuple[int, float]]) -> None:
    pace, now, last, since = Pace(), 0.0, -math.inf, None
    for count, passes in waiting:
        due = pace.due_in(count, now)
        if count == 0:
            assert due == math.inf
            since = None
        else:
            since = now if since is None else since
            expected = max(last + 10, now if count >= ENOUGH else since + 15)
            assert now + due == pytest.approx(max(expected, now))
            if due == 0:
                assert now - last >= 10
                pace.pushed(now)
                last, since = now, None
        now += passes


def test_a_pause_grows_up_to_five_minutes_and_begins_anew_after_a_success() -> None:
    for drawn in (0.0, 0.999):
        backoff = Backoff(lambda drawn=drawn: drawn)  # type: ignore[misc]
        rests = [backoff.fault().total_seconds() for _ in range(12)]
        assert all(2.5 <= rest <= 300 for rest in rests)
        assert rests == sorted(rests)
        assert backoff.recovered()
        assert not backoff.recovered()
        assert backoff.fault().total_seconds() == rests[0]
    assert rests[0] == pytest.approx(5, abs=0.01)
    assert rests[-1] == pytest.approx(300, abs=1)
    assert Backoff(lambda: 0.5).fault(timedelta(seconds=70)) == timedelta(seconds=70)
    assert Backoff(lambda: 0.5).fault(timedelta(days=70)) == timedelta(hours=1)
    assert spread(10**9, 0.5, first=SECOND, longest=60 * SECOND) == 30 * SECOND


# ── who is to blame ──


@given(st.integers(1, 300), st.data())
def test_one_that_is_refused_keeps_no_other_back_and_none_is_wronged(size: int, data: st.DataObject) -> None:
    bad = data.draw(st.sets(st.integers(0, size - 1), max_size=5))
    waiting = [str(n) for n in range(size)]
    blamed: set[str] = set()
    suspicion = Suspicion(most=100)
    for _ in range(40 + 25 * (1 + len(bad))):
        if not waiting:
            break
        chosen = suspicion.choose(waiting)
        assert chosen
        assert set(chosen) <= set(waiting)
        if any(int(each) in bad for each in chosen):
            if suspicion.refused(chosen) is Blame.RESULT:
                blamed.update(chosen)
                waiting.remove(chosen[0])
        else:
            suspicion.arrived(chosen)
            waiting = [each for each in waiting if each not in chosen]
    left = set(waiting)
    assert blamed <= {str(n) for n in bad}
    assert left <= {str(n) for n in bad}


@given(st.lists(st.integers(1, 200), min_size=1, max_size=20))
def test_a_branch_that_takes_nothing_is_to_blame_itself(sizes: list[int]) -> None:
    suspicion = Suspicion(most=100)
    blames = [suspicion.refused(suspicion.choose([str(n) for n in range(size)])) for size in sizes for _ in range(8)]
    assert Blame.RESULT not in blames
    assert Blame.BRANCH in blames
    for _ in range(8):  # and once it takes results again, all go
        suspicion.arrived(suspicion.choose([str(n) for n in range(100)]))
    assert len(suspicion.choose([str(n) for n in range(100)])) == 100


# ── answers ──


ANSWERS = {
    Answer.TAKEN: (200, 204, 409),
    Answer.LATER: (408, 425, 500, 502, 504),
    Answer.OVERLOADED: (429, 503),
    Answer.ELSEWHERE: (301, 307, 401, 403, 404, 405),
    Answer.REFUSED: (400, 413, 415, 422),
}
RESTS = {
    "7": 7,
    " 0 ": 0,
    "999999999999": 3600,
    "Mon, 23 Nov 2026 12:00:09 GMT": 9,
    "Mon, 23 Nov 2020 12:00:09 GMT": 0,
    "Mon, 23 Nov 9999 12:00 GMT": 3600,
    **dict.fromkeys(("-3", "", "soon", "٣", "9" * 5000 + "x")),
}


def test_an_answer_means_one_thing() -> None:
    assert {answer: tuple(s for s in statuses if answer_of(s) is answer) for answer, statuses in ANSWERS.items()} == (
        ANSWERS
    )


@pytest.mark.parametrize("told", RESTS)
def test_the_rest_that_is_asked_for(told: str) -> None:
    rest = retry_after({"retry-after": (told,)}, START)
    assert (rest.total_seconds() if rest is not None else None) == RESTS[told]


# ── the recorder over a memory of a host ──


@dataclass
class Postbox(Http):
    """Takes posts, and answers as it is told."""

    answer: Callable[[Request], int | Response | Exception] = lambda request: 204
    posts: list[Request] = field(default_factory=list)

    def send(self, request: Request) -> Response:
        self.posts.append(request)
        told = self.answer(request)
        if isinstance(told, Exception):
            raise told
        return told if isinstance(told, Response) else Response(request.url, told, {}, b"")

    @property
    def keys(self) -> list[str]:
        return [post.headers["Idempotency-Key"] for post in self.posts]


def to_memory(at: Desk, host: MemoryHost, tmp_path: Path) -> GitSink:
    return at.git_sink(lambda branch: host.results(tmp_path, branch))


def executions(host: MemoryHost, branch: str = BRANCH) -> list[str]:
    files = host.commits[host.branches[branch]].files if branch in host.branches else {}
    return sorted(path.split("/")[-2] for path in files if path.endswith("/execution.json"))


def test_results_wait_for_company_and_then_go_together(at: Desk, tmp_path: Path) -> None:
    host = MemoryHost()
    recorder = at.recorder(to_memory(at, host, tmp_path))
    assert recorder.step() == 0
    assert recorder.wait() == timedelta(seconds=30)
    at.end("e1")
    assert recorder.step() == 0
    at.clock.advance(9 * SECOND)
    at.end("e2")
    assert recorder.step() == 0
    assert recorder.wait() == 6 * SECOND
    at.clock.advance(6 * SECOND)
    assert recorder.step() == 2
    assert executions(host) == ["e1", "e2"]
    at.end(*(f"x{n}" for n in range(250)))
    assert recorder.step() == 0
    assert recorder.wait() == 10 * SECOND
    at.clock.advance(10 * SECOND)
    assert recorder.step() == 250
    assert host.log(BRANCH)[:3] == [f"Penstock demo|{n} results [skip ci]" for n in (50, 100, 100)]
    assert at.store.unrecorded("git", limit=1, now=at.clock.now()) == []
    assert at.told(Topic.RECORDED) == [f"2 results are on {BRANCH}", f"250 results are on {BRANCH}"]


def test_a_hundred_results_go_at_once(at: Desk, tmp_path: Path) -> None:
    host = MemoryHost()
    recorder = at.recorder(to_memory(at, host, tmp_path))
    at.end(*(f"x{n}" for n in range(100)))
    assert recorder.wait() == timedelta(0)
    assert recorder.step() == 100


def test_a_result_lies_on_the_branch_of_the_month_in_which_it_was_created(at: Desk, tmp_path: Path) -> None:
    host = MemoryHost()
    recorder = at.recorder(to_memory(at, host, tmp_path))
    at.clock.advance(timedelta(days=30))
    at.end("old", created=START)
    at.end("new")
    assert recorder.flush() == (2, [])
    assert executions(host) == ["old"]
    assert executions(host, "penstock/results/box/2026-12") == ["new"]


def test_what_was_pushed_unheard_is_not_pushed_again(at: Desk, tmp_path: Path) -> None:
    host = MemoryHost()
    at.end("e1", "e2")
    other = Desk(tmp_path / "other", at.clock)
    other.end("e1")
    assert other.recorder(to_memory(other, host, tmp_path)).flush() == (1, [])
    other.close()
    assert at.recorder(to_memory(at, host, tmp_path)).flush() == (2, [])
    assert host.log(BRANCH) == ["Penstock demo|team/a: SUCCESS [skip ci]"] * 2
    page = host.commits[host.branches[BRANCH]].files["README.md"].decode()
    assert "| ✅ SUCCESS |\n| ---: |\n| 2 |" in page


def test_a_backlog_goes_in_parts_that_fit_into_memory(at: Desk, tmp_path: Path) -> None:
    host = MemoryHost()
    big = {"text": "x" * 9_000_000}
    at.end(*(f"x{n}" for n in range(5)), outputs=big)
    recorder = at.recorder(to_memory(at, host, tmp_path))
    at.ripen(recorder)
    assert 0 < recorder.step() < 5
    assert recorder.flush() == (3, [])
    assert len(executions(host)) == 5


@pytest.mark.long
def test_no_folder_of_the_branch_has_three_thousand_entries(at: Desk, tmp_path: Path) -> None:
    host = MemoryHost()
    recorder = at.recorder(to_memory(at, host, tmp_path))
    ids = [f"x{n}" for n in range(3_100)]
    at.end(*ids[:1_000])
    recorder.flush()
    at.end(*ids[1_000:])
    recorder.flush()
    assert executions(host) == sorted(ids)
    inside: dict[str, set[str]] = {}
    for path in host.commits[host.branches[BRANCH]].files:
        parts = path.split("/")
        for depth in range(len(parts)):
            inside.setdefault("/".join(parts[:depth]), set()).add(parts[depth])
    assert max(map(len, inside.values())) < 3_000
    again, before = Desk(tmp_path / "again", at.clock), host.branches[BRANCH]
    again.end(*ids[::50])
    assert again.recorder(to_memory(again, host, tmp_path)).flush() == (62, [])
    again.close()
    assert host.branches[BRANCH] == before, "each is found again, wherever it lies"


def test_a_result_that_cannot_be_made_is_held_back_alone(at: Desk, tmp_path: Path) -> None:
    host = MemoryHost()
    log = {"lines": 3, "bytes": 9}
    at.end("bad", tasks=("load",), log=log)
    at.end("good")
    (at.folder / "logs" / "bad").mkdir(parents=True)
    (at.folder / "logs" / "bad" / "bad-0.1.log.gz").write_bytes(b"this is no archive")
    recorder = at.recorder(to_memory(at, host, tmp_path))
    assert recorder.flush() == (1, [])
    assert executions(host) == ["good"]
    [told] = at.troubles()
    assert "bad" in told
    assert at.waiting("git") == 1


def test_a_rejection_rests_and_is_told_once_and_nothing_is_lost(at: Desk, tmp_path: Path) -> None:
    host = MemoryHost(rejection="protected branch")
    recorder = at.recorder(to_memory(at, host, tmp_path))
    at.end("e1")
    at.ripen(recorder)
    assert recorder.step() == 0
    for _ in range(20):
        at.clock.advance(recorder.wait())
        recorder.step()
    assert recorder.wait() <= timedelta(minutes=5)
    [told] = at.troubles()
    assert "protected branch" in told
    assert recorder.troubles().keys() == {"git"}
    host.rejection = None
    at.drain(recorder, "git")
    assert executions(host) == ["e1"]
    assert recorder.troubles() == {}
    assert at.told(Topic.RECORDED)[-1] == "results go to `git` again"


def test_flows_are_never_read_from_a_branch_of_results(at: Desk) -> None:
    for branch in (BRANCH, f"refs/heads/{BRANCH}", "penstock/results/other/2020-01"):
        with pytest.raises(UserError, match="is one of results"):
            at.git_sink(lambda name: MemoryHost().results(at.folder, name), flows_branch=branch)


@pytest.mark.parametrize(
    ("agent", "branch"),
    [("box", "box"), ("box.example.com", "box-example-com"), ("..", "agent"), ("a b/c", "a-b-c"), ("bücher", "bücher")],
)
def test_a_branch_is_named_after_agent_and_month(agent: str, branch: str) -> None:
    assert results_branch_of(agent, START) == f"penstock/results/{branch}/2026-11"


# ── posts ──


def test_each_result_is_posted_under_its_key(at: Desk) -> None:
    box = Postbox()
    recorder = at.recorder(at.api_sink(box, URL, token="t0ken"))
    at.end("e1", "e2", outputs={"n": 1})
    assert recorder.wait() == timedelta(0)
    assert recorder.step() == 2
    assert box.keys == ["e1", "e2"]
    [post, _] = box.posts
    assert (post.method, post.url, post.follow_redirects) == ("POST", URL, False)
    assert post.headers["Authorization"] == "Bearer t0ken"
    assert post.headers["Content-Type"] == "application/json"
    assert post.content == at.results().of(_loaded(at, "e1"), "x").files["x/execution.json"]
    assert at.told(Topic.RECORDED) == [f"2 results were taken by {SHOWN}"]
    assert recorder.step() == 0
    assert recorder.wait() == timedelta(seconds=30)


def _loaded(at: Desk, id_: str):  # type: ignore[no-untyped-def]
    return at.store.load(id_)


def test_a_result_that_is_refused_keeps_no_other_back_and_is_given_up_after_seven_days(at: Desk) -> None:
    box = Postbox(lambda request: 422 if request.headers["Idempotency-Key"] == "bad" else 200)
    recorder = at.recorder(at.api_sink(box, URL))
    at.end("bad", "e1", "e2", state=State.FAILED)
    assert recorder.step() == 2
    assert box.keys == ["bad", "e1", "e2"]
    assert at.troubles() == []
    moments = [at.clock.now()]
    while not at.store.given_up("api"):
        at.clock.advance(max(recorder.wait(), SECOND))
        recorder.step()
        if len(box.posts) > len(moments) + 2:
            moments.append(at.clock.now())
    gaps = [after - before for before, after in pairwise(moments)]
    assert gaps[0] >= 45 * SECOND
    assert max(gaps) < timedelta(hours=7)
    assert len(gaps) < 60
    assert GIVEN_UP_AFTER <= at.clock.now() - START < GIVEN_UP_AFTER + timedelta(hours=7)
    assert at.store.given_up("api") == [("bad", f"{SHOWN} answered 422")]
    [told] = at.troubles()
    assert "bad" in told
    assert "given up" in told
    assert recorder.step() == 0
    assert at.waiting("api") == 0


@pytest.mark.parametrize("answer", [500, 404, 401, 302, Retryable("connection refused")])
def test_a_receiver_in_trouble_is_not_hammered_and_gets_everything_in_the_end(
    answer: int | Exception, at: Desk
) -> None:
    box = Postbox(lambda request: answer)
    recorder = at.recorder(at.api_sink(box, URL))
    ids = [f"e{n}" for n in range(200)]
    at.end(*ids)
    ends = at.clock.now() + timedelta(hours=1)
    while at.clock.now() < ends:
        recorder.step()
        at.clock.advance(max(recorder.wait(), SECOND / 10))
    assert len(box.posts) < 40
    assert len(set(box.keys)) > 5, "the next try begins with another one"
    assert len(at.troubles()) == 1
    assert "hush" not in " ".join(at.troubles())
    box.answer = lambda request: 200
    at.drain(recorder, "api", timedelta(hours=3))
    assert set(box.keys) == set(ids)


def test_the_rest_that_a_receiver_asks_for_is_kept(at: Desk) -> None:
    box = Postbox(lambda request: Response(URL, 429, {"retry-after": ("120",)}, b""))
    recorder = at.recorder(at.api_sink(box, URL))
    at.end("e1", "e2")
    recorder.step()
    assert len(box.posts) == 1
    while len(box.posts) == 1:
        at.clock.advance(max(recorder.wait(), SECOND))
        recorder.step()
    assert at.clock.now() - START >= timedelta(seconds=120)


def test_an_address_that_may_not_be_reached_is_told_and_loses_nothing(at: Desk) -> None:
    denied = UserError(f"`{SHOWN}` is private", help="name it in `agent.http.allow`")
    recorder = at.recorder(at.api_sink(Postbox(lambda request: denied), URL))
    at.end("e1")
    arrived, [fault] = recorder.flush()
    assert (arrived, type(fault), fault.message, at.waiting("api")) == (0, UserError, denied.message, 1)
    assert "agent.http.allow" in at.troubles()[0]


@pytest.mark.parametrize("url", ["ftp://x/y", "receiver.example", "http://", "http://[::1/"])
def test_a_url_that_is_none_is_refused_at_once(url: str, at: Desk) -> None:
    with pytest.raises(UserError, match="URL"):
        at.api_sink(Postbox(), url)


# ── side by side ──


def test_one_dead_sink_keeps_no_other_one_back(at: Desk, tmp_path: Path) -> None:
    host, box = MemoryHost(is_away=True), Postbox()
    recorder = at.recorder(to_memory(at, host, tmp_path), at.api_sink(box, URL))
    at.end("e1")
    arrived, [fault] = recorder.flush()
    assert (arrived, box.keys) == (1, ["e1"])
    assert isinstance(fault, Retryable)
    assert (at.waiting("git"), at.waiting("api")) == (1, 0)
    host.is_away = False
    box.answer = lambda request: ConnectionError("a bug of ours")
    at.end("e2")
    arrived, [bug] = recorder.flush()
    assert arrived == 2
    assert "bug in Penstock" in bug.message
    assert executions(host) == ["e1", "e2"]
    assert (at.waiting("git"), at.waiting("api")) == (0, 1)


@dataclass
class Slow(Sink):
    """Takes its time until it is let go."""

    name: str = "slow"
    gate: threading.Event = field(default_factory=threading.Event)
    turns: int = 0

    def wait(self) -> timedelta:
        return timedelta(0)

    def take(self) -> Taken:
        self.turns += 1
        self.gate.wait(30)
        return Taken(1)


def test_a_sink_that_hangs_is_left_to_itself(at: Desk) -> None:
    slow, box = Slow(), Postbox()
    recorder = at.recorder(slow, at.api_sink(box, URL), patience=SECOND / 2)
    at.end("e1")
    assert recorder.step() == 1
    at.end("e2")
    assert recorder.step() == 1
    assert box.keys == ["e1", "e2"]
    assert slow.turns == 1
    assert recorder.wait() < SECOND
    arrived, faults = recorder.flush(within=timedelta(0))
    assert arrived == 0
    assert any("slow" in fault.message for fault in faults)
    slow.gate.set()
    assert until(recorder.step) == 1


def test_a_sink_that_cannot_be_asked_is_told_of_by_its_kind(at: Desk) -> None:
    class Broken(Slow):
        def take(self) -> Taken:
            raise Stalled("the key is missing", help="put it there")

    recorder = at.recorder(Broken())
    assert recorder.step() == 0
    assert recorder.wait() >= 2.5 * SECOND
    [told] = at.troubles()
    assert "the key is missing; put it there" in told
    assert recorder.step() == 0
    assert len(at.troubles()) == 1


def test_what_all_sinks_have_needs_not_be_looked_at_again(at: Desk, tmp_path: Path) -> None:
    host, box = MemoryHost(is_away=True), Postbox()
    recorder = at.recorder(to_memory(at, host, tmp_path), at.api_sink(box, URL))
    at.end("e1")
    recorder.flush()
    assert at.waiting("new sink") == 1
    host.is_away = False
    recorder.flush()
    assert at.waiting("new sink") == 0


def test_an_execution_that_was_deleted_is_no_trouble(at: Desk, tmp_path: Path) -> None:
    host, box = MemoryHost(), Postbox()
    recorder = at.recorder(to_memory(at, host, tmp_path), at.api_sink(box, URL))
    at.end("e1", "e2", flow=FlowName("team", "b"))
    at.store.delete("e1")
    assert recorder.flush() == (2, [])
    assert (executions(host), box.keys) == (["e2"], ["e2"])


def test_sinks_are_named_as_the_store_knows_them(at: Desk, tmp_path: Path) -> None:
    sinks: list[GitSink | ApiSink] = [to_memory(at, MemoryHost(), tmp_path), at.api_sink(Postbox(), URL)]
    assert [sink.name for sink in sinks] == ["git", "api"]
