"""The stores are one: the same random operations on each of them, and every answer the same."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from contract.test_store import start_run
from contract.test_store_admission import HOUR, NOW, A, B, creation
from fakes.store import MemoryStore
from penstock.adapters.sqlite import SqliteStore
from penstock.diagnostic import FlowName
from penstock.errors import PenstockError
from penstock.execution.apply import extend
from penstock.execution.event import (
    AttemptEnded,
    Event,
    ExecutionAdmitted,
    ExecutionEnded,
    ExecutionStarted,
    ExecutionWaiting,
    KillRequested,
    PauseRequested,
    Phase,
    ResumeRequested,
    ScopeOpened,
    TaskRunCreated,
    TaskRunEnded,
)
from penstock.execution.legality import refuse
from penstock.execution.model import Execution
from penstock.execution.state import State
from penstock.flow.model import Kind
from penstock.ports.deployment import (
    Backfill,
    BackfillState,
    Cursor,
    Deployed,
    Generation,
    Observation,
    Publication,
    Slot,
    TreeFile,
    TreeMark,
)
from penstock.ports.store import Creation, Query, Store

STEPS = 90
FLOWS = [A, B, FlowName("team", "b")]
SINKS = ["git", "api"]


class Walk:
    """Random operations on both stores, by a seed. `log` tells what was asked, for whom a difference is to tell."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.dice = random.Random(seed)
        self.stores: list[Store] = [MemoryStore(), SqliteStore(folder / "d" / "store.db")]
        self.marks = [0, 0]
        self.log: list[str] = []
        self.count = 0
        kinds = ("agent", "agent", "run")
        self.sessions = [self.same("open_session", name="h", kind=kind, pid=7, at=NOW) for kind in kinds]
        self.deeds: list[Callable[[], None]] = [
            *[self.admit] * 6, *[self.go_on] * 10, *[self.end] * 4, *[self.results] * 4, self.take_over, self.inherit,
            self.forget, self.open_or_close, self.publish, self.observe, self.cursors, self.backfills,
        ]  # fmt: skip

    def same(self, name: str, /, *given: Any, **named: Any) -> Any:
        """What both stores answer to the method `name`: a refusal is an answer too."""
        answers: list[Any] = []
        self.log.append(f"{name}({', '.join([*map(str, given), *(f'{k}={v}' for k, v in named.items())])})")
        for store in self.stores:
            try:
                answers.append(getattr(store, name)(*given, **named))
            except PenstockError as error:
                answers.append((type(error), error.message))
        assert answers[0] == answers[1], "\n".join(self.log)
        return answers[0]

    def step(self) -> None:
        self.dice.choice(self.deeds)()
        self.look()

    # ── executions ──

    def admit(self) -> None:
        wanted = [self.creation() for _ in range(self.dice.choice([1, 1, 1, 3]))]
        self.same("create", wanted, session=self.dice.choice(self.sessions), told=self.dice.random() < 0.3)

    def creation(self) -> Creation:
        self.count += self.dice.random() < 0.9  # else the id is known already
        flow, origin = self.dice.choice(FLOWS), self.dice.choice(["schedule", "schedule", "b1"])
        date = NOW + self.dice.randrange(6) * HOUR
        slot = Slot(flow, self.dice.choice("tu"), date, origin, self.dice.random() < 0.5)
        made = creation(
            f"e{self.count:03d}",
            flow,
            slot=slot if self.dice.random() < 0.6 else None,
            limit=self.dice.choice([None, 0, 1, 2]),
            at=NOW + timedelta(seconds=self.count // 3),
            commit=self.dice.choice([None, "c1", "c2"]),
        )
        made = replace(made, due=self.dice.choice([None, None, date]))
        if made.crowded is not None and self.dice.random() < 0.3:  # CANCEL and FAIL end what has no room
            ended = ExecutionEnded(at=date, state=self.dice.choice([State.CANCELLED, State.FAILED]))
            [first] = made.events
            made = replace(made, crowded=(extend(made.execution, (ended,)), (first, ended)))
        return made

    def any(self) -> Execution | None:
        """One that is not over, if there is one."""
        found = [self.stores[0].load(each.id) for each in self.stores[0].summaries(Query(limit=1_000))]
        going = [each for each in found if each is not None and not each.is_over]
        return self.dice.choice(going) if going else None

    def go_on(self) -> None:
        execution = self.any()
        events = self.events(execution) if execution is not None else ()
        if execution is None or not events:
            return
        holder = self.stores[0].holder(execution.id)
        session = self.dice.choice([holder, holder, holder, None, *self.sessions])
        if isinstance(events[0], KillRequested | PauseRequested | ResumeRequested):
            session = None
        after = extend(execution, events)
        if self.dice.random() < 0.1:
            after = replace(after, seq=after.seq + self.dice.choice([-1, 1]))
        due = self.dice.choice([None, None, NOW + self.dice.randrange(6) * HOUR])
        self.same("append", after, events, due=due, session=session, room=self.dice.choice([None, None, 1, 2]))

    def events(self, execution: Execution) -> tuple[Event, ...]:
        """What may come next for it."""
        choices: list[tuple[Event, ...]] = []
        paused = [*execution.paused, None]
        words = [
            KillRequested(at=NOW),
            PauseRequested(at=NOW),
            ResumeRequested(at=NOW, paused=self.dice.choice(paused)),
        ]
        choices += [(word,) for word in words if refuse(execution, word) is None]
        if execution.queued:
            return self.dice.choice([*choices, (ExecutionAdmitted(at=NOW),), (ExecutionAdmitted(at=NOW),)])
        if execution.state in (State.CREATED, State.QUEUED):
            return self.dice.choice([*choices, self.opening(execution), self.opening(execution)])
        if execution.state is State.RUNNING:
            choices.append((ExecutionWaiting(at=NOW, state=self.dice.choice([State.PAUSED, State.RETRYING])),))
        choices += [(start_run(run),) for run in execution.ready] * 2
        for run in execution.running:
            ended = AttemptEnded(at=NOW, run=run, attempt=1, state=State.SUCCESS, outputs={"n": self.count})
            choices.append((ended, TaskRunEnded(at=NOW, run=run, state=State.SUCCESS)))
        return self.dice.choice(choices) if choices else ()

    def opening(self, execution: Execution) -> tuple[Event, ...]:
        width = self.dice.randrange(1, 4)
        runs = [
            TaskRunCreated(
                at=NOW, run=f"{execution.id}-{n}", task=f"t{n}", kind=Kind.WORKER, parent=None, phase=Phase.MAIN,
                lane=n, position=0, last=True, gated=False,
            )
            for n in range(width)
        ]  # fmt: skip
        opened = ScopeOpened(at=NOW, run=None, phase=Phase.MAIN, lanes=width, width=0)
        return (ExecutionStarted(at=NOW), opened, *runs)

    def end(self) -> None:
        execution = self.any()
        if execution is not None:
            event = ExecutionEnded(at=NOW + self.dice.randrange(6) * HOUR, state=State.SUCCESS)
            holder = self.stores[0].holder(execution.id)
            self.same("append", extend(execution, (event,)), (event,), due=None, session=holder)

    def forget(self) -> None:
        self.same("delete", f"e{self.dice.randrange(self.count + 2):03d}")

    # ── sessions ──

    def take_over(self) -> None:
        self.same("take_over", f"e{self.dice.randrange(self.count + 2):03d}", by=self.dice.choice(self.sessions))

    def inherit(self) -> None:
        dead, heir = self.dice.sample(self.sessions, 2)
        self.same("inherit", dead, by=heir)

    def open_or_close(self) -> None:
        session, at = self.dice.choice(self.sessions), NOW + self.dice.randrange(6) * HOUR
        match self.dice.randrange(3):
            case 0:
                self.same("renew_session", session, at=at)
            case 1:
                self.same("close_session", session, at=at)
            case _:
                self.sessions.append(self.same("open_session", name="h", kind="agent", pid=8, at=at))

    # ── what is deployed, and results ──

    def publish(self) -> None:
        number, commit = self.dice.randrange(12), f"c{self.dice.randrange(4)}"
        picked = self.dice.sample(FLOWS, self.dice.randrange(3))
        revisions = self.same("last_revisions", FLOWS)
        accepted = [
            Deployed(flow, revisions.get(flow, 0) + 1, "c", f"s{number}", "p", "b", commit, NOW, number)
            for flow in picked[:1]
        ]
        files = [TreeFile(f"{flow.id}.yaml", f"b{number}", flow, "c") for flow in picked]
        wanted = Publication(
            Generation(number, "repo", commit, NOW) if self.dice.random() < 0.7 else None,
            tuple(accepted),
            tuple(picked[1:]),
            {f"s{number}": b"text"},
            TreeMark("repo", commit, "r") if self.dice.random() < 0.7 else None,
            tuple(files[:1]),
            tuple(file.path for file in files[1:]),
            self.dice.random() < 0.3,
        )
        self.same("publish", wanted, Observation("repo", commit, NOW, None, NOW))

    def observe(self) -> None:
        source, reached = self.dice.choice(["repo", "other"]), self.dice.choice([None, NOW])
        self.same("observe", Observation(source, None, NOW + HOUR, self.dice.choice([None, "gone"]), reached))

    def cursors(self) -> None:
        reached = NOW + self.dice.randrange(6) * HOUR
        cursor = Cursor(self.dice.choice(FLOWS), self.dice.choice("tu"), reached, self.dice.choice("fg"))
        name = self.dice.choice(["set_cursors", "begin_cursors", "advance_cursors"])
        self.same(name, [replace(cursor, disabled=self.dice.random() < 0.3)])

    def backfills(self) -> None:
        id_ = f"b{self.dice.randrange(4)}"
        if self.dice.random() < 0.5:
            at = NOW + self.dice.randrange(3) * HOUR
            known = {each.id: each for each in self.stores[0].backfills(open_only=False)}
            new = Backfill(id_, self.dice.choice(FLOWS), "t", NOW, NOW + HOUR, at, inputs={"n": self.count})
            self.same("put_backfill", known.get(id_, new))
            return
        state = self.dice.choice(list(BackfillState))
        self.same("change_backfill", id_, lambda known: replace(known, state=state, started=known.started + 1))

    def results(self) -> None:
        sink, now = self.dice.choice(SINKS), NOW + self.dice.randrange(6) * HOUR
        ids = self.same("unrecorded", sink, limit=3, now=now)
        if self.dice.random() < 0.3 or not ids:
            self.same("forget_recorded", self.dice.choice([SINKS, SINKS[:1], SINKS[1:]]))
        elif self.dice.random() < 0.5:
            self.same("mark_recorded", sink, ids, place="p", at=NOW)
        else:
            until = self.dice.choice([None, now + HOUR])
            self.same("put_off", sink, self.dice.choice(ids), until=until, error=f"error {self.count}")

    # ── every answer ──

    def look(self) -> None:
        with self.unlogged():
            for session in self.sessions:
                for name in ("queued", "unfinished", "next_due"):
                    self.same(name, session)
                self.same("due", session, now=NOW + 3 * HOUR, limit=2)
                self.same("claimable", session, limit=self.dice.choice([1, 3, 100]))
            for name in (
                "active_triggers", "at_work", "orphaned", "pinned_commits", "fired_last", "generation", "deployed",
                "observations", "cursors", "sessions", "backfills",
            ):  # fmt: skip
                self.same(name)
            self.same("sessions", open_only=False)
            self.same("backfills", open_only=False)
            self.same("tree", "repo")
            self.touched()
            self.lists()
            for sink in SINKS:
                for name in ("count_unrecorded", "given_up", "knows_sink"):
                    self.same(name, sink)
                self.same("unrecorded", sink, limit=2, now=NOW + self.dice.randrange(6) * HOUR)

    def touched(self) -> None:
        """Marks are each store's own."""
        for session in self.sessions:
            told = [store.touched(session, after=mark) for store, mark in zip(self.stores, self.marks, strict=True)]
            assert told[0][0] == told[1][0], "\n".join(self.log)
        if self.dice.random() < 0.5:
            self.marks = [mark for _, mark in told]

    def lists(self) -> None:
        flow, namespace = self.dice.choice([None, *FLOWS]), self.dice.choice([None, "team", "team.sub", "tea"])
        states = self.dice.choice([(), (State.QUEUED,), (State.SUCCESS, State.RUNNING)])
        self.same("summaries", Query(flow, namespace, states, limit=self.dice.choice([3, 1_000])))
        self.same("find", self.dice.choice(["", "e", "e01", "x"]), limit=4)
        id_ = f"e{self.dice.randrange(self.count + 2):03d}"
        for name in ("load", "events", "holder"):
            self.same(name, id_)
        self.same("events", id_, after=1)
        flow = flow or A
        for name in ("revisions", "deployed_flow"):
            self.same(name, flow)
        self.same("slot_dates", flow, "t", start=NOW + HOUR, end=NOW + self.dice.randrange(6) * HOUR)
        self.same("text", f"s{self.dice.randrange(12)}")
        self.same("observation", "repo")

    @contextmanager
    def unlogged(self) -> Iterator[None]:
        """What changes nothing is not told, but for the last question."""
        length = len(self.log)
        yield
        del self.log[length:]


@pytest.mark.parametrize("seed", range(24))
def test_every_store_gives_the_same_answers(seed: int, tmp_path: Path) -> None:
    walk = Walk(seed, tmp_path)
    for _ in range(STEPS):
        walk.step()
    for store in walk.stores:
        store.close()


def test_a_walk_comes_by_all_that_may_befall_a_store(tmp_path: Path) -> None:
    """Walks that agree say nothing of what they never came by."""
    seen: set[str] = set()
    for seed in range(12):
        walk = Walk(seed, tmp_path / str(seed))
        for _ in range(STEPS):
            walk.step()
            store = walk.stores[0]
            states = {each.state.value for each in store.summaries(Query(limit=1_000))}
            seen |= states | {name for sink in SINKS for name in ("given up",) if store.given_up(sink)}
            seen |= {"queued" for each in walk.sessions if store.queued(each)}
            seen |= {"claimable" for each in walk.sessions if store.claimable(each, limit=1)}
            seen |= {"let in, not settled"} if _is_let_in_only(store) else set()
        walk.stores[1].close()
    wanted = {"CREATED", "QUEUED", "RUNNING", "PAUSED", "RETRYING", "KILLING", "SUCCESS", "CANCELLED", "FAILED"}
    assert wanted | {"given up", "queued", "claimable", "let in, not settled"} <= seen


def _is_let_in_only(store: Store) -> bool:
    loaded = [store.load(each.id) for each in store.summaries(Query(states=(State.QUEUED,), limit=1_000))]
    return any(each is not None and not each.queued for each in loaded)
