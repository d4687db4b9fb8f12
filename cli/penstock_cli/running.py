"""What `penstock run` does: what is wanted, on which session, shown how. The engine decides; this waits and shows."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from penstock.duration import parse_duration
from penstock.errors import Refused, UserError
from penstock.execution.event import Event
from penstock.execution.model import Execution
from penstock.flow.model import Dialect, Flow
from penstock.operations.again import last_of
from penstock.operations.start import Start, refuse_blocked
from penstock_cli.flow_files import (
    FlowFile,
    given_inputs,
    given_labels,
    given_mocks,
    read_flow,
    refuse_invalid,
    tell_undeclared,
    told_within,
)
from penstock_cli.globals import Globals
from penstock_cli.lookup import full_id
from penstock_cli.options import settings_now
from penstock_cli.render.progress import PlainProgress, Progress, Silent, TreeProgress, label, where
from penstock_cli.render.terminal import wants_colour, watches
from penstock_cli.run_course import RunCourse
from penstock_cli.run_wish import RunWish

if TYPE_CHECKING:
    from penstock.wiring import Allowance, LiveSession, Workplace


def run(wish: RunWish, globals_: Globals) -> int:
    """Run one flow to its end, or as far as it goes without a person; the exit code."""
    from penstock.settings import data_folder
    from penstock.wiring import workplace

    limit = _limit(wish.timeout)
    colour = wants_colour(globals_.color, sys.stderr)
    file = read_flow(wish.flow, Dialect(wish.dialect)) if wish.flow is not None else None
    wanted = _wanted(file, wish, colour=colour, quiet=globals_.quiet) if file is not None else None
    folder = None if wish.ephemeral else data_folder(wish.data)
    with workplace(folder, secrets_file=wish.secrets_file, settings=settings_now()) as place:
        if wanted is not None and file is not None:
            with told_within(file.path):
                wanted = place.keep_files(wanted, by_person=True)
            place.pin(wanted.flow, file.source)
        flow = wanted.flow if wanted is not None else _flow_to_resume(place, wish)
        allowance = _allowance(flow, wish, globals_)
        with _live(place, wish, allowance) as live, _progress(wish, globals_, flow, live, file) as progress:
            runner = RunCourse(place, live, flow, progress, wish, globals_)
            with told_within(file.path if file is not None else ""):
                return runner.go(wanted, limit)


def _limit(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return parse_duration(text).total_seconds()
    except ValueError as error:
        raise UserError(f"--timeout: {error}") from error


def _wanted(file: FlowFile, wish: RunWish, *, colour: bool, quiet: bool) -> Start:
    """The start that was asked for, refused before anything is opened when it cannot be."""
    from penstock.flow.inputs import resolve_inputs
    from penstock.wiring import new_execution_id, source_of

    refuse_invalid(file, colour=colour)
    flow = file.parsed.flow
    assert flow is not None
    refuse_blocked(flow)
    inputs = given_inputs(wish.inputs, wish.inputs_file, flow.inputs)
    with told_within(file.path):
        resolve_inputs(flow.inputs, inputs)
    if not quiet:
        tell_undeclared(inputs, flow.inputs)
    return Start(
        id=new_execution_id(),
        flow=flow,
        flow_digest=file.parsed.digest,
        inputs=inputs,
        labels=given_labels(wish.labels),
        source=source_of(file.path, file.source, flow.namespace),
        breakpoints=wish.breakpoints,
    )


def _flow_to_resume(place: Workplace, wish: RunWish) -> Flow:
    execution = place.store.load(full_id(place.store, wish.resume or ""))
    assert execution is not None
    if execution.is_over:
        again = last_of(place.store, execution)
        later = f"it was tried again, last by {again.id}" if again.id != execution.id else None
        raise Refused(f"the execution {execution.id} is over, it is {execution.state}", help=later)
    holder = place.store.holder(execution.id)
    if holder is not None and place.presence.is_alive(holder.id):
        raise Refused(
            f"the execution {execution.id} is held by a live process (pid {holder.pid})",
            help=f"follow it with `penstock executions watch {execution.id}`",
        )
    return place.flow_of(execution)


def _allowance(flow: Flow, wish: RunWish, globals_: Globals) -> Allowance:
    """Where its scripts run, which is said before anything of them begins."""
    from penstock.wiring import Allowance, ContainerSetup, RunnerChoice, choose_for_run

    if wish.dry_run:
        return Allowance(RunnerChoice(forced=wish.runner))
    choice = choose_for_run(flow, wish.runner, os.environ)
    if choice.told and not globals_.quiet:
        click.echo(choice.told, err=True)
    return Allowance(choice, ContainerSetup(policy=wish.policy or settings_now().agent.policy))


@contextmanager
def _live(place: Workplace, wish: RunWish, allowance: Allowance) -> Iterator[LiveSession]:
    from penstock.wiring import DEFAULT_SLOTS, Rehearsing

    name = socket.gethostname().split(".")[0] or "local"
    slots = wish.slots or DEFAULT_SLOTS
    rehearsal = Rehearsing(given_mocks(wish.mocks), dry=wish.dry_run, keep=wish.keep)
    with place.session(name=name, kind="run", slots=slots, allowance=allowance, rehearsal=rehearsal) as live:
        yield live


@contextmanager
def _progress(
    wish: RunWish, globals_: Globals, flow: Flow, live: LiveSession, file: FlowFile | None
) -> Iterator[Progress]:
    """How the run is shown: as a tree on a terminal, as lines elsewhere, as events on stdout with ndjson."""

    def names(run_id: str) -> str:
        for execution in list(current.values()):
            if run_id in execution.runs:
                return where(execution) + label(execution.runs[run_id])
        return run_id

    current: dict[str, Execution] = {}

    def keep(execution: Execution, _: Sequence[Event]) -> None:
        current[execution.id] = execution

    progress: Progress
    if globals_.quiet:
        progress = Silent()
    elif os.environ.get("GITHUB_ACTIONS") == "true":
        from penstock_cli.github.workflow import from_workspace
        from penstock_cli.render.github import GithubProgress

        summary = os.environ.get("GITHUB_STEP_SUMMARY")
        path = from_workspace(file.path, os.environ) if file is not None else str(flow.name)
        progress = GithubProgress(sys.stderr, flow, path, Path(summary) if summary else None)
    elif watches(sys.stderr) and wish.output != "ndjson":
        from penstock_cli.render.terminal import console

        progress = TreeProgress(console(globals_.color, stderr=True), names, str(flow.name))
    else:
        progress = PlainProgress(sys.stderr, names)
    live.executor.listen(keep)
    live.executor.listen(progress.hear)
    if wish.output == "ndjson":
        live.executor.listen(_event_lines())
    try:
        yield progress
    finally:
        progress.close()


def _event_lines() -> Callable[[Execution, Sequence[Event]], None]:
    import json

    from penstock.execution.codec import encode_event
    from penstock.execution.sealed import conceal

    def write(execution: Execution, events: Sequence[Event]) -> None:
        first = execution.seq - len(events) + 1
        for seq, event in enumerate(events, first):
            name, version, body = encode_event(event)
            fields = conceal(json.loads(body))
            line = {"execution": execution.id, "seq": seq, "type": name, "v": version, **fields}
            click.echo(json.dumps(line, ensure_ascii=False))

    return write
