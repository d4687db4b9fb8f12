"""Restart, replay, and the state of a task run changed by a person: what of an execution goes on, and what leaves it.

Pure, and at the cost of the whole execution, which is read once. A task run that goes on takes everything around it
along; what came after it leaves, and so do the `errors`, `finally` and later lists of every scope that is opened again
(Kestra core, ExecutionService, 1.3).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from penstock.errors import Refused
from penstock.execution.deciding.gates import has_gate
from penstock.execution.deciding.lists import lanes_of
from penstock.execution.deciding.opening import opened
from penstock.execution.event import Again, ExecutionReopened, Instant, Phase, Reason
from penstock.execution.flowable import FLOWABLES
from penstock.execution.flowable.approval import APPROVAL
from penstock.execution.model import ROOT, Execution, TaskRun
from penstock.execution.state import State
from penstock.flow.model import Flow, Kind

RESTARTED, REPLAYED = "system.restarted", "system.replay"

NOTHING = "PEN043"
"""The code of a restart that has nothing to begin at."""

_List = tuple[str, Phase, int, int, tuple[tuple[int, ...], ...], State | None]

_PHASES = tuple(Phase)
_GOES_ON = frozenset({State.FAILED, State.PAUSED, State.BREAKPOINT})


def restart(flow: Flow, execution: Execution, *, by: str, at: Instant) -> ExecutionReopened:
    """Go on at everything that has failed, and past everything that is paused. Raises Refused."""
    _refuse_restart(execution)
    _refuse_busy(execution)
    plan = _Plan(flow, execution)
    wanted = [run for run in execution.in_order() if run.state in _GOES_ON]
    if not wanted:
        raise Refused(
            "No task found to restart execution from!",
            help=f"nothing of it has failed: `penstock executions replay {execution.id}` runs it once more",
            code=NOTHING,
        )
    plan.open(_outside_branches(execution, wanted))
    return plan.event(Reason.RESTART, by=by, at=at, labels={RESTARTED: "true"})


def replay(flow: Flow, execution: Execution, run: str, *, by: str, at: Instant) -> ExecutionReopened:
    """Go on at one task run, whatever came of it; what came after it leaves. Raises Refused."""
    _refuse_unknown(execution, run)
    if not execution.is_over and execution.state is not State.PAUSED:
        raise Refused(
            f"Execution must be terminated to be replayed, current state is {execution.standing} !",
            help="wait for its end, or kill it; without a task run it can be replayed from its start at any time",
        )
    _refuse_busy(execution)
    plan = _Plan(flow, execution)
    target = plan.whole(execution.runs[run])
    plan.leave_after(target)
    plan.open([target], anew=target)
    return plan.event(Reason.REPLAY, by=by, at=at, labels={REPLAYED: "true"})


def change_status(
    flow: Flow, execution: Execution, run: str, state: State, *, by: str, at: Instant
) -> ExecutionReopened:
    """Give a task run another terminal state, and go on from there. Raises Refused."""
    _refuse_unknown(execution, run)
    if not execution.is_over or execution.state is State.KILLED:
        raise Refused(
            "You can only change the state of a task run for a terminated non killed execution.",
            help=f"current state is {execution.standing}",
        )
    if not state.is_terminal or state is State.RETRIED:
        raise Refused(f"{state} is no state that a task run ends in", help="SUCCESS, WARNING, FAILED, SKIPPED, …")
    if execution.runs[run].state is state:
        raise Refused(f"the task run {run} is {state} already")
    plan = _Plan(flow, execution)
    plan.mark(execution.runs[run], state)
    return plan.event(Reason.STATUS, by=by, at=at)


def _refuse_restart(execution: Execution) -> None:
    if not execution.is_over and execution.state is not State.PAUSED:
        raise Refused(
            f"Execution must be terminated to be restarted, current state is {execution.standing} !",
            help="wait for its end, or kill it",
        )
    if execution.state is State.KILLED:
        raise Refused(
            f"Execution must be terminated or paused and not killed to be restarted, "
            f"current state is '{execution.state}' !",
            help=f"`penstock executions replay {execution.id}` runs it once more",
        )


def _refuse_busy(execution: Execution) -> None:
    """One that a person has paused may have tasks that still run: two of the same must never run at once."""
    if execution.running or execution.children:
        raise Refused("tasks of the execution still run", help="wait until they have ended")


def _refuse_unknown(execution: Execution, run: str) -> None:
    if run not in execution.runs:
        raise Refused(f"the execution {execution.id} has no task run {run}")
    known = execution.runs[run]
    if any(each.phase is Phase.AFTER for each in (known, *execution.lineage(known))):
        raise Refused(
            f"the task `{known.task}` is done after the end of an execution, which does not go on from there",
            help="name a task run from before its end",
        )


def _outside_branches(execution: Execution, runs: Iterable[TaskRun]) -> list[TaskRun]:
    """Without those in an `errors` or a later list: these lists are begun anew."""
    return [
        run
        for run in runs
        if run.phase is Phase.MAIN and all(above.phase is Phase.MAIN for above in execution.lineage(run))
    ]


@dataclass(slots=True)
class _Plan:
    """What goes on, what leaves, and which lists are open."""

    flow: Flow
    execution: Execution
    again: dict[str, Again] = field(default_factory=dict)
    left: dict[str, TaskRun] = field(default_factory=dict)
    phases: dict[str, Phase] = field(default_factory=dict)
    marked: dict[str, State] = field(default_factory=dict)
    _children: dict[str, list[TaskRun]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for run in self.execution.in_order():
            self._children.setdefault(run.scope_key, []).append(run)

    def whole(self, run: TaskRun) -> TaskRun:
        """`run`, or the outermost flowable around it of which nothing can be done again but all of it."""
        around = [above for above in self.execution.lineage(run) if self._is_whole(above)]
        return around[-1] if around else run

    def open(self, runs: Sequence[TaskRun], *, anew: TaskRun | None = None) -> None:
        """Let `runs` go on, and everything around them; `anew` begins without its children."""
        wanted = {run.id: run for run in map(self.whole, runs)}
        around = {above.id for run in wanted.values() for above in self.execution.lineage(run)}
        for run in wanted.values():
            if run.id not in around:
                self._begin(run, is_anew=run is anew)
        for key in around:
            self.again[key] = Again.WITHIN
        for run in [*wanted.values(), *(self.execution.runs[key] for key in around)]:
            self._stand_in(run)
        self.phases.setdefault(ROOT, Phase.MAIN)
        self._leave_later_lists()

    def mark(self, run: TaskRun, state: State) -> None:
        self.marked[run.id] = state
        for above in (run, *self.execution.lineage(run)):
            self._stand_in(above)
        self.again = {above.id: Again.WITHIN for above in self.execution.lineage(run)}
        self._leave_later_lists()

    def leave_after(self, run: TaskRun) -> None:
        """Everything that follows `run`, and what is around it, leaves."""
        for at in (run, *self.execution.lineage(run)):
            lanes = lanes_of(self.flow, self.execution, at.scope_key, at.phase)
            in_turn = at.value is not None and lanes.width == 1
            waiting = self._waiting(at)
            for other in self._children[at.scope_key]:
                is_later = other.lane == at.lane and other.position > at.position
                follows = other.lane in waiting or (in_turn and other.lane > at.lane)
                if other.phase is at.phase and (is_later or follows):
                    self._leave(other)

    def _waiting(self, at: TaskRun) -> set[int]:
        """The lanes that wait for the one of `at`, and those that wait for them."""
        owner = self.execution.runs.get(at.scope_key)
        if owner is None or at.phase is not Phase.MAIN:
            return set()
        task = self.flow.by_id[owner.task]
        followers = FLOWABLES[task.type].followers(task, owner.facts)
        found: set[int] = set()
        reached = [at.lane] if followers else []
        while reached:
            new = [lane for lane in followers[reached.pop()] if lane not in found]
            found.update(new)
            reached += new
        return found

    def event(
        self, reason: Reason, *, by: str, at: Instant, labels: Mapping[str, str] | None = None
    ) -> ExecutionReopened:
        kept = {key: again for key, again in self.again.items() if key not in self.left}
        return ExecutionReopened(
            at=at,
            by=by,
            reason=reason,
            number=self.execution.attempt_number + 1,
            dropped=tuple(sorted(run.ordinal for run in self.left.values())),
            runs=tuple(sorted(kept.items(), key=lambda item: self.execution.runs[item[0]].ordinal)),
            marked=tuple(self.marked.items()),
            lists=tuple(self._lists(kept)),
            labels=labels or {},
        )

    # ── private ──

    def _begin(self, run: TaskRun, *, is_anew: bool) -> None:
        task = self.flow.by_id[run.task]
        asks = run.state is State.PAUSED and task.type == APPROVAL  # nobody approves by a restart: it asks once more
        if run.state in (State.PAUSED, State.BREAKPOINT) and not is_anew and not asks:
            self.again[run.id] = Again.PASSED if run.state is State.PAUSED else Again.START
            return
        if task.kind is not Kind.FLOWABLE:
            self.again[run.id] = Again.GATED if has_gate(self.execution, task, run.value) else Again.START
            return
        children = self._children.get(run.id, [])
        has_begun = any(child.phase is Phase.MAIN for child in children)
        has_failed = any(child.state is State.FAILED for child in children)
        if has_begun and has_failed and not is_anew and not self._is_whole(run):
            self.again[run.id] = Again.WITHIN  # what has failed in it is in a list that is begun anew
            self.phases[run.id] = Phase.MAIN
            return
        for child in children:
            self._leave(child)
        at_gate = self._is_whole(run) or run.opened is None or task.timeout is not None
        self.again[run.id] = Again.GATED if at_gate else Again.ANEW

    def _is_whole(self, run: TaskRun) -> bool:
        task = self.flow.by_id[run.task]
        return task.kind is Kind.FLOWABLE and FLOWABLES[task.type].is_whole

    def _stand_in(self, run: TaskRun) -> None:
        """The scope around `run` is open at the list that it stands in, or at an earlier one where another stands."""
        known = self.phases.get(run.scope_key, run.phase)
        self.phases[run.scope_key] = min(known, run.phase, key=_PHASES.index)

    def _leave(self, run: TaskRun) -> None:
        self.left[run.id] = run
        for child in self._children.get(run.id, ()):
            self._leave(child)

    def _leave_later_lists(self) -> None:
        for key, phase in self.phases.items():
            for child in self._children.get(key, ()):
                if _PHASES.index(child.phase) > _PHASES.index(phase):
                    self._leave(child)

    def _lists(self, kept: Mapping[str, Again]) -> Iterator[_List]:
        within = [ROOT, *(key for key, again in kept.items() if again is Again.WITHIN)]
        for key in within:
            phase = self.phases.get(key, Phase.MAIN)
            list_ = opened(self.flow, self.execution, key, phase, self.execution.created)
            yield key, phase, list_.lanes, list_.width, list_.followers, list_.on_failure
