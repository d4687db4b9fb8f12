"""What the expressions of a flow read of other flows: outputs of those it calls, and of those it waited for."""

from __future__ import annotations

from dataclasses import dataclass, field

from penstock.diagnostic import Range
from penstock.flow.rules.templates import Written, templates
from penstock.flow.survey import Survey
from penstock.validation.facts import Read

_OTHERS = frozenset({"outputs", "trigger"})
"""Variables that may hold what another flow has left."""


@dataclass(slots=True)
class Readings:
    """By the task that calls, by the trigger whose own property reads (outputs of the flow that it waited for, and of
    that flow's tasks), and of whatever has triggered."""

    of_task: dict[str, tuple[Read, ...]] = field(default_factory=dict)
    of_flow_trigger: dict[str, tuple[Read, ...]] = field(default_factory=dict)
    of_other_tasks: dict[str, tuple[Read, ...]] = field(default_factory=dict)
    of_trigger: tuple[Read, ...] = ()


def readings(survey: Survey) -> Readings:
    """Names that stand in the text; what `??`, `default` and the like catch is left out."""
    found = Readings()
    for written in survey.once(templates):
        for start, piece in written.pieces:
            for path in piece.paths if not _OTHERS.isdisjoint(piece.roots) else ():
                parts = path.parts
                if path.optional or len(parts) < 2 or parts[0] not in _OTHERS:
                    continue
                site = written.site
                by = site.id or "" if site is not None and site.group == "trigger" else None
                if parts[0] == "outputs" and by is not None:
                    if isinstance(parts[1], str):
                        read = Read(
                            parts[1], _where(survey, written, start + path.offset, path.width), path.conditional
                        )
                        found.of_other_tasks[by] = (*found.of_other_tasks.get(by, ()), read)
                elif parts[0] == "outputs":
                    task, name = _of_call(parts)
                    if task is not None and name is not None:
                        read = Read(name, _where(survey, written, start + path.offset, path.width), path.conditional)
                        found.of_task[task] = (*found.of_task.get(task, ()), read)
                elif parts[1] == "outputs" and len(parts) > 2 and isinstance(parts[2], str):
                    read = Read(parts[2], _where(survey, written, start + path.offset, path.width), path.conditional)
                    if by is not None:
                        found.of_flow_trigger[by] = (*found.of_flow_trigger.get(by, ()), read)
                    else:
                        found.of_trigger = (*found.of_trigger, read)
    return found


def _of_call(parts: tuple[str | int | None, ...]) -> tuple[str | None, str | None]:
    """`outputs.<task>.outputs.<name>`; within a loop the round may stand between."""
    task, rest = parts[1], parts[2:]
    if rest and rest[0] is None:
        rest = rest[1:]
    if not isinstance(task, str) or len(rest) < 2 or rest[0] != "outputs" or not isinstance(rest[1], str):
        return None, None
    return task, rest[1]


def _where(survey: Survey, written: Written, offset: int, width: int) -> Range:
    return written.range(survey.document, offset, width)
