"""Globs over paths: `*`, `?`, `[a-z]`, `{a,b}`, and `**` over any number of folders."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from penstock.errors import UserError

Matches = Callable[[str], bool]

_SPECIAL = frozenset("*?[{")


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
        elif rest[0] == "[" and "]" in rest[2:]:
            end = rest.index("]", 2)
            inner = rest[1:end].replace("\\", "\\\\").replace("[", "\\[")
            parts.append(f"[^/{inner[1:]}]" if inner[0] in "!^" else f"[{inner}]")
            rest = rest[end + 1 :]
        else:
            part, braces = _character(rest[0], braces)
            parts.append(part or re2.escape(rest[0]))
            rest = rest[1:]
    if braces:
        raise UserError(f"a brace is not closed in `{pattern}`")
    return "".join(parts)


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
