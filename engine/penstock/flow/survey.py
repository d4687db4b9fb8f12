"""Where the tasks, triggers, runners and conditions of a flow stand: one walk, which schemas and rules then read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from penstock.diagnostic import Diagnostic, Edit, FlowName, Range, Severity, did_you_mean, suggest
from penstock.flow.catalogue.catalog import Catalog
from penstock.flow.catalogue.type_info import TypeInfo
from penstock.flow.codes import help_for
from penstock.flow.mends import meant, replacing
from penstock.flow.reading.document import Document, too_many
from penstock.flow.words import Dialect

Path = tuple[str | int, ...]
T = TypeVar("T")

MAX_FINDINGS = 500
"""With so many findings a file is judged no further: who has mended them sees the others."""

TASK_LISTS = ("tasks", "errors", "finally", "afterExecution")
WITHOUT_EFFECT = ("listeners", "quotas", "draft")
"""Top-level properties that this version reads and keeps, and does not act upon."""
_USUAL_BRANCHES = ("tasks", "errors", "finally")
_DAG = "io.kestra.plugin.core.flow.Dag"
_SCRIPTS_OF_CORE = "io.kestra.core.tasks.scripts."
_GIVEN_UP = {"Bash": "shell", "Node": "node", "Python": "python"}
"""Tasks that Kestra's core had before there was a plugin for scripts, by the language of what does the same now."""
_GROUPS = {"task": "a task", "trigger": "a trigger", "runner": "a task runner", "condition": "a condition"}


class TooManyFindings(Exception):
    """A survey has as many findings as anyone will read, and is not gone on with."""


@dataclass(slots=True, eq=False)
class Site:
    """One mapping with a `type`. `type` is the canonical name, `info` None when the catalogue does not know it."""

    path: Path
    raw: dict[str, Any]
    group: str
    type: str
    info: TypeInfo | None
    parent: Site | None = None
    branches: dict[str, list[Site]] = field(default_factory=dict)

    @property
    def id(self) -> str | None:
        name = self.raw.get("id")
        return name if isinstance(name, str) else None


@dataclass(slots=True, eq=False)
class Survey:
    """A flow's mapping with everything found in it. `report` collects; nothing is raised."""

    document: Document
    flow: dict[str, Any]
    catalog: Catalog
    dialect: Dialect = Dialect.AUTO
    unknown_types: Severity | None = Severity.ERROR
    tasks: list[Site] = field(default_factory=list)
    triggers: list[Site] = field(default_factory=list)
    parts: list[Site] = field(default_factory=list)
    """Runners and conditions, within tasks and triggers."""
    roots: dict[str, list[Site]] = field(default_factory=dict)
    """The top-level lists of tasks by name, and `listeners`."""
    found: list[Diagnostic] = field(default_factory=list)
    cut: int = 0
    """So many findings were not kept, at least: there were enough."""
    faulty: set[Path] = field(default_factory=set)
    """The paths of errors."""
    _around: set[Path] = field(default_factory=set, repr=False)
    """Those paths, and all above them."""
    _made: dict[Callable[[Survey], Any], Any] = field(default_factory=dict, repr=False)

    def once(self, make: Callable[[Survey], T]) -> T:
        """What `make` says of this survey: made when it is first asked for, the same for all who ask."""
        if make not in self._made:
            self._made[make] = make(self)
        made: T = self._made[make]
        return made

    def put(self, make: Callable[[Survey], T], made: T) -> None:
        """Have `once(make)` answer `made`."""
        self._made[make] = made

    @property
    def name(self) -> FlowName | None:
        namespace, name = self.flow.get("namespace"), self.flow.get("id")
        return FlowName(namespace, name) if isinstance(namespace, str) and isinstance(name, str) else None

    def where(self, path: Path, *, at_key: bool = False) -> Range:
        """The range of a value or, with `at_key`, of its key; an item of a list is told by its first line."""
        document = self.document
        if not at_key:
            return document.range_of(path)
        if path and isinstance(path[-1], str):
            return document.key_range_of(path)
        place = document.find(path)
        if place is None:
            return document.range_of(path)
        end = document.text.find("\n", place[0])
        stop = min(place[1], end if end >= 0 else place[1])
        return document.value_range((place[0], stop, ()))

    def report(
        self,
        code: str,
        message: str,
        path: Path,
        *,
        at_key: bool = False,
        severity: Severity = Severity.ERROR,
        hint: str | None = None,
        label: str = "",
        where: Range | None = None,
        fix: Edit | None = None,
    ) -> None:
        """Adds a finding about what lies at `path`; `where` overrides the place that the path gives.

        `fix` is for what has one right answer. Raises TooManyFindings when there are enough, an error among them.
        """
        if len(self.found) >= MAX_FINDINGS and (self.faulty or severity is not Severity.ERROR):
            self.cut += 1
            if self.faulty:
                raise TooManyFindings
            return
        place = where or self.where(path, at_key=at_key)
        self.found.append(
            Diagnostic(
                code, severity, message, self.document.path, place, hint or help_for(code), label, self.name, fix
            )
        )
        if severity is Severity.ERROR:
            self.spoil(path)

    def spoil(self, path: Path) -> None:
        """Has `is_faulty` know of an error at `path`."""
        self.faulty.add(path)
        self._around.update(path[:size] for size in range(len(path) + 1))

    def is_faulty(self, path: Path) -> bool:
        """An error is known at `path` or below it: another about the same value would be noise."""
        return path in self._around

    def hold_against(self, rules: Iterable[Callable[[Survey], None]]) -> bool:
        """Asks every rule. False where one was broken off because there were enough findings; a note tells of it."""
        is_whole = True
        try:
            for rule in rules:
                rule(self)
        except TooManyFindings:
            is_whole = False
        if self.cut:
            self.found.append(too_many(self.document, MAX_FINDINGS))
        return is_whole

    def everything(self) -> Iterator[Site]:
        yield from self.tasks
        yield from self.triggers
        yield from self.parts


