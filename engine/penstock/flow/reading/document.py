"""A YAML file as plain values that know where they stand: line and column of every key, value and character."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from penstock.compose import MAX_DUPLICATES, Composer, Fault, Place, event_parser
from penstock.diagnostic import START, Diagnostic, Edit, Position, Range, Severity
from penstock.flow.codes import help_for
from penstock.flow.reading.lines import Replacement, without_second, without_tabs
from penstock.flow.reading.offsets import Walk, offset_in_scalar, scalar_start

MAX_BYTES = 3 * 1024 * 1024
MAX_PATIENCE = 64 * 1024
"""Characters of a text that is read a second time, by the slower parser, where libyaml alone finds fault with it."""

Path = Sequence[str | int]
_NEAR = 2048
"""So near to its beginning the lines of a text are counted: most flows have nothing else to be placed."""
_BREAK = re.compile(r"\r\n|\n|\r")


@dataclass(slots=True)
class Document:
    """One file after reading. `value` is made of dict, list, str, int, float, bool and None and must not be changed.

    `place` runs parallel to it (see `penstock.compose.Place`). Where `diagnostics` holds an error, `value`
    is what could be read before it, or None. Aliases share one value, and its place is the anchor's.
    """

    path: str
    text: str
    value: Any = None
    place: Place = (0, 0)
    diagnostics: tuple[Diagnostic, ...] = ()
    _starts: list[int] | None = field(default=None, repr=False)
    _walk: Walk = field(default_factory=Walk, repr=False, compare=False)

    @property
    def is_sound(self) -> bool:
        return not any(found.is_error for found in self.diagnostics)

    def position(self, offset: int) -> Position:
        """The line and column of a character of the text."""
        starts = self._starts
        if starts is None:
            text = self.text
            if offset < _NEAR and "\r" not in text[: offset + 1]:
                return Position(text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset))
            starts = self._starts = line_starts(text)
        line = bisect_right(starts, offset) - 1
        return Position(line + 1, offset - starts[line] + 1)

    def span(self, start: int, end: int) -> Range:
        """The range between two offsets; at least one column wide."""
        first, last = self.position(start), self.position(max(start, end))
        if last <= first:
            last = Position(first.line, first.column + 1)
        return Range(first, last)

    def between(self, where: Range) -> str:
        """The text of a range, as it is written."""
        return self.text[self._offset(where.start) : self._offset(where.end)]

    def _offset(self, position: Position) -> int:
        starts = self._starts
        if starts is None:
            starts = self._starts = line_starts(self.text)
        if position.line > len(starts):
            return len(self.text)
        return min(starts[position.line - 1] + position.column - 1, len(self.text))

    def find(self, path: Path) -> Place | None:
        """The place of the value at `path`, or None when there is none."""
        place = self.place
        for step in path:
            if len(place) < 3:
                return None
            inner = place[2]
            if isinstance(inner, dict):
                if step not in inner:
                    return None
                place = inner[step][2]
            elif isinstance(step, int) and 0 <= step < len(inner):
                place = inner[step]
            else:
                return None
        return place

    def range_of(self, path: Path) -> Range:
        """Where the value at `path` stands; where it is missing, the nearest thing around it that is there."""
        return self.value_range(self._nearest(path))

    def key_range_of(self, path: Path) -> Range:
        """Where the key stands under which `path` is found; for an item of a list, the item's own range."""
        parent = self.find(path[:-1]) if path else None
        if parent is None or len(parent) < 3 or not isinstance(parent[2], dict) or path[-1] not in parent[2]:
            return self.range_of(path)
        start, end, _ = parent[2][path[-1]]
        return self.span(start, end)

    def value_range(self, place: Place) -> Range:
        """The range of a place: without anchor and tag, and of a list or mapping without what trails it."""
        start, end = place[0], place[1]
        if len(place) == 2:
            start = scalar_start(self.text, start, end)
        if end > start:
            end = start + len(self.text[start:end].rstrip())
        return self.span(start, end)

    def within(self, place: Place, value: str, offset: int, width: int = 1) -> Range:
        """Where the characters `offset` to `offset + width` of a scalar's value stand, in block scalars too."""
        start = offset_in_scalar(self.text, place, value, offset, self._walk)
        end = offset_in_scalar(self.text, place, value, offset + max(width, 1) - 1, self._walk) + 1
        return self.span(start, end)

    def line(self, number: int) -> str:
        """The text of one line, without its break; empty beyond the end."""
        starts = self._starts
        if starts is None:
            starts = self._starts = line_starts(self.text)
        if not 1 <= number <= len(starts):
            return ""
        end = starts[number] if number < len(starts) else len(self.text)
        return self.text[starts[number - 1] : end].rstrip("\r\n")

    def _nearest(self, path: Path) -> Place:
        for length in range(len(path), -1, -1):
            place = self.find(path[:length])
            if place is not None:
                return place
        return self.place


