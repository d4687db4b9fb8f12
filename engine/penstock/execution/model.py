"""What is known of one execution: the fold of its events, kept so that each step costs what it changes.

The classes that every event changes have no slots: a changed copy of one is a copy of its dict
(`penstock.execution.draft`), a seventh of what it costs to make it field by field.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import immutables

from penstock.diagnostic import FlowName
from penstock.execution.event import Caller, Instant, Phase, StopCause
from penstock.execution.family import Family
from penstock.execution.state import State
from penstock.flow.model import Kind, nothing

Histories = tuple[tuple[State, Instant], ...]

ROOT = ""
"""The key of the execution's own scope, beside the ids of flowable task runs."""


@dataclass(frozen=True)
class Attempt:
    """One try of a task run. `state` is RUNNING until its end is known; a lost one is KILLED with its reason.

    `effects` names the kinds of events by which it has changed the execution.
    """

    number: int
    session: str
    epoch: int
    started: Instant
    state: State = State.RUNNING
    ended: Instant | None = None
    error: str | None = None
    exit_code: int | None = None
    lost: bool = False
    effects: tuple[str, ...] = ()
    metrics: tuple[Mapping[str, Any], ...] = ()
    log: Mapping[str, Any] = field(default_factory=nothing)
    usage: Mapping[str, float] = field(default_factory=nothing)


@dataclass(frozen=True, slots=True)
class ScopeList:
    """Which list of a scope is open: `lanes` sequences of tasks, `width` of them at once (0: all).

    `followers` says for each lane which others wait for it, and is empty where none does. `on_failure` is what the
    other children end as once one has failed; None where they go on.
    """

    phase: Phase
    lanes: int
    width: int
    followers: tuple[tuple[int, ...], ...] = ()
    on_failure: State | None = None


@dataclass(frozen=True)
class TaskRun:
    """One task run. `ordinal` counts creations from 0 and orders `taskRunList`.

    `asks` names what was asked to be evaluated and is not answered yet; `facts` are the answers, which decisions read.
    `path` holds the loop values around it, outermost first, its own last: it is how `outputs` are addressed. `lane`,
    `position` and `last` say where it stands in its parent's list. `closing` is what the children of a flowable have
    come to, once an attempt of its own is all that is left to do. `deadline` is when a flowable must be over. `family`
    counts the executions that it has called. `openings` is how often its children have made room for others, `earlier`
    how many attempts were made before it was opened again.
    """

    id: str
    ordinal: int
    task: str
    kind: Kind
    parent: str | None
    phase: Phase
    lane: int
    position: int
    last: bool
    gated: bool
    state: State
    histories: Histories
    path: tuple[str, ...] = ()
    value: str | None = None
    iteration: int | None = None
    attempts: tuple[Attempt, ...] = ()
    asks: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=nothing)
    sealed: tuple[str, ...] = ()
    failure: str | None = None
    outputs: Mapping[str, Any] | None = None
    error: str | None = None
    wake_at: Instant | None = None
    then: str = ""
    stop: StopCause | None = None
    orphan: bool = False
    opened: ScopeList | None = None
    closing: State | None = None
    openings: int = 0
    earlier: int = 0
    deadline: Instant | None = None
    family: Family | None = None

    @property
    def scope_key(self) -> str:
        """The key of the scope it is a child of."""
        return self.parent or ROOT

    @property
    def attempt(self) -> Attempt | None:
        """The latest attempt."""
        return self.attempts[-1] if self.attempts else None

    @property
    def closing_attempt(self) -> Attempt | None:
        """The latest attempt of a flowable since its children were begun."""
        return self.attempts[-1] if len(self.attempts) > self.earlier else None

    @property
    def is_running(self) -> bool:
        """Whether an attempt of it is being made by somebody, whose end is not known."""
        return self.kind is not Kind.EXECUTABLE and self._is_tried

    @property
    def is_calling(self) -> bool:
        """Whether it is at work by the executions that it has called."""
        return self.kind is Kind.EXECUTABLE and self._is_tried

    @property
    def _is_tried(self) -> bool:
        return bool(self.attempts) and self.attempts[-1].state is State.RUNNING and not self.state.is_terminal

    @property
    def bears(self) -> bool:
        """Whether a child of it is to be made now."""
        return self.is_calling and self.stop is None and self.family is not None and self.family.may_begin > 0

    @property
    def since(self) -> Instant:
        """When it took on its present state."""
        return self.histories[-1][1]


