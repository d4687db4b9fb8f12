"""Where a flow can run: which versions and editions of Kestra have what it uses, and whether we can run it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from penstock.diagnostic import Range, Severity
from penstock.flow.catalogue.catalog import Catalog
from penstock.flow.catalogue.history import PropertyFacts
from penstock.flow.rules.declared import inputs
from penstock.flow.rules.workers import PROPERTIES as OF_WORKERS
from penstock.flow.survey import WITHOUT_EFFECT, Path, Site, Survey
from penstock.flow.words import Dialect, InputType
from penstock.validation.advice.scalars import vocabulary

_VERSIONS = {Dialect.V0_21: ((0, 21), (0, 22)), Dialect.V1: ((1, 0), (2, 0)), Dialect.V2: ((2, 0), (9, 0))}
"""The first version that a dialect means, and the first that it means no more."""

Version = tuple[int, ...]


class Use(NamedTuple):
    """Something that not every Kestra has, and where a flow uses it."""

    noun: str
    path: Path
    where: Range
    since: Version | None
    until: Version | None
    enterprise: bool


def no_enterprise_features(survey: Survey) -> None:
    """PEN705: what only the Enterprise Edition acts upon."""
    for use in survey.once(uses):
        if use.enterprise and not _is_told(use.path):
            survey.report(
                "PEN705", f"only Kestra's Enterprise Edition has {use.noun}", use.path, where=use.where,
                severity=Severity.INFO,
            )  # fmt: skip


def _is_told(path: Path) -> bool:
    """Whether a rule tells already that the property has no effect."""
    return path[-1] in OF_WORKERS or (len(path) == 1 and path[0] in WITHOUT_EFFECT)


def types_can_run(survey: Survey) -> None:
    """PEN706: a type that is only known here. Told once of each, and not of what lies within such a one."""
    told = set[str]()
    for site in survey.everything():
        info = site.info
        if info is not None and not info.runnable and info.name not in told and _can_run(site.parent):
            told.add(info.name)
            survey.report(
                "PEN706", f"`{info.name}` is known, and cannot run in this version", (*site.path, "type"),
                severity=Severity.INFO,
            )  # fmt: skip


def _can_run(site: Site | None) -> bool:
    """A condition of a trigger that does not fire, or a runner of a task that is not run, is not asked for."""
    return site is None or site.info is None or site.info.runnable or bool(site.branches)


def versions_agree(survey: Survey) -> None:
    """PEN707: what the version of Kestra that the flow is written for does not have; without one, what no version has
    together."""
    found = survey.once(uses)
    if not found:
        return
    bounds = _VERSIONS.get(survey.dialect)
    if bounds is None:
        _no_version_has_all(survey, found)
        return
    for use in found:
        if use.since is not None and use.since >= bounds[1]:
            _report(
                survey,
                use,
                f"{use.noun} needs Kestra {_shown(use.since)}, and the flow is written for {survey.dialect}",
            )
        elif use.until is not None and use.until <= bounds[0]:
            _report(survey, use, f"Kestra has {use.noun} no more since {_shown(use.until)}", is_refused=True)


def _no_version_has_all(survey: Survey, found: tuple[Use, ...]) -> None:
    gone = min((use for use in found if use.until is not None), key=lambda use: use.until or (), default=None)
    if gone is None or gone.until is None:
        return
    for use in found:
        if use.since is not None and use.since >= gone.until:
            there = f"which has {gone.noun} no more (line {gone.where.start.line})"
            _report(survey, use, f"{use.noun} needs Kestra {_shown(use.since)}, {there}")


def _report(survey: Survey, use: Use, message: str, *, is_refused: bool = False) -> None:
    """What Kestra 2 has no more it refuses a flow for; what it does not have yet it may have tomorrow."""
    severity = Severity.ERROR if is_refused and survey.dialect is Dialect.V2 else Severity.WARNING
    if not survey.is_faulty(use.path):
        survey.report("PEN707", message, use.path, where=use.where, severity=severity)


def uses(survey: Survey) -> tuple[Use, ...]:
    """Everything in a flow that some version, or the open edition, does not have."""
    return tuple(_uses(survey))


def _uses(survey: Survey) -> Iterator[Use]:
    catalog = survey.catalog
    yield from _of(survey, (), survey.flow, _facts_of_flow(catalog))
    for path, raw in inputs(survey):
        kind = raw.get("type")
        if isinstance(kind, str) and kind in InputType.__members__:
            yield from _of(survey, path, raw, _facts_of_input(catalog, kind))
    text = survey.once(vocabulary).text
    told: dict[str, Known] = {}
    for site in survey.everything():
        info = site.info
        if info is None:
            continue
        if info.since is not None or info.until is not None or info.enterprise:
            path = (*site.path, "type")
            yield Use(
                f"`{info.name}`", path, survey.where(path), _version(info.since), _version(info.until), info.enterprise
            )
        known = told.get(info.name)
        if known is None:
            known = told[info.name] = _written(_facts_of_type(catalog, info.name), text) if info.has_schema else {}
        if not known.keys().isdisjoint(site.raw):
            yield from _of(survey, site.path, site.raw, known)


Known = Mapping[str, tuple[tuple[tuple[str, ...], PropertyFacts], ...]]
"""What is known of properties, by the first step of their paths."""


def _written(known: Known, text: str) -> Known:
    """Only what may be there, in a document of these words: what lies deeper is seldom written."""
    return {name: facts for name, facts in known.items() if any(_is_key(steps[-1], text) for steps, _ in facts)}


def _is_key(name: str, text: str) -> bool:
    return f"{name}:" in text or f'{name}"' in text or f"{name}'" in text


def _of(survey: Survey, path: Path, raw: dict[str, Any], known: Known) -> Iterator[Use]:
    for name in raw.keys() & known.keys():
        for steps, facts in known[name]:
            for place, value in _at(raw, steps, path):
                if value is not None:
                    yield _use(survey, place, value, facts)


def _use(survey: Survey, path: Path, value: Any, facts: PropertyFacts) -> Use:
    is_input_type = path[-1] == "type" and path[0] == "inputs"
    noun = f"an input of type `{value}`" if is_input_type else f"`{path[-1]}`"
    where = survey.where(path, at_key=not is_input_type)
    return Use(noun, path, where, _version(facts.since), _version(facts.until), facts.enterprise)


def _at(value: Any, steps: tuple[str, ...], path: Path) -> Iterator[tuple[Path, Any]]:
    """The values at a path, in every item of the lists and free mappings on the way."""
    if not steps:
        yield path, value
    elif isinstance(value, list):
        for n, item in enumerate(value):
            yield from _at(item, steps, (*path, n))
    elif isinstance(value, dict) and steps[0] in value:
        yield from _at(value[steps[0]], steps[1:], (*path, steps[0]))


@lru_cache(maxsize=4)
def _facts_of_flow(catalog: Catalog) -> Known:
    return _known(catalog.flow_facts())


@lru_cache(maxsize=1024)
def _facts_of_type(catalog: Catalog, name: str) -> Known:
    return _known(catalog.property_facts(name))


@lru_cache(maxsize=128)
def _facts_of_input(catalog: Catalog, kind: str) -> Known:
    return _known(catalog.input_facts(kind))


def _known(facts: Mapping[str, PropertyFacts]) -> Known:
    made: dict[str, list[tuple[tuple[str, ...], PropertyFacts]]] = {}
    for path, one in facts.items():
        if one.since is not None or one.until is not None or one.enterprise:
            steps = tuple(path.split("."))
            made.setdefault(steps[0], []).append((steps, one))
    return {name: tuple(found) for name, found in made.items()}


def _version(text: str | None) -> Version | None:
    return tuple(int(part) for part in text.split(".")) if text is not None else None


def _shown(version: Version) -> str:
    return ".".join(map(str, version))
