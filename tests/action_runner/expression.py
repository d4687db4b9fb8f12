"""GitHub's expressions: `${{ steps.a.outputs.b || 'none' }}`, over contexts that are known, or refused."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Value = Any
"""What JSON has: None, bool, float, str, a list, a dict."""


class Unknown(Exception):
    """Something that this runner does not know, so that it cannot say what GitHub's would do."""


@dataclass(frozen=True)
class Status:
    """How the job stands at a step."""

    failed: bool = False
    cancelled: bool = False


@dataclass(frozen=True)
class World:
    """What an expression may see. `contexts` are dicts; a name in none of them is refused where `strict` has it."""

    contexts: Mapping[str, Mapping[str, Value]]
    workspace: Path
    status: Status = Status()


_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>[-+]?0x[0-9a-fA-F]+|[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)
    | (?P<string>'(?:[^']|'')*')
    | (?P<name>[A-Za-z_][A-Za-z0-9_-]*)
    | (?P<sign>&&|\|\||==|!=|<=|>=|[<>!().,\[\]*])
    )""",
    re.VERBOSE,
)
_EMBEDDED = re.compile(r"\$\{\{((?:[^'}]|'(?:[^']|'')*'|\}(?!\}))*)\}\}")
STATUS_FUNCTIONS = ("always", "success", "failure", "cancelled")
SPARSE = ("outputs", "env", "event")
"""Where an absent name is an empty value by design: an output that was not set, a variable that is not there."""


def interpolated(text: str, world: World) -> str:
    """A text with each `${{ }}` replaced by the text of its value."""
    rest = _EMBEDDED.sub("", text)
    if "${{" in rest:
        raise Unknown(f"an expression that has no end in {text!r}")
    return _EMBEDDED.sub(lambda found: as_text(evaluate(found[1], world)), text)


def condition(text: str, world: World) -> bool:
    """What an `if` comes to: `success() &&` stands before it unless it asks for the status itself."""
    whole = _EMBEDDED.fullmatch(text.strip())
    inner = whole[1] if whole else text
    if "${{" in inner:
        raise Unknown(f"a condition that is only in part an expression: {text!r}")
    asks = any(re.search(rf"\b{name}\s*\(", inner, re.IGNORECASE) for name in STATUS_FUNCTIONS)
    if not asks and world.status.failed:
        return False
    return truthy(evaluate(inner, world))


def evaluate(text: str, world: World) -> Value:
    """The value of the text between `${{` and `}}`."""
    parser = _Parser(_tokens(text), world, text)
    value = parser.either()
    parser.end()
    return value


def as_text(value: Value) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float() | int():
            return str(int(value)) if float(value).is_integer() else repr(float(value))
        case str():
            return value
        case list():
            return "Array"
    return "Object"


def truthy(value: Value) -> bool:
    return not (
        value is None or value is False or value == "" or (_is_number(value) and (value == 0 or value != value))
    )


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while text[at:].strip():
        token = _TOKEN.match(text, at)
        if token is None:
            raise Unknown(f"{text[at:].strip()[:20]!r} in the expression {text.strip()!r}")
        found.append((str(token.lastgroup), token[str(token.lastgroup)]))
        at = token.end()
    return found


@dataclass
class _Absent:
    """A property of something that is not there; what it is called, for the refusal."""

    name: str


class _Parser:
    """A descent through the operators, weakest first; it evaluates as it goes."""

    def __init__(self, tokens: Sequence[tuple[str, str]], world: World, text: str) -> None:
        self._tokens = list(tokens)
        self._world = world
        self._text = text

    def end(self) -> None:
        if self._tokens:
            raise Unknown(f"{self._tokens[0][1]!r} at the end of the expression {self._text.strip()!r}")

    def either(self) -> Value:
        value = self.both()
        while self._take("||"):
            other = self.both()
            value = value if truthy(value) else other
        return value

    def both(self) -> Value:
        value = self.equality()
        while self._take("&&"):
            other = self.equality()
            value = other if truthy(value) else value
        return value

    def equality(self) -> Value:
        value = self.order()
        while sign := self._take("==", "!="):
            value = _equal(value, self.order()) == (sign == "==")
        return value

    def order(self) -> Value:
        value = self.negated()
        while sign := self._take("<=", ">=", "<", ">"):
            value = _ordered(sign, value, self.negated())
        return value

    def negated(self) -> Value:
        if self._take("!"):
            return not truthy(self.negated())
        return self.primary()

    def primary(self) -> Value:
        if not self._tokens:
            raise Unknown(f"an expression that stops short: {self._text.strip()!r}")
        kind, token = self._tokens.pop(0)
        if kind == "number":
            return float(int(token, 16)) if "0x" in token else float(token)
        if kind == "string":
            return self._within(token[1:-1].replace("''", "'"), "")
        if token == "(":
            value = self.either()
            self._expect(")")
            return self._within(value, "(…)")
        if kind != "name":
            raise Unknown(f"{token!r} in the expression {self._text.strip()!r}")
        if self._take("("):
            return self._within(self._call(token), f"{token}()")
        if token in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[token]
        context = self._world.contexts.get(token)
        if context is None:
            raise Unknown(f"the context `{token}` in {self._text.strip()!r}")
        return self._within(context, token)

    def _within(self, value: Value, name: str) -> Value:
        """Follow `.name` and `['name']`."""
        while sign := self._take(".", "["):
            if sign == ".":
                kind, key = self._tokens.pop(0) if self._tokens else ("", "nothing")
                if kind != "name":
                    raise Unknown(f"`.{key}` in {self._text.strip()!r}")
            else:
                key = self.either()
                self._expect("]")
            value = self._property(value, key, name)
            name = f"{name}.{key}"
        return value

    def _property(self, value: Value, key: Value, name: str) -> Value:
        if isinstance(value, list) and isinstance(key, float):
            return value[int(key)] if 0 <= int(key) < len(value) else None
        if isinstance(value, Mapping) and isinstance(key, str):
            for known, found in value.items():
                if known.lower() == key.lower():
                    return found
            if any(part in SPARSE for part in name.split(".")):
                return None
            raise Unknown(f"`{name}.{key}`: there is {', '.join(value) or 'nothing'}")
        if value is None and any(part in SPARSE for part in name.split(".")):
            return None
        raise Unknown(f"`{name}.{key}` of what is no object")

    def _call(self, name: str) -> Value:
        arguments = []
        if not self._take(")"):
            arguments.append(self.either())
            while self._take(","):
                arguments.append(self.either())
            self._expect(")")
        function = _FUNCTIONS.get(name.lower())
        if function is None:
            raise Unknown(f"the function `{name}` in {self._text.strip()!r}")
        try:
            return function(self._world, *arguments)
        except TypeError as error:
            raise Unknown(f"`{name}` with {len(arguments)} arguments: {error}") from error

    def _take(self, *signs: str) -> str:
        if self._tokens and self._tokens[0][0] == "sign" and self._tokens[0][1] in signs:
            return self._tokens.pop(0)[1]
        return ""

    def _expect(self, sign: str) -> None:
        if not self._take(sign):
            raise Unknown(f"no `{sign}` where one belongs in {self._text.strip()!r}")


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: Value) -> float:
    """GitHub's coercion: null is 0, true is 1, a text is its JSON number, everything else NaN."""
    match value:
        case None:
            return 0.0
        case bool():
            return float(value)
        case int() | float():
            return float(value)
        case "":
            return 0.0
        case str():
            try:
                return float(int(value, 16)) if value.lower().startswith("0x") else float(value)
            except ValueError:
                return math.nan
    return math.nan


