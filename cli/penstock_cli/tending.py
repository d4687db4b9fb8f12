"""What `penstock agent --once` does and tells, and what its status says."""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from penstock.diagnostic import FlowName
from penstock.duration import humane
from penstock.errors import Refused, Retryable, UserError
from penstock.execution.event import Event, TaskRunEnded
from penstock.execution.model import Execution
from penstock.execution.record import duration_of
from penstock.execution.state import State
from penstock.execution.variables import iso
from penstock.operations.start import name_of
from penstock.wiring import Allowance, Repository, workplace
from penstock_cli.exits import Exit
from penstock_cli.globals import Globals
from penstock_cli.render.progress import MARKS, harmless, label

if TYPE_CHECKING:
    from penstock.wiring import Reconciled, Round

_GOOD = frozenset({State.SUCCESS, State.WARNING, State.SKIPPED, State.PAUSED, State.CANCELLED})


@dataclass(frozen=True, slots=True)
class AgentWish:
    """The options of `agent`, as they were given."""

    repository: Repository
    starts: tuple[str, ...]
    record: bool
    name: str | None
    slots: int | None
    allow_process: bool
    data: Path | None


def tend(wish: AgentWish, globals_: Globals) -> int:
    """One round; the exit code."""
    from penstock.settings import data_folder
    from penstock.wiring import DEFAULT_SLOTS, PROCESS

    starts = [_flow_name(text) for text in wish.starts]
    name = wish.name or socket.gethostname().split(".")[0] or "agent"
    folder = data_folder(wish.data, agent=wish.repository.identity)
    allowance = Allowance(frozenset({PROCESS}) if wish.allow_process else frozenset(), reach=())
    tell = _silent if globals_.quiet else _tell
    with workplace(folder) as place, place.presence.hold_agent() as mine:
        if not mine:
            raise Refused(
                f"another agent works in {folder}", help="wait for it, or give this one a data folder of its own"
            )
        slots = wish.slots or DEFAULT_SLOTS
        with place.session(name=name, kind="agent", slots=slots, allowance=allowance) as live:
            live.executor.listen(_Teller(tell).hear)
            outcome = place.once(
                wish.repository,
                live,
                name=name,
                record=wish.record,
                starts=starts,
                tell=tell,
                on_reconciled=lambda reconciled: _report_findings(reconciled, globals_),
            )
    return _report(outcome, globals_, wish)


def _flow_name(text: str) -> FlowName:
    name = name_of(text)
    if name is None:
        raise UserError(f"`--start {text}` does not name a flow", help="name it as `namespace/id`")
    return name


def _tell(text: str) -> None:
    click.echo(text, err=True)


def _silent(_: str) -> None:
    return


class _Teller:
    """One line for each task run and execution that ends."""

    def __init__(self, tell: Any) -> None:
        self._tell = tell

    def hear(self, execution: Execution, events: Sequence[Event]) -> None:
        for event in events:
            if isinstance(event, TaskRunEnded):
                run = execution.runs[event.run]
                depth = "  " * (1 + sum(1 for _ in execution.lineage(run)))
                spent = humane(duration_of(run.histories, event.at))
                error = f"  {harmless(run.error.splitlines()[0])}" if run.error else ""
                self._tell(f"{depth}{MARKS[event.state]} {execution.flow.id} > {label(run)}  {spent}{error}")
        if execution.is_over:
            spent = humane(duration_of(execution.histories, execution.histories[-1][1]))
            self._tell(f"{MARKS[execution.state]} {execution.flow}  {execution.state.value}  {spent}  {execution.id}")


def _report(outcome: Round, globals_: Globals, wish: AgentWish) -> int:
    """What the round came to, and its exit code."""
    for refused in outcome.refused:
        click.echo(f"not started: {refused}", err=True)
    failed = [execution for execution in outcome.executions if execution.state not in _GOOD]
    if outcome.record_fault is not None:
        click.echo(f"results wait to be recorded: {outcome.record_fault.message}", err=True)
    elif wish.record and not globals_.quiet:
        click.echo(f"recorded {outcome.recorded} results", err=True)
    fault = outcome.fault or outcome.record_fault
    if outcome.refused:
        return Exit.USAGE
    if isinstance(fault, Retryable):
        return Exit.UNREACHABLE
    if fault is not None:
        return Exit.USAGE
    invalid = outcome.reconciled is not None and any(each.is_error for each in outcome.reconciled.desired.diagnostics)
    return Exit.FINDINGS if failed or invalid else Exit.FINE


def _report_findings(reconciled: Reconciled, globals_: Globals) -> None:
    from penstock.reconcile.plan import Action
    from penstock_cli.render.findings import render_text
    from penstock_cli.render.terminal import wants_colour

    plan = reconciled.plan
    parts = [f"{plan.count(action)} {word}" for action, word in _WORDS if plan.count(action)]
    if not globals_.quiet:
        click.echo(f"at {plan.commit[:12]}: {', '.join(parts) or 'no flows'}", err=True)
        for step in plan.steps:
            if step.action is Action.HOLD:
                click.echo(f"  {step.flow} keeps its last good revision: {step.reason}", err=True)
    errors = [each for each in reconciled.desired.diagnostics if each.is_error]
    if errors:
        colour = wants_colour(globals_.color, sys.stderr)
        click.echo(render_text(errors, reconciled.desired.texts, colour=colour), err=True)


def _words() -> tuple[tuple[Any, str], ...]:
    from penstock.reconcile.plan import Action

    return (
        (Action.CREATE, "new"),
        (Action.UPDATE, "changed"),
        (Action.UNCHANGED, "unchanged"),
        (Action.HOLD, "held at their last good revision"),
        (Action.REMOVE, "removed"),
    )


_WORDS = _words()


def show_status(repository: Repository | None, data: Path | None, output: str | None) -> None:
    """The status of an agent's data folder, on stdout."""
    from penstock.errors import NotFound
    from penstock.reconcile.status import status
    from penstock.settings import data_folder
    from penstock_cli.render.tables import show_rows, show_value

    folder = data_folder(data, agent=repository.identity if repository is not None else None)
    if not (folder / "store.db").exists():
        raise NotFound(f"no agent has worked in {folder} yet")
    with workplace(folder) as place:
        found = status(place.store, sink="git", now=place.clock.now())
    rows = [
        {
            "flow": str(each.deployed.flow),
            "revision": each.deployed.revision,
            "health": each.health,
            "commit": each.deployed.commit[:12],
            "accepted": iso(each.deployed.accepted),
            "path": each.deployed.path,
            "reason": each.reason,
        }
        for each in found.flows
    ]
    if output in ("json", "yaml"):
        sources = [
            {"source": seen.source, "commit": seen.commit, "observed": iso(seen.at), "problem": seen.problem}
            for seen in found.observed
        ]
        show_value({"schemaVersion": 1, "sources": sources, "flows": rows, "unrecorded": found.unrecorded}, output)
        return
    for seen in found.observed:
        problem = f"  {seen.problem}" if seen.problem else ""
        click.echo(f"{seen.source} at {(seen.commit or 'no commit')[:12]}, observed {iso(seen.at)}{problem}", err=True)
    if found.unrecorded:
        click.echo(f"{found.unrecorded} results wait to be recorded", err=True)
    show_rows(rows, output, columns=("flow", "revision", "health", "commit", "accepted", "path", "reason"), name="flow")
