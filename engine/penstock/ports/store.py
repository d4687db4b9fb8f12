"""The store: executions as logs with projections, sessions that hold them, what is deployed, what is due.

Every append is one transaction: events, the rows they touch, and the moment at which the execution is to be looked
at again. Nothing in here decides anything: it keeps, and it answers queries.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from penstock.diagnostic import FlowName
from penstock.errors import Conflict
from penstock.execution.event import Event, Instant
from penstock.execution.model import Execution
from penstock.execution.state import State


class Fenced(Conflict):
    """The execution belongs to another session, or to a later epoch of this one: leave it alone, read again."""

    code = "PEN031"


@dataclass(frozen=True, slots=True)
class Session:
    """One process that settles executions: the agent, or one `penstock run`. `epoch` grows with every session that
    is opened on this store, so that whoever takes over has the larger one."""

    id: str
    name: str
    kind: str
    epoch: int
    pid: int
    opened: Instant
    closed: Instant | None = None
    renewed: Instant | None = None


@dataclass(frozen=True, slots=True)
class Claimable:
    """A task run that is ready for a worker."""

    execution: str
    run: str


@dataclass(frozen=True, slots=True)
class Summary:
    """One line of a list of executions."""

    id: str
    flow: FlowName
    revision: int
    state: State
    created: Instant
    ended: Instant | None
    labels: Mapping[str, str]
    trigger: Mapping[str, Any] | None
    session: str | None


@dataclass(frozen=True, slots=True)
class Slot:
    """One due date of one trigger: at most one execution for each (P4). `origin` is `schedule` or a backfill's id."""

    flow: FlowName
    trigger: str
    date: Instant
    origin: str = "schedule"


@dataclass(frozen=True, slots=True)
class Deployed:
    """A flow in force. `problem` is set while its file at the head is not valid: the last good revision stays.
    `blocked` names the types that cannot run here. `blob` and `commit` are Git object ids."""

    flow: FlowName
    revision: int
    canonical_digest: str
    source_digest: str
    path: str
    blob: str
    commit: str
    accepted: Instant
    disabled: bool = False
    problem: str | None = None
    blocked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a trigger has come: every slot up to and including `reached` is dealt with. `fingerprint` is of what
    defines its slots (cron, zone): when that changes, the cursor begins anew."""

    flow: FlowName
    trigger: str
    reached: Instant
    fingerprint: str
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Observation:
    """What the reconciler saw last of a source: `commit` at `at`, and what went wrong, if anything did."""

    source: str
    commit: str | None
    at: Instant
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """Which executions to list: all given conditions hold. Newest first."""

    flow: FlowName | None = None
    namespace: str | None = None
    states: tuple[State, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    limit: int = 50
    before: Instant | None = None


class Store(Protocol):
    """Thread-safe, and safe between processes on one machine. A method either did all or nothing.

    Raises Stalled when the medium cannot keep it (full, read-only, corrupt, from a later version: the message says
    which, and what to do), Retryable when somebody else holds the write lock for too long.
    """

    # ── sessions ──

    def open_session(self, *, name: str, kind: str, pid: int, at: Instant) -> Session: ...

    def renew_session(self, session: Session, *, at: Instant) -> None:
        """Raises Fenced when the session was closed or taken over meanwhile."""
        ...

    def close_session(self, session: Session, *, at: Instant) -> None: ...

    def sessions(self, *, open_only: bool = True) -> list[Session]: ...

    def take_over(self, execution: str, *, by: Session) -> None:
        """Make `by` the holder, unless a session with a larger epoch is: then Fenced."""
        ...

    def holder(self, execution: str) -> Session | None: ...

    # ── executions ──

    def create(
        self,
        execution: Execution,
        events: Sequence[Event],
        *,
        due: Instant | None,
        session: Session | None,
        slot: Slot | None = None,
    ) -> bool:
        """Admit an execution: durable when this returns (P1). False, and nothing written, when its id or its slot
        is known already. With a `slot` the trigger's cursor moves to its date in the same transaction."""
        ...

    def append(
        self,
        execution: Execution,
        events: Sequence[Event],
        *,
        due: Instant | None,
        session: Session | None,
    ) -> None:
        """Append `events`, of which `execution` is the fold: its last sequence before them must be
        `execution.seq - len(events)`, else Conflict. `session` must hold the execution, else Fenced; None is an
        operator's word, which needs no hold."""
        ...

    def load(self, execution: str) -> Execution | None:
        """From the projection, never from the log."""
        ...

    def events(self, execution: str, *, after: int = 0) -> list[Event]:
        """In order, from sequence `after + 1` on."""
        ...

    def find(self, prefix: str, *, limit: int = 10) -> list[str]:
        """The ids that begin with `prefix`, newest first."""
        ...

    def summaries(self, query: Query) -> list[Summary]: ...

    def delete(self, execution: str) -> None: ...

    # ── work, as queries ──

    def claimable(self, session: Session, *, limit: int) -> list[Claimable]:
        """Ready task runs of the executions that `session` holds: fewest running in its execution first, then in
        its flow, then the oldest. Executions that are held by an operator's pause are left out."""
        ...

    def due(self, session: Session, *, now: Instant, limit: int) -> list[str]:
        """Executions whose moment has come."""
        ...

    def next_due(self, session: Session) -> Instant | None: ...

    def unfinished(self, session: Session) -> list[str]:
        """Executions that `session` holds and that are not over, oldest first."""
        ...

    def orphaned(self) -> list[tuple[str, Session]]:
        """Executions that are not over, with the session that holds each, open or not; the caller asks who lives."""
        ...

    def touched(self, session: Session, *, after: int) -> tuple[list[str], int]:
        """Executions held by `session` to which somebody else appended since the mark `after`, and the new mark.
        Costs next to nothing when nobody did."""
        ...

    # ── what is deployed ──

    def deploy(self, *, accepted: Iterable[Deployed], removed: Iterable[FlowName], observation: Observation) -> None:
        """Publish a generation: all of it or nothing."""
        ...

    def deployed(self) -> dict[FlowName, Deployed]: ...

    def observe(self, observation: Observation) -> None: ...

    def observation(self, source: str) -> Observation | None: ...

    def observations(self) -> list[Observation]: ...

    def cursors(self) -> list[Cursor]: ...

    def set_cursors(self, cursors: Iterable[Cursor]) -> None: ...

    # ── results ──

    def unrecorded(self, sink: str, *, limit: int, kind: str) -> list[str]:
        """Executions that are over, were held by a session of that kind (`agent`), and whose results `sink` has not
        acknowledged, oldest first."""
        ...

    def mark_recorded(self, sink: str, executions: Iterable[str], *, place: str, at: Instant) -> None: ...

    # ── itself ──

    def commits(self) -> int:
        """How many transactions this process has committed: benchmarks print it."""
        ...

    def close(self) -> None: ...
