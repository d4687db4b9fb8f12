"""`penstock executions`: what ran, what runs, and a word to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from penstock_cli.commands.execution_answers import resume
from penstock_cli.commands.execution_words import WORDS
from penstock_cli.completing import executions as ids_offered
from penstock_cli.globals import Globals
from penstock_cli.operating import place_of

if TYPE_CHECKING:
    from penstock.execution.model import Execution
    from penstock.wiring import Workplace

_data = click.option("--data", type=click.Path(path_type=Path), help="The data folder.")
_output = click.option(
    "-o", "--output", "--format", "output", type=click.Choice(["table", "json", "yaml", "ndjson", "name"])
)


@click.group("executions", short_help="What ran and what runs: list, show, logs, watch; and words to it.")
def command() -> None:
    """Executions on the local state. An ID may be shortened as far as it is the only one."""


def _found(place: Workplace, prefix: str) -> Execution:
    from penstock_cli.lookup import full_id

    execution = place.store.load(full_id(place.store, prefix))
    assert execution is not None
    return execution


@command.command("list", short_help="The latest executions.")
@click.argument("flow", required=False)
@click.option("--state", "states", multiple=True, help="Only in this state; may be repeated.")
@click.option("--of", "caller", metavar="ID", help="What this execution has called, iterations of its loops too.")
@click.option("--iterations", is_flag=True, help="Iterations of loops too, which otherwise are shown with theirs.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@_data
@_output
def list_(
    flow: str | None,
    states: tuple[str, ...],
    caller: str | None,
    iterations: bool,
    limit: int,
    data: Path | None,
    output: str | None,
) -> None:
    """List executions, newest first; of FLOW (`namespace/id`) when it is named."""
    from penstock.errors import UserError
    from penstock.execution.state import State
    from penstock.execution.variables import iso
    from penstock.operations.start import name_of
    from penstock.ports.store import Iterations, Query
    from penstock_cli.lookup import full_id
    from penstock_cli.render.tables import show_rows

    unknown = [state for state in states if state.upper() not in State.__members__]
    if unknown:
        raise UserError(f"`{unknown[0]}` is no state", help=", ".join(State.__members__))
    name = name_of(flow) if flow else None
    if flow and name is None:
        raise UserError(f"`{flow}` does not name a flow", help="name it as `namespace/id`")
    with place_of(data) as place:
        query = Query(
            flow=name,
            states=tuple(State(state.upper()) for state in states),
            limit=limit,
            iterations=Iterations.TOO if iterations or caller else Iterations.OUT,
            caller=full_id(place.store, caller) if caller else None,
        )
        rows: list[dict[str, Any]] = [
            {
                "id": each.id,
                "flow": str(each.flow),
                "state": each.state.value,
                "created": iso(each.created),
                "ended": iso(each.ended) if each.ended else None,
            }
            for each in place.store.summaries(query)
        ]
    show_rows(rows, output, columns=("id", "flow", "state", "created", "ended"), name="id")


@command.command("show", short_help="One execution, whole.")
@click.argument("id_", metavar="ID", shell_complete=ids_offered)
@_data
@_output
@click.pass_obj
def show(globals_: Globals, id_: str, data: Path | None, output: str | None) -> None:
    """Show one execution: its task runs with states, times and errors; `-o json` has everything; `-v` each attempt."""
    from penstock.execution.record import as_record
    from penstock_cli.render.execution import show_execution
    from penstock_cli.render.tables import show_value

    with place_of(data) as place:
        execution = _found(place, id_)
        if output in ("json", "yaml", "ndjson"):
            show_value(as_record(execution), output)
        elif output == "name":
            click.echo(execution.id)
        else:
            show_execution(execution, place.clock.now(), place.store, attempts=globals_.verbose > 0)


@command.command("logs", short_help="What the tasks said.")
@click.argument("id_", metavar="ID", shell_complete=ids_offered)
@click.option("-f", "--follow", is_flag=True, help="Go on until the execution is over.")
@click.option("--task", help="Of this task only.")
@click.option("--level", type=click.Choice(["TRACE", "DEBUG", "INFO", "WARN", "ERROR"]), default="TRACE")
@_data
@_output
def logs(id_: str, follow: bool, task: str | None, level: str, data: Path | None, output: str | None) -> None:
    """Print the log lines of an execution, by time, on stdout."""
    from penstock.flow.model import Level
    from penstock_cli.watching import follow_logs, print_logs

    with place_of(data) as place:
        execution = _found(place, id_)
        if follow:
            follow_logs(place, execution, task, Level(level), output)
        else:
            print_logs(place, execution, task, Level(level), output)


@command.command("watch", short_help="Follow an execution until it is over; exits as `run` does.")
@click.argument("id_", metavar="ID", shell_complete=ids_offered)
@_data
@click.pass_obj
def watch(globals_: Globals, id_: str, data: Path | None) -> None:
    """Follow an execution that another process holds, live."""
    from penstock_cli.watching import watch_execution

    with place_of(data) as place:
        raise SystemExit(watch_execution(place, _found(place, id_), globals_))


for word in (*WORDS, resume):
    command.add_command(word)
