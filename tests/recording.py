"""Executions that are over, sinks over them, and a receiver of results that behaves as badly as it is told to."""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from conftest import ROOT
from fakes.git import RealHost, git
from penstock.adapters.files import LocalFiles
from penstock.adapters.http import GuardedHttp, Reach
from penstock.adapters.logs import FrameLogs
from penstock.adapters.sqlite import SqliteStore
from penstock.agent.news import News, Topic
from penstock.agent.recorder import Recorder
from penstock.agent.results import Results
from penstock.agent.sinks.api import ApiSink
from penstock.agent.sinks.git import GitSink
from penstock.agent.sinks.sink import Sink
from penstock.diagnostic import FlowName
from penstock.execution.apply import begin, extend
from penstock.execution.event import (
    AttemptEnded,
    AttemptStarted,
    Event,
    ExecutionCreated,
    ExecutionEnded,
    ExecutionStarted,
    Phase,
    ScopeOpened,
    TaskRunCreated,
    TaskRunEnded,
)
from penstock.execution.model import Execution
from penstock.execution.state import State
from penstock.flow.model import Kind, Level
from penstock.ports.clock import HeldClock
from penstock.ports.git import ResultsBranch
from penstock.ports.http import Http
from penstock.ports.logs import LogKey
from penstock.ports.store import Creation, Session

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
A = FlowName("team", "a")
BRANCH = "penstock/results/box/2026-11"
SECOND = timedelta(seconds=1)
COMMIT, BLOB = "c" * 40, "b" * 40


def ended(
    id_: str,
    flow: FlowName = A,
    *,
    created: datetime = START,
    state: State = State.SUCCESS,
    tasks: tuple[str, ...] = (),
    outputs: Mapping[str, Any] | None = None,
    task_outputs: Mapping[str, Any] | None = None,
    log: Mapping[str, Any] | None = None,
    took: timedelta = 2 * SECOND,
) -> tuple[Execution, tuple[Event, ...]]:
    """An execution that is over, and its events. Each of its tasks ended as it did."""
    at = created + took
    source = {"repository": "https://example.com/team/flows.git", "commit": COMMIT, "blob": BLOB}
    events: list[Event] = [
        ExecutionCreated(
            at=created, id=id_, namespace=flow.namespace, flow_id=flow.id, revision=1, flow_digest="d", source=source
        ),
        ExecutionStarted(at=created),
        ScopeOpened(at=created, run=None, phase=Phase.MAIN, lanes=max(len(tasks), 1), width=0),
    ]
    for n, task in enumerate(tasks):
        run = f"{id_}-{n}"
        place = {"parent": None, "phase": Phase.MAIN, "lane": n, "position": 0, "last": True, "gated": False}
        events += [
            TaskRunCreated(at=created, run=run, task=task, kind=Kind.WORKER, **place),  # type: ignore[arg-type]
            AttemptStarted(at=created, run=run, attempt=1, session="agent-1", epoch=1),
            AttemptEnded(at=at, run=run, attempt=1, state=state, log=log or {}, outputs=task_outputs or {}),
            TaskRunEnded(at=at, run=run, state=state),
        ]
    events.append(ExecutionEnded(at=at, state=state, outputs=outputs))
    return extend(begin(events[0]), events[1:]), tuple(events)  # type: ignore[arg-type]


