"""What one file came to: everything found in it, what it says to others, and the comments that ask for silence.

A verdict depends on the bytes of the file and on how files are judged, and on nothing else: neither on its path, nor
on its neighbours, nor on the time. So it can be kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from penstock.diagnostic import Diagnostic, Range
from penstock.flow.reading.comments import Comment
from penstock.validation.facts import Facts
from penstock.validation.schedule_facts import ScheduleFacts
from penstock.validation.veil import SECRET


@dataclass(frozen=True, slots=True)
class Verdict:
    """`found` names no file (see `at`). `facts` is None where the file names no flow."""

    is_flow: bool
    found: tuple[Diagnostic, ...]
    facts: Facts | None
    comments: tuple[Comment, ...] = ()
    schedules: tuple[ScheduleFacts, ...] = ()

    def at(self, file: str) -> list[Diagnostic]:
        """The findings, as those of a file that is shown so."""
        return [replace(one, file=file) for one in self.found]

    def scheduled(self, file: str) -> list[ScheduleFacts]:
        """The schedules, as those of that file."""
        return [replace(one, file=file) for one in self.schedules]

    @property
    def secrets(self) -> list[Range]:
        """Where secrets stand in clear: what is shown of the file leaves them out."""
        return [one.range for one in self.found if one.code == SECRET]
