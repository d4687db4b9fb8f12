"""The inputs of the Action: variables named INPUT_*, as the steps of action.yml set them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from penstock.errors import UserError

PREFIX = "INPUT_"
TOKEN = f"{PREFIX}TOKEN"
_YES, _NO = ("true", "yes", "1"), ("false", "no", "0", "")


@dataclass(frozen=True, slots=True)
class Inputs:
    """Reads what was given; an input that was not is an empty text, as in a workflow."""

    environ: Mapping[str, str] = field(repr=False)

    def text(self, name: str) -> str:
        return self.environ.get(PREFIX + name.upper().replace("-", "_"), "").strip()

    def lines(self, name: str) -> tuple[str, ...]:
        """One a line; empty lines and those that begin with `#` do not count."""
        lines = (line.strip() for line in self.text(name).splitlines())
        return tuple(line for line in lines if line and not line.startswith("#"))

    def choice(self, name: str, *allowed: str) -> str:
        """One of `allowed`, the first one where nothing was given. Raises UserError."""
        given = self.text(name) or allowed[0]
        if given not in allowed:
            raise UserError(f"the input `{name}` is {given!r}", help=f"it is one of: {', '.join(allowed)}")
        return given

    def flag(self, name: str, *, otherwise: bool = False) -> bool:
        """Raises UserError for what is neither true nor false."""
        given = self.text(name).lower()
        if not given:
            return otherwise
        if given not in _YES + _NO:
            raise UserError(f"the input `{name}` is {given!r}", help="it is `true` or `false`")
        return given in _YES

    def paths(self) -> tuple[str, ...]:
        """`paths`, or as in Kestra's actions `directory`. What looks like an option is a path."""
        found = self.lines("paths") or self.lines("directory")
        return tuple(one if not one.startswith("-") else f"./{one}" for one in found)
