"""Between rows and values: instants, sessions, summaries, what is deployed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from penstock.diagnostic import FlowName
from penstock.execution.event import Instant
from penstock.execution.state import State
from penstock.ports.store import Cursor, Deployed, Query, Session, Summary

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
    for key, value in query.labels.items():
        parts.append("exists (select 1 from json_each(header, '$.labels') l where l.key = ? and l.value = ?)")
        values += [key, value]
    return " and ".join(parts), values


def deployed_text(deployed: Deployed) -> str:
    return json.dumps(
        {
            "namespace": deployed.flow.namespace,
            "id": deployed.flow.id,
            "revision": deployed.revision,
            "canonical_digest": deployed.canonical_digest,
            "source_digest": deployed.source_digest,
            "path": deployed.path,
            "blob": deployed.blob,
            "commit": deployed.commit,
            "accepted": micros(deployed.accepted),
            "disabled": deployed.disabled,
            "problem": deployed.problem,
            "blocked": list(deployed.blocked),
        }
    )


def deployed_of(text: str) -> Deployed:
    data = json.loads(text)
    flow = FlowName(data.pop("namespace"), data.pop("id"))
    return Deployed(flow=flow, **{**data, "accepted": instant(data["accepted"]), "blocked": tuple(data["blocked"])})


def cursor_of(row: Row) -> Cursor:
    namespace, flow, trigger, reached, fingerprint, disabled = row
    return Cursor(FlowName(namespace, flow), trigger, instant(reached), fingerprint, bool(disabled))
