"""Which parts of an execution have something to decide, something to do, or something to wait for.

Membership is a function of the part itself: `apply` asks it of what an event touched, `snapshot` of everything, and
a law holds the two equal. So a decision reads the agenda, never the whole execution.
"""

from __future__ import annotations

from penstock.execution.event import StopCause
from penstock.execution.model import ROOT, Draft, Execution, Scope, TaskRun
from penstock.execution.state import State
from penstock.flow.model import Kind


def wants_decision(execution: Execution | Draft, key: str) -> bool:
    """Whether `decide` has something to say about the scope or task run `key`."""
    if key == ROOT:
        return _root_wants(execution)
    run = execution.runs[key]
    is_to_stop = execution.kill or run.doomed is not None
    if run.state.is_terminal or (run.asks and not is_to_stop):
        return False
    if run.failure is not None:
        return True
    if is_to_stop:
        return _killed_wants(run, execution.scopes.get(key))
    if run.kind is Kind.FLOWABLE:
        return _flowable_wants(run, execution.scopes.get(key))
    if run.state is State.CREATED:
        return run.gated
    attempt = run.attempt
    return run.state is not State.RETRYING and attempt is not None and attempt.state is not State.RUNNING


def _root_wants(execution: Execution | Draft) -> bool:
    if execution.state.is_terminal or (execution.asks and not execution.kill):
        return False
    scope = execution.scopes.get(ROOT)
    if scope is None:
        return False
    return scope.wants_decision or (execution.kill and scope.alive == 0)


def _flowable_wants(run: TaskRun, scope: Scope | None) -> bool:
    if run.closing is not None:
        attempt = run.attempt
        return attempt is not None and attempt.state is not State.RUNNING and not attempt.lost
    if run.state is State.PAUSED:
        return "resumed" in run.facts
    return scope is None or scope.wants_decision


def _killed_wants(run: TaskRun, scope: Scope | None) -> bool:
    if scope is not None:
        return scope.alive == 0
    return run.stop is not StopCause.KILL or not run.is_running


def is_ready(run: TaskRun) -> bool:
    """Whether a worker, or the executor for an inline type, may begin an attempt."""
    if run.kind is Kind.FLOWABLE:
        attempt = run.attempt
        return run.closing is not None and run.state is State.RUNNING and (attempt is None or attempt.lost)
    return run.state is State.CREATED and not run.gated
