"""YAML events to plain values and the places they stand at: bounded, without recursion into libyaml.

Scalars are read by the core schema of YAML 1.2, as Jackson hands them to Kestra (docs/compatibility.md):
only `true` and `false` are booleans, `017` is 17, `12:30:45`, `yes` and dates are text. Every key is text.

Events are pulled one at a time, so the depth is known before libyaml goes deeper; its own look-ahead within a
simple key ends after 1,024 characters. (What crashes on 30,000 `[` is PyYAML's recursive compose, not used here.)
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

MAX_DEPTH = 50
MAX_ALIASES = 50
MAX_EXPANSION = 100_000
MAX_VALUES = 20_000
MAX_DUPLICATES = 1_000
MAX_DIGITS = 400

# A place is (start, end) for a scalar, (start, end, [place, …]) for a list and
# (start, end, {key: (key start, key end, place)}) for a mapping; offsets count characters of the text.
# Plain tuples: a thousand flows have a quarter of a million of them.
Place = tuple[Any, ...]

_NUMERIC = frozenset("-+.0123456789")
_WORDS: dict[str, Any] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_BEGINS_OTHER = _NUMERIC | {word[0] for word in _WORDS if word}
"""What does not begin so is text."""
_INT = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_ENDLESS = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_CORE = "tag:yaml.org,2002:"


class Fault(Exception):
    """What stops the reading of a document: a code, a sentence and the offsets between which it lies."""

    def __init__(self, code: str, message: str, start: int, end: int, hint: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.start, self.end, self.hint = code, message, start, end, hint


def resolve_plain(text: str) -> Any:
    """The value of a plain scalar. Raises ValueError with a sentence when it is a number that cannot be kept."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMERIC:
        return text
    if _INT.fullmatch(text):
        if len(text) > MAX_DIGITS:
            raise ValueError(f"a number of {len(text)} digits is more than can be kept")
        return int(text)
    if _FLOAT.fullmatch(text):
        number = float(text)
        if number in (float("inf"), float("-inf")):
            raise ValueError(f"`{text[:40]}` is larger than a number can be")
        return number
    if _BASED.fullmatch(text):
        return int(text, 0)
    if _ENDLESS.fullmatch(text):
        raise ValueError(f"`{text}` is no number that JSON, and so Kestra, could hold")
    return text


def event_parser(text: str, *, patient: bool = False) -> Any:
    """libyaml's event parser; PyYAML's own with `patient`, or where the C extension was not built. To be disposed of.

    SnakeYAML, which Kestra reads with, was made after PyYAML's own, which is slower by far.
    """
    try:
        from yaml._yaml import CParser
    except ImportError:
        patient = True
    if patient:
        from yaml import SafeLoader

        return SafeLoader(text)
    return CParser(text)


