"""The Git sink: results as commits on an orphan branch for each agent and month, each of them there exactly once.

A result is on the branch of the month in which its execution was created, whenever it ended or was pushed, so its path
is always the same; where a push may have arrived unheard, the path is looked up before anything is added.
"""

from __future__ import annotations

import math
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from penstock import failpoint
from penstock.agent.news import News, Teller, Topic
from penstock.agent.results import Result, Results, message_of
from penstock.agent.sinks.pace import ENOUGH, Pace
from penstock.agent.sinks.page import INDEX, PageHead, read_index, run_of, written
from penstock.agent.sinks.room import Room
from penstock.agent.sinks.sink import LOOK_EVERY, Sink, Taken
from penstock.agent.sinks.suspicion import MOST_SUSPECTS, Blame, Suspicion
from penstock.errors import PenstockError, Retryable, Stalled, UserError
from penstock.execution.event import Instant
from penstock.execution.model import Execution, execution_of
from penstock.failpoint import Failpoint
from penstock.ports.clock import Clock
from penstock.ports.git import ResultsBranch
from penstock.ports.store import Store

GIT = "git"
PREFIX = "penstock/results/"

MOST_A_COMMIT = 100
MOST_A_PUSH = 20 * MOST_A_COMMIT
MOST_BYTES_A_PUSH = 32 * 1024 * 1024
"""One push holds no more, so that a backlog is never in memory whole."""

MOST_BRANCHES = 2
"""So many months are kept open."""

MOST_DOUBTS = 100_000
REFUSED_FOR = timedelta(hours=1)
"""A result that the remote refuses while it takes others is tried again after that."""

_FAR = datetime(9999, 1, 1, tzinfo=UTC)


def results_branch_of(agent: str, created: Instant) -> str:
    """The branch for results of executions that were created in that month."""
    safe = re.sub(r"[^\w-]", "-", agent).strip("-") or "agent"
    return f"{PREFIX}{safe}/{created:%Y-%m}"


@dataclass(slots=True)
class _Load:
    """What one push takes along, all to one branch."""

    name: str = ""
    branch: ResultsBranch | None = None
    results: list[Result] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)
    bytes: int = 0
    is_more: bool = False

    @property
    def ids(self) -> list[str]:
        return [result.execution.result_id for result in self.results]


