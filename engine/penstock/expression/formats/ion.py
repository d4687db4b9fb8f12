"""Amazon Ion as text, read into plain values.

The format is https://amazon-ion.github.io/ion-docs/docs/spec.html. What the values become follows Kestra
(core/src/main/java/io/kestra/core/serializers/ion/{IonParser,IonModule}.java, 1.0): symbols are texts, s-expressions
are lists, an annotation such as `ZonedDateTime::"…"` makes a moment of a text, a timestamp is a moment to the
millisecond, and one that falls on midnight UTC is a date.
"""

from __future__ import annotations

import re
from collections.abc import Sized
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation

from penstock.expression.budget import Meter, too_deep
from penstock.expression.errors import ExpressionError

_SKIP = re.compile(r"(?:[ \t\r\n\v\f]+|//[^\r\n]*|/\*.*?\*/)*", re.DOTALL)
_NO_SYMBOL = frozenset('"{[(-0123456789')
_SPACES = frozenset(" \t\r\n\v\f/")
_IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_TYPED_NULL = re.compile(r"\.(null|bool|int|float|decimal|timestamp|string|symbol|blob|clob|struct|list|sexp)\b")
_OPERATOR = re.compile(r"[!#%&*+\-./;<=>?@^`|~]+")
_END = r"(?=[{}\[\](),\"' \t\r\n\v\f/:]|$)"
_DIGITS = r"(?:0|[1-9](?:_?[0-9])*)"
_FRACTION = r"(?:[0-9](?:_?[0-9])*)?"
_TIMESTAMP = re.compile(
    r"(\d{4})(?:T|-(\d\d)(?:T|-(\d\d)(?:T(?:(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:\d\d))?)?))" + _END
)
_BASED = re.compile(r"-?0(?:[xX][0-9a-fA-F](?:_?[0-9a-fA-F])*|[bB][01](?:_?[01])*)" + _END)
_INT = re.compile(rf"-?{_DIGITS}{_END}")
_FLOAT = re.compile(rf"-?{_DIGITS}(?:\.{_FRACTION})?[eE][+-]?[0-9]+{_END}")
_DECIMAL = re.compile(rf"-?{_DIGITS}(?:\.{_FRACTION}(?:[dD][+-]?[0-9]+)?|[dD][+-]?[0-9]+){_END}")
_ENDLESS = re.compile(r"[+-]inf" + _END)
_SHORT = re.compile(r'"([^"\\\r\n]*(?:\\(?:\r\n|.)[^"\\\r\n]*)*)"', re.DOTALL)
_SYMBOL = re.compile(r"'([^'\\\r\n]*(?:\\(?:\r\n|.)[^'\\\r\n]*)*)'", re.DOTALL)
_LONG = re.compile(r"'''([^'\\]*(?:(?:\\(?:\r\n|.)|'(?!''))[^'\\]*)*)'''", re.DOTALL)
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|\r\n|.)", re.DOTALL)
_MEANT = {
    "0": "\0", "a": "\a", "b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "v": "\v",
    '"': '"', "'": "'", "?": "?", "\\": "\\", "/": "/", "\n": "", "\r": "", "\r\n": "",
}  # fmt: skip
_WORDS: dict[str, object] = {"null": None, "true": True, "false": False, "nan": float("nan")}
_KINDS = frozenset({"Instant", "OffsetDateTime", "ZonedDateTime", "LocalDateTime", "LocalDate"})
_SYSTEM = re.compile(r"\$ion_\d+_\d+")
_SID = re.compile(r"\$\d+")
_MOST_DIGITS = 3_000
_MOST_EXPONENT = 10_000


def read(text: str, meter: Meter, *, most: int | None = None) -> list[object]:
    """The values at the top of `text`, the first `most` of them. Raises ExpressionError: "Invalid ion: …"."""
    reader = _Reader(text, meter)
    values: list[object] = []
    while (most is None or len(values) < most) and reader.more():
        value = reader.value(meter.budget.depth)
        if value is not _SKIPPED:
            values.append(value)
            reader.count(values)
    meter.made_items(len(values))
    return values


class _Skipped:
    """Stands for a value that is Ion's own: a version marker, a symbol table."""

    __slots__ = ()


_SKIPPED = _Skipped()


