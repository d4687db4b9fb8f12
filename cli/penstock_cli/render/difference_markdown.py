"""A difference for a pull request: a line for each flow first, all values below, folded away; never too long.

Whatever comes out of a repository is foreign text: it stands in code, or is escaped (`inert`). GitHub takes 65,536
characters of a comment (GitHub docs, REST API, 2026); the room is shared fairly, so that one flow that has changed in
thousands of lines hides no other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from penstock.difference.leaf import ABSENT
from penstock.difference.normal import Kind
from penstock.difference.report import Action, FlowDifference, LeafDifference, PartDifference, Report, Status
from penstock.difference.sentences import MOST_SHOWN, both, headline, herd, sentences
from penstock_cli.render.difference_mermaid import chart
from penstock_cli.render.difference_text import breaking_lines, schedule_lines, way
from penstock_cli.render.inert import code, fenced, prose

MOST = 65_000
"""Characters; whoever posts it adds a marker of its own."""
_MOST_OF_LIST = 24_000
_MOST_OF_CHART = 6_000
_LEAST_BLOCK = 400
_FIRST = 3
_MARKS = {
    Status.ADDED: "🟢", Status.REMOVED: "🔴", Status.CHANGED: "🟡", Status.FORMATTING: "🔵", Status.UNREADABLE: "⛔",
}  # fmt: skip


def as_markdown(report: Report, *, most: int = MOST) -> str:
    """At most `most` characters."""
    head = [f"### {prose(headline(report))}", ""]
    head += _list(report, min(_MOST_OF_LIST, most // 2))
    tail = list(_beside(report))
    blocks = [(_summary(flow), list(_lines(flow)), _chart(flow)) for flow in report.shown]
    fixed = sum(len(line) + 1 for line in [*head, *tail])
    room = max(most - fixed - 200, 0)
    shown = _fair([_size(block) for block in blocks], room)
    lines = [*head]
    left_out = 0
    for (summary, body, drawn), size in zip(blocks, shown, strict=True):
        if size < _LEAST_BLOCK and size < _size((summary, body, drawn)):
            left_out += 1
        else:
            lines += ["", *_details(summary, body, drawn, size)]
    if left_out:
        lines += ["", f"_The values of {left_out} more flows have no room here: `penstock diff` shows them._"]
    text = "\n".join([*lines, *tail]).rstrip() + "\n"
    return text if len(text) <= most else text[: text.rfind("\n", 0, most - 1)] + "\n"


def _list(report: Report, most: int) -> list[str]:
    lines: list[str] = []
    used = 0
    for at, flow in enumerate(report.shown):
        line = _line(flow)
        used += len(line) + 1
        if used > most:
            lines.append(f"- and {len(report.shown) - at} more flows")
            break
        lines.append(line)
    return lines


def _line(flow: FlowDifference) -> str:
    """All that a reviewer must learn of a flow, on one line; what is grave is never folded away."""
    said = sentences(flow)
    first = said[:_FIRST]
    more = f" · and {len(said) - _FIRST} more" if len(said) > _FIRST else ""
    classes = f" ({', '.join(flow.classes)})" if flow.classes else ""
    text = " · ".join(prose(one) for one in first)
    return f"- {_MARKS[flow.status]} {code(flow.title)}{classes}: {text or flow.status}{more}"


def _summary(flow: FlowDifference) -> str:
    return f"{_MARKS[flow.status]} {_html(flow.title)} <sub>{_html(flow.path)}</sub>"


def _html(text: str) -> str:
    """Text between tags: letters, digits and a few marks as they are, all else by number, and all of it code."""
    return (
        "<code>" + "".join(each if each.isalnum() or each in " ./-" else f"&#{ord(each)};" for each in text) + "</code>"
    )


def _lines(flow: FlowDifference) -> Iterator[str]:
    for said in sentences(flow):
        yield f"! {said}"
    for part in flow.parts:
        yield ""
        yield from _part(part)
    for one in flow.schedules:
        yield ""
        yield from schedule_lines(one)
    broken = [line for change in flow.interface for line in breaking_lines(change)]
    if broken:
        yield from ["", "  breaks", *(f"    {line}" for line in broken)]
    if flow.touched:
        yield from ["", "  touches", *(f"    {way(one)}" for one in flow.touched)]


def _part(part: PartDifference) -> Iterator[str]:
    mark = "+" if Action.ADDED in part.actions else "-" if Action.REMOVED in part.actions else " "
    title = "flow" if part.kind is Kind.FLOW else f"{part.kind.value} {part.id}"
    more = f" ({part.type})" if part.type and part.kind in (Kind.TASK, Kind.TRIGGER) else ""
    yield f"{mark} {title}{more}"
    if Action.RENAMED in part.actions:
        yield f"  was {part.kind.value} {part.old_id}"
    if Action.MOVED in part.actions:
        yield f"-   in {part.old_place}"
        yield f"+   in {part.place}"
    for leaf in part.leaves:
        yield from leaf_lines(leaf)


def leaf_lines(leaf: LeafDifference) -> Iterator[str]:
    """As a block of `diff` is coloured."""
    if leaf.lines:
        yield f"    {leaf.path}:"
        yield from (f"{line[:1]}     {line[2:]}" if line[:1] in "+-" else f"      {line}" for line in leaf.lines)
        return
    old, new = both(leaf.old, leaf.new, MOST_SHOWN)
    if leaf.old is not ABSENT:
        yield f"-   {leaf.path}: {old}"
    if leaf.new is not ABSENT:
        yield f"+   {leaf.path}: {new}"


def _chart(flow: FlowDifference) -> str:
    """Drawn where what runs has come, gone, moved or been renamed."""
    shapes = {Action.ADDED, Action.REMOVED, Action.MOVED, Action.RENAMED}
    if flow.status is not Status.CHANGED or not any(
        part.kind is Kind.TASK and shapes & set(part.actions) for part in flow.parts
    ):
        return ""
    drawn = chart(flow)
    return drawn if len(drawn) <= _MOST_OF_CHART else ""


def _size(block: tuple[str, list[str], str]) -> int:
    summary, body, drawn = block
    return len(summary) + sum(len(line) + 1 for line in body) + len(drawn) + 120


def _fair(sizes: Sequence[int], room: int) -> list[int]:
    """How much each may have: the small ones all they need, the others the same."""
    shares = [0] * len(sizes)
    left = room
    waiting = sorted(range(len(sizes)), key=lambda at: sizes[at])
    while waiting:
        share = left // len(waiting)
        at = waiting.pop(0)
        shares[at] = min(sizes[at], share)
        left -= shares[at]
    return shares


def _details(summary: str, body: list[str], drawn: str, room: int) -> list[str]:
    if drawn and _size((summary, body, drawn)) > room:
        drawn = ""
    kept = body
    if _size((summary, body, drawn)) > room:
        kept = []
        left = room - len(summary) - 200
        for line in body:
            left -= len(line) + 1
            if left < 0:
                break
            kept.append(line)
        kept.append(f"… {len(body) - len(kept)} lines more: `penstock diff` shows them")
    lines = [f"<details><summary>{summary}</summary>", "", fenced(kept, "diff"), ""]
    if drawn:
        lines += [fenced(drawn.split("\n"), "mermaid"), ""]
    return [*lines, "</details>"]


def _beside(report: Report) -> Iterator[str]:
    if report.defaults is not None:
        yield ""
        names = ", ".join(code(str(one.flow)) for one in report.defaults.touched[:10])
        more = len(report.defaults.touched) - 10
        touched = f": touches {names}" + (f" and {more} more" if more > 0 else "") if names else ""
        yield f"**Plugin defaults of the repository** ({', '.join(report.defaults.classes)}){touched}"
        yield ""
        lines = [line for leaf in report.defaults.leaves for line in leaf_lines(leaf)]
        yield fenced(lines[:100], "diff")
    if report.files:
        yield ""
        for file in report.files[:30]:
            readers = ", ".join(code(str(name)) for name in file.readers[:10])
            others = ", ".join(code(str(one.flow)) for one in file.touched[:20] if not one.is_direct)
            told = (f"; read by {readers}" if readers else "") + (f"; touches {others}" if others else "")
            yield f"- file {code(file.path)} {file.action}{told}"
        if len(report.files) > 30:
            yield f"- and {len(report.files) - 30} more files"
    for one in report.herds[:5]:
        yield ""
        yield f"> ⚠️ {prose(herd(one))}"
    for path in report.conflicts[:30]:
        yield ""
        yield f"> ⛔ {code(path)} cannot be merged"
    if report.is_judged:
        yield ""
        count = len(report.findings)
        yield f"**After the merge**: {count} findings" if count else "**After the merge**: nothing is wrong"
        yield ""
        for found in report.findings[:20]:
            where = f"{found.file}:{found.range.start.line}"
            yield f"- {found.severity} {found.code} in {code(where)}: {prose(found.message)}"
    if report.formatting:
        yield ""
        names = ", ".join(code(flow.path) for flow in report.formatting[:10])
        more = len(report.formatting) - 10
        yield f"Formatting only: {names}" + (f" and {more} more" if more > 0 else "")
