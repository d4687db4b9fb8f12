"""`http.Request`: what is sent for which properties, and what the answer becomes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from penstock.errors import UserError
from penstock.ports.http import Request, Response
from penstock.tasks.base import TaskFailed
from unit.tasks.fakes import AskedHttp, HandContext, context, run

REQUEST = "io.kestra.plugin.core.http.Request"
URL = "https://example.org/a"


def asking(answer: Response | None = None, variables: dict[str, Any] | None = None, **properties: Any) -> HandContext:
    world = context(REQUEST, {"uri": URL, **properties}, variables=variables or {})
    world.http = AskedHttp(answer)
    return world


def sent(variables: dict[str, Any] | None = None, **properties: Any) -> Request:
    world = asking(variables=variables, **properties)
    run(world)
    return world.http.asked[0]


def test_the_plain_request() -> None:
    assert sent() == Request("GET", URL, connect_timeout=timedelta(seconds=10), read_timeout=timedelta(minutes=5))


def test_the_answer_becomes_outputs() -> None:
    answer = Response(f"{URL}?x", 201, {"content-type": ("text/plain; charset=latin-1",), "a": ("1", "2")}, b"\xe4")
    assert run(asking(answer)).outputs == {
        "uri": f"{URL}?x",
        "code": 201,
        "headers": {"content-type": ["text/plain; charset=latin-1"], "a": ["1", "2"]},
        "body": "ä",
    }


def test_a_status_of_400_fails_and_keeps_the_outputs() -> None:
    with pytest.raises(TaskFailed, match=f"^GET {URL}: the answer has status 503$") as failed:
        run(asking(Response(URL, 503, {}, b"later")))
    assert failed.value.outputs["body"] == "later"


@pytest.mark.parametrize(
    "properties",
    [
        {"allowFailed": True},
        {"allowFailed": "{{ yes }}"},
        {"options": {"allowFailed": True}},
        {"options": {"allowedResponseCodes": [404, 503]}},
    ],
)
def test_a_failure_may_be_allowed(properties: dict[str, Any]) -> None:
    world = asking(Response(URL, 503, {}, b""), {"yes": True}, **properties)
    assert run(world).outputs["code"] == 503


def test_only_the_allowed_codes_are_taken() -> None:
    with pytest.raises(TaskFailed):
        run(asking(Response(URL, 200, {}, b""), options={"allowedResponseCodes": [404]}))


def test_a_body_is_rendered_and_sent() -> None:
    request = sent({"n": 3}, method="POST", body="n={{ n }}", contentType="application/x-thing")
    assert (request.method, request.content) == ("POST", b"n=3")
    assert request.headers["Content-Type"] == "application/x-thing"


def test_a_body_that_is_a_mapping_is_sent_as_json() -> None:
    request = sent({"n": 3}, method="PUT", body={"n": "{{ n }}"})
    assert request.content == b'{"n": "3"}'
    assert request.headers["Content-Type"] == "application/json"


def test_headers_parameters_and_timeouts() -> None:
    options = {"timeout": {"connectTimeout": "PT2S", "readIdleTimeout": "{{ t }}"}, "followRedirects": "false"}
    request = sent({"t": "PT3S"}, headers={"A": 1, "B": None}, params={"q": "a b"}, options=options)
    assert request.headers == {"A": "1"}
    assert request.url == f"{URL}?q=a+b"
    assert (request.connect_timeout, request.read_timeout) == (timedelta(seconds=2), timedelta(seconds=3))
    assert not request.follow_redirects


def test_the_older_spellings_are_read() -> None:
    request = sent(
        options={"connectTimeout": "PT1S", "readTimeout": "PT4S", "basicAuthUser": "u", "basicAuthPassword": "p"}
    )
    assert (request.connect_timeout, request.read_timeout) == (timedelta(seconds=1), timedelta(seconds=4))
    assert request.basic_auth == ("u", "p")


def test_credentials() -> None:
    basic = sent(options={"auth": {"type": "BASIC", "username": "u", "password": "{{ p }}"}}, variables={"p": "x"})
    assert basic.basic_auth == ("u", "x")
    assert sent(options={"auth": {"type": "BEARER", "token": "t"}}).headers["Authorization"] == "Bearer t"


def test_a_form_is_sent_as_fields() -> None:
    request = sent(method="POST", formData={"a": "1", "b": [1, 2]})
    assert request.form == {"a": "1", "b": "[1, 2]"}


def test_a_form_of_parts_holds_files() -> None:
    world = asking(method="POST", contentType="multipart/form-data", formData={"note": "hi", "file": "{{ uri }}"})
    uri = world.uri("a.csv")
    world.files.name(uri, world.files.put(b"1,2"))
    world.variables = {"uri": uri}
    run(world)
    request = world.http.asked[0]
    boundary = request.headers["Content-Type"].partition("boundary=")[2]
    assert request.form is None
    assert (
        request.content
        == (
            f'--{boundary}\r\nContent-Disposition: form-data; name="note"\r\n\r\nhi\r\n'
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n'
            f"Content-Type: application/octet-stream\r\n\r\n1,2\r\n--{boundary}--\r\n"
        ).encode()
    )


@pytest.mark.parametrize("uri", ["nsfile:///sql/a.sql", "kestra:///demo/_files/sql/a.sql"])
def test_a_form_of_parts_holds_files_of_the_namespace(uri: str) -> None:
    world = asking(method="POST", contentType="multipart/form-data", formData={"file": uri})
    world.namespace_files.files["demo"] = {"sql/a.sql": b"select 1"}
    run(world)
    content = world.http.asked[0].content
    assert content is not None
    assert b'filename="a.sql"' in content
    assert b"select 1" in content


def test_a_file_of_another_execution_is_not_sent() -> None:
    uri = "kestra:///demo/f/executions/other/tasks/t/r/a.csv"
    with pytest.raises(UserError, match="didn't belong to the current execution"):
        run(asking(method="POST", contentType="multipart/form-data", formData={"f": uri}))


@pytest.mark.parametrize("properties", [{"encryptBody": True}, {"options": {"proxy": {"address": "proxy"}}}])
def test_what_cannot_be_honoured_is_refused(properties: dict[str, Any]) -> None:
    world = asking(**properties)
    with pytest.raises(UserError, match="cannot be honoured"):
        run(world)
    assert world.http.asked == []
