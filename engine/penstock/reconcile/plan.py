"""What is to be done to get from what is deployed to what is desired: a list of steps, each with its reason. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from penstock.diagnostic import FlowName
from penstock.ports.store import Deployed
from penstock.reconcile.desired import Desired, DesiredFlow


class Action(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    UNCHANGED = "unchanged"
    HOLD = "hold"  # its file is not valid: the last good revision stays in force
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Step:
    """One flow, what happens to it, and why. `after` is what is deployed then; None when it is removed."""

    flow: FlowName
    action: Action
    reason: str
    after: Deployed | None


@dataclass(frozen=True, slots=True)
class Plan:
    commit: str
    steps: tuple[Step, ...]

    def count(self, action: Action) -> int:
        return sum(step.action is action for step in self.steps)


def make_plan(desired: Desired, deployed: Mapping[FlowName, Deployed], *, commit: str, now: datetime) -> Plan:
    """The steps, by name. A tree without any flow removes nothing: that is a mistake more often than a wish."""
    steps: list[Step] = []
    for name in sorted({*desired.flows, *desired.problems, *deployed}, key=str):
        wanted, standing = desired.flows.get(name), deployed.get(name)
        if wanted is not None:
            steps.append(_take(wanted, standing, commit, now))
        elif name in desired.problems:
            step = _hold(name, desired.problems[name], standing)
            if step is not None:
                steps.append(step)
        elif standing is not None and desired.files == 0:
            steps.append(Step(name, Action.HOLD, "the tree holds no flow at all: nothing is removed", standing))
        elif standing is not None:
            steps.append(Step(name, Action.REMOVE, f"{standing.path} is gone", None))
    return Plan(commit, tuple(steps))


def _take(wanted: DesiredFlow, standing: Deployed | None, commit: str, now: datetime) -> Step:
    if standing is not None and standing.canonical_digest == wanted.canonical_digest:
        revision, accepted, action, reason = standing.revision, standing.accepted, Action.UNCHANGED, "the same"
        if (standing.path, standing.blob) != (wanted.path, wanted.blob):
            action, reason = Action.UPDATE, "moved, or written differently; it means the same"
    elif standing is not None:
        revision, accepted, action, reason = standing.revision + 1, now, Action.UPDATE, "changed"
    else:
        revision, accepted, action, reason = 1, now, Action.CREATE, "new"
    after = Deployed(
        flow=wanted.name,
        revision=revision,
        canonical_digest=wanted.canonical_digest,
        source_digest=wanted.flow.source_digest,
        path=wanted.path,
        blob=wanted.blob,
        commit=commit,
        accepted=accepted,
        disabled=wanted.flow.disabled,
        blocked=wanted.blocked,
    )
    if action is Action.UNCHANGED and standing is not None and standing.problem is not None:
        action, reason = Action.UPDATE, "valid again"
    return Step(wanted.name, action, reason, after)


def _hold(name: FlowName, problem: str, standing: Deployed | None) -> Step | None:
    """The last good revision stays, with the problem beside it; what was never good is only reported."""
    if standing is None:
        return None
    return Step(name, Action.HOLD, problem, replace(standing, problem=problem))
