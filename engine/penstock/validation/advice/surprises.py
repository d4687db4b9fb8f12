"""Plain words and numbers that are not what they look like: to one reader of YAML or another, or once they are text.

We read YAML 1.2. Kestra reads through Jackson and SnakeYAML, whose rules are those of YAML 1.1, more of them in some
versions than in others: words for truth, octal and sexagesimal numbers, dates (kestra core/src/.../YamlParser.java,
jackson-dataformats-text yaml/src/.../YAMLParser.java).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from penstock.compose import resolve_plain
from penstock.diagnostic import Edit, Severity
from penstock.flow.survey import Path, Site, Survey
from penstock.validation.advice.scalars import keys, scalars, vocabulary

_WORDS = {"yes": True, "on": True, "no": False, "off": False}
_BEFORE = (": ", "- ", ", ", "[", "{")
"""What may stand before a value. One pattern for each: one that begins with a letter of its own is found quickly."""
_CAN_BEGIN = r" *(?=[-+.~0-9yYnNoOTF])"
_ODD = r"""(?x)
    (?: [yYnNoO](?:es|ES|o|O|n|N|ff|FF) | ~ | True | TRUE | False | FALSE
    | [-+]?(?: 0[0-9_]+ | 0[xob][0-9a-fA-F_]+ | [0-9]+_[0-9_]* | [0-9]+(?::[0-5]?[0-9])+(?:\.[0-9]*)?
             | [0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt\ ][0-9:.+ZzTt-]+)?
             | [0-9]*\.[0-9]*0 | \.[0-9]+ | [0-9][0-9.]*[eE][-+]?[0-9]+ )
    | \+[0-9.]+
    )(?=[ \t]*(?:[\r\n,\]}]|\Z|[ \t]\#|:[ \t\r\n]))"""
_KEYS = r"(?im)(?:^|(?<=[\s{,]))(yes|no|on|off)(?=[ ]*:(?:\s|\Z))"
_AS_KEYS = frozenset(
    f"{lead}{word}:" for lead in ("", "{") for one in _WORDS for word in (one, one.capitalize(), one.upper())
)
_OCTAL = r"[-+]?0[0-7_]+"
_SEXAGESIMAL = r"[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?"
_GROUPED = r"[-+]?[0-9]+_[0-9_]*"
_BINARY = r"[-+]?0b[01_]+"
_OCTAL_1_2 = r"0o[0-7]+"
_DATE = r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}.*"

_OF_TEXT = frozenset({"env", "labels", "headers"})
"""Mappings whose values are text whatever they look like."""
_COMMANDS = frozenset({"commands", "beforeCommands", "args", "entryPoint"})
_VERSIONS = r"(?i)version|release|(?:^|[-_.])(?:tag|rev|sha|commit)$|(?:Tag|Rev|Sha|Commit)$"
_DATE_KEYS = frozenset({"before", "after", "date", "dates", "start", "end", "startDate", "endDate", "since", "until"})
_TEXT_INPUTS = frozenset({"STRING", "SELECT", "ENUM", "MULTISELECT", "EMAIL", "URI", "SECRET"})
_TIME_INPUTS = frozenset({"DATE", "DATETIME"})


class Surprise(NamedTuple):
    """How a plain scalar surprises. `differs` between readers, or only becomes another text; `told` is the sentence."""

    differs: bool
    told: str
    is_date: bool = False
    is_word: bool = False


def no_surprising_scalars(survey: Survey) -> None:
    """PEN114: what is meant as text stands in quotes where a reader could take it for something else."""
    text = survey.document.text
    marks = dict(_odd_words(text))
    if not _AS_KEYS.isdisjoint(survey.once(vocabulary).words):
        marks |= {mark.start(1): mark[1] for mark in re.finditer(_KEYS, text)}
    if not marks:
        return
    for path, start, text, is_key in _meant(survey, marks):
        if path in survey.faulty if is_key else survey.is_faulty(path):
            continue
        surprise = surprise_of(text)
        if surprise is None:
            continue
        if is_key:
            wants_text, is_due = True, True
        else:
            wants_text = _wants_text(survey, path)
            is_due = (
                _differs_here(survey, path, surprise) if surprise.differs else wants_text or _is_version(path, text)
            )
        if is_due:
            where = survey.document.span(start, start + len(text))
            is_text = wants_text or isinstance(resolve_plain(text), str)
            fix = (
                Edit(where, f'"{text}"', is_text and not surprise.is_word) if is_text or not surprise.differs else None
            )
            hint = None if fix is not None else "put it in quotes if it is text, or write the number in another way"
            survey.report("PEN114", surprise.told, path, where=where, severity=Severity.WARNING, hint=hint, fix=fix)


