"""One data folder and the adapters that work on it, each built when it is first used; and live sessions on it."""

from __future__ import annotations

import os
import secrets as chance
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from penstock.errors import UserError
from penstock.execution.identity import random_id
from penstock.execution.model import Execution
from penstock.execution.variables import Surroundings, variables
from penstock.flow.model import Dialect, Flow
from penstock.operations.start import Intake, Start
from penstock.ports.clock import Clock, SystemClock
from penstock.ports.deployment import Deployed
from penstock.ports.executions import Executions
from penstock.ports.files import Files
from penstock.ports.http import Http
from penstock.ports.kv import Kv
from penstock.ports.logs import Logs
from penstock.ports.presence import Presence
from penstock.ports.runner import Runner, Runners
from penstock.ports.secrets import Mask, Secrets
from penstock.ports.store import Session, Store
from penstock.tasks.placement import CONTAINER, PROCESS
from penstock.wiring.choice import RunnerChoice
from penstock.wiring.containers import ContainerSetup
from penstock.wiring.files import NamespaceSources, tree_around
from penstock.wiring.surroundings import environment

if TYPE_CHECKING:
    from penstock.adapters.sqlite import SqliteStore
    from penstock.agent.calling import Calls
    from penstock.agent.live import LiveSession
    from penstock.agent.vault import Vault
    from penstock.agent.world import WorldOf
    from penstock.settings import Settings

GRACE = timedelta(seconds=10)
DEFAULT_SLOTS = 8
REPORT_TRIES = 100
MIRROR = "mirror.git"


