"""The topology of a flow as an SVG picture: flows nest, so boxes lie in boxes.

Layout first (sizes from the inside out), then drawing. Sequences run downwards and are joined by arrows; what runs
side by side lies side by side. The colours follow the reader's light or dark scheme.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from unicodedata import east_asian_width

from penstock.flow.graph import Box, Graph, Node

_CHAR = 7.2
_ROW = 40
_PAD = 14
_GAP = 26
_TITLE = 20
_LEAST = 120
_LONGEST = 42

_STYLE = """\
.task{fill:#fff;stroke:#4c5a73}.branch{fill:#8893a71a;stroke:#8893a7;stroke-dasharray:4 3}
.off{opacity:.5}.trigger{fill:#fff3d6;stroke:#b7791f}.handler{stroke:#c53030}
text{font:12px ui-monospace,Menlo,Consolas,monospace;fill:#1a202c}.type,.name{fill:#5a6880;font-size:10px}
.arrow{stroke:#4c5a73;fill:none;marker-end:url(#tip)}.tip{fill:#4c5a73}
@media (prefers-color-scheme:dark){.task{fill:#1e2633;stroke:#93a4c3}.trigger{fill:#3b2f13}text{fill:#e8ecf4}
.type,.name{fill:#a3b0c8}.arrow{stroke:#93a4c3}.tip{fill:#93a4c3}}"""

_HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" \
aria-label="{name}">"""

_TIP = """\
<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">\
<path class="tip" d="M0 0L8 4L0 8z"/></marker></defs>"""


@dataclass(frozen=True, slots=True)
class _Sized:
    """A node or box with the size that its content needs; children stand at offsets within it."""

    width: float
    height: float
    shown: Node | Box
    title: str
    children: tuple[tuple[float, float, _Sized], ...] = ()


def as_svg(graph: Graph) -> str:
    """The picture as a document of its own: no script, no reference to anything outside."""
    parts: list[_Sized] = [_node(node) for node in graph.triggers]
    tops = [_box(box, "" if box.name == "tasks" else box.name) for box in graph.boxes]
    across, tallest = _beside(parts)
    columns: list[tuple[float, float, _Sized]] = [(x + _PAD, _TITLE + _PAD, part) for x, _, part in across]
    y = _TITLE + _PAD + (tallest + _GAP if parts else 0)
    width = max([_text_width(graph.flow), *(x + part.width for x, _, part in columns)], default=_LEAST)
    for top in tops:
        columns.append((_PAD, y, top))
        y += top.height + _GAP
        width = max(width, top.width + _PAD)
    height = y - _GAP + _PAD if columns else _TITLE + _PAD
    wide, high = f"{width + _PAD:.0f}", f"{height:.0f}"
    lines = [
        _HEAD.format(width=wide, height=high, name=_safe(graph.flow)),
        f"<style>{_STYLE}</style>",
        _TIP,
        f'<text x="{_PAD}" y="{_TITLE}" font-weight="bold">{_safe(graph.flow)}</text>',
    ]
    for x, top_y, part in columns:
        lines += _drawn(part, x, top_y)
    return "\n".join([*lines, "</svg>"]) + "\n"


def _node(node: Node) -> _Sized:
    title = node.id.removeprefix("trigger:")
    own = max(_LEAST, _text_width(title), _text_width(node.short_type)) + 2 * _PAD
    if not node.boxes:
        return _Sized(own, _ROW, node, title)
    inner, high = _beside([_box(box, _name(box)) for box in node.boxes])
    placed = tuple((x + _PAD, float(_ROW), child) for x, _, child in inner)
    wide = max(x + child.width for x, _, child in placed) + _PAD
    return _Sized(max(own, wide), _ROW + high + _PAD, node, title, placed)


def _box(box: Box, title: str) -> _Sized:
    children = [_node(node) for node in box.nodes]
    head = _TITLE if title else 0.0
    if box.order == "parallel":
        placed, high = _beside(children)
    else:
        placed, high = _below(children)
    moved = tuple((x + _PAD, y + head + _PAD, child) for x, y, child in placed)
    wide = max([_text_width(title), *(x + child.width for x, _, child in moved)]) + _PAD
    return _Sized(wide, high + head + 2 * _PAD, box, title, moved)


def _name(box: Box) -> str:
    words = [box.name.removeprefix("cases.")]
    if box.loops:
        words.append("each value")
    if box.order == "parallel":
        words.append("side by side")
    return ", ".join(words)


def _beside(parts: list[_Sized]) -> tuple[list[tuple[float, float, _Sized]], float]:
    placed, x = [], 0.0
    for part in parts:
        placed.append((x, 0.0, part))
        x += part.width + _GAP / 2
    return placed, max((part.height for part in parts), default=0.0)


def _below(parts: list[_Sized]) -> tuple[list[tuple[float, float, _Sized]], float]:
    """One under the other, centred."""
    widest = max((part.width for part in parts), default=0.0)
    placed, y = [], 0.0
    for part in parts:
        placed.append(((widest - part.width) / 2, y, part))
        y += part.height + _GAP
    return placed, max(y - _GAP, 0.0)


def _drawn(part: _Sized, x: float, y: float) -> Iterator[str]:
    shown = part.shown
    if isinstance(shown, Node):
        kind = ("trigger" if shown.role == "trigger" else "task") + (" off" if shown.disabled else "")
        yield _rect(part, x, y, kind)
        yield f'<text x="{x + _PAD:.1f}" y="{y + 17:.1f}">{_safe(_short(part.title))}</text>'
        yield f'<text class="type" x="{x + _PAD:.1f}" y="{y + 31:.1f}">{_safe(_short(shown.short_type))}</text>'
    elif part.title:
        yield _rect(part, x, y, "branch handler" if shown.name in ("errors", "finally", "afterExecution") else "branch")
        yield f'<text class="name" x="{x + _PAD:.1f}" y="{y + 16:.1f}">{_safe(_short(part.title))}</text>'
    for left, top, child in part.children:
        yield from _drawn(child, x + left, y + top)
    if isinstance(shown, Box) and shown.order == "sequence":
        for (left, top, above), (left_below, top_below, below) in pairwise(part.children):
            start = f"{x + left + above.width / 2:.1f} {y + top + above.height:.1f}"
            end = f"{x + left_below + below.width / 2:.1f} {y + top_below:.1f}"
            yield f'<path class="arrow" d="M{start}L{end}"/>'


def _rect(part: _Sized, x: float, y: float, kind: str) -> str:
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{part.width:.1f}" height="{part.height:.1f}" rx="6"/>'


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _safe(text: str) -> str:
    """Text for XML: escaped, without the characters that XML does not know."""
    return escape("".join(char if char.isprintable() else "\ufffd" for char in text))


def _text_width(text: str) -> float:
    return sum(_CHAR * (2 if east_asian_width(char) in "WF" else 1) for char in _short(text))
