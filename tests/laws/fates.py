"""What befalls a flow, decided before it runs: how long each attempt takes and how it ends, what every expression
renders to, when people speak. The core and the reference meet the same fates, so they must come to the same outcome.

Every length is drawn to the microsecond, so that no two things happen at one moment unless one brings about the other.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta

from flows_strategy import Dice, chance, one_of

Place = tuple[str, ...]
"""The loop values around a task run, outermost first."""

Key = tuple[str, Place]
"""Which task run: its task and its place."""

WHOLE: Key = ("", ())
"""The execution itself, where a task run may stand."""


@dataclass(frozen=True)
class Attempted:
    """One attempt, if nobody stops it: how long it takes, how it ends, what it puts out. `obeys` is how long it takes
    to stop when it is told to."""

    takes: timedelta
    state: str
    outputs: dict[str, object]
    obeys: timedelta


@dataclass(frozen=True)
class Answered:
    """What an expression renders to, after a while; None: it cannot be rendered."""

    takes: timedelta
    text: str | None


@dataclass
class Fates:
    """Drawn from a seed, for one execution: those that it calls, and the one that tries it again, have fates `below`.

    `draws` is the chance that random retries have, by task run, how often it was created, and attempts made: the core
    draws it from ids that it makes up itself. What it never came to has none, and does not matter. `depth` counts the
    executions above.
    """

    seed: str
    draws: dict[tuple[Key, int, int], float] = field(default_factory=dict)
    kill: timedelta | None = None
    held: tuple[timedelta, timedelta] | None = None
    depth: int = 0
    known: dict[str, Fates] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, seed: str, depth: int = 0) -> Fates:
        """With people who kill or hold the execution at times, those that others have called more rarely."""
        dice = Dice(f"{seed}/people")
        often = 8 if depth else 25
        kill = length(dice, 200) if chance(dice, often) else None
        if not chance(dice, often):
            return cls(seed, kill=kill, depth=depth)
        begin = length(dice, 60)
        return cls(seed, kill=kill, held=(begin, begin + length(dice, 120)), depth=depth)

    def below(self, name: str, deeper: int = 1) -> Fates:
        """Those of the execution that is called so from here, the same each time."""
        if name not in self.known:
            self.known[name] = Fates.of(f"{self.seed}/{name}", self.depth + deeper)
        return self.known[name]

    def dice(self, *about: object) -> Dice:
        return Dice(f"{self.seed}/{about}")

    def attempt(self, key: Key, number: int) -> Attempted:
        dice = self.dice(key, "attempt", number)
        state = one_of(dice, ("SUCCESS", "SUCCESS", "SUCCESS", "FAILED", "WARNING"))
        outputs: dict[str, object] = {"value": f"{key[0]} {number}"}
        return Attempted(length(dice, 40), state, outputs, length(dice, 5))

    def answer(self, key: Key, name: str, created: int = 1, asked: int = 1) -> Answered:
        """The answer to the task run that was `created` so often, when it asks that for so many times."""
        dice = self.dice(key, "answer", name, created, asked)
        takes = length(dice, 2)
        return Answered(takes, None if chance(dice, 5) else self._text(dice, name))

    def _text(self, dice: Dice, name: str) -> str:
        match name:
            case "runIf" | "condition":
                return one_of(dice, ("true", "true", "yes", "false", "0", "-0", ""))
            case "timeout":
                return one_of(dice, ("PT5S", "PT1M", "soon"))
            case "delay" | "pauseDuration":
                return f"PT{1 + dice.randrange(100)}S"
            case "failOnMaxReached" | "autoApprove":
                return one_of(dice, ("false", "true"))
            case "checkFrequency":
                bounds = {"maxIterations": 1 + dice.randrange(3), "maxDuration": "PT2M"}
                return json.dumps({**bounds, "interval": f"PT{dice.randrange(9)}S"})
            case "case":
                return one_of(dice, ("a", "b", "neither"))
            case "batches":
                return str(dice.randrange(4))
            case "values" | "value":
                return json.dumps([f"v{n}" for n in range(one_of(dice, (2, 3, 1, 0, 4)))])
            case _:
                return f"of {name}"

    @property
    def search(self) -> timedelta:
        """How long it takes to find that there is no such flow."""
        return length(self.dice("search"), 2)

    def patience(self, key: Key) -> timedelta:
        """How long a person lets a Pause wait for an answer."""
        return length(self.dice(key, "person"), 120)

    def decision(self, key: Key) -> str:
        """What the person says to an Approval; nothing is a yes."""
        return one_of(self.dice(key, "decision"), ("APPROVED", "DENIED", ""))

    def breaks(self, key: Key) -> bool:
        """Whether what the flow asserts is false once that task run is over."""
        return chance(self.dice(key, "breaks"), 8)


def length(dice: Dice, most_seconds: int) -> timedelta:
    return timedelta(microseconds=1 + dice.randrange(most_seconds * 1_000_000))
