"""Flows by their names: two files for one, and calls and triggers that name a flow which is not there."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.diagnostic import Diagnostic, FlowName, Range, Severity, suggest
from penstock.validation.across.repository import Repository


def one_file_for_a_flow(repository: Repository) -> Iterator[Diagnostic]:
    """PEN501: at each of the files that define the same flow."""
    for name, same in repository.by_name.items():
        for one in same if len(same) > 1 else ():
            others = [other for other in same if other is not one]
            more = f" and {len(others) - 1} more" if len(others) > 1 else ""
            yield one.finding(
                "PEN501", Severity.ERROR,
                f"flow `{name}` is also defined in {others[0].file}:{others[0].facts.at.start.line}{more}",
                one.facts.at, "a flow has one file: rename or remove one of them",
            )  # fmt: skip


def called_flows_exist(repository: Repository) -> Iterator[Diagnostic]:
    """PEN502: an error where the repository has flows of that very namespace, and so should have this one."""
    for one in repository.told:
        for call in one.facts.calls:
            if call.flow in repository.by_name:
                continue
            is_ours = repository.is_whole and call.flow.namespace in repository.ids
            hint, at = _mend(repository, call.flow, call.namespace_at, call.flow_at)
            severity = Severity.ERROR if is_ours else Severity.WARNING
            yield one.finding("PEN502", severity, f"there is no flow `{call.flow}` here", at, hint)


def awaited_flows_exist(repository: Repository) -> Iterator[Diagnostic]:
    """PEN508: such a trigger never fires, and nothing ever fails: it warns."""
    for one in repository.told:
        for trigger in one.facts.triggers:
            for awaited in trigger.awaited:
                if awaited.flow in repository.by_name:
                    continue
                hint, at = _mend(repository, awaited.flow, awaited.namespace_at, awaited.flow_at)
                message = f"trigger `{trigger.id}` waits for `{awaited.flow}`, and there is no such flow here"
                yield one.finding("PEN508", Severity.WARNING, message, at, hint)


def _mend(repository: Repository, name: FlowName, namespace_at: Range, flow_at: Range) -> tuple[str | None, Range]:
    """What may have been meant, and which half of the name is to be corrected."""
    near = suggest(name.id, repository.ids.get(name.namespace, ()), most=1)
    if near:
        return f"did you mean `{near[0]}`?", flow_at
    elsewhere = repository.namespaces_of.get(name.id, ())
    close = suggest(name.namespace, elsewhere, most=1) or elsewhere[:1]
    if close:
        return f"did you mean the namespace `{close[0]}`?", namespace_at
    return None, flow_at
