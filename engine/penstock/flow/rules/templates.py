"""The templates of a flow: where each stands, who renders it there, and what parsing it tells."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from penstock.diagnostic import Range, Severity
from penstock.flow.reading.document import Document
from penstock.flow.survey import TASK_LISTS, Path, Site, Survey
from penstock.flow.words import Dialect

if TYPE_CHECKING:  # only for speed: a flow without expressions is judged without their package
    from penstock.expression import Call, Reads
    from penstock.expression import Path as ReadPath

LATER = frozenset({"variables", "labels"})
"""Rendered only where something asks for them; text with braces may be meant literally."""

_NAMES = frozenset({"id", "type", "description", "displayName"})
_OF_THE_FLOW = _NAMES | {"namespace", "revision", "triggers", *TASK_LISTS}
_SIMPLE = re.compile(r"""(?<!\{)\{\{(?:[^{}'"]|'[^'{}\\]*'|"[^"{}\\]*")*\}\}(?!\})""")
"""A print tag without braces or escapes inside: it ends at its `}}`, and nothing around it changes its meaning."""

_OPENING = re.compile(r"\{[{%#]")
_SHORT = 512
MAX_CODE = 128 * 1024
"""Characters that the tags of one file may have together: to parse them takes a second or so."""
_OLD_VARIABLES = {"schedule": "trigger"}
_OLD_ARGUMENTS = {("read", "version"): "revision"}
_DASHED = re.compile(r"(?:-[A-Za-z0-9_]+)+")


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a template cannot be parsed; `offset` and `width` are characters in it."""

    code: str
    message: str
    offset: int
    width: int
    help: str | None


@dataclass(frozen=True, slots=True)
class Dash:
    """Where `a.b-c` may be meant as `a['b-c']`: the path `a.b`, the whole name, and the paths that it would swallow."""

    at: int
    name: str
    width: int
    swallowed: int


@dataclass(frozen=True, slots=True)
class Outdated:
    """A deprecated function, filter, test, argument or variable that is used, and what to write in its place."""

    kind: str
    name: str
    offset: int
    width: int
    instead: str

    @property
    def hint(self) -> str:
        return f"write `{self.instead}`"


@dataclass(frozen=True, slots=True)
class Piece:
    """A template, or one tag of it that stands for itself. With a fault nothing else is known of it."""

    fault: Fault | None = None
    paths: tuple[ReadPath, ...] = ()
    dashes: tuple[Dash, ...] = ()
    outdated: tuple[Outdated, ...] = ()
    calls: tuple[Call, ...] = ()
    roots: frozenset[str | int | None] = frozenset()
    """The variables that the paths begin with."""


@dataclass(slots=True, eq=False)
class Written:
    """One text that holds a tag. `site` is the task, trigger, runner or condition that it belongs to.

    `rendered` says whether anything renders it there; None where only the type itself knows. `pieces` are its parts
    with their offsets. With `is_whole` it is all that the document holds, and not YAML.
    """

    path: Path
    text: str
    site: Site | None = None
    rendered: bool | None = None
    is_key: bool = False
    is_whole: bool = False
    pieces: tuple[tuple[int, Piece], ...] = ()

    @property
    def task(self) -> Site | None:
        """The task whose property it is."""
        site = self.site
        while site is not None and site.group != "task":
            site = site.parent
        return site

    def range(self, document: Document, offset: int, width: int) -> Range:
        """Where characters of the text stand in the file, in block scalars too."""
        if self.is_whole:
            return document.span(offset, offset + width)
        place = document.find(self.path[:-1] if self.is_key else self.path)
        if place is not None and self.is_key:
            place = place[2][self.path[-1]][:2] if len(place) > 2 else None
        if place is None:
            return document.range_of(self.path)
        return document.within(place, self.text, offset, width)


def templates(survey: Survey) -> tuple[Written, ...]:
    """Every text of a flow that holds a tag; what is named alone (ids, types, descriptions) is left out."""
    text = survey.document.text
    if "{{" not in text and "{%" not in text and "{#" not in text and "\\" not in text:
        return ()
    return tuple(_Walk(survey).everything())


def alone(survey: Survey, text: str, task: Site | None) -> Survey:
    """A survey of the same flow in which `text` is the only template: a property of `task`, or of no task."""
    document = Document("expression", text, text, (0, len(text)))
    made = Survey(
        document, survey.flow, survey.catalog, survey.dialect,
        tasks=survey.tasks, triggers=survey.triggers, parts=survey.parts, roots=survey.roots,
    )  # fmt: skip
    found: tuple[Written, ...] = ()
    if _has_tags(text):
        found = (Written((), text, task, True, is_whole=True, pieces=pieces_of(text)),)
    made.put(templates, found)
    return made


class _Walk:
    """One walk over all values of a flow. Scalars are looked at in place: a thousand flows have a quarter million."""

    def __init__(self, survey: Survey) -> None:
        self._survey = survey
        self._sites = {site.path for site in survey.everything()}
        self._found: list[Written] = []
        self._code = 0

    def everything(self) -> list[Written]:
        for key, value in self._survey.flow.items():
            if key not in _OF_THE_FLOW:
                self._value(value, (key,), None, None)
        for site in self._survey.everything():
            self._of_site(site)
        return self._found

    def _of_site(self, site: Site) -> None:
        info = site.info
        branches = {name.split(".")[0] for name in site.branches} if info is None else info.branches
        known = info.rendered if info is not None and info.has_schema else None
        for key, value in site.raw.items():
            kind = type(value)
            if key in _NAMES or key in branches:
                continue
            if kind is dict or kind is list or (kind is str and "{" in value):
                self._value(value, (*site.path, key), site, key in known if known is not None else None)

    def _value(self, value: Any, path: Path, site: Site | None, rendered: bool | None) -> None:
        kind = type(value)
        if kind is str:
            if "{" in value and _has_tags(value):
                self._add(path, value, site, rendered)
        elif kind is dict:
            if path in self._sites:
                return
            for key, item in value.items():
                if "{" in key and _has_tags(key):
                    self._add((*path, key), key, site, rendered, is_key=True)
                kind = type(item)
                if (kind is dict or kind is list or (kind is str and "{" in item)) and (rendered or key not in _NAMES):
                    self._value(item, (*path, key), site, rendered)
        elif kind is list:
            for at, item in enumerate(value):
                kind = type(item)
                if kind is dict or kind is list or (kind is str and "{" in item):
                    self._value(item, (*path, at), site, rendered)

    def _add(self, path: Path, text: str, site: Site | None, rendered: bool | None, *, is_key: bool = False) -> None:
        if rendered is None and site is None:
            rendered = _rendered_by_flow(path)
        if site is None and path[0] == "inputs" and "defaults" in path and self._survey.dialect is Dialect.V0_21:
            rendered = False  # literally, before 0.22
        pieces: tuple[tuple[int, Piece], ...] = ()
        if rendered is not False:
            self._code += _code_in(text)
            pieces = pieces_of(text) if self._code <= MAX_CODE else ((0, Piece(_too_long(text))),)
        self._found.append(Written(path, text, site, rendered, is_key, pieces=pieces))


def _rendered_by_flow(path: Path) -> bool | None:
    """Whether a text of the flow itself is rendered: what its outputs say, what an execution is begun and held by."""
    match path:
        case ("outputs", *_, "value") | ("sla", _, "assert") | ("checks", _, "when" | "condition"):
            return True
        case ("checks", _, "message"):
            return False
        case ("inputs", *_, "expression") | ("inputs", *_, "dependsOn", "condition"):
            return True
    return None  # a default among them: it is rendered where nothing is given


def _code_in(text: str) -> int:
    """How many characters of a text lie within tags."""
    size, at = 0, 0
    while (opening := _OPENING.search(text, at)) is not None:
        closing = text.find("}", opening.end())
        at = closing + 1 if closing >= 0 else len(text)
        size += at - opening.start()
    return size


def _too_long(text: str) -> Fault:
    opening = _OPENING.search(text)
    at = opening.start() if opening is not None else 0
    return Fault(
        "PEN303", f"the expressions of the file pass the bound of {MAX_CODE:,} characters", at, 2,
        "write what is long in a script or a namespace file",
    )  # fmt: skip


def _has_tags(text: str) -> bool:
    return "{{" in text or "{%" in text or "{#" in text


def pieces_of(text: str) -> tuple[tuple[int, Piece], ...]:
    """The parts of a template that can be judged one by one, each with its offset.

    The same few texts recur in many flows, and the same few tags in many texts, so each is judged once.
    """
    return _short_pieces(text) if len(text) <= _SHORT else _pieces(text)


def _pieces(text: str) -> tuple[tuple[int, Piece], ...]:
    if not _has_tags(_SIMPLE.sub("", text)):
        pieces = tuple([(match.start(), _piece(match[0])) for match in _SIMPLE.finditer(text)])
        if not any(piece.fault for _, piece in pieces):
            return pieces
    return ((0, _piece(text)),)


_short_pieces = lru_cache(maxsize=4096)(_pieces)


def fault_in(text: str) -> Fault | None:
    """The first fault of a template, or None."""
    return next((piece.fault for _, piece in pieces_of(text) if piece.fault is not None), None)


@lru_cache(maxsize=4096)
def _piece(text: str) -> Piece:
    from penstock.expression import ExpressionError, parse

    try:
        reads = parse(text).reads
    except ExpressionError as error:
        return Piece(Fault(error.code, error.message, error.offset or 0, error.width, error.help))
    dashes = tuple(_dashes(text, reads.paths)) if "-" in text else ()
    roots = frozenset(path.parts[0] for path in reads.paths)
    return Piece(None, reads.paths, dashes, tuple(_outdated(reads)), reads.calls, roots)


def _outdated(reads: Reads) -> Iterator[Outdated]:
    from penstock.expression import FILTERS, FUNCTIONS, TESTS

    kinds = {"function": FUNCTIONS, "filter": FILTERS, "test": TESTS}
    for call in reads.calls:
        spec = kinds[call.kind].get(call.name)
        if spec is not None and spec.instead is not None:
            yield Outdated(call.kind, call.name, call.offset, call.width, spec.instead)
        for argument, _ in call.arguments:
            better = _OLD_ARGUMENTS.get((call.name, argument))
            if better is not None:
                yield Outdated("argument", argument, call.offset, call.width, better)
    for path in reads.paths:
        if path.parts[0] in _OLD_VARIABLES:
            name = str(path.parts[0])
            yield Outdated("variable", name, path.offset, len(name), _OLD_VARIABLES[name])


def _dashes(text: str, paths: tuple[ReadPath, ...]) -> Iterator[Dash]:
    """Where a name that ends a path goes on behind a dash, without a space between."""
    for at, path in enumerate(paths):
        end = path.offset + path.width
        last = path.parts[-1]
        if len(path.parts) < 2 or not isinstance(last, str) or not text.startswith(last, end - len(last)):
            continue
        match = _DASHED.match(text, end)
        if match is None:
            continue
        swallowed = sum(end < other.offset < match.end() for other in paths[at + 1 :])
        yield Dash(at, last + match[0], path.width + len(match[0]), swallowed)


def gravity(survey: Survey, written: Written, *, conditional: bool = False) -> Severity:
    """How grave a fault of a template is: an error where whoever renders it cannot but meet it.

    Kestra 0.21 lets such a flow in and its task fail, so under that dialect it warns.
    """
    site = written.site
    lenient = (
        conditional
        or survey.dialect is Dialect.V0_21
        or (not written.is_whole and written.path[0] in LATER)
        or (site is not None and (site.info is None or is_disabled(site)))
    )
    return Severity.WARNING if lenient else Severity.ERROR


def is_disabled(site: Site | None) -> bool:
    """Whether a part is left out of the flow, by its own word or with what is around it."""
    while site is not None:
        if site.raw.get("disabled") is True:
            return True
        site = site.parent
    return False


def mapping_of(value: Any) -> Mapping[str, Any]:
    """A mapping as it is, and nothing for everything else."""
    return value if isinstance(value, dict) else {}
