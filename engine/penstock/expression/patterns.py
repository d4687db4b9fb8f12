"""Regular expressions: Java's language, checked by a parser of our own and run by RE2 in linear time.

RE2 accepts some Java patterns with another meaning (`[a-z&&[^b]]`), so nothing reaches it unread. What Java has
and RE2 cannot (look-around, back references, possessive quantifiers) is refused with its place in the pattern.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NoReturn

from penstock.expression.budget import Meter
from penstock.expression.errors import BudgetExceeded, ExpressionError

Change = Callable[[str], str]

_PATTERN_LENGTH = 1_000
_RE2_MEMORY = 8 << 20
_REPEAT_MOST = 1_000
_META = frozenset("\\[](){}.*+?^$|")
_SPACE = r"\t\n\x0b\f\r "
_NOT_NEWLINE = r"[^\n\r\x{85}\x{2028}\x{2029}]"
_SIMPLE_ESCAPES = {
    **dict.fromkeys("dDwWtnrf", ""),
    "a": r"\x07",
    "e": r"\x1b",
    "h": r"[ \t\x{a0}\x{1680}\x{180e}\x{2000}-\x{200a}\x{202f}\x{205f}\x{3000}]",
    "v": r"[\n\x0b\f\r\x{85}\x{2028}\x{2029}]",
    "s": f"[{_SPACE}]",
    "S": f"[^{_SPACE}]",
}
_POSIX = {
    "Lower": "lower", "Upper": "upper", "ASCII": "ascii", "Alpha": "alpha", "Digit": "digit", "Alnum": "alnum",
    "Punct": "punct", "Graph": "graph", "Print": "print", "Blank": "blank", "Cntrl": "cntrl", "XDigit": "xdigit",
    "Space": "space",
}  # fmt: skip
_UNICODE = {"IsAlphabetic": "L", "IsLetter": "L", "IsDigit": "Nd", "IsUppercase": "Lu", "IsLowercase": "Ll",
            "IsPunctuation": "P", "javaLowerCase": "Ll", "javaUpperCase": "Lu"}  # fmt: skip


def split(text: str, pattern: str, limit: int, meter: Meter) -> list[object]:
    """As String.split: `limit` pieces at most when positive; with 0 the empty pieces at the end fall away."""
    if len(pattern) == 1 and pattern not in _META:
        meter.made_items(min(text.count(pattern) + 1, limit) if limit > 0 else text.count(pattern) + 1)
        pieces = text.split(pattern, limit - 1) if limit > 0 else text.split(pattern)
    else:
        pieces, start = [], 0
        for found in compiled(pattern).finditer(text):
            if limit > 0 and len(pieces) == limit - 1:
                break
            if found.end() == 0 or (found.end() == found.start() == len(text)):
                continue  # Java gives no empty piece for an empty match at either end
            meter.tick()
            pieces.append(text[start : found.start()])
            start = found.end()
        pieces.append(text[start:])
        meter.made_items(len(pieces))
    if limit == 0 and len(pieces) > 1:
        while pieces and not pieces[-1]:
            pieces.pop()
    return list(pieces)


def replace_all(text: str, pattern: str, replacement: str, meter: Meter) -> str:
    """As String.replaceAll; in `replacement` `$1` and `${name}` are groups, a backslash takes the next as it is."""
    regex = compiled(pattern)
    parts = _replacement(replacement, regex.groups, frozenset(regex.groupindex))
    pieces: list[str] = []
    size = start = 0
    for found in regex.finditer(text):
        meter.tick()
        pieces.append(text[start : found.start()])
        for part in parts:
            pieces.append(part if isinstance(part, str) else _group(found, part))
            size += len(pieces[-1])
        size += found.start() - start
        start = found.end()
        if size > meter.budget.output:
            meter.made_text(size)
    pieces.append(text[start:])
    return "".join(pieces)


def _group(found: Any, part: tuple[int | str]) -> str:
    value = found.group(part[0])
    return value if isinstance(value, str) else ""


@lru_cache(maxsize=256)
def compiled(pattern: str) -> Any:
    """The RE2 program for a Java pattern. Raises ExpressionError with the place of what it cannot take."""
    import re2

    if len(pattern) > _PATTERN_LENGTH:
        raise BudgetExceeded(f"a regular expression is longer than the pattern bound of {_PATTERN_LENGTH:,} characters")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _RE2_MEMORY
    try:
        return re2.compile(_Translator(pattern).translate(), options)
    except re2.error as error:
        reason = error.args[0] if error.args else "it is not accepted"
        text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise ExpressionError(f"the regular expression `{pattern}` is wrong: {text}") from None


def _replacement(text: str, groups: int, names: frozenset[str]) -> list[str | tuple[int | str]]:
    parts: list[str | tuple[int | str]] = []
    literal, index = "", 0
    while index < len(text):
        char = text[index]
        index += 1
        if char == "\\":
            if index == len(text):
                raise ExpressionError("the replacement of a regular expression ends in a backslash")
            literal += text[index]
            index += 1
            continue
        if char != "$":
            literal += char
            continue
        group: int | str
        if text[index : index + 1] == "{":
            end = text.find("}", index)
            group = text[index + 1 : end] if end > 0 else ""
            if group not in names:
                raise ExpressionError(f"the replacement `{text}` names a group that the pattern does not have")
            index = end + 1
        else:
            if not text[index : index + 1].isdecimal() or int(text[index]) > groups:
                raise ExpressionError(
                    f"the replacement `{text}` names a group that the pattern does not have",
                    help="a dollar sign itself is written `\\$`",
                )
            group = int(text[index])
            index += 1
            while text[index : index + 1].isdecimal() and group * 10 + int(text[index]) <= groups:
                group = group * 10 + int(text[index])
                index += 1
        parts += [literal, (group,)]
        literal = ""
    return [*parts, literal]


class _Translator:
    """One walk over a Java pattern, writing RE2's."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.out: list[str] = []
        self.dot_is_all = False

    def translate(self) -> str:
        while self.at < len(self.pattern):
            char = self.pattern[self.at]
            if char == "\\":
                self.out.append(self._escape(in_class=False))
            elif char == "[":
                self.out.append(self._class())
            elif char == "(":
                self._group()
            elif char in "*+?{":
                self._quantifier(char)
            else:
                self.at += 1
                self.out.append(_NOT_NEWLINE if char == "." and not self.dot_is_all else char)
        return "".join(self.out)

    def _refuse(self, what: str) -> NoReturn:
        raise ExpressionError(f"the regular expression `{self.pattern}` has {what} at character {self.at + 1}")

    def _peek(self, length: int = 1) -> str:
        return self.pattern[self.at : self.at + length]

    def _group(self) -> None:
        if self._peek(2) != "(?":
            self.at += 1
            self.out.append("(")
            return
        for opening, what in (
            ("(?=", "a look-ahead"),
            ("(?!", "a look-ahead"),
            ("(?<=", "a look-behind"),
            ("(?<!", "a look-behind"),
            ("(?>", "an atomic group"),
        ):
            if self._peek(len(opening)) == opening:
                self._refuse(f"{what}, which is not supported,")
        if self._peek(3) == "(?<":
            end = self.pattern.find(">", self.at)
            name = self.pattern[self.at + 3 : end]
            if end < 0 or not name.isascii() or not name.isalnum():
                self._refuse("a group without a proper name")
            self.out.append(f"(?P<{name}>")
            self.at = end + 1
            return
        start = self.at
        self.at += 2
        flags = ""
        while self._peek() and self._peek() in "imsd-uxU":
            flags += self._peek()
            self.at += 1
        if self._peek() not in (":", ")") or set(flags) - set("ims-"):
            self._refuse("flags that are not supported")
        if "s" in flags.partition("-")[0]:
            self.dot_is_all = True
        self.at += 1
        self.out.append(self.pattern[start : self.at])

    def _quantifier(self, char: str) -> None:
        start = self.at
        if char == "{":
            end = self.pattern.find("}", self.at)
            low, comma, high = self.pattern[self.at + 1 : end].partition(",")
            if end < 0 or not low.isdecimal() or not (high.isdecimal() or not high):
                self._refuse("a `{` that is no repetition (write `\\{`)")
            if len(low + high) > 8 or int(high or low) > _REPEAT_MOST or (comma and int(low) > _REPEAT_MOST):
                raise BudgetExceeded(f"a repetition in a regular expression passes the bound of {_REPEAT_MOST:,}")
            self.at = end + 1
        else:
            self.at += 1
        if self._peek() == "+":
            self._refuse("a possessive quantifier, which is not supported,")
        if self._peek() == "?":
            self.at += 1
        self.out.append(self.pattern[start : self.at])

    def _class(self) -> str:
        self.at += 1
        text = "["
        if self._peek() == "^":
            text += "^"
            self.at += 1
        if self._peek() == "]":
            self._refuse("an empty character class")
        while True:
            char = self._peek()
            if not char:
                self._refuse("a character class that is not closed")
            if char == "]":
                self.at += 1
                return text + "]"
            if char == "[":
                self._refuse("a class within a class, which is not supported,")
            if self._peek(2) == "&&":
                self._refuse("an intersection of classes (`&&`), which is not supported,")
            if char == "\\":
                text += self._escape(in_class=True)
            else:
                text += char
                self.at += 1

    def _escape(self, *, in_class: bool) -> str:
        char = self.pattern[self.at + 1 : self.at + 2]
        if not char:
            self._refuse("a backslash at its end")
        if char in "123456789k":
            self._refuse("a back reference, which is not supported,")
        if char in "uxc0":
            return self._code_point(char)
        if char in "pP":
            return self._property(char, in_class=in_class)
        self.at += 2
        if char == "Q":
            end = self.pattern.find("\\E", self.at)
            quoted = self.pattern[self.at : end if end >= 0 else len(self.pattern)]
            self.at = end + 2 if end >= 0 else len(self.pattern)
            return "".join(_quoted(one) for one in quoted)
        if char in _SIMPLE_ESCAPES:
            text = _SIMPLE_ESCAPES[char]
            if in_class and char == "S":
                return r"\S"
            return (text[1:-1] if in_class and text.startswith("[") else text) or "\\" + char
        if char.isascii() and char.isalnum():
            if not in_class and char in "bBAz":
                return "\\" + char
            if not in_class and char == "R":
                return r"(?:\r\n|[\n\x0b\f\r\x{85}\x{2028}\x{2029}])"
            self.at -= 2
            self._refuse(f"`\\{char}`, which is not supported,")
        return _quoted(char)

    def _code_point(self, kind: str) -> str:
        start = self.at + 2
        if kind == "x" and self.pattern[start : start + 1] == "{":
            end = self.pattern.find("}", start)
            digits, after = self.pattern[start + 1 : end], end + 1
        else:
            width = {"u": 4, "x": 2, "c": 1, "0": 3}[kind]
            digits, after = self.pattern[start : start + width], start + width
        try:
            value = ord(digits) ^ 64 if kind == "c" else int(digits, 8 if kind == "0" else 16)
        except (TypeError, ValueError):
            self._refuse("a character code that cannot be read")
        if not 0 <= value <= 0x10FFFF or 0xD800 <= value <= 0xDFFF:
            self._refuse("a character code that does not exist")
        self.at = after
        return rf"\x{{{value:x}}}"

    def _property(self, kind: str, *, in_class: bool) -> str:
        start = self.at + 2
        if self.pattern[start : start + 1] == "{":
            end = self.pattern.find("}", start)
            name, after = self.pattern[start + 1 : end], end + 1
        else:
            name, after = self.pattern[start : start + 1], start + 1
        if name in _POSIX:
            text = f"[:{'^' if kind == 'P' else ''}{_POSIX[name]}:]"
            text = text if in_class else f"[{text}]"
        else:
            known = _UNICODE.get(name, name.removeprefix("Is"))
            if not known.isascii() or not known.isalpha():
                self._refuse("a property that cannot be read")
            text = rf"\{kind}{{{known}}}"
        self.at = after
        return text


def _quoted(char: str) -> str:
    if char.isalnum() or char == "_" or not char.isascii():
        return char
    return rf"\x{{{ord(char):x}}}"
