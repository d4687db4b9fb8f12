"""`penstock backfill`: a range of a schedule's slots, run by the agent by a person's wish."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from penstock_cli.agent_folder import AgentFolder, agent_options
from penstock_cli.globals import Globals
from penstock_cli.render.tables import output_option


@click.command("backfill", short_help="Run a range of a schedule's slots.")
@click.argument("flow", required=False)
@click.argument("trigger", required=False)
@click.option("--start", metavar="DATE", help="The first moment of the range.")
@click.option("--end", metavar="DATE", help="The last moment of the range.")
@click.option("--missing-only", is_flag=True, help="Leave out slots that ran already.")
@click.option("-i", "--input", "inputs", multiple=True, metavar="KEY=VALUE", help="An input, over the trigger's own.")
@click.option("--inputs", "inputs_file", type=click.Path(path_type=Path), help="Inputs from a YAML or JSON file.")
@click.option("--label", "labels", multiple=True, metavar="KEY:VALUE", help="A label of the executions.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Show how it goes until it is done.")
@click.option("--list", "wants_list", is_flag=True, help="List the backfills.")
@click.option("--pause", "pause_id", metavar="ID", help="Begin no further slot of it.")
@click.option("--resume", "resume_id", metavar="ID", help="Go on with it, and show how it goes.")
@click.option("--cancel", "cancel_id", metavar="ID", help="End it; what it has started goes on.")
@output_option()
@agent_options
@click.pass_obj
def command(
    globals_: Globals,
    flow: str | None,
    trigger: str | None,
    start: str | None,
    end: str | None,
    missing_only: bool,
    inputs: tuple[str, ...],
    inputs_file: Path | None,
    labels: tuple[str, ...],
    wait: bool,
    wants_list: bool,
    pause_id: str | None,
    resume_id: str | None,
    cancel_id: str | None,
    output: str | None,
    folder: AgentFolder,
) -> None:
    """Run every slot of TRIGGER, a Schedule of FLOW (`namespace/id`), from --start to --end, both included.

    Dates are ISO-8601. Without an offset they are meant in the trigger's zone; a day alone is the whole day. What lies
    in the future is left to the trigger itself. Where no agent runs, it begins when the next one does. Its id is
    printed; Ctrl-C leaves it going.

    \b
    Exit codes: 0 every slot is dealt with (--no-wait: it is begun) · 1 it cannot go on ·
    2 usage, or the range holds no slot · 7 it was cancelled · 8 no agent runs · 130 Ctrl-C.
    """
    from penstock_cli.backfilling import BackfillCall, begin, change, list_backfills

    changes = {"pause": pause_id, "resume": resume_id, "cancel": cancel_id}
    wishes = [(verb, id_) for verb, id_ in changes.items() if id_ is not None]
    _check((flow, trigger, start, end), len(wishes) + wants_list)
    with folder.open() as place:
        if wants_list:
            list_backfills(place, output)
            code = 0
        elif wishes:
            [(verb, id_)] = wishes
            code = change(place, verb, id_, folder, globals_, wait=wait)
        else:
            assert flow is not None
            assert trigger is not None
            assert start is not None
            assert end is not None
            call = BackfillCall(flow, trigger, start, end, missing_only, inputs, inputs_file, labels)
            code = begin(place, call, folder, globals_, output, wait=wait)
    raise SystemExit(code)


def _check(named: Sequence[str | None], others: int) -> None:
    """One thing is asked for: a new backfill, the list, or a word to one."""
    given = [each for each in named if each is not None]
    if others > 1 or (others and given):
        raise click.UsageError("--list, --pause, --resume and --cancel stand alone")
    if not others and len(given) < len(named):
        raise click.UsageError("name FLOW and TRIGGER, and the range with --start DATE and --end DATE")