@dataclass
class Desk:
    """One data folder, as an agent that is not there has left it, and a clock in the hand."""

    folder: Path
    clock: HeldClock = field(default_factory=lambda: HeldClock(START))
    news: list[News] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = SqliteStore(self.folder / "store.db")
        self.logs = FrameLogs(self.folder / "logs")
        self.files = LocalFiles(self.folder / "files")
        self.session: Session = self.store.open_session(name="box", kind="agent", pid=7, at=START)

    def end(self, *ids: str, flow: FlowName = A, **how: Any) -> None:
        """Executions that have just ended."""
        how.setdefault("created", self.clock.now())
        self.admit(*(ended(id_, flow, **how) for id_ in ids))

    def admit(self, *over: tuple[Execution, tuple[Event, ...]]) -> None:
        creations = [Creation(execution, events, None) for execution, events in over]
        self.store.create(creations, session=self.session)

    def log(self, execution: str, *lines: str, run: int = 0) -> dict[str, Any]:
        """What the first attempt of a task run has said; what its end tells of it."""
        writer = self.logs.open(self.log_key(execution, run), max_bytes=1 << 30)
        for line in lines:
            writer.write("stdout", Level.INFO, line.encode())
        summary = writer.close(final=True)
        self.logs.settle()
        return {"bytes": summary.bytes, "digest": summary.digest, "lines": summary.lines}

    @staticmethod
    def log_key(execution: str, run: int = 0) -> LogKey:
        return LogKey(execution, f"{execution}-{run}", 1)

    def results(self) -> Results:
        return Results(self.logs, self.files, self.store)

    def recorder(self, *sinks: Sink, patience: timedelta = 60 * SECOND) -> Recorder:
        return Recorder(self.store, sinks, self.clock, self.news.append, draw=lambda: 0.5, patience=patience)

    def git_sink(self, branch_of: Callable[[str], ResultsBranch], **more: Any) -> GitSink:
        about = {"agent": "box", "repository": "https://example.com/team/flows.git", "flows_branch": "main", **more}
        return GitSink(self.store, self.results(), branch_of, self.clock, self.news.append, **about)

    def api_sink(self, http: Http, url: str, *, token: str | None = None, **more: Any) -> ApiSink:
        about = {"token": lambda: token, "draw": lambda: 0.5, **more}
        return ApiSink(self.store, http, url, self.clock, self.news.append, **about)

    def to_real(self, host: RealHost, name: str = "mine") -> GitSink:
        """A sink to a real repository, with a folder of ours for each branch."""
        return self.git_sink(lambda branch: host.results(self.folder / name / branch.rpartition("/")[2], branch))

    def waiting(self, sink: str) -> int:
        return self.store.count_unrecorded(sink)

    def troubles(self) -> list[str]:
        return [each.text for each in self.news if each.is_trouble]

    def told(self, topic: Topic) -> list[str]:
        return [each.text for each in self.news if each.topic is topic]

    def drain(self, recorder: Recorder, sink: str, within: timedelta = timedelta(hours=1)) -> None:
        """Let time pass until nothing waits for `sink`, as the agent's loop would."""
        ends = self.clock.now() + within
        while self.waiting(sink):
            assert self.clock.now() < ends, f"{self.waiting(sink)} wait for {sink} still: {self.troubles()}"
            if not recorder.step():
                self.clock.advance(max(recorder.wait(), SECOND / 10))

    def ripen(self, recorder: Recorder) -> None:
        """Let so much time pass that what waits is due: the gap after a push, then the wait for company."""
        self.clock.advance(15 * SECOND)
        recorder.wait()
        self.clock.advance(15 * SECOND)

    def close(self) -> None:
        self.logs.settle()
        self.store.close()


@contextmanager
def desk(folder: Path) -> Iterator[Desk]:
    made = Desk(folder)
    try:
        yield made
    finally:
        made.close()


def program_path() -> dict[str, str]:
    """The environment of a program of a test's own, which finds the engine and the tests."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(str(ROOT / name) for name in ("engine", "tests"))}


# ── what is on a branch ──


def on_branch(host: RealHost, branch: str = BRANCH) -> Counter[str]:
    """How often each execution is on the branch: by the trailers of its commits, which must agree with its tree."""
    messages = git("log", "--format=%B", branch, cwd=host.bare).splitlines()
    counts = Counter(line.removeprefix("Execution-Id: ") for line in messages if line.startswith("Execution-Id: "))
    paths = git("ls-tree", "-r", "--name-only", branch, cwd=host.bare).splitlines()
    folders = Counter(path.split("/")[-2] for path in paths if path.endswith("/execution.json"))
    assert counts == folders
    return counts


def shown(host: RealHost, path: str, branch: str = BRANCH) -> str:
    return git("show", f"{branch}:{path}", cwd=host.bare)


def subjects(host: RealHost, branch: str = BRANCH) -> list[str]:
    return git("log", "--format=%s", branch, cwd=host.bare).splitlines()


# ── a receiver of results ──


@dataclass
class Post:
    """What arrived whole."""

    key: str
    body: Any
    headers: Mapping[str, str]
    port: int


@dataclass
class Receiver:
    """`behave` is asked for each POST that has arrived, and says what is done: a status, with headers; `stall` says
    nothing for as long as the server lives; `drop` closes the connection without a word."""

    behave: Callable[[Post], tuple[int, Mapping[str, str]] | str] = lambda post: (204, {})
    posts: list[Post] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    port: int = 0
    is_over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/results?token=hush"

    @property
    def keys(self) -> list[str]:
        return [post.key for post in self.posts]

    @contextmanager
    def serving(self, port: int = 0) -> Iterator[Receiver]:
        receiver = self

        class Handler(_Handler):
            host = receiver

        with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
            server.daemon_threads = True
            self.port = server.server_address[1]
            thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01), daemon=True)
            thread.start()
            try:
                yield self
            finally:
                self.is_over.set()
                server.shutdown()
                thread.join()


class _Handler(BaseHTTPRequestHandler):
    host: Receiver
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        post = Post(self.headers["Idempotency-Key"], json.loads(body), dict(self.headers), self.client_address[1])
        self.host.posts.append(post)
        does = self.host.behave(post)
        if does == "stall":
            self.host.is_over.wait()
            self.close_connection = True
            return
        if does == "drop":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            return
        assert not isinstance(does, str)
        status, headers = does
        if 200 <= status < 300 or status == 409:
            self.host.acknowledged.append(post.key)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", "2")
        self.end_headers()
        if status != 204:
            self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base
        """Nothing: a test says itself what went wrong."""


@contextmanager
def guarded_http() -> Iterator[GuardedHttp]:
    http = GuardedHttp(Reach(private=True))
    try:
        yield http
    finally:
        http.close()