class _Reader:
    """A place in a text."""

    __slots__ = ("at", "meter", "text")

    def __init__(self, text: str, meter: Meter) -> None:
        self.text = text
        self.meter = meter
        self.at = 0

    def more(self) -> bool:
        self._skip()
        return self.at < len(self.text)

    def count(self, values: Sized) -> None:
        """A list or map that grows, and ends once it is too large."""
        if len(values) > self.meter.budget.items:
            self.meter.made_items(len(values))

    def value(self, room: int, *, operators: bool = False) -> object:
        """The value that begins here, its annotations with it. `room` is how deep it may nest."""
        self.meter.tick()
        self._skip()
        if self.text[self.at : self.at + 1] in _NO_SYMBOL:
            return self._plain(room, operators)
        annotations: list[str] = []
        while True:
            self._skip()
            begin = self.at
            name = self._symbol()
            if name is None:
                break
            self._skip()
            if self.text.startswith("::", self.at):
                self.at += 2
                annotations.append(name)
                continue
            if self.text[begin] == "'":
                return _annotated(name, annotations)
            word = self._word(name, begin, top=room == self.meter.budget.depth)
            return word if not annotations else _annotated(word, annotations)
        value = self._plain(room, operators)
        if annotations[:1] == ["$ion_symbol_table"] and room == self.meter.budget.depth:
            return _SKIPPED
        return _annotated(value, annotations) if annotations else value

    def _plain(self, room: int, operators: bool) -> object:
        text, at = self.text, self.at
        char = text[at : at + 1]
        if char == '"':
            return self._short()
        if char == "'":
            return self._long()
        if char in ("[", "(", "{") and char:
            if room <= 0:
                raise too_deep(self.meter.budget.depth)
            if text.startswith("{{", at):
                return self._lob()
            self.at += 1
            return self._struct(room - 1) if char == "{" else self._items(room - 1, "]" if char == "[" else ")")
        number = self._number()
        if number is not None:
            return number
        if operators and (found := _OPERATOR.match(text, at)):
            self.at = found.end()
            return found.group()
        raise self._fault("a value is expected")

    def _word(self, name: str, begin: int, *, top: bool) -> object:
        """What a bare identifier means."""
        if name == "null" and (typed := _TYPED_NULL.match(self.text, begin + 4)):
            self.at = typed.end()
            return None
        if name in _WORDS:
            return _WORDS[name]
        if top and _SYSTEM.fullmatch(name):
            return _SKIPPED
        if _SID.fullmatch(name):
            raise self._fault(f"the symbol `{name}` has no text", begin)
        return name

    def _symbol(self) -> str | None:
        """The text of the symbol that stands here."""
        if found := _IDENTIFIER.match(self.text, self.at):
            self.at = found.end()
            return found.group()
        if self.text.startswith("'", self.at) and not self.text.startswith("'''", self.at):
            found = _SYMBOL.match(self.text, self.at)
            if found is None:
                raise self._fault("this symbol does not end")
            self.at = found.end()
            return self._unescaped(found.group(1), found.start(1))
        return None

    def _short(self) -> str:
        found = _SHORT.match(self.text, self.at)
        if found is None:
            raise self._fault("this text does not end")
        self.at = found.end()
        return self._unescaped(found.group(1), found.start(1))

    def _long(self) -> str:
        """`'''…'''`, and those that follow it, as one text."""
        parts: list[str] = []
        while found := _LONG.match(self.text, self.at):
            self.meter.tick()
            self.at = found.end()
            parts.append(self._unescaped(found.group(1).replace("\r\n", "\n"), found.start(1)))
            self._skip()
        if not parts:
            raise self._fault("this text does not end")
        return "".join(parts)

    def _unescaped(self, text: str, begin: int) -> str:
        if "\\" not in text:
            return text

        def meant(found: re.Match[str]) -> str:
            escape = found.group(1)
            if len(escape) > 1 and escape[0] in "xuU":
                number = int(escape[1:], 16)
                if number <= 0x10FFFF:
                    return chr(number)
            elif escape in _MEANT:
                return _MEANT[escape]
            raise self._fault(f"`\\{escape}` is no escape", begin + found.start())

        made = _ESCAPE.sub(meant, text)
        # an escape for each half of a pair is one character
        return made.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    def _items(self, room: int, end: str) -> list[object]:
        """A list, or an s-expression, which has no commas."""
        values: list[object] = []
        while not self._ends(end):
            values.append(self.value(room, operators=end == ")"))
            self.count(values)
            if end == "]" and not self._ends("]", take=False):
                self._expect(",")
        self.meter.made_items(len(values))
        return values

    def _struct(self, room: int) -> dict[object, object]:
        """The last of equal names wins."""
        values: dict[object, object] = {}
        while not self._ends("}"):
            self._skip()
            name = self._symbol()
            if name is None:
                if self.text.startswith('"', self.at):
                    name = self._short()
                elif self.text.startswith("'''", self.at):
                    name = self._long()
                else:
                    raise self._fault("a name is expected")
            self._expect(":")
            values[name] = self.value(room)
            self.count(values)
            if not self._ends("}", take=False):
                self._expect(",")
        self.meter.made_items(len(values))
        return values

    def _lob(self) -> str:
        """Bytes, as the base64 that Kestra prints of them."""
        from base64 import b64decode, b64encode
        from binascii import Error

        begin = self.at
        end = self.text.find("}}", begin)
        if end < 0:
            raise self._fault("these bytes do not end")
        self.at += 2
        self._skip()
        if self.text.startswith(('"', "'''"), self.at):
            inner = self._short() if self.text[self.at] == '"' else self._long()
            self._skip()
            self._expect("}")
            if not self.text.startswith("}", self.at):
                raise self._fault("`}}` is expected")
            self.at += 1
            content = inner.encode("latin-1", "replace")
        else:
            try:
                content = b64decode("".join(self.text[self.at : end].split()), validate=True)
            except (Error, ValueError) as error:
                raise self._fault(f"this is not base64: {error}", begin) from None
            self.at = end + 2
        return b64encode(content).decode("ascii")

    def _number(self) -> object:
        text, at = self.text, self.at
        if found := _INT.match(text, at):
            self.at = found.end()
            return self._int(found.group().replace("_", ""), at)
        if found := _TIMESTAMP.match(text, at):
            self.at = found.end()
            try:
                return _timestamp(found)
            except (ValueError, OverflowError) as error:
                raise self._fault(f"`{found.group()}` is no timestamp: {error}", at) from None
        for pattern in (_DECIMAL, _FLOAT, _BASED, _ENDLESS):
            if found := pattern.match(text, at):
                self.at = found.end()
                digits = found.group().replace("_", "")
                if pattern is _DECIMAL:
                    return self._decimal(digits, at)
                return self._int(digits, at) if pattern is _BASED else float(digits)
        return None

    def _int(self, digits: str, at: int) -> int:
        if len(digits) > _MOST_DIGITS:
            raise self._fault(f"a number has at most {_MOST_DIGITS:,} digits", at)
        return int(digits, 0)

    def _decimal(self, digits: str, at: int) -> Decimal:
        if len(digits) > _MOST_DIGITS:
            raise self._fault(f"a number has at most {_MOST_DIGITS:,} digits", at)
        try:
            number = Decimal(digits.lower().replace("d", "e"))
        except InvalidOperation:
            raise self._fault(f"`{digits[:40]}` is no decimal", at) from None
        if abs(number.adjusted()) > _MOST_EXPONENT:
            raise self._fault(f"`{digits[:40]}` has an exponent beyond {_MOST_EXPONENT:,}", at)
        return number

    def _ends(self, end: str, *, take: bool = True) -> bool:
        self._skip()
        if not self.text.startswith(end, self.at):
            if self.at >= len(self.text):
                raise self._fault(f"`{end}` is expected")
            return False
        if take:
            self.at += 1
        return True

    def _expect(self, what: str) -> None:
        self._skip()
        if not self.text.startswith(what, self.at):
            raise self._fault(f"`{what}` is expected")
        self.at += len(what)

    def _skip(self) -> None:
        if self.text[self.at : self.at + 1] not in _SPACES:
            return
        found = _SKIP.match(self.text, self.at)
        assert found is not None, "it matches the empty text"
        self.at = found.end()

    def _fault(self, what: str, at: int | None = None) -> ExpressionError:
        place = self.at if at is None else at
        line = self.text.count("\n", 0, place) + 1
        column = place - self.text.rfind("\n", 0, place)
        return ExpressionError(f"Invalid ion: {what}, at line {line}, column {column}")


