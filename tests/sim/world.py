"""The seeded world: processes of the engine, people, a machine, a clock; first a storm, then calm.

Everything is driven in one thread and in steps, so that a seed decides every interleaving.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from threading import Condition
from typing import TypeVar

from fakes.store import MemoryStore
from flows_strategy import Dice, chance, one_of, random_answer, random_flow
from penstock.agent.evaluator import Answering, Evaluator
from penstock.agent.executor import Executor
from penstock.agent.live import LiveSession
from penstock.agent.partners import Birth, FlowSource, Shell
from penstock.agent.supervisor import Supervisor
from penstock.agent.worker import Claim, HaltSwitch, Worker
from penstock.errors import NotFound, PenstockError, Refused, Retryable
from penstock.execution.event import (
    AttemptEnded,
    AttemptStarted,
    Caller,
    ChildEnded,
    ChildRefused,
    ChildStarted,
    Event,
    ExecutionClosed,
    ExecutionEnded,
    ExitRequested,
    Instant,
    LabelsChanged,
    SlaViolated,
)
from penstock.execution.identity import child_id
from penstock.execution.model import Execution
from penstock.execution.state import State
from penstock.flow.model import Flow
from penstock.operations import request
from penstock.operations.start import Start, prepare, start
from penstock.ports.clock import HeldClock
from penstock.ports.presence import Presence
from penstock.ports.store import Fenced, Session, Store
from sim.checker import check, check_kin
from sim.door import Door, Fate, Gone
from sim.people import meddle
from sim.runner import FakeAttempts, Runner, Slot, Violation

TURNS: Mapping[type[Event], str] = {
    ExecutionClosed: "closed after its end",
    ExitRequested: "exit requested",
    SlaViolated: "promise broken",
}
"""What is told when it is heard of."""

FAULTS = ("crash", "busy", "zombie", "power", "leave", "kill")
_NO: frozenset[int] = frozenset()
T = TypeVar("T")

GRACE = timedelta(seconds=5)
MOST_STORM = 90
LATE = 40
MOST_CALM = 4_000


@dataclass(frozen=True, slots=True)
class Parts:
    """What the world is built of. Planted bugs replace one."""

    store: Callable[[], Store] = MemoryStore
    door: Callable[..., Door] = Door
    executor: type[Executor] = Executor
    worker: type[SteppedWorker] | None = None
    evaluator: type[SteppedEvaluator] | None = None


class SteppedWorker(Worker):
    """The worker that ships, with slots that are worked in steps instead of threads."""

    slots: list[Slot]

    def _spawn(self, claim: Claim, switch: HaltSwitch) -> None:
        self.slots.append(Slot(claim, switch, partial(self._work, claim, switch)))

    def _free_shared(self, execution: str, run: str) -> None:
        self._attempts.free(execution, run)


class SteppedEvaluator(Evaluator):
    """The evaluator that ships, which answers in steps instead of threads."""

    def _spawn(self) -> None:
        return


def _ignore(_: str) -> None:
    return


@dataclass(slots=True)
class FakeShell(Shell, Answering):
    """Renders nothing: what comes out depends on the seed and on what was asked, like a template on its variables.

    So many of a hundred expressions wait for the world: they are answered later.
    """

    seed: str
    clock: HeldClock
    late: int = 0
    told: Callable[[str], None] = _ignore
    flows: dict[str, Flow] = field(default_factory=dict)

    def bear(self, flow: Flow, execution: Execution, most: int) -> list[Birth]:
        keys = sorted(execution.bearing, key=execution.bearing.__getitem__)
        quick = [key for key in keys if not self._is_late(execution, key)]
        return [self._birth(execution, key) for key in quick[:most]]

    def call(self, flow: Flow, execution: Execution, key: str, most: int) -> list[Birth]:
        self.told("called later")
        return [self._birth(execution, key)]

    def _birth(self, execution: Execution, key: str) -> Birth:
        run, now = execution.runs[key], self.clock.now()
        assert run.family is not None
        index = run.family.begun
        child, depth = child_id(execution.id, key, index, len(run.attempts)), 1
        dice = Dice(f"{self.seed}/{child}")
        if execution.caller is not None:
            depth = execution.caller.depth + 1
        if chance(dice, 8):
            self.told("child refused")
            return Birth(ChildRefused(at=now, run=key, index=index, error="there is no such flow"))
        flow = random_flow(dice, name=child, most_tasks=3, calls=depth < 3)
        self.flows[flow.source_digest] = flow
        caller = Caller(execution.id, key, index, run.family.waits, depth)
        creation = prepare(Start(child, flow, flow.source_digest, caller=caller), at=now)
        self.told("child born")
        event = ChildStarted(at=now, run=key, index=index, child=child, outputs={"executionId": child})
        return Birth(event, creation, flow)

    def ended(self, flow: Flow, execution: Execution, child: Execution) -> ChildEnded:
        assert child.caller is not None
        caller = child.caller
        return ChildEnded(
            at=self.clock.now(),
            run=caller.run,
            index=caller.index,
            child=child.original_id or child.id,
            state=child.state,
            outputs={},
        )

    def answer(self, flow: Flow, execution: Execution, now: Instant) -> list[Event]:
        quick = [key for key in sorted(execution.asked) if not self._is_late(execution, key)]
        return [self._answer(flow, execution, key, now) for key in quick]

    def _answer(self, flow: Flow, execution: Execution, key: str, now: Instant) -> Event:
        dice = Dice(f"{self.seed}/{execution.id}/{key}/{execution.asked[key]}")
        return random_answer(dice, flow, execution, key, now)

    def _is_late(self, execution: Execution, key: str) -> bool:
        return chance(Dice(f"{self.seed}/{execution.id}/{key}/late"), self.late)

    def inline(self, flow: Flow, execution: Execution, session: Session, most: int) -> list[Event]:
        del flow
        ready = sorted(execution.inline, key=execution.inline.__getitem__)
        quick = [key for key in ready if not self._is_late(execution, key)]
        events: list[Event] = []
        for key in quick[:most]:
            events += self._attempt(execution, key, session)
            if isinstance(events[-2], ExitRequested):
                break  # what would begin after that is not to begin
        return events

    def _attempt(self, execution: Execution, key: str, session: Session) -> list[Event]:
        now, number = self.clock.now(), len(execution.runs[key].attempts) + 1
        dice = Dice(f"{self.seed}/{key}/{number}")
        state = one_of(dice, (*[State.SUCCESS] * 6, State.FAILED))
        started = AttemptStarted(at=now, run=key, attempt=number, session=session.id, epoch=session.epoch)
        ended = AttemptEnded(at=now, run=key, attempt=number, state=state)
        return [started, *_effects(dice, now, key, number), ended]

    def evaluate(self, flow: Flow, execution: Execution, key: str, session: Session) -> Sequence[Event]:
        self.told("answered later")
        if key in execution.inline:
            return self._attempt(execution, key, session)
        return [self._answer(flow, execution, key, self.clock.now())]


def _effects(dice: Dice, now: Instant, key: str, number: int) -> Iterator[Event]:
    """What an inline task changes of its execution, now and then."""
    if chance(dice, 10):
        yield LabelsChanged(at=now, run=key, attempt=number, labels={"by": key})
    if chance(dice, 8):
        states = (State.SUCCESS, State.WARNING, State.FAILED, State.CANCELLED, State.KILLED)
        yield ExitRequested(at=now, run=key, attempt=number, state=one_of(dice, states))


@dataclass(slots=True)
class Flows(FlowSource):
    flows: dict[str, Flow]

    def flow(self, execution: Execution) -> Flow:
        return self.flows[execution.flow_digest]


@dataclass(slots=True)
class FakePresence(Presence):
    """Pokes arrive, or are lost."""

    world: World

    def hold(self, session: str, on_poke: Callable[[], None]) -> contextmanager[None]:  # type: ignore[override]
        raise NotImplementedError("the world holds sessions itself")

    def is_alive(self, session: str) -> bool:
        return self.world.process is not None and self.world.process.session.id == session

    def poke(self, session: str) -> bool:
        if chance(self.world.dice, 40):
            self.world.told("poke lost")
            return False
        process = self.world.process
        if process is not None and process.session.id == session:
            process.poked = True
        return process is not None

    def hold_agent(self, on_poke: Callable[[], None] | None = None) -> contextmanager[bool]:  # type: ignore[override]
        raise NotImplementedError("the world has one agent")


def _raise(_: str, error: Exception) -> None:
    """A crash of the engine is a violation, and none of the simulated ones."""
    raise error


class Process:
    """One process of the engine, from its session's opening to its death, or its life after death as a zombie."""

    def __init__(self, world: World, fate: Fate) -> None:
        self.world = world
        self.session = world.store.open_session(name="sim", kind="run", pid=1, at=world.clock.now())
        self.door = world.parts.door(world.store, fate, world.overtake, world.told)
        self.slots: list[Slot] = []
        self.poked = False
        self.faults: list[BaseException] = []
        self._heard: dict[str, int] = {}
        shell = FakeShell(world.seed, world.clock, LATE, world.told, world.flows)
        self.executor = world.parts.executor(
            self.door, self.session, Flows(world.flows), shell, world.clock, on_crash=_raise
        )
        self.executor.listen(self._hear)
        worker = world.parts.worker or SteppedWorker
        self.worker = worker(
            self.door,
            self.executor,
            FakeAttempts(world.runner, self.slots),
            world.clock,
            slots=1 + world.dice.randrange(4),
            grace=GRACE,
            on_fault=self.faults.append,
        )
        self.worker.slots = self.slots
        evaluator = world.parts.evaluator or SteppedEvaluator
        self.evaluator = evaluator(self.executor, shell, on_fault=self.faults.append)
        self.live = LiveSession(
            self.session,
            self.door,
            FakePresence(world),
            world.clock,
            self.executor,
            self.worker,
            Supervisor([], lambda: None),
            Condition(),
        )

    def _hear(self, execution: Execution, events: Sequence[Event]) -> None:
        """Listeners are told of everything once, in the order of the log."""
        before = self._heard.get(execution.id, execution.seq - len(events))
        if execution.seq - len(events) != before:
            raise Violation(f"a listener was told of {execution.id} up to {before}, then up to {execution.seq}")
        self._heard[execution.id] = execution.seq
        if execution.is_over:  # what people do with it now is none of this process's business
            del self._heard[execution.id]
        for event in events:
            if type(event) in TURNS:
                self.world.told(TURNS[type(event)])
            elif isinstance(event, ExecutionEnded) and event.state is State.RETRIED:
                self.world.told("execution tried again")

    @property
    def is_gone(self) -> bool:
        return self.door.dead or bool(self.faults)


