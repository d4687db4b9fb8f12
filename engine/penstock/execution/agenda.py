"""Which parts of an execution have something to decide, something to do, or something to wait for.

Membership is a function of the part itself: `apply` asks it of what an event touched, `snapshot` of everything, and
a law holds the two equal. So a decision reads the agenda, never the whole execution.
"""

from __future__ import annotations

from penstock.execution.draft import Draft
from penstock.execution.event import Phase, StopCause
from penstock.execution.family import Family
from penstock.execution.leaving import Leave, leave_of
from penstock.execution.model import ROOT, Execution, Scope, TaskRun
from penstock.execution.state import BEGINNING, State
from penstock.flow.model import Kind


def wants_decision(execution: Execution | Draft, key: str) -> bool:
    """Whether `decide` has something to say about the scope or task run `key`."""
    if key == ROOT:
        return _root_wants(execution)
    run = execution.runs[key]
    if run.state.is_terminal:
        return False
    leave = leave_of(execution, run)
    if leave is not None:
        return run.failure is not None or _leaving_wants(run, execution.scopes.get(key), leave)
    if run.kind is Kind.FLOWABLE and run.stop is StopCause.TIMEOUT:
        return _halted_wants(run, execution.scopes.get(key))
    if run.asks:
        return False
    if run.failure is not None:
        return True
    if run.kind is Kind.FLOWABLE:
        return _flowable_wants(run, execution.scopes.get(key))
    if run.is_calling:
        return run.family is not None and _has_ended(run.family, run)
    if run.state in BEGINNING:
        return run.gated
    attempt = run.attempt
    waits = run.state in (State.RETRYING, State.BREAKPOINT)
    return not waits and attempt is not None and attempt.state is not State.RUNNING


def _root_wants(execution: Execution | Draft) -> bool:
    if execution.is_over or (execution.asks and not execution.is_leaving):
        return False
    scope = execution.scopes.get(ROOT)
    if scope is None:
        return False
    return scope.alive == 0 if execution.is_leaving else scope.wants_decision


def _flowable_wants(run: TaskRun, scope: Scope | None) -> bool:
    if run.closing is not None:
        attempt = run.closing_attempt
        return attempt is not None and attempt.state is not State.RUNNING and not attempt.lost
    if run.state is State.PAUSED:
        return "resumed" in run.facts
    if run.state is State.BREAKPOINT or run.wake_at is not None:
        return False
    return scope is None or scope.wants_decision


def _leaving_wants(run: TaskRun, scope: Scope | None, leave: Leave) -> bool:
    if scope is not None:
        return scope.alive == 0
    at_work = run.is_running or (run.is_calling and run.family is not None and run.family.living > 0)
    return not at_work or (leave.stop and run.stop is not StopCause.KILL)


def _halted_wants(run: TaskRun, scope: Scope | None) -> bool:
    """A flowable whose time is over waits for what is being stopped within it, and for its own last attempt; then it is
    like any that has failed."""
    if run.closing is not None or scope is None:
        return not run.is_running
    return scope.alive == 0 if scope.open.phase is Phase.MAIN else scope.wants_decision


def _has_ended(family: Family, run: TaskRun) -> bool:
    """Whether its children have come to an end. One that was told to stop makes no further ones."""
    return family.living == 0 if run.stop is not None else family.is_complete


def is_ready(run: TaskRun) -> bool:
    """Whether a worker, or the executor for an inline type, may begin an attempt."""
    if run.kind is Kind.FLOWABLE:
        attempt = run.closing_attempt
        may = run.closing is not None and run.state is State.RUNNING and run.stop is not StopCause.TIMEOUT
        return may and (attempt is None or attempt.lost)
    return run.state in BEGINNING and not run.gated
