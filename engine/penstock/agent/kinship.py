"""What executions owe one another: a child settles, its parent hears of its end, a killed parent's children are killed.

All of it is a query over the store, so that a crash costs one look. Within a session it is done at once, by whoever
has settled one of them, once the locks of that one are free: nobody holds two of them.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from penstock.errors import PenstockError, Retryable, Stalled
from penstock.execution.event import ChildEnded, Event, KillRequested, TaskRunStopping
from penstock.execution.model import Execution
from penstock.execution.state import State
from penstock.ports.clock import Clock
from penstock.ports.store import Session, Store


class Settling(Protocol):
    """The executor, as far as it is needed here."""

    def submit(self, execution: str, *facts: Event) -> Execution: ...

    def submit_each(self, execution: str, facts: Sequence[Event]) -> list[Event]:
        """Those of `facts` that were refused."""
        ...

    def settle_quietly(self, execution: str) -> bool: ...

    def ended(self, execution: str, child: Execution) -> ChildEnded: ...


class Kinship:
    """Thread-safe. One for each executor."""

    def __init__(self, store: Store, session: Session, executor: Settling, clock: Clock) -> None:
        self._store = store
        self._session = session
        self._executor = executor
        self._clock = clock
        self._unsettled: deque[str] = deque()
        self._over: deque[Execution] = deque()
        self._doomed: deque[Execution] = deque()
        self._put_off: dict[str, Execution] = {}
        self._attending = threading.local()

    # ── within the lock of an execution: only noted ──

    def settle_later(self, execution: str) -> None:
        """`execution` was just made, and there is more to be settled of it."""
        self._unsettled.append(execution)

    def note(self, execution: Execution, events: Sequence[Event]) -> None:
        """What was appended to `execution`."""
        waits = execution.caller is not None and execution.caller.waits
        if execution.is_over and waits and execution.state is not State.RETRIED:
            self._over.append(execution)
        if any(_dooms(execution, event) for event in events):
            self._doomed.append(execution)

    def note_loaded(self, execution: Execution) -> None:
        """`execution` is held from now on. What was to be killed with it may not have been told."""
        if execution.kill or any(execution.runs[run].stop is not None for run in execution.children):
            self._doomed.append(execution)

    # ── outside ──

    def attend(self) -> None:
        """Do what was noted, and what is noted meanwhile. Whoever is at it already, in this thread, goes on with it."""
        if getattr(self._attending, "is_at_it", False):
            return
        self._attending.is_at_it = True
        try:
            while self._step():
                pass
        finally:
            self._attending.is_at_it = False

    def _step(self) -> bool:
        for queue, act in ((self._doomed, self._cascade), (self._over, self._tell_parents)):
            try:
                act(queue.popleft())
            except IndexError:
                continue
            return True
        try:
            self._executor.settle_quietly(self._unsettled.popleft())
        except IndexError:
            return False
        return True

    def _tell_parents(self, first: Execution) -> None:
        """Tell of the end of `first`, and of all others that have come meanwhile: one append for each parent."""
        over = [first]
        while self._over:
            try:
                over.append(self._over.popleft())
            except IndexError:
                break
        self._tell(over)

    def _tell(self, over: Sequence[Execution]) -> int:
        families: dict[str, list[Execution]] = {}
        for child in over:
            if child.caller is not None:
                families.setdefault(child.caller.execution, []).append(child)
        return sum(self._tell_parent(parent, children) for parent, children in families.items())

    def _tell_parent(self, parent: str, children: Sequence[Execution]) -> int:
        try:
            facts = [self._executor.ended(parent, child) for child in children]
            refused = self._executor.submit_each(parent, facts)
            for fact, child in zip(facts, children, strict=True):
                if fact in refused and child.caller is not None:
                    self._store.hear(child.caller)
        except Stalled:
            raise
        except PenstockError:
            return 0  # another session holds it, it is gone, or the store is too busy: the query finds it again
        except Exception:  # noqa: BLE001 - a bug that the parent meets must not stop the others (P8)
            self._executor.settle_quietly(parent)  # meets it again, and counts it
            return 0
        return len(children)

    def _cascade(self, parent: Execution) -> None:
        """Kill what the task runs that stop have called; of a killed execution, all that it has called. Iterations of
        a Loop are killed with their execution in any case."""
        if parent.kill:
            living = self._store.called(parent.id, within=parent.spares)
        else:
            stopping = [run for run in sorted(parent.children) if parent.runs[run].stop is not None]
            living = [child for run in stopping for child in self._store.called(parent.id, run=run)]
        for child in living:
            try:
                by, cascade = f"execution {parent.id}", not parent.spares
                self._executor.submit(child, KillRequested(at=self._clock.now(), by=by, cascade=cascade))
            except Stalled:
                self._put_off[parent.id] = parent
                raise
            except Retryable:
                self._put_off[parent.id] = parent
            except PenstockError:
                continue  # it is over, or being killed already

    def catch_up(self, limit: int) -> int:
        """Do what was put off, and tell of ends that nobody has told of; how many there were."""
        while self._put_off:
            self._doomed.append(self._put_off.popitem()[1])
        told = self._tell(self._store.unheard(self._session, limit=limit))
        self.attend()
        return told

    def take_up(self) -> None:
        """Kill what a killed execution has called and nobody has killed: whoever was to may be gone."""
        for execution in self._store.bereaved(self._session):
            try:
                self._executor.submit(execution, KillRequested(at=self._clock.now(), by="the execution that called it"))
            except Stalled:
                raise
            except PenstockError:
                continue


def _dooms(execution: Execution, event: Event) -> bool:
    return isinstance(event, KillRequested) or (isinstance(event, TaskRunStopping) and event.run in execution.children)
