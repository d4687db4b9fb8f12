"""Markdown that comes from elsewhere, made tame: no mention, no link, no picture, no HTML but what folds.

It is a second wall: whoever writes the Markdown makes others' text inert first (`penstock_cli.render.inert`). A report
of a stranger's run has only this one.

Facts: GitHub Flavored Markdown 0.29, "Code spans", "Fenced code blocks", "HTML blocks"; GitHub finds mentions and
references in the text that is left when entities are decoded, so that only another character within helps.
"""

from __future__ import annotations

import re
import string
from enum import Enum, auto
from html import unescape
from html.entities import html5
from itertools import groupby, zip_longest

from penstock_cli.render.progress import harmless

APART = "\u200b"
"""A space without width: `@` and a name with it in between are no mention, and look the same."""

_TAGS = (
    "<details>",
    "<details open>",
    "</details>",
    "<summary>",
    "</summary>",
    "<br>",
    "<b>",
    "</b>",
    "<sub>",
    "</sub>",
    "<code>",
    "</code>",
)
_FENCE = re.compile(r"(`{3,}|~{3,})[ \t]*([A-Za-z0-9_+-]*)[ \t]*$")
_MEETS = re.compile(
    rf"@(?!{APART})|(?<!&)#(?=\d)|(?<=[A-Za-z])://|[Ww][Ww][Ww](?=\.)|[Gg][Hh](?=-\d)|\](?=[\[(:])|!(?=\[)"
)
_DELIMITERS = re.compile(r"[-|:>*+.\d \t]*")
_MARKS = "\\`*_{}[]()<>|~&\"'"
_ENTITY = re.compile(r"&(#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_KEPT = ("&lt;", "&gt;", "&amp;", "&quot;", *(f"&#{ord(mark)};" for mark in _MARKS))
"""Entities of characters that would be marks. Any other one is read as its character before it is judged."""
_PUNCTUATION = tuple(string.punctuation)
_HTML = re.compile(r"[>*+.\d \t-]*<")
_TICKS = re.compile(r"`+")
_MERMAID_COMMANDS = ("click", "href", "callback", "%%{")


class _Kind(Enum):
    """What a block of lines may be read as."""

    PROSE = auto()
    TABLE = auto()
    HTML = auto()


def tamed(markdown: str) -> str:
    """Markdown of which nothing is left but text, code, tables, lists and what folds.

    A fence counts only at the beginning of a line, and has an empty line before it, so that no list and no HTML block
    around it ends it elsewhere than is thought here; one that is open at the end is closed. Taming what is tame
    changes nothing.
    """
    lines: list[str] = []
    fence, language, is_after_empty = "", "", True
    given = _harmless_lines(markdown)
    for line, kind in zip(given, _kinds(given), strict=True):
        if fence:
            if _closes(line, fence):
                fence = ""
                lines.append(line)
            elif not (language == "mermaid" and _commands(line)):
                lines.append(line)
            continue
        opening = _FENCE.match(line)
        if opening is not None:
            fence, language = opening[1], opening[2].lower()
            lines += [line] if is_after_empty else ["", line]
        else:
            lines.append(_tamed_line(line, kind))
        is_after_empty = not line.strip()
    if fence:
        lines.append(fence)
    return "\n".join(lines)


def _apart(text: str) -> str:
    """The text with the space without width in what would be a mention, a reference or a link."""
    return _MEETS.sub(lambda found: found[0] + APART if found[0] != "://" else f":{APART}//", text)


def cut(markdown: str, most: int, end: str) -> str:
    """The first whole lines that fit into `most` characters with `end` behind them; what is open there is closed."""
    if len(markdown) <= most:
        return markdown
    kept = markdown[: max(0, most - len(end) - 200)].rpartition("\n")[0]
    fence, folded = "", 0
    for line in kept.split("\n"):
        if fence:
            fence = "" if _closes(line, fence) else fence
            continue
        opening = _FENCE.match(line)
        fence = opening[1] if opening is not None else ""
        folded += line.count("<details") - line.count("</details>")
    closed = [kept, *([fence] if fence else []), *["", "</details>"] * max(0, min(folded, 12)), "", end]
    return "\n".join(closed)


def _harmless_lines(text: str) -> list[str]:
    """The lines, without characters that move a cursor or turn the direction of what follows."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return [APART.join(harmless(part) for part in line.split(APART)).replace("\t", "    ") for line in lines]


def _kinds(lines: list[str]) -> list[_Kind]:
    """For each line what its block may be read as: by a line such as `| --- | --- |`, or one that begins with a tag."""
    found: list[_Kind] = []
    for is_block, group in groupby(lines, key=lambda line: bool(line.strip())):
        block = list(group)
        kind = _Kind.PROSE
        if is_block and any(_HTML.match(line) for line in block):
            kind = _Kind.HTML
        elif is_block and any(_DELIMITERS.fullmatch(line) and "-" in line for line in block):
            kind = _Kind.TABLE
        found += [kind] * len(block)
    return found


def _closes(line: str, fence: str) -> bool:
    """Whether the line ends what the fence began; three spaces may stand before it."""
    bare = line.lstrip(" ").rstrip(" \t")
    return bare.startswith(fence) and not bare.strip(fence[0]) and not line.startswith("    ")


def _commands(line: str) -> bool:
    return line.strip().lower().startswith(_MERMAID_COMMANDS)


def _tamed_line(line: str, kind: _Kind) -> str:
    """One line outside of fences: code spans as they are, everything else as text. A span ends with the cell, and HTML
    has none."""
    pieces, at = [], 0
    while at < len(line):
        if line[at] == "\\" and line[at + 1 : at + 2] in _PUNCTUATION:
            is_named = line[at + 1] in _MARKS
            pieces.append(f"&#{ord(line[at + 1])};" if is_named else "")
            at += 2 if is_named else 1
            continue
        if line[at] == "`":
            ticks = _ticks_at(line, at)
            end = _closing(line, at + len(ticks), ticks)
            span = line[at : end + len(ticks)] if end >= 0 else ""
            ends_early = kind is _Kind.TABLE and "|" in span.replace("\\|", "")
            if span and kind is not _Kind.HTML and not ends_early:
                pieces.append(span)
                at = end + len(ticks)
            else:
                pieces.append("&#96;" * len(ticks))
                at += len(ticks)
            continue
        until = min((found for found in (line.find("`", at), line.find("\\", at)) if found >= 0), default=len(line))
        until = max(until, at + 1)
        pieces.append(_prose(line[at:until]))
        at = until
    return "".join(pieces)


def _ticks_at(line: str, at: int) -> str:
    found = _TICKS.match(line, at)
    assert found is not None
    return found[0]


def _closing(line: str, at: int, ticks: str) -> int:
    """Where the run of backticks stands that ends a span; -1 where none does."""
    return next((found.start() for found in _TICKS.finditer(line, at) if found[0] == ticks), -1)


def _prose(text: str) -> str:
    parts = re.split(r"(<[^<>]*>)", text)
    return _apart("".join(part if part in _TAGS else _text(part) for part in parts))


def _text(part: str) -> str:
    read = _ENTITY.sub(_read, part)
    pieces = _ENTITY.split(read)
    bare = [piece.replace("&", "&amp;").replace("<", "&lt;") for piece in pieces[::2]]
    kept = [f"&{name};" if f"&{name};" in _KEPT else f"&amp;{name};" for name in pieces[1::2]]
    return "".join(piece for pair in zip_longest(bare, kept, fillvalue="") for piece in pair)


def _read(found: re.Match[str]) -> str:
    """The character of an entity that is one; `&nothing;` is none, though it begins as `&not` does."""
    is_one = found[0] not in _KEPT and (found[1].startswith("#") or f"{found[1]};" in html5)
    return harmless(unescape(found[0])) if is_one else found[0]
