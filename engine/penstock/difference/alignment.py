"""Which items of two sequences are the same ones, so that as few as possible have come, gone or moved."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Iterator, Sequence
from difflib import SequenceMatcher

_MOST_COMPARED = 2_000_000
"""Pairs of items. Beyond it what lies between the equal beginning and the equal end counts as replaced: a reviewer of
so much reads it anew, and a hostile file must not take minutes."""

Span = tuple[str, int, int, int, int]


def spans(old: Sequence[Hashable], new: Sequence[Hashable]) -> list[Span]:
    """What of `old` became what of `new`, as difflib's opcodes tell it: tag, and both spans."""
    start = _shared(old, new)
    end = _shared(old[start:][::-1], new[start:][::-1])
    inner_old, inner_new = old[start : len(old) - end], new[start : len(new) - end]
    found: list[Span] = [("equal", 0, start, 0, start)] if start else []
    if len(inner_old) * len(inner_new) > _MOST_COMPARED:
        found.append(("replace", start, len(old) - end, start, len(new) - end))
    else:
        matcher = SequenceMatcher(None, inner_old, inner_new, autojunk=False)
        found += [(tag, a + start, b + start, c + start, d + start) for tag, a, b, c, d in matcher.get_opcodes()]
    if end:
        found.append(("equal", len(old) - end, len(old), len(new) - end, len(new)))
    return found


def _shared(one: Sequence[Hashable], other: Sequence[Hashable]) -> int:
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def aligned(old: Sequence[Hashable], new: Sequence[Hashable]) -> Iterator[tuple[int | None, int | None]]:
    """Pairs of places of what differs, in order: what stands for what. None is the place of an item without another."""
    for tag, old_from, old_to, new_from, new_to in spans(old, new):
        for at in range(max(old_to - old_from, new_to - new_from) if tag != "equal" else 0):
            before = old_from + at if old_from + at < old_to else None
            after = new_from + at if new_from + at < new_to else None
            yield before, after


def staying(old: Sequence[Hashable], new: Sequence[Hashable]) -> set[Hashable]:
    """Of items that are in both, each once, a largest set that is in the same order in both."""
    place = {item: at for at, item in enumerate(old)}
    ends: list[int] = []
    chain: list[int] = []
    before: dict[int, int | None] = {}
    for item in new:
        at = place[item]
        length = bisect_left(ends, at)
        before[at] = chain[length - 1] if length else None
        if length == len(ends):
            ends.append(at)
            chain.append(at)
        else:
            ends[length] = chain[length] = at
    found: set[Hashable] = set()
    current: int | None = chain[-1] if chain else None
    while current is not None:
        found.add(old[current])
        current = before[current]
    return found
