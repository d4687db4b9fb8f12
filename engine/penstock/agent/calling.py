"""Executions that a task run calls: the flow found, its inputs resolved as every other's, its end put into words.

What is rendered here is kept in the execution that it is of, and that one is written together with the event that tells
of it; so nothing is rendered twice, and no child is made twice (Kestra core, ExecutableUtils.subflowExecution).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from penstock.agent import iterating
from penstock.agent.called import CALLED
from penstock.agent.partners import Birth
from penstock.agent.vault import Vault
from penstock.agent.world import WorldOf
from penstock.diagnostic import FlowName
from penstock.errors import NotFound, PenstockError, Refused, Retryable, Stalled, UserError
from penstock.execution.deciding.timers import MOST_DEEP
from penstock.execution.event import Caller, ChildEnded, ChildRefused, ChildStarted
from penstock.execution.executable.base import is_set
from penstock.execution.identity import child_id
from penstock.execution.model import Execution, TaskRun
from penstock.execution.reopening import RESTARTED
from penstock.execution.standpoint import taskrun
from penstock.execution.state import State
from penstock.execution.variables import Surroundings, variables
from penstock.expression import Budget, WallTimeExceeded, is_slow, render_value
from penstock.expression.apart import remote
from penstock.flow.build import labels as labels_of
from penstock.flow.convert import instant
from penstock.flow.looping import LOOP, iteration_of
from penstock.flow.model import Flow, Task
from penstock.operations.start import Intake, Start, admission, prepare
from penstock.ports.clock import Clock
from penstock.ports.files import Files
from penstock.truth import is_truthy

NEW_EXECUTION = "NEW_EXECUTION"

SYSTEM = "system."
"""How labels begin that are not the user's."""


class TooDeep(Refused):
    """Executions call one another too deep: most likely a flow calls itself by a detour."""

    code = "PEN045"


class Uncallable(Refused):
    """The flow that a task calls is not there, or does not run."""

    code = "PEN046"


@dataclass(frozen=True, slots=True)
class Callee:
    """A flow that may be called, pinned to its text by its digest. `source` tells where it is from."""

    flow: Flow
    digest: str
    revision: int = 1
    source: Mapping[str, Any] = field(default_factory=dict)


class Callees(Protocol):
    def callee(self, caller: Execution, name: FlowName, revision: int | None) -> Callee:
        """The flow as it stands in what `caller` is pinned to, or in the `revision` that is named. Raises NotFound,
        Refused where it cannot be read as a flow."""
        ...


