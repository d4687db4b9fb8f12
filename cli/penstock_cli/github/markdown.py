"""Markdown under which others' text stays text: no mention, no link, no picture, no HTML, no end of what is around it.

Facts: GitHub Flavored Markdown 0.29, "Code spans", "Fenced code blocks", "HTML blocks"; GitHub finds mentions and
references in the text that is left when entities are decoded, so that only another character within helps.
"""

from __future__ import annotations

import re
import string
from enum import Enum, auto
from itertools import groupby

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
    "<code>",
    "</code>",
)
_FENCE = re.compile(r"(`{3,}|~{3,})[ \t]*([A-Za-z0-9_+-]*)[ \t]*$")
_MEETS = re.compile(
    rf"@(?!{APART})|(?<!&)#(?=\d)|(?<=[A-Za-z])://|[Ww][Ww][Ww](?=\.)|[Gg][Hh](?=-\d)|\](?=[\[(:])|!(?=\[)"
)
_DELIMITERS = re.compile(r"[-|:>*+.\d \t]*")
_MARKS = "\\`*_{}[]()<>|~&\"'"
_ENTITY = re.compile(rf"&(?!(?:lt|gt|amp|quot|#(?:{'|'.join(str(ord(mark)) for mark in _MARKS)}));)")
"""What begins an entity that may be one of another character: one that makes a mention."""
_PUNCTUATION = tuple(string.punctuation)
_HTML = re.compile(r"[>*+.\d \t-]*<")
_TICKS = re.compile(r"`+")
_MERMAID_COMMANDS = ("click", "href", "callback", "%%{")


class _Kind(Enum):
    """What a block of lines may be read as."""

    PROSE = auto()
    TABLE = auto()
    HTML = auto()


def plain(text: str) -> str:
    """A text as prose in one line: each character is what it is."""
    line = harmless(" ".join(text.split()))
    marked = "".join(f"&#{ord(each)};" if each in _MARKS else each for each in line)
    return _apart(marked)


def code(text: str, *, in_table: bool = False) -> str:
    """A text as a code span in one line; its fence is longer than any within."""
    line = harmless(" ".join(text.split()))
    if in_table:
        line = line.replace("\\|", "\\ |").replace("|", "\\|")
    if not line:
        return ""
    longest = max((len(found) for found in _TICKS.findall(line)), default=0)
    fence = "`" * (longest + 1)
    room = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{room}{line}{room}{fence}"


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
    told = "".join(part if part in _TAGS else _ENTITY.sub("&amp;", part.replace("<", "&lt;")) for part in parts)
    return _apart(told)
