"""The laws of the core, over random flows and random histories."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import fields
from datetime import timedelta
from typing import Any

from hypothesis import given, settings

from flows_strategy import Dice, dice_by_hypothesis
from penstock.execution.apply import extend, fold
from penstock.execution.codec import decode_event, dump_header, dump_run, encode_event, load_header, load_run
from penstock.execution.decide import decide, due
from penstock.execution.event import (
    AttemptEnded,
    AttemptLost,
    AttemptStarted,
    Event,
    ExecutionClosed,
    ExecutionEnded,
    ExecutionInherited,
    ExecutionReopened,
    ExecutionStarted,
    FlowableStarted,
    IterationBegun,
    LabelsSet,
    Phase,
    ScopeOpened,
    SlaViolated,
    StatusChanged,
    StopCause,
    TaskRunAdmitted,
    TaskRunCreated,
    TaskRunEnded,
    TaskRunReleased,
    TaskRunRetrying,
)
from penstock.execution.flowable import FLOWABLES
from penstock.execution.legality import refuse
from penstock.execution.model import Execution
from penstock.execution.snapshot import restore
from penstock.execution.state import FAILING, State
from unit.execution.course import Course
from unit.execution.full_scan import full_scan, gist
from unit.execution.history import kinds, play

TICK = timedelta(microseconds=1)
FOREVER = timedelta(days=10_000)

ONCE = (
    ExecutionStarted
    | ExecutionEnded
    | ExecutionClosed
    | SlaViolated
    | ScopeOpened
    | TaskRunCreated
    | TaskRunAdmitted
    | FlowableStarted
    | TaskRunEnded
)
"""What happens once in the life of what it is about."""

OPENS_AGAIN = (ExecutionInherited, ExecutionReopened, IterationBegun)

ONCE_AN_ATTEMPT = AttemptStarted | AttemptEnded | AttemptLost

DERIVED = frozenset(
    {
        *("runs", "order", "scopes", "agenda", "asked", "ready", "inline", "running", "sleeping", "paused"),
        *("deadlines", "halted", "bearing", "children", "places"),
    }
)


def living(execution: Execution) -> list[tuple[str, int, str]]:
    """The executions that are waited for, as the store keeps them."""
    return [(run, index, child) for run, children in execution.children.items() for index, child in children.items()]


def law(examples: int = 250) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A test over so many random histories."""

    def made(test: Callable[..., None]) -> Callable[..., None]:
        return settings(max_examples=examples)(given(dice=dice_by_hypothesis)(test))

    return made


@law()
def test_the_answer_is_the_one_that_a_full_scan_finds(dice: Dice) -> None:
    def same(course: Course) -> None:
        found = {gist(event) for event in course.decide()}
        assert found == full_scan(course.flow, course.execution, course.now)

    play(dice, at_look=same)


@law()
def test_every_execution_ends_once_attempts_end_and_pauses_are_answered(dice: Dice) -> None:
    course = play(dice)

    assert course.execution.is_over
    assert all(run.state.is_terminal for run in course.execution.in_order())
    assert not any(run.is_running for run in course.execution.in_order())


@law(120)
def test_an_execution_that_is_over_decides_nothing_for_ever(dice: Dice) -> None:
    course = play(dice)

    assert due(course.flow, course.execution) is None
    for moment in (course.now - FOREVER, course.now, course.now + FOREVER):
        assert decide(course.flow, course.execution, moment) == ()
    words = [event for event in course.log if not isinstance(event, LabelsSet | StatusChanged)]
    assert all(refuse(course.execution, event) is not None for event in words)


@law(120)
def test_the_fold_of_the_log_is_the_execution(dice: Dice) -> None:
    course = play(dice)

    assert fold(course.log) == course.execution


@law(120)
def test_folding_in_one_go_is_folding_one_by_one(dice: Dice) -> None:
    course = play(dice)
    at = dice.randrange(len(course.log)) + 1

    assert extend(fold(course.log[:at]), course.log[at:]) == course.execution


@law()
def test_an_execution_can_be_rebuilt_from_its_header_and_task_runs_after_every_step(dice: Dice) -> None:
    def rebuilt(before: Execution, event: Event, after: Execution) -> None:
        del before, event
        header: dict[str, Any] = {
            field.name: getattr(after, field.name) for field in fields(Execution) if field.name not in DERIVED
        }
        assert restore(Execution(**header), reversed(list(after.runs.values())), living(after)) == after

    play(dice, at_step=rebuilt)


@law(120)
def test_what_is_written_is_what_is_read(dice: Dice) -> None:
    course = play(dice)

    assert [decode_event(*encode_event(event)) for event in course.log] == course.log
    assert fold(decode_event(*encode_event(event)) for event in course.log) == course.execution
    runs = [load_run(dump_run(run)) for run in course.execution.in_order()]
    assert restore(load_header(dump_header(course.execution)), runs, living(course.execution)) == course.execution


@law()
def test_before_due_nothing_follows_and_at_due_something_does(dice: Dice) -> None:
    def kept(course: Course) -> None:
        moment = course.due()
        if moment is None:
            assert decide(course.flow, course.execution, course.now + FOREVER) == ()
            return
        assert moment > course.now
        for before in (course.now + (moment - course.now) / 2, moment - TICK):
            assert decide(course.flow, course.execution, before) == ()
        assert decide(course.flow, course.execution, moment) != ()

    play(dice, at_rest=kept)


