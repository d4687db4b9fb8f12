"""When tasks run, as far as the flow alone says: whose outputs are there when an expression is rendered."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.diagnostic import suggest
from penstock.flow.rules.names import declared, spelled
from penstock.flow.rules.references import Reference, suspects
from penstock.flow.rules.templates import gravity, is_disabled
from penstock.flow.survey import Site, Survey
from penstock.flow.words import Kind

_FLOW = "io.kestra.plugin.core.flow."
_PARALLEL, _DAG = _FLOW + "Parallel", _FLOW + "Dag"
_LOOPS = frozenset(
    _FLOW + name for name in ("ForEach", "EachSequential", "EachParallel", "ForEachItem", "Loop", "LoopUntil")
)
"""In a second round the outputs of the first are there, whatever the order."""

_PHASES = {"onPause": 0, "errors": 2, "finally": 3, "afterExecution": 4, "listeners": 5}
_USUAL = 1


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why outputs are not there: `how` their task stands to the reader, and where, for the person to see."""

    how: str
    place: str
    mend: str | None
    is_sure: bool = True


def outputs_are_there(survey: Survey) -> None:
    """PEN204: outputs are used of a task that has ended by then. What may be there, or not, is nobody's fault."""
    known = survey.once(declared)
    for one in survey.once(suspects):
        reader, name = one.written.task, one.name
        if one.root == "outputs" and one.written.site is None and not one.written.is_whole:
            _before_the_first(survey, one)
        if one.root != "outputs" or reader is None or name is None:
            continue
        source = known.task(name)
        verdict = standing(survey, reader, source) if source is not None else None
        if verdict is None:
            continue
        severity = gravity(survey, one.written, conditional=one.path.conditional or not verdict.is_sure)
        survey.report(
            "PEN204", f"task `{reader.id}` uses {verdict.how}", one.written.path,
            hint=_hint(survey, one, reader, name, verdict), severity=severity, label=verdict.place,
            where=one.written.range(survey.document, one.start + one.path.offset, len(spelled("outputs", name))),
        )  # fmt: skip


def _before_the_first(survey: Survey, one: Reference) -> None:
    """What is looked at before an execution begins sees no outputs."""
    holder, is_default = _BEFORE.get(str(one.written.path[0])), "defaults" in one.written.path
    if holder is not None and (one.written.rendered or is_default):
        severity = gravity(survey, one.written, conditional=one.path.conditional or is_default)
        survey.report(
            "PEN204", f"{holder} before any task has run: there are no outputs", one.written.path,
            hint="use inputs or variables", severity=severity,
            where=one.written.range(survey.document, one.start + one.path.offset, len("outputs")),
        )  # fmt: skip


_BEFORE = {"checks": "a check is looked at", "inputs": "inputs are read"}


def _hint(survey: Survey, one: Reference, reader: Site, name: str, verdict: Verdict) -> str | None:
    """What moves the tasks into order, and a task that is there and may have been meant."""
    tasks = survey.once(declared).tasks
    close = [
        task
        for task in suggest(name, tasks)
        if tasks[task] is not reader and standing(survey, reader, tasks[task]) is None
    ]
    meant = f"did you mean `{spelled(one.root, close[0])}`?" if close else None
    if verdict.mend is None or meant is None:
        return verdict.mend or meant
    return f"{verdict.mend}, or {meant}"


def standing(survey: Survey, reader: Site, source: Site) -> Verdict | None:
    """Why the outputs of `source` are surely, or in all likelihood, not there when `reader` runs. None: they may be."""
    if is_disabled(source) and not is_disabled(reader):
        return Verdict(f"output of `{source.id}`, which is disabled", f"`{source.id}` never runs", None, is_sure=False)
    around = _outwards(reader)
    below_source, common = _meeting(source, around)
    if any(_may_repeat(site) for site in _outwards(common)):
        return None
    if common is reader:
        if source is reader:
            return Verdict("its own output", "they are there when it has ended", None)
        return Verdict(
            f"output of `{source.id}`, which runs within it", f"`{source.id}` begins after `{reader.id}` does", None
        )
    if common is source:
        return None
    below_reader = around[around.index(common) - 1] if common is not None else around[-1]
    return _beside(survey, common, below_reader, below_source, source)


def _outwards(site: Site | None) -> list[Site]:
    """A task and the flowables around it, nearest first."""
    found = []
    while site is not None:
        found.append(site)
        site = site.parent
    return found


def _meeting(source: Site, around: list[Site]) -> tuple[Site, Site | None]:
    """The nearest task that holds both (or is one of them), and the part of it that holds `source`."""
    below, site = source, source if source in around else source.parent
    while site is not None and site not in around:
        below, site = site, site.parent
    return below, site


