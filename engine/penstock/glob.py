"""Globs over paths: `*`, `?`, `[a-z]`, `{a,b}`, and `**` over any number of folders."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from penstock.errors import UserError

Matches = Callable[[str], bool]

_SPECIAL = frozenset("*?[{")
_RANGE = re.compile(r"(?s)(.)-(.)|(.)")
_NOTHING = r"[^\x{0}-\x{10ffff}]"


def literal_folder(pattern: str) -> str:
    """The folder that all matches of a glob lie below, or the path itself where it holds nothing special."""
    path = pattern.removeprefix("./")
    kept: list[str] = []
    for part in path.split("/"):
        if _SPECIAL & set(part):
            break
        kept.append(part)
    return "/".join(kept)


def matcher(patterns: Iterable[str]) -> Matches:
    """Whether a path matches one of the globs: `*`, `?`, `[a-z]`, `{a,b}`, and `**` over any number of folders."""
    import re2  # a glob is a regular expression of the user's: it must not be able to run away

    expression = "|".join(f"(?:{_expression(pattern)})" for pattern in patterns)
    if not expression:
        return lambda _: False
    options = re2.Options()
    options.log_errors = False
    try:
        compiled = re2.compile(f"(?s)^(?:{expression})$", options)
    except re2.error as error:
        raise UserError(f"one of the globs is malformed: {error}") from error
    # A name that is not UTF-8 is matched with `?` in place of what cannot be read.
    return lambda path: compiled.match(path.encode("utf-8", "replace").decode()) is not None


def _expression(pattern: str) -> str:
    import re2

    if pattern.startswith("/") or "\0" in pattern or ".." in pattern.split("/") or not pattern:
        raise UserError(f"`{pattern}` leads out of the working directory", help="use a relative glob without `..`")
    parts: list[str] = []
    rest = pattern.removeprefix("./")
    braces = 0
    while rest:
        if rest.startswith("**/"):
            parts.append("(?:.*/)?")
            rest = rest[3:]
        elif rest.startswith("**"):
            parts.append(".*")
            rest = rest[2:]
        elif rest[0] == "[" and (end := rest.find("]", 3 if rest.startswith(("[!", "[^")) else 2)) > 0:
            parts.append(_set(rest[1:end]))
            rest = rest[end + 1 :]
        else:
            part, braces = _character(rest[0], braces)
            parts.append(part or re2.escape(rest[0]))
            rest = rest[1:]
    if braces:
        raise UserError(f"a brace is not closed in `{pattern}`")
    return "".join(parts)


def _set(text: str) -> str:
    """One of the characters that stand between brackets, or none of them; a slash it never is."""
    import re2

    is_negated = text[0] in "!^"
    parts = ["/"] if is_negated else []
    for first, last, single in _RANGE.findall(text[is_negated:]):
        low, high = first or single, last or single
        # A range that a slash lies in is taken in two, around it.
        halves = [(start, end) for start, end in ((low, "."), ("0", high)) if start <= end]
        ranges = halves if low <= "/" <= high else [(low, high)]
        parts += [f"{re2.escape(start)}-{re2.escape(end)}" for start, end in ranges]
    return f"[{'^' if is_negated else ''}{''.join(parts)}]" if parts else _NOTHING


def _character(character: str, braces: int) -> tuple[str, int]:
    """What one character stands for (empty: for itself), and how many braces are open behind it."""
    match character:
        case "*":
            return "[^/]*", braces
        case "?":
            return "[^/]", braces
        case "{":
            return "(?:", braces + 1
        case "}" if braces:
            return ")", braces - 1
        case "," if braces:
            return "|", braces
        case _:
            return "", braces
