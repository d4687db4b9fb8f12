"""How a task run ends, and whether it is tried again."""

from __future__ import annotations

from datetime import timedelta

from penstock.duration import format_duration
from penstock.execution.event import Instant, RunEvent, StopCause, TaskRunEnded, TaskRunReleased, TaskRunRetrying
from penstock.execution.identity import draw
from penstock.execution.leaving import Leave, leave_of
from penstock.execution.model import Attempt, Execution, TaskRun
from penstock.execution.state import State, worst
from penstock.flow.model import Backoff, Flow, Retry, RetryBehavior, Task

_SAME_EXECUTION = RetryBehavior.RETRY_FAILED_TASK
_WELL = (State.SUCCESS, State.WARNING)


def conclude(flow: Flow, execution: Execution, task: Task, run: TaskRun, now: Instant) -> RunEvent:
    """What follows from the end of the latest attempt: another one, or the task run's terminal state."""
    attempt = run.attempt
    assert attempt is not None
    leave = leave_of(execution, run)
    if run.closing is not None:
        return _closed(task, run, attempt, run.closing, leave, now)
    if leave is not None:
        return _left(flow, task, run, attempt, leave, now)
    if attempt.lost:
        return TaskRunReleased(at=now, run=run.id)
    if attempt.state is State.FAILED or attempt.state is State.KILLED:
        return failed(flow, execution, task, run, now, why(task, run, attempt.error))
    return TaskRunEnded(at=now, run=run.id, state=_well(flow, task, run, attempt))


def _well(flow: Flow, task: Task, run: TaskRun, attempt: Attempt) -> State:
    """What an attempt that has ended well makes of its task run."""
    retry = flow.retry_of(task)
    warns = retry is not None and retry.warning_on_retry and tries(run) > 1
    return softened(task, State.WARNING if warns else attempt.state)


def _left(flow: Flow, task: Task, run: TaskRun, attempt: Attempt, leave: Leave, now: Instant) -> TaskRunEnded:
    """The end of an attempt in an execution that is being left: nothing is tried again."""
    if attempt.state in _WELL and "ExitRequested" not in attempt.effects:
        return TaskRunEnded(at=now, run=run.id, state=_well(flow, task, run, attempt))
    if leave.stop or "ExitRequested" in attempt.effects:
        return TaskRunEnded(at=now, run=run.id, state=leave.state)
    return TaskRunEnded(at=now, run=run.id, state=softened(task, State.FAILED), error=why(task, run, attempt.error))


def _closed(
    task: Task, run: TaskRun, attempt: Attempt, children: State, leave: Leave | None, now: Instant
) -> TaskRunEnded:
    """The end of a flowable whose own attempt is over: what its children have come to, or worse. It is not repeated."""
    stopped = run.stop is StopCause.KILL
    if attempt.state in _WELL:
        return TaskRunEnded(at=now, run=run.id, state=softened(task, worst((children, attempt.state))))
    if stopped and leave is not None:
        return TaskRunEnded(at=now, run=run.id, state=leave.state)
    return TaskRunEnded(at=now, run=run.id, state=softened(task, State.FAILED), error=why(task, run, attempt.error))


def out_of_time(task: Task, run: TaskRun, now: Instant, state: State = State.FAILED) -> TaskRunEnded:
    """The end of a flowable in which nothing runs any more, and whose timeout has run out."""
    return TaskRunEnded(at=now, run=run.id, state=softened(task, state), error=_timeout(task, run))


def why(task: Task, run: TaskRun, error: str | None) -> str | None:
    """The reason of a failure: that the time ran out, else what the attempt says of itself."""
    return _timeout(task, run) if run.stop is StopCause.TIMEOUT else error


def _timeout(task: Task, run: TaskRun) -> str:
    limit = timeout_of(task, run)
    return f"Timeout after {format_duration(limit)}" if limit is not None else "Timeout"


def failed(flow: Flow, execution: Execution, task: Task, run: TaskRun, now: Instant, error: str | None) -> RunEvent:
    """Another attempt where the retry in force allows one, or another execution, else the end."""
    if again_at(flow, execution, run, now) is not None:
        return TaskRunEnded(at=now, run=run.id, state=State.RETRIED, error=error)
    retry = flow.retry_of(task)
    if leave_of(execution, run) is not None or (retry is not None and retry.behavior is not _SAME_EXECUTION):
        retry = None
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


def again_at(flow: Flow, execution: Execution, run: TaskRun, now: Instant) -> Instant | None:
    """When another execution is to begin because `run` has failed; None where the retry in force wants none.

    Attempts are executions then: `max_attempts` counts these, and `max_duration` runs from the creation of the first
    (kestra core/.../executions/TaskRun.java, nextRetryDate).
    """
    retry = flow.retry_of(flow.by_id[run.task])
    if retry is None or retry.behavior is not RetryBehavior.CREATE_NEW_EXECUTION or execution.state.is_terminal:
        return None
    if leave_of(execution, run) is not None:
        return None
    made = execution.attempt_number
    if retry.max_attempts is not None and made >= retry.max_attempts:
        return None
    until = now + delay(retry, execution.id, made)
    first = execution.original_created or execution.created
    if retry.max_duration is not None and until > first + retry.max_duration:
        return None
    return until


def delay(retry: Retry, key: str, made: int) -> timedelta:
    """How long to wait after `made` attempts.

    Exponential is interval × factor × (attempts − 1), at most `max_interval`: literally what Kestra computes, so
    that the first retry is immediate. Random is drawn from `key`, an id: the same at every replay.
    """
    if retry.backoff is Backoff.CONSTANT:
        return retry.interval
    if retry.backoff is Backoff.EXPONENTIAL:
        wait = retry.interval * retry.factor * (made - 1)
        return min(wait, retry.max_interval) if retry.max_interval is not None else wait
    most = retry.max_interval or retry.min_interval
    return retry.min_interval + (most - retry.min_interval) * draw(f"{key}/{made}")


def timeout_of(task: Task, run: TaskRun) -> timedelta | None:
    """The bound on one attempt, once it is known."""
    if "timeout_s" in run.facts:
        return timedelta(seconds=run.facts["timeout_s"])
    return task.timeout if isinstance(task.timeout, timedelta) else None
