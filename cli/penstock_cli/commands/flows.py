"""`penstock flows`: what is deployed, from which commit, and when each flow ran last and runs next."""

from __future__ import annotations

import os
import sys

import click

from penstock_cli.agent_folder import AgentFolder, agent_options
from penstock_cli.render.tables import output_option

MOST_EXECUTIONS = 10
NEXT_TIMES = 5


@click.group("flows", short_help="What is deployed: list, show.")
def command() -> None:
    """Flows of an agent, while it runs and when it does not."""


@command.command("list", short_help="Every flow, with its last and its next run.")
@output_option()
@agent_options
def list_(output: str | None, folder: AgentFolder) -> None:
    """List the flows that are in force, and those whose file was never valid."""
    from penstock.operations.schedules import trigger_statuses
    from penstock.ports.store import Query
    from penstock.reconcile.status import status
    from penstock.wiring import local_zone
    from penstock_cli.render.deployed import flow_record
    from penstock_cli.render.tables import show_rows

    with folder.open() as place:
        store, now = place.store, place.clock.now()
        found = status(store, sinks=(), now=now).flows
        deployed = [each.deployed for each in found if each.deployed is not None]
        latest = {each.flow: store.summaries(Query(flow=each.flow, limit=1)) for each in deployed}
        triggers = trigger_statuses(store, deployed, zone=local_zone(os.environ))
    rows = [flow_record(each, latest, triggers, now) for each in found]
    if output in (None, "table"):
        rows = [{**row, "commit": (row["commit"] or "")[:12]} for row in rows]
    columns = ("flow", "revision", "health", "commit", "accepted", "last", "state", "next")
    show_rows(rows, output, columns=columns, name="flow")


@command.command("show", short_help="Everything of one flow.")
@click.argument("flow")
@click.option("--source", is_flag=True, help="Print its text that is in force, and nothing else.")
@output_option()
@agent_options
def show(flow: str, source: bool, output: str | None, folder: AgentFolder) -> None:
    """Show FLOW (`namespace/id`): where it is from, its revisions, triggers with their next times, last executions."""
    from penstock.operations.schedules import trigger_statuses
    from penstock.ports.store import Query
    from penstock.reconcile.status import status
    from penstock.wiring import local_zone
    from penstock_cli.agent_folder import deployed_named
    from penstock_cli.render.deployed import flow_whole, show_flow
    from penstock_cli.render.tables import show_value

    with folder.open() as place:
        store, now = place.store, place.clock.now()
        deployed = deployed_named(store, flow)
        if source:
            _print_source(store.text(deployed.source_digest) or b"")
            return
        found = next(each for each in status(store, sinks=(), now=now).flows if each.deployed == deployed)
        whole = flow_whole(
            found,
            store.revisions(deployed.flow),
            trigger_statuses(store, [deployed], zone=local_zone(os.environ)),
            store.summaries(Query(flow=deployed.flow, limit=MOST_EXECUTIONS)),
            now,
            times=NEXT_TIMES,
        )
    if output == "name":
        click.echo(whole["flow"])
    elif output in (None, "table"):
        show_flow(whole)
    else:
        show_value(whole, output)


def _print_source(pinned: bytes) -> None:
    """Byte for byte; on a terminal without what would steer it."""
    from penstock.flow.pinned import unpinned
    from penstock_cli.render.progress import harmless

    text, _ = unpinned(pinned)
    if not sys.stdout.isatty():
        click.echo(text, nl=False)
        return
    for line in text.decode("utf-8", "replace").splitlines():
        click.echo(harmless(line))