def _odd_words(text: str) -> Iterator[tuple[int, str]]:
    """What looks like a surprising value, with its place; it may be part of other text."""
    odd = re.compile(_ODD)
    for before in _BEFORE:
        for mark in re.finditer(re.escape(before) + _CAN_BEGIN, text):
            match = odd.match(text, mark.end())
            if match is not None:
                yield match.start(), match[0]


def surprise_of(text: str) -> Surprise | None:
    """What is surprising about a plain scalar; None for one that is the same to everybody, and stays as it is."""
    value = resolve_plain(text)
    if text.lower() in _WORDS:
        said = "true" if _WORDS[text.lower()] else "false"
        return Surprise(True, f"`{text}` is `{said}` to a reader of YAML 1.1, and text here", is_word=True)
    here = f"the number {value}" if isinstance(value, int | float) and not isinstance(value, bool) else "text"
    if re.fullmatch(_OCTAL, text):
        there = int(text.replace("_", ""), 8)
        return Surprise(True, f"`{text}` is the number {there} to a reader of YAML 1.1, and {here} here")
    if re.fullmatch(_OCTAL_1_2, text):
        return Surprise(True, f"`{text}` is text to a reader of YAML 1.1, and {here} here")
    if re.fullmatch(_SEXAGESIMAL, text):
        return Surprise(True, f"`{text}` is a number of base 60 to a reader of YAML 1.1, and text here")
    if re.fullmatch(_DATE, text):
        return Surprise(True, f"`{text}` is a moment to a reader of YAML 1.1, and text here", is_date=True)
    if re.fullmatch(_GROUPED, text) or re.fullmatch(_BINARY, text):
        return Surprise(True, f"`{text}` is a number to a reader of YAML 1.1, and text here")
    as_text = _as_text(value)
    if as_text == text:
        return None
    return Surprise(False, f"`{text}` {'is nothing' if value is None else f'becomes `{as_text}`'} where text is meant")


def _as_text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
    return str(value)


def _meant(survey: Survey, marks: dict[int, str]) -> Iterator[tuple[Path, int, str, bool]]:
    """Those candidates that are plain scalars of the document, not parts of other text: path, place, text, is a key."""
    for scalar in scalars(survey):
        text = marks.get(scalar.start)
        if text is not None and _ends(survey, scalar.place[1], scalar.start, text):
            yield scalar.path, scalar.start, text, False
    told = set[int]()
    for key in keys(survey):
        text = marks.get(key.start)
        if text is not None and key.start not in told and _ends(survey, key.end, key.start, text):
            told.add(key.start)
            yield key.path, key.start, text, True


def _ends(survey: Survey, end: int, start: int, text: str) -> bool:
    return survey.document.text[start:end].rstrip() == text


def _differs_here(survey: Survey, path: Path, surprise: Surprise) -> bool:
    """A date that stands where a moment belongs is meant as one, whoever reads it."""
    if not surprise.is_date:
        return True
    if path[-1] in _DATE_KEYS or (isinstance(path[-1], int) and len(path) > 1 and path[-2] in _DATE_KEYS):
        return False
    return _input_type(survey, path) not in _TIME_INPUTS


def _is_version(path: Path, text: str) -> bool:
    """A number that is a name, as 3.10."""
    key = path[-1] if path else None
    return isinstance(key, str) and text.lower() not in ("~", "true", "false") and re.search(_VERSIONS, key) is not None


def _wants_text(survey: Survey, path: Path) -> bool:
    """Whether what stands at `path` is text in the end."""
    if not _OF_TEXT.isdisjoint(path[-3:-1]) or (len(path) > 1 and path[-2] in _COMMANDS):
        return True
    if _input_type(survey, path) in _TEXT_INPUTS:
        return True
    if len(path) > 1 and path[-2] in ("values", "options") and path[0] == "inputs":
        return True
    site = _site_of(survey, path)
    return site is not None and len(path) == len(site.path) + 1 and _takes_any_scalar(survey, site, path[-1])


def _input_type(survey: Survey, path: Path) -> str | None:
    """The type of the input whose default, or bound, stands at `path`."""
    if len(path) < 3 or path[0] != "inputs" or path[-1] not in ("defaults", "prefill", "after", "before"):
        return None
    value: Any = survey.flow
    for step in path[:-1]:
        value = value[step]
    kind = value.get("type") if isinstance(value, dict) else None
    return kind if isinstance(kind, str) else None


def _site_of(survey: Survey, path: Path) -> Site | None:
    return next(
        (site for site in survey.everything() if path[: len(site.path)] == site.path and path != site.path), None
    )


def _takes_any_scalar(survey: Survey, site: Site, name: str | int) -> bool:
    """Whether the schema of the type lets a number stand where text is meant."""
    if site.info is None or not site.info.has_schema:
        return False
    schema = (survey.catalog.schema(site.info.name) or {}).get("properties", {}).get(name)
    kinds = schema.get("type") if isinstance(schema, dict) else None
    return isinstance(kinds, list) and "string" in kinds and "number" in kinds
