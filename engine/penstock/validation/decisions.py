"""What a repository has decided about findings: severities by code and path, waivers with an end, comments.

`decide` comes last, over everything that was found, and is the only place that leaves a finding out or gives it
another severity. An error without which a flow could not be read (`codes.is_unalterable`) stays what it is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path as File
from typing import TYPE_CHECKING, Any

from penstock.diagnostic import START, Diagnostic, Edit, Range, Severity, did_you_mean, ordered
from penstock.flow.codes import ASKED, CODES, help_for, is_unalterable
from penstock.flow.layout.ignore import glob_regex
from penstock.settings import Settings

if TYPE_CHECKING:  # only for speed: what is known already is told without looking at comments
    from penstock.flow.reading.comments import Comment

OFF = "off"
_SEVERITIES: Mapping[str, Severity] = {str(one): one for one in Severity}


@dataclass(frozen=True, slots=True)
class Waiver:
    """Findings of `prefix` in the files of `path` are let be up to and with `until`. `range` is its own place."""

    prefix: str
    path: str
    reason: str
    until: date
    range: Range = START


@dataclass(frozen=True, slots=True)
class Rule:
    """What is said of all codes that begin with `prefix`. A severity is `off` or a Severity's value."""

    prefix: str
    severity: str | None = None
    paths: tuple[tuple[str, str], ...] = ()
    waivers: tuple[Waiver, ...] = ()


@dataclass(frozen=True, slots=True)
class Decisions:
    """All that a repository says of findings.

    `file` is penstock.yaml as a person would type it, `folder` where it lies: globs begin there. `asked` are the codes
    that are off unless a rule names them. `complaints` are about the rules themselves.
    """

    rules: tuple[Rule, ...] = ()
    asked: frozenset[str] = ASKED
    file: str = "penstock.yaml"
    folder: str = "."
    complaints: tuple[Diagnostic, ...] = ()

    def of(self, code: str) -> list[Rule]:
        """The rules that speak of a code, the most particular first."""
        return sorted((rule for rule in self.rules if code.startswith(rule.prefix)), key=lambda rule: -len(rule.prefix))

    def severity(self, code: str, file: str, given: Severity) -> Severity | None:
        """What a finding is in a file, `given` where nobody says otherwise; None where it is left out."""
        for rule in self.of(code):
            said = next((what for glob, what in reversed(rule.paths) if _fits(glob, self._within(file))), rule.severity)
            if said is not None and (said == OFF or code not in self.asked or self._names(rule)):
                return _SEVERITIES.get(said)
        return None if code in self.asked else given

    def is_on(self, code: str) -> bool:
        """Whether findings of this code are told anywhere."""
        for rule in self.of(code):
            said = {rule.severity, *(what for _, what in rule.paths)} - {None}
            if said - {OFF} and (code not in self.asked or self._names(rule)):
                return True
            if rule.severity == OFF:
                return False
        return code not in self.asked

    def waivers(self) -> Iterator[Waiver]:
        for rule in self.rules:
            yield from rule.waivers

    def waived(self, code: str, file: str, today: date) -> list[Waiver]:
        """The waivers that hold for a finding."""
        return [
            waiver
            for rule in self.of(code)
            for waiver in rule.waivers
            if today <= waiver.until and _fits(waiver.path, self._within(file))
        ]

    def _names(self, rule: Rule) -> bool:
        """Whether a rule speaks of codes that are off by name: of one, or of a family that is off as a whole."""
        return all(code in self.asked for code in CODES if code.startswith(rule.prefix))

    def _within(self, file: str) -> str:
        return _relative(file, self.folder)


def decisions_of(settings: Settings) -> Decisions:
    """What the settings say under `rules`."""
    written = settings.written

    def place(*path: str | int, key: bool = False) -> Range:
        return written.range_of(("rules", *path), key=key) if written is not None else START

    rules = tuple(_rule(prefix, said, place) for prefix, said in settings.rules.items())
    shown = written.shown if written is not None else "penstock.yaml"
    complaints = tuple(
        Diagnostic(
            "PEN290", Severity.WARNING, f"there is no code that begins with `{rule.prefix}`", shown,
            place(rule.prefix, key=True), did_you_mean(rule.prefix, CODES) or "`penstock explain PEN` lists the codes",
        )
        for rule in rules
        if not any(code.startswith(rule.prefix) for code in CODES)
    )  # fmt: skip
    folder = str(settings.project.parent) if settings.project is not None else "."
    return Decisions(rules, file=shown, folder=folder, complaints=complaints)


def _rule(prefix: str, said: str | Mapping[str, Any], place: Callable[..., Range]) -> Rule:
    if isinstance(said, str):
        return Rule(prefix, said)
    waivers = said.get("waivers", ())
    return Rule(
        prefix,
        said.get("severity"),
        tuple(said.get("paths", {}).items()),
        tuple(
            Waiver(prefix, one["path"], one["reason"], one["until"], place(prefix, "waivers", at, key=True))
            for at, one in enumerate(waivers)
        ),
    )


