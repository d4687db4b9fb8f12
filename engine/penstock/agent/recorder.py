"""Takes the results of executions that are over to where they are kept: to each sink by itself, until it has them.

What has not arrived is a query, so a crash between any two steps costs a repetition. A sink that is slow, dead or
wrong keeps no other one back: each takes its turns in a thread of its own, and rests by itself after a fault.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from penstock.agent.news import News, Teller, Topic
from penstock.agent.sinks.pace import Backoff
from penstock.agent.sinks.sink import LOOK_EVERY, Sink, Taken
from penstock.errors import PenstockError, Retryable
from penstock.ports.clock import Clock
from penstock.ports.store import Store

PATIENCE = timedelta(seconds=1)
"""A step waits so long for the turns of its sinks; one that takes longer goes on, and is counted by a later step."""

LOOK_BUSY = timedelta(milliseconds=200)


@dataclass(slots=True)
class _Lane:
    """One sink and how it fares. `rests_until` is monotonic."""

    sink: Sink
    backoff: Backoff
    rests_until: float = 0.0
    said: str = ""
    turn: threading.Thread | None = None
    taken: Taken = field(default_factory=Taken)
    error: Exception | None = None

    @property
    def is_busy(self) -> bool:
        return self.turn is not None and self.turn.is_alive()


class Recorder:
    """One for an agent, over all its sinks. One thread at a time; turns of sinks run beside it.

    `draw` gives [0, 1). A step waits for turns at most for `patience`, in real time.
    """

    def __init__(
        self,
        store: Store,
        sinks: Sequence[Sink],
        clock: Clock,
        tell: Teller,
        *,
        draw: Callable[[], float],
        patience: timedelta = PATIENCE,
    ) -> None:
        self._store = store
        self._clock = clock
        self._tell = tell
        self._patience = patience
        self._lanes = [_Lane(sink, Backoff(draw)) for sink in sinks]
        self._names = tuple(sink.name for sink in sinks)
        self._is_tidy = False

    def step(self) -> int:
        """Give each sink that has something due its turn; how many results arrived anywhere. A fault of a sink is
        told and never raised."""
        now = self._clock.monotonic()
        for lane in self._lanes:
            if lane.turn is None and lane.rests_until <= now and self._is_due(lane):
                _begin(lane, lane.sink.take)
        self._await(self._patience.total_seconds())
        return self._tidied(sum(self._settle(lane) for lane in self._lanes if not lane.is_busy))

    def wait(self) -> timedelta:
        """How long until another step can make sense."""
        now = self._clock.monotonic()
        waits = [LOOK_EVERY]
        for lane in self._lanes:
            if lane.turn is not None:
                waits.append(LOOK_BUSY)
            elif lane.rests_until > now:
                waits.append(timedelta(seconds=lane.rests_until - now))
            else:
                waits.append(self._until_due(lane))
        return min(waits)

    def flush(self, within: timedelta | None = None) -> tuple[int, list[PenstockError]]:
        """Take everything that waits, whatever the pace and the rests say: until each sink has all it takes, or has
        met a fault. How many results arrived, and the faults; after `within` those that are not done count as such."""
        ends = None if within is None else self._clock.monotonic() + within.total_seconds()
        arrived = 0
        for lane in self._lanes:
            self._await_lane(lane, ends)
            if not lane.is_busy:
                arrived += self._settle(lane)
                _begin(lane, lambda lane=lane: _all(lane.sink))  # type: ignore[misc]
        faults: list[PenstockError] = []
        for lane in self._lanes:
            self._await_lane(lane, ends)
            if lane.is_busy:
                faults.append(Retryable(f"not all results went to `{lane.sink.name}` in time: they wait"))
                continue
            fault = lane.taken.fault or lane.error
            arrived += self._settle(lane)
            if fault is not None:
                faults.append(fault if isinstance(fault, PenstockError) else PenstockError(_bug(lane, fault)))
        return self._tidied(arrived), faults

    def troubles(self) -> dict[str, str]:
        """What does not work now, by sink."""
        return {lane.sink.name: lane.said for lane in self._lanes if lane.said}

    # ── private ──

    def _is_due(self, lane: _Lane) -> bool:
        return self._until_due(lane) <= timedelta(0)

    def _until_due(self, lane: _Lane) -> timedelta:
        return max(lane.sink.wait(), timedelta(0))

    def _await(self, seconds: float) -> None:
        """Real seconds: threads know no other clock."""
        turns = [lane.turn for lane in self._lanes if lane.turn is not None]
        for turn in turns:
            turn.join(seconds / len(turns))

    def _await_lane(self, lane: _Lane, ends: float | None) -> None:
        if lane.turn is not None:
            lane.turn.join(None if ends is None else max(ends - self._clock.monotonic(), 0.0))

    def _settle(self, lane: _Lane) -> int:
        """What came of a turn that has ended."""
        if lane.turn is None:
            return 0
        taken, error = lane.taken, lane.error or lane.taken.fault
        lane.turn, lane.taken, lane.error = None, Taken(), None
        had_faults = taken.arrived > 0 and lane.backoff.recovered()
        if error is not None:
            self._rest(lane, error)
        elif had_faults:
            lane.said = ""
            self._say(Topic.RECORDED, lane, f"results go to `{lane.sink.name}` again")
        return taken.arrived

    def _rest(self, lane: _Lane, error: Exception) -> None:
        asked = error.after if isinstance(error, Retryable) else None
        rest = lane.backoff.fault(asked)
        lane.rests_until = self._clock.monotonic() + rest.total_seconds()
        text = error.message if isinstance(error, PenstockError) else _bug(lane, error)
        if text == lane.said:
            return
        lane.said = text
        hint = f"; {error.help}" if isinstance(error, PenstockError) and error.help else ""
        again = f" (they wait, and are tried again in {rest.total_seconds():.0f} s)"
        topic = Topic.RECORD_FAULT if isinstance(error, PenstockError) else Topic.BUG
        self._say(topic, lane, f"results do not go to `{lane.sink.name}`: {text}{hint}{again}", is_trouble=True)

    def _say(self, topic: Topic, lane: _Lane, text: str, *, is_trouble: bool = False) -> None:
        self._tell(News(self._clock.now(), topic, text, {"sink": lane.sink.name}, is_trouble))

    def _tidied(self, arrived: int) -> int:
        if arrived or not self._is_tidy:
            self._store.forget_recorded(self._names)
            self._is_tidy = True
        return arrived


def _begin(lane: _Lane, take: Callable[[], Taken]) -> None:
    def turn() -> None:
        try:
            lane.taken = take()
        except Exception as error:  # noqa: BLE001 - handed to whoever looks after the turn
            lane.error = error

    # A daemon: whoever leaves now leaves, and what a push or a POST then becomes is as after a crash.
    lane.turn = threading.Thread(target=turn, name=f"results to {lane.sink.name}", daemon=True)
    lane.turn.start()


def _all(sink: Sink) -> Taken:
    """Turn after turn, until nothing is left that may be tried now."""
    arrived = 0
    while True:
        try:
            taken = sink.take()
        except PenstockError as error:
            return Taken(arrived, fault=error)
        arrived += taken.arrived
        if taken.fault is not None or not taken.is_more:
            return Taken(arrived, fault=taken.fault)


def _bug(lane: _Lane, error: Exception) -> str:
    return f"the sink `{lane.sink.name}` has met a bug in Penstock: {type(error).__name__}: {error}"
