"""What a call gives and takes, held against what the called flow declares: inputs, outputs, revision."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from penstock.diagnostic import Diagnostic, FlowName, Severity, did_you_mean
from penstock.validation.across.repository import Repository, Told
from penstock.validation.facts import Call, DeclaredInput, Facts, FlowTrigger, Given, Read


def inputs_are_declared(repository: Repository) -> Iterator[Diagnostic]:
    """PEN503: Kestra leaves such a value out without a word, so it is a slip, and warns."""
    for one, call, called in _calls(repository):
        if called.inputs is None:
            continue
        known = [declared.id for declared in called.inputs]
        for name, given in _undeclared(call.given or (), frozenset(known), ""):
            hint = did_you_mean(name, known) or _choice("inputs", known)
            yield one.finding(
                "PEN503", Severity.WARNING, f"flow `{call.flow}` has no input `{name}`", given.at, hint
            )  # fmt: skip


def needed_inputs_are_given(repository: Repository) -> Iterator[Diagnostic]:
    """PEN504: an input that is required, has no default and depends on no other is given by every call."""
    for one, call, called in _calls(repository):
        if call.given is None or call.is_open:
            continue
        missing = [needed.id for needed in called.inputs or () if needed.is_needed and not _has(call.given, needed)]
        if missing:
            names = ", ".join(f"`{name}`" for name in missing)
            noun = "input" if len(missing) == 1 else "inputs"
            yield one.finding(
                "PEN504", Severity.ERROR, f"flow `{call.flow}` requires the {noun} {names}", call.inputs_at,
                f"give {'it' if len(missing) == 1 else 'them'} under `inputs:`, or a default in the called flow",
            )  # fmt: skip


def read_outputs_are_declared(repository: Repository) -> Iterator[Diagnostic]:
    """PEN505: an output that is read by its name; where the read may not happen, it warns."""
    for one, call, called in _calls(repository):
        if called.outputs is None:
            continue
        for read in call.reads:
            if read.name not in called.outputs:
                yield one.finding(
                    "PEN505", _gravity(read), f"flow `{call.flow}` has no output `{read.name}`", read.at,
                    did_you_mean(read.name, called.outputs) or _choice("outputs", called.outputs),
                )  # fmt: skip


def revisions_can_be_known(repository: Repository) -> Iterator[Diagnostic]:
    """PEN506: revisions count from 1, and whoever deploys counts them: a file cannot say which there are."""
    for one in repository.told:
        for call in one.facts.calls:
            revision, at = call.revision, call.revision_at
            if revision is None or at is None:
                continue
            if not revision.isdecimal() or int(revision) < 1:
                yield one.finding("PEN506", Severity.ERROR, f"there is no revision `{revision}`: they count from 1", at)
            elif call.flow in repository.by_name:
                yield one.finding(
                    "PEN506", Severity.INFO,
                    f"revision {revision} of `{call.flow}` is whatever was deployed as such; its file here may differ",
                    at,
                )  # fmt: skip


def awaited_outputs_are_declared(repository: Repository) -> Iterator[Diagnostic]:
    """PEN509: `trigger.outputs.x` is an output of a flow that was waited for, or such a flow's id (Kestra 2).

    In the properties of the trigger itself `outputs.x` is a task of such a flow (Kestra core, trigger/Flow.java).
    """
    for one in repository.told:
        triggers = one.facts.triggers
        for trigger in triggers:
            yield from _unawaited(repository, one, (trigger,), trigger.reads)
            yield from _unawaited_tasks(repository, one, trigger)
        yield from _unawaited(repository, one, triggers, one.facts.trigger_reads)


def _unawaited(
    repository: Repository, one: Told, triggers: tuple[FlowTrigger, ...], reads: tuple[Read, ...]
) -> Iterator[Diagnostic]:
    flows = _awaited_here(repository, triggers) if reads else None
    if flows is None or any(facts.outputs is None for facts in flows):
        return
    known = {name for facts in flows for name in (facts.name.id, *(facts.outputs or ()))}
    for read in reads:
        if read.name not in known:
            hint = did_you_mean(read.name, known) or "declare it in the flow that is waited for"
            message = f"{_all_of(flows)} no output `{read.name}`"
            yield one.finding("PEN509", _gravity(read), message, read.at, hint)


def _unawaited_tasks(repository: Repository, one: Told, trigger: FlowTrigger) -> Iterator[Diagnostic]:
    flows = _awaited_here(repository, (trigger,)) if trigger.task_reads else None
    if flows is None or any(facts.tasks is None for facts in flows):
        return
    known = {task for facts in flows for task in facts.tasks or ()}
    for read in trigger.task_reads:
        if read.name not in known:
            hint = did_you_mean(read.name, known) or _choice("tasks", known)
            yield one.finding("PEN509", _gravity(read), f"{_all_of(flows)} no task `{read.name}`", read.at, hint)


def _awaited_here(repository: Repository, triggers: Iterable[FlowTrigger]) -> list[Facts] | None:
    """The flows that are waited for; None where some are not here, or not named."""
    found: dict[FlowName, Facts] = {}
    for trigger in triggers:
        for awaited in trigger.awaited:
            facts = repository.facts(awaited.flow)
            if facts is None:
                return None
            found[awaited.flow] = facts
        if trigger.is_open:
            return None
    return [found[name] for name in sorted(found, key=str)]


def _all_of(flows: list[Facts]) -> str:
    """`a/b` has, or `a/b` and `c/d` have: the beginning of a sentence."""
    names = " and ".join(f"`{facts.name}`" for facts in flows[:2]) + (" and others" if len(flows) > 2 else "")
    return f"{names} {'has' if len(flows) == 1 else 'have'}"


def _calls(repository: Repository) -> Iterator[tuple[Told, Call, Facts]]:
    """Every call of a flow that is here, and that one file defines."""
    for one in repository.told:
        for call in one.facts.calls:
            called = repository.facts(call.flow)
            if called is not None:
                yield one, call, called


def _undeclared(given: Iterable[Given], known: frozenset[str], lead: str) -> Iterator[tuple[str, Given]]:
    """A name is declared, or leads to some that are: `a.b` may be given as `a: {b: …}`."""
    for one in given:
        name = lead + one.name
        if name in known:
            continue
        if one.below and any(other.startswith(name + ".") for other in known):
            yield from _undeclared(one.below, known, name + ".")
        elif not any(other.startswith(name + ".") for other in known):
            yield name, one


def _has(given: tuple[Given, ...], needed: DeclaredInput) -> bool:
    """Whether a value is given; what is given for a whole group by an expression may hold it."""
    return any(_reaches(one, needed.id) for one in given)


def _reaches(given: Given, name: str) -> bool:
    if given.name == name:
        return True
    if not name.startswith(given.name + "."):
        return False
    rest = name[len(given.name) + 1 :]
    return not given.below or any(_reaches(one, rest) for one in given.below)


def _gravity(read: Read) -> Severity:
    return Severity.WARNING if read.is_conditional else Severity.ERROR


def _choice(noun: str, known: Iterable[str]) -> str:
    names = sorted(known)
    if not names:
        return f"it declares no {noun}"
    return f"its {noun}: " + ", ".join(f"`{name}`" for name in names[:6]) + (", …" if len(names) > 6 else "")
