"""What the agent's status says, from the store alone: the same while it runs, when it does not, and after a crash."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from penstock.diagnostic import FlowName
from penstock.ports.store import Cursor, Deployed, Observation, Store


@dataclass(frozen=True, slots=True)
class FlowStatus:
    """One deployed flow. `health` is `ok`, `degraded` (its file is not valid), `blocked` or `disabled`."""

    deployed: Deployed
    health: str
    reason: str
    cursors: tuple[Cursor, ...]


@dataclass(frozen=True, slots=True)
class Status:
    """`observed` says what was seen of each source last, and when."""

    observed: tuple[Observation, ...]
    flows: tuple[FlowStatus, ...]
    unrecorded: int
    at: datetime


def status(store: Store, *, sink: str, now: datetime) -> Status:
    cursors: dict[FlowName, list[Cursor]] = {}
    for cursor in store.cursors():
        cursors.setdefault(cursor.flow, []).append(cursor)
    flows = tuple(_flow(each, cursors) for each in store.deployed().values())
    return Status(tuple(store.observations()), flows, len(store.unrecorded(sink, limit=10_000, kind="agent")), now)


def _flow(deployed: Deployed, cursors: Mapping[FlowName, list[Cursor]]) -> FlowStatus:
    if deployed.problem is not None:
        health, reason = "degraded", deployed.problem
    elif deployed.blocked:
        health, reason = "blocked", "cannot run here: " + ", ".join(deployed.blocked)
    elif deployed.disabled:
        health, reason = "disabled", "`disabled: true`"
    else:
        health, reason = "ok", ""
    return FlowStatus(deployed, health, reason, tuple(cursors.get(deployed.flow, ())))
