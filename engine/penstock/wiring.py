"""Settings to adapters to services: the only place that builds adapters, each when it is first used."""

from __future__ import annotations

import os
import secrets as chance
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from penstock.diagnostic import FlowName
from penstock.errors import UserError
from penstock.execution.identity import random_id
from penstock.execution.model import Execution
from penstock.execution.variables import Surroundings
from penstock.flow.model import Dialect, Flow
from penstock.ports.clock import Clock, SystemClock
from penstock.ports.files import Files
from penstock.ports.git import Mirror, ResultsBranch
from penstock.ports.http import Http
from penstock.ports.logs import Logs
from penstock.ports.presence import Presence
from penstock.ports.runner import Runner
from penstock.ports.secrets import Mask, Secrets
from penstock.ports.store import Deployed, Session, Store

if TYPE_CHECKING:
    from penstock.agent.live import LiveSession as LiveSession
    from penstock.agent.once import Round as Round
    from penstock.agent.reconciler import Reconciled as Reconciled

GRACE = timedelta(seconds=10)
DEFAULT_SLOTS = 8
REPORT_TRIES = 100
PROCESS = "process"


def new_execution_id() -> str:
    """A fresh id: drawn here, at the edge, and nowhere else."""
    return random_id(chance.token_bytes(16))


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a session may do: which runners, which private addresses (`None`: all, as on one's own machine)."""

    runners: frozenset[str] = frozenset({PROCESS})
    reach: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Repository:
    """Where flows are read from. `prefix` is the folder that is looked into; the whole tree when it is empty."""

    url: str
    branch: str
    prefix: str = ""
    dialect: Dialect = Dialect.AUTO
    token_file: Path | None = None
    ssh_key: Path | None = None

    @property
    def identity(self) -> tuple[str, str, str]:
        """What tells one agent's data folder from another's."""
        return self.shown, self.branch, self.prefix

    @property
    def source(self) -> str:
        """What names it in the store."""
        return f"{self.shown}#{self.branch}:{self.prefix}"

    @property
    def shown(self) -> str:
        """The URL without user and password."""
        scheme, separator, rest = self.url.partition("://")
        if not separator:
            return self.url
        host, slash, path = rest.partition("/")
        return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


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
    variables: Mapping[str, Any] = field(default_factory=dict)
    _stack: ExitStack = field(default_factory=ExitStack)

    @cached_property
    def store(self) -> Store:
        from penstock.adapters.sqlite import SqliteStore

        store = SqliteStore(self.data / "store.db")
        self._stack.callback(store.close)
        return store

    @cached_property
    def files(self) -> Files:
        from penstock.adapters.files import LocalFiles

        return LocalFiles(self.data / "files")

    @cached_property
    def logs(self) -> Logs:
        from penstock.adapters.logs import FrameLogs

        return FrameLogs(self.data / "logs")

    @cached_property
    def presence(self) -> Presence:
        from penstock.adapters.presence import FilePresence

        return FilePresence(self.data / "sessions")

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

    def http(self, reach: tuple[str, ...] | None) -> Http:
        from penstock.adapters.http import GuardedHttp, Reach

        http = GuardedHttp(Reach(private=True) if reach is None else Reach.of(reach))
        self._stack.callback(http.close)
        return http

    @cached_property
    def flows(self) -> Any:
        from penstock.agent.flows import PinnedFlows

        return PinnedFlows(self.files)

    def flow_of(self, execution: Execution) -> Flow:
        """The flow that an execution is pinned to."""
        flow: Flow = self.flows.flow(execution)
        return flow

    def pin(self, flow: Flow, source: bytes) -> str:
        """Keep the text of a flow that an execution is about to be pinned to; its digest."""
        digest: str = self.flows.remember(flow, source)
        return digest

    def mirror(self, wish: Repository) -> Mirror:
        from penstock.adapters.git import Credentials, GitMirror

        credentials = Credentials(wish.token_file, wish.ssh_key)
        return GitMirror(wish.url, wish.branch, self.data / "mirror.git", credentials=credentials)

    def results_branch(self, wish: Repository, branch: str, author: str) -> ResultsBranch:
        from penstock.adapters.git import Credentials, GitResultsBranch

        credentials = Credentials(wish.token_file, wish.ssh_key)
        where = self.data / "results.git"
        return GitResultsBranch(wish.url, branch, where, author=author, credentials=credentials)

    def once(
        self,
        wish: Repository,
        live: LiveSession,
        *,
        name: str,
        record: bool,
        starts: Sequence[FlowName],
        tell: Callable[[str], None],
        on_reconciled: Callable[[Reconciled], None],
    ) -> Round:
        """One round of the main job on `live`, for one repository; `on_reconciled` hears before anything starts."""
        from penstock.agent.once import run_once
        from penstock.agent.reconciler import Reconciler
        from penstock.agent.recorder import Recorder
        from penstock.agent.scheduler import Scheduler

        reconciler = Reconciler(
            self.mirror(wish), self.store, self.clock, wish.source, wish.prefix, wish.dialect, self.pin
        )
        scheduler = Scheduler(
            self.store,
            live.session,
            self.clock,
            local_zone(os.environ),
            wish.shown,
            self.deployed_flow,
            new_execution_id,
            tell,
        )
        recorder = None
        if record:
            branch = self.results_branch(wish, results_branch_of(name, self.clock.now()), f"Penstock {name}")
            recorder = Recorder(self.store, self.logs, self.files, branch, self.clock)
        return run_once(live, reconciler, scheduler, recorder, starts=starts, tell=tell, on_reconciled=on_reconciled)

    def deployed_flow(self, deployed: Deployed) -> Flow:
        """The flow of a deployed revision, by its text."""
        flow: Flow = self.flows.of_digest(deployed.source_digest, deployed.path)
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
        from penstock.adapters.secrets import KeySeal
        from penstock.agent.attempt import Equipment, TaskAttempts
        from penstock.agent.executor import Executor
        from penstock.agent.live import live_session
        from penstock.agent.rehearsal import Rehearsal
        from penstock.agent.shell import DecisionShell
        from penstock.agent.vault import Vault
        from penstock.agent.worker import Worker
        from penstock.agent.world import World
        from penstock.tasks.registry import prepare, task_type

        allowance = allowance or Allowance()
        vault = Vault(self.mask, KeySeal(self.data / "seal.key"))
        around = Surroundings(envs=environment(os.environ), globals=self.variables, open=vault.open)

        def world(flow: Flow, execution: Execution) -> World:
            return World(flow, execution, self.secrets, self.files, self.clock, self.mask)

        real = TaskAttempts(
            Equipment(
                agent=name,
                files=self.files,
                logs=self.logs,
                http=self.http(allowance.reach),
                vault=vault,
                clock=self.clock,
                worlds=world,
                around=around,
                runners=lambda kind: self._runner(kind, allowance),
                task_type=task_type,
                prepare=prepare,
                log_bytes=log_bytes,
            )
        )
        wish = rehearsal or Rehearsing()
        attempts = Rehearsal(real, wish.mocks, dry=wish.dry, keep=wish.keep) if wish.is_any else real
        shell = DecisionShell(world, attempts, vault, self.clock, around)

        def executor_of(
            session: Session, afterwards: Callable[[], None], on_crash: Callable[[str, Exception], None]
        ) -> Executor:
            return Executor(
                self.store, session, self.flows, shell, self.clock, afterwards=afterwards, on_crash=on_crash
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

        with live_session(
            name=name,
            kind=kind,
            pid=os.getpid(),
            store=self.store,
            presence=self.presence,
            clock=self.clock,
            executor_of=executor_of,
            worker_of=worker_of,
        ) as session:
            yield session

    def _runner(self, kind: str, allowance: Allowance) -> Runner:
        if kind not in allowance.runners:
            raise UserError(
                f"the runner `{kind}` is not allowed here",
                help="start the agent with --allow-process-runner" if kind == PROCESS else None,
            )
        if kind == PROCESS:
            return self.process_runner
        raise UserError(f"the runner `{kind}` is not there yet: containers come in the next version")

    def close(self) -> None:
        self._stack.close()


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """`envs`: variables that begin with ENV_ (Kestra since 0.23) or KESTRA_ (before), lower case, without prefix."""
    found: dict[str, str] = {}
    for prefix in ("KESTRA_", "ENV_"):
        found |= {
            name.removeprefix(prefix).lower(): value for name, value in environ.items() if name.startswith(prefix)
        }
    return found


@contextmanager
def workplace(data: Path | None, *, secrets_file: Path | None = None) -> Iterator[Workplace]:
    """The workplace of a data folder; of a folder that goes with the context when `data` is None."""
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
        stack.callback(place.close)
        yield place


def source_of(path: str, content: bytes) -> dict[str, Any]:
    """Where a flow file that a person runs comes from (see `penstock.adapters.git.worktree`)."""
    if path == "<stdin>":
        return {"path": path}
    from penstock.adapters.git.worktree import provenance

    return provenance(Path(path), content)


def local_zone(environ: Mapping[str, str]) -> str:
    """The name of the zone of this machine: of schedules that name none (P4)."""
    named = environ.get("TZ", "").lstrip(":")
    if named and not named.startswith("/"):
        return named
    link = Path("/etc/localtime")
    parts = link.resolve().parts if link.exists() else ()
    if "zoneinfo" in parts:
        return "/".join(parts[parts.index("zoneinfo") + 1 :])
    return "UTC"


def results_branch_of(agent: str, now: datetime) -> str:
    """Where an agent's results go: a branch for each agent and month."""
    safe = "".join(each if each.isalnum() or each in "-_" else "-" for each in agent)
    return f"penstock/results/{safe}/{now:%Y-%m}"