class GitSink(Sink):
    """One thread at a time. `branch_of` gives a branch by its name; each needs a folder of its own.

    `repository` is where the flows are, as it may be shown. Raises UserError when `flows_branch` is one of results:
    then the agent would read what it writes.
    """

    def __init__(
        self,
        store: Store,
        results: Results,
        branch_of: Callable[[str], ResultsBranch],
        clock: Clock,
        tell: Teller,
        *,
        agent: str,
        repository: str,
        flows_branch: str,
        pace: Pace | None = None,
    ) -> None:
        if flows_branch.removeprefix("refs/heads/").startswith(PREFIX):
            raise UserError(
                f"the branch `{flows_branch}` is one of results: flows cannot be read from it",
                help="name the branch of the flows with --branch",
            )
        self._store = store
        self._results = results
        self._branch_of = branch_of
        self._clock = clock
        self._tell = tell
        self._agent = agent
        self._repository = repository
        self._room = Room(store)
        self._pace = pace or Pace()
        self._suspicion = Suspicion(MOST_A_PUSH)
        self._branches: OrderedDict[str, ResultsBranch] = OrderedDict()
        self._doubtful: set[str] | None = None
        self._all_doubtful = False

    @property
    def name(self) -> str:
        return GIT

    def wait(self) -> timedelta:
        now = self._clock.monotonic()
        if gap := self._pace.gap(now):
            return timedelta(seconds=gap)
        waiting = self._store.unrecorded(GIT, limit=ENOUGH, now=self._clock.now())
        due = self._pace.due_in(len(waiting), now)
        return LOOK_EVERY if math.isinf(due) else timedelta(seconds=due)

    def take(self) -> Taken:
        """One push. Raises Retryable or Stalled when the branch cannot be read or takes nothing."""
        waiting = self._store.unrecorded(GIT, limit=MOST_A_PUSH + MOST_SUSPECTS, now=self._clock.now())
        if not waiting:
            return Taken()
        self._doubt_what_was_there()
        chosen = self._suspicion.choose(waiting)
        load = _Load()
        try:
            self._fill(load, chosen)
            load.is_more = load.is_more or len(chosen) < len(waiting) or len(waiting) > MOST_A_PUSH
            if load.settled:
                self._store.mark_recorded(GIT, load.settled, place=load.name, at=self._clock.now())
                self._forget_doubts(load.settled)
            if not load.results:
                return Taken(len(load.settled), load.is_more)
            return self._push(load)
        except BaseException:
            self._branches.pop(load.name, None)  # what is known of it may be wrong: it is read anew
            raise
        finally:
            self._pace.pushed(self._clock.monotonic())

    # ── what goes along ──

    def _fill(self, load: _Load, chosen: Sequence[str]) -> None:
        for id_ in chosen:
            if load.bytes >= MOST_BYTES_A_PUSH:
                load.is_more = True
                break
            try:
                execution = self._store.load(execution_of(id_))
            except PenstockError:
                raise
            except Exception as error:  # noqa: BLE001 - what cannot be read keeps nothing else back
                self._cannot_be_made(id_, error)
                continue
            if execution is None or not execution.is_over or execution.result_id != id_:
                load.settled.append(id_)  # it was deleted, or opened again: its next outcome waits by itself
            else:
                self._add(execution, load)

    def _add(self, execution: Execution, load: _Load) -> None:
        name = results_branch_of(self._agent, execution.created)
        if load.branch is None:
            load.name, load.branch = name, self._branch(name)
        elif name != load.name:
            load.is_more = True
            return
        if self._is_doubtful(execution.result_id) and self._room.find(load.branch, execution) is not None:
            load.settled.append(execution.result_id)
            return
        try:
            result = self._results.of(execution, self._room.place(execution))
        except (Retryable, Stalled):
            raise
        except Exception as error:  # noqa: BLE001 - as above
            self._cannot_be_made(execution.result_id, error)
            return
        load.results.append(result)
        load.bytes += result.bytes

    def _cannot_be_made(self, id_: str, error: Exception) -> None:
        self._put_off(id_, f"its result cannot be made: {type(error).__name__}: {error}")

    def _branch(self, name: str) -> ResultsBranch:
        branch = self._branches.pop(name, None) or self._branch_of(name)
        self._branches[name] = branch
        if len(self._branches) > MOST_BRANCHES:
            self._branches.popitem(last=False)
        return branch

    # ── the push ──

    def _push(self, load: _Load) -> Taken:
        branch = load.branch
        assert branch is not None
        before = read_index(branch.show(INDEX))
        head = PageHead(self._agent, self._repository, load.name, self._clock.now())
        anew = written(before.with_runs(run_of(result) for result in load.results), head)
        commits = [
            (message_of([result.execution for result in part], self._agent), _together(part))
            for part in _parts(load.results)
        ]
        ids = load.ids
        self._doubt(ids)
        try:
            commit = branch.add(commits, anew=anew)
        except (Retryable, UserError) as error:
            return self._refused(load, error)
        failpoint.reached(Failpoint.RESULT_PUSHED)
        self._store.mark_recorded(GIT, ids, place=f"{load.name}@{commit}", at=self._clock.now())
        self._forget_doubts(ids)
        self._suspicion.arrived(ids)
        words = f"1 result is on {load.name}" if len(ids) == 1 else f"{len(ids)} results are on {load.name}"
        fields = {"sink": GIT, "count": len(ids), "branch": load.name, "commit": commit}
        self._tell(News(self._clock.now(), Topic.RECORDED, words, fields))
        return Taken(len(ids) + len(load.settled), load.is_more)

    def _refused(self, load: _Load, error: PenstockError) -> Taken:
        ids = load.ids
        self._branches.pop(load.name, None)
        match self._suspicion.refused(ids):
            case Blame.RESULT:
                self._put_off(ids[0], error.message)
                return Taken(len(load.settled), is_more=True)
            case Blame.UNKNOWN:
                return Taken(len(load.settled), is_more=True)
            case Blame.BRANCH:
                return Taken(len(load.settled), fault=error)

    def _put_off(self, id_: str, why: str) -> None:
        now = self._clock.now()
        tries = self._store.put_off(GIT, id_, until=now + REFUSED_FOR, error=why)
        if tries == 1:
            words = f"the result of {id_} is held back, the others are not: {why}"
            fields = {"sink": GIT, "execution": id_}
            self._tell(News(now, Topic.RECORD_FAULT, words, fields, is_trouble=True))

    # ── what may have been pushed, and was not heard of ──

    def _doubt_what_was_there(self) -> None:
        """Everything that waits at the start may have been pushed by an agent that is gone; what ends from now on was
        not, so it costs no look-up."""
        if self._doubtful is None:
            self._doubtful = set(self._store.unrecorded(GIT, limit=MOST_DOUBTS, now=_FAR))
            self._all_doubtful = len(self._doubtful) >= MOST_DOUBTS

    def _is_doubtful(self, id_: str) -> bool:
        return self._all_doubtful or (self._doubtful is not None and id_ in self._doubtful)

    def _doubt(self, ids: Sequence[str]) -> None:
        if self._doubtful is not None:
            self._doubtful.update(ids)

    def _forget_doubts(self, ids: Sequence[str]) -> None:
        if self._doubtful is not None:
            self._doubtful.difference_update(ids)


def _parts(results: Sequence[Result]) -> Iterator[Sequence[Result]]:
    for start in range(0, len(results), MOST_A_COMMIT):
        yield results[start : start + MOST_A_COMMIT]


def _together(results: Sequence[Result]) -> dict[str, bytes]:
    return {path: content for result in results for path, content in result.files.items()}
