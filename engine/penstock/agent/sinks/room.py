"""Where in the tree of a results branch a result finds room: beside the others of its flow and hour, or below them."""

from __future__ import annotations

from collections import OrderedDict
from datetime import timedelta
from hashlib import sha256

from penstock.agent.results import MOST_BESIDE, folder_of, hour_of
from penstock.execution.model import Execution
from penstock.ports.git import ResultsBranch
from penstock.ports.store import Query, Store

MOST_HOURS = 1_000
"""So many flows and hours are remembered."""

_HOUR = timedelta(hours=1)


class Room:
    """Git hosts ask for less than 3,000 entries in a folder. An hour of one flow holds 2,000 results and, once it is
    full, up to 256 folders that hold the rest; which one is decided by the execution's id alone, so that a result is
    found again wherever it was put."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._counts: OrderedDict[tuple[str, str], int] = OrderedDict()

    def find(self, branch: ResultsBranch, execution: Execution) -> str | None:
        """The folder of the result if the branch holds it already."""
        plain = folder_of(execution)
        if branch.has(plain):
            return plain
        below = _below(plain, execution.id)
        above = below.rpartition("/")[0]
        return below if branch.has(above) and branch.has(below) else None

    def place(self, execution: Execution) -> str:
        """The folder for a result that is not there yet. The count is never too low, so a folder is never too full."""
        key = (str(execution.flow), hour_of(execution.created))
        count = self._counts.pop(key, None)
        if count is None:
            count = self._created_within(execution)
        self._counts[key] = count + 1
        if len(self._counts) > MOST_HOURS:
            self._counts.popitem(last=False)
        plain = folder_of(execution)
        return plain if count < MOST_BESIDE else _below(plain, execution.id)

    def _created_within(self, execution: Execution) -> int:
        """How many executions of its flow were created within its hour, but for itself; at least 2,000 is enough."""
        start = execution.created.replace(minute=0, second=0, microsecond=0)
        limit = 64
        while True:
            found = self._store.summaries(Query(flow=execution.flow, before=start + _HOUR, limit=limit))
            within = sum(1 for each in found if each.created >= start)
            if within < limit or within > MOST_BESIDE:
                return max(within - 1, 0)
            limit *= 8


def _below(plain: str, id_: str) -> str:
    above, _, name = plain.rpartition("/")
    return f"{above}/more-{sha256(id_.encode()).hexdigest()[:2]}/{name}"
