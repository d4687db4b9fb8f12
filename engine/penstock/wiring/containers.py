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

from penstock.errors import PenstockError
from penstock.execution.identity import random_id

if TYPE_CHECKING:
    from penstock.adapters.docker.policy import Policy
    from penstock.adapters.docker.runner import DockerRunner


_LOOK_S = 5.0
"""An engine that is asked how it stands has so long for each answer (seconds)."""


@dataclass(frozen=True, slots=True)
class ContainerSetup:
    """What a session is told of containers. `engine` is its address, None the usual one; `policy` the administrator's
    file; `patience` how long an engine that is away is waited for."""

    engine: str | None = None
    policy: str | Path | None = None
    patience: timedelta | None = None


@dataclass(frozen=True, slots=True)
class EngineReport:
    """How the engine at `address` stands. `product` is `Docker 20.10.24, API 1.41`, None where none answers, or one
    that is of no use: `why` says it. `metadata` tells of the metadata address: a cloud's name, and whether containers
    reach it; no cloud, where this machine names none.
    """

    address: str
    product: str | None = None
    why: str = ""
    cloud: str | None = None
    reaches_metadata: bool = False


def look_at_engine(setup: ContainerSetup, environ: Mapping[str, str]) -> EngineReport:
    """The engine that a session of `setup` would use, asked once. Raises UserError for an address or policy that is
    none."""
    from penstock.adapters.docker.address import wanted
    from penstock.adapters.docker.engine import Engine
    from penstock.adapters.docker.metadata import cloud
    from penstock.adapters.docker.rules import Rules

    engine = Engine(wanted(environ, setup.engine), patience=timedelta(0), answer_within=_LOOK_S)
    rules = Rules(engine, _policy(setup))
    try:
        reaches = cloud() is not None and not rules.closes_metadata
        return EngineReport(engine.address.text, engine.product, cloud=cloud(), reaches_metadata=reaches)
    except PenstockError as error:
        return EngineReport(engine.address.text, why=error.message)
    finally:
        engine.close()


def docker_runner(data: Path, setup: ContainerSetup, environ: Mapping[str, str]) -> DockerRunner:
    """Over the engine that is wanted, whether it answers now or not. Raises UserError for a policy that is none."""
    from penstock.adapters.docker.address import wanted
    from penstock.adapters.docker.engine import PATIENCE, Engine
    from penstock.adapters.docker.rules import Rules
    from penstock.adapters.docker.runner import DockerRunner

    engine = Engine(wanted(environ, setup.engine), patience=PATIENCE if setup.patience is None else setup.patience)
    return DockerRunner(engine, Rules(engine, _policy(setup)), owner=owner_of(data))


def _policy(setup: ContainerSetup) -> Policy:
    from penstock.adapters.docker.policy import Policy
    from penstock.adapters.docker.policy_file import read_policy

    return read_policy(Path(setup.policy)) if setup.policy is not None else Policy()


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
