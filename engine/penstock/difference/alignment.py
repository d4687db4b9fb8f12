"""Which items of two sequences are the same ones, so that as few as possible have come, gone or moved."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Iterator, Sequence
from difflib import SequenceMatcher


def aligned(old: Sequence[Hashable], new: Sequence[Hashable]) -> Iterator[tuple[int | None, int | None]]:
    """Pairs of places, in order: of items that are equal, then, between two of those, of what stands for what. None
    is the place of an item that has no counterpart."""
    for tag, old_from, old_to, new_from, new_to in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        size = max(old_to - old_from, new_to - new_from)
        for at in range(size):
            before = old_from + at if old_from + at < old_to else None
            after = new_from + at if new_from + at < new_to else None
            if tag != "equal":
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