@dataclass(frozen=True, slots=True)
class Revived:
    """A lane in which children go on that others have come after: how many of them, and how far the lane has come.

    `well` tells how the `furthest` child ended, None while it goes on.
    """

    alive: int
    furthest: int
    last: bool
    well: bool | None


@dataclass(frozen=True)
class Scope:
    """How far the open list of a scope has come. Derived from its children, never stored.

    `begun` lanes have their first child, `done` ones need no more. `steps` are the places to be taken up next,
    sorted: (lane, position). `alive` counts children that are not terminal. `failing` is set by the first child of the
    list that FAILED or was KILLED. `states` counts the terminal states of the main list's children. Where lanes wait
    for lanes, `waits` counts for each how many it waits for, and `free` are those that may begin, in order. `stopped`:
    the other children were told to stop. A lane in `revived` is neither done nor goes on before those have ended that
    were opened again in it.
    """

    open: ScopeList
    begun: int = 0
    done: int = 0
    alive: int = 0
    failing: bool = False
    steps: tuple[tuple[int, int], ...] = ()
    states: immutables.Map[State, int] = field(default_factory=immutables.Map)
    waits: immutables.Map[int, int] = field(default_factory=immutables.Map)
    free: tuple[int, ...] = ()
    stopped: bool = False
    revived: immutables.Map[int, Revived] = field(default_factory=immutables.Map)

    @property
    def next_lanes(self) -> Sequence[int]:
        """The lanes that may begin now."""
        if self.open.followers:
            return self.free[: self.may_begin]
        return range(self.begun, self.begun + self.may_begin)

    @property
    def may_begin(self) -> int:
        """How many further lanes may begin now."""
        if self.failing:
            return 0
        left = len(self.free) if self.open.followers else self.open.lanes - self.begun
        return left if self.open.width == 0 else min(left, self.open.width - (self.begun - self.done))

    @property
    def is_over(self) -> bool:
        """Whether the open list has nothing left: all lanes done, or a failure and no child alive."""
        return self.alive == 0 and (self.failing or (self.done == self.open.lanes and not self.steps))

    @property
    def is_to_stop(self) -> bool:
        """Whether the other children are to be told to stop, because one has failed."""
        return self.failing and self.open.on_failure is not None and not self.stopped and self.alive > 0

    @property
    def wants_decision(self) -> bool:
        return self.is_over or self.is_to_stop or (not self.failing and (bool(self.steps) or self.may_begin > 0))


