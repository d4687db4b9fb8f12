"""What is to be done to get from what is deployed to what is desired: a list of steps, each with its reason. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from penstock.diagnostic import FlowName
from penstock.ports.deployment import Deployed, TreeFile
from penstock.reconcile.desired import Tree


class Action(StrEnum):
    CREATE = "create"
    UPDATE = "update"  # it means something else: a new revision
    REFILE = "refile"  # it means the same, and stands elsewhere, is written differently, or is valid again
    UNCHANGED = "unchanged"
    HOLD = "hold"  # its file is not valid: the last good revision stays in force
    REFUSE = "refuse"  # it is not valid, and never was: nothing is in force
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Step:
    """One flow, what happens to it, and why. `file` is the one it is taken from; None where none is."""

    flow: FlowName
    action: Action
    reason: str
    file: TreeFile | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """`commit` is the head that is desired."""

    commit: str
    steps: tuple[Step, ...]

    def of(self, *actions: Action) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if step.action in actions)

    def count(self, action: Action) -> int:
        return len(self.of(action))


def make_plan(
    tree: Tree, deployed: Mapping[FlowName, Deployed], *, commit: str, names: Iterable[FlowName] | None = None
) -> Plan:
    """The steps for `names` (all that are desired or deployed, when none are given), in their order.

    A tree without any flow removes nothing: that is a mistake more often than a wish.
    """
    concerned = {*tree.names(), *deployed} if names is None else set(names)
    steps = [_step(tree, name, deployed.get(name)) for name in sorted(concerned, key=str)]
    return Plan(commit, tuple(step for step in steps if step is not None))


def _step(tree: Tree, name: FlowName, standing: Deployed | None) -> Step | None:
    claims = tree.claims(name)
    not_taken = Action.HOLD if standing is not None else Action.REFUSE
    if len(claims) > 1:
        where = " and ".join(file.path for file in claims)
        return Step(name, not_taken, f"it is defined in more than one file: {where}")
    if claims:
        [file] = claims
        if file.canonical_digest is None:
            return Step(name, not_taken, file.problem or "it is not valid")
        return _take(name, file, standing)
    if standing is None:
        return None
    file_there = tree.get(standing.path)
    if file_there is not None and file_there.flow is None and file_there.problem is not None:
        return Step(name, Action.HOLD, file_there.problem)  # so broken that it does not even say its name
    if not tree.holds_flows:
        return Step(name, Action.HOLD, "the tree holds no flow at all: nothing is removed")
    return Step(name, Action.REMOVE, f"{standing.path} is gone")


def _take(name: FlowName, file: TreeFile, standing: Deployed | None) -> Step:
    if standing is None:
        return Step(name, Action.CREATE, "new", file)
    if standing.canonical_digest != file.canonical_digest:
        return Step(name, Action.UPDATE, "changed", file)
    if standing.path != file.path:
        return Step(name, Action.REFILE, f"moved from {standing.path}; it means the same", file)
    if standing.blob != file.blob:
        return Step(name, Action.REFILE, "written differently; it means the same", file)
    if standing.problem is not None:
        return Step(name, Action.REFILE, "valid again", file)
    return Step(name, Action.UNCHANGED, "the same", file)
