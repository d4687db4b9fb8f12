"""Random histories: whatever may happen to an execution, in any order, then calm in which it must end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import timedelta

from flows_strategy import START, Dice, chance, one_of, random_answer, random_flow
from penstock.errors import Refused
from penstock.execution import event, reopening
from penstock.execution.event import (
    AttemptEnded,
    AttemptLost,
    AttemptStarted,
    ChildEnded,
    ChildRefused,
    ChildStarted,
    Event,
    ExitRequested,
    KillRequested,
    LabelsChanged,
    PauseRequested,
    ResumeRequested,
    VariablesChanged,
)
from penstock.execution.inheriting import inherit
from penstock.execution.leaving import leave_of
from penstock.execution.model import TaskRun
from penstock.execution.state import State
from penstock.flow.model import Kind
from unit.execution.course import Course, Watcher

MOST_STORM = 120
MOST_CALM = 3_000

Moment = Callable[[Course], None]
Move = tuple[int, Callable[[], None]]
"""How likely, and what."""


def play(
    dice: Dice,
    *,
    at_step: Watcher | None = None,
    at_look: Moment | None = None,
    at_rest: Moment | None = None,
    most_tasks: int = 10,
    reopens: bool = True,
) -> Course:
    """A random flow and its whole history. `at_look` is called before each decision, `at_rest` where none follows.
    `reopens`: what is over may be opened again by people, as itself or as another execution."""
    flow = random_flow(dice, most_tasks=most_tasks, calls=True, approvals=True)
    date = START + timedelta(minutes=1) if chance(dice, 10) else None
    stops = tuple(sorted(flow.by_id)[: dice.randrange(3)]) if chance(dice, 10) else ()
    course = Course(flow, schedule_date=date, breakpoints=stops, watch=at_step)
    if chance(dice, 10):
        course.tell(event.ExecutionQueued(at=course.now))
    history = _History(course, dice, at_look or _nothing, at_rest or _nothing)
    try:
        history.storm(10 + dice.randrange(MOST_STORM))
        history.calm()
        while reopens and chance(dice, 40) and history.reopen():
            history.storm(dice.randrange(MOST_STORM // 2))
            history.calm()
    except AssertionError as error:
        error.add_note("\n".join([repr(flow), *map(repr, course.log)]))
        raise
    return course


def _nothing(course: Course) -> None:
    del course


class _History:
    def __init__(self, course: Course, dice: Dice, at_look: Moment, at_rest: Moment) -> None:
        self.course = course
        self.dice = dice
        self.at_look = at_look
        self.at_rest = at_rest

    def storm(self, steps: int) -> None:
        """Facts of every kind, also between two decisions that belong together."""
        for _ in range(steps):
            if self.course.execution.is_over:
                return
            follows = self.decides()
            if follows and not chance(self.dice, 20):
                self.course.tell(*self.course.decide())
            else:
                self.move()

    def calm(self) -> None:
        """Everybody does what they owe: the execution must come to its end."""
        course = self.course
        for _ in range(MOST_CALM):
            if course.execution.is_over:
                self.decides()
                return
            if self.decides():
                course.tell(*course.decide())
            elif not self.owed():
                moment = course.due()
                assert moment is not None, f"it waits for nothing and does not end: {course.states()}"
                course.now = max(course.now, moment)
        raise AssertionError(f"it does not end: {course.execution.state}, {course.states()}")

    def decides(self) -> bool:
        self.at_look(self.course)
        if self.course.decide():
            return True
        self.at_rest(self.course)
        return False

    def owed(self) -> bool:
        """One thing that somebody owes the execution is done; False when it waits for a timer alone."""
        execution = self.course.execution
        moves: list[Callable[[], None]] = [
            *(lambda key=key: self.answer(key) for key in sorted(execution.asked)),
            *(lambda key=key: self.end(key) for key in sorted(execution.running)),
            *(lambda key=key: self.child_ends(key) for key in sorted(execution.children)),
        ]
        if execution.held:
            moves.append(self.resume)
        elif execution.queued and not execution.is_leaving:
            moves += [self.let_in, self.unqueue]
        else:
            moves += [lambda key=key: self.start(key) for key in self.startable()]
            moves += [lambda key=key: self.bear(key) for key in self.free(execution.bearing)]
        unanswered = [key for key in sorted(execution.paused) if "resumed" not in execution.runs[key].facts]
        if not moves and unanswered and (self.course.due() is None or chance(self.dice, 50)):
            moves = [lambda: self.answer_pause(unanswered[0])]
        if moves:
            one_of(self.dice, moves)()
        return bool(moves)

    def free(self, keys: Iterable[str]) -> list[str]:
        """Those of task runs whose end was not settled from above."""
        execution = self.course.execution
        return sorted(key for key in keys if leave_of(execution, execution.runs[key]) is None)

    # ── people, once it is over ──

    def reopen(self) -> bool:
        """Whether a person finds something to do with an execution that is over, so that it goes on."""
        course, execution, now = self.course, self.course.execution, self.course.now
        if chance(self.dice, 10):
            course.tell(event.LabelsSet(at=now, labels={**execution.labels, "seen": str(execution.seq)}))
        if chance(self.dice, 10) and execution.state is not State.WARNING:
            course.tell(event.StatusChanged(at=now, state=State.WARNING))
        runs = sorted(execution.runs)
        with suppress(Refused):
            match self.dice.randrange(4) if runs else 0:
                case 0 | 1:
                    opened = reopening.restart(course.flow, course.execution, by="ada", at=now)
                case 2:
                    state = one_of(self.dice, (State.SUCCESS, State.FAILED, State.WARNING))
                    run = one_of(self.dice, runs)
                    opened = reopening.change_status(course.flow, course.execution, run, state, by="ada", at=now)
                case _:
                    run = one_of(self.dice, runs)
                    opened = reopening.replay(course.flow, course.execution, run, by="ada", at=now)
            self.go_on(opened)
            return True
        return False

    def go_on(self, opened: event.ExecutionReopened) -> None:
        """As itself, or as another execution."""
        old = self.course.execution
        if not chance(self.dice, 40):
            self.course.tell(opened)
            return
        created = event.ExecutionCreated(
            at=self.course.now,
            id=f"{old.id}+",
            namespace=old.flow.namespace,
            flow_id=old.flow.id,
            revision=old.revision,
            flow_digest=old.flow_digest,
            parent_id=old.id,
            attempt_number=old.attempt_number,
        )
        self.course.begin_anew(created, *inherit(old, opened, created.id, at=self.course.now))

    # ── moves ──

    def move(self) -> None:
        execution = self.course.execution
        if not execution.kill and chance(self.dice, 2):
            self.kill()
            return
        moves: list[Move] = [(4, self.pass_time)]
        moves += [(20, lambda key=key: self.answer(key)) for key in sorted(execution.asked)]
        if not execution.held:
            moves += [(10, lambda key=key: self.start(key)) for key in self.startable()]
            moves += [(10, lambda key=key: self.bear(key)) for key in self.free(execution.bearing)]
        moves += [(6, lambda key=key: self.child_ends(key)) for key in sorted(execution.children)]
        moves += [(8, lambda key=key: self.end(key)) for key in sorted(execution.running)]
        moves += [(2, lambda key=key: self.lose(key)) for key in sorted(execution.running)]
        unanswered = [key for key in sorted(execution.paused) if "resumed" not in execution.runs[key].facts]
        moves += [(4, lambda key=key: self.answer_pause(key)) for key in unanswered]
        if execution.state is State.RUNNING:
            moves.append((1, self.pause))
        if execution.held:
            moves.append((4, self.resume))
        if execution.queued and not execution.is_leaving:
            moves += [(6, self.let_in), (2, self.unqueue)]
        if self.course.refusal(event.RunForced(at=self.course.now)) is None:
            moves.append((1, self.force))
        at = self.dice.randrange(sum(weight for weight, _ in moves))
        for weight, act in moves:
            at -= weight
            if at < 0:
                act()
                return

    def let_in(self) -> None:
        self.course.tell(event.ExecutionAdmitted(at=self.course.now))

    def unqueue(self) -> None:
        state = one_of(self.dice, (State.RUNNING, State.RUNNING, State.CANCELLED))
        self.course.tell(event.Unqueued(at=self.course.now, state=state))

    def force(self) -> None:
        self.course.tell(event.RunForced(at=self.course.now))

    def pass_time(self) -> None:
        course = self.course
        moment = course.due()
        match self.dice.randrange(5):
            case 0 | 1 if moment is not None:
                course.now = max(course.now, moment)
            case 2:
                course.now -= timedelta(seconds=self.dice.randrange(120))
            case 3 if moment is not None:
                course.now = max(course.now, moment + timedelta(seconds=1))
                self.report_late()
            case _:
                course.now += timedelta(seconds=self.dice.randrange(70))

    def report_late(self) -> None:
        """The end of an attempt arrives together with the moment that nobody wanted to wait for."""
        if self.course.execution.running and chance(self.dice, 50):
            self.end(one_of(self.dice, sorted(self.course.execution.running)))

    def answer(self, key: str) -> None:
        course = self.course
        course.tell(random_answer(self.dice, course.flow, course.execution, key, course.now))

    def startable(self) -> list[str]:
        """What a worker may claim: not what stands below a flowable whose time is over."""
        execution = self.course.execution
        ready = sorted([*execution.ready, *execution.inline])
        return [key for key in ready if self.course.refusal(self.claim(key)) is None]

    def claim(self, key: str) -> AttemptStarted:
        number = len(self.course.execution.runs[key].attempts) + 1
        return AttemptStarted(at=self.course.now, run=key, attempt=number, session="s", epoch=1)

    def start(self, key: str) -> None:
        self.course.tell(self.claim(key))

    def end(self, key: str) -> None:
        run = self.course.execution.runs[key]
        state, error = self.outcome(run), None
        if state is State.FAILED:
            error = "it went wrong"
        if run.kind is Kind.INLINE:
            self.affect(run)
        outputs: dict[str, object] = {"value": run.value} if chance(self.dice, 30) else {}
        self.course.tell(
            AttemptEnded(
                at=self.course.now, run=key, attempt=len(run.attempts), state=state, error=error, outputs=outputs
            )
        )

    def affect(self, run: TaskRun) -> None:
        """An inline task changes the execution, now and then."""
        at, number = self.course.now, len(run.attempts)
        if chance(self.dice, 10):
            self.course.tell(LabelsChanged(at=at, run=run.id, attempt=number, labels={"by": run.task}))
        if chance(self.dice, 10):
            values, removed = {"by": {run.task: number}}, ("by.nobody",)
            self.course.tell(VariablesChanged(at=at, run=run.id, attempt=number, values=values, removed=removed))
        if chance(self.dice, 6):
            states = (State.SUCCESS, State.WARNING, State.FAILED, State.CANCELLED, State.KILLED)
            self.course.tell(ExitRequested(at=at, run=run.id, attempt=number, state=one_of(self.dice, states)))

    def bear(self, key: str) -> None:
        """The next child of a task run is made, or cannot be."""
        family = self.course.execution.runs[key].family
        assert family is not None
        now = self.course.now
        if chance(self.dice, 8):
            refused = ChildRefused(at=now, run=key, index=family.begun, error="there is no such flow")
            self.course.tell(refused)
            return
        child = f"{key}/{len(self.course.log)}"
        self.course.tell(ChildStarted(at=now, run=key, index=family.begun, child=child, outputs={"executionId": child}))

    def child_ends(self, key: str) -> None:
        run = self.course.execution.runs[key]
        index, child = one_of(self.dice, sorted(self.course.execution.children[key].items()))
        self.course.tell(
            ChildEnded(at=self.course.now, run=key, index=index, child=child, state=self.outcome(run), outputs={})
        )

    def outcome(self, run: TaskRun) -> State:
        if run.stop is not None and chance(self.dice, 70):
            return State.KILLED
        return one_of(self.dice, (*[State.SUCCESS] * 7, State.FAILED, State.FAILED, State.WARNING))

    def lose(self, key: str) -> None:
        number = len(self.course.execution.runs[key].attempts)
        self.course.tell(AttemptLost(at=self.course.now, run=key, attempt=number, reason="it is gone"))

    def kill(self) -> None:
        self.course.tell(KillRequested(at=self.course.now, by="ada"))

    def pause(self) -> None:
        self.course.tell(PauseRequested(at=self.course.now, by="ada"))

    def resume(self) -> None:
        self.course.tell(ResumeRequested(at=self.course.now, by="ada"))

    def answer_pause(self, key: str) -> None:
        decision = one_of(self.dice, ("", "APPROVED", "DENIED"))
        values = {"approved": True}
        self.course.tell(ResumeRequested(at=self.course.now, by="ada", paused=key, values=values, decision=decision))


def kinds() -> set[type[Event]]:
    """Every kind of event there is."""
    found = {kind for kind in vars(event).values() if isinstance(kind, type) and issubclass(kind, event.Event)}
    return found - {event.Event, event.ExecutionEvent, event.RunEvent}