@dataclass(frozen=True)
class Execution:
    """One run of a flow.

    The first block is stored as it stands; `runs` are stored row by row; the indexes below are derived from both
    (`penstock.execution.snapshot` rebuilds them, and a law holds that equal to the fold). `seq` is the sequence of
    the last event folded in. `openings` is how often it was opened again, `outcome` how many
    outcomes it had before the one that it has or comes to, `next_ordinal` the ordinal of the next task
    run: those of task runs that have left it are not used again. `forced`: it begins whatever its date says.

    `children` are those executions whose end a task run waits for; each is stored with the
    child, so that a parent of ten thousand costs no more than one of ten.

    `exit` is the state that it ends in whatever its tasks come to, `kill` whether what runs is stopped for it, `spares`
    whether what it has called is left alone then, `error` why; it is followed by another at `again_at`. `trailing` is
    what is over but for its afterExecution. `variables` lie over those of the flow, of which `unset` were taken away.
    `judged` are the assertions that were looked at since anything has changed, `broken` the promises that were broken.
    `checks` did not hold when it was created.
    """

    id: str
    flow: FlowName
    revision: int
    flow_digest: str
    created: Instant
    state: State
    histories: Histories
    seq: int = 0
    inputs: Mapping[str, Any] = field(default_factory=nothing)
    labels: Mapping[str, str] = field(default_factory=nothing)
    trigger: Mapping[str, Any] | None = None
    schedule_date: Instant | None = None
    source: Mapping[str, Any] = field(default_factory=nothing)
    dialect: str = "auto"
    original_id: str | None = None
    parent_id: str | None = None
    attempt_number: int = 1
    openings: int = 0
    outcome: int = 0
    next_ordinal: int = 0
    breakpoints: tuple[str, ...] = ()
    forced: bool = False
    caller: Caller | None = None
    opened: ScopeList | None = None
    asks: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=nothing)
    sealed: tuple[str, ...] = ()
    failure: str | None = None
    held: bool = False
    kill: bool = False
    spares: bool = False
    queued: bool = False
    variables: Mapping[str, Any] = field(default_factory=nothing)
    unset: tuple[str, ...] = ()
    exit: State | None = None
    again_at: Instant | None = None
    trailing: bool = False
    judged: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    original_created: Instant | None = None
    checks: tuple[Mapping[str, str], ...] = ()
    outputs: Mapping[str, Any] | None = None
    error: str | None = None

    # Derived: never stored, always equal to what `snapshot.restore` makes of the above and the runs.
    runs: immutables.Map[str, TaskRun] = field(default_factory=immutables.Map)
    order: immutables.Map[int, str] = field(default_factory=immutables.Map)
    scopes: immutables.Map[str, Scope] = field(default_factory=immutables.Map)
    agenda: immutables.Map[str, int] = field(default_factory=immutables.Map)
    asked: immutables.Map[str, tuple[str, ...]] = field(default_factory=immutables.Map)
    ready: immutables.Map[str, int] = field(default_factory=immutables.Map)
    inline: immutables.Map[str, int] = field(default_factory=immutables.Map)
    running: immutables.Map[str, int] = field(default_factory=immutables.Map)
    sleeping: immutables.Map[str, Instant] = field(default_factory=immutables.Map)
    paused: immutables.Map[str, int] = field(default_factory=immutables.Map)
    deadlines: immutables.Map[str, Instant] = field(default_factory=immutables.Map)
    halted: immutables.Map[str, int] = field(default_factory=immutables.Map)
    bearing: immutables.Map[str, int] = field(default_factory=immutables.Map)
    children: immutables.Map[str, immutables.Map[int, str]] = field(default_factory=immutables.Map)
    places: immutables.Map[str, immutables.Map[tuple[str, ...], str]] = field(default_factory=immutables.Map)

    @property
    def pinned_commit(self) -> str | None:
        """The commit that must stay readable: of its namespace files, else the one that its flow is from."""
        files = self.source.get("files")
        return files.partition(":")[0] if isinstance(files, str) else self.source.get("commit")

    @property
    def is_iteration(self) -> bool:
        """Whether it is one round of a Loop: it has its place in the execution that it is of."""
        return "loop" in self.source

    @property
    def is_over(self) -> bool:
        """Nothing follows any more."""
        return self.state.is_terminal and not self.trailing

    @property
    def standing(self) -> str:
        """How it stands, for whoever is refused something."""
        return f"'{self.state}', and what follows after its end still runs" if self.trailing else f"'{self.state}'"

    @property
    def is_leaving(self) -> bool:
        """It goes to its end, whatever its tasks come to: nothing new begins."""
        return self.kill or self.exit is not None

    @property
    def started(self) -> Instant:
        return self.histories[0][1]

    @property
    def ended(self) -> Instant | None:
        """When it took on its terminal state."""
        return self.histories[-1][1] if self.state.is_terminal else None

    @property
    def result_id(self) -> str:
        """What its outcome goes by where results are kept: a later one has a name of its own beside the earlier."""
        return self.id if self.outcome == 0 else f"{self.id}.{self.outcome + 1}"

    def in_order(self) -> Iterator[TaskRun]:
        """The task runs in the order of their creation."""
        for ordinal in sorted(self.order):
            yield self.runs[self.order[ordinal]]

    def waits_for(self, run: str) -> bool:
        """Whether a task run waits for the ends of what it calls."""
        family = self.runs[run].family
        return family is not None and family.waits

    def lineage(self, run: TaskRun) -> Iterator[TaskRun]:
        """The flowable task runs around `run`, nearest first."""
        parent = run.parent
        while parent is not None:
            above = self.runs[parent]
            yield above
            parent = above.parent


def execution_of(result_id: str) -> str:
    """The id of the execution whose outcome goes by `result_id`."""
    return result_id.partition(".")[0]
