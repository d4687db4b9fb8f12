"""io.kestra.plugin.core.http.Request: one request, its answer as outputs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from penstock.duration import parse_duration
from penstock.errors import UserError
from penstock.flow.model import Level
from penstock.ports.http import Request, Response
from penstock.tasks.base import Context, Result, TaskFailed, TaskType
from penstock.tasks.http_form import is_multipart, multipart
from penstock.tasks.http_models import AuthType, Options, RequestProperties, Timeout

CONNECT_TIMEOUT = timedelta(seconds=10)
READ_TIMEOUT = timedelta(minutes=5)
MOST_CONTENT = 10 * 1024 * 1024


class HttpRequest(TaskType):
    """Sends one request. Its answer must have a status under 400, unless it is said otherwise."""

    type = "io.kestra.plugin.core.http.Request"
    properties = RequestProperties

    def run(self, properties: RequestProperties, context: Context) -> Result:
        options = properties.options or Options.model_validate({})
        refuse_later(properties, options)
        answer = context.http.send(request_of(properties, options, context))
        method = properties.method.value
        context.log(Level.DEBUG, f"{method} {answer.url}: {answer.status}, {len(answer.content)} bytes")
        outputs = {
            "uri": answer.url,
            "code": answer.status,
            "headers": {name: list(values) for name, values in answer.headers.items()},
            "body": _text(answer, options.default_charset),
        }
        if not is_taken(properties, options, answer.status):
            raise TaskFailed(f"{method} {answer.url}: the answer has status {answer.status}", outputs=outputs)
        return Result(outputs)


def refuse_later(properties: RequestProperties, options: Options) -> None:
    refuse_unknown({"encryptBody": properties.encrypt_body, "sslOptions": properties.ssl_options}, options)


def refuse_unknown(given: Mapping[str, object], options: Options) -> None:
    """Raises UserError for what of a request, and of how it is sent, cannot be done."""
    given = {**given, "options.ssl": options.ssl, "options.proxy": options.proxy or options.proxy_address}
    later = [name for name, value in given.items() if value]
    if later:
        raise UserError(f"`{'`, `'.join(later)}` of http.Request cannot be honoured by this version")


def request_of(properties: RequestProperties, options: Options, context: Context) -> Request:
    headers = {name: value for name, value in (properties.headers or {}).items() if value is not None}
    body = properties.body if isinstance(properties.body, str | None) else json.dumps(properties.body)
    names = {name.lower() for name in headers}
    if properties.content_type:
        headers["Content-Type"] = properties.content_type
    elif body is not None and "content-type" not in names:
        headers["Content-Type"] = "application/json" if _is_json(body) else "text/plain; charset=utf-8"
    content = body.encode() if body is not None else None
    form = _form(properties.form_data)
    if properties.form_data and is_multipart(properties.content_type):
        content, headers["Content-Type"] = multipart(properties.form_data, context)
        form = None
    params = [(name, value) for name, value in (properties.params or {}).items() if value is not None]
    return built(properties.method.value, properties.uri, params, headers, options, content=content, form=form)


def built(
    method: str,
    uri: str,
    params: Sequence[tuple[str, str]],
    headers: Mapping[str, str],
    options: Options,
    *,
    content: bytes | None,
    form: Mapping[str, str] | None = None,
) -> Request:
    """The request as it is sent, whoever makes it: a task, or `http()` in an expression."""
    basic, bearer = _credentials(options)
    if bearer is not None:
        headers = {**headers, "Authorization": f"Bearer {bearer}"}
    timeout = options.timeout or Timeout.model_validate({})
    read = timeout.read_idle_timeout or options.read_idle_timeout or options.read_timeout
    return Request(
        method=method,
        url=_with_params(uri, params),
        headers=headers,
        content=content,
        form=form,
        basic_auth=basic,
        connect_timeout=_length(timeout.connect_timeout or options.connect_timeout, CONNECT_TIMEOUT),
        read_timeout=_length(read, READ_TIMEOUT),
        follow_redirects=options.follow_redirects,
        max_content=options.max_content_length or MOST_CONTENT,
    )


def _form(fields: Mapping[str, Any] | None) -> dict[str, str] | None:
    if not fields:
        return None
    return {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in fields.items()
    }


def _credentials(options: Options) -> tuple[tuple[str, str] | None, str | None]:
    """Name and password, or a token."""
    auth = options.auth
    if auth is not None and auth.type is AuthType.BEARER:
        return None, auth.token or ""
    user = auth.username if auth is not None else options.basic_auth_user
    password = auth.password if auth is not None else options.basic_auth_password
    return ((user, password or "") if user is not None else None), None


def _length(given: timedelta | str | None, default: timedelta) -> timedelta:
    if given is None:
        return default
    return parse_duration(given) if isinstance(given, str) else given


def _with_params(uri: str, params: Sequence[tuple[str, str]]) -> str:
    if not params:
        return uri
    parts = urlsplit(uri)
    query = "&".join(part for part in (parts.query, urlencode(params)) if part)
    return urlunsplit(parts._replace(query=query))


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _text(answer: Response, charset: str | None) -> str | None:
    """The body as text, by the charset that the answer declares; null when there is none."""
    if not answer.content:
        return None
    declared = ";".join(answer.headers.get("content-type", ())).partition("charset=")[2].partition(";")[0].strip(' "')
    try:
        return answer.content.decode(declared or charset or "utf-8", errors="replace")
    except LookupError:
        return answer.content.decode("utf-8", errors="replace")


def is_taken(properties: RequestProperties, options: Options, status: int) -> bool:
    if properties.allow_failed or options.allow_failed:
        return True
    if options.allowed_response_codes is not None:
        return status in options.allowed_response_codes
    return status < 400
