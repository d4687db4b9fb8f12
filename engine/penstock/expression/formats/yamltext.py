"""YAML as Kestra's filter `yaml` writes it: Jackson's quoting, and the layout of SnakeYAML's emitter.

Kestra sets MINIMIZE_QUOTES, INDENT_ARRAYS, no `---` and no splitting of lines (YamlFilter.java, 1.0). Which texts are
quoted is Jackson's StringQuotingChecker; which style a scalar then gets, and where lines break, is SnakeYAML's Emitter
with an indent of 2 and an indicator indent of 1. Those two together put a lone `-` before a list or map within a list.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta

from penstock.expression.budget import Meter
from penstock.expression.formats.pieces import Pieces
from penstock.expression.stringify import to_java, to_text

_INDENT = 2
_INDICATOR_INDENT = 1
_LONGEST_KEY = 128
_RESERVED = frozenset(
    {
        "", "false", "False", "FALSE", "n", "N", "no", "No", "NO", "null", "Null", "NULL", "on", "On", "ON",
        "off", "Off", "OFF", "true", "True", "TRUE", "y", "Y", "yes", "Yes", "YES",
    }
)  # fmt: skip
_LIKE_A_NUMBER = frozenset("0123456789-+.")
_LEADING_ZERO = re.compile(r"0[0-9_]+")
_SIMPLE = re.compile(r"(?!0[0-9_]+$)[A-Za-z0-9_/][A-Za-z0-9_./-]*(?: [A-Za-z0-9_./-]+)*")
_QUOTABLE = re.compile(r"[\[\]{},]|(?<=[ \t])#|:(?=[ \t])")
_CONTROL = re.compile(r"[\x00-\x1f]")
# YAML 1.1 breaks lines at U+0085, U+2028 and U+2029 too, and 1.2 does not: they are escaped, so that both agree
_UNPRINTABLE = re.compile(r"[^\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_INDICATORS = re.compile(r"""---|\.\.\.|[#,\[\]{}&*!|>'"%@`]|[?:-](?: |$)""")
_WITHIN = re.compile(r":(?: |$)|(?<= )#")
_ESCAPED = re.compile(
    r"[^\x20\x21\x23-\x5b\x5d-\x7e\xa1-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_ESCAPES = {
    "\0": "0", "\a": "a", "\b": "b", "\t": "t", "\n": "n", "\v": "v", "\f": "f", "\r": "r", "\x1b": "e",
    '"': '"', "\\": "\\", "\x85": "N", "\xa0": "_", "\u2028": "L", "\u2029": "P",
}  # fmt: skip


def write(value: object, meter: Meter) -> str:
    """`value` as a YAML document, a line break at its end."""
    emitter = _Emitter(meter)
    emitter.node(value)
    emitter.finish()
    return emitter.pieces.text()


class _Emitter:
    """What SnakeYAML's emitter keeps: the column, the indent, and whether nothing but indicators stands in the line."""

    __slots__ = ("column", "indent", "lone", "pieces", "white")

    def __init__(self, meter: Meter) -> None:
        self.pieces = Pieces(meter)
        self.indent: int | None = None
        self.column = 0
        self.lone = True
        self.white = True

    def node(self, value: object, *, of_map: bool = False, of_list: bool = False) -> None:
        self.pieces.meter.tick()
        if isinstance(value, Mapping):
            self._map(value)
        elif isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray | memoryview):
            self._list(value, of_map)
        elif isinstance(value, str):
            self._scalar(value, _style(value), of_list=of_list)
        else:
            self._scalar(_printed(value, self.pieces.meter), "")

    def finish(self) -> None:
        """The end of the document."""
        if self.column:
            self._break()

    def _list(self, values: Sequence[object], of_map: bool) -> None:
        if not values:
            self._indicator("[]", apart=True)
            return
        self.pieces.enter()
        outer = self._deeper(by=0 if of_map and not self.lone else _INDENT)
        for value in values:
            self._line()
            self._spaces(_INDICATOR_INDENT)
            self._indicator("-", apart=True, lone=True)
            self.node(value, of_list=True)
        self.indent = outer
        self.pieces.leave()

    def _map(self, values: Mapping[object, object]) -> None:
        if not values:
            self._indicator("{}", apart=True)
            return
        self.pieces.enter()
        outer = self._deeper(by=_INDENT)
        for key in values:
            name = to_java(key, self.pieces.meter)
            self._line()
            if 0 < len(name) < _LONGEST_KEY and "\n" not in name:
                self._scalar(name, _name_style(name))
                self._indicator(":", apart=False)
            else:
                self._indicator("?", apart=True, lone=True)
                self._scalar(name, _name_style(name))
                self._line()
                self._indicator(":", apart=True, lone=True)
            self.node(values[key], of_map=True)
        self.indent = outer
        self.pieces.leave()

    def _scalar(self, text: str, wanted: str, *, of_list: bool = False) -> None:
        if not wanted and _SIMPLE.fullmatch(text):
            self._indicator(text, apart=True)
            return
        outer = self._deeper(by=_INDENT, flow=True)
        style = _allowed(text, wanted)
        if style == "|":
            self._literal(text, _INDENT - _INDICATOR_INDENT if of_list else _INDENT)
        elif style == '"':
            self._indicator(f'"{_ESCAPED.sub(_escape, text)}"', apart=True)
        elif style == "'":
            self._indicator("'" + text.replace("'", "''") + "'", apart=True)
        else:
            self._indicator(text, apart=True)
        self.indent = outer

    def _literal(self, text: str, indent: int) -> None:
        """`indent` is counted from where the surrounding block stands. (SnakeYAML takes its own 2 in lists too, where
        no reader then finds the text.)"""
        hints = str(indent) if text[0] in "\n " else ""
        if text[-1] != "\n":
            hints += "-"
        elif text == "\n" or text[-2] == "\n":
            hints += "+"
        self._indicator("|" + hints, apart=True)
        for line in text.split("\n"):
            self._break()
            if line:
                self._line()
                self._indicator(line, apart=False)

    def _deeper(self, *, by: int, flow: bool = False) -> int | None:
        """One level deeper than the indent that is given back."""
        outer = self.indent
        if outer is None:
            self.indent = _INDENT if flow else 0
        else:
            self.indent = outer + by
        return outer

    def _line(self) -> None:
        """To the place where a line of this indent begins; a new line where that is behind."""
        indent = self.indent or 0
        if not self.lone or self.column > indent or (self.column == indent and not self.white):
            self._break()
        self._spaces(indent - self.column)

    def _spaces(self, count: int) -> None:
        if count > 0:
            self.white = True
            self.column += count
            self.pieces.add(" " * count)

    def _break(self) -> None:
        self.white = self.lone = True
        self.column = 0
        self.pieces.add("\n")

    def _indicator(self, text: str, *, apart: bool, lone: bool = False) -> None:
        """`apart` puts a space before it where there is none; `lone` lets a block begin in the same line."""
        if apart and not self.white:
            text = " " + text
        self.white = False
        self.lone = self.lone and lone
        self.column += len(text)
        self.pieces.add(text)


