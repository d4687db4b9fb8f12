"""`penstock executions resume`: the answer to what waits for a person."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from penstock_cli.commands.execution_words import choosing, told_to
from penstock_cli.operating import Choice, Done, place_of, say_to

if TYPE_CHECKING:
    from penstock.execution.model import Execution
    from penstock.operations.request import Review
    from penstock.wiring import Workplace


@click.command("resume", short_help="Answer a Pause, or lift a pause.")
@choosing
@click.option("-i", "--input", "inputs", multiple=True, metavar="KEY=VALUE", help="An `onResume` input.")
@click.option("--inputs", "inputs_file", type=click.Path(path_type=Path), help="Inputs from a YAML or JSON file.")
@click.option("--task", help="The task that is meant, where several wait.")
@click.option("--approve/--deny", "approves", default=None, help="What an Approval is told; approved by default.")
@click.option("--comment", help="Why it is approved or denied.")
@click.option("--breakpoint", "breakpoints", multiple=True, metavar="TASK[=VALUE]", help="Breakpoints from now on.")
@click.option("--no-breakpoints", is_flag=True, help="Stop at no breakpoint any more.")
def resume(
    choice: Choice,
    data: Path | None,
    output: str | None,
    *,
    inputs: tuple[str, ...],
    inputs_file: Path | None,
    task: str | None,
    approves: bool | None,
    comment: str | None,
    breakpoints: tuple[str, ...],
    no_breakpoints: bool,
) -> None:
    """Resume executions that wait for a person: at a Pause, at an Approval, at a breakpoint, or because somebody
    paused them."""
    from penstock.operations.request import asked_of, waiting
    from penstock.operations.request import resume as operation
    from penstock_cli.flow_files import given_inputs

    stops = breakpoints if breakpoints or no_breakpoints else None
    review = _review(approves, comment)

    def act(place: Workplace, execution: Execution) -> Done:
        flow, run = place.flow_of(execution), waiting(execution, task)
        given = given_inputs(inputs, inputs_file, asked_of(flow, run) if run is not None else ())
        values = place.keep_answers(flow, execution, given, task=task)
        after = operation(
            execution.id,
            **told_to(place, execution),
            values=values,
            task=task,
            intake=place.intake,
            breakpoints=stops,
            review=review,
        )
        return Done(after, f"{after.id} goes on")

    with place_of(data) as place:
        raise SystemExit(say_to(place, choice, act, output))


def _review(approves: bool | None, comment: str | None) -> Review | None:
    """What is decided about an Approval; None where nothing was said of it."""
    from penstock.operations.request import Review

    if approves is None and comment is None:
        return None
    return Review("DENIED" if approves is False else "APPROVED", comment or "")
