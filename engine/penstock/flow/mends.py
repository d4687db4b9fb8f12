"""The one right answer to a finding, as an edit of the text: only where what stands there is what was judged.

A value may have come from plugin defaults, an alias or a merge; then something else stands at its place, and no edit
is made of it.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from penstock.diagnostic import MAX_KNOWN, MAX_WORD, Edit, Range
from penstock.flow.reading.document import Document

_LENGTH = re.compile(
    r"(?:(\d+) *d(?:ays?)?)? *(?:(\d+) *h(?:ours?|rs?)?)? *"
    r"(?:(\d+) *m(?:in(?:ute)?s?)?)? *(?:(\d+) *s(?:ec(?:ond)?s?)?)?"
)
_SHORTEST = 3
"""A slip in a shorter word could be any other word."""


def replacing(document: Document, where: Range, old: str, new: str, *, safe: bool = True) -> Edit | None:
    """The edit that writes `new` for `old`, in quotes where it has some; None where something else stands there."""
    text = document.between(where)
    if text == old:
        return Edit(where, new, safe)
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" and text[1:-1] == old:
        return Edit(where, f"{text[0]}{new}{text[0]}", safe)
    return None


def quoted(document: Document, where: Range) -> Edit | None:
    """The edit that makes text of a plain number or word; None where it is more than that."""
    text = document.between(where)
    return Edit(where, f"'{text}'") if re.fullmatch(r"[A-Za-z0-9.+-]+", text) else None


def bare(document: Document, where: Range) -> Edit | None:
    """The edit that takes the quotes away from a number or a truth value; None where there are none."""
    text = document.between(where)
    return Edit(where, text[1:-1]) if re.fullmatch(r"'[a-z0-9.-]+'|\"[a-z0-9.-]+\"", text) else None


def iso_length(text: str) -> str | None:
    """What `30s`, `5 min` or `1h30m` is as a duration of ISO-8601; None for anything else."""
    match = _LENGTH.fullmatch(text.strip().lower())
    if match is None or not any(match.groups()):
        return None
    days, hours, minutes, seconds = match.groups()
    day = f"{days}D" if days else ""
    time = "".join(f"{number}{unit}" for number, unit in ((hours, "H"), (minutes, "M"), (seconds, "S")) if number)
    return f"P{day}" + (f"T{time}" if time else "")


def meant(word: str, known: Collection[str]) -> str | None:
    """The one known word that differs by its case, its dashes, or one slip of a finger; None where there are more."""
    if len(word) > MAX_WORD or len(known) > MAX_KNOWN:
        return None
    names = [name for name in dict.fromkeys(known) if name != word]
    flat = _flat(word)
    same = [name for name in names if _flat(name) == flat]
    if not same and len(word) >= _SHORTEST:
        same = [name for name in names if abs(len(name) - len(word)) < 2 and is_slip(word, name)]
    return same[0] if len(same) == 1 else None


def is_slip(one: str, other: str) -> bool:
    """Whether one letter too many, too few, another one, or two in the wrong order make the difference."""
    short, long = sorted((one, other), key=len)
    at = next((at for at, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    if len(short) == len(long):
        swapped = short[at : at + 2] == long[at : at + 2][::-1]
        return short[at + 1 :] == long[at + 1 :] or (swapped and short[at + 2 :] == long[at + 2 :])
    return len(long) - len(short) == 1 and short[at:] == long[at + 1 :]


def _flat(word: str) -> str:
    return word.casefold().replace("_", "").replace("-", "")
