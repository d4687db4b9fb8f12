"""What `penstock agent status` says, from the store alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from penstock.execution.variables import iso

if TYPE_CHECKING:
    from penstock.reconcile.status import FlowStatus, Status
    from penstock_cli.agent_folder import AgentFolder

SINKS = ("git", "api")


def show_status(folder: AgentFolder, output: str | None) -> None:
    """The status of an agent's data folder, on stdout."""
    from penstock.reconcile.status import status
    from penstock_cli.render.tables import show_rows, show_value

    with folder.open() as place:
        found = status(place.store, sinks=SINKS, now=place.clock.now())
        agents = [each for each in place.store.sessions() if each.kind == "agent" and place.presence.is_alive(each.id)]
    rows = [_row(each) for each in found.flows]
    if output in ("json", "yaml"):
        sources = [
            {
                "source": seen.source,
                "commit": seen.commit,
                "observed": iso(seen.at),
                "reached": iso(seen.reached) if seen.reached else None,
                "problem": seen.problem,
            }
            for seen in found.observed
        ]
        whole = {
            "schemaVersion": 1,
            "agent": {"running": bool(agents), "name": agents[-1].name if agents else None},
            "generation": found.generation,
            "sources": sources,
            "flows": rows,
            "unrecorded": sum(found.unrecorded.values()),
            "waiting": found.unrecorded,
            "givenUp": found.given_up,
        }
        show_value(whole, output)
        return
    _say_sources(found)
    show_rows(rows, output, columns=("flow", "revision", "health", "commit", "accepted", "path", "reason"), name="flow")


def _row(each: FlowStatus) -> dict[str, Any]:
    deployed = each.deployed
    return {
        "flow": each.name,
        "revision": deployed.revision if deployed is not None else None,
        "health": each.health,
        "commit": deployed.commit[:12] if deployed is not None else None,
        "accepted": iso(deployed.accepted) if deployed is not None else None,
        "path": each.path,
        "reason": each.reason,
    }


def _say_sources(found: Status) -> None:
    for seen in found.observed:
        problem = f"  {seen.problem}" if seen.problem else ""
        late = f", reached last {iso(seen.reached)}" if seen.reached and seen.reached != seen.at else ""
        commit = (seen.commit or "no commit")[:12]
        click.echo(f"{seen.source} at {commit}, observed {iso(seen.at)}{late}{problem}", err=True)
    for sink, count in found.unrecorded.items():
        click.echo(f"{count} results wait to be recorded ({sink})", err=True)
    for sink, count in found.given_up.items():
        click.echo(f"{count} results were refused for good ({sink})", err=True)
