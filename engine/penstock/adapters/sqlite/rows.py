"""Between rows and values: instants, sessions, summaries, what is deployed."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from penstock.diagnostic import FlowName
from penstock.execution.event import Caller, Instant
from penstock.execution.state import State
from penstock.flow.model import Trigger
from penstock.ports.deployment import Backfill, BackfillState, Cursor, Deployed, Observation, TreeFile
from penstock.ports.store import Iterations, Query, Session, Summary

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Row = tuple[Any, ...]


def micros(moment: Instant) -> int:
    """Microseconds since 1970, in UTC."""
    return (moment - _EPOCH) // _MICROSECOND


def micros_or_none(moment: Instant | None) -> int | None:
    return None if moment is None else micros(moment)


def instant(since: int) -> Instant:
    return _EPOCH + timedelta(microseconds=since)


def _instant_or_none(since: int | None) -> Instant | None:
    return None if since is None else instant(since)


def session_of(row: Row) -> Session:
    id_, name, kind, epoch, pid, opened, closed, renewed = row
    return Session(id_, name, kind, epoch, pid, instant(opened), _instant_or_none(closed), _instant_or_none(renewed))


def summary_of(row: Row) -> Summary:
    id_, namespace, flow, revision, state, created, ended, header, session = row
    data = json.loads(header)
    return Summary(
        id=id_,
        flow=FlowName(namespace, flow),
        revision=revision,
        state=State(state),
        created=instant(created),
        ended=_instant_or_none(ended),
        labels=data.get("labels", {}),
        trigger=data.get("trigger"),
        session=session,
        caller=Caller(**data["caller"]) if data.get("caller") else None,
        item=data.get("source", {}).get("item"),
    )


def where_of(query: Query) -> tuple[str, list[Any]]:
    """The conditions of a list, as constant SQL and the values bound to it."""
    parts: list[str] = ["1"]
    values: list[Any] = []
    if query.flow is not None:
        parts.append("namespace = ? and flow = ?")
        values += [query.flow.namespace, query.flow.id]
    if query.namespace is not None:
        parts.append("(namespace = ? or substr(namespace, 1, ?) = ?)")
        values += [query.namespace, len(query.namespace) + 1, query.namespace + "."]
    if query.states:
        parts.append(f"state in ({', '.join('?' * len(query.states))})")
        values += [state.value for state in query.states]
    if query.before is not None:
        parts.append("created < ?")
        values.append(micros(query.before))
    if query.after is not None:
        parts.append("created > ?")
        values.append(micros(query.after))
    if query.iterations is not Iterations.TOO:
        parts.append("iteration = 1" if query.iterations is Iterations.ALONE else "iteration = 0")
    if query.caller is not None:
        parts.append("caller = ? and caller is not null")
        values.append(query.caller)
    if query.caller_run is not None:
        parts.append("caller_run = ?")
        values.append(query.caller_run)
    for key, value in query.labels.items():
        parts.append("exists (select 1 from json_each(header, '$.labels') l where l.key = ? and l.value = ?)")
        values += [key, value]
    return " and ".join(parts), values


def deployed_text(deployed: Deployed) -> str:
    data = asdict(replace(deployed, triggers=()))
    flow = data.pop("flow")
    data["triggers"] = [_trigger_data(trigger) for trigger in deployed.triggers]
    return json.dumps({"namespace": flow["namespace"], **data, "id": flow["id"], "accepted": micros(deployed.accepted)})


def deployed_of(text: str) -> Deployed:
    data = json.loads(text)
    flow = FlowName(data.pop("namespace"), data.pop("id"))
    triggers = tuple(Trigger(**trigger) for trigger in data.pop("triggers", ()))
    blocked = tuple(data.pop("blocked"))
    return Deployed(flow=flow, **{**data, "accepted": instant(data["accepted"])}, blocked=blocked, triggers=triggers)


def _trigger_data(trigger: Trigger) -> dict[str, Any]:
    return {
        "id": trigger.id,
        "type": trigger.type,
        "properties": dict(trigger.properties),
        "inputs": dict(trigger.inputs),
        "disabled": trigger.disabled,
        "runnable": trigger.runnable,
    }


def tree_file_text(file: TreeFile) -> str:
    flow = None if file.flow is None else [file.flow.namespace, file.flow.id]
    return json.dumps([file.path, file.blob, flow, file.canonical_digest, file.problem, file.errors])


def tree_file_of(text: str) -> TreeFile:
    path, blob, flow, digest, problem, errors = json.loads(text)
    return TreeFile(path, blob, None if flow is None else FlowName(*flow), digest, problem, errors)


def cursor_of(row: Row) -> Cursor:
    namespace, flow, trigger, reached, fingerprint, disabled = row
    return Cursor(FlowName(namespace, flow), trigger, instant(reached), fingerprint, bool(disabled))


def observation_of(row: Row) -> Observation:
    source, commit, at, problem, reached = row
    return Observation(source, commit, instant(at), problem, _instant_or_none(reached))


def observation_row(seen: Observation) -> tuple[str, str | None, int, str | None, int | None]:
    return (seen.source, seen.commit, micros(seen.at), seen.problem, micros_or_none(seen.reached))


def backfill_text(backfill: Backfill) -> str:
    data = asdict(replace(backfill, inputs={}, labels={}))
    dates = {name: micros_or_none(getattr(backfill, name)) for name in _BACKFILL_DATES}
    return json.dumps({**data, **dates, "inputs": dict(backfill.inputs), "labels": dict(backfill.labels)})


def backfill_of(text: str) -> Backfill:
    data = json.loads(text)
    dates = {name: _instant_or_none(data[name]) for name in _BACKFILL_DATES}
    return Backfill(**{**data, **dates, "flow": FlowName(**data["flow"]), "state": BackfillState(data["state"])})


_BACKFILL_DATES = ("start", "end", "created", "reached")