def _printed(value: object, meter: Meter) -> str:
    """What is neither text nor list nor map, in plain style."""
    if value is None:
        return "null"
    if isinstance(value, timedelta):
        from penstock.expression.formats.iontext import seconds_of

        return str(seconds_of(value))
    return to_text(value, meter)


def _style(text: str) -> str:
    """What Jackson asks for: plain (empty), literal or quoted."""
    if _SIMPLE.fullmatch(text):
        return '"' if text in _RESERVED else ""
    if not text:
        return '"'
    if "\n" in text:
        return "|"
    return '"' if text in _RESERVED or text[0] == "~" or _QUOTABLE.search(text) else ""


def _name_style(name: str) -> str:
    if name in _RESERVED or name[0] == "~" or name[0] in _LIKE_A_NUMBER or _CONTROL.search(name):
        return '"'
    return ""


def _allowed(text: str, wanted: str) -> str:
    """What SnakeYAML makes of the style that is asked for."""
    if wanted == '"' or _UNPRINTABLE.search(text):
        return '"'
    if wanted == "|":
        return '"' if text[-1] == " " or " \n" in text else "|"
    if text[0] == " " or text[-1] == " " or _LEADING_ZERO.fullmatch(text):
        return "'"
    return "'" if _INDICATORS.match(text) or _WITHIN.search(text) else ""


def _escape(found: re.Match[str]) -> str:
    char = found.group()
    if char in _ESCAPES:
        return "\\" + _ESCAPES[char]
    number = ord(char)
    return f"\\x{number:02x}" if number <= 0xFF else f"\\u{number:04x}"
