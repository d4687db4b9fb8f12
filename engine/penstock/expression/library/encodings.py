"""JSON, URLs, base64 and digests."""

from __future__ import annotations

import re

from penstock.expression.errors import ExpressionError
from penstock.expression.formats import jsontext
from penstock.expression.library import arguments
from penstock.expression.registry import filter_, function
from penstock.expression.scope import Scope
from penstock.expression.stringify import to_json

_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2}).{0,2}", re.DOTALL)


def read_json(text: str, scope: Scope) -> object:
    """The first value of a JSON text. Raises ExpressionError."""
    return jsontext.read(text, scope.meter)


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


def _digest(algorithm: str, value: object) -> str:
    from hashlib import new

    return new(algorithm, _bytes(arguments.text(value, "what is hashed")), usedforsecurity=False).hexdigest()


def _bytes(text: str) -> bytes:
    """UTF-8; half a surrogate pair, which no valid text holds, becomes `?` as in Java."""
    return text.encode("utf-8", "replace")
