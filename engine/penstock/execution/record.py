"""An execution as everyone shows it: Kestra's shape with our provenance (CLI.md). Plain JSON values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal, NotRequired, TypedDict

from penstock.duration import format_duration
from penstock.execution.event import Instant
from penstock.execution.model import Attempt, Execution, Histories, TaskRun
from penstock.execution.sealed import conceal
from penstock.execution.state import State
from penstock.execution.variables import iso

SCHEMA_VERSION: Literal[1] = 1


class HistoryRecord(TypedDict):
    """A state, and since when."""

    state: State
    date: Annotated[str, "An ISO-8601 instant"]


class StateRecord(TypedDict):
    """The present state, and all before it."""

    current: State
    startDate: Annotated[str, "When the first state began"]
    endDate: Annotated[str | None, "When the last state began, where nothing follows from it"]
    duration: Annotated[str | None, "From the first to the last state, as an ISO-8601 duration"]
    histories: list[HistoryRecord]


class AttemptRecord(TypedDict):
    """One try of a task run."""

    number: Annotated[int, "Counted from 1"]
    state: StateRecord
    exitCode: Annotated[int | None, "Of the process or container, where it had one"]
    error: str | None
    metrics: list[dict[str, Any]]
    log: Annotated[dict[str, Any], "Where its log is, and how large"]
    usage: Annotated[dict[str, float], "The time and memory that it took"]
    lost: NotRequired[Annotated[bool, "The process that ran it died"]]


class TaskRunRecord(TypedDict):
    """One run of a task."""

    id: str
    executionId: str
    namespace: str
    flowId: str
    taskId: str
    parentTaskRunId: Annotated[str | None, "The run of the flowable around it"]
    value: Annotated[str | None, "Its value in a loop"]
    iteration: Annotated[int | None, "Its number in a loop"]
    state: StateRecord
    attempts: list[AttemptRecord]
    outputs: dict[str, Any]
    error: NotRequired[str]
    orphanSuspected: NotRequired[Annotated[bool, "Something of it may still run on the machine"]]


class LabelRecord(TypedDict):
    """One label."""

    key: str
    value: str


class CheckRecord(TypedDict):
    """One of the flow's `checks`, which did not hold when the execution was created."""

    message: str
    style: Annotated[str, "How it is shown: ERROR, SUCCESS, WARNING or INFO"]


class ExecutionRecord(TypedDict):
    """One execution of a flow: Kestra's shape, with where the flow came from."""

    schemaVersion: Literal[1]
    id: str
    namespace: str
    flowId: str
    flowRevision: int
    state: StateRecord
    taskRunList: Annotated[list[TaskRunRecord], "In the order in which they were created"]
    inputs: dict[str, Any]
    outputs: Annotated[dict[str, Any] | None, "The flow's outputs, once they are rendered"]
    variables: dict[str, Any]
    labels: list[LabelRecord]
    trigger: Annotated[dict[str, Any] | None, "What started it, where no person did"]
    scheduleDate: Annotated[str | None, "The moment that it is of, an ISO-8601 instant"]
    originalId: Annotated[str, "The first of those that it tries again or goes on for; its own id otherwise"]
    parentId: Annotated[str | None, "The execution that it tries again or goes on for"]
    error: str | None
    checks: Annotated[list[CheckRecord], "The checks of the flow that did not hold, in their order"]
    source: Annotated[dict[str, Any], "The repository, commit, path and blob of the flow"]


def as_record(execution: Execution) -> ExecutionRecord:
    """The whole execution, ready for JSON. Of what was computed from a secret it shows stars."""
    return {
        "schemaVersion": SCHEMA_VERSION,
        "id": execution.id,
        "namespace": execution.flow.namespace,
        "flowId": execution.flow.id,
        "flowRevision": execution.revision,
        "state": state_record(execution.state, execution.histories),
        "taskRunList": [run_record(execution, run) for run in execution.in_order()],
        "inputs": _plain(execution.inputs),
        "outputs": outputs_record(execution),
        "variables": _plain(execution.variables),
        "labels": [{"key": key, "value": value} for key, value in execution.labels.items()],
        "trigger": _plain(execution.trigger) if execution.trigger is not None else None,
        "scheduleDate": iso(execution.schedule_date) if execution.schedule_date is not None else None,
        "originalId": execution.original_id or execution.id,
        "parentId": execution.parent_id,
        "error": execution.error,
        "checks": [{"message": check["message"], "style": check["style"]} for check in execution.checks],
        "source": _plain(execution.source),
    }


def outputs_record(execution: Execution) -> dict[str, Any] | None:
    """The flow's outputs alone, as `as_record` gives them: a run of ten thousand tasks need not be drawn up whole."""
    if execution.outputs is None:
        return None
    return {str(key): _plain(each) for key, each in execution.outputs.items()}


def state_record(state: State, histories: Histories) -> StateRecord:
    start = histories[0][1]
    end = histories[-1][1] if state.is_terminal else None
    return {
        "current": state,
        "startDate": iso(start),
        "endDate": iso(end) if end is not None else None,
        "duration": format_duration(end - start) if end is not None else None,
        "histories": [{"state": each, "date": iso(at)} for each, at in histories],
    }


def run_record(execution: Execution, run: TaskRun) -> TaskRunRecord:
    record: TaskRunRecord = {
        "id": run.id,
        "executionId": execution.id,
        "namespace": execution.flow.namespace,
        "flowId": execution.flow.id,
        "taskId": run.task,
        "parentTaskRunId": run.parent,
        "value": run.value,
        "iteration": run.iteration,
        "state": state_record(run.state, run.histories),
        "attempts": [attempt_record(attempt) for attempt in run.attempts],
        "outputs": _plain(run.outputs) if run.outputs is not None else {},
    }
    if run.error is not None:
        record["error"] = run.error
    if run.orphan:
        record["orphanSuspected"] = True
    return record


def attempt_record(attempt: Attempt) -> AttemptRecord:
    ended = attempt.ended
    histories: list[tuple[State, Instant]] = [(State.CREATED, attempt.started), (State.RUNNING, attempt.started)]
    if ended is not None:
        histories.append((attempt.state, ended))
    record: AttemptRecord = {
        "number": attempt.number,
        "state": state_record(attempt.state, tuple(histories)),
        "exitCode": attempt.exit_code,
        "error": attempt.error,
        "metrics": [_plain(metric) for metric in attempt.metrics],
        "log": _plain(attempt.log),
        "usage": _plain(attempt.usage),
    }
    if attempt.lost:
        record["lost"] = True
    return record


def duration_of(histories: Histories, now: Instant) -> timedelta:
    """From the first state to the terminal one, or until `now`."""
    end = histories[-1][1] if histories[-1][0].is_terminal else now
    return end - histories[0][1]


def _plain(value: Any) -> Any:
    """Mappings as dicts, sequences as lists, stars for what is sealed: what `json` takes and a person may see."""
    if isinstance(value, str):
        return conceal(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
