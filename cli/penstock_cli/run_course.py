"""One run on its way: waited for, asked, stopped, and told of."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import click

from penstock.duration import humane
from penstock.errors import NotFound, Refused
from penstock.execution.event import AttemptEnded, Event, ExecutionCreated, KillRequested, PauseRequested
from penstock.execution.flowable.approval import APPROVAL
from penstock.execution.model import Execution, TaskRun
from penstock.execution.record import as_record, duration_of, outputs_record
from penstock.execution.state import State
from penstock.flow.model import Flow
from penstock.operations.request import answer, asked_of, waiting, waits_for_others, waits_for_person
from penstock.operations.start import Start, start
from penstock.operations.transcript import said
from penstock_cli.exits import Exit
from penstock_cli.globals import Globals
from penstock_cli.interrupts import HungUp, Terminated, heard_signals
from penstock_cli.lookup import full_id
from penstock_cli.render.progress import Progress, Silent, label
from penstock_cli.render.terminal import watches
from penstock_cli.run_wish import RunWish

if TYPE_CHECKING:
    from penstock.wiring import LiveSession, Workplace

LOG_EVERY = 0.05
"""Seconds between two looks at the logs: a line is to be readable 200 ms after it was written."""

EXITS = {
    State.SUCCESS: Exit.FINE,
    State.SKIPPED: Exit.FINE,
    State.WARNING: Exit.FINE,
    State.FAILED: Exit.FINDINGS,
    State.KILLED: Exit.KILLED,
    State.CANCELLED: Exit.CANCELLED,
    State.RETRIED: Exit.FINDINGS,
}


class RunCourse:
    """One run on its way: waits for what ends it, and says what came of it."""

    def __init__(
        self, place: Workplace, live: LiveSession, flow: Flow, progress: Progress, wish: RunWish, globals_: Globals
    ) -> None:
        self._place = place
        self._live = live
        self._flow = flow
        self._progress = progress
        self._wish = wish
        self._globals = globals_
        self._latest: Execution | None = None
        self._called: dict[str, Execution] = {}
        self._unread: list[str] = []
        self._stop_logs = threading.Event()
        live.executor.listen(self._hear)

    def go(self, wanted: Start | None, limit: float | None) -> int:
        if wanted is not None:
            place = self._place
            admitted = start(place.store, wanted, session=self._live.session, at=place.clock.now(), intake=place.intake)
            assert admitted is not None
            self._latest = admitted
            for check in admitted.checks:
                self._say(f"{check['style']}: {check['message']}")
            if admitted.queued:
                self._say(told_queued(admitted))
        else:
            self._latest = self._place.store.load(full_id(self._place.store, self._wish.resume or ""))
        assert self._latest is not None
        with ExitStack() as stack:
            stack.enter_context(heard_signals())
            stack.enter_context(self._logs(self._latest.id))
            if wanted is not None:
                self._live.begin(self._latest.id)
            else:
                self._live.take_up(self._latest.id)
            code = self._until_over(limit)
        self._progress.close()
        return self._tell(code)

    # ── hearing ──

    def _hear(self, execution: Execution, events: Sequence[Event]) -> None:
        self._take(execution)
        begins = bool(events) and isinstance(events[0], ExecutionCreated)
        if begins and (execution.caller is not None or execution.attempt_number > 1):
            self._unread.append(execution.id)
        if begins and execution.caller is None and execution.attempt_number > 1:
            self._say(told_again(execution))
        for event in events:
            if isinstance(event, PauseRequested):
                self._say(f"paused by {event.by}: penstock executions resume {execution.id} lets it go on")
            if isinstance(event, AttemptEnded) and "said" in event.log:
                lines = said(execution.id, execution.runs[event.run])
                self._progress.lines([line for line in lines if line.key.attempt == event.attempt])

    def _take(self, execution: Execution) -> None:
        """How an execution stands now: the one that is run, one that tries it again, or another that goes on beside."""
        latest = self._latest
        if execution.caller is None and (latest is None or execution.attempt_number >= latest.attempt_number):
            self._latest = execution
            if latest is not None and latest.id != execution.id and not latest.is_over:
                self._called[latest.id] = latest
        elif execution.is_over:
            self._called.pop(execution.id, None)
        else:
            self._called[execution.id] = execution

    @contextmanager
    def _logs(self, execution: str) -> Iterator[None]:
        """Show log lines as they are written, and the last of them before anything else is said.

        A portion at a time: however much comes, no more than that is held here.
        """
        if isinstance(self._progress, Silent):  # to read them costs more than to write them
            yield
            return
        with ExitStack() as stack:
            tails = [stack.enter_context(self._place.logs.follow(execution))]

            def read() -> bool:
                """What has come since the last look, of all executions; whether there was anything."""
                while self._unread:
                    tails.append(stack.enter_context(self._place.logs.follow(self._unread.pop(0))))
                found = [line for tail in tails for line in tail.new()]
                self._progress.lines(found)
                return bool(found)

            def show() -> None:
                while not self._stop_logs.wait(LOG_EVERY):
                    read()

            thread = threading.Thread(target=show, name="log lines", daemon=True)
            thread.start()
            try:
                yield
            finally:
                self._stop_logs.set()
                thread.join()
                while read():
                    pass

    # ── waiting ──

    def _until_over(self, limit: float | None) -> int | None:
        """Wait for the end. An exit code where something else than the end has to be told; None otherwise."""
        try:
            while True:
                over = self._live.wait(lambda: self._is_over() or self._waits(), limit)
                if not over:
                    return self._kill(Exit.TIMED_OUT, f"--timeout {self._wish.timeout} is over")
                if self._is_over():
                    return None
                if not self._ask():
                    return Exit.PAUSED
        except KeyboardInterrupt:
            return self._kill(Exit.INTERRUPTED, "interrupted")
        except Terminated:
            return self._kill(Exit.TERMINATED, "told to terminate")
        except HungUp:
            return self._leave(Exit.TERMINATED)

    def _is_over(self) -> bool:
        """Whether it is over, and all that it has called. One that is RETRIED is followed by another."""
        latest = self._latest
        return latest is not None and latest.is_over and latest.state is not State.RETRIED and not self._called

    def _waits(self) -> bool:
        """Whether a Pause asks for a person, of it or of what it has called, and nothing else moves. One with a delay
        moves on by itself; an operator's pause is lifted from another terminal, and is waited for."""
        if self._asking() is None:
            return False
        return all(each.is_over or _asks(each) or waits_for_others(each) for each in self._living())

    def _living(self) -> list[Execution]:
        return [*([self._latest] if self._latest is not None else []), *self._called.values()]

    def _asking(self) -> Execution | None:
        return next((each for each in self._living() if _asks(each)), None)

    def _ask(self) -> bool:
        """Ask on the terminal what a Pause wants to know, and go on. False when there is nobody to ask."""
        asking = self._asking()
        if asking is None:
            return True
        execution = asking.id
        current = self._live.executor.peek(execution)
        run = waiting(current)
        if run is None or self._globals.no_input or not watches(sys.stdin) or not watches(sys.stderr):
            return False
        if run.state is State.BREAKPOINT:
            return self._ask_at_breakpoint(current, run)
        if self._live.executor.flow_of(execution).by_id[run.task].type == APPROVAL:
            return False  # yes and no are said by name: what is only typed through is no consent
        from penstock_cli.render.asking import ask

        place, flow = self._place, self._live.executor.flow_of(execution)
        with self._progress.aside():
            questions, render = asked_of(flow, run), place.intake.renderer(flow, current)
            values = place.keep_answers(
                flow, current, ask(flow.by_id[run.task], questions, label(run), render), task=run.task
            )
        event = answer(flow, current, values, by=_person(), at=place.clock.now(), task=run.task, intake=place.intake)
        self._live.executor.submit(execution, event)
        self._live.worker.fill()
        return True

    def _ask_at_breakpoint(self, execution: Execution, run: TaskRun) -> bool:
        with self._progress.aside():
            if not click.confirm(f"{label(run)} stands at a breakpoint: go on?", default=True, err=True):
                return False
        flow = self._live.executor.flow_of(execution.id)
        event = answer(flow, execution, {}, by=_person(), at=self._place.clock.now(), run=run)
        self._live.executor.submit(execution.id, event)
        self._live.worker.fill()
        return True

    # ── stopping ──

    def _kill(self, code: int, why: str) -> int:
        assert self._latest is not None
        self._say(f"{why}: killing the execution; Ctrl-C again leaves its tasks running")
        try:
            try:
                self._live.executor.submit(self._latest.id, KillRequested(at=self._place.clock.now(), by=_person()))
            except (Refused, NotFound):
                return code
            self._live.wait(self._is_over)
            return code
        except (KeyboardInterrupt, Terminated, HungUp):
            return self._leave(code)

    def _leave(self, code: int) -> int:
        assert self._latest is not None
        self._live.worker.leave()
        self._say(f"its tasks run on; take it up again with: penstock run --resume {self._latest.id}")
        return code

    # ── telling ──

    def _tell(self, code: int | None) -> int:
        execution = self._latest
        assert execution is not None
        if code == Exit.PAUSED:
            asking = self._asking() or execution
            flow = self._place.flow_of(asking)
            self._say(f"paused: resume it with\n  {_how_to_resume(flow, asking, execution.id)}")
        elif execution.is_over:
            spent = humane(duration_of(execution.histories, execution.histories[-1][1]))
            where = "" if self._wish.ephemeral else f"\nlogs: penstock executions logs {execution.id}"
            self._say(f"{execution.state.value}: {execution.flow} in {spent}{where}")
            if execution.error:
                self._say(execution.error)
        if self._globals.verbose:
            attempts = sum(len(run.attempts) for run in execution.runs.values())
            self._say(f"{self._place.store.commits()} commits, {len(execution.runs)} task runs, {attempts} attempts")
        _show(execution, self._wish.output)
        if code is not None:
            return code
        if execution.state is State.WARNING and self._wish.fail_on_warning:
            return Exit.WARNED
        return EXITS.get(execution.state, Exit.FINDINGS)

    def _say(self, text: str) -> None:
        if not self._globals.quiet:
            click.echo(text, err=True)


