"""What expressions reach outside: files and how much of them, keys, addresses, what was logged."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from fakes.files import MemoryFiles
from fakes.kv import MemoryKv
from fakes.logs import MemoryLogs
from fakes.namespace_files import MemoryNamespaceFiles
from penstock.adapters.secrets import EnvSecrets
from penstock.adapters.secrets.masking import Masker
from penstock.agent.web import LONGEST
from penstock.agent.world import MOST_ERRORS, MOST_READ, World
from penstock.diagnostic import FlowName
from penstock.errors import NotFound, UserError
from penstock.execution.model import Execution
from penstock.execution.sealed import PREFIX
from penstock.execution.state import State
from penstock.expression import WebAnswer, WebCall
from penstock.flow.model import Dialect, Flow, Level
from penstock.ports.clock import HeldClock
from penstock.ports.http import Response
from penstock.ports.kv import KvType
from penstock.ports.logs import LogKey
from penstock.ports.storage import input_file
from unit.tasks.fakes import AskedHttp

FLOW = FlowName("team.data", "f")
OWN = input_file(FLOW, "e1", "x", "own.txt")
OTHERS = input_file(FLOW, "e2", "x", "others.txt")


@pytest.fixture
def world() -> World:
    files, clock = MemoryFiles(), HeldClock()
    for uri, content in {OWN: "größer".encode(), OTHERS: b"secret", OWN + "s": b"x" * (MOST_READ + 1)}.items():
        files.name(uri, files.put(content))
    beside = MemoryNamespaceFiles({"team.data": {"a/b.txt": b"b", "e.txt": b"e"}, "other": {"a/b.txt": b"other"}})
    execution = Execution("e1", FLOW, 1, "", clock.now(), State.RUNNING, ())
    return World(
        Flow(FLOW.namespace, FLOW.id, ()),
        execution,
        EnvSecrets({}),
        files,
        clock,
        Masker(),
        beside,
        MemoryKv(),
        AskedHttp(),
        MemoryLogs(clock),
        lambda sealed: f"opened {sealed}",
    )


@pytest.mark.parametrize(
    ("path", "namespace", "text"),
    [
        (OWN, None, "größer"),
        ("a/b.txt", None, "b"),
        ("/a/b.txt", None, "b"),
        ("a/b.txt", "other", "other"),
        ("nsfile:///a/b.txt", None, "b"),
        ("nsfile://other/a/b.txt", None, "other"),
        ("kestra:///other/_files/a/b.txt", None, "other"),
    ],
)
def test_own_files_and_those_of_namespaces_are_read(path: str, namespace: str | None, text: str, world: World) -> None:
    assert world.read(path, namespace) == text


@pytest.mark.parametrize(
    ("path", "error", "said"),
    [
        (OTHERS, UserError, f"Unable to read the file '{OTHERS}' as it didn't belong to the current execution"),
        (f"{OWN}/../../../../e2/inputs/x/others.txt", UserError, "out of the storage|is no file of this storage"),
        ("../a/b.txt", NotFound, "there is no file"),
        ("a", NotFound, "there is no file"),
        ("file:///etc/passwd", NotFound, "there is no file"),
        ("/etc/passwd", NotFound, "there is no file"),
        (OWN + "s", UserError, f"at most {MOST_READ} bytes"),
    ],
)
def test_nothing_else_is(path: str, error: type[UserError], said: str, world: World) -> None:
    with pytest.raises(error, match=said):
        world.read(path, None)


@pytest.mark.parametrize(
    ("path", "namespace", "size"),
    [(OWN, None, 8), ("a/b.txt", None, 1), ("a/b.txt", "other", 5), ("nsfile://other/a/b.txt", None, 5)],
)
def test_files_are_measured_where_they_are_read(path: str, namespace: str | None, size: int, world: World) -> None:
    assert world.file_size(path, namespace) == size
    assert world.file_exists(path, namespace)
    assert not world.file_is_empty(path, namespace)


def test_a_file_that_is_not_there_is_not_there(world: World) -> None:
    assert not world.file_exists("a", None)
    assert not world.file_exists(OWN + "x", None)
    with pytest.raises(NotFound):
        world.file_size("a", None)
    with pytest.raises(NotFound):
        world.file_is_empty("a", None)


def test_whether_a_file_of_another_execution_is_there_is_not_told(world: World) -> None:
    with pytest.raises(UserError, match="didn't belong to the current execution"):
        world.file_exists(OTHERS, None)


def started_by(world: World, execution: str) -> World:
    told = {"namespace": FLOW.namespace, "flowId": FLOW.id, "executionId": execution}
    trigger = {"id": "t", "type": "io.kestra.plugin.core.trigger.Flow", "variables": told}
    return replace(world, execution=replace(world.execution, trigger=trigger))


def test_files_of_the_execution_that_started_this_one_are_read(world: World) -> None:
    assert started_by(world, "e2").read(OTHERS, None) == "secret"
    assert started_by(world, "e2").file_size(OTHERS, None) == 6


@pytest.mark.parametrize("path", [OTHERS, "kestra:///team/data/f/executions/e3/../e2/inputs/x/others.txt"])
def test_those_of_a_third_one_are_not(path: str, world: World) -> None:
    with pytest.raises(UserError, match="didn't belong to the parent execution"):
        started_by(world, "e4").read(path, None)


def test_a_key_is_looked_for_in_the_namespaces_above_too(world: World) -> None:
    for namespace, key, value in (("team", "a", 1), ("team.data", "b", {"x": [True]}), ("other", "c", "3")):
        world.kvs.put(namespace, key, value, type=KvType.JSON, now=world.now())
    assert world.kv("a", None, None) == 1
    assert world.kv("b", None, None) == {"x": [True]}
    assert world.kv("c", "other", None) == "3"
    with pytest.raises(NotFound, match=r"The key 'a' does not exist in the namespace 'team\.data'\."):
        world.kv("a", "team.data", None)
    with pytest.raises(NotFound, match=r"The key 'c' does not exist in the namespace 'team\.data'\."):
        world.kv("c", None, True)


@pytest.mark.parametrize("dialect", Dialect)
def test_a_missing_key_is_nothing_before_0_22_and_an_error_since(dialect: Dialect, world: World) -> None:
    read_as = replace(world, flow=replace(world.flow, dialect=dialect))
    assert read_as.kv("none", None, False) is None
    if dialect is Dialect.V0_21:
        assert read_as.kv("none", None, None) is None
    else:
        with pytest.raises(NotFound, match="does not exist"):
            read_as.kv("none", None, None)


def test_a_key_that_has_expired_is_missing_and_a_sealed_value_is_opened(world: World) -> None:
    now = world.now()
    world.kvs.put("team.data", "brief", 1, type=KvType.NUMBER, now=now - timedelta(seconds=2), expires=now)
    world.kvs.put("team.data", "sealed", [f"{PREFIX}abc"], type=KvType.JSON, now=now)
    assert world.kv("brief", None, False) is None
    assert world.kv("sealed", None, None) == ["opened abc"]


def asked(world: World, call: WebCall, answer: Response | None = None) -> tuple[AskedHttp, WebAnswer]:
    http = AskedHttp(answer)
    return http, replace(world, http=http).call(call)


def test_a_call_is_sent_as_a_task_would_send_it_and_for_no_longer_than_a_minute(world: World) -> None:
    call = WebCall(
        "https://example.org/x?a=1",
        method="POST",
        query={"b": ["2", 3], "c": "ä"},
        body={"k": [1, None, "ü"]},
        headers={"X-One": "1", "X-Two": ["a", "b"], "content-type": "text/plain"},
        options={"timeout": {"readIdleTimeout": "PT5S"}, "auth": {"type": "BEARER", "token": "t"}},
        accept="text/csv",
    )
    http, answer = asked(world, call, Response("https://example.org/", 404, {"content-type": ("a/b",)}, b"gone"))
    [request] = http.asked
    assert (request.method, request.url) == ("POST", "https://example.org/x?a=1&b=2&b=3&c=%C3%A4")
    assert dict(request.headers) == {
        "X-One": "1",
        "X-Two": "a, b",
        "Accept": "text/csv",
        "Content-Type": "application/json",
        "Authorization": "Bearer t",
    }
    assert request.content == '{"k":[1,null,"ü"]}'.encode()
    assert (request.read_timeout, request.deadline) == (timedelta(seconds=5), LONGEST)
    assert answer == WebAnswer(404, "Not Found", "a/b", b"gone")


@pytest.mark.parametrize(
    ("body", "content_type", "content"),
    [
        ("a text", "application/json", b"a text"),
        ({"a": "1 2", "b": ["x", "y"]}, "application/x-www-form-urlencoded", b"a=1+2&b=x&b=y"),
        ({"a": 1}, "application/x-yaml", b'{"a":1}'),
        (12, "text/plain", b"12"),
    ],
)
def test_a_body_is_written_as_its_type_says(body: object, content_type: str, content: bytes, world: World) -> None:
    http, _ = asked(world, WebCall("https://example.org", "PUT", body=body, content_type=content_type))
    assert http.asked[0].content == content
    assert http.asked[0].headers["Content-Type"] == content_type


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (WebCall("https://example.org", "BREW"), "`BREW` is no method"),
        (WebCall("https://example.org", body=[1], content_type="text/csv"), "cannot be sent as `text/csv`"),
        (WebCall("https://example.org", options={"nope": 1}), "argument `options`.*`nope`"),
        (WebCall("https://example.org", options={"ssl": {"insecureTrustAllCertificates": True}}), "cannot be honoured"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_it_is_sent(call: WebCall, said: str, world: World) -> None:
    http = AskedHttp()
    with pytest.raises(UserError, match=said):
        replace(world, http=http).call(call)
    assert http.asked == []


def test_errors_are_told_as_kestra_logs_them(world: World) -> None:
    writer = world.logs.open(LogKey("e1", "r1", 2), max_bytes=1 << 20)
    writer.write("stdout", Level.INFO, b"fine")
    writer.write("stderr", Level.ERROR, b"broken")
    writer.close(final=True)
    assert world.error_logs() == [
        {
            "namespace": "team.data",
            "flowId": "f",
            "taskId": None,
            "executionId": "e1",
            "taskRunId": "r1",
            "attemptNumber": 1,
            "timestamp": "2026-01-01T00:00:00Z",
            "level": "ERROR",
            "thread": "stderr",
            "message": "broken",
        }
    ]


def test_of_many_errors_the_first_ones_are_told(world: World) -> None:
    writer = world.logs.open(LogKey("e1", "r1", 1), max_bytes=1 << 20)
    for number in range(MOST_ERRORS + 1):
        writer.write("log", Level.ERROR, b"%d" % number)
    writer.close(final=True)
    told = world.error_logs()
    assert [told[0]["message"], told[-1]["message"], len(told)] == ["0", str(MOST_ERRORS - 1), MOST_ERRORS]
