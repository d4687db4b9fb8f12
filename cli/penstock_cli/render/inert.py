"""Text of others, made harmless: to a terminal, to a workflow that prints it, and to a page of Markdown."""

from __future__ import annotations

import re

_GAP = "\u200b"
"""Of no width: it keeps two characters from meaning something together, and nobody sees it."""
_COMMAND = re.compile(r"^(\s*):(?=:)")
_PUNCTUATION = re.compile(r"[\\`*_{}\[\]#|~>$]")
_MENTION = re.compile(r"@|#(?=\w)|(?<=[A-Za-z])-(?=\d)")
_ADDRESS = re.compile(r"(?<=:)(?=//)|(?<=[Ww][Ww][Ww])(?=\.)|(?<=mailto:)|(?<=xmpp:)")


def safe(text: str) -> str:
    """Control characters shown instead of obeyed, and nothing that commands a GitHub workflow which prints it: `::` at
    the beginning of a line, `##[` anywhere (actions/runner, ActionCommand.cs)."""
    if not text.isprintable():
        text = "".join(each if each.isprintable() or each == "\t" else f"\\x{ord(each):02x}" for each in text)
    return _COMMAND.sub(rf"\1:{_GAP}", text).replace("##[", f"#{_GAP}#[")


def prose(text: str) -> str:
    """Words for a page: no markup, no HTML, no mention, no link. What stands between backticks becomes code."""
    pieces = safe(text).replace("\t", " ").split("`")
    if len(pieces) % 2 == 0:
        pieces[-2:] = ["'".join(pieces[-2:])]
    return "".join(code(piece) if at % 2 else _escaped(piece) for at, piece in enumerate(pieces))


def code(text: str) -> str:
    """A piece of code on a line of a page; whatever is in it stays code."""
    text = safe(text).replace("\t", " ")
    if not text.strip():
        return ""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * (longest + 1)
    padded = f" {text} " if longest else text
    return f"{fence}{padded}{fence}"


def fenced(lines: list[str], language: str) -> str:
    """A block of code that none of its lines can end."""
    longest = max((len(run) for line in lines for run in re.findall(r"`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([f"{fence}{language}", *map(safe, lines), fence])


def _escaped(text: str) -> str:
    text = _ADDRESS.sub(_GAP, text)
    text = _MENTION.sub(lambda match: match[0] + _GAP, text)
    text = text.replace("&", "&amp;").replace("<", "&lt;")
    return _PUNCTUATION.sub(lambda match: "\\" + match[0], text)
