"""How a task run ends, and whether it is tried again."""

from __future__ import annotations

from datetime import timedelta

from penstock.duration import format_duration
from penstock.execution.event import Instant, RunEvent, StopCause, TaskRunEnded, TaskRunReleased, TaskRunRetrying
from penstock.execution.identity import draw
from penstock.execution.model import Attempt, TaskRun
from penstock.execution.state import State, worst
from penstock.flow.model import Backoff, Flow, Retry, Task


def conclude(flow: Flow, task: Task, run: TaskRun, now: Instant) -> RunEvent:
    """What follows from the end of the latest attempt: another one, or the task run's terminal state."""
    attempt = run.attempt
    assert attempt is not None
    if run.closing is not None:
        return _closed(task, run, attempt, run.closing, now)
    if attempt.lost:
        return TaskRunReleased(at=now, run=run.id)
    if run.stop is StopCause.KILL:
        well = attempt.state in (State.SUCCESS, State.WARNING)
        return TaskRunEnded(at=now, run=run.id, state=attempt.state if well else run.doomed or State.KILLED)
    if attempt.state is State.FAILED or attempt.state is State.KILLED:
        return failed(flow, task, run, now, _why(task, run, attempt))
    state = attempt.state
    retry = flow.retry_of(task)
    if retry is not None and retry.warning_on_retry and tries(run) > 1:
        state = State.WARNING
    return TaskRunEnded(at=now, run=run.id, state=softened(task, state))


def _closed(task: Task, run: TaskRun, attempt: Attempt, children: State, now: Instant) -> TaskRunEnded:
    """The end of a flowable whose own attempt is over: what its children have come to, or worse. It is not repeated."""
    if attempt.state in (State.SUCCESS, State.WARNING):
        state = worst((children, attempt.state))
        softer = state if run.stop is StopCause.KILL else softened(task, state)
        return TaskRunEnded(at=now, run=run.id, state=softer)
    if run.stop is StopCause.KILL:
        return TaskRunEnded(at=now, run=run.id, state=run.doomed or State.KILLED)
    return TaskRunEnded(at=now, run=run.id, state=softened(task, State.FAILED), error=_why(task, run, attempt))


def _why(task: Task, run: TaskRun, attempt: Attempt) -> str | None:
    return why_timed_out(task, run) if run.stop is StopCause.TIMEOUT else attempt.error


def why_timed_out(task: Task, run: TaskRun) -> str:
    """Kestra's words for what took longer than its timeout."""
    limit = timeout_of(task, run)
    return f"Timeout after {format_duration(limit)}" if limit is not None else "Timeout"


def failed(flow: Flow, task: Task, run: TaskRun, now: Instant, error: str | None) -> RunEvent:
    """Another attempt where the retry in force allows one, else the end."""
    retry = flow.retry_of(task)
    until = next_attempt(retry, run, now) if retry is not None else None
    if until is not None:
        return TaskRunRetrying(at=now, run=run.id, until=until)
    return TaskRunEnded(at=now, run=run.id, state=softened(task, State.FAILED), error=error)


def softened(task: Task, state: State) -> State:
    """FAILED is WARNING where failure is allowed; WARNING is SUCCESS where a warning is."""
    if state is State.FAILED and task.allow_failure:
        state = State.WARNING
    if state is State.WARNING and task.allow_warning:
        state = State.SUCCESS
    return state


def tries(run: TaskRun) -> int:
    """Attempts that count: a lost one is repeated, not used up."""
    return sum(not attempt.lost for attempt in run.attempts)


def next_attempt(retry: Retry, run: TaskRun, now: Instant) -> Instant | None:
    """When the next attempt is due, or None when the retry is used up.

    `max_attempts` counts all attempts; `max_duration` runs from the start of the first (Kestra 0.21).
    """
    made = tries(run)
    if retry.max_attempts is not None and made >= retry.max_attempts:
        return None
    until = now + delay(retry, run.id, made)
    first = next((attempt.started for attempt in run.attempts if not attempt.lost), None)
    if retry.max_duration is not None and first is not None and until > first + retry.max_duration:
        return None
    return until


def delay(retry: Retry, run: str, made: int) -> timedelta:
    """How long to wait after `made` attempts.

    Exponential is interval × factor × (attempts − 1), at most `max_interval`: literally what Kestra computes, so
    that the first retry is immediate. Random is drawn from the task run's id: the same at every replay.
    """
    if retry.backoff is Backoff.CONSTANT:
        return retry.interval
    if retry.backoff is Backoff.EXPONENTIAL:
        wait = retry.interval * retry.factor * (made - 1)
        return min(wait, retry.max_interval) if retry.max_interval is not None else wait
    most = retry.max_interval or retry.min_interval
    return retry.min_interval + (most - retry.min_interval) * draw(f"{run}/{made}")


def timeout_of(task: Task, run: TaskRun) -> timedelta | None:
    """The bound on one attempt, once it is known."""
    if "timeout_s" in run.facts:
        return timedelta(seconds=run.facts["timeout_s"])
    return task.timeout if isinstance(task.timeout, timedelta) else None
