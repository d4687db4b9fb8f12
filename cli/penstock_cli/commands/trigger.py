"""`penstock trigger`: an execution of a deployed flow, started by a person and run by the agent."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from penstock_cli.agent_folder import AgentFolder, agent_options
from penstock_cli.globals import Globals
from penstock_cli.render.tables import output_option

if TYPE_CHECKING:
    from penstock.execution.model import Execution
    from penstock.flow.model import Input
    from penstock.ports.store import Session
    from penstock.wiring import Workplace

LOOK_EVERY_S = 0.05
"""Whether an agent that is beginning has taken it up."""


@click.command("trigger", short_help="Start an execution of a deployed flow, now.")
@click.argument("flow")
@click.option("-i", "--input", "inputs", multiple=True, metavar="KEY=VALUE", help="An input; KEY=@FILE reads a file.")
@click.option("--inputs", "inputs_file", type=click.Path(path_type=Path), help="Inputs from a YAML or JSON file.")
@click.option("--label", "labels", multiple=True, metavar="KEY:VALUE", help="A label of the execution.")
@click.option("--breakpoint", "breakpoints", multiple=True, metavar="TASK[=VALUE]", help="Stop before this task.")
@click.option("--wait", is_flag=True, help="Follow it until it is over, and exit as `run` does.")
@output_option(default="name")
@agent_options
@click.pass_obj
def command(
    globals_: Globals,
    flow: str,
    inputs: tuple[str, ...],
    inputs_file: Path | None,
    labels: tuple[str, ...],
    breakpoints: tuple[str, ...],
    wait: bool,
    output: str,
    folder: AgentFolder,
) -> None:
    """Start FLOW (`namespace/id`) as it is deployed, and print the execution's id.

    It is durable once the id is printed. Where no agent runs, it starts when the next one does.

    \b
    Exit codes: 0 started · 2 usage, or the flow cannot start (it is disabled, or cannot run here).
    With --wait: 0 SUCCESS, SKIPPED or WARNING · 1 FAILED · 5 KILLED · 7 CANCELLED ·
    8 no agent runs, or none any more · 130 Ctrl-C, which leaves the execution going.
    """
    from penstock_cli.exits import Exit
    from penstock_cli.flow_files import given_inputs, given_labels

    more: dict[str, Any] = {"labels": given_labels(labels), "breakpoints": breakpoints}
    with folder.open() as place:
        execution, session = _start(place, flow, lambda declared: given_inputs(inputs, inputs_file, declared), more)
        for check in execution.checks:
            click.echo(f"{check['style']}: {check['message']}", err=True)
        if execution.queued:
            from penstock_cli.run_course import told_queued

            click.echo(told_queued(execution), err=True)
        if output == "name":
            click.echo(execution.id)
        code: int = Exit.FINE
        if wait:
            code = _follow(place, execution, session, folder, globals_)
        elif not _is_served(place, session):
            click.echo("no agent runs: it starts when one does", err=True)
        _show(place, execution, output)
    raise SystemExit(code)


def _start(
    place: Workplace, text: str, inputs: Callable[[Iterable[Input]], dict[str, object]], more: dict[str, Any]
) -> tuple[Execution, Session]:
    from dataclasses import replace

    from penstock.operations.start import start_of
    from penstock.operations.trigger import trigger
    from penstock.wiring import new_execution_id
    from penstock_cli.agent_folder import deployed_named, repository_of
    from penstock_cli.flow_files import told_within

    deployed = deployed_named(place.store, text)
    flow = place.deployed_flow(deployed)
    wanted = start_of(
        deployed,
        flow,
        inputs(flow.inputs),
        repository=repository_of(place),
        id_=new_execution_id(),
        generation=place.store.generation(),
    )
    with told_within(deployed.path):
        wanted = place.keep_files(replace(wanted, **more), by_person=True)
        return trigger(place.store, place.presence, wanted, at=place.clock.now(), intake=place.intake)


def _is_served(place: Workplace, session: Session) -> bool:
    """Whether an agent has it, or is just beginning and will take it up."""
    from penstock_cli.agent_folder import agent_runs

    return place.presence.is_alive(session.id) or agent_runs(place)


def _follow(place: Workplace, execution: Execution, session: Session, folder: AgentFolder, globals_: Globals) -> int:
    """Show it live; the exit code."""
    from penstock_cli.exits import Exit
    from penstock_cli.watching import watch_execution

    again = f"penstock executions watch {execution.id} --data {folder.path}"
    if not _is_taken_up(place, execution, session):
        click.echo(f"no agent runs: it starts when one does; follow it then with\n  {again}", err=True)
        return Exit.PAUSED
    try:
        return watch_execution(place, execution, globals_)
    except KeyboardInterrupt:
        click.echo(f"it goes on without you; follow it again with\n  {again}", err=True)
        return Exit.INTERRUPTED


def _is_taken_up(place: Workplace, execution: Execution, session: Session) -> bool:
    """Wait while an agent is only beginning. False when none is there."""
    from threading import Event

    holder: Session | None = session
    while holder is None or not place.presence.is_alive(holder.id):
        if not _is_served(place, session):
            now = place.store.load(execution.id)
            return now is not None and now.is_over
        Event().wait(LOOK_EVERY_S)
        holder = place.store.holder(execution.id)
    return True


def _show(place: Workplace, execution: Execution, output: str) -> None:
    """The data, on stdout: as the execution stands now, or the last of those that try it again."""
    if output == "name":
        return
    from penstock.execution.record import as_record
    from penstock.execution.variables import iso
    from penstock.operations.again import last_of
    from penstock_cli.render.tables import show_rows, show_value

    now = last_of(place.store, place.store.load(execution.id) or execution)
    if output == "table":
        row = {"id": now.id, "flow": str(now.flow), "state": now.state.value, "created": iso(now.created)}
        show_rows([row], output, columns=("id", "flow", "state", "created"), name="id")
    else:
        show_value(as_record(now), output)
