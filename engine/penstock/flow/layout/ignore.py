"""Ignore files: the patterns of `.penstockignore` and `.kestraignore`, which are those of gitignore."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple


class Pattern(NamedTuple):
    """One line. `keeps` is set by a leading `!`; `only_folders` by a trailing `/`."""

    regex: re.Pattern[str]
    keeps: bool = False
    only_folders: bool = False


def read_patterns(text: str) -> tuple[Pattern, ...]:
    """The patterns of an ignore file, in order; comments and empty lines left out."""
    lines = (line.rstrip() for line in text.splitlines())
    return tuple(_pattern(line) for line in lines if line and not line.startswith("#") and line.strip("!/"))


def is_ignored(path: str, patterns: Iterable[Pattern]) -> bool:
    """Whether a path (POSIX, relative to the ignore file's folder) is left out, by itself or with a folder above it."""
    parts = path.split("/")
    for length in range(1, len(parts) + 1):
        part, is_folder = "/".join(parts[:length]), length < len(parts)
        ignored = False
        for pattern in patterns:
            if (is_folder or not pattern.only_folders) and pattern.regex.fullmatch(part):
                ignored = not pattern.keeps
        if ignored:
            return True
    return False


def _pattern(line: str) -> Pattern:
    keeps = line.startswith("!")
    body = line[1:] if keeps else line
    only_folders = body.endswith("/")
    return Pattern(glob_regex(body.rstrip("/")), keeps, only_folders)


def glob_regex(glob: str) -> re.Pattern[str]:
    """A gitignore glob as a regular expression for a whole path: one without `/` fits at any depth."""
    anchored = "/" in glob
    text = glob.lstrip("/")
    out = "" if anchored else "(?:.*/)?"
    at = 0
    while at < len(text):
        if text.startswith("**/", at):
            out, at = out + "(?:.*/)?", at + 3
        elif text.startswith("**", at):
            out, at = out + ".*", at + 2
        elif text[at] == "*":
            out, at = out + "[^/]*", at + 1
        elif text[at] == "?":
            out, at = out + "[^/]", at + 1
        elif text[at] == "[" and "]" in text[at + 2 :]:
            end = text.index("]", at + 2)
            inner = text[at + 1 : end].replace("\\", "\\\\").replace("[", "\\[")
            out, at = f"{out}[{'^' + inner[1:] if inner[0] == '!' else inner}]", end + 1
        else:
            out, at = out + re.escape(text[at]), at + 1
    try:
        return re.compile(out)
    except re.error:
        return re.compile(re.escape(text))
