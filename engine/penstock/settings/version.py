"""Versions of Penstock and ranges of them, as `requires` in penstock.yaml writes them: PEP 440 without its rarities."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import zip_longest

_VERSION = re.compile(r"(?P<release>[0-9]+(?:\.[0-9]+)*)(?:(?P<stage>a|b|rc)(?P<n>[0-9]+))?(?:\.?dev(?P<dev>[0-9]+))?")
_TERM = re.compile(r"(?P<sign>~=|==|!=|<=|>=|<|>)\s*(?P<version>[^\s,]+)")
_STAGES = {"a": 1, "b": 2, "rc": 3, None: 4}


@dataclass(frozen=True, slots=True)
class Version:
    """A version: compared by `key`, in which 1.0.dev1 < 1.0a1 < 1.0rc1 < 1.0 = 1.0.0."""

    release: tuple[int, ...]
    stage: str | None = None
    number: int = 0
    dev: int | None = None

    @classmethod
    def parse(cls, text: str) -> Version:
        """Raises ValueError with a sentence."""
        match = _VERSION.fullmatch(text.strip())
        if match is None or len(text) > 60:
            raise ValueError(f"`{text[:60]}` is not a version such as 0.1.0")
        release = tuple(int(part) for part in match["release"].split("."))
        dev = int(match["dev"]) if match["dev"] else None
        return cls(release, match["stage"], int(match["n"] or 0), dev)

    @property
    def key(self) -> tuple[tuple[int, ...], int, int, float]:
        trimmed = self.release
        while len(trimmed) > 1 and trimmed[-1] == 0:
            trimmed = trimmed[:-1]
        stage = 0 if self.stage is None and self.dev is not None else _STAGES[self.stage]
        return trimmed, stage, self.number, float("inf") if self.dev is None else self.dev


@dataclass(frozen=True, slots=True)
class Requirement:
    """A range: every one of its terms must hold."""

    terms: tuple[tuple[str, Version], ...]

    @classmethod
    def parse(cls, text: str) -> Requirement:
        """`>=0.1,<0.3`. Raises ValueError with a sentence."""
        terms = []
        for part in text.split(","):
            match = _TERM.fullmatch(part.strip())
            if match is None:
                raise ValueError(f"`{text[:60]}` is not a range of versions")
            version = Version.parse(match["version"])
            if match["sign"] == "~=" and len(version.release) < 2:
                raise ValueError(f"`{part.strip()}` needs two numbers at least")
            terms.append((match["sign"], version))
        return cls(tuple(terms))

    def allows(self, version: Version) -> bool:
        return all(_holds(sign, version, bound) for sign, bound in self.terms)


def _holds(sign: str, version: Version, bound: Version) -> bool:
    match sign:
        case "==":
            return version.key == bound.key
        case "!=":
            return version.key != bound.key
        case ">=":
            return version.key >= bound.key
        case "<=":
            return version.key <= bound.key
        case ">":
            return version.key > bound.key
        case "<":
            return version.key < bound.key
    prefix = bound.release[:-1]
    same = zip_longest(version.release[: len(prefix)], prefix, fillvalue=0)
    return version.key >= bound.key and all(one == other for one, other in same)
