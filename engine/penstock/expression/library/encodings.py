"""JSON, URLs, base64 and digests."""

from __future__ import annotations

from penstock.expression.budget import too_deep
from penstock.expression.errors import BudgetExceeded, ExpressionError
from penstock.expression.library import arguments
from penstock.expression.registry import filter_, function
from penstock.expression.scope import Scope
from penstock.expression.stringify import to_json


def read_json(text: str, scope: Scope) -> object:
    """The value of a JSON text, nested at most as deep as the budget says. Raises ExpressionError."""
    from json import JSONDecodeError, loads

    # the C scanner cannot be stopped once it runs, so its work is bounded beforehand
    scope.meter.made_text(len(text))
    try:
        return loads(text, parse_constant=_refuse_constant)
    except JSONDecodeError as error:
        raise ExpressionError(f"Invalid json: {error}") from None
    except RecursionError:
        raise too_deep(scope.meter.budget.depth) from None
    except BudgetExceeded:
        raise
    except ValueError as error:
        raise ExpressionError(f"Invalid json: {error}") from None


@function("fromJson", "json")
@function("json", "json")
def _from_json(scope: Scope, json: object) -> object:
    return None if json is None else read_json(arguments.text(json, "the argument `json`"), scope)


@filter_("toJson", takes_null=True)
@filter_("json", takes_null=True)
def _to_json(scope: Scope, value: object) -> str:
    return to_json(value, scope.meter)


@filter_("base64encode")
def _base64_encode(scope: Scope, value: object) -> str:
    from base64 import b64encode

    return b64encode(_bytes(arguments.as_text(scope, value))).decode("ascii")


@filter_("base64decode")
def _base64_decode(_scope: Scope, value: object) -> str:
    from base64 import b64decode
    from binascii import Error

    try:
        return b64decode(arguments.text(value, "what is decoded"), validate=True).decode("utf-8", "replace")
    except (Error, ValueError) as error:
        raise ExpressionError(f"this is not base64: {error}") from None


@filter_("urlencode")
def _url_encode(scope: Scope, value: object) -> str:
    from urllib.parse import quote_plus

    # java.net.URLEncoder keeps `*` and writes `~` as %7E
    return quote_plus(_bytes(arguments.as_text(scope, value)), safe="*").replace("~", "%7E")


@filter_("urldecode")
def _url_decode(scope: Scope, value: object) -> str:
    from urllib.parse import unquote_plus

    return unquote_plus(arguments.as_text(scope, value))


@filter_("md5")
def _md5(scope: Scope, value: object) -> str:
    return _digest("md5", arguments.as_text(scope, value))


@filter_("sha1")
def _sha1(scope: Scope, value: object) -> str:
    return _digest("sha1", arguments.as_text(scope, value))


@filter_("sha256")
def _sha256(scope: Scope, value: object) -> str:
    return _digest("sha256", arguments.as_text(scope, value))


@filter_("sha512")
def _sha512(scope: Scope, value: object) -> str:
    return _digest("sha512", arguments.as_text(scope, value))


def _digest(algorithm: str, text: str) -> str:
    from hashlib import new

    return new(algorithm, _bytes(text), usedforsecurity=False).hexdigest()


def _bytes(text: str) -> bytes:
    """UTF-8; half a surrogate pair, which no valid text holds, becomes `?` as in Java."""
    return text.encode("utf-8", "replace")


def _refuse_constant(name: str) -> object:
    raise ExpressionError(f"Invalid json: {name} is no JSON number")
