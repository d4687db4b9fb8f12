"""One attempt of one task run: its world put together, its type run, its end put into words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from penstock.agent.clearing import Clearing
from penstock.agent.context import AttemptContext, Never, Said
from penstock.agent.log_file import kept_log
from penstock.agent.sharing import LateFiles, holder_of, live_holders
from penstock.agent.task_cache import TaskCaches
from penstock.agent.vault import Vault
from penstock.agent.worker import Claim
from penstock.agent.world import World, WorldOf
from penstock.errors import PenstockError, Retryable
from penstock.execution.event import (
    AttemptEnded,
    AttemptLost,
    Event,
    ExitRequested,
    LabelsChanged,
    VariablesChanged,
)
from penstock.execution.identity import attempt_name, idempotency_key, workspace_name
from penstock.execution.model import Execution, TaskRun
from penstock.execution.state import State
from penstock.execution.variables import Surroundings, variables
from penstock.expression import WallTimeExceeded
from penstock.flow.model import Flow, Kind, Level, Task, nothing
from penstock.ports.clock import Clock
from penstock.ports.executions import Executions
from penstock.ports.files import Files
from penstock.ports.http import Http
from penstock.ports.logs import LogKey, Logs, LogWriter
from penstock.ports.runner import OUTPUT_DIR, WORKING_DIR_MARK, Halt, Runners, Workspace
from penstock.tasks.base import (
    ChangeVariables,
    Exit,
    Furnishing,
    Result,
    SetLabels,
    TaskFailed,
    TaskLost,
    TaskStopped,
    TaskType,
)


@dataclass(frozen=True, slots=True)
class Equipment:
    """What every attempt of a session works with."""

    agent: str
    files: Files
    logs: Logs
    http: Http
    vault: Vault
    clock: Clock
    worlds: WorldOf
    executions: Executions
    around: Surroundings
    runners: Runners
    task_type: Callable[[str], TaskType]
    prepare: Callable[[TaskType, Task, Callable[[Any], Any]], Any]
    log_bytes: int = 1 << 30


class TaskAttempts:
    """Makes the attempts of a session's worker, and those of inline tasks for its executor. Thread-safe."""

    def __init__(self, equipment: Equipment) -> None:
        self._equipment = equipment
        self._clearing = Clearing(equipment.runners)
        self._caches = TaskCaches(equipment.files, equipment.vault)

    def make(self, flow: Flow, execution: Execution, claim: Claim, halt: Halt) -> AttemptEnded | AttemptLost:
        run = execution.runs[claim.run]
        task_type = self._equipment.task_type(flow.by_id[run.task].type)
        if claim.resumed and not task_type.adoptable:
            reason = "the process that ran it is gone"
            return AttemptLost(at=self._equipment.clock.now(), run=run.id, attempt=claim.attempt, reason=reason)
        key = LogKey(execution.id, run.id, claim.attempt)
        writer = self._equipment.logs.open(key, max_bytes=self._equipment.log_bytes)
        seen = self.seen(flow, execution, run)
        context = self._context(flow, execution, run, claim.attempt, seen, halt, writer, resumed=claim.resumed)
        if context.workspace is not None:
            self._clearing.join(context.workspace.name, context.name)
        try:
            ended = self._run(task_type, context)
        except TaskLost as error:
            self._clearing.note(context.name, context.used)
            writer.close(final=True)
            reason = self._equipment.vault.mask.text(error.message)
            return AttemptLost(at=self._equipment.clock.now(), run=run.id, attempt=claim.attempt, reason=reason)
        self._clearing.note(context.name, context.used)
        summary = writer.close(final=True)
        log: dict[str, Any] = {"bytes": summary.bytes, "digest": summary.digest, "lines": summary.lines}
        if summary.cut_bytes:
            log["cut"] = summary.cut_bytes
        if context.task.log_to_file:
            log["file"] = kept_log(context, self._equipment.logs.export(key))
        return replace(ended, log=log, usage=self._usage(context))

    def make_inline(
        self, flow: Flow, execution: Execution, run: TaskRun, seen: Mapping[str, Any], world: World, *, is_hurried: bool
    ) -> list[Event]:
        task_type = self._equipment.task_type(flow.by_id[run.task].type)
        said, context = self.sayer(flow, execution, run, len(run.attempts), seen, world)
        context.is_hurried = is_hurried
        ended = self._run(task_type, context)
        if context.task.log_to_file and said.lines:
            ended = replace(ended, log={**ended.log, "file": kept_log(context, said.text())})
        return [*self._effects(context), ended]

    def _effects(self, context: AttemptContext) -> Iterator[Event]:
        """What the attempt changes of its execution. Secrets among it are sealed."""
        at, run, attempt = self._equipment.clock.now(), context.run_id, context.attempt
        vault = self._equipment.vault
        for effect in context.effects:
            match effect:
                case SetLabels():
                    labels = {key: vault.mask.text(value) for key, value in effect.labels.items()}
                    yield LabelsChanged(at=at, run=run, attempt=attempt, labels=labels)
                case ChangeVariables():
                    values = vault.keep(effect.values)
                    yield VariablesChanged(at=at, run=run, attempt=attempt, values=values, removed=effect.removed)
                case Exit():
                    yield ExitRequested(at=at, run=run, attempt=attempt, state=effect.state)

    def now(self) -> datetime:
        return self._equipment.clock.now()

    def seen(self, flow: Flow, execution: Execution, run: TaskRun) -> Mapping[str, Any]:
        """What expressions of a program see: `workingDir` and `outputDir` beside the execution."""
        dirs = {"workingDir": WORKING_DIR_MARK, "outputDir": f"{WORKING_DIR_MARK}/{OUTPUT_DIR}"}
        return variables(flow, execution, run, self._equipment.around, dirs)

    def sayer(
        self, flow: Flow, execution: Execution, run: TaskRun, attempt: int, seen: Mapping[str, Any], world: World | None
    ) -> tuple[Said, AttemptContext]:
        """A context whose log is kept in the event: of inline tasks, and of tasks that are only rehearsed."""
        said = Said(self._equipment.clock.now)
        context = self._context(flow, execution, run, attempt, seen, _NEVER, said, resumed=False, world=world)
        context.said = said
        return said, context

    def over(self, execution: Execution, run: str) -> bool:
        """A task run that ended may have made room already, for the next round of its loop."""
        found = execution.runs.get(run)
        if found is not None and found.kind is not Kind.FLOWABLE:
            return False
        return self._clearing.over(workspace_name(self._equipment.agent, execution.id, run))

    def free(self, execution: str, run: str) -> None:
        self._clearing.clear(workspace_name(self._equipment.agent, execution, run))

    def clear(self, claim: Claim) -> None:
        self._clearing.clear(attempt_name(self._equipment.agent, claim.execution, claim.run, claim.attempt))

    def sweep(self, at_work: Callable[[], Sequence[tuple[str, Execution]]]) -> int:
        def kept() -> tuple[set[str], set[str]]:
            attempts: set[str] = set()
            shared: set[str] = set()
            for agent, execution in at_work():
                for run in execution.running:
                    attempts.add(attempt_name(agent, execution.id, run, len(execution.runs[run].attempts)))
                shared.update(workspace_name(agent, execution.id, run) for run in live_holders(execution))
            return attempts, shared

        return self._clearing.sweep(kept)

    def tidy(self) -> bool:
        return self._clearing.tidy()

    def _context(
        self,
        flow: Flow,
        execution: Execution,
        run: TaskRun,
        attempt: int,
        seen: Mapping[str, Any],
        halt: Halt,
        writer: LogWriter,
        *,
        resumed: bool,
        world: World | None = None,
    ) -> AttemptContext:
        equipment = self._equipment
        seen_from = world or equipment.worlds(flow, execution)
        context = AttemptContext(
            flow=flow,
            task=flow.by_id[run.task],
            execution_id=execution.id,
            run_id=run.id,
            attempt=attempt,
            epoch=run.attempts[-1].epoch if run.attempts else 0,
            agent=equipment.agent,
            idempotency_key=idempotency_key(execution.id, run.id, run.iteration),
            variables=seen,
            files=equipment.files,
            namespace_files=seen_from.namespace_files,
            http=equipment.http,
            executions=equipment.executions,
            halt=halt,
            log_writer=writer,
            resumed=resumed,
            world=seen_from,
            vault=equipment.vault,
            runners=equipment.runners,
            clock=equipment.clock,
        )
        holder = holder_of(flow, execution, run) if run.kind is not Kind.INLINE else None
        if holder is not None:
            context.holder = flow.by_id[holder.task]
            context.workspace = self._workspace(flow, execution, holder, context)
        return context

    def _workspace(self, flow: Flow, execution: Execution, holder: TaskRun, child: AttemptContext) -> Workspace:
        """The directory that `child` works in. Its files are put together by the first launch, as the holder sees the
        world; what is said about them stands in the child's log."""

        def files() -> Mapping[PurePosixPath, bytes | str]:
            task = flow.by_id[holder.task]
            seen = variables(flow, execution, holder, self._equipment.around)
            context = replace(child, task=task, run_id=holder.id, variables=seen)
            task_type = self._equipment.task_type(task.type)
            assert isinstance(task_type, Furnishing)
            return task_type.files(self._equipment.prepare(task_type, task, context.render_value), context)

        return Workspace(workspace_name(self._equipment.agent, execution.id, holder.id), LateFiles(files))

    def _run(self, task_type: TaskType, context: AttemptContext) -> AttemptEnded:
        """The end of the attempt. A fault of the task, ours included, ends this attempt and nothing else."""
        try:
            properties = self._equipment.prepare(task_type, context.task, context.render_value)
            result = self._result(task_type, properties, context)
        except TaskLost:
            raise
        except TaskStopped as stopped:
            return self._ended(context, State.KILLED, stopped.outputs, exit_code=stopped.exit_code)
        except TaskFailed as failure:
            context.log(Level.ERROR, failure.message)
            return self._ended(
                context,
                State.FAILED,
                failure.outputs,
                error=failure.message,
                exit_code=failure.exit_code,
                metrics=failure.metrics,
            )
        except PenstockError as error:
            if context.is_hurried and isinstance(error, WallTimeExceeded):
                raise  # where nobody waits it has more time
            message = error.message if error.help is None else f"{error.message}: {error.help}"
            context.log(Level.ERROR, message)
            return self._ended(context, State.FAILED, nothing(), error=message)
        except Exception as error:  # noqa: BLE001 - one task's bug must not reach its neighbours (P8)
            message = f"{context.task.type} has a bug: {type(error).__name__}: {error}"
            context.log(Level.ERROR, message)
            return self._ended(context, State.FAILED, nothing(), error=message)
        return self._of(context, result)

    def _result(self, task_type: TaskType, properties: Any, context: AttemptContext) -> Result:
        """What the attempt comes to, or what an earlier run of the task has come to."""
        if context.is_hurried and (context.task.cache is not None or context.task.log_to_file):
            raise WallTimeExceeded("the storage is asked by those who have time")
        if context.task.cache is None or context.resumed:
            return task_type.run(properties, context)
        key = self._caches.key(context)
        found = self._caches.find(key, context) if key is not None else None
        if found is not None:
            context.log(Level.DEBUG, "outputs of an earlier run are used again")
            return Result(found)
        result = task_type.run(properties, context)
        if key is not None and result.state is State.SUCCESS and not result.effects:
            self._caches.keep(key, result, context)
        return result

    def _of(self, context: AttemptContext, result: Result) -> AttemptEnded:
        context.effects = result.effects
        return self._ended(context, result.state, result.outputs, exit_code=result.exit_code, metrics=result.metrics)

    def _ended(
        self,
        context: AttemptContext,
        state: State,
        outputs: Mapping[str, Any],
        *,
        error: str | None = None,
        exit_code: int | None = None,
        metrics: tuple[Mapping[str, Any], ...] = (),
    ) -> AttemptEnded:
        return AttemptEnded(
            at=self._equipment.clock.now(),
            run=context.run_id,
            attempt=context.attempt,
            state=state,
            outputs=context.vault.keep(outputs),
            error=context.mask(error) if error is not None else None,
            exit_code=exit_code,
            metrics=metrics,
            log=context.said.as_log() if context.said is not None else nothing(),
        )

    def _usage(self, context: AttemptContext) -> Mapping[str, float]:
        usage: dict[str, float] = {}
        for kind in context.used:
            runner = self._equipment.runners.get(kind)
            with suppress(Retryable):  # how it ended is known, and that is what counts
                if runner.knows(context.name):
                    usage.update(runner.usage(context.name))
        return usage


_NEVER = Never()