@dataclass(slots=True)
class Calls:
    """Thread-safe. `load` gives an execution with its task runs; `flow_of` the flow that one is pinned to;
    `keep_files` brings inputs that are files into the storage of the one that is to begin. `child` is
    the latest execution that was called there; `restart` has one that has failed go on, on somebody's behalf."""

    callees: Callees
    worlds: WorldOf
    vault: Vault
    clock: Clock
    around: Surroundings
    intake: Intake
    files: Files
    keep_files: Callable[[Start], Start]
    load: Callable[[str], Execution | None]
    child: Callable[[Caller], str | None]
    restart: Callable[[Execution, Flow, str], object]
    flow_of: Callable[[Execution], Flow]

    def is_slow(self, task: Task) -> bool:
        """Whether its properties ask for something that must be waited for."""
        return is_slow(self._properties(task))

    def bear(self, flow: Flow, execution: Execution, key: str, most: int, budget: Budget | None) -> list[Birth]:
        """The next executions of a task run, up to `most`; the last may be a refusal. With a `budget` nothing is waited
        for: raises WallTimeExceeded where that does not do."""
        run = execution.runs[key]
        assert run.family is not None
        births: list[Birth] = []
        for index in range(run.family.begun, run.family.begun + min(run.family.may_begin, most)):
            births.append(self._bear(flow, execution, run, index, budget))
            if isinstance(births[-1].event, ChildRefused):
                break
        return births

    def _bear(self, flow: Flow, execution: Execution, run: TaskRun, index: int, budget: Budget | None) -> Birth:
        try:
            return self._called(flow, execution, run, index, budget)
        except (Stalled, Retryable):
            raise
        except PenstockError as error:
            if budget is not None and isinstance(error, WallTimeExceeded):
                raise
            message = self.vault.mask.text(_told_with_code(error))
            return Birth(ChildRefused(at=self.clock.now(), run=run.id, index=index, error=message))

    def _called(self, flow: Flow, execution: Execution, run: TaskRun, index: int, budget: Budget | None) -> Birth:
        task = flow.by_id[run.task]
        called = CALLED[task.type]
        if (again := self._again(flow, execution, run, index)) is not None:
            return again
        if task.type == LOOP:
            return self._iteration(flow, execution, run, index)
        own = {**taskrun(flow, execution, run), **called.taskrun(flow, execution, run, index, self.files)}
        seen = variables(flow, execution, run, self.around, {"taskrun": own})
        given = self._rendered(flow, execution, self._properties(task), seen, budget)
        depth = _depth(execution)
        name, revision = FlowName(str(given["namespace"]), str(given["flowId"])), _revision(given.get("revision"))
        callee = self._callee(execution, name, revision)
        id_ = child_id(execution.id, run.id, index, len(run.attempts))
        assert run.family is not None
        start = Start(
            id=id_,
            flow=callee.flow,
            flow_digest=callee.digest,
            revision=callee.revision,
            inputs=given.get("inputs") or {},
            labels=_labels(execution, callee.flow, given),
            trigger={"id": task.id, "type": task.type, "variables": _told(flow, execution, run, own)},
            schedule_date=_date(given.get("scheduleDate") or given.get("scheduleOn")),
            source=callee.source,
            caller=Caller(execution.id, run.id, index, run.family.waits, depth),
        )
        now = self.clock.now()
        creation = prepare(self.keep_files(start), at=now, intake=self.intake)
        event = ChildStarted(
            at=now, run=run.id, index=index, child=id_, outputs=called.begun(flow, execution, run, id_)
        )
        return Birth(event, creation, callee.flow)

    def _iteration(self, flow: Flow, execution: Execution, run: TaskRun, index: int) -> Birth:
        """An execution of the loop's own tasks. Nothing of it is rendered: it has what its caller has."""
        now = self.clock.now()
        created = iterating.created(execution, run, index, _depth(execution), self.files, now)
        looped = iteration_of(flow, run.task)
        event = ChildStarted(at=now, run=run.id, index=index, child=created.id)
        return Birth(event, admission(looped, created), looped)

    def facts_of(self, flow: Flow, execution: Execution, key: str, facts: Mapping[str, Any]) -> Mapping[str, Any]:
        """`facts`, and what is found in files."""
        run = execution.runs[key]
        return CALLED[flow.by_id[run.task].type].facts(flow, execution, run, facts, self.files)

    def _breaks(self, flow: Flow, execution: Execution, run: TaskRun, child: Execution) -> bool:
        """Whether no iteration is to begin after `child`: it has failed, or `breakWhen` holds."""
        task = flow.by_id[run.task]
        if task.type != LOOP:
            return False
        if child.state in (State.FAILED, State.KILLED) and is_set(task, "transmitFailed"):
            return True
        condition = task.properties.get("breakWhen")
        if condition is None:
            return False
        item = {name: value for name, value in child.source["item"].items() if name != "parents"}
        told = {"executionId": child.id, "state": child.state.value, "outputs": child.outputs or {}}
        seen = variables(flow, execution, run, self.around, {"item": item, "iteration": told})
        budget = None if is_slow(condition) else Budget()
        rendered = self._rendered(flow, execution, {"breakWhen": condition}, seen, budget)
        return is_truthy(str(rendered["breakWhen"]))

    def _again(self, flow: Flow, execution: Execution, run: TaskRun, index: int) -> Birth | None:
        """In an execution that was restarted: the child that there is, which goes on where it has failed (Kestra docs,
        Subflow, `restartBehavior`)."""
        task = flow.by_id[run.task]
        if execution.labels.get(RESTARTED) != "true" or task.properties.get("restartBehavior") == NEW_EXECUTION:
            return None
        assert run.family is not None
        found = self.child(Caller(execution.id, run.id, index, run.family.waits, 1))
        child = self.load(found) if found is not None else None
        if child is None:
            return None
        if child.is_over and child.state is State.FAILED:
            self.restart(child, self.flow_of(child), f"the restart of execution {execution.id}")
        outputs = CALLED[task.type].begun(flow, execution, run, child.id)
        first = child.original_id or child.id
        return Birth(ChildStarted(at=self.clock.now(), run=run.id, index=index, child=first, outputs=outputs))

    def _callee(self, execution: Execution, name: FlowName, revision: int | None) -> Callee:
        try:
            callee = self.callees.callee(execution, name, revision)
        except NotFound as error:
            missing = f"Unable to find flow '{name.namespace}'.'{name.id}' with revision '{revision or 0}'"
            raise Uncallable(missing, help=error.help) from error
        except UserError as error:
            raise Uncallable(f"Cannot execute an invalid flow: {error.message}", help=error.help) from error
        if callee.flow.disabled:
            raise Uncallable("Cannot execute a flow which is disabled", help="remove `disabled: true` from it")
        return callee

    def _properties(self, task: Task) -> dict[str, Any]:
        return {name: task.properties[name] for name in _RENDERED if task.properties.get(name) is not None}

    def _rendered(
        self, flow: Flow, execution: Execution, value: Any, seen: Mapping[str, Any], budget: Budget | None
    ) -> dict[str, Any]:
        world = self.worlds(flow, execution)
        if budget is not None:
            rendered = render_value(value, seen, world=world, budget=budget)
        else:
            rendered = remote.render_value(value, seen, world=world)
        assert isinstance(rendered, dict)
        return rendered

    # ── ends ──

    def ended(self, flow: Flow, execution: Execution, child: Execution) -> ChildEnded:
        """What a task run of `execution` hears of the end of `child`. Raises Stalled, Retryable."""
        caller = child.caller
        assert caller is not None
        run = execution.runs[caller.run]
        task = flow.by_id[run.task]
        event = ChildEnded(
            at=self.clock.now(),
            run=run.id,
            index=caller.index,
            child=child.original_id or child.id,
            state=child.state,
        )
        try:
            event = replace(event, is_last=self._breaks(flow, execution, run, child))
            outputs = self._outputs(task, child)
            told = CALLED[task.type].ended(flow, execution, run, child, outputs, self.files)
        except (Stalled, Retryable):
            raise
        except PenstockError as error:
            return _untold(event, self.vault.mask.text(error.message), child)
        return replace(event, outputs=told)

    def _outputs(self, task: Task, child: Execution) -> Mapping[str, Any] | None:
        """The outputs of the child's flow; where that has none, what the task itself wishes to see of it (`outputs`,
        before Kestra 0.15)."""
        wished = task.properties.get("outputs") if task.type != LOOP else None
        if child.outputs is not None or not wished:
            return child.outputs
        flow = self.flow_of(child)
        whole = self.load(child.id)
        if flow.outputs or whole is None:
            return None
        seen = variables(flow, whole, None, self.around)
        budget = None if is_slow(wished) else Budget()
        kept: Mapping[str, Any] = self.vault.keep(self._rendered(flow, whole, dict(wished), seen, budget))
        return kept


