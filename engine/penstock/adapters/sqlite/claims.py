"""Who comes next: of ready task runs by fewest running in their execution, then in their flow, then the oldest; of
queued executions the oldest of each flow.

Within a flow that order is fixed, so of each flow the first `limit` executions are enough, and all of them are needed:
which flow is next changes with every claim. The cost is by flows with ready work, not by executions or task runs.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import Any

import apsw

from penstock.adapters.sqlite import queries as sql
from penstock.ports.store import Claimable

Flow = tuple[str, str]
Candidate = tuple[int, int, int, str, Flow]
"""Running in the execution, running in its flow, created, execution, flow."""


def claims_of(connection: apsw.Connection, session: str, limit: int) -> list[Claimable]:
    """The first `limit` in fair order, as if each were begun before the next is chosen."""
    busy, queue = _candidates(connection, session, limit)
    waiting: dict[str, list[str]] = {}
    claims: list[Claimable] = []
    while queue and len(claims) < limit:
        running, flow_running, created, id_, flow = heappop(queue)
        if busy[flow] != flow_running:
            heappush(queue, (running, busy[flow], created, id_, flow))
            continue
        if id_ not in waiting:
            rows = connection.execute(sql.READY_RUNS, (id_, limit - len(claims)))
            waiting[id_] = [run for (run,) in rows][::-1]
        if not waiting[id_]:
            continue
        claims.append(Claimable(id_, waiting[id_].pop()))
        busy[flow] += 1
        heappush(queue, (running + 1, busy[flow], created, id_, flow))
    return claims


def queued_of(connection: apsw.Connection, session: str) -> list[str]:
    """Of each flow the execution that has been queued longest, oldest first."""
    found: list[Any] = []
    flow: Any = ("", "")
    while (flow := connection.execute(sql.NEXT_QUEUED_FLOW, (session, *flow)).fetchone()) is not None:
        found.append(connection.execute(sql.FIRST_QUEUED, (session, *flow)).fetchone())
    return [id_ for _, id_ in sorted(found)]


def _candidates(connection: apsw.Connection, session: str, limit: int) -> tuple[dict[Flow, int], list[Candidate]]:
    busy: dict[Flow, int] = {}
    queue: list[Candidate] = []
    flow: Any = ("", "")
    while (flow := connection.execute(sql.NEXT_READY_FLOW, (session, *flow)).fetchone()) is not None:
        busy[flow] = int(connection.execute(sql.RUNNING_OF_FLOW, (session, *flow)).get)
        for running, created, id_ in connection.execute(sql.READY_EXECUTIONS, (session, *flow, limit)):
            queue.append((running, busy[flow], created, id_, flow))
    heapify(queue)
    return busy, queue
