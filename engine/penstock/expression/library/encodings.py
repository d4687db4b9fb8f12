"""JSON, URLs, base64 and digests."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from penstock.expression.budget import too_deep
from penstock.expression.errors import ExpressionError
from penstock.expression.library import arguments
from penstock.expression.registry import filter_, function
from penstock.expression.scope import Scope
from penstock.expression.stringify import to_json

if TYPE_CHECKING:  # only for speed: most expressions read no JSON
    from json import JSONDecoder

_SPACE = re.compile(r"[ \t\r\n]*")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2}).{0,2}", re.DOTALL)


def read_json(text: str, scope: Scope) -> object:
    """The first value of a JSON text, nested at most as deep as the budget says. Raises ExpressionError."""
    return _decoded(text, scope)[0]


def first_json(text: str, scope: Scope) -> str:
    """The part of a text that `read_json` reads, as it stands there."""
    return _decoded(text, scope)[1]


@function(
    "fromJson",
    "json",
    says="Reads a JSON text into a value.",
    example="{{ fromJson('[1, 2]') | last }}",
)
@function(
    "json",
    "json",
    says="Reads a JSON text into a value: the older name of `fromJson`.",
    example="{{ json('[1, 2]') | last }}",
    instead="fromJson(json)",
)
def _from_json(scope: Scope, json: object) -> object:
    return None if json is None else read_json(arguments.text(json, "the argument `json`"), scope)


@filter_(
    "toJson",
    ("includeNulls", False),
    takes_null=True,
    says="Writes a value as JSON; entries of maps that are null are left out, unless `includeNulls` keeps them.",
    example="{{ {'a': [1, 'x']} | toJson }}",
)
def _to_json(scope: Scope, value: object, include_nulls: object) -> str:
    """`includeNulls` is of Kestra's ToJsonFilter.java since 2.0, which takes whatever is not true as false."""
    return to_json(value, scope.meter, nulls=include_nulls is True)


@filter_(
    "json",
    takes_null=True,
    says="Writes a value as JSON: the older name of `toJson`.",
    example="{{ {'a': [1, 'x']} | json }}",
    instead="toJson",
)
def _json(scope: Scope, value: object) -> str:
    return to_json(value, scope.meter)


@filter_("base64encode", says="Writes a text as base64 of its UTF-8.", example="{{ 'hello' | base64encode }}")
def _base64_encode(scope: Scope, value: object) -> str:
    from base64 import b64encode

    return b64encode(_bytes(arguments.as_text(scope, value))).decode("ascii")


@filter_("base64decode", says="Reads base64 as a text in UTF-8.", example="{{ 'aGVsbG8=' | base64decode }}")
def _base64_decode(_scope: Scope, value: object) -> str:
    try:
        return base64_bytes(arguments.text(value, "what is decoded")).decode("utf-8", "replace")
    except ValueError as error:
        raise ExpressionError(f"this is not base64: {error}") from None


@filter_(
    "urlencode", says="Writes a text so that it can stand in a query of a URL.", example="{{ 'a b/c' | urlencode }}"
)
def _url_encode(_scope: Scope, value: object) -> str:
    from urllib.parse import quote_plus

    # java.net.URLEncoder keeps `*` and writes `~` as %7E
    return quote_plus(_bytes(arguments.text(value, "what is encoded")), safe="*").replace("~", "%7E")


@filter_("urldecode", says="Reads what `urlencode` wrote.", example="{{ 'a+b%2Fc' | urldecode }}")
def _url_decode(_scope: Scope, value: object) -> str:
    """As java.net.URLDecoder, which refuses a `%` without two hexadecimal digits."""
    from urllib.parse import unquote_plus

    text = arguments.text(value, "what is decoded")
    if bad := _BAD_ESCAPE.search(text):
        raise ExpressionError(f"`{bad.group()}` is no escape of a URL: two hexadecimal digits stand behind `%`")
    return unquote_plus(text)


@filter_("md5", says="The MD5 digest of a text, as 32 hexadecimal digits.", example="{{ 'hello' | md5 }}")
def _md5(_scope: Scope, value: object) -> str:
    return _digest("md5", value)


@filter_("sha1", says="The SHA-1 digest of a text, as 40 hexadecimal digits.", example="{{ 'hello' | sha1 }}")
def _sha1(_scope: Scope, value: object) -> str:
    return _digest("sha1", value)


@filter_("sha256", says="The SHA-256 digest of a text, as 64 hexadecimal digits.", example="{{ 'hello' | sha256 }}")
def _sha256(_scope: Scope, value: object) -> str:
    return _digest("sha256", value)


@filter_("sha512", says="The SHA-512 digest of a text, as 128 hexadecimal digits.", example="{{ 'hello' | sha512 }}")
def _sha512(_scope: Scope, value: object) -> str:
    return _digest("sha512", value)


def base64_bytes(text: str) -> bytes:
    """As java.util.Base64's basic decoder: the `=` at the end may be missing. Raises ValueError."""
    from base64 import b64decode
    from binascii import Error

    padded = text if "=" in text else text + "=" * (-len(text) % 4)
    try:
        return b64decode(padded.encode("ascii"), validate=True)
    except Error as error:
        raise ValueError(str(error)) from None
    except UnicodeEncodeError:
        raise ValueError("it holds a character that base64 does not have") from None


def _decoded(text: str, scope: Scope) -> tuple[object, str]:
    """As Jackson reads: what follows a value is not looked at, but for what would belong to a number or a word."""
    # the C scanner cannot be stopped once it runs, so its work is bounded beforehand
    scope.meter.made_text(len(text))
    space = _SPACE.match(text)
    assert space is not None, "it matches the empty text"
    try:
        value, end = _decoder().raw_decode(text, space.end())
    except RecursionError:
        raise too_deep(scope.meter.budget.depth) from None
    except ValueError as error:
        raise ExpressionError(f"Invalid json: {error}") from None
    if not isinstance(value, str | list | dict) and text[end : end + 1].strip(" \t\r\n"):
        raise ExpressionError(f"Invalid json: `{text[end]}` stands behind the first value, at column {end + 1}")
    _check_depth(value, scope)
    return value, text[space.end() : end]


def _check_depth(value: object, scope: Scope) -> None:
    """Level by level, so that deep data needs no deep stack."""
    level = [value]
    for _ in range(scope.meter.budget.depth):
        inner: list[object] = []
        for holder in level:
            if isinstance(holder, dict):
                inner += [item for item in holder.values() if type(item) is dict or type(item) is list]
            elif isinstance(holder, list):
                inner += [item for item in holder if type(item) is dict or type(item) is list]
        if not inner:
            return
        scope.meter.look()
        level = inner
    raise too_deep(scope.meter.budget.depth)


@lru_cache(maxsize=1)
def _decoder() -> JSONDecoder:
    from json import JSONDecoder

    return JSONDecoder(parse_constant=_refuse_constant)


def _digest(algorithm: str, value: object) -> str:
    from hashlib import new

    return new(algorithm, _bytes(arguments.text(value, "what is hashed")), usedforsecurity=False).hexdigest()


def _bytes(text: str) -> bytes:
    """UTF-8; half a surrogate pair, which no valid text holds, becomes `?` as in Java."""
    return text.encode("utf-8", "replace")


def _refuse_constant(name: str) -> object:
    raise ExpressionError(f"Invalid json: {name} is no JSON number")
