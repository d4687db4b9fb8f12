"""What a reviewer must learn of a flow's change: a sentence for each thing, the gravest first."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from penstock.difference.classes import Class
from penstock.difference.interface import InterfaceChange, Turn
from penstock.difference.leaf import ABSENT
from penstock.difference.lines import counted
from penstock.difference.normal import Kind
from penstock.difference.report import Action, FlowDifference, LeafDifference, PartDifference, Report, Status, joined
from penstock.difference.schedules import Fire, Herd, ScheduleDifference, Times

MOST = 6
_LONGEST = 60
MOST_SHOWN = 600
"""Characters of a value, where all of it is to be seen."""
_ALL = 1 << 30
_GRAVE = (Class.SECURITY, Class.BREAKING)


def sentences(flow: FlowDifference) -> list[str]:
    """At most `MOST`, and then how many more values differ."""
    if flow.status is Status.UNREADABLE:
        return [f"cannot be read: {flow.problem}"]
    found = [_of_interface(change) for change in flow.interface if change.is_breaking]
    found += [_of_schedule(one) for one in flow.schedules]
    if flow.is_moved:
        found.append(f"moved from `{flow.old_path}` to `{flow.path}`")
    if flow.status is Status.ADDED:
        found.append(_of_new(flow))
    elif flow.status is not Status.REMOVED:
        found += [_of_interface(change) for change in flow.interface if not change.is_breaking]
        scheduled = {one.trigger for one in flow.schedules}
        found += [said for part in _gravest_first(flow.parts) for said in _of_part(part, scheduled)]
        if flow.defaulted:
            found.append(f"its plugin defaults are for {joined(flow.defaulted)}")
    found = list(dict.fromkeys(found))
    touched = [one.flow for one in flow.touched if one.flow not in flow.breaks]
    if len(found) > MOST:
        found = [*found[: MOST - 1], f"and {len(found) - MOST + 1} more changes"]
    if touched:
        direct = sum(one.is_direct and one.flow not in flow.breaks for one in flow.touched)
        found.append(f"touches {joined(touched)} ({direct} directly, {len(touched) - direct} through others)")
    return found


def _gravest_first(parts: Sequence[PartDifference]) -> list[PartDifference]:
    order = list(reversed(Class))
    return sorted(parts, key=lambda part: min((order.index(one) for one in part.classes), default=len(order)))


def _of_interface(change: InterfaceChange) -> str:
    noun = change.kind.value
    broken = f"; breaks {joined(change.breaks)}" if change.breaks else ""
    match change.turn:
        case Turn.REMOVED if change.kind is Kind.FLOW:
            said = "is removed"
        case Turn.RENAMED if change.kind is Kind.FLOW:
            said = f"is renamed from `{change.old}` to `{change.new}`"
        case Turn.ADDED_REQUIRED:
            said = f"{noun} `{change.id}` is new and required ({change.new})"
        case Turn.ADDED:
            said = f"{noun} `{change.id}` is new ({change.new})"
        case Turn.REMOVED:
            said = f"{noun} `{change.id}` is removed"
        case Turn.RENAMED:
            said = f"{noun} `{change.old}` is renamed to `{change.new}`"
        case Turn.REQUIRED:
            said = f"{noun} `{change.id}` is required now"
        case Turn.OPTIONAL:
            said = f"{noun} `{change.id}` is optional now"
        case Turn.RETYPED:
            said = f"{noun} `{change.id}` is {change.new} now, was {change.old}"
        case Turn.NARROWED if change.new is None:
            said = f"{noun} `{change.id}` no longer accepts {change.old}"
        case Turn.NARROWED:
            said = f"{noun} `{change.id}` accepts less: {change.old} → {change.new}"
    return said + broken


def _of_schedule(one: ScheduleDifference) -> str:
    name = f"trigger `{one.trigger}`"
    before, after = one.before, one.after
    if after is None:
        return f"{name} is removed: it fires no more ({_when(before)})"
    if before is None:
        return f"{name} is new: {_when(after)}" + _next(after)
    if after.problem == "disabled":
        return f"{name} is disabled: it fires no more ({_when(before)})"
    if before.problem == "disabled":
        return f"{name} is enabled: {_when(after)}" + _next(after)
    if after.problem is not None:
        return f"{name} {after.problem} ({_when(after)}, was {_when(before)})"
    return f"{name} fires {_when(after)}, was {_when(before)}" + _next(after)


def _when(times: Times | None) -> str:
    if times is None:
        return ""
    timer = times.timer
    what = ", ".join(timer.dates[:3]) if timer.dates else timer.cron
    return f"`{what}` {times.zone}"


def _next(times: Times) -> str:
    return f"; next {moment(times.fires[0])}" if times.fires else ""


def moment(fire: Fire) -> str:
    """`Mon 2026-11-30 02:00 +01:00`, and how the clocks have been set since the last."""
    seconds = ":%S" if fire.at.second else ""
    offset = fire.at.strftime("%z")
    text = fire.at.strftime(f"%a %Y-%m-%d %H:%M{seconds} ") + f"{offset[:3]}:{offset[3:5]}"
    if not fire.clocks:
        return text
    way = "forward" if fire.clocks > timedelta(0) else "back"
    return f"{text} (clocks went {way})"


def herd(one: Herd) -> str:
    """That many start together."""
    at = one.at.strftime("%a %Y-%m-%d %H:%M")
    return f"{len(one.flows)} flows start in the same minute, {at} {one.zone}: {joined(one.flows)}"


def _of_new(flow: FlowDifference) -> str:
    counts = [(kind, sum(part.kind is kind for part in flow.parts)) for kind in Kind if kind is not Kind.FLOW]
    told = [f"{count} {kind.value}{'s' if count != 1 else ''}" for kind, count in counts if count]
    return "is new: " + (", ".join(told) or "nothing in it")


def _of_part(part: PartDifference, scheduled: set[str]) -> Iterator[str]:
    if part.is_inner:
        return
    name = f"{part.kind.value} `{part.id}`" if part.kind is not Kind.FLOW else ""
    if part.kind in (Kind.INPUT, Kind.OUTPUT):
        if Action.ADDED in part.actions or Action.REMOVED in part.actions:
            return
    elif part.kind is Kind.TRIGGER and part.id in scheduled:
        if Action.CHANGED not in part.actions:
            return
    elif Action.ADDED in part.actions:
        more = f", with {part.inner} within" if part.inner else ""
        yield f"{name} is new ({_short(part.type)}) in {part.place}{more}"
        return
    elif Action.REMOVED in part.actions:
        more = f", with {part.inner} within" if part.inner else ""
        yield f"{name} is removed ({_short(part.type)}){more}"
        return
    if Action.RENAMED in part.actions and part.kind not in (Kind.INPUT, Kind.OUTPUT):
        yield f"{part.kind.value} `{part.old_id}` is renamed to `{part.id}`"
    if Action.MOVED in part.actions:
        yield f"{name} moved from {part.old_place} to {part.place}"
    if Action.CHANGED in part.actions:
        yield from (_of_leaf(name, leaf) for leaf in _told(part, scheduled))


def _told(part: PartDifference, scheduled: set[str]) -> list[LeafDifference]:
    leaves = list(part.leaves)
    if part.kind is Kind.TRIGGER and part.id in scheduled:
        leaves = [leaf for leaf in leaves if leaf.path not in ("cron", "timezone", "disabled", "withSeconds", "type")]
    if part.kind in (Kind.INPUT, Kind.OUTPUT):
        leaves = [leaf for leaf in leaves if Class.BREAKING not in leaf.classes or leaf.path == "defaults"]
    grave = [leaf for leaf in leaves if set(leaf.classes) & set(_GRAVE)]
    return [*grave, *(leaf for leaf in leaves if leaf not in grave)]


def _of_leaf(name: str, leaf: LeafDifference) -> str:
    where = f"{name}: {leaf.path}" if name else leaf.path
    if leaf.lines:
        if leaf.classes == (Class.COSMETIC,):
            return f"{where} differs in white space"
        came, gone = counted(leaf.lines)
        return f"{where} differs in lines (+{came} -{gone})"
    if leaf.is_added:
        return f"{where} = {value(leaf.new)} is new"
    if leaf.is_removed:
        return f"{where} = {value(leaf.old)} is gone"
    old, new = both(leaf.old, leaf.new)
    return f"{where} {old} → {new}"


def both(old: Any, new: Any, width: int = _LONGEST) -> tuple[str, str]:
    """Two values that differ, each on one line, so that it can be seen that they do: cut to where they differ."""
    before, after = value(old, width), value(new, width)
    if before != after:
        return before, after
    whole, other = value(old, _ALL), value(new, _ALL)
    start = max(_shared(whole, other) - width // 4, 0)
    return "…" + _cut(whole[start:], width), "…" + _cut(other[start:], width)


def value(given: Any, width: int = _LONGEST) -> str:
    """A value on one line."""
    if given is ABSENT:
        return "nothing"
    if isinstance(given, str):
        text = (
            given if given and given == given.strip() and "\n" not in given else json.dumps(given, ensure_ascii=False)
        )
    else:
        text = json.dumps(given, ensure_ascii=False)
    return _cut(text, width)


def _shared(one: str, other: str) -> int:
    """How many characters at the beginning are the same."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _short(type_: str) -> str:
    return ".".join(type_.rsplit(".", 2)[-2:])


def headline(report: Report) -> str:
    """The verdict, in one line."""
    counts = [
        (report.count(Status.CHANGED), "changed"), (report.count(Status.ADDED), "added"),
        (report.count(Status.REMOVED), "removed"), (report.count(Status.UNREADABLE), "unreadable"),
        (report.count(Status.FORMATTING), "moved"),
    ]  # fmt: skip
    told = [f"{count} {word}" for count, word in counts if count]
    text = f"{_noun(sum(count for count, _ in counts), 'flow')}: {', '.join(told)}" if told else "no flow has changed"
    if report.defaults is not None:
        text += "; plugin defaults differ"
    if report.files:
        text += f"; {_noun(len(report.files), 'namespace file')}"
    if report.classes:
        text += f" [{', '.join(report.classes)}]"
    if report.broken:
        text += f"; breaks {joined(report.broken)}"
    rest = [name for name in report.touched if name not in report.broken]
    if rest:
        text += f"; touches {joined(rest)}"
    if report.formatting:
        text += f"; {len(report.formatting)} formatting only"
    return text


def _noun(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
