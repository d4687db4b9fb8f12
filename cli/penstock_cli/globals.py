"""What every command is told before its own options."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Globals:
    """The global options. `color` is `auto`, `always` or `never`; `verbose` counts the `-v`."""

    color: str = "auto"
    quiet: bool = False
    verbose: int = 0
    no_input: bool = False