def _timestamp(found: re.Match[str]) -> datetime | date:
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    millis = int((fraction or "0")[:3].ljust(3, "0"))
    zone = UTC
    if offset not in (None, "Z", "-00:00", "+00:00"):
        sign = -1 if offset[0] == "-" else 1
        zone = timezone(sign * timedelta(hours=int(offset[1:3]), minutes=int(offset[4:6])))
    moment = datetime(
        int(year),
        int(month or 1),
        int(day or 1),
        int(hour or 0),
        int(minute or 0),
        int(second or 0),
        millis * 1000,
        zone,
    )
    if zone is UTC and moment == moment.replace(hour=0, minute=0, second=0, microsecond=0):
        return moment.date()
    return moment


def _annotated(value: object, annotations: list[str]) -> object:
    """What Kestra makes of its own annotations; others say nothing to an expression."""
    kind = annotations[0] if annotations else ""
    if not isinstance(value, str) or kind not in _KINDS:
        return value
    try:
        if kind == "LocalDate":
            return date.fromisoformat(value)
        moment = datetime.fromisoformat(value.partition("[")[0])
    except ValueError:
        raise ExpressionError(f"Invalid ion: `{value[:100]}` is no {kind}") from None
    if (moment.tzinfo is None) != (kind == "LocalDateTime"):
        raise ExpressionError(f"Invalid ion: `{value[:100]}` is no {kind}")
    return moment
