"""Deployed flows and their triggers, as data and for a person to read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from penstock.diagnostic import FlowName
from penstock.execution.variables import iso
from penstock_cli.render.tables import SCHEMA_VERSION, cell

if TYPE_CHECKING:
    from penstock.operations.schedules import TriggerStatus
    from penstock.ports.deployment import Deployed
    from penstock.ports.store import Summary
    from penstock.reconcile.status import FlowStatus


def trigger_record(status: TriggerStatus, now: datetime) -> dict[str, Any]:
    """One trigger. Fire times are in its own zone; `next` is None where it does not fire."""
    schedule, last = status.schedule, status.last
    following = next(status.coming(now), None)
    return {
        "flow": str(status.deployed.flow),
        "trigger": status.trigger.id,
        "type": status.trigger.type,
        "state": status.standing.value,
        "reason": status.reason,
        "cron": schedule.cron.text if schedule is not None else None,
        "zone": schedule.zone_name if schedule is not None else None,
        "last": last[0].astimezone(schedule.zone if schedule is not None else None).isoformat() if last else None,
        "execution": last[1] if last else None,
        "next": following.isoformat() if following is not None else None,
    }


def flow_record(
    status: FlowStatus,
    latest: Mapping[FlowName, Sequence[Summary]],
    triggers: Sequence[TriggerStatus],
    now: datetime,
) -> dict[str, Any]:
    """One flow in a list: `last` is when its latest execution was created, `state` what came of it."""
    deployed = status.deployed
    summaries = latest.get(deployed.flow, ()) if deployed is not None else ()
    summary = summaries[0] if summaries else None
    own = [each for each in triggers if each.deployed is deployed]
    coming = [at for each in own if (at := next(each.coming(now), None)) is not None]
    return {
        "flow": status.name,
        "revision": deployed.revision if deployed is not None else None,
        "health": status.health,
        "reason": status.reason,
        "path": status.path,
        "commit": deployed.commit if deployed is not None else None,
        "accepted": iso(deployed.accepted) if deployed is not None else None,
        "last": iso(summary.created) if summary is not None else None,
        "execution": summary.id if summary is not None else None,
        "state": summary.state.value if summary is not None else None,
        "next": min(coming).isoformat() if coming else None,
    }


def flow_whole(
    status: FlowStatus,
    revisions: Sequence[Deployed],
    triggers: Sequence[TriggerStatus],
    executions: Sequence[Summary],
    now: datetime,
    *,
    times: int,
) -> dict[str, Any]:
    """Everything of one flow that is in force; of each trigger the next `times` fire times."""
    deployed = status.deployed
    assert deployed is not None
    return {
        "schemaVersion": SCHEMA_VERSION,
        "flow": status.name,
        "namespace": deployed.flow.namespace,
        "id": deployed.flow.id,
        "revision": deployed.revision,
        "health": status.health,
        "reason": status.reason,
        "problem": deployed.problem,
        "disabled": deployed.disabled,
        "blocked": list(deployed.blocked),
        **_place(deployed),
        "generation": deployed.generation,
        "dialect": deployed.dialect,
        "digest": deployed.source_digest,
        "triggers": [
            {**trigger_record(each, now), "next": [at.isoformat() for at in islice(each.coming(now), times)]}
            for each in triggers
        ],
        "executions": [
            {
                "id": each.id,
                "revision": each.revision,
                "state": each.state.value,
                "created": iso(each.created),
                "ended": iso(each.ended) if each.ended is not None else None,
            }
            for each in executions
        ],
        "revisions": [{"revision": each.revision, **_place(each)} for each in revisions],
    }


def _place(deployed: Deployed) -> dict[str, Any]:
    return {
        "path": deployed.path,
        "blob": deployed.blob,
        "commit": deployed.commit,
        "accepted": iso(deployed.accepted),
    }


def show_flow(whole: Mapping[str, Any]) -> None:
    """What `flow_whole` holds, for a person."""
    click.echo(f"{cell(whole['flow'])}  revision {whole['revision']}  {whole['health']}")
    click.echo(f"{cell(whole['path'])} at {whole['commit'][:12]}, blob {whole['blob'][:12]}")
    click.echo(f"accepted {whole['accepted']}, generation {whole['generation']}")
    if whole["reason"]:
        click.echo(f"{whole['health']}: {cell(whole['reason'])}")
    if whole["triggers"]:
        click.echo("\ntriggers")
    for each in whole["triggers"]:
        _show_trigger(each)
    if whole["executions"]:
        click.echo("\nexecutions")
    for each in whole["executions"]:
        click.echo(f"  {each['id']}  {each['state']:<8}  {each['created']}  revision {each['revision']}")
    click.echo("\nrevisions")
    for each in whole["revisions"]:
        click.echo(f"  {each['revision']}  {each['accepted']}  {each['commit'][:12]}  {cell(each['path'])}")


def _show_trigger(record: Mapping[str, Any]) -> None:
    why = f" {cell(record['reason'])}" if record["reason"] else ""
    click.echo(f"  {cell(record['trigger'])}  {record['type'].rpartition('.')[2]}  {record['state']}{why}")
    if record["cron"] is not None:
        click.echo(f"    {cell(record['cron'])}  {record['zone']}")
    if record["last"] is not None:
        click.echo(f"    last  {record['last']}  {record['execution']}")
    for at in record["next"]:
        click.echo(f"    next  {at}")
