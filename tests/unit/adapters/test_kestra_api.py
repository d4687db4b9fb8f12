"""Requests to a Kestra server: where its API begins, what is tried again and for how long, what is an error."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest

from penstock.adapters.kestra.api import Api, Credentials
from penstock.errors import PenstockError, Refused, Retryable, Unauthorised, UserError
from penstock.ports.http import Http, Incoming, Request, Response


class Answers(Http):
    """Gives what it was told, one after another, and keeps what it was asked. None is no answer."""

    def __init__(self, *answers: tuple[int, Any] | None, headers: dict[str, tuple[str, ...]] | None = None) -> None:
        self._answers: Iterator[tuple[int, Any] | None] = iter(answers)
        self._headers = headers or {}
        self.asked: list[Request] = []

    def send(self, request: Request) -> Response:
        self.asked.append(request)
        answer = next(self._answers)
        if answer is None:
            raise Retryable("nobody answers")
        return Response(request.url, answer[0], self._headers, json.dumps(answer[1]).encode())

    def stream(self, request: Request) -> AbstractContextManager[Incoming]:
        raise NotImplementedError


OLD, NEW = (200, {"version": "0.21.4"}), (200, {"version": "1.1.0"})


def api(http: Answers, **more: Any) -> tuple[Api, list[timedelta]]:
    waited: list[timedelta] = []
    return Api(http, "http://kestra/base/", wait=waited.append, **more), waited


@pytest.mark.parametrize(
    ("configs", "tenant", "path"),
    [
        (OLD, None, "flows"),
        (OLD, "eu", "eu/flows"),
        (NEW, None, "main/flows"),
        ((200, {"version": "2.0.0-SNAPSHOT"}), None, "main/flows"),
        ((404, {}), None, "main/flows"),
        (NEW, "a/b", "a%2Fb/flows"),
    ],
)
def test_the_version_says_whether_there_are_tenants(configs: tuple[int, Any], tenant: str | None, path: str) -> None:
    http = Answers(configs, (200, []))

    api(http, tenant=tenant)[0].get("flows")

    assert [one.url for one in http.asked] == ["http://kestra/base/api/v1/configs", f"http://kestra/base/api/v1/{path}"]


def test_a_token_goes_before_a_user() -> None:
    http = Answers(NEW, NEW)

    api(http, credentials=Credentials("ada", "secret", "token"))[0].get("flows")

    assert {(one.headers["Authorization"], one.basic_auth) for one in http.asked} == {("Bearer token", None)}
    assert "secret" not in repr(Credentials("ada", "secret", "token"))


def test_what_passes_is_tried_over_with_longer_and_longer_pauses() -> None:
    http = Answers(NEW, None, (503, {}), (429, {}), (200, "done"))

    made, waited = api(http)

    assert json.loads(made.get("flows").content) == "done"
    assert waited == [timedelta(milliseconds=250), timedelta(milliseconds=750), timedelta(milliseconds=2250)]


def test_a_server_may_say_how_long_but_not_for_ever() -> None:
    made, waited = api(Answers(NEW, (429, {}), (200, ""), headers={"retry-after": ("600",)}))

    made.get("flows")

    assert waited == [timedelta(seconds=20)]


@pytest.mark.parametrize(
    ("answers", "kind", "says"),
    [
        ([None] * 4, Retryable, "nobody answers"),
        ([(502, {})] * 4, Retryable, "the server answers 502"),
        ([(500, {"message": "NullPointer"})] * 4, Refused, "the server fails at it (500): NullPointer"),
        ([(401, {})], Unauthorised, "does not know who asks"),
        ([(403, {"message": "no"})], Unauthorised, "does not allow it (403): no"),
        ([(422, {"message": "Invalid\nentity"})], Refused, "(422): Invalid entity"),
        ([(302, {})], UserError, "says to look at another place"),
    ],
)
def test_an_answer_that_is_none_is_told_as_what_it_is(
    answers: list[tuple[int, Any] | None], kind: type[PenstockError], says: str
) -> None:
    http = Answers(NEW, *answers)

    with pytest.raises(PenstockError) as told:
        api(http)[0].get("flows")

    assert type(told.value) is kind
    assert says in told.value.message
    assert len(http.asked) == 1 + len(answers)


class Pages(Answers):
    """A web server of something else."""

    def send(self, request: Request) -> Response:
        return Response(request.url, 200, {}, b"<html>")


def test_a_page_is_no_api() -> None:
    with pytest.raises(UserError, match="not the API"):
        Api(Pages(), "http://kestra").get("flows")
