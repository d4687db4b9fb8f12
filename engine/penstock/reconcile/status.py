"""What the agent's status says, from the store alone: the same while it runs, when it does not, and after a crash."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from penstock.diagnostic import FlowName
from penstock.ports.deployment import Deployed, Observation
from penstock.ports.store import Store


@dataclass(frozen=True, slots=True)
class FlowStatus:
    """One flow. `health` is `ok`, `degraded` (its file is not valid, the last good revision is in force), `invalid`
    (it never was valid: nothing is in force), `blocked` or `disabled`. `name` is a path where a file names no flow."""

    name: str
    health: str
    reason: str
    path: str
    deployed: Deployed | None


@dataclass(frozen=True, slots=True)
class Status:
    """`observed` says what was seen of each source last, and when."""

    observed: tuple[Observation, ...]
    generation: int
    flows: tuple[FlowStatus, ...]
    unrecorded: dict[str, int]
    given_up: dict[str, int]
    at: datetime


def status(store: Store, *, sinks: tuple[str, ...], now: datetime) -> Status:
    """`sinks` are those that results may go to: the first is told of in any case, others once they were used."""
    observed = tuple(store.observations())
    deployed = store.deployed()
    flows = [_flow(each) for each in deployed.values()]
    for seen in observed:
        flows += _never_valid(store, seen.source, deployed)
    generation = store.generation()
    used = [sink for sink in sinks if sink == sinks[0] or store.knows_sink(sink)]
    return Status(
        observed,
        generation.number if generation is not None else 0,
        tuple(sorted(flows, key=lambda each: each.name)),
        {sink: waiting for sink in used if (waiting := store.count_unrecorded(sink))},
        {sink: len(lost) for sink in used if (lost := store.given_up(sink))},
        now,
    )


def _flow(deployed: Deployed) -> FlowStatus:
    if deployed.problem is not None:
        health, reason = "degraded", deployed.problem
    elif deployed.blocked:
        health, reason = "blocked", "cannot run here: " + ", ".join(deployed.blocked)
    elif deployed.disabled:
        health, reason = "disabled", "`disabled: true`"
    else:
        health, reason = "ok", ""
    return FlowStatus(str(deployed.flow), health, reason, deployed.path, deployed)


def _never_valid(store: Store, source: str, deployed: dict[FlowName, Deployed]) -> Iterator[FlowStatus]:
    """Files with errors that no flow in force stands for."""
    for file in store.tree(source)[1]:
        if file.problem is not None and (file.flow is None or file.flow not in deployed):
            yield FlowStatus(str(file.flow or file.path), "invalid", file.problem, file.path, None)
