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


@dataclass(frozen=True)
class Attempted:
    """One attempt, if nobody stops it: how long it takes, how it ends, what it puts out. `obeys` is how long it takes
    to stop when it is told to."""

    takes: timedelta
    state: str
    outputs: dict[str, str]
    obeys: timedelta


@dataclass(frozen=True)
class Answered:
    """What an expression renders to, after a while; None: it cannot be rendered."""

    takes: timedelta
    text: str | None


@dataclass
class Fates:
    """Drawn from a seed.

    `draws` is the chance that random retries have, by task run, how often it was created, and attempts made: the core
    draws it from ids that it makes up itself. What it never came to has none, and does not matter.
    """

    seed: str
    draws: dict[tuple[Key, int, int], float] = field(default_factory=dict)
    kill: timedelta | None = None
    held: tuple[timedelta, timedelta] | None = None

    @classmethod
    def of(cls, seed: str) -> Fates:
        """With people who kill or hold the execution at times."""
        dice = Dice(f"{seed}/people")
        kill = length(dice, 200) if chance(dice, 25) else None
        if not chance(dice, 25):
            return cls(seed, kill=kill)
        begin = length(dice, 60)
        return cls(seed, kill=kill, held=(begin, begin + length(dice, 120)))

    def dice(self, *about: object) -> Dice:
        return Dice(f"{self.seed}/{about}")

    def attempt(self, key: Key, number: int) -> Attempted:
        dice = self.dice(key, "attempt", number)
        state = one_of(dice, ("SUCCESS", "SUCCESS", "SUCCESS", "FAILED", "WARNING"))
        return Attempted(length(dice, 40), state, {"value": f"{key[0]} {number}"}, length(dice, 5))

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
            case "failOnMaxReached":
                return one_of(dice, ("false", "true"))
            case "checkFrequency":
                bounds = {"maxIterations": 1 + dice.randrange(3), "maxDuration": "PT2M"}
                return json.dumps({**bounds, "interval": f"PT{dice.randrange(9)}S"})
            case "case":
                return one_of(dice, ("a", "b", "neither"))
            case "values" | "value":
                return json.dumps([f"v{n}" for n in range(one_of(dice, (2, 3, 1, 0, 4)))])
            case _:
                return f"of {name}"

    def patience(self, key: Key) -> timedelta:
        """How long a person lets a Pause wait for an answer."""
        return length(self.dice(key, "person"), 120)


def length(dice: Dice, most_seconds: int) -> timedelta:
    return timedelta(microseconds=1 + dice.randrange(most_seconds * 1_000_000))
