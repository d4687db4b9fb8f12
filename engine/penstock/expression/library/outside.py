"""Functions that reach outside, through the World: secrets, files, logs, and what is drawn."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.expression.errors import ExpressionError
from penstock.expression.library import arguments
from penstock.expression.registry import function
from penstock.expression.scope import Scope

_NANO_ALPHABET = "_-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_KSUID_EPOCH = 1_400_000_000
_NANO_MOST = 1_000


@function(
    "secret",
    "key",
    ("namespace", None),
    ("subkey", None),
    ("full", False),
    impure=True,
    slow=True,
    says="The value of a secret. It is hidden from then on wherever it turns up.",
    example="{{ secret('API_TOKEN') }}",
)
def _secret(scope: Scope, key: object, namespace: object, subkey: object, full: object) -> object:
    """The secret's text; with `full` its `{value}` (Kestra gives the store's whole record there)."""
    name = arguments.text(key, "the argument `key`")
    part = arguments.optional_text(subkey, "the argument `subkey`")
    place = arguments.optional_text(namespace, "the argument `namespace`")
    value = scope.world.secret(name, place, part)
    scope.make_final(value)
    return {"value": value} if arguments.flag(full, "the argument `full`") else value


@function(
    "read",
    "path",
    ("namespace", None),
    ("version", None),
    ("revision", None),
    impure=True,
    slow=True,
    says="The text of a file of this execution (or of the one that started it), or of a namespace.",
    example="{{ read('sql/report.sql') }}",
)
def _read(scope: Scope, path: object, namespace: object, version: object, revision: object) -> str:
    if isinstance(path, Mapping):
        path = path.get("uri")
    if version is not None or revision is not None:
        raise ExpressionError("`read` of another version or revision is not available: files are as Git has them")
    place = arguments.optional_text(namespace, "the argument `namespace`")
    return scope.world.read(arguments.text(path, "the argument `path`"), place)


@function(
    "errorLogs",
    impure=True,
    slow=True,
    says="What this execution has logged as errors, oldest first, each with its task, time and message.",
    example="{{ errorLogs() | length }}",
)
def _error_logs(scope: Scope) -> object:
    return list(scope.world.error_logs())


@function("uuid", impure=True, says="A new UUID of version 4.", example="{{ uuid() }}")
def _uuid(scope: Scope) -> str:
    """Version 4."""
    bits = scope.world.random().getrandbits(128)
    bits = bits & ~(0xF << 76) | (4 << 76)
    bits = bits & ~(0b11 << 62) | (0b10 << 62)
    digits = f"{bits:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


@function("id", impure=True, says="A new short id, as executions have it.", example="{{ id() }}")
def _id(scope: Scope) -> str:
    return scope.world.new_id()


@function("ksuid", impure=True, says="A new id that sorts by the time it was made.", example="{{ ksuid() }}")
def _ksuid(scope: Scope) -> str:
    """20 bytes, seconds since May 2014 first, in 27 characters of base 62: sorts by time."""
    world = scope.world
    number = (int(world.now().timestamp()) - _KSUID_EPOCH) % 2**32 << 128 | world.random().getrandbits(128)
    text = ""
    for _ in range(27):
        number, digit = divmod(number, 62)
        text = _BASE62[digit] + text
    return text


@function(
    "nanoId",
    ("length", 21),
    ("alphabet", _NANO_ALPHABET),
    impure=True,
    says="A new id of so many letters of an alphabet.",
    example="{{ nanoId(8) }}",
)
def _nano_id(scope: Scope, length: object, alphabet: object) -> str:
    count, letters = arguments.whole(length, "the length"), arguments.text(alphabet, "the alphabet")
    if not 1 <= count <= _NANO_MOST or not letters:
        raise ExpressionError(f"`nanoId` makes 1 to {_NANO_MOST:,} characters of an alphabet that is not empty")
    random = scope.world.random()
    return "".join(letters[random.randrange(len(letters))] for _ in range(count))


@function(
    "randomInt",
    "lower",
    "upper",
    impure=True,
    says="A whole number by chance, from `lower` up to, not including, `upper`.",
    example="{{ randomInt(1, 7) }}",
)
def _random_int(scope: Scope, lower: object, upper: object) -> int:
    """From `lower` up to, not including, `upper`."""
    low, high = arguments.whole(lower, "the argument `lower`"), arguments.whole(upper, "the argument `upper`")
    if low >= high:
        raise ExpressionError("in `randomInt` upper must be greater than lower")
    return scope.world.random().randrange(low, high)


@function(
    "randomPort",
    impure=True,
    says="A port number by chance, of the range for ports of one's own.",
    example="{{ randomPort() }}",
)
def _random_port(scope: Scope) -> int:
    """A number of the range for ports of one's own; whether it is free is not looked up."""
    return scope.world.random().randrange(49152, 65536)
