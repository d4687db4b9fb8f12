"""Carrying a plan out: one thing after the other, each with a result of its own, so that a second run can go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from penstock.deploy.inventory import Inventory, inventory_path
from penstock.deploy.order import Needs, in_order
from penstock.deploy.plan import Action, Change, Plan
from penstock.diagnostic import FlowName
from penstock.errors import PenstockError, Retryable, Stalled, Unauthorised
from penstock.failpoint import Failpoint, reached
from penstock.ports.target import Target


class Outcome(StrEnum):
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    """It was not tried: something that it needs has failed, or the target could not be spoken to any more."""


@dataclass(frozen=True, slots=True)
class Result:
    change: Change
    outcome: Outcome
    message: str = ""


@dataclass(frozen=True, slots=True)
class Carried:
    """`results` are of every change, in the order of the plan. `stopped` is why the rest was not tried."""

    plan: Plan
    results: tuple[Result, ...]
    stopped: PenstockError | None = None

    def count(self, outcome: Outcome) -> int:
        return sum(result.outcome is outcome for result in self.results)

    @property
    def outcome(self) -> Literal["unchanged", "deployed", "partly", "failed"]:
        done = self.count(Outcome.DONE)
        if done == len(self.results) and self.stopped is None:
            return "deployed" if done else "unchanged"
        return "partly" if done else "failed"


def carry_out(
    plan: Plan, target: Target, *, needs: Needs, fail_fast: bool = False, told: Callable[[Result], None] | None = None
) -> Carried:
    """Files first, then flows in the order of the plan, then deletions in the reverse order. `told` hears each result.

    Goes on behind what the target refuses, but for flows that call what has failed; stops where the target cannot be
    spoken to, or at the first failure when `fail_fast`. Raises nothing that a target raises.
    """
    work = _Work(plan, target, fail_fast, told or (lambda _: None))
    for change in _in_turn(plan, needs):
        work.do(change)
    reached(Failpoint.CHANGES_CARRIED_OUT)
    work.settle()
    places = {id(change): place for place, change in enumerate(plan.changes)}
    return Carried(plan, tuple(sorted(work.results, key=lambda one: places[id(one.change)])), work.stopped)


def _in_turn(plan: Plan, needs: Needs) -> Iterator[Change]:
    yield from (change for change in plan.changes if change.is_write)
    gone = {change.flow_name: change for change in plan.changes if _is(change, Action.DELETE, is_flow=True)}
    yield from (gone[name] for name in reversed(in_order(gone, needs)))
    yield from (change for change in plan.changes if _is(change, Action.DELETE, is_flow=False))


def _is(change: Change, action: Action, *, is_flow: bool) -> bool:
    return change.action is action and (change.flow is not None) is is_flow


@dataclass(slots=True)
class _Work:
    plan: Plan
    target: Target
    fail_fast: bool
    told: Callable[[Result], None]
    results: list[Result] = field(default_factory=list)
    stopped: PenstockError | None = None
    _failed: set[FlowName] = field(default_factory=set)
    _meant: dict[str, PenstockError | None] = field(default_factory=dict)
    _over: bool = False

    def do(self, change: Change) -> None:
        result = self._result(change)
        self.results.append(result)
        if change.flow is not None and result.outcome is not Outcome.DONE:
            self._failed.add(change.flow_name)
        self.told(result)
        reached(Failpoint.CHANGE_CARRIED_OUT)

    def _result(self, change: Change) -> Result:
        if self._over:
            return Result(change, Outcome.SKIPPED, "an earlier failure has ended the deployment")
        lacking = [name for name in change.needs if name in self._failed]
        if lacking and change.is_write:
            return Result(change, Outcome.SKIPPED, f"it needs `{lacking[0]}`, which was not deployed")
        try:
            self._send(change)
        except PenstockError as error:
            self._fail(error)
            return Result(change, Outcome.FAILED, error.message)
        return Result(change, Outcome.DONE)

    def _fail(self, error: PenstockError) -> None:
        if isinstance(error, Retryable | Unauthorised | Stalled):
            self.stopped, self._over = error, True
        elif self.fail_fast:
            self._over = True

    def _send(self, change: Change) -> None:
        if change.flow is not None:
            if change.is_write:
                is_new = change.action is Action.CREATE
                self.target.put_flow(change.flow_name, change.text, is_new=is_new)
            else:
                self.target.delete_flow(change.flow_name)
            return
        assert change.file is not None, "it is a flow or a file"
        self._mean(change.namespace)
        if change.is_write:
            self.target.put_file(change.namespace, change.file, change.content)
        else:
            self.target.delete_file(change.namespace, change.file)

    def _mean(self, namespace: str) -> None:
        """Before the first file of a namespace changes: what will be ours is written down."""
        if namespace not in self._meant:
            meant = self._inventory(namespace).meaning(self._contents(namespace))
            self.target.put_file(namespace, inventory_path(self.plan.owner), meant.written())
            self._meant[namespace] = None

    def settle(self) -> None:
        """What has become of the files is written down; what could not be is found again by the next run."""
        for namespace in self._meant:
            if self._over:
                return
            mine = [one for one in self.results if one.change.file is not None and one.change.namespace == namespace]
            if any(one.outcome is not Outcome.DONE for one in mine):
                continue
            gone = [one.change.file for one in mine if one.change.action is Action.DELETE and one.change.file]
            after = self._inventory(namespace).settled(self._contents(namespace), gone)
            try:
                self.target.put_file(namespace, inventory_path(self.plan.owner), after.written())
            except PenstockError as error:
                self.stopped = error
                return

    def _inventory(self, namespace: str) -> Inventory:
        return self.plan.inventories.get(namespace, Inventory())

    def _contents(self, namespace: str) -> Mapping[str, bytes]:
        """What is wanted in a namespace."""
        return {
            change.file: change.content
            for change in self.plan.changes
            if change.file is not None and change.namespace == namespace and change.path is not None
        }
