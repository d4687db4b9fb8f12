"""The store: executions as logs with projections, sessions that hold them, what is deployed, what is due.

Every append is one transaction: events, the rows they touch, and the moment at which the execution is to be looked
at again. Nothing in here decides anything: it keeps, and it answers queries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from penstock.diagnostic import FlowName
from penstock.errors import Conflict
from penstock.execution.event import Caller, Event, Instant
from penstock.execution.model import Execution
from penstock.execution.state import State
from penstock.ports.deployment import (
    Backfill,
    Cursor,
    Deployed,
    Generation,
    Observation,
    Publication,
    Slot,
    TreeFile,
    TreeMark,
)


class Fenced(Conflict):
    """The execution belongs to another session, or to a later epoch of this one: leave it alone, read again."""

    code = "PEN031"


AGENT = "agent"
"""The kind of session whose results are recorded; the other is `run`."""


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
    caller: Caller | None = None
    item: Mapping[str, Any] | None = None
    """What an iteration of a Loop is of: its `value`, `index` and `key`."""


@dataclass(frozen=True, slots=True)
class Creation:
    """An execution that is to be admitted: its first events, and their fold.

    Where `limit` executions of its flow go on already (all that are not over, but for those that wait to be let in),
    `crowded` is written in its place. `slot` is the due date of which it comes.
    """

    execution: Execution
    events: tuple[Event, ...]
    due: Instant | None
    slot: Slot | None = None
    limit: int | None = None
    crowded: tuple[Execution, tuple[Event, ...]] | None = None


class Unadmitted(StrEnum):
    """Why nothing was written: its id or its slot is `KNOWN` already, or its slot is `HELD` back by an execution."""

    KNOWN = "known"
    HELD = "held"


class Crowded(Conflict):
    """No room: as many executions of the flow go on as may."""

    code = "PEN033"


class Iterations(StrEnum):
    """Iterations of a Loop belong to their execution: who lists executions leaves them out, unless he wants them too,
    or them alone."""

    OUT = "out"
    TOO = "too"
    ALONE = "alone"


@dataclass(frozen=True, slots=True)
class Query:
    """Which executions to list: all given conditions hold. Newest first. `caller` is the execution that has called
    them, `caller_run` its task run."""

    flow: FlowName | None = None
    namespace: str | None = None
    states: tuple[State, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    limit: int = 50
    before: Instant | None = None
    after: Instant | None = None
    iterations: Iterations = Iterations.OUT
    caller: str | None = None
    caller_run: str | None = None


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

    def inherit(self, dead: Session, *, by: Session) -> list[str]:
        """Make `by` the holder of everything of `dead` that is not over, in one transaction: the ids of what must be
        looked at, oldest first: all but what waits for a person (and was told nothing by one), for its turn, or for
        its time."""
        ...

    def holder(self, execution: str) -> Session | None: ...

    # ── executions ──

    def create(
        self, creations: Sequence[Creation], *, session: Session | None, told: bool = False
    ) -> list[Execution | Unadmitted]:
        """Admit executions, all in one transaction: durable when this returns (P1). For each what was written, or why
        nothing was. With a `slot` the trigger's cursor moves to its date in the same transaction; executions of a
        flow are counted there too. `told`: `session` is somebody else's, and is to hear of them by `touched`."""
        ...

    def append(
        self,
        execution: Execution,
        events: Sequence[Event],
        *,
        due: Instant | None,
        session: Session | None,
        room: int | None = None,
        births: Sequence[Creation] = (),
    ) -> list[Execution | Unadmitted]:
        """Append `events`, of which `execution` is the fold: its last sequence before them must be
        `execution.seq - len(events)`, else Conflict. `session` must hold the execution, else Fenced; None is an
        operator's word, which needs no hold. With `room` the other executions of its flow that were let in are counted
        in the same transaction: Crowded where there are so many already.

        `births` are executions that the events tell of. They are admitted in the same transaction as by `create`, after
        the events, and held by whoever holds this execution: for each what was written, or why nothing was."""
        ...

    def load(self, execution: str) -> Execution | None:
        """From the projection, never from the log."""
        ...

    def events(self, execution: str, *, after: int = 0) -> list[Event]:
        """In order, from sequence `after + 1` on."""
        ...

    def unheard(self, session: Session, *, limit: int) -> list[Execution]:
        """Executions that are over, whose ends a task run waits for that `session` holds and that knows nothing of it
        yet: no `ChildEnded` of theirs was appended. Without their task runs. Of one that is RETRIED the end of what
        follows on it is waited for. The cost is by what is found."""
        ...

    def hear(self, caller: Caller) -> None:
        """Nobody waits for the end of that child any more."""
        ...

    def called(self, execution: str, *, run: str | None = None, within: bool = False) -> list[str]:
        """Those that task runs of `execution` (or `run` of it) have called and that are not over, waited for or not,
        oldest first; `within`: iterations of a Loop alone."""
        ...

    def child(self, caller: Caller) -> str | None:
        """The latest execution that was called there, whatever has become of it."""
        ...

    def bereaved(self, session: Session) -> list[str]:
        """Executions of `session` that go on and are not being killed, though the one that has called them was, or is.
        The cost is by executions that were called and go on."""
        ...

    def find(self, prefix: str, *, limit: int = 10) -> list[str]:
        """The ids that begin with `prefix`, newest first."""
        ...

    def summaries(self, query: Query) -> list[Summary]: ...

    def count(self, query: Query) -> int:
        """How many `query` would list, if it had no limit."""
        ...

    def delete(self, execution: str, *, at: int | None = None) -> None:
        """Forget it, and that its results wait. Its slot stays taken. Conflict where it does not stand `at` that
        sequence any more."""
        ...

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

    def at_work(self) -> list[tuple[str, Session]]:
        """Executions with attempts that are being made, whoever holds them, each with its holder."""
        ...

    def queued(self, session: Session) -> list[str]:
        """Of each flow the execution of `session` that has waited longest to be let in, oldest first; what is being
        killed waits no more. The cost is by flows."""
        ...

    def touched(self, session: Session, *, after: int) -> tuple[list[str], int]:
        """Executions held by `session` to which somebody else appended since the mark `after`, and the new mark: those,
        too, that are over by it. Costs next to nothing when nobody did."""
        ...

    # ── what is deployed ──

    def publish(self, publication: Publication, observation: Observation) -> None:
        """Publish a generation: all of it or nothing. Cursors and open backfills of removed flows go with them.

        Raises Conflict when one with its number, or a later one, is in force."""
        ...

    def generation(self) -> Generation | None:
        """The one in force."""
        ...

    def pinned_commits(self) -> set[str]:
        """The commits of the generation in force, and of those that executions which are not over began with."""
        ...

    def deployed(self) -> dict[FlowName, Deployed]: ...

    def deployed_flow(self, flow: FlowName) -> Deployed | None: ...

    def revisions(self, flow: FlowName) -> list[Deployed]:
        """Every revision that was ever accepted, newest first."""
        ...

    def last_revisions(self, flows: Iterable[FlowName]) -> dict[FlowName, int]:
        """The highest revision that each of `flows` ever had; those that had none are left out."""
        ...

    def text(self, digest: str) -> bytes | None:
        """The source of a flow that was published, by its SHA-256."""
        ...

    def tree(self, source: str) -> tuple[TreeMark | None, list[TreeFile]]:
        """What the files of a source came to, and of which commit that is."""
        ...

    def observe(self, observation: Observation) -> None: ...

    def observation(self, source: str) -> Observation | None: ...

    def observations(self) -> list[Observation]: ...

    # ── triggers ──

    def cursors(self) -> list[Cursor]: ...

    def set_cursors(self, cursors: Iterable[Cursor]) -> None:
        """As they are given, a person's word: whether one is disabled too."""
        ...

    def begin_cursors(self, cursors: Iterable[Cursor]) -> None:
        """New ones as they are given; of those that are there `reached` and `fingerprint` alone."""
        ...

    def advance_cursors(self, cursors: Iterable[Cursor]) -> None:
        """Move `reached` on, never back; nothing else of them changes, and none is made."""
        ...

    def fired_last(self) -> dict[tuple[FlowName, str], tuple[Instant, str]]:
        """The latest slot of each trigger that yielded an execution, and that execution. The cost is by triggers."""
        ...

    def slot_dates(self, flow: FlowName, trigger: str, *, start: Instant, end: Instant) -> set[Instant]:
        """The slots of a trigger that yielded an execution, whatever their origin; both ends included."""
        ...

    def active_triggers(self) -> dict[str, tuple[FlowName, str]]:
        """Executions of schedules that are not over, with the trigger of each."""
        ...

    def put_backfill(self, backfill: Backfill) -> None: ...

    def change_backfill(self, id_: str, change: Callable[[Backfill], Backfill]) -> Backfill | None:
        """Make of a backfill what `change` makes of it as it is now, in one transaction: what somebody else has said
        meanwhile is not lost. None where there is none of that id. What `change` raises leaves it as it was."""
        ...

    def backfills(self, *, open_only: bool = True) -> list[Backfill]:
        """Oldest first. Open ones are RUNNING or PAUSED."""
        ...

    # ── results ──

    def unrecorded(self, sink: str, *, limit: int, now: Instant) -> list[str]:
        """The results (`Execution.result_id`) of executions of agents that are over, which `sink` has neither
        acknowledged nor put off beyond `now`, oldest end first. The cost is by what waits, never by what was
        recorded."""
        ...

    def count_unrecorded(self, sink: str) -> int:
        """How many wait for `sink`, put off or not; those that were given up are not counted."""
        ...

    def knows_sink(self, sink: str) -> bool:
        """Whether `sink` has ever taken a result, or put one off."""
        ...

    def mark_recorded(self, sink: str, executions: Iterable[str], *, place: str, at: Instant) -> None: ...

    def put_off(self, sink: str, execution: str, *, until: Instant | None, error: str) -> int:
        """`sink` did not take it: try again at `until`, or never when that is None. How often that was said."""
        ...

    def given_up(self, sink: str) -> list[tuple[str, str]]:
        """Executions that `sink` will never have, with the last error of each."""
        ...

    def forget_recorded(self, sinks: Iterable[str]) -> None:
        """What all of `sinks` have acknowledged or given up needs not be looked at any more; without `sinks` nothing
        does."""
        ...

    # ── itself ──

    def commits(self) -> int:
        """How many transactions this process has committed: benchmarks print it."""
        ...

    def close(self) -> None: ...
