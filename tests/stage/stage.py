"""Everything of an agent but its threads, its disk and its time: what happens on it is stepped by the test."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from fakes.files import MemoryFiles
from fakes.kv import MemoryKv
from fakes.logs import MemoryLogs
from fakes.namespace_files import MemoryNamespaceFiles
from fakes.presence import MemoryPresence
from fakes.store import MemoryStore
from penstock.adapters.secrets import EnvSecrets, KeySeal
from penstock.adapters.secrets.masking import Masker
from penstock.agent.attempt import Equipment, TaskAttempts
from penstock.agent.callees import DeployedCallees
from penstock.agent.calling import Calls
from penstock.agent.evaluator import Evaluator
from penstock.agent.executions import StoredExecutions
from penstock.agent.executor import Executor
from penstock.agent.flows import PinnedFlows
from penstock.agent.shell import DecisionShell
from penstock.agent.vault import Vault
from penstock.agent.web import NoWeb
from penstock.agent.worker import Claim, HaltSwitch, Worker
from penstock.agent.world import World
from penstock.diagnostic import Diagnostic, FlowName
from penstock.execution.apply import fold
from penstock.execution.event import AttemptEnded, AttemptLost, Event, ExecutionStarted
from penstock.execution.model import Execution, TaskRun
from penstock.execution.state import State
from penstock.execution.variables import Surroundings, variables
from penstock.expression import Budget, render, render_value
from penstock.flow.catalogue.catalog import load_catalog
from penstock.flow.model import Dialect, Flow
from penstock.flow.parse import parse_flow
from penstock.operations import overrule, reopen, request
from penstock.operations.file_inputs import keep_answers, keep_files
from penstock.operations.start import Intake, Start, prepare, start_of
from penstock.operations.transcript import transcript, with_what_left
from penstock.ports.clock import HeldClock
from penstock.ports.deployment import Deployed, Generation, Observation, Publication
from penstock.ports.files import Files
from penstock.ports.runner import Halt
from penstock.ports.store import Iterations, Query, Store
from penstock.tasks.registry import prepare as prepare_properties
from penstock.tasks.registry import task_type
from penstock.wiring.choice import RunnerChoice
from penstock.wiring.runners import SessionRunners
from stage.machine import Machine, VirtualHalt
from stage.programs import StageRunner

START = datetime(2026, 1, 1, tzinfo=UTC)
SLOTS = 100
GRACE = timedelta(seconds=10)
MOST_ROUNDS = 20_000
MOMENT = timedelta(milliseconds=1)
PATIENT = Budget(wall_s=10.0)
"""A busy machine decides nothing here."""

BY = "ada"


class NotValid(Exception):
    """A flow that is refused, with everything that was found in it."""

    def __init__(self, found: tuple[Diagnostic, ...]) -> None:
        self.found = found
        super().__init__("\n".join(f"{each.code} {each.message}" for each in found if each.is_error))


class StageWorker(Worker):
    """The worker that ships, whose attempts are made in virtual time."""

    machine: Machine

    def _spawn(self, claim: Claim, switch: HaltSwitch) -> None:
        self.machine.take(partial(self._work, claim, switch), switch)

    def perform(self, claim: Claim, halt: Halt) -> AttemptEnded | AttemptLost:
        return super().perform(claim, VirtualHalt(halt, self.machine))

    def _free_shared(self, execution: str, run: str) -> None:
        self._attempts.free(execution, run)


class StageAttempts(TaskAttempts):
    """The attempts that ship. Each takes a moment, as it does in the world."""

    def __init__(self, equipment: Equipment, clock: HeldClock) -> None:
        super().__init__(equipment)
        self._clock = clock

    def make(self, flow: Flow, execution: Execution, claim: Claim, halt: Halt) -> AttemptEnded | AttemptLost:
        self._clock.advance(MOMENT)
        return super().make(flow, execution, claim, halt)

    def make_inline(
        self, flow: Flow, execution: Execution, run: TaskRun, seen: Mapping[str, Any], world: World, *, is_hurried: bool
    ) -> list[Event]:
        self._clock.advance(MOMENT)
        return super().make_inline(flow, execution, run, seen, world, is_hurried=is_hurried)


class StageEvaluator(Evaluator):
    """The evaluator that ships, which answers in steps instead of threads."""

    def _spawn(self) -> None:
        return


def raised(error: BaseException) -> None:
    """A fault of the engine is a fault of the test."""
    raise error


@dataclass
class Stage:
    """`rests` is how the execution that was started first stood each time that nothing moved but the clock."""

    folder: Path
    dialect: Dialect = Dialect.AUTO
    environ: Mapping[str, str] = field(default_factory=dict)
    envs: Mapping[str, Any] = field(default_factory=dict)
    globals: Mapping[str, Any] = field(default_factory=dict)
    namespace_files: MemoryNamespaceFiles = field(default_factory=MemoryNamespaceFiles)
    crashes: list[Exception] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    rests: list[tuple[str, int]] = field(default_factory=list)
    store: Store = field(default_factory=MemoryStore)
    files: Files = field(default_factory=MemoryFiles)

    def __post_init__(self) -> None:
        self.clock = HeldClock(START)
        self.kv = MemoryKv()
        self.logs = MemoryLogs(self.clock)
        self.presence = MemoryPresence()
        self.machine = Machine(self.clock)
        self.vault = Vault(Masker(), KeySeal(self.folder / "seal.key"))
        self.around = Surroundings(self.envs, self.globals, open=self.vault.open, load=self.store.load)
        self.flows = PinnedFlows(self.files, self.store.text)
        self.session = self.store.open_session(name="stage", kind="agent", pid=1, at=START)
        self.intake = Intake(self._render, self.vault.secret, self.vault.keep)
        self.heard: dict[str, int] = {}
        self._generation = 0
        self._put_together()
        self.executor.listen(lambda execution, _: self.heard.setdefault(execution.id, len(self.heard)))

    def _put_together(self) -> None:
        runner = StageRunner(self.machine)
        attempts = StageAttempts(
            Equipment(
                agent="stage",
                files=self.files,
                logs=self.logs,
                http=NoWeb(),
                vault=self.vault,
                clock=self.clock,
                worlds=self._world,
                executions=StoredExecutions(
                    self.store, self.presence, self.logs, self.files, self.clock, self.intake, self.flows.flow
                ),
                around=self.around,
                runners=SessionRunners(RunnerChoice(forced="process"), {"process": lambda: runner}),
                task_type=task_type,
                prepare=prepare_properties,
            ),
            self.clock,
        )
        calls = Calls(
            callees=DeployedCallees(self.store, self.flow_of),
            worlds=self._world,
            vault=self.vault,
            clock=self.clock,
            around=self.around,
            intake=self.intake,
            files=self.files,
            keep_files=partial(self._keep_files, by_person=False),
            load=self.store.load,
            child=self.store.child,
            restart=self._restart,
            flow_of=self.flows.flow,
        )
        shell = DecisionShell(self._world, attempts, self.vault, self.clock, self.around, calls, hurry=PATIENT)
        self.executor = Executor(
            self.store,
            self.session,
            self.flows,
            shell,
            self.clock,
            on_crash=lambda _, error: self.crashes.append(error),
        )
        self.worker = StageWorker(
            self.store, self.executor, attempts, self.clock, slots=SLOTS, grace=GRACE, on_fault=raised
        )
        self.worker.machine = self.machine
        self.evaluator = StageEvaluator(self.executor, shell, on_fault=raised)

    def _world(self, flow: Flow, execution: Execution) -> World:
        return World(
            flow,
            execution,
            EnvSecrets(self.environ),
            self.files,
            self.clock,
            self.vault.mask,
            self.namespace_files,
            self.kv,
            NoWeb(),
            self.logs,
            self.vault.open,
        )

    def _render(
        self, flow: Flow, execution: Execution, value: Any, more: Mapping[str, Any], /, *, typed: bool = False
    ) -> Any:
        seen = {**variables(flow, execution, None, self.around), **more}
        rendered = partial(render, typed=True) if typed else render_value
        return rendered(value, seen, world=self._world(flow, execution), budget=PATIENT)

    def _restart(self, execution: Execution, flow: Flow, by: str) -> None:
        at = self.clock.now()
        reopen.restart(execution.id, by=by, at=at, store=self.store, presence=self.presence, flow=flow)

    def _keep_files(self, wanted: Start, *, by_person: bool) -> Start:
        now = self.clock.now()
        return keep_files(wanted, self.files, self.namespace_files, by_person=by_person, at=now, intake=self.intake)

    # ── flows ──

    def deploy(self, *sources: bytes) -> list[FlowName]:
        """Flows as they stand at a new head, each at its next revision. Raises NotValid."""
        parsed = [parse_flow(each, "flow.yaml", catalog=load_catalog(), dialect=self.dialect) for each in sources]
        flows = [each.flow for each in parsed if each.flow is not None]
        if len(flows) < len(sources):
            raise NotValid(tuple(found for each in parsed for found in each.diagnostics if each.flow is None))
        self._generation += 1
        at = self.clock.now()
        accepted = [self._accepted(flow, source) for flow, source in zip(flows, sources, strict=True)]
        texts = {each.source_digest: source for each, source in zip(accepted, sources, strict=True)}
        generation = Generation(self._generation, "stage", f"{self._generation:040}", at)
        self.store.publish(
            Publication(generation, accepted=tuple(accepted), texts=texts), Observation("stage", None, at)
        )
        return [flow.name for flow in flows]

    def _accepted(self, flow: Flow, source: bytes) -> Deployed:
        digest = sha256(source).hexdigest()
        revision = self.store.last_revisions([flow.name]).get(flow.name, 0) + 1
        return Deployed(
            flow=flow.name,
            revision=revision,
            canonical_digest=digest,
            source_digest=digest,
            path=f"{flow.id}.yaml",
            blob=digest[:40],
            commit=f"{self._generation:040}",
            accepted=self.clock.now(),
            generation=self._generation,
            disabled=flow.disabled,
            triggers=flow.triggers,
            dialect=flow.dialect.value,
        )

    def flow_of(self, deployed: Deployed) -> Flow:
        return self.flows.of_digest(deployed.source_digest, deployed.path, Dialect(deployed.dialect))

    # ── what people do ──

    def start(
        self,
        name: FlowName,
        inputs: Mapping[str, Any] | None = None,
        *,
        labels: Mapping[str, str] | None = None,
        date: datetime | None = None,
        breakpoints: Sequence[str] = (),
    ) -> str:
        """Start a deployed flow; its id. Raises Refused, InvalidInputs: then nothing was started."""
        deployed = self.store.deployed_flow(name)
        assert deployed is not None, f"{name} is not deployed"
        flow, id_ = self.flow_of(deployed), f"x{len(self.started) + 1}"
        now = self.store.generation()
        wanted = start_of(deployed, flow, inputs or {}, repository="stage", id_=id_, generation=now)
        wanted = replace(wanted, labels=labels or {}, schedule_date=date, breakpoints=tuple(breakpoints))
        kept = self._keep_files(wanted, by_person=True)
        creation = prepare(kept, at=self.clock.now(), intake=self.intake)
        self.started.append(id_)
        [written] = self.executor.begin([(creation, flow)])
        assert isinstance(written, Execution)
        self.settle()
        return id_

    def kill(self, id_: str, *, cascade: bool = True) -> None:
        self._ask(request.kill, id_, cascade=cascade)

    def pause(self, id_: str) -> None:
        self._ask(request.pause, id_)

    def resume(
        self,
        id_: str,
        values: Mapping[str, Any] | None = None,
        *,
        task: str | None = None,
        review: request.Review | None = None,
    ) -> None:
        execution = self.execution(id_)
        given = keep_answers(
            self.flows.flow(execution), execution, values or {}, self.files, self.namespace_files,
            task=task, intake=self.intake,
        )  # fmt: skip
        self._ask(request.resume, id_, values=given, task=task, intake=self.intake, review=review)

    def force_run(self, id_: str) -> None:
        self._ask(overrule.force_run, id_)

    def unqueue(self, id_: str) -> None:
        self._ask(overrule.unqueue, id_)

    def set_labels(self, id_: str, labels: Mapping[str, str]) -> None:
        self._ask(overrule.set_labels, id_, labels=labels)

    def delete(self, id_: str) -> None:
        overrule.delete(id_, store=self.store, logs=self.logs, files=self.files)

    def restart(self, id_: str, *, revision: int | None = None) -> Execution:
        """Restart it; how it stands before anything of it happens."""
        if revision is None:
            return reopen.restart(id_, **self.told(id_))
        return reopen.restart_as(self._another(id_, revision), self._means, by=BY, at=self.clock.now())

    def replay(
        self,
        id_: str,
        *,
        run: str | None = None,
        revision: int | None = None,
        inputs: Mapping[str, Any] | None = None,
    ) -> str:
        """Replay it, whole or from a task run on; the id of the new execution, of which nothing has happened."""
        wanted = replace(self._another(id_, revision), inputs=inputs or {})
        if run is None:
            return reopen.replay(wanted, self._means, at=self.clock.now()).id
        return reopen.replay_from(wanted, run, self._means, by=BY, at=self.clock.now()).id

    def change_status(self, id_: str, run: str, state: str) -> Execution:
        """Give a task run another state; how the execution stands before it goes on."""
        return reopen.change_status(id_, run, State(state), **self.told(id_))

    @property
    def _means(self) -> reopen.Means:
        return reopen.Means(self.store, self.presence, self.files, self.intake)

    def _another(self, id_: str, revision: int | None) -> reopen.Wanted:
        old = self.execution(id_)
        new = f"x{len(self.started) + 1}"
        self.started.append(new)
        if revision is None:
            return reopen.Wanted(new, old, reopen.Revision(self.flows.flow(old), old.flow_digest, old.revision))
        [deployed] = [each for each in self.store.revisions(old.flow) if each.revision == revision]
        flow = self.flow_of(deployed)
        return reopen.Wanted(new, old, reopen.Revision(flow, deployed.source_digest, revision))

    def told(self, id_: str) -> dict[str, Any]:
        flow = self.flows.flow(self.execution(id_))
        return {"by": BY, "at": self.clock.now(), "store": self.store, "presence": self.presence, "flow": flow}

    def _ask(self, word: Callable[..., object], id_: str, **more: Any) -> None:
        word(id_, **self.told(id_), **more)
        self.settle()

    # ── time ──

    def settle(self) -> None:
        """Everything happens that takes no time."""
        for _ in range(MOST_ROUNDS):
            moved = self.executor.wake() + self.executor.catch_up() + self.executor.hear() + self.executor.let_in()
            moved += self.worker.fill() + self.machine.step()
            while self.evaluator.step():
                moved += 1
            if self.crashes:
                raise self.crashes[0]
            if not moved:
                return
        raise AssertionError("it does not come to rest")

    def _next(self) -> datetime | None:
        due = self.store.next_due(self.session)
        return min([*self.machine.moments(), *([due] if due is not None else [])], default=None)

    def rest(self) -> None:
        """Time passes until nothing moves but people."""
        for _ in range(MOST_ROUNDS):
            self.settle()
            moment = self._next()
            if moment is None:
                return
            self._note_rest()
            self.clock.set(max(moment, self.clock.now()))
        raise AssertionError("it does not come to rest")

    def passes(self, time: timedelta) -> None:
        """So much time passes, moment by moment."""
        until = self.clock.now() + time
        self.settle()
        while (moment := self._next()) is not None and moment <= until:
            self._note_rest()
            self.clock.set(max(moment, self.clock.now()))
            self.settle()
        self.clock.set(until)

    def _note_rest(self) -> None:
        if self.started:
            execution = self.execution(self.started[0])
            self.rests.append((execution.state.value, len(execution.runs)))

    # ── what is seen ──

    def execution(self, id_: str) -> Execution:
        """As the store has it."""
        loaded = self.store.load(id_)
        assert loaded is not None, f"there is no execution {id_}"
        return loaded

    def as_admitted(self, id_: str) -> Execution:
        """As it was when it was created, before anything of it happened."""
        log = self.store.events(id_)
        begins = next((at for at, event in enumerate(log) if isinstance(event, ExecutionStarted)), len(log))
        return fold(log[:begins])

    def executions(self) -> list[Execution]:
        """All of them, in the order of their creation."""
        found = [each.id for each in self.store.summaries(Query(limit=100_000, iterations=Iterations.TOO))]
        return [self.execution(id_) for id_ in sorted(found, key=lambda id_: (self.heard.get(id_, len(found)), id_))]

    def lines(self, id_: str) -> list[tuple[TaskRun, str, str]]:
        """What was said: by whom, how severe, in which words."""
        execution = with_what_left(self.execution(id_), lambda: self.store.events(id_))
        return [
            (execution.runs[line.key.run], line.level.value, line.text) for line in transcript(self.logs, execution)
        ]

    def check(self) -> None:
        """What the store shows of each execution is the fold of its log."""
        for execution in self.executions():
            assert fold(self.store.events(execution.id)) == execution


@contextmanager
def stage(
    *,
    dialect: Dialect = Dialect.AUTO,
    environ: Mapping[str, str] | None = None,
    envs: Mapping[str, Any] | None = None,
    globals_: Mapping[str, Any] | None = None,
    store: Store | None = None,
    files: Files | None = None,
) -> Iterator[Stage]:
    """A stage with nothing on it; in memory, unless it is told where."""
    kept, contents = store or MemoryStore(), files or MemoryFiles()
    with tempfile.TemporaryDirectory() as folder:
        made = Stage(Path(folder), dialect, environ or {}, envs or {}, globals_ or {}, store=kept, files=contents)
        try:
            yield made
        finally:
            made.machine.dismiss()
