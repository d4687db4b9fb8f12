"""The container runner of a data folder: its engine, the administrator's policy, and the mark of what is ours."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.execution.identity import random_id

if TYPE_CHECKING:
    from penstock.adapters.docker.runner import DockerRunner


@dataclass(frozen=True, slots=True)
class ContainerSetup:
    """What a session is told of containers. `engine` is its address, None the usual one; `policy` the administrator's
    file; `patience` how long an engine that is away is waited for."""

    engine: str | None = None
    policy: str | Path | None = None
    patience: timedelta | None = None


def docker_runner(data: Path, setup: ContainerSetup, environ: Mapping[str, str]) -> DockerRunner:
    """Over the engine that is wanted, whether it answers now or not. Raises UserError for a policy that is none."""
    from penstock.adapters.docker.address import wanted
    from penstock.adapters.docker.engine import PATIENCE, Engine
    from penstock.adapters.docker.policy import Policy
    from penstock.adapters.docker.policy_file import read_policy
    from penstock.adapters.docker.rules import Rules
    from penstock.adapters.docker.runner import DockerRunner

    policy = read_policy(Path(setup.policy)) if setup.policy is not None else Policy()
    engine = Engine(wanted(environ, setup.engine), patience=setup.patience or PATIENCE)
    return DockerRunner(engine, Rules(engine, policy), owner=owner_of(data))


def owner_of(data: Path) -> str:
    """What marks the containers and volumes of a data folder as its own: drawn once, and kept with it."""
    kept = data / "owner"
    if not kept.exists():
        drawn = data / f".owner-{secrets.token_hex(8)}"
        drawn.write_text(random_id(secrets.token_bytes(16)) + "\n", encoding="utf-8")
        with suppress(FileExistsError):  # whoever is first has drawn for all
            os.link(drawn, kept)
        drawn.unlink()
    return kept.read_text(encoding="utf-8").strip()