def _show(execution: Execution, output: str | None) -> None:
    """The data of the run, on stdout."""
    if output == "name":
        click.echo(execution.id)
    elif output in ("json", "yaml"):
        from penstock_cli.render.tables import show_value

        show_value(as_record(execution), output)
    elif output in (None, "table") and (outputs := outputs_record(execution)):
        width = max(len(name) for name in outputs)
        for name, value in outputs.items():
            click.echo(f"{name:<{width}}  {_plain_text(value)}")


def _plain_text(value: Any) -> str:
    import json

    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def told_again(execution: Execution) -> str:
    """What is said when another execution has failed, and this one tries it once more."""
    return f"tried again by {execution.id} (attempt {execution.attempt_number})"


def told_queued(execution: Execution) -> str:
    """What is said of an execution that waits for others of its flow."""
    word = f"penstock executions unqueue {execution.id}"
    return f"it is QUEUED: as many of {execution.flow} go on as may; {word} lets it run now"


def _asks(execution: Execution) -> bool:
    return waits_for_person(execution) and not execution.held


def _how_to_resume(flow: Flow, execution: Execution, whole: str) -> str:
    """`whole` is the execution that was run: what waits may be one that it has called."""
    run = waiting(execution)
    pauses = run is not None and run.state is State.PAUSED
    asked = asked_of(flow, run) if run is not None and pauses else ()
    pairs = "".join(f" -i {each.id}=…" for each in asked)
    decides = run is not None and pauses and flow.by_id[run.task].type == APPROVAL
    resume = f"penstock executions resume {execution.id}{' --approve' if decides else ''}{pairs}"
    return f"{resume}\n  penstock run --resume {whole}"


def _person() -> str:
    return os.environ.get("USER") or os.environ.get("USERNAME") or "somebody"