@dataclass
class World:
    """One seed. `exercised` counts what happened, by kind."""

    number: int
    parts: Parts = field(default_factory=Parts)
    fate: Fate | None = None
    """What befalls the first process. Where it is given, nothing else goes wrong in this world."""
    calls: bool = False
    """Whether executions call others."""
    tell: Callable[[str], None] | None = None

    def __post_init__(self) -> None:
        self.seed = str(self.number)
        self.dice = Dice(self.seed)
        self.faults = {fault for fault in FAULTS if chance(self.dice, 60)} if self.fate is None else set()
        self.clock = HeldClock()
        self.store = self.parts.store()
        self.flows: dict[str, Flow] = {}
        self.acknowledged: list[str] = []
        self.exercised: Counter[str] = Counter()
        self.runner = Runner(self.seed, self.store, self.clock, self.told)
        self.process: Process | None = None
        self.zombies: list[Process] = []
        self.reported: list[tuple[str, Event]] = []
        self.calm_now = False

    def told(self, kind: str) -> None:
        self.exercised[kind] += 1
        if self.tell is not None:
            self.tell(f"{self.clock.now():%H:%M:%S} {kind}")

    def play(self) -> Counter[str]:
        """Storm, calm, judgement. Raises Violation."""
        self.boot(self.fate or self.random_fate())
        self.admit()
        for _ in range(20 + self.dice.randrange(MOST_STORM)):
            self.step()
        self.calm()
        self.judge()
        return self.exercised

    def judge(self) -> None:
        for execution in self.everything():
            check(self.store, self.flows, execution)
        if self.calls:
            check_kin(self.store, self.everything())

    def everything(self) -> list[str]:
        """What was acknowledged, what that has called, and what tries it again."""
        found = self.store.find("", limit=100_000)
        return [*self.acknowledged, *sorted(each for each in found if each not in self.acknowledged)]

    # ── processes ──

    def random_fate(self) -> Fate:
        dice = self.dice
        return Fate(
            crash_at=1 + dice.randrange(20) if "crash" in self.faults and chance(dice, 70) else None,
            crash_after_commit=chance(dice, 50),
            busy_at=frozenset(dice.randrange(200) for _ in range(dice.randrange(30))) if "busy" in self.faults else _NO,
            overtaken_at=frozenset(dice.randrange(40) for _ in range(dice.randrange(4))) if self.faults else _NO,
        )

    def boot(self, fate: Fate) -> None:
        """A new process, which takes up whatever is not over."""
        self.process = Process(self, fate)
        for execution in self.unfinished():
            self.told("execution taken over")
            self.guarded(self.process, partial(self.take_up, self.process, execution))

    def take_up(self, process: Process, execution: str) -> None:
        try:
            process.live.take_up(execution)
        except Retryable as error:
            process.faults.append(error)  # whoever started the process hears of it, and starts it again
            raise

    def unfinished(self) -> list[str]:
        found = [(execution, self.store.load(execution)) for execution in self.everything()]
        return [execution for execution, loaded in found if loaded is not None and not loaded.is_over]

    def guarded(self, process: Process, act: Callable[[], T]) -> T | None:
        """Do what a loop of the process does. None: the process died, was fenced, or has to try again later."""
        try:
            return act()
        except (Gone, Retryable):
            return None
        except Fenced as error:
            process.faults.append(error)
            return None

    def bury(self) -> None:
        """The process is dead: a new one comes."""
        assert self.process is not None
        self.process.door.dead = True
        self.runner.process_died(self.process.slots)
        self.judge()
        self.told("process restarted")
        self.boot(Fate() if self.calm_now else self.random_fate())

    # ── the storm ──

    def step(self) -> None:
        process = self.process
        assert process is not None
        if process.is_gone:
            self.bury()
            return
        chosen = self.dice.randrange(108)
        for bound, act in self._steps():
            if chosen < bound:
                act()
                return

    def _steps(self) -> Iterator[tuple[int, Callable[[], None]]]:
        yield 14, self.loop
        yield 30, self.begin_one
        yield 50, self.finish_one
        yield 68, self.pass_time
        yield 78, self.person
        yield 82, self.duplicate
        yield 86, self.admit
        yield 89, self.zombie
        yield 95, self.haunt
        yield 96, self.power_failure
        yield 97, self.leave
        yield 99, self.settle_one
        yield 108, self.evaluate_one

    def loop(self) -> None:
        """One round of the executor's loop, or a part of it."""
        process = self.process
        assert process is not None
        parts = [process.executor.wake, process.executor.catch_up, process.worker.fill]
        parts += [process.executor.hear] if self.calls else []
        for part in parts if chance(self.dice, 60) else [one_of(self.dice, parts)]:
            if self.guarded(process, part) is None:
                return

    def settle_one(self) -> None:
        process = self.process
        assert process is not None
        for execution in self.unfinished()[:1]:
            self.guarded(process, partial(process.executor.settle, execution))

    def evaluate_one(self) -> None:
        """What has waited for the world is answered."""
        assert self.process is not None
        self.guarded(self.process, self.process.evaluator.step)

    def begin_one(self) -> None:
        process = self.process
        assert process is not None
        waiting = [slot for slot in process.slots if not slot.begun]
        if waiting:
            self.runner.begin(one_of(self.dice, waiting))

    def finish_one(self) -> None:
        assert self.process is not None
        self.finish(self.process)

    def finish(self, process: Process) -> bool:
        """One attempt whose end is there is reported."""
        finished = [slot for slot in process.slots if self.runner.is_finished(slot)]
        if not finished:
            return False
        slot = one_of(self.dice, finished)
        slot.work()
        process.slots.remove(slot)
        run = slot.claim.run
        ended = slot.proc.ended if slot.proc is not None else None
        if ended is not None:
            fact = AttemptEnded(at=ended.at, run=run, attempt=slot.claim.attempt, state=ended.state)
            self.reported.append((slot.claim.execution, fact))
        return True

    def pass_time(self) -> None:
        process = self.process
        assert process is not None
        moments = [self.store.next_due(process.session), self.runner.next_moment(process.slots)]
        known = [moment for moment in moments if moment is not None]
        now = self.clock.now()
        match self.dice.randrange(8):
            case 0:
                self.told("clock set back")
                self.clock.set(now - timedelta(seconds=self.dice.randrange(90)))
            case 1:
                self.clock.advance(timedelta(seconds=self.dice.randrange(150)))
            case _ if known and min(known) > now:
                self.clock.advance(min(known) - now)
            case _:
                self.clock.advance(timedelta(seconds=self.dice.randrange(10)))

    def person(self) -> None:
        if chance(self.dice, 35):
            meddle(self)
            return
        unfinished = self.unfinished()
        if unfinished:
            self.ask(one_of(self.dice, unfinished))

    def overtake(self, execution: str) -> None:
        """Somebody appends between a process's reading and its append."""
        self.told("overtaken")
        self.ask(execution)

    def ask(self, execution: str) -> None:
        """A person's word, from another terminal."""
        flow = self.flow_of(execution)
        at, presence = self.clock.now(), FakePresence(self)
        words = ("pause", "resume", "resume", "pause", "resume", "kill" if "kill" in self.faults else "resume")
        word = one_of(self.dice, words)
        with suppress(Refused):
            match word:
                case "kill":
                    request.kill(execution, by="ada", at=at, store=self.store, presence=presence, flow=flow)
                case "pause":
                    request.pause(execution, by="ada", at=at, store=self.store, presence=presence, flow=flow)
                case _:
                    self.resume(execution)
            self.told(f"person: {word}")

    def presence(self) -> Presence:
        return FakePresence(self)

    def take_up_again(self, execution: str) -> None:
        """Somebody has what goes on again taken up, as `run --resume` does."""
        process = self.process
        if process is not None and not process.is_gone:
            self.guarded(process, partial(self.take_up, process, execution))

    def resume(self, execution: str) -> None:
        request.resume(
            execution,
            values={},
            by="ada",
            at=self.clock.now(),
            store=self.store,
            presence=FakePresence(self),
            flow=self.flow_of(execution),
        )

    def flow_of(self, execution: str) -> Flow:
        loaded = self.store.load(execution)
        assert loaded is not None
        return self.flows[loaded.flow_digest]

    def duplicate(self) -> None:
        """A fact arrives once more."""
        if not self.reported or self.process is None:
            return
        execution, fact = one_of(self.dice, self.reported)
        self.told("fact told again")

        def again() -> None:
            with suppress(Refused, NotFound):
                assert self.process is not None
                self.process.executor.submit(execution, fact)

        self.guarded(self.process, again)

    def admit(self) -> None:
        """A new execution is asked for, and acknowledged."""
        process = self.process
        assert process is not None
        if len(self.acknowledged) >= 4:
            return
        number = len(self.acknowledged)
        name = f"{self.seed}-{number}"
        flow = random_flow(Dice(f"{name}/flow"), name=name, most_tasks=8, calls=self.calls, approvals=True)
        self.flows[flow.source_digest] = flow
        date = self.clock.now() + timedelta(seconds=40) if chance(self.dice, 15) else None
        wanted = Start(f"x{number}", flow, flow.source_digest, schedule_date=date)
        execution = start(self.store, wanted, session=process.session, at=self.clock.now())
        assert execution is not None
        self.acknowledged.append(execution.id)
        self.told("execution admitted")
        self.guarded(process, partial(process.live.begin, execution.id))

    def zombie(self) -> None:
        """The process stands still for so long that another takes over; then it goes on."""
        process = self.process
        assert process is not None
        if "zombie" in self.faults and len(self.zombies) < 2:
            self.told("process became a zombie")
            self.runner.process_died(process.slots)
            process.slots[:] = [slot for slot in process.slots if slot.begun]
            self.zombies.append(process)
            self.boot(self.random_fate())

    def haunt(self) -> None:
        """A zombie tries whatever it would have done."""
        if not self.zombies:
            return
        zombie = one_of(self.dice, self.zombies)
        executions = [execution for execution in self.acknowledged if self.seq(execution)]
        before = {execution: self.seq(execution) for execution in executions}
        execution = one_of(self.dice, executions)
        acts: list[Callable[[], object]] = [
            zombie.executor.wake,
            zombie.executor.catch_up,
            *([zombie.executor.hear] if self.calls else []),
            zombie.worker.fill,
            partial(zombie.executor.settle, execution),
            partial(self.finish, zombie),
            zombie.evaluator.step,
        ]
        self.guarded(zombie, one_of(self.dice, acts))
        if any(isinstance(fault, Fenced) for fault in zombie.faults):
            self.told("zombie fenced")
            self.zombies.remove(zombie)
        if not zombie.door.fate.overtaken_at and before != {each: self.seq(each) for each in executions}:
            raise Violation("a zombie appended")

    def seq(self, execution: str) -> int:
        loaded = self.store.load(execution)
        return loaded.seq if loaded is not None else 0

    def power_failure(self) -> None:
        if "power" not in self.faults:
            return
        self.told("power failure")
        self.runner.machine_died()
        self.zombies.clear()
        self.bury()

    def leave(self) -> None:
        """An orderly stop: tasks are left running, and the next process adopts them."""
        if "leave" not in self.faults:
            return
        process = self.process
        assert process is not None
        self.told("orderly restart")
        process.worker.leave()
        with suppress(PenstockError):
            process.door.close_session(process.session, at=self.clock.now())
        self.bury()

    # ── the calm ──

    def calm(self) -> None:
        """Faults stop, everybody does what they owe: everything must drain."""
        self.calm_now = True
        self.runner.calm()
        assert self.process is not None
        if self.process.is_gone:
            self.bury()
        if self.fate is None:
            self.process.door.fate = Fate()
        idle = 0
        for _ in range(MOST_CALM):
            if not self.unfinished():
                return
            idle = 0 if self.drain() or self.owe() or self.move_on() else idle + 1
            if idle > 1:  # loops look again after an interval: what the store was too busy for is done then
                break
            self.clock.advance(timedelta(seconds=idle))
        waiting = {each: self.store.load(each) for each in self.unfinished()}
        states = {each: (str(loaded.state), loaded.agenda) for each, loaded in waiting.items() if loaded is not None}
        raise Violation(f"what must drain in calm does not: {states}")

    def drain(self) -> bool:
        """A round of every loop; whether anything came of it."""
        process = self.process
        assert process is not None
        if process.is_gone and self.fate is None:
            raise Violation(f"a process fails in calm: {process.faults}")
        if process.is_gone:
            self.bury()
            return True
        self.runner.calm()
        moved = 0
        for part in (process.executor.wake, process.executor.catch_up, process.executor.hear, process.worker.fill):
            done = self.guarded(process, part)
            if done is None:
                return True
            moved += done
        for slot in [slot for slot in process.slots if not slot.begun]:
            self.runner.begin(slot)
            moved += 1
        while self.guarded(process, process.evaluator.step):
            moved += 1
        while self.finish(process):
            moved += 1
        return moved > 0

    def owe(self) -> bool:
        """People answer what waits for them, or else let its time run out."""
        for execution in self.unfinished():
            loaded = self.store.load(execution)
            assert loaded is not None
            if loaded.held or (request.waiting(loaded) is not None and chance(self.dice, 50)):
                self.resume(execution)
                return True
        return False

    def move_on(self) -> bool:
        """To the next moment at which anything is due."""
        process = self.process
        assert process is not None
        moments = [self.store.next_due(process.session), self.runner.next_moment(process.slots)]
        known = [moment for moment in moments if moment is not None]
        if not known:
            return any(request.waiting(loaded) for each in self.unfinished() if (loaded := self.store.load(each)))
        ahead = min(known) - self.clock.now()
        if ahead > timedelta(0):
            self.clock.advance(ahead)
        return True