def _equal(left: Value, right: Value) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        return left.lower() == right.lower()
    if isinstance(left, list | dict) or isinstance(right, list | dict):
        return left is right
    if type(left) is type(right):
        return bool(left == right)
    return _number(left) == _number(right)


def _ordered(sign: str, left: Value, right: Value) -> bool:
    texts = isinstance(left, str) and isinstance(right, str)
    a, b = (left.lower(), right.lower()) if texts else (_number(left), _number(right))
    return {"<": a < b, ">": a > b, "<=": a <= b, ">=": a >= b}[sign]


def _contains(_: World, where: Value, what: Value) -> bool:
    if isinstance(where, list):
        return any(_equal(each, what) for each in where)
    return as_text(what).lower() in as_text(where).lower()


def _format(_: World, text: str, *values: Value) -> str:
    def replaced(found: re.Match[str]) -> str:
        if found[0] in ("{{", "}}"):
            return found[0][0]
        if found[1] is None or int(found[1]) >= len(values):
            raise Unknown(f"{found[0]!r} in the format {text!r}")
        return as_text(values[int(found[1])])

    return re.sub(r"\{\{|\}\}|\{(\d+)\}|[{}]", replaced, text)


def _hash_files(world: World, *patterns: str) -> str:
    """SHA-256 over the SHA-256 of each file, in order; empty where nothing matches. Files of the workspace alone."""
    files = sorted({path for each in patterns for path in world.workspace.glob(each) if path.is_file()})
    if not files:
        return ""
    whole = hashlib.sha256()
    for path in files:
        whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()


def _status(asked: Callable[[Status], bool]) -> Callable[..., Value]:
    def function(world: World) -> Value:
        return asked(world.status)

    return function


_FUNCTIONS: dict[str, Callable[..., Value]] = {
    "contains": _contains,
    "startswith": lambda _, text, start: as_text(text).lower().startswith(as_text(start).lower()),
    "endswith": lambda _, text, end: as_text(text).lower().endswith(as_text(end).lower()),
    "format": _format,
    "join": lambda _, items, by=",": as_text(by).join(as_text(each) for each in items),
    "tojson": lambda _, value: json.dumps(value, indent=2),
    "fromjson": lambda _, text: json.loads(text),
    "hashfiles": _hash_files,
    "always": _status(lambda _: True),
    "success": _status(lambda status: not status.failed and not status.cancelled),
    "failure": _status(lambda status: status.failed),
    "cancelled": _status(lambda status: status.cancelled),
}
