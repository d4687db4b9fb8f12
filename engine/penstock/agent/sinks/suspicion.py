"""Finds the result that a remote refuses among many that it would take, so that one never keeps the others back.

A push is refused as a whole (a secret found in it, a file too large), and its words seldom say which result was to
blame. So it is tried with fewer, down to one; that one is held back while another is tried. When the other arrives and
the suspect is refused again, the suspect is to blame; when nothing arrives, the branch is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

NARROWER = 4
"""After a refusal a quarter is tried, after an arrival four times as many."""

MOST_ALONE = 3
"""When so many results in a row are refused that were pushed alone, the branch refuses everything."""

MOST_SUSPECTS = 100


class Blame(StrEnum):
    UNKNOWN = "unknown"  # try again, with what is chosen next
    RESULT = "result"  # that one, and not the others
    BRANCH = "branch"  # nothing is taken at the moment


@dataclass(slots=True)
class Suspicion:
    """`most` results are chosen at once as long as nobody is suspected."""

    most: int
    _width: int = field(init=False)
    _suspects: dict[str, None] = field(default_factory=dict)
    _is_trial: bool = False
    _alone: int = 0
    _has_others: bool = False

    def __post_init__(self) -> None:
        self._width = self.most

    def choose(self, waiting: Sequence[str]) -> list[str]:
        """What is to be pushed next, of what waits."""
        there = set(waiting)
        self._suspects = {id_: None for id_ in self._suspects if id_ in there}
        self._has_others = len(waiting) > 1
        clean = [id_ for id_ in waiting if id_ not in self._suspects]
        if self._suspects and (self._is_trial or not clean):
            return [next(iter(self._suspects))]
        return clean[: self._width]

    def arrived(self, pushed: Iterable[str]) -> None:
        self._alone = 0
        self._width = min(self.most, self._width * NARROWER)
        if not self._suspects.keys().isdisjoint(pushed):
            self._suspects.clear()  # it was refused with the branch, so the others may have been as well
        self._is_trial = bool(self._suspects)

    def refused(self, pushed: Sequence[str]) -> Blame:
        if len(pushed) > 1:
            self._width = max(1, min(self._width, len(pushed)) // NARROWER)
            return Blame.UNKNOWN
        [only] = pushed
        was_suspect = only in self._suspects
        self._suspects.pop(only, None)
        if was_suspect and self._is_trial:
            self._alone = 0
            return Blame.RESULT
        if len(self._suspects) < MOST_SUSPECTS:
            self._suspects[only] = None
        self._is_trial = False
        self._alone += 1
        if self._has_others and self._alone < MOST_ALONE:
            return Blame.UNKNOWN
        self._alone = 0
        return Blame.BRANCH