def take_survey(survey: Survey) -> None:
    """Fills in the sites, and reports what stands where a task or trigger should and is none, and unknown types."""
    walk = _Walk(survey)
    for name in TASK_LISTS:
        survey.roots[name] = walk.tasks(survey.flow.get(name), (name,), None)
    listeners = survey.flow.get("listeners")
    survey.roots["listeners"] = [
        site
        for at, listener in enumerate(listeners if isinstance(listeners, list) else [])
        if isinstance(listener, dict)
        for site in walk.tasks(listener.get("tasks"), ("listeners", at, "tasks"), None)
    ]
    triggers = survey.flow.get("triggers")
    for at, raw in enumerate(triggers if isinstance(triggers, list) else []):
        path: Path = ("triggers", at)
        site = walk.site(raw, path, "trigger", None)
        if site is not None:
            survey.triggers.append(site)
            walk.conditions(raw.get("conditions"), (*path, "conditions"), site)


def report_missing_type(survey: Survey, raw: dict[str, Any], path: Path, hint: str) -> None:
    """PEN201 for a mapping without `type`: at the key that is a slip for it, where there is one."""
    slip = suggest("type", [] if "type" in raw else raw, most=1)
    where = (*path, slip[0]) if slip else path
    survey.report("PEN201", "`type` is missing", where, at_key=True, hint="did you mean `type`?" if slip else hint)
    survey.spoil(path)


