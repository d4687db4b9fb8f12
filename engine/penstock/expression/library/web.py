"""The function `http`."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.expression.errors import ExpressionError
from penstock.expression.library import arguments
from penstock.expression.library.encodings import read_json
from penstock.expression.library.structured import first_document
from penstock.expression.registry import function
from penstock.expression.scope import Scope
from penstock.expression.stringify import is_list
from penstock.expression.world import WebAnswer, WebCall

_JSON = "application/json"


@function(
    "http",
    "uri",
    ("method", "GET"),
    ("query", None),
    ("body", None),
    ("contentType", _JSON),
    ("headers", None),
    ("options", None),
    ("accept", _JSON),
    impure=True,
    slow=True,
    says="The answer to an HTTP request: a value where it is JSON or YAML, else a text. A status of 400 and above is "
    "an error, unless the options allow it.",
    example="{{ http('https://api.example.com/items').total }}",
    since="0.22",
)
def _http(
    scope: Scope,
    uri: object,
    method: object,
    query: object,
    body: object,
    content_type: object,
    headers: object,
    options: object,
    accept: object,
) -> object:
    """Kestra core, HttpFunction: these arguments in this order."""
    call = WebCall(
        uri=arguments.text(uri, "the argument `uri`"),
        method=(arguments.optional_text(method, "the argument `method`") or "GET").upper(),
        query=_fields(query, "query"),
        body=body,
        content_type=arguments.optional_text(content_type, "the argument `contentType`") or _JSON,
        headers=_fields(headers, "headers"),
        options=_options(options),
        accept=arguments.optional_text(accept, "the argument `accept`") or _JSON,
    )
    answer = scope.world.call(call)
    if not _is_taken(answer.status, call.options):
        raise ExpressionError(
            f"Failed to execute HTTP Request, server respond with status {answer.status} : {answer.reason}"
        )
    return _read(scope, answer)


def _options(given: object) -> Mapping[str, object]:
    if given is None:
        return {}
    return {str(name): value for name, value in arguments.entries(given, "the argument `options`").items()}


def _fields(given: object, name: str) -> Mapping[str, object]:
    """Names with a plain value, or a list of them; those without a value are left out."""
    if given is None:
        return {}
    fields: dict[str, object] = {}
    for key, value in arguments.entries(given, f"the argument `{name}`").items():
        each = arguments.items(value, "a list") if is_list(value) else [value]
        if any(not isinstance(one, str | int | float | None) for one in each):
            raise ExpressionError(f"in the argument `{name}` the value of `{key}` must be a text, or a list of texts")
        if value is not None:
            fields[str(key)] = value
    return fields


def _is_taken(status: int, options: Mapping[str, object]) -> bool:
    allowed = options.get("allowedResponseCodes")
    if options.get("allowFailed") is True:
        return True
    return status in arguments.items(allowed, "`allowedResponseCodes`") if allowed is not None else status < 400


def _read(scope: Scope, answer: WebAnswer) -> object:
    """The body by what its header says; null when there is none."""
    if not answer.content:
        return None
    kind, _, rest = (answer.content_type or "").partition(";")
    text = _decoded(answer.content, rest)
    scope.meter.made_text(len(text))
    kind = kind.strip().lower()
    if kind == _JSON or kind.endswith("+json"):
        return read_json(text, scope)
    if kind.rpartition("/")[2].removeprefix("x-") == "yaml" or kind.endswith("+yaml"):
        return first_document(text, scope)
    return text


def _decoded(content: bytes, rest: str) -> str:
    charset = rest.partition("charset=")[2].partition(";")[0].strip(" \"'") or "utf-8"
    try:
        return content.decode(charset, errors="replace")
    except LookupError:
        return content.decode("utf-8", errors="replace")