@law()
def test_no_event_is_legal_twice(dice: Dice) -> None:
    told: list[Event] = []

    def refused(before: Execution, event: Event, after: Execution) -> None:
        del before
        assert refuse(after, event) is not None
        if isinstance(event, OPENS_AGAIN):
            told.clear()  # what happens once may happen once more
        if isinstance(event, ONCE | ONCE_AN_ATTEMPT):
            told.append(event)
        if told:
            assert refuse(after, told[dice.randrange(len(told))]) is not None

    play(dice, at_step=refused)


@law()
def test_no_task_run_is_orphaned(dice: Dice) -> None:
    def kept(before: Execution, event: Event, after: Execution) -> None:
        del before
        match event:
            case TaskRunCreated():
                assert event.parent is None or not after.runs[event.parent].state.is_terminal
            case TaskRunEnded():
                children = [run for run in after.runs.values() if run.parent == event.run]
                assert all(child.state.is_terminal for child in children)
            case ExecutionEnded():
                assert all(run.state.is_terminal for run in after.runs.values())
            case _:
                return

    play(dice, at_step=kept)


@law()
def test_tasks_of_a_lane_follow_one_another_and_lanes_keep_within_their_width(dice: Dice) -> None:
    def kept(before: Execution, event: Event, after: Execution) -> None:
        if not isinstance(event, TaskRunCreated):
            return
        here = [run for run in before.runs.values() if (run.parent, run.phase) == (event.parent, event.phase)]
        lane = {run.position: run for run in here if run.lane == event.lane}
        assert sorted(lane) == list(range(event.position))
        assert all(run.state.is_terminal for run in lane.values())
        failed = event.phase is Phase.MAIN and any(run.state in FAILING for run in here)
        assert not failed, "nothing begins in a list that has failed"
        opened = before.scopes[event.parent or ""].open
        moving = {run.lane for run in after.runs.values() if (run.parent, run.phase) == (event.parent, event.phase)}
        moving -= {run.lane for run in here if run.last and run.state.is_terminal}
        assert opened.width == 0 or len(moving) <= opened.width

    play(dice, at_step=kept)


@law()
def test_errors_open_after_a_failure_only_and_finally_after_everything_else(dice: Dice) -> None:
    def kept(before: Execution, event: Event, after: Execution) -> None:
        del after
        if not isinstance(event, ScopeOpened):
            return
        children = [run for run in before.runs.values() if run.parent == event.run]
        assert all(child.state.is_terminal for child in children)
        phases = {child.phase for child in children}
        if event.phase is Phase.ERRORS:
            owner = before.runs[event.run] if event.run is not None else None
            late = owner is not None and owner.stop is StopCause.TIMEOUT
            unanswered = owner is not None and owner.facts.get("decision") in ("TIMEOUT", "FAIL")  # a Pause has failed
            assert late or unanswered or State.FAILED in {child.state for child in children}
            assert phases <= {Phase.BEFORE, Phase.MAIN}
        assert event.phase is not Phase.MAIN or phases <= {Phase.BEFORE}
        assert event.phase is not Phase.FINALLY or Phase.FINALLY not in phases
        if event.phase is Phase.AFTER:
            assert before.state.is_terminal

    play(dice, at_step=kept)


@law()
def test_a_retry_keeps_its_delay_and_its_bound(dice: Dice) -> None:
    course = play(dice, reopens=False)
    until: dict[str, TaskRunRetrying] = {}
    for event in course.log:
        match event:
            case TaskRunRetrying():
                until[event.run] = event
            case TaskRunReleased() if event.run in until:
                assert event.at >= until.pop(event.run).until
            case _:
                continue
    for run in course.execution.in_order():
        retry = course.flow.retry_of(course.flow.by_id[run.task])
        tries = sum(not attempt.lost for attempt in run.attempts)
        assert tries <= 1 or retry is not None
        assert retry is None or retry.max_attempts is None or tries <= retry.max_attempts


@law()
def test_only_an_attempt_of_whose_end_nobody_has_heard_is_written_off(dice: Dice) -> None:
    def kept(before: Execution, event: Event, after: Execution) -> None:
        del after
        if isinstance(event, TaskRunEnded):
            assert event.orphan == (before.runs[event.run].is_running or event.run in before.children)

    play(dice, at_step=kept)


@law(120)
def test_what_a_parent_shows_follows_from_its_children(dice: Dice) -> None:
    course = play(dice, reopens=False)
    execution = course.execution
    leaves_well = execution.exit is State.SUCCESS  # what is open around an Exit ends so, whatever has failed in it
    for run in execution.in_order():
        children = {each.state for each in execution.runs.values() if each.parent == run.id}
        if run.task in course.flow.by_id and course.flow.by_id[run.task].type in FLOWABLES and children:
            task = course.flow.by_id[run.task]
            allowed = task.allow_failure or task.type.endswith(".flow.AllowFailure")
            softened = allowed and task.allow_warning
            excused = softened or execution.kill or leaves_well
            assert run.state is not State.SUCCESS or excused or not children & FAILING
    at_root = {
        run.state for run in execution.in_order() if run.parent is None and run.phase in (Phase.MAIN, Phase.FINALLY)
    }
    if execution.state is State.SUCCESS and not leaves_well:
        assert at_root <= {State.SUCCESS, State.SKIPPED}


def test_every_kind_of_event_happens_in_these_histories() -> None:
    happened: Counter[type[Event]] = Counter()
    for seed in range(300):
        happened.update(type(event) for event in play(Dice(seed)).log)

    print("\n".join(f"{happened[kind]:6} {kind.__name__}" for kind in sorted(kinds(), key=lambda kind: kind.__name__)))
    assert kinds() == set(happened)