def _told_with_code(error: PenstockError) -> str:
    """The sentence of the task run's failure. A limit, or a flow that is missing, goes by its name too."""
    return f"{error.message} ({error.code})" if isinstance(error, TooDeep | Uncallable) else error.message


_RENDERED = ("namespace", "flowId", "revision", "inputs", "labels", "inheritLabels", "scheduleDate", "scheduleOn")


def _depth(execution: Execution) -> int:
    """How deep what `execution` calls will be. Raises TooDeep."""
    depth = 1 if execution.caller is None else execution.caller.depth + 1
    if depth > MOST_DEEP:
        raise TooDeep(
            f"the subflow would be {depth} executions below the first one, and {MOST_DEEP} is the most",
            help="a flow may not call itself by a detour",
        )
    return depth


def _revision(given: Any) -> int | None:
    if given in (None, ""):
        return None
    try:
        return int(given)
    except (TypeError, ValueError) as error:
        raise UserError(f"the revision of a flow is a number, not `{given}`") from error


def _date(given: Any) -> datetime | None:
    if given in (None, ""):
        return None
    try:
        return instant(given)
    except ValueError as error:
        raise UserError(f"`scheduleDate` is no date: {error}") from error


def _labels(execution: Execution, callee: Flow, given: Mapping[str, Any]) -> dict[str, str]:
    """What the flow's own labels are overlaid with: the system's of the caller, or all that it has and the flow has
    not, and those that are given."""
    inherits = str(given.get("inheritLabels", "")).lower() == "true"
    inherited = {
        key: value
        for key, value in execution.labels.items()
        if (inherits and key not in callee.labels) or key.startswith(SYSTEM)
    }
    return {**inherited, **labels_of(_parsed(given.get("labels")))}


def _parsed(given: Any) -> Any:
    """Labels may be text that is a list or a mapping of them, in JSON."""
    if not isinstance(given, str):
        return given
    import json

    try:
        return json.loads(given)
    except ValueError as error:
        raise UserError(f"labels are a mapping or a list, not `{given}`") from error


def _told(flow: Flow, execution: Execution, run: TaskRun, own: Mapping[str, Any]) -> dict[str, Any]:
    """What the child sees as `trigger`. `own` is what the call sees of its task run."""
    told: dict[str, Any] = {
        "executionId": execution.id,
        "namespace": flow.namespace,
        "flowId": flow.id,
        "flowRevision": execution.revision,
        "taskRunId": run.id,
        "taskId": run.task,
    }
    if run.value is not None:
        told["taskRunValue"] = run.value
    if own.get("iteration") is not None:
        told["taskRunIteration"] = own["iteration"]
    if execution.is_iteration and execution.caller is not None:
        told |= {"loopTaskRunId": execution.caller.run, "loopIndex": execution.caller.index}
    return told


def _untold(event: ChildEnded, message: str, child: Execution) -> ChildEnded:
    outputs = {"executionId": child.id, "state": child.state.value}
    return replace(event, error=f"Failed to extract outputs with the error: '{message}'", outputs=outputs)
