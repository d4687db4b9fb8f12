"""What a person wants of `penstock run`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class RunWish:
    """The options of `run`, as they were given."""

    flow: str | None
    inputs: tuple[str, ...] = ()
    inputs_file: Path | None = None
    labels: tuple[str, ...] = ()
    runner: str | None = None
    policy: Path | None = None
    secrets_file: Path | None = None
    dialect: str = "auto"
    output: str | None = None
    data: Path | None = None
    ephemeral: bool = False
    resume: str | None = None
    timeout: str | None = None
    fail_on_warning: bool = False
    mocks: tuple[str, ...] = ()
    breakpoints: tuple[str, ...] = ()
    dry_run: bool = False
    keep: bool = False
    slots: int | None = None
