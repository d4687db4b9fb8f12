"""The double of a Kestra server answers its usual clients as the server does, and ours asks what they ask."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request, urlopen

import pytest

from kestra_api import server as double
from kestra_api.server import Asked, KestraApi, serving
from penstock.adapters.http import GuardedHttp, Reach
from penstock.adapters.kestra.api import Api
from penstock.adapters.kestra.target import KestraTarget
from penstock.diagnostic import FlowName

CLIENTS: dict[str, Any] = json.loads(Path(double.__file__).with_name("clients.json").read_text())["clients"]
FLOW = "id: etl\nnamespace: company.team\ntasks:\n  - {id: say, type: io.kestra.plugin.core.log.Log, message: hi}\n"
OTHER = FLOW.replace("id: etl", "id: other")
BODIES = {
    "flow": FLOW,
    "other": OTHER,
    "both": f"{FLOW}\n---\n{OTHER}",
    "invalid": "id: etl\nnamespace: company.team\n",
}
NAME = FlowName("company.team", "etl")


@pytest.fixture
def api() -> Iterator[KestraApi]:
    with serving(KestraApi()) as running:
        yield running


def form(filename: str) -> tuple[bytes, str]:
    head = f'--b\r\nContent-Disposition: form-data; name="fileContent"; filename="{filename}"\r\n\r\n'
    return f"{head}select 1\r\n--b--\r\n".encode(), "multipart/form-data; boundary=b"


def send(api: KestraApi, step: Mapping[str, Any]) -> tuple[int, bytes]:
    body, type_ = BODIES.get(step.get("body", ""), step.get("body", "")).encode(), step.get("type")
    if step.get("body") == "file":
        body, type_ = form(step["filename"])
    headers = {**step.get("headers", {}), **({"Content-Type": type_} if type_ else {})}
    url = f"{api.url}/api/v1/main/{step['path']}"
    try:
        with urlopen(Request(url, body or None, headers, method=step["method"])) as answer:
            return answer.status, answer.read()
    except HTTPError as error:
        return error.code, error.read()


@pytest.mark.parametrize("client", CLIENTS)
def test_requests_of_the_usual_clients_are_answered(client: str, api: KestraApi) -> None:
    told = CLIENTS[client]
    if told.get("given"):
        api.put(FLOW)

    for step in told["steps"]:
        status, content = send(api, step)
        assert status == step["status"], content
        match step.get("answer"):
            case str() as text:
                assert content.decode() == text
            case dict() as data:
                assert json.loads(content) == data

    assert list(api.sources()) == told.get("flows", [])
    assert list(api.files.get("company.team", {})) == told.get("files", [])


def test_an_error_comes_as_a_message(api: KestraApi) -> None:
    """What `deploy-action` prints of it, and what ours tells as the result of the flow."""
    status, content = send(api, CLIENTS["deploy-action: an invalid flow"]["steps"][0])

    assert (status, set(json.loads(content))) == (422, {"message"})


# ── ours ──


def shape(method: str, path: str, query: Mapping[str, list[str]], type_: str | None) -> tuple[Any, ...]:
    return method, path, dict(query), (type_ or "").partition(";")[0]


def of_theirs(step: Mapping[str, Any]) -> tuple[Any, ...]:
    parts = urlsplit(step["path"])
    return shape(step["method"], parts.path, parse_qs(parts.query), step.get("type"))


def of_ours(one: Asked) -> tuple[Any, ...]:
    return shape(one.method, one.path, one.query, one.headers.get("Content-Type"))


@pytest.mark.parametrize(
    "client",
    [
        "terraform: a flow from its making to its end", "cli: flow create, update, delete",
        "terraform: a namespace file", "kestractl: nsfiles upload, get, delete",
    ],
)  # fmt: skip
def test_ours_are_those_of_the_usual_clients_for_the_same_job(client: str, api: KestraApi) -> None:
    http = GuardedHttp(Reach(private=True))
    target = KestraTarget(Api(http, api.url))
    if "flow" in client:
        target.put_flow(NAME, FLOW, is_new=True)
        target.put_flow(NAME, FLOW, is_new=False)
        target.delete_flow(NAME)
    else:
        target.put_file("company.team", "sql/q.sql", b"select 1")
        target.delete_file("company.team", "sql/q.sql")
    http.close()

    theirs = [step for step in CLIENTS[client]["steps"] if step["method"] != "GET"]
    ours = [one for one in api.asked if one.is_write]
    assert [of_ours(one) for one in ours] == [of_theirs(step) for step in theirs]
    for one, step in zip(ours, theirs, strict=True):
        if step.get("body") == "flow":
            assert one.body.decode() == FLOW
        elif step.get("body") == "file":
            assert one.body.count(b'name="fileContent"') == 1
            assert b"\r\n\r\nselect 1\r\n" in one.body


def test_an_archive_is_a_file_like_any_other_whatever_the_cli_does(api: KestraApi) -> None:
    """A server unpacks what is called an archive: the CLI sends a file by its own name, ours never does."""
    http = GuardedHttp(Reach(private=True))
    KestraTarget(Api(http, api.url)).put_file("company.team", "lib.zip", b"PK, and no archive")
    http.close()

    assert api.files["company.team"] == {"lib.zip": b"PK, and no archive"}