def new_execution_id() -> str:
    """A fresh id: drawn here, at the edge, and nowhere else."""
    return random_id(chance.token_bytes(16))


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a session may do: which runners it has, which private addresses it may reach (`None`: all, as on one's own
    machine)."""

    runners: RunnerChoice = field(default_factory=RunnerChoice)
    containers: ContainerSetup = field(default_factory=ContainerSetup)
    reach: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Rehearsing:
    """What is not done for real: outputs by task, everything (`dry`), the tidying up (`keep`)."""

    mocks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    dry: bool = False
    keep: bool = False

    @property
    def is_any(self) -> bool:
        return bool(self.mocks) or self.dry or self.keep


@dataclass
class Workplace:
    """One data folder, and the adapters that work on it."""

    data: Path
    clock: Clock = field(default_factory=SystemClock)
    secrets_file: Path | None = None
    globals: Mapping[str, Any] = field(default_factory=dict)
    kestra: Mapping[str, Any] = field(default_factory=dict)
    _stack: ExitStack = field(default_factory=ExitStack)

    @cached_property
    def _sqlite(self) -> SqliteStore:
        from penstock.adapters.sqlite import SqliteStore

        store = SqliteStore(self.data / "store.db")
        self._stack.callback(store.close)
        return store

    @property
    def store(self) -> Store:
        return self._sqlite

    @property
    def kv(self) -> Kv:
        return self._sqlite.kv

    @cached_property
    def files(self) -> Files:
        from penstock.adapters.files import LocalFiles

        return LocalFiles(self.data / "files")

    @cached_property
    def namespace_sources(self) -> NamespaceSources:
        return NamespaceSources(self.data / MIRROR)

    def keep_files(self, wanted: Start, *, by_person: bool) -> Start:
        """`wanted` with its inputs that are files brought into the storage."""
        from penstock.operations.file_inputs import keep_files

        beside = self.namespace_sources.of(wanted.source)
        return keep_files(wanted, self.files, beside, by_person=by_person, at=self.clock.now(), intake=self.intake)

    def keep_answers(
        self, flow: Flow, execution: Execution, values: Mapping[str, Any], *, task: str | None = None
    ) -> Mapping[str, Any]:
        """What a person answers a Pause, with files in it brought into the storage."""
        from penstock.operations.file_inputs import keep_answers

        beside = self.namespace_sources.of(execution.source)
        return keep_answers(flow, execution, values, self.files, beside, task=task, intake=self.intake)

    @cached_property
    def logs(self) -> Logs:
        from penstock.adapters.logs import FrameLogs

        return FrameLogs(self.data / "logs")

    @cached_property
    def presence(self) -> Presence:
        from penstock.wiring.presence import presence_in

        return presence_in(self.data)

    @cached_property
    def mask(self) -> Mask:
        from penstock.adapters.secrets.masking import Masker

        return Masker()

    @cached_property
    def secrets(self) -> Secrets:
        from penstock.adapters.secrets import ChainedSecrets, EnvSecrets, FileSecrets

        own = [FileSecrets(self.secrets_file)] if self.secrets_file is not None else []
        return ChainedSecrets([*own, EnvSecrets(os.environ)])

    @cached_property
    def process_runner(self) -> Runner:
        from penstock.adapters.process import ProcessRunner

        return ProcessRunner(self.data / "work")

    @cached_property
    def vault(self) -> Vault:
        from penstock.adapters.secrets import KeySeal
        from penstock.agent.vault import Vault

        return Vault(self.mask, KeySeal(self.data / "seal.key"))

    @cached_property
    def around(self) -> Surroundings:
        """What expressions see beside the execution."""
        envs = environment(os.environ)
        return Surroundings(
            envs=envs, globals=self.globals, kestra=self.kestra, open=self.vault.open, load=self.store.load
        )

    @cached_property
    def intake(self) -> Intake:
        """What inputs go through. Their expressions ask no address: whoever starts executions does not wait."""
        from penstock.agent.web import NoWeb

        worlds = self.worlds(NoWeb())

        def render(
            flow: Flow, execution: Execution, value: Any, more: Mapping[str, Any], /, *, typed: bool = False
        ) -> Any:
            from penstock.expression import render, render_value  # only here: most starts render nothing

            seen = variables(flow, execution, None, self.around, more)
            if typed and isinstance(value, str):
                return render(value, seen, typed=True, world=worlds(flow, execution))
            return render_value(value, seen, world=worlds(flow, execution))

        return Intake(render, self.vault.secret, self.vault.keep)

    @cached_property
    def executions(self) -> Executions:
        """What tasks may ask and have done about executions."""
        from penstock.agent.executions import StoredExecutions

        return StoredExecutions(self.store, self.presence, self.logs, self.files, self.clock, self.intake, self.flow_of)

    def worlds(self, http: Http) -> WorldOf:
        from penstock.agent.world import World

        def world(flow: Flow, execution: Execution) -> World:
            beside = self.namespace_sources.of(execution.source)
            return World(
                flow,
                execution,
                self.secrets,
                self.files,
                self.clock,
                self.mask,
                beside,
                self.kv,
                http,
                self.logs,
                self.vault.open,
            )

        return world

    def http(self, reach: tuple[str, ...] | None) -> Http:
        from penstock.adapters.http import GuardedHttp, Reach

        http = GuardedHttp(Reach(private=True) if reach is None else Reach.of(reach))
        self._stack.callback(http.close)
        return http

    @cached_property
    def flows(self) -> Any:
        from penstock.agent.flows import PinnedFlows

        return PinnedFlows(self.files, self.store.text)

    def flow_of(self, execution: Execution) -> Flow:
        """The flow that an execution is pinned to."""
        flow: Flow = self.flows.flow(execution)
        return flow

    def pin(self, flow: Flow, source: bytes) -> str:
        """Keep the text of a flow that an execution is about to be pinned to; its digest."""
        digest: str = self.flows.remember(flow, source)
        return digest

    def deployed_flow(self, deployed: Deployed) -> Flow:
        """The flow of a deployed revision, by its text."""
        flow: Flow = self.flows.of_digest(deployed.source_digest, deployed.path, Dialect(deployed.dialect))
        return flow

    @contextmanager
    def session(
        self,
        *,
        name: str,
        kind: str,
        slots: int = DEFAULT_SLOTS,
        allowance: Allowance | None = None,
        rehearsal: Rehearsing | None = None,
        log_bytes: int = 1 << 30,
    ) -> Iterator[LiveSession]:
        """A live session on this folder: whoever runs executions does it through one.

        `rehearsal` stands between it and the real attempts: outputs given by hand, a dry run.
        """
        from penstock.agent.attempt import Equipment, TaskAttempts
        from penstock.agent.evaluator import Evaluator
        from penstock.agent.executor import Executor
        from penstock.agent.live import live_session
        from penstock.agent.rehearsal import Rehearsal
        from penstock.agent.shell import DecisionShell
        from penstock.agent.worker import Worker
        from penstock.tasks.registry import prepare, task_type

        allowance = allowance or Allowance()
        vault, around = self.vault, self.around
        http = self.http(allowance.reach)
        world = self.worlds(http)

        real = TaskAttempts(
            Equipment(
                agent=name,
                files=self.files,
                logs=self.logs,
                http=http,
                vault=vault,
                clock=self.clock,
                worlds=world,
                executions=self.executions,
                around=around,
                runners=self._runners(allowance),
                task_type=task_type,
                prepare=prepare,
                log_bytes=log_bytes,
            )
        )
        wish = rehearsal or Rehearsing()
        attempts = Rehearsal(real, wish.mocks, dry=wish.dry, keep=wish.keep) if wish.is_any else real
        shell = DecisionShell(world, attempts, vault, self.clock, around, self._calls(world))

        def executor_of(
            session: Session,
            afterwards: Callable[[], None],
            on_crash: Callable[[str, Exception], None],
            on_room: Callable[[], None],
        ) -> Executor:
            return Executor(
                self.store,
                session,
                self.flows,
                shell,
                self.clock,
                afterwards=afterwards,
                on_crash=on_crash,
                on_room=on_room,
            )

        def worker_of(executor: Executor, on_fault: Callable[[BaseException], None]) -> Worker:
            return Worker(
                self.store,
                executor,
                attempts,
                self.clock,
                slots=slots,
                grace=GRACE,
                on_fault=on_fault,
                report_tries=REPORT_TRIES,
            )

        def evaluator_of(
            executor: Executor, on_answered: Callable[[], None], on_fault: Callable[[BaseException], None]
        ) -> Evaluator:
            return Evaluator(executor, shell, on_answered=on_answered, on_fault=on_fault, tell_tries=REPORT_TRIES)

        with live_session(
            name=name,
            kind=kind,
            pid=os.getpid(),
            store=self.store,
            presence=self.presence,
            clock=self.clock,
            executor_of=executor_of,
            worker_of=worker_of,
            evaluator_of=evaluator_of,
        ) as session:
            yield session

    def _calls(self, worlds: WorldOf) -> Calls:
        """How executions are called by others."""
        from penstock.agent.callees import DeployedCallees
        from penstock.agent.calling import Calls
        from penstock.wiring.callees import KnownCallees, TreeCallees

        return Calls(
            callees=KnownCallees(TreeCallees(self.pin, source_of), DeployedCallees(self.store, self.deployed_flow)),
            worlds=worlds,
            vault=self.vault,
            clock=self.clock,
            around=self.around,
            intake=self.intake,
            files=self.files,
            keep_files=partial(self.keep_files, by_person=False),
            load=self.store.load,
            child=self.store.child,
            restart=self._restart,
            flow_of=self.flow_of,
        )

    def _restart(self, execution: Execution, flow: Flow, by: str) -> None:
        from penstock.operations.reopen import restart

        at = self.clock.now()
        restart(execution.id, by=by, at=at, store=self.store, presence=self.presence, flow=flow)

    def _runners(self, allowance: Allowance) -> Runners:
        from penstock.wiring.containers import docker_runner
        from penstock.wiring.runners import SessionRunners

        def containers() -> Runner:
            runner = docker_runner(self.data, allowance.containers, os.environ)
            self._stack.callback(runner.close)
            return runner

        return SessionRunners(
            allowance.runners,
            {PROCESS: lambda: self.process_runner, CONTAINER: containers},
        )

    def close(self) -> None:
        self._stack.close()


@contextmanager
def workplace(
    data: Path | None, *, secrets_file: Path | None = None, settings: Settings | None = None
) -> Iterator[Workplace]:
    """The workplace of a data folder; of a folder that goes with the context when `data` is None. What expressions see
    beside the execution is of the `settings`."""
    with ExitStack() as stack:
        folder = data if data is not None else Path(stack.enter_context(TemporaryDirectory(prefix="penstock-")))
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"the data folder {folder} cannot be made: {error.strerror}",
                help="choose another one with --data DIR or PENSTOCK_DATA",
            ) from error
        place = Workplace(folder, secrets_file=secrets_file)
        if settings is not None:
            told = {"environment": settings.variables.environment, "url": settings.variables.url}
            place.globals = settings.variables.globals
            place.kestra = {name: value for name, value in told.items() if value is not None}
        stack.callback(place.close)
        yield place


def source_of(path: str, content: bytes, namespace: str) -> dict[str, Any]:
    """Where a flow file that a person runs comes from (see `penstock.adapters.git.worktree`), and the folder that holds
    the files of its namespace."""
    if path == "<stdin>":
        return {"path": path}
    from penstock.adapters.git.worktree import provenance

    return {**provenance(Path(path), content), "folder": str(tree_around(Path(path), namespace))}
