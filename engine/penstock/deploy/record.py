"""A plan and a deployment in the shape that every surface gives them."""

from __future__ import annotations

from collections.abc import Iterable

from penstock.deploy.carry_out import Carried, Outcome, Result
from penstock.deploy.plan import Action, Change, Plan
from penstock.ports.deployment_record import ChangeRecord, CountsRecord, DeploymentRecord, PlanRecord, ResultRecord


def plan_record(plan: Plan) -> PlanRecord:
    """The plan in the shape that every surface gives it."""
    return {
        "schemaVersion": 1,
        "outcome": "unchanged" if plan.is_empty else "changed",
        "target": plan.target,
        "owner": plan.owner,
        "summary": counts_record(change.action for change in plan.changes),
        "changes": [change_record(change) for change in plan.changes],
    }


def counts_record(actions: Iterable[Action]) -> CountsRecord:
    all_ = list(actions)
    return {
        "create": all_.count(Action.CREATE), "update": all_.count(Action.UPDATE),
        "drifted": all_.count(Action.DRIFTED), "delete": all_.count(Action.DELETE),
        "unchanged": all_.count(Action.UNCHANGED), "left": all_.count(Action.LEFT),
    }  # fmt: skip


def change_record(change: Change) -> ChangeRecord:
    return {
        "kind": "flow" if change.flow is not None else "file",
        "action": change.action.value,
        "namespace": change.namespace,
        "id": change.flow,
        "file": change.file,
        "source": change.path,
        "reason": change.reason,
    }


def deployment_record(carried: Carried) -> DeploymentRecord:
    plan = carried.plan
    done = [one.change.action for one in carried.results if one.outcome is Outcome.DONE]
    still = [change.action for change in plan.changes if not change.is_change]
    return {
        "schemaVersion": 1,
        "outcome": carried.outcome,
        "target": plan.target,
        "owner": plan.owner,
        "summary": counts_record([*done, *still]),
        "failed": carried.count(Outcome.FAILED),
        "skipped": carried.count(Outcome.SKIPPED),
        "results": [_result_record(one) for one in carried.results],
    }


def _result_record(one: Result) -> ResultRecord:
    return {**change_record(one.change), "outcome": one.outcome.value, "message": one.message}
