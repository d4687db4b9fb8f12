"""A difference for a terminal: first what a reviewer must learn of each flow, then every value that differs."""

from __future__ import annotations

from collections.abc import Iterator

import click

from penstock.difference.blast import Touched
from penstock.difference.classes import Class
from penstock.difference.interface import InterfaceChange, Turn
from penstock.difference.normal import Kind
from penstock.difference.report import Action, FlowDifference, LeafDifference, PartDifference, Report, Status
from penstock.difference.schedules import ScheduleDifference, Times
from penstock.difference.sentences import MOST_SHOWN, both, headline, herd, moment, sentences, value
from penstock_cli.render.inert import safe

_MARKS = {
    Status.ADDED: "+", Status.REMOVED: "-", Status.CHANGED: "~", Status.FORMATTING: ">", Status.UNREADABLE: "!",
}  # fmt: skip
_COLOURS = {"+": "green", "-": "red", "~": "yellow", ">": "cyan", "!": "red"}
_PARTS = {Action.ADDED: "+", Action.REMOVED: "-"}
MOST_LINES = 60
"""So many lines of one text are shown."""


def as_text(report: Report, *, colour: bool = False, names_only: bool = False) -> str:
    """The whole report. `names_only` leaves out the values (`--quiet`)."""
    verdict = safe(headline(report))
    lines = [click.style(verdict, bold=True) if colour else verdict]
    for flow in report.shown:
        lines += ["", *_flow(flow, colour)]
        if not names_only:
            lines += [line for block in _details(flow) for line in ("", *block)]
    lines += _beside(report)
    if report.formatting:
        lines += ["", "formatting only: " + ", ".join(safe(flow.path) for flow in report.formatting)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _flow(flow: FlowDifference, colour: bool) -> Iterator[str]:
    mark = _MARKS[flow.status]
    head = f"{mark} {safe(flow.title)}"
    classes = f"  [{', '.join(flow.classes)}]" if flow.classes else ""
    yield (click.style(head, fg=_COLOURS[mark], bold=True) if colour else head) + f"{classes}  {safe(flow.path)}"
    yield from (f"  {safe(said)}" for said in sentences(flow))


def _details(flow: FlowDifference) -> Iterator[list[str]]:
    """Blocks of lines."""
    for part in flow.parts:
        yield list(part_lines(part))
    for one in flow.schedules:
        yield list(schedule_lines(one))
    broken = [change for change in flow.interface if change.breaks]
    if broken:
        yield ["  breaks", *(f"    {line}" for change in broken for line in breaking_lines(change))]
    if flow.touched:
        yield ["  touches", *(f"    {way(one)}" for one in flow.touched)]


def part_lines(part: PartDifference) -> Iterator[str]:
    mark = next((_PARTS[action] for action in part.actions if action in _PARTS), "~")
    title = "flow" if part.kind is Kind.FLOW else f"{part.kind.value} {part.id}"
    more = []
    if part.type and part.kind in (Kind.TASK, Kind.TRIGGER):
        more.append(part.type)
    if Action.RENAMED in part.actions:
        more.append(f"was {part.old_id}")
    if Action.MOVED in part.actions:
        more.append(f"moved from {part.old_place} to {part.place}")
    elif Action.ADDED in part.actions and part.place:
        more.append(f"in {part.place}")
    yield safe(f"  {mark} {title}" + (f" ({'; '.join(more)})" if more else ""))
    for leaf in part.leaves:
        yield from leaf_lines(leaf)


def leaf_lines(leaf: LeafDifference) -> Iterator[str]:
    marks = [one for one in leaf.classes if one in (Class.SECURITY, Class.BREAKING)]
    note = f"  [{', '.join(marks)}]" if marks else ""
    if leaf.lines:
        yield f"    {safe(leaf.path)}:{note}"
        yield from (f"      {safe(line)}" for line in leaf.lines[:MOST_LINES])
        if len(leaf.lines) > MOST_LINES:
            yield f"      … {len(leaf.lines) - MOST_LINES} lines more"
    elif leaf.is_added:
        yield f"    + {safe(leaf.path)}: {safe(value(leaf.new, MOST_SHOWN))}{note}"
    elif leaf.is_removed:
        yield f"    - {safe(leaf.path)}: {safe(value(leaf.old, MOST_SHOWN))}{note}"
    else:
        old, new = both(leaf.old, leaf.new, MOST_SHOWN)
        yield f"    {safe(leaf.path)}: {safe(old)} → {safe(new)}{note}"


def schedule_lines(one: ScheduleDifference) -> Iterator[str]:
    yield f"  fires {safe(one.trigger)}"
    before, after = _times(one.before), _times(one.after)
    width = max((len(text) for text in before), default=0)
    for at in range(max(len(before), len(after))):
        left = before[at] if at < len(before) else ""
        right = after[at] if at < len(after) else ""
        yield f"    {left:<{width}}  →  {right}"


def _times(times: Times | None) -> list[str]:
    if times is None:
        return ["(not there)"]
    if times.problem is not None:
        return [safe(f"({times.problem})")]
    conditional = " if its conditions hold" if times.timer.is_conditional else ""
    return [safe(times.zone + conditional), *(moment(fire) for fire in times.fires)]


def breaking_lines(change: InterfaceChange) -> Iterator[str]:
    for name in change.breaks:
        lost = (change.old or change.id) if change.turn is Turn.RENAMED else change.id
        yield safe(f"{name}: {change.kind.value} {lost} {change.turn}")


def way(one: Touched) -> str:
    """`ops/all: calls sales/report, which waits for it`."""
    steps = list(reversed(one.links))
    said = f"{one.flow}: {steps[0].how}"
    for link in steps[1:]:
        said += f" {link.flow}, which {link.how}"
    return safe(f"{said} it")


def _beside(report: Report) -> Iterator[str]:
    if report.defaults is not None:
        yield ""
        yield f"~ plugin defaults of the repository  [{', '.join(report.defaults.classes)}]  penstock.yaml"
        yield from (line for leaf in report.defaults.leaves for line in leaf_lines(leaf))
        yield from (f"    touches {way(one)}" for one in report.defaults.touched)
    for file in report.files:
        readers = f"; read by {', '.join(map(str, file.readers))}" if file.readers else ""
        yield ""
        yield safe(f"{_PARTS.get(file.action, '~')} file {file.path} {file.action}{readers}")
        yield from (f"    touches {way(one)}" for one in file.touched if not one.is_direct)
    for one in report.herds:
        yield ""
        yield safe(f"warning: {herd(one)}")
    for path in report.conflicts:
        yield ""
        yield safe(f"conflict: {path} cannot be merged")
    if report.is_judged:
        yield ""
        yield "after the merge: " + (f"{len(report.findings)} findings" if report.findings else "nothing is wrong")
        for found in report.findings:
            where = f"{found.file}:{found.range.start.line}:{found.range.start.column}"
            yield safe(f"  {where}: {found.severity}[{found.code}] {found.message}")
