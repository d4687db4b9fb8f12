"""What git tells its hooks on standard input: which refs a push moves, from where to where."""

from __future__ import annotations

import os
from dataclasses import dataclass

from penstock.errors import UserError

_NOTHING = frozenset("0")


@dataclass(frozen=True, slots=True)
class Update:
    """One line of what git tells its hook: a ref, and the objects it leaves and comes to."""

    old: str
    new: str
    ref: str

    @property
    def is_deletion(self) -> bool:
        return set(self.new) == _NOTHING


def updates_of(branch: str, told: bytes) -> list[Update]:
    """The lines that are about a branch. Raises UserError where one is none."""
    found = []
    for line in told.splitlines():
        words = line.split(b" ", 2)
        if len(words) != 3:
            raise UserError("this is no update of a ref", help="git calls this, with `old new ref` lines")
        found.append(Update(words[0].decode("ascii", "replace"), words[1].decode("ascii", "replace"),
                            os.fsdecode(words[2])))  # fmt: skip
    return [one for one in found if one.ref == f"refs/heads/{branch}"]
