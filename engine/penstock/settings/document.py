"""A settings file as plain data that knows where each value stands; read in bounds, whatever the file holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path as File
from typing import Any

from penstock.diagnostic import START, Diagnostic, Position, Range, Severity
from penstock.settings.kinds import Path

MAX_BYTES = 256 * 1024
MAX_DEPTH = 30
MAX_VALUES = 20_000
"""An alias counts as often as it is used: a bomb ends here."""

UNREADABLE = "PEN190"


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """What a file holds. `data` is a map with text keys, empty when the file cannot be read; `places` knows the range
    of each key (and of each item of a list), `values` of each value."""

    shown: str
    data: dict[str, Any] = field(default_factory=dict)
    places: dict[Path, Range] = field(default_factory=dict)
    values: dict[Path, Range] = field(default_factory=dict)
    diagnostics: tuple[Diagnostic, ...] = ()

    def range_of(self, path: Path, *, key: bool) -> Range:
        """Where the value (or the key) at `path` stands; where its nearest parent does when it is not there."""
        ranges = self.places if key else self.values
        while path and path not in ranges:
            path = path[:-1]
        return ranges.get(path, START)


class _Fault(Exception):
    def __init__(self, message: str, range_: Range, hint: str | None = None) -> None:
        super().__init__(message)
        self.message, self.range, self.hint = message, range_, hint


def read_settings_file(file: File, shown: str) -> SettingsFile:
    """Read a file; what is wrong with it as YAML is a diagnostic, never an exception."""
    try:
        with file.open("rb") as stream:
            source = stream.read(MAX_BYTES + 1)
    except OSError as error:
        return _faulty(shown, _Fault(f"cannot be read: {error.strerror or error}", START))
    return parse_settings(source, shown)


def parse_settings(source: bytes, shown: str) -> SettingsFile:
    """The same for bytes."""
    try:
        text = _text(source)
        root = _composed(text)
        if root is None:
            return SettingsFile(shown)
        reading = _Reading()
        data = reading.settings(root)
    except _Fault as fault:
        return _faulty(shown, fault)
    found = tuple(_diagnostic(shown, fault) for fault in reading.duplicates)
    return SettingsFile(shown, data, reading.places, reading.values, found)


def _faulty(shown: str, fault: _Fault) -> SettingsFile:
    return SettingsFile(shown, diagnostics=(_diagnostic(shown, fault),))


def _diagnostic(shown: str, fault: _Fault) -> Diagnostic:
    return Diagnostic(UNREADABLE, Severity.ERROR, fault.message, shown, fault.range, fault.hint)


def _text(source: bytes) -> str:
    if len(source) > MAX_BYTES:
        raise _Fault(f"is larger than {MAX_BYTES // 1024} kB, too large for settings", START)
    try:
        return source.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = source[: error.start].decode("utf-8-sig")
        line = before.count("\n") + 1
        column = len(before) - (before.rfind("\n") + 1) + 1
        raise _Fault("is not UTF-8", Range.at(line, column), "save it as UTF-8") from error


def _composed(text: str) -> Any:
    """The root node, None for an empty file. The depth is looked at first: compose recurses in C, and would crash."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _refuse_depth(yaml.parse(text, Loader=loader))
        return yaml.compose(text, Loader=loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = Range.at(mark.line + 1, mark.column + 1) if mark is not None else START
        if "maximum nesting depth" in str(error.problem):  # libyaml 0.2.6 and later: it reads ahead of us
            raise _Fault(f"nests deeper than {MAX_DEPTH}", at) from error
        raise _Fault(f"is not YAML: {error.problem or error.context}", at) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        column = error.position - text.rfind("\n", 0, error.position)
        raise _Fault("holds a character that YAML does not allow", Range.at(line, max(column, 1))) from error


def _refuse_depth(events: Iterator[Any]) -> None:
    import yaml

    depth = 0
    for event in events:
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise _Fault(f"nests deeper than {MAX_DEPTH}", _range(event))
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


class _Reading:
    """Nodes to values, with their places, in the words of YAML 1.2: `yes` and `12:30` are texts."""

    def __init__(self) -> None:
        self.places: dict[Path, Range] = {}
        self.values: dict[Path, Range] = {}
        self.duplicates: list[_Fault] = []
        self._left = MAX_VALUES

    def settings(self, root: Any) -> dict[str, Any]:
        """What the whole document holds."""
        data = self.value(root, ())
        if not isinstance(data, dict):
            raise _Fault("settings are a map", _range(root), "write them as `key: value`")
        return data

    def value(self, node: Any, path: Path) -> Any:
        import yaml

        self._left -= 1
        if self._left < 0 or len(path) > MAX_DEPTH:
            raise _Fault("holds more values than settings can have", _range(node))
        self.values[path] = _range(node)
        if isinstance(node, yaml.MappingNode):
            return self._map(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._item(each, (*path, at)) for at, each in enumerate(node.value)]
        return _scalar(node)

    def _item(self, node: Any, path: Path) -> Any:
        self.places[path] = _range(node)
        return self.value(node, path)

    def _map(self, node: Any, path: Path) -> dict[str, Any]:
        import yaml

        found: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _Fault("a key must be a text", _range(key))
            if key.value in found:
                self.duplicates.append(_Fault(f"`{key.value}` is there twice", _range(key), "remove one of them"))
            inner = (*path, key.value)
            self.places[inner] = _range(key)
            found[key.value] = self.value(value, inner)
        return found


_WORDS = {"": None, "~": None, "null": None, "Null": None, "NULL": None,
          "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}  # fmt: skip
_INT = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]{1,3})?")


def _scalar(node: Any) -> Any:
    text: str = node.value
    if node.style:  # quoted, or a block; libyaml says "" of a plain one, PyYAML's own parser None
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def _range(node: Any) -> Range:
    """From the start of a node or event to its end, at most to the end of its first line."""
    start, end = node.start_mark, node.end_mark
    width = end.column - start.column if end.line == start.line else 1
    return Range(Position(start.line + 1, start.column + 1), Position(start.line + 1, start.column + 1 + max(width, 1)))
