"""Secrets within other text: in addresses, in the commands and programs of a script, in headers.

Found by what stands around them, in any text whatever it is part of.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from penstock.validation.secret_shapes import is_placeholder, looks_random, shapes_in

_HINTS = (
    "passw", "pwd", "passphrase", "secret", "token", "credential", "authoriz", "connection", "auth:", "dsn", "hash",
    "salt", "signature", "sas:", "key:", "key=", "key\"", "key'", "-key", "_key", "ikey", "--user", " -u ", "\n-u\n",
)  # fmt: skip
"""One of these stands, in small letters, in every text in which a name tells a secret."""
_IN_ADDRESS = r"(?i)(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{0,20}://[^\s/:@\"'{}$<>]*:([^\s/@\"'{}$<>]+)@"
_USUAL_EXAMPLES = frozenset({"password", "pass", "passwd", "pwd", "secret", "token", "xxx", "mypassword"})

_NAME = r"[\w.-]{0,80}(?:password|passwd|pwd|passphrase|secret|token|(?:api|access|private|auth)[_-]?key)"
_QUOTED = rf"""(?i)(?<![\w.-])({_NAME})(?:["']\s*[:=]|\s*:?=)\s*(?P<q>\\?["'])([^"'\s\\$<>{{}}()]{{4,}})(?P=q)"""
_BARE = rf"(?i)(?<![\w.-])({_NAME})=([^\s\"'$<>(){{}}|&;`,]{{6,}})"
_FLAG = rf"""(?i)\s--({_NAME})[= ]["']?([^\s"'$<>(){{}}|&;`-][^\s"'$<>(){{}}|&;`]{{5,}})"""
_USER = r"""\s(?:-u|--user)[ =]?["']?[^\s:"'${}-][^\s:"'${}]*:([^\s"'${}<>]{3,})"""
_HEADER = r"(?i)authorization[\"']?\s*[:=]\s*[\"']?(?:bearer|basic|token)\s+([\w.~+/=-]{8,})"
_STRONG = r"(?i)passw|passphrase|pwd$|secret$"

Found = tuple[int, int, str]
"""Start and end in the text, and the sentence."""


def secrets_in(text: str) -> Iterator[Found]:
    """All that can be told from the text alone; they may overlap."""
    for start, end, noun in shapes_in(text):
        yield start, end, f"{noun} stands here in clear"
    if "://" in text:
        yield from _in_addresses(text)
    if has_hint(text.lower()):
        yield from _in_assignments(text)


def may_hold_token(words: str) -> bool:
    """Whether there may be a secret, known by its form or from an address, in a text of these words."""
    return "PRIVATE" in words or ("://" in words and "@" in words) or next(shapes_in(words), None) is not None


def has_hint(folded: str) -> bool:
    """Whether any name in a text, given in small letters, may be that of a secret."""
    return any(hint in folded for hint in _HINTS)


def _in_addresses(text: str) -> Iterator[Found]:
    for match in re.finditer(_IN_ADDRESS, text):
        if not is_placeholder(match[1]) and match[1].lower() not in _USUAL_EXAMPLES:
            yield match.start(1), match.end(1), "the address holds a password in clear"


def _in_assignments(text: str) -> Iterator[Found]:
    """What a script, or any other text, sets a name of secrets to."""
    for match in re.finditer(_QUOTED, text):
        name, value = match[1], match[3]
        if not is_placeholder(value) and (re.search(_STRONG, name) or looks_random(value)):
            yield match.start(3), match.end(3), f"`{name}` is given a secret in clear"
    for pattern in (_BARE, _FLAG):
        for match in re.finditer(pattern, text):
            if not is_placeholder(match[2]) and looks_random(match[2]):
                yield match.start(2), match.end(2), f"`{match[1]}` is given a secret in clear"
    for match in re.finditer(_USER, text):
        if not is_placeholder(match[1]) and not match[1].isdigit() and match[1].lower() not in _USUAL_EXAMPLES:
            yield match.start(1), match.end(1), "a password stands in the command in clear"
    for match in re.finditer(_HEADER, text):
        if not is_placeholder(match[1]) and looks_random(match[1]):
            yield match.start(1), match.end(1), "an Authorization header holds a secret in clear"
