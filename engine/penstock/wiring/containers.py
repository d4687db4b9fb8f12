"""The container runner of a data folder: its engine, the administrator's policy, and the mark of what is ours."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock.execution.identity import random_id
from penstock.ports.runner import WORKING_DIR_MARK, Order

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
    from penstock.adapters.docker.runner import DockerRunner

    engine = Engine(wanted(environ, setup.engine), patience=setup.patience or PATIENCE)
    return DockerRunner(engine, bodies, owner=owner_of(data))


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


def bodies(order: Order, *, mounts: list[Mapping[str, Any]], labels: Mapping[str, str]) -> dict[str, Any]:
    from penstock.adapters.docker.volumes import WORKING_DIR

    assert order.container is not None
    return {
        "Image": order.container.image,
        "Entrypoint": list(order.container.entry_point or []),
        "Cmd": [part.replace(WORKING_DIR_MARK, WORKING_DIR) for part in order.argv],
        "Env": [f"{name}={value.replace(WORKING_DIR_MARK, WORKING_DIR)}" for name, value in order.env.items()],
        "WorkingDir": WORKING_DIR,
        "User": order.container.user or "",
        "Labels": dict(labels),
        "HostConfig": {"Mounts": mounts, "Init": True},
    }
