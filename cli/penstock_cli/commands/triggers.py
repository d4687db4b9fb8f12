"""`penstock triggers`: the triggers of the deployed flows, how each stands, and whether it may fire."""

from __future__ import annotations

import os
from collections.abc import Callable

import click

from penstock_cli.agent_folder import AgentFolder, agent_options
from penstock_cli.render.tables import output_option


@click.group("triggers", short_help="The triggers of the deployed flows: list, enable, disable.")
def command() -> None:
    """Triggers of an agent's flows, while it runs and when it does not."""


@command.command("list", short_help="How each stands, when it fired last, when it fires next.")
@click.argument("flow", required=False)
@output_option()
@agent_options
def list_(flow: str | None, output: str | None, folder: AgentFolder) -> None:
    """List the triggers of all flows, or of FLOW (`namespace/id`). Times are in each trigger's own zone."""
    from penstock.operations.schedules import trigger_statuses
    from penstock.wiring import local_zone
    from penstock_cli.agent_folder import deployed_named
    from penstock_cli.render.deployed import trigger_record
    from penstock_cli.render.tables import show_rows

    with folder.open() as place:
        named = [deployed_named(place.store, flow)] if flow else place.store.deployed().values()
        found = trigger_statuses(place.store, named, zone=local_zone(os.environ))
        now = place.clock.now()
    rows = [trigger_record(each, now) for each in found]
    if output == "name":
        rows = [{"name": f"{row['flow']} {row['trigger']}"} for row in rows]
    elif output in (None, "table"):
        rows = [{**row, "type": row["type"].rpartition(".")[2]} for row in rows]
    columns = ("flow", "trigger", "type", "state", "reason", "zone", "last", "execution", "next")
    show_rows(rows, output, columns=columns, name="name")


@command.command("enable", short_help="Let a trigger fire again.")
@click.argument("flow")
@click.argument("trigger")
@agent_options
def enable(flow: str, trigger: str, folder: AgentFolder) -> None:
    """Let TRIGGER of FLOW (`namespace/id`) fire again, from now on: what was due meanwhile was not missed."""
    from penstock.operations.schedules import enable as operation

    _set(flow, trigger, folder, operation, "enabled")


@command.command("disable", short_help="Keep a trigger from firing, whatever is deployed.")
@click.argument("flow")
@click.argument("trigger")
@agent_options
def disable(flow: str, trigger: str, folder: AgentFolder) -> None:
    """Keep TRIGGER of FLOW (`namespace/id`) from firing until it is enabled, also when the flow is deployed anew."""
    from penstock.operations.schedules import disable as operation

    _set(flow, trigger, folder, operation, "disabled")


def _set(flow: str, trigger: str, folder: AgentFolder, operation: Callable[..., bool], word: str) -> None:
    from penstock.wiring import local_zone
    from penstock_cli.agent_folder import deployed_named, poke_agent_of

    with folder.open() as place:
        deployed = deployed_named(place.store, flow)
        zone, at = local_zone(os.environ), place.clock.now()
        changed = operation(place.store, deployed, trigger, zone=zone, at=at)
        poke_agent_of(place)
    click.echo(f"`{trigger}` of {deployed.flow} is {word}{'' if changed else ' already'}", err=True)