def _may_repeat(site: Site) -> bool:
    """Whether what is within may run a second time, or nobody knows."""
    return site.type in _LOOPS or (bool(site.branches) and (site.info is None or site.info.kind is not Kind.FLOWABLE))


def _beside(survey: Survey, common: Site | None, ours: Site, theirs: Site, giver: Site) -> Verdict | None:
    """Two tasks in different parts of one flowable, or of the flow: `ours` holds the reader, `theirs` the giver."""
    depth = len(common.path) if common is not None else 0
    our_branch, their_branch = _branch(ours, depth), _branch(theirs, depth)
    if our_branch != their_branch:
        return _across(common, our_branch, their_branch, giver)
    siblings = _siblings(survey, common, our_branch)
    if ours not in siblings or theirs not in siblings:
        return None
    if common is not None and our_branch == ("tasks",):
        if common.type == _DAG:
            return _in_dag(common, ours, theirs, giver)
        if common.type == _PARALLEL and common.raw.get("concurrent") != 1:
            place = _place(giver, theirs, siblings)
            return Verdict(f"output of `{giver.id}`, which runs beside it", place, None, is_sure=False)
    if siblings.index(theirs) < siblings.index(ours):
        return None
    mend = f"move `{theirs.id}` before `{ours.id}`"
    return Verdict(f"output of `{giver.id}`, which runs after it", _place(giver, theirs, siblings), mend)


def _branch(site: Site, depth: int) -> tuple[str | int, ...]:
    """The list that a part stands in: a property, of `cases` with the case, of `listeners` with the listener."""
    steps = site.path[depth:]
    return steps[:2] if steps[0] in ("cases", "listeners") else steps[:1]


def _across(
    common: Site | None, ours: tuple[str | int, ...], theirs: tuple[str | int, ...], giver: Site
) -> Verdict | None:
    """Two lists of one flowable: one comes after the other, or only one of them runs."""
    mine, other = _PHASES.get(str(ours[0]), _USUAL), _PHASES.get(str(theirs[0]), _USUAL)
    if other > mine:
        where = f"`{theirs[0]}`" if common is None else f"`{theirs[0]}` of `{common.id}`"
        return Verdict(f"output of `{giver.id}`, which runs after it", f"`{giver.id}` stands in {where}", None)
    if other == mine == _USUAL and common is not None:
        where = f"{'.'.join(map(str, theirs))}"
        return Verdict(
            f"output of `{giver.id}`, which runs in another branch",
            f"`{giver.id}` stands in `{where}` of `{common.id}`",
            None,
        )
    return None


def _siblings(survey: Survey, common: Site | None, branch: tuple[str | int, ...]) -> list[Site]:
    if common is None:
        return survey.roots.get(str(branch[0]), [])
    return common.branches.get(".".join(map(str, branch)), [])


def _place(giver: Site, part: Site, siblings: list[Site]) -> str:
    number = f"task {siblings.index(part) + 1} of {len(siblings)}"
    return f"`{giver.id}` is {number}" if giver is part else f"`{giver.id}` runs in `{part.id}`, {number}"


def _in_dag(dag: Site, ours: Site, theirs: Site, giver: Site) -> Verdict | None:
    """What a Dag orders is what each task depends on."""
    needs: dict[str, list[str]] = {}
    entries = dag.raw.get("tasks")
    for entry in entries if isinstance(entries, list) else ():
        task = entry.get("task") if isinstance(entry, dict) else None
        name = task.get("id") if isinstance(task, dict) else None
        after = entry.get("dependsOn") if isinstance(entry, dict) else None
        if isinstance(name, str):
            needs[name] = [one for one in after if isinstance(one, str)] if isinstance(after, list) else []
    mine, other = ours.id or "", theirs.id or ""
    if _reaches(needs, mine, other):
        return None
    if _reaches(needs, other, mine):
        return Verdict(
            f"output of `{giver.id}`, which runs after it",
            f"`{giver.id}` waits for `{mine}`",
            f"let `{mine}` depend on `{other}`",
        )
    place = f"`{mine}` does not depend on `{other}`"
    return Verdict(
        f"output of `{giver.id}`, which runs beside it", place, f"let `{mine}` depend on `{other}`", is_sure=False
    )


def _reaches(needs: dict[str, list[str]], start: str, goal: str) -> bool:
    seen, ahead = set[str](), list(needs.get(start, ()))
    while ahead:
        name = ahead.pop()
        if name == goal:
            return True
        if name not in seen:
            seen.add(name)
            ahead += needs.get(name, ())
    return False