class _Walk:
    def __init__(self, survey: Survey) -> None:
        self._survey = survey
        self._find = survey.catalog.find

    def tasks(self, raw: Any, path: Path, parent: Site | None) -> list[Site]:
        """The tasks of a list, and all below them. What is not a list is left to the schemas."""
        if not isinstance(raw, list):
            return []
        found = []
        for at, item in enumerate(raw):
            site = self._task(item, (*path, at), parent)
            if site is not None:
                found.append(site)
        return found

    def _task(self, raw: Any, path: Path, parent: Site | None) -> Site | None:
        if parent is not None and parent.type == _DAG and path[-2] == "tasks" and isinstance(raw, dict):
            if "task" not in raw:
                self._survey.report("PEN201", "`task` is missing", path, at_key=True, hint="write `- task:`")
                return None
            raw, path = raw["task"], (*path, "task")
        site = self.site(raw, path, "task", parent)
        if site is None:
            return None
        self._survey.tasks.append(site)
        info = site.info
        for name in _USUAL_BRANCHES if info is None else info.branches:
            if name in raw:
                self._branch(site, name)
        runner = raw.get("taskRunner")
        if isinstance(runner, dict):
            part = self.site(runner, (*path, "taskRunner"), "runner", site)
            if part is not None:
                self._survey.parts.append(part)
        return site

    def _branch(self, site: Site, name: str) -> None:
        value, path = site.raw[name], (*site.path, name)
        if isinstance(value, dict) and name == "cases":
            for key, tasks in value.items():
                site.branches[f"{name}.{key}"] = self.tasks(tasks, (*path, key), site)
        elif isinstance(value, dict):
            only = self._task(value, path, site)
            site.branches[name] = [only] if only is not None else []
        elif site.info is not None or (isinstance(value, list) and all(map(_is_task, value))):
            site.branches[name] = self.tasks(value, path, site)

    def site(self, raw: Any, path: Path, group: str, parent: Site | None) -> Site | None:
        report = self._survey.report
        if not isinstance(raw, dict):
            given = "nothing" if raw is None else "a list" if isinstance(raw, list) else "a single value"
            report("PEN203", f"expected {_GROUPS[group]}, got {given}", path, hint="write `id:` and `type:`")
            return None
        kind = raw.get("type")
        if not isinstance(kind, str) or not kind:
            if "type" in raw and kind is not None:
                report("PEN203", "`type` must be the name of a type", (*path, "type"))
            else:
                report_missing_type(self._survey, raw, path, "`penstock types` lists them")
            return Site(path, raw, group, "", None, parent)
        info = self._find(kind)
        if info is None:
            self._unknown(kind, path, group)
            return Site(path, raw, group, kind, None, parent)
        if group == "task" and info.as_task is not None:
            info = self._find(info.as_task) or info
        if info.group != group:
            self._misplaced(info, path, group)
            return Site(path, raw, group, info.name, None, parent)
        return Site(path, raw, group, info.name, info, parent)

    def conditions(self, raw: Any, path: Path, parent: Site) -> None:
        """The conditions of a trigger: a list, or MultipleCondition's mapping; Not and Or hold more of them."""
        if isinstance(raw, dict):
            items: list[tuple[str | int, Any]] = list(raw.items())
        else:
            items = list(enumerate(raw)) if isinstance(raw, list) else []
        for key, item in items:
            site = self.site(item, (*path, key), "condition", parent)
            if site is not None:
                self._survey.parts.append(site)
                self.conditions(item.get("conditions"), (*path, key, "conditions"), site)

    def _unknown(self, kind: str, path: Path, group: str) -> None:
        survey = self._survey
        if survey.unknown_types is None:
            return
        near = did_you_mean(kind, survey.catalog.names(group))
        hint = near or f"`penstock types` lists the {group}s; `--unknown-types warning` lets others pass"
        language = _GIVEN_UP.get(kind.removeprefix(_SCRIPTS_OF_CORE))
        if language is not None and kind.startswith(_SCRIPTS_OF_CORE):
            hint = f"Kestra has given it up: write `io.kestra.plugin.scripts.{language}.Commands`"
        where, likely = (*path, "type"), meant(kind, survey.catalog.names(group))
        fix = replacing(survey.document, survey.where(where), kind, likely, safe=False) if likely else None
        survey.report("PEN210", f"Invalid type: {kind}", where, severity=survey.unknown_types, hint=hint, fix=fix)

    def _misplaced(self, info: TypeInfo, path: Path, group: str) -> None:
        """A runner in the place of a task is common in the wild, and may be meant as a script: it only warns."""
        severity = Severity.WARNING if (info.group, group) == ("runner", "task") else Severity.ERROR
        known = _GROUPS.get(info.group, f"a {info.group}")
        hint = "name it as `taskRunner` of a script task" if info.group == "runner" else None
        self._survey.report(
            "PEN211", f"`{info.name}` is {known}, not {_GROUPS[group]}", (*path, "type"), severity=severity, hint=hint
        )


def _is_task(item: Any) -> bool:
    return isinstance(item, dict) and "id" in item and "type" in item
