"""What an execution said, whole and in order: the logs of its attempts, the words of its inline tasks, its failures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from heapq import merge
from typing import Any

from penstock.execution.apply import begin, extend
from penstock.execution.event import Event, ExecutionCreated, ExecutionReopened, IterationBegun
from penstock.execution.model import Execution, TaskRun
from penstock.execution.snapshot import restore
from penstock.execution.variables import iso
from penstock.flow.model import Level
from penstock.ports.logs import LogKey, LogLine, Logs


def transcript(
    logs: Logs, execution: Execution, *, run: str | None = None, min_level: Level = Level.TRACE
) -> Iterator[LogLine]:
    """All lines by time; of one task run when named."""
    runs = [each for each in execution.in_order() if run in (None, each.id)]
    spoken = (line for each in runs for line in (*said(execution.id, each), *untold(execution.id, each)))
    inline = sorted(spoken, key=lambda line: line.at)
    kept = (line for line in inline if line.level.rank >= min_level.rank)
    return merge(logs.read(execution.id, run=run, min_level=min_level), kept, key=lambda line: line.at)


def with_what_left(execution: Execution, events: Callable[[], Sequence[Event]]) -> Execution:
    """`execution` with the task runs that have left it, for whoever reads what was said: a loop makes room with each
    round, and what it said before stays said. `events` is its log, which is read where something has left."""
    if not has_lost_some(execution):
        return execution
    return restore(execution, (*execution.runs.values(), *those_that_left(events())))


def has_lost_some(execution: Execution) -> bool:
    """Whether task runs have left it."""
    return execution.next_ordinal > len(execution.runs)


def those_that_left(events: Sequence[Event]) -> Iterator[TaskRun]:
    """The task runs that have left an execution, as they were then, by its log: made room for a further round, or for
    what a restart does anew."""
    created, *rest = events
    assert isinstance(created, ExecutionCreated), "a log begins with the creation"
    at = begin(created)
    for event in rest:
        if isinstance(event, ExecutionReopened | IterationBegun):
            yield from (at.runs[at.order[ordinal]] for ordinal in event.dropped)
        at = extend(at, (event,))


def said(execution_id: str, run: TaskRun) -> Iterator[LogLine]:
    """What the attempts of an inline task run said."""
    for attempt in run.attempts:
        key = LogKey(execution_id, run.id, attempt.number)
        for at, level, text in attempt.log.get("said", ()):
            yield LogLine(datetime.fromisoformat(at), "log", Level(level), text, key)
        cut = attempt.log.get("cut")
        if cut and "said" in attempt.log:
            words = f"{cut} bytes more were said and are cut: an inline task may say 64 KiB"
            yield LogLine(attempt.ended or attempt.started, "log", Level.WARN, words, key)


def untold(execution_id: str, run: TaskRun) -> Iterator[LogLine]:
    """Why a task run has failed, where no attempt could say it: what a flowable is to do, `runIf`, a timeout."""
    if run.error is not None and all(attempt.error != run.error for attempt in run.attempts):
        key = LogKey(execution_id, run.id, max(len(run.attempts), 1))
        yield LogLine(run.histories[-1][1], "log", Level.ERROR, run.error, key)


def entry(execution: Execution, line: LogLine) -> dict[str, Any]:
    """A line in the shape of Kestra's LogEntry."""
    run = execution.runs.get(line.key.run)
    return {
        "namespace": execution.flow.namespace,
        "flowId": execution.flow.id,
        "taskId": run.task if run is not None else None,
        "executionId": execution.id,
        "taskRunId": line.key.run,
        "attemptNumber": line.key.attempt - 1,
        "timestamp": iso(line.at),
        "level": line.level.value,
        "thread": line.stream,
        "message": line.text,
    }