def decide(
    found: Iterable[Diagnostic],
    decisions: Decisions,
    comments: Mapping[str, Sequence[Comment]],
    today: date,
    *,
    is_whole: bool = True,
) -> list[Diagnostic]:
    """What is left of `found`, each as severe as the repository has it, in reading order.

    `comments` are those of every file that was judged. What nothing needed is told only where the whole repository
    was judged: of a part of it nobody knows.
    """
    from penstock.flow.reading.comments import Heeded

    told: list[Diagnostic] = []
    needed: dict[tuple[str, Comment], set[str]] = {}
    refused: dict[tuple[str, Comment], set[str]] = {}
    unread: set[str] = set()
    used: set[Waiver] = set()
    heeded = {file: Heeded(said) for file, said in comments.items()}
    for one in dict.fromkeys(found):
        covering = list(heeded[one.file].covering(one.code, one.range.start.line)) if one.file in heeded else []
        if one.is_error and is_unalterable(one.code):
            for comment in covering:
                refused.setdefault((one.file, comment), set()).add(one.code)
            if one.code.startswith("PEN1"):
                unread.add(one.file)
            told.append(one)
            continue
        for comment in covering:
            needed.setdefault((one.file, comment), set()).add(one.code)
        waiving = decisions.waived(one.code, one.file, today)
        used.update(waiving)
        if not covering and not waiving:
            told.append(one)
    told += decisions.complaints
    told += _expired(decisions, today)
    for file, said in comments.items():
        for comment in said:
            known, kept = needed.get((file, comment), set()), refused.get((file, comment), set())
            told += _about(file, comment, known, kept, decisions, is_whole=is_whole and file not in unread)
    if is_whole:
        told += _unneeded(decisions, used, today)
    return ordered(_settled(told, decisions))


def _settled(told: Iterable[Diagnostic], decisions: Decisions) -> Iterator[Diagnostic]:
    for one in told:
        if one.is_error and is_unalterable(one.code):
            yield one
        elif (severity := decisions.severity(one.code, one.file, one.severity)) is not None:
            yield one if severity is one.severity else replace(one, severity=severity)


def _expired(decisions: Decisions, today: date) -> Iterator[Diagnostic]:
    for waiver in decisions.waivers():
        if waiver.until < today:
            message = f"this waiver of {waiver.prefix} in `{waiver.path}` held until {waiver.until} ({waiver.reason})"
            yield Diagnostic(
                "PEN293", Severity.WARNING, message, decisions.file, waiver.range, help_for("PEN293"),
            )  # fmt: skip


def _unneeded(decisions: Decisions, used: set[Waiver], today: date) -> Iterator[Diagnostic]:
    for waiver in decisions.waivers():
        if waiver not in used and today <= waiver.until:
            message = f"nothing in `{waiver.path}` needs this waiver of {waiver.prefix} ({waiver.reason})"
            yield Diagnostic("PEN294", Severity.INFO, message, decisions.file, waiver.range, "remove it")


def _about(
    file: str, comment: Comment, needed: set[str], refused: set[str], decisions: Decisions, *, is_whole: bool
) -> Iterator[Diagnostic]:
    """What is to be said of a comment: codes that are none, that cannot be ignored, or that nothing needs."""

    def note(message: str, where: Range, hint: str | None, fix: Edit | None = None) -> Diagnostic:
        return Diagnostic("PEN294", Severity.INFO, message, file, where, hint, fix=fix)

    if comment.last < comment.first and is_whole:
        yield note("`ignore-file` stands too low to be heeded", comment.range, "move it above everything else")
        return
    idle = []
    for one in comment.named:
        if one.code not in CODES:
            hint = did_you_mean(one.code, CODES) or "`penstock explain PEN` lists the codes"
            yield note(f"there is no code `{one.code}`", one.range, hint)
        elif one.code in refused:
            yield note(f"an error of {one.code} cannot be ignored", one.range, "mend it")
        elif one.code not in needed and decisions.is_on(one.code):
            idle.append(one.code)
    if idle and is_whole:
        whole = comment.whole if len(idle) == len(comment.named) else None
        fix = Edit(whole, "", safe=not comment.is_within) if whole is not None else None
        yield note(f"nothing here needs `ignore[{', '.join(idle)}]`", comment.range, "remove it", fix)


@cache
def _regex(glob: str) -> re.Pattern[str]:
    within = glob.removeprefix("./")
    return glob_regex("/" + within + ("**" if within.endswith("/") else ""))


def _fits(glob: str, path: str) -> bool:
    return _regex(glob).fullmatch(path) is not None


def _relative(file: str, folder: str) -> str:
    """A file, as a person would type it here, from the folder of penstock.yaml on."""
    return File(os.path.relpath(file, folder)).as_posix()
