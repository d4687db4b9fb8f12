"""What libyaml complains of, in words that help whoever wrote the file."""

from __future__ import annotations

import re
from typing import Any

from penstock.compose import MAX_DEPTH

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")

# What libyaml says → what we say, and what to do about it.
_PROBLEMS: tuple[tuple[str, str, str | None], ...] = (
    ("mapping values are not allowed in this context", "a `:` stands where no key can be",
     "put text that holds `: ` in quotes, or check the indentation"),
    ("found character that cannot start any token", "this character cannot begin a value", "put the text in quotes"),
    ("found a tab character", "a tab stands in the indentation", "indent with spaces"),
    ("could not find expected ':'", "a key without its `:`", "write `key: value`, or check the indentation"),
    ("did not find expected key", "neither a key nor the end of this block: the indentation does not fit",
     "align the keys of one mapping in the same column, and put text that begins with a quote or a brace in quotes"),
    ("did not find expected '-' indicator", "the list goes on without a `-`", "align the items of one list"),
    ("did not find expected ',' or ']'", "the list in brackets is not closed", "add the missing `,` or `]`"),
    ("did not find expected ',' or '}'", "the mapping in braces is not closed",
     'add the missing `,` or `}`; an expression needs quotes: "{{ … }}"'),
    ("did not find expected <document start>", "something stands after the end of the document", None),
    ("did not find expected node content", "a value is missing here", None),
    ("found unexpected end of stream", "the text ends before its closing quote", "close the quote"),
    ("found unexpected document indicator", "the document ends within a quoted text", "close the quote"),
    ("found unknown escape character", "this escape is unknown in double quotes",
     "write `\\\\` for a backslash, or use single quotes"),
    ("block sequence entries are not allowed", "a list cannot begin here", "begin it on a line of its own"),
    ("found undefined tag handle", "the tag is not allowed in a flow", "put text that begins with `!` in quotes"),
    ("found a tab", "a tab stands in the indentation", "indent with spaces"),
    ("did not find expected hexdecimal number", "this escape wants hexadecimal digits", None),
    ("while scanning", "this cannot be read as YAML", None),
)  # fmt: skip


def is_of_libyaml_alone(error: Exception) -> bool:
    """Text in a block scalar that begins with a tab behind its indentation: SnakeYAML reads it, as YAML says."""
    return "a tab character where an indentation space" in str(getattr(error, "problem", ""))


def complain(error: Exception, text: str) -> tuple[str, str, int, int, str | None, str]:
    """Code, message, start and end offset, help and label for an error of the YAML reader."""
    from yaml import MarkedYAMLError
    from yaml.reader import ReaderError

    if isinstance(error, UnicodeError | ReaderError):
        return _unreadable(text)
    if not isinstance(error, MarkedYAMLError):
        return "PEN104", "this cannot be read as YAML", 0, 1, None, ""
    mark: Any = error.problem_mark or error.context_mark
    at = min(mark.index, len(text)) if mark is not None else 0
    said = f"{error.problem or ''}"
    if at < len(text) and text[at] == "\t":
        return "PEN103", "a tab stands where only spaces may", at, at + 1, "indent with spaces", ""
    tab = _tab_in_indentation(text, at)
    if tab is not None:
        return "PEN103", "a tab stands in the indentation", tab, tab + 1, "indent with spaces", ""
    if "maximum nesting depth" in said:  # libyaml 0.2.6 and later, at its own bound: it reads ahead of us
        return "PEN107", f"nested more than {MAX_DEPTH} levels deep", at, at + 1, None, ""
    label = ""
    if error.context_mark is not None and error.context and error.context_mark.index != at:
        line = text.count("\n", 0, error.context_mark.index) + 1
        label = f"{error.context.removeprefix('while ')} from line {line}"
    if "cannot start any token" in said and at < len(text):
        return "PEN104", f"a value cannot begin with `{text[at]}`", at, at + 1, "put the text in quotes", label
    if at >= len(text) and text:
        at = len(text.rstrip()) or len(text)
    for known, message, hint in _PROBLEMS:
        if known in said:
            return "PEN104", message, at, at + 1, hint, label
    return "PEN104", f"this cannot be read as YAML: {said or 'unknown reason'}", at, at + 1, None, label


def _tab_in_indentation(text: str, at: int) -> int | None:
    """The tab that indents the line of `at`, if one does."""
    start = max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) + 1
    match = re.compile(r"[ ]*\t").match(text, start)
    return match.end() - 1 if match is not None and match.end() - 1 <= at else None


def _unreadable(text: str) -> tuple[str, str, int, int, str | None, str]:
    match = _CONTROL.search(text)
    if match is None:
        return "PEN101", "the file holds a character that YAML does not allow", 0, 1, None, ""
    at, code = match.start(), ord(match[0])
    if code == 0 and text.count("\0") * 3 > len(text):
        return "PEN101", "the file looks like UTF-16 without its mark", 0, 1, "save the file as UTF-8", ""
    if code == 0:
        return "PEN101", "the file holds a NUL character", at, at + 1, "is this a text file?", ""
    return "PEN101", f"the character U+{code:04X} is not allowed in YAML", at, at + 1, "remove it, or escape it", ""