class Composer:
    """Builds one document from events; a fault raises Fault.

    `duplicates` collects (key, start, end, first start, end of the value, end of the first value). `most_values` is
    how many a document may hold: a flow holds no data, what an expression reads may.
    """

    def __init__(self, get_event: Callable[[], Any], *, most_values: int = MAX_VALUES) -> None:
        self._get = get_event
        self._most_values = most_values
        self._anchors: dict[str, tuple[Any, Place, int] | None] = {}
        self._aliases = 0
        self._nodes = 0
        self._expanded = 0
        self.duplicates: list[tuple[str, int, int, int, int, int]] = []

    def document(self) -> tuple[Any, Place]:
        """The one document of the stream. An empty stream is None at (0, 0)."""
        get = self._get
        get()  # the start of the stream
        event = get()
        if type(event) is StreamEndEvent:
            return None, (0, 0)
        value, place = self._node(get(), 1)
        get()  # the end of the document
        event = get()
        if type(event) is DocumentStartEvent:
            start = _start(event)
            raise Fault(
                "PEN106", "a second YAML document begins here, and a flow file holds one", start, start + 3,
                "put each flow into a file of its own",
            )  # fmt: skip
        return value, place

    def _node(self, event: Any, depth: int) -> tuple[Any, Place]:
        kind = type(event)
        if kind is ScalarEvent:
            self._nodes += 1
            value = self._scalar(event)
            place: Place = (event.start_mark.index, event.end_mark.index)
            if event.anchor is not None:
                self._anchors[event.anchor] = (value, place, 0)
            return value, place
        if kind is AliasEvent:
            return self._alias(event)
        start = event.start_mark.index
        if depth > MAX_DEPTH:
            raise Fault("PEN107", f"nested more than {MAX_DEPTH} levels deep", start, start + 1)
        self._nodes += 1
        before = self._nodes
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        tag = event.tag
        if kind is MappingStartEvent:
            if tag is not None and tag not in ("!", _CORE + "map"):
                raise _custom_tag(event)
            value, place = self._mapping(event, depth)
        else:
            if tag is not None and tag not in ("!", _CORE + "seq"):
                raise _custom_tag(event)
            value, place = self._sequence(event, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, place, self._nodes - before + 1)
        return value, place

    def _mapping(self, opening: Any, depth: int) -> tuple[dict[str, Any], Place]:
        get = self._get
        value: dict[str, Any] = {}
        entries: dict[str, tuple[int, int, Place]] = {}
        merged: list[tuple[dict[str, Any], Place]] = []
        while True:
            if self._nodes > self._most_values:
                raise _too_many(opening, self._most_values)
            event = get()
            kind = type(event)
            if kind is ScalarEvent:
                key = event.value
                if event.anchor is not None:
                    self._anchors[event.anchor] = (key, (event.start_mark.index, event.end_mark.index), 0)
            elif kind is MappingEndEvent:
                break
            else:
                key = self._odd_key(event)
            key_start, key_end = event.start_mark.index, event.end_mark.index
            item = get()
            item_kind = type(item)
            if item_kind is ScalarEvent and item.anchor is None:
                self._nodes += 1
                content = self._scalar(item)
                place: Place = (item.start_mark.index, item.end_mark.index)
            else:
                content, place = self._node(item, depth + 1)
            if key == "<<" and kind is ScalarEvent and event.implicit[0]:
                merged += _merge_sources(content, place, key_start, key_end)
            elif key in value:
                if len(self.duplicates) <= MAX_DUPLICATES:  # one more says that there are more
                    first = entries[key]
                    self.duplicates.append((key, key_start, key_end, first[0], place[1], first[2][1]))
            else:
                value[key] = content
                entries[key] = (key_start, key_end, place)
        for source, source_place in merged:
            for key, content in source.items():
                if key not in value:
                    value[key] = content
                    entries[key] = source_place[2][key]
        return value, (opening.start_mark.index, event.end_mark.index, entries)

    def _sequence(self, opening: Any, depth: int) -> tuple[list[Any], Place]:
        get = self._get
        value: list[Any] = []
        places: list[Place] = []
        while True:
            if self._nodes > self._most_values:
                raise _too_many(opening, self._most_values)
            event = get()
            kind = type(event)
            if kind is ScalarEvent and event.anchor is None:
                self._nodes += 1
                value.append(self._scalar(event))
                places.append((event.start_mark.index, event.end_mark.index))
            elif kind is SequenceEndEvent:
                return value, (opening.start_mark.index, event.end_mark.index, places)
            else:
                content, place = self._node(event, depth + 1)
                value.append(content)
                places.append(place)

    def _scalar(self, event: Any) -> Any:
        text = event.value
        if event.tag is None:
            if not event.implicit[0]:
                return text
            if text and text[0] not in _BEGINS_OTHER:
                return text
            try:
                return resolve_plain(text)
            except ValueError as error:
                raise Fault(
                    "PEN109", str(error), event.start_mark.index, event.end_mark.index, "put it in quotes if it is text"
                ) from error
        return _tagged(event)

    def _alias(self, event: Any) -> tuple[Any, Place]:
        start, end = event.start_mark.index, event.end_mark.index
        if event.anchor not in self._anchors:
            raise Fault("PEN108", f"alias `*{event.anchor}` has no anchor `&{event.anchor}` before it", start, end)
        target = self._anchors[event.anchor]
        if target is None:
            raise Fault("PEN108", f"alias `*{event.anchor}` stands within what it names", start, end)
        value, place, size = target
        self._nodes += not size
        if size:
            self._aliases += 1
            self._nodes += size
            self._expanded += size
            if self._aliases > MAX_ALIASES:
                raise Fault("PEN107", f"more than {MAX_ALIASES} aliases to lists and mappings", start, end)
            if self._expanded > MAX_EXPANSION:
                raise Fault("PEN107", f"aliases unfold to more than {MAX_EXPANSION:,} values", start, end)
        return value, place

    def _odd_key(self, event: Any) -> str:
        start, end = event.start_mark.index, event.end_mark.index
        if type(event) is AliasEvent:
            value = self._alias(event)[0]
            if isinstance(value, str):
                return value
        braces = type(event) is MappingStartEvent and event.flow_style
        hint = 'an expression needs quotes: "{{ … }}"' if braces else "use text as the key"
        raise Fault("PEN105", "a key must be text, not a list or a mapping", start, end, hint)


def _too_many(opening: Any, most: int) -> Fault:
    start = _start(opening)
    return Fault("PEN107", f"the file holds more than {most:,} values", start, start + 1)


def _start(event: Any) -> int:
    return int(event.start_mark.index)


def _merge_sources(content: Any, place: Place, start: int, end: int) -> list[tuple[dict[str, Any], Place]]:
    """The mappings that a `<<` names, the earlier winning."""
    if isinstance(content, dict):
        return [(content, place)]
    if isinstance(content, list) and all(isinstance(part, dict) for part in content):
        return list(zip(content, place[2], strict=True))
    raise Fault("PEN108", "`<<` merges a mapping or a list of mappings, and this is neither", start, end)


def _tagged(event: Any) -> Any:
    """The value of a scalar with an explicit tag of the core schema."""
    text, tag = event.value, event.tag
    start, end = event.start_mark.index, event.end_mark.index
    if tag in ("!", _CORE + "str"):
        return text
    if tag == _CORE + "null" and text in ("", "~", "null", "Null", "NULL"):
        return None
    wanted = {_CORE + "bool": bool, _CORE + "int": int, _CORE + "float": float}.get(tag)
    if wanted is None:
        raise _custom_tag(event)
    try:
        value = resolve_plain(text) if text else None
    except ValueError as error:
        raise Fault("PEN109", str(error), start, end) from error
    if wanted is float and type(value) is int:
        value = float(value)
    if type(value) is not wanted:
        raise Fault("PEN109", f"`{text[:40]}` is not what its tag `!!{tag.removeprefix(_CORE)}` says", start, end)
    return value


def _custom_tag(event: Any) -> Fault:
    tag = event.tag
    shown = f"!!{tag.removeprefix(_CORE)}" if tag.startswith(_CORE) else tag
    start = event.start_mark.index
    return Fault(
        "PEN110", f"the tag `{shown}` is not allowed in a flow", start, start + len(shown),
        "remove it, or put the value in quotes if it is text that begins with `!`",
    )  # fmt: skip
