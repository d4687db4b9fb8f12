"""What can happen to an execution: one frozen value for each fact and each decision.

Facts come from workers and people (`AttemptStarted`, `AttemptEnded`, `Evaluated`, `KillRequested`, …); decisions are
taken by `decide` and by nobody else. Both are recorded in one sequence, and the execution is their fold.
`run` names a task run; where it is None the event is about the execution itself.
"""

from __future__ import annotations

from penstock.execution.event.admission import (
    ExecutionAdmitted,
    ExecutionCreated,
    ExecutionQueued,
)
from penstock.execution.event.base import (
    Event,
    ExecutionEvent,
    Instant,
    Phase,
    Refusal,
    RunEvent,
    StopCause,
)
from penstock.execution.event.children import (
    Caller,
    ChildEnded,
    ChildRefused,
    ChildrenRequested,
    ChildStarted,
)
from penstock.execution.event.effects import ExitRequested, LabelsChanged, VariablesChanged
from penstock.execution.event.leaving import ExecutionLeaving, SlaViolated
from penstock.execution.event.overrides import (
    BreakpointReached,
    LabelsSet,
    RunForced,
    StatusChanged,
    Unqueued,
)
from penstock.execution.event.reopening import (
    Again,
    ExecutionInherited,
    ExecutionReopened,
    IterationAwaited,
    IterationBegun,
    Reason,
)
from penstock.execution.event.requests import (
    KillRequested,
    PauseRequested,
    ResumeRequested,
)
from penstock.execution.event.task_runs import (
    EvaluationRequested,
    FlowableClosing,
    FlowableStarted,
    ScopeOpened,
    TaskRunAdmitted,
    TaskRunCreated,
    TaskRunEnded,
    TaskRunPaused,
    TaskRunReleased,
    TaskRunResumed,
    TaskRunRetrying,
    TaskRunStopping,
)
from penstock.execution.event.whole import (
    ExecutionClosed,
    ExecutionEnded,
    ExecutionResumed,
    ExecutionStarted,
    ExecutionWaiting,
)
from penstock.execution.event.work import (
    AttemptEnded,
    AttemptLost,
    AttemptStarted,
    Evaluated,
    EvaluationFailed,
)

__all__ = [
    "Again",
    "AttemptEnded",
    "AttemptLost",
    "AttemptStarted",
    "BreakpointReached",
    "Caller",
    "ChildEnded",
    "ChildRefused",
    "ChildStarted",
    "ChildrenRequested",
    "Evaluated",
    "EvaluationFailed",
    "EvaluationRequested",
    "Event",
    "ExecutionAdmitted",
    "ExecutionClosed",
    "ExecutionCreated",
    "ExecutionEnded",
    "ExecutionEvent",
    "ExecutionInherited",
    "ExecutionLeaving",
    "ExecutionQueued",
    "ExecutionReopened",
    "ExecutionResumed",
    "ExecutionStarted",
    "ExecutionWaiting",
    "ExitRequested",
    "FlowableClosing",
    "FlowableStarted",
    "Instant",
    "IterationAwaited",
    "IterationBegun",
    "KillRequested",
    "LabelsChanged",
    "LabelsSet",
    "PauseRequested",
    "Phase",
    "Reason",
    "Refusal",
    "ResumeRequested",
    "RunEvent",
    "RunForced",
    "ScopeOpened",
    "SlaViolated",
    "StatusChanged",
    "StopCause",
    "TaskRunAdmitted",
    "TaskRunCreated",
    "TaskRunEnded",
    "TaskRunPaused",
    "TaskRunReleased",
    "TaskRunResumed",
    "TaskRunRetrying",
    "TaskRunStopping",
    "Unqueued",
    "VariablesChanged",
]
