"""Approval: waits until a person has approved or denied, then runs what belongs to the answer.

Kestra core 2.0, Approval: `onWait` runs before the wait; a genuine failure of the branch is never hidden by what the
decision makes of it; nobody's answer within `timeout` is EXPIRED, for which no branch runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.errors import UserError
from penstock.execution.flowable.base import Lanes, Wait, one_lane, templates_of
from penstock.execution.flowable.pause import Pausable, limit_of
from penstock.execution.state import State
from penstock.flow.model import Task

APPROVAL = "io.kestra.plugin.core.flow.Approval"
APPROVED, DENIED, EXPIRED = "APPROVED", "DENIED", "EXPIRED"

_BRANCHES = {APPROVED: "onApprove", DENIED: "onDeny"}
_BEHAVIORS = {APPROVED: "approveBehavior", DENIED: "denyBehavior", EXPIRED: "expireBehavior"}
_USUAL = {"approveBehavior": "CONTINUE", "denyBehavior": "CANCEL", "expireBehavior": "CANCEL"}
_ENDS: dict[str, State | None] = {
    "CONTINUE": None,
    "WARN": State.WARNING,
    "FAIL": State.FAILED,
    "SUCCEED": State.SUCCESS,
    "CANCEL": State.CANCELLED,
    "KILL": State.KILLED,
}
_EXITS = frozenset({"SUCCEED", "CANCEL", "KILL"})
COMMENTS = ("NEVER", "ALWAYS", "ON_DENY", "ON_APPROVE")


class Approval(Pausable):
    def asks(self, task: Task) -> tuple[str, ...]:
        return templates_of(task, "autoApprove", "commentRequired", *_USUAL)

    def interpret(self, task: Task, rendered: Mapping[str, Any]) -> Mapping[str, Any]:
        facts = {name: str(value).strip() for name, value in rendered.items()}
        for name, value in facts.items():
            known = tuple(_ENDS) if name in _USUAL else COMMENTS if name == "commentRequired" else None
            if known is not None and value not in known:
                raise UserError(f"`{name}` is one of {', '.join(known)}, not `{value}`")
        return facts

    def wait(self, task: Task, facts: Mapping[str, Any]) -> Wait | None:
        if _is_automatic(task, facts):
            return None
        return Wait(limit_of(task, facts), "EXPIRE")

    def before(self, task: Task) -> tuple[Task, ...]:
        return task.branches.get("onWait", ())

    def lanes(self, task: Task, facts: Mapping[str, Any]) -> Lanes:
        return one_lane(task.branches.get(_BRANCHES.get(_decision(task, facts) or "", ""), ()))

    def ends(self, task: Task, facts: Mapping[str, Any], children: State) -> State:
        if children not in (State.SUCCESS, State.WARNING):
            return children
        return _ENDS[_behavior(task, facts)] or children

    def exits(self, task: Task, facts: Mapping[str, Any], children: State) -> State | None:
        behavior = _behavior(task, facts)
        well = children in (State.SUCCESS, State.WARNING)
        return _ENDS[behavior] if well and behavior in _EXITS else None

    def outputs(self, task: Task, facts: Mapping[str, Any]) -> Mapping[str, Any]:
        decision = _decision(task, facts)
        if decision is None:
            return {}
        found: dict[str, Any] = {"decision": decision, "auto": _is_automatic(task, facts)}
        found |= {name: facts[name] for name in ("by", "on", "comment", "due") if name in facts}
        return found | ({"inputs": facts["onResume"]} if facts.get("onResume") else {})


def _is_automatic(task: Task, facts: Mapping[str, Any]) -> bool:
    value = facts.get("autoApprove", task.properties.get("autoApprove"))
    return value is True or (isinstance(value, str) and value.lower() == "true")


def _decision(task: Task, facts: Mapping[str, Any]) -> str | None:
    """What was decided; whoever resumes it without a word approves."""
    if _is_automatic(task, facts):
        return APPROVED
    if "onResume" not in facts:
        return None
    return str(facts.get("decision") or APPROVED)


def _behavior(task: Task, facts: Mapping[str, Any]) -> str:
    name = _BEHAVIORS.get(_decision(task, facts) or APPROVED, "approveBehavior")
    return str(facts.get(name) or task.properties.get(name) or _USUAL[name])


def comment_wanted(task: Task, facts: Mapping[str, Any], decision: str) -> bool:
    """Whether whoever decides so has to write why."""
    rule = str(facts.get("commentRequired") or task.properties.get("commentRequired") or "NEVER")
    return (
        rule == "ALWAYS"
        or (rule == "ON_DENY" and decision == DENIED)
        or (rule == "ON_APPROVE" and decision == APPROVED)
    )