def line_starts(text: str) -> list[int]:
    """The offsets at which lines begin. A break is CR LF, LF or CR, as editors count."""
    if "\r" in text:
        return [0, *(match.end() for match in _BREAK.finditer(text))]
    return list(accumulate([len(line) + 1 for line in text.split("\n")[:-1]], initial=0))


def read_document(source: bytes | str, path: str) -> Document:
    """Reads one file. Never raises for what the file holds: every fault becomes a diagnostic PEN1xx at its place."""
    found: list[Diagnostic] = []
    if isinstance(source, str):
        text = source.removeprefix("\ufeff")
        size = len(source)
    else:
        size = len(source)
        if size > MAX_BYTES:
            return Document(path, "", diagnostics=(_too_large(path, size),))
        decoded, fault = _decode(source, path)
        if fault is not None:
            found.append(fault)
        if decoded is None:
            return Document(path, "", diagnostics=tuple(found))
        text = decoded
    if size > MAX_BYTES:
        return Document(path, "", diagnostics=(_too_large(path, size),))
    document = Document(path, text)
    _compose(document, found)
    document.diagnostics = tuple(found)
    return document


def _compose(document: Document, found: list[Diagnostic]) -> None:
    import yaml

    from penstock.flow.reading.syntax import complain, is_of_libyaml_alone

    def report(
        code: str, message: str, start: int, end: int, hint: str | None = None, label: str = "",
        mend: Replacement | None = None,
    ) -> None:  # fmt: skip
        where = document.span(start, end)
        fix = Edit(Range(document.position(mend[0]), document.position(mend[1])), mend[2]) if mend is not None else None
        found.append(
            Diagnostic(code, Severity.ERROR, message, document.path, where, hint or help_for(code), label, fix=fix)
        )

    for patient in (False, True):
        parser: Any = None
        composer: Composer | None = None
        try:
            parser = event_parser(document.text, patient=patient)
            composer = Composer(parser.get_event)
            document.value, document.place = composer.document()
        except Fault as fault:
            report(fault.code, fault.message, fault.start, fault.end, fault.hint)
        except (yaml.YAMLError, UnicodeError) as error:
            if not patient and is_of_libyaml_alone(error) and len(document.text) <= MAX_PATIENCE:
                continue
            code, message, start, end, hint, label = complain(error, document.text)
            report(code, message, start, end, hint, label, without_tabs(document.text) if code == "PEN103" else None)
        finally:
            if parser is not None:
                parser.dispose()
        duplicates = composer.duplicates if composer is not None else []
        for key, start, end, first, stop, first_stop in duplicates[:MAX_DUPLICATES]:
            line = document.position(first).line
            report(
                "PEN111", f"Duplicate field '{key}'", start, end,
                f"keep one of the two; the first stands in line {line}",
                mend=without_second(document.text, (first, first_stop), (start, stop)),
            )  # fmt: skip
        if len(duplicates) > MAX_DUPLICATES:
            found.append(too_many(document, MAX_DUPLICATES))
        return


def too_many(document: Document, most: int) -> Diagnostic:
    """The note that not all findings are told."""
    message = f"the file has more than {most} findings, and the others are not told"
    return Diagnostic("PEN116", Severity.WARNING, message, document.path, START, help_for("PEN116"))


def _decode(source: bytes, path: str) -> tuple[str | None, Diagnostic | None]:
    """The text of the bytes, and what is to be said about their encoding."""
    if source[:4] in (b"\xff\xfe\0\0", b"\0\0\xfe\xff"):
        return None, _encoding(path, "the file is UTF-32, and Kestra reads UTF-8")
    if source[:2] in (b"\xff\xfe", b"\xfe\xff"):
        try:
            text = source.decode("utf-16")
        except UnicodeDecodeError:
            return None, _encoding(path, "the file begins as UTF-16 but is not")
        return text, _encoding(path, "the file is UTF-16, and Kestra reads UTF-8", Severity.WARNING)
    try:
        return source.removeprefix(b"\xef\xbb\xbf").decode(), None
    except UnicodeDecodeError as error:
        before = source.removeprefix(b"\xef\xbb\xbf")[: error.start].decode()
        starts = line_starts(before)
        where = Range.at(len(starts), len(before) - starts[-1] + 1)
        byte = error.object[error.start]
        return None, _encoding(path, f"the byte 0x{byte:02x} is not UTF-8", where=where)


def _encoding(path: str, message: str, severity: Severity = Severity.ERROR, where: Range = START) -> Diagnostic:
    return Diagnostic("PEN101", severity, message, path, where, "save the file as UTF-8")


def _too_large(path: str, size: int) -> Diagnostic:
    message = f"the file has {size / 1_048_576:.1f} MiB, and a flow may have {MAX_BYTES // 1_048_576} MiB"
    return Diagnostic("PEN102", Severity.ERROR, message, path, START, "move scripts and data into namespace files")
