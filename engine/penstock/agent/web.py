"""`http()` in an expression: its call as a request, through the guard that every request goes through."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from http import HTTPStatus
from urllib.parse import urlencode

from penstock.errors import UserError
from penstock.expression import WebAnswer, WebCall
from penstock.ports.http import Http, Incoming, Request, Response

LONGEST = timedelta(seconds=60)
"""So long an expression waits for an answer, all in all."""

MOST_ANSWERED = 10 * 1024 * 1024
"""The longest answer (bytes): what expressions hold is in memory."""

_FORM = "application/x-www-form-urlencoded"


def ask(http: Http, call: WebCall) -> WebAnswer:
    """Raises UserError for what cannot be asked or must not be, Retryable when no answer comes in time."""
    answer = http.send(request_of(call))
    kind = "; ".join(answer.headers.get("content-type", ())) or None
    return WebAnswer(answer.status, _reason(answer.status), kind, answer.content)


class NoWeb(Http):
    """Where nobody may be asked: what starts executions waits for no answer."""

    def send(self, request: Request) -> Response:
        raise UserError(
            "`http` cannot be called before the execution has begun", help="call it in a task, and use its outputs"
        )

    def stream(self, request: Request) -> AbstractContextManager[Incoming]:
        raise UserError("`http` cannot be called before the execution has begun")


def request_of(call: WebCall) -> Request:
    from dataclasses import replace

    from penstock.tasks.filling import filled  # here, because pydantic is only needed where something is asked
    from penstock.tasks.http import built, refuse_unknown
    from penstock.tasks.http_models import Method, Options

    if call.method not in Method.__members__:
        raise UserError(f"`{call.method}` is no method of HTTP", help=f"it is one of {', '.join(Method.__members__)}")
    options = filled(Options, call.options, "the argument `options` of `http`")
    refuse_unknown({}, options)
    headers = {name: ", ".join(_texts(value)) for name, value in call.headers.items()}
    named = {name.lower() for name in headers}
    if "accept" not in named:
        headers["Accept"] = call.accept
    content = _content(call.body, call.content_type) if call.body is not None else None
    if content is not None:
        headers = {name: value for name, value in headers.items() if name.lower() != "content-type"}
        headers["Content-Type"] = call.content_type
    params = [(name, text) for name, value in call.query.items() for text in _texts(value)]
    request = built(call.method, call.uri, params, headers, options, content=content)
    return replace(request, deadline=LONGEST, max_content=min(request.max_content, MOST_ANSWERED))


def _texts(value: object) -> list[str]:
    """A value, or those of a list, as texts; none for null."""
    if isinstance(value, list | tuple):
        return [text for item in value for text in _texts(item)]
    if value is None:
        return []
    return [value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)]


def _content(body: object, content_type: str) -> bytes:
    """A text is sent as it is. Data is written as the type says; JSON is YAML too."""
    if isinstance(body, str):
        return body.encode()
    kind = content_type.partition(";")[0].strip().lower()
    if kind == _FORM and isinstance(body, Mapping):
        return urlencode([(name, text) for name, value in body.items() for text in _texts(value)]).encode()
    if kind.endswith(("json", "yaml")):
        return json.dumps(_plain(body), ensure_ascii=False, separators=(",", ":")).encode()
    if isinstance(body, Mapping | list | tuple):
        raise UserError(
            f"a body that is no text cannot be sent as `{content_type}`", help="`body=value | toJson` makes it one"
        )
    return _texts(body)[0].encode()


def _plain(value: object) -> object:
    """Lazy views as plain data; moments as text."""
    if isinstance(value, Mapping):
        return {str(key): _plain(value[key]) for key in value}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | bool | int | float | None) else str(value)


def _reason(status: int) -> str:
    return HTTPStatus(status).phrase if status in HTTPStatus.__members__.values() else ""
