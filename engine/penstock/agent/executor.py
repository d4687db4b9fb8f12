"""Settles executions: load, decide, append, until nothing follows. Facts come in, decisions go out, in one append.

A held execution is kept folded in memory; an append that loses a race loads only the events it has missed. Whoever
brings news settles, in its own thread: news that arrive while another thread is committing are taken along by the
next one, so that a hundred tasks that end at once cost a few commits, not a hundred.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from penstock import failpoint
from penstock.agent.held import Held, Quarantined, Ticket, refuse_all, refused
from penstock.agent.kinship import Kinship
from penstock.agent.partners import Birth, FlowSource, Listener, Shell, Taker
from penstock.errors import Conflict, NotFound, PenstockError, Refused, Retryable, Stalled
from penstock.execution.apply import extend
from penstock.execution.decide import decide, due
from penstock.execution.event import (
    ChildEnded,
    Event,
    ExecutionAdmitted,
    ExecutionEnded,
    IterationBegun,
)
from penstock.execution.legality import refuse
from penstock.execution.model import Execution
from penstock.execution.state import State
from penstock.failpoint import Failpoint
from penstock.flow.model import Flow
from penstock.operations.again import successor
from penstock.ports.clock import Clock
from penstock.ports.store import Creation, Crowded, Fenced, Session, Store, Unadmitted

MOST_EVENTS = 500
"""One append holds at most about so many events."""

MOST_INLINE = 100
"""So many inline task runs are taken into one step."""

MOST_BORN = 100
"""One append gives birth to at most about so many executions."""

MOST_HEARD = 500
"""So many ends are looked for at once."""

MOST_CRASHES = 3
"""An execution that crashes the engine so often is left alone until the next start (P8)."""


class Executor:
    """Thread-safe. One for each session."""

    def __init__(
        self,
        store: Store,
        session: Session,
        flows: FlowSource,
        shell: Shell,
        clock: Clock,
        *,
        afterwards: Callable[[], None] | None = None,
        on_crash: Callable[[str, Exception], None] | None = None,
        on_room: Callable[[], None] | None = None,
    ) -> None:
        """`on_room` is called when an execution of a flow with a limit has ended: a queued one may be let in.
        `afterwards` is called when all listeners have been told; `on_crash` with an execution that has crashed the
        engine, and how: it is tried again, and left alone after the third time."""
        self._store = store
        self._session = session
        self._flows = flows
        self._shell = shell
        self._clock = clock
        self._listeners: list[Listener] = []
        self._taker: Taker | None = None
        self._afterwards = afterwards
        self._on_crash = on_crash
        self._on_room = on_room
        self._held: dict[str, Held] = {}
        self._held_lock = threading.Lock()
        self._kin = Kinship(store, session, self, clock)
        self._mark = 0
        self._behind: dict[str, None] = {}

    @property
    def session(self) -> Session:
        return self._session

    def listen(self, listener: Listener) -> None:
        """Tell `listener` too of everything from now on."""
        self._listeners.append(listener)

    def leave_to(self, taker: Taker) -> None:
        """Whatever a settlement must not wait for goes to `taker`, after every settlement: it knows what it has."""
        self._taker = taker

    def submit(self, execution: str, *facts: Event, births: Sequence[Birth] = ()) -> Execution:
        """Append `facts`, each checked against what is known then, and all that follows from them.

        With no facts it settles what there is. `births` are those that the facts tell of. Raises Refused (a fact is
        not legal now: none of them is appended), Fenced (another session holds the execution), NotFound, Stalled,
        Retryable.
        """
        try:
            return self._submit(execution, [Ticket(facts, births=births)])
        except (Retryable, Stalled):
            self._behind[execution] = None
            raise

    def submit_each(self, execution: str, facts: Sequence[Event]) -> list[Event]:
        """Append those of `facts` that are legal; the others. Raises what `submit` raises, but for Refused."""
        tickets = [Ticket((fact,)) for fact in facts]
        self._submit(execution, tickets, may_refuse=True)
        return [fact for ticket in tickets if ticket.error is not None for fact in ticket.facts]

    def _submit(self, execution: str, tickets: Sequence[Ticket], *, may_refuse: bool = False) -> Execution:
        held = self._hold(execution)
        with held.inbox_lock:
            held.inbox.extend(tickets)
        with held.lock:
            if not all(ticket.done for ticket in tickets):
                self._settle(held)
        self._kin.attend()
        for ticket in tickets:
            if ticket.error is not None and not (may_refuse and isinstance(ticket.error, Refused)):
                raise ticket.error
        return held.execution

    def begin(self, wanted: Sequence[tuple[Creation, Flow]]) -> list[Execution | Unadmitted]:
        """Admit executions together with what follows from their creation, all in one transaction (P1): for each what
        was written, or why nothing was. An inline task that waits for nobody is over when this returns; workers find
        the others."""
        grown = [(self._grown(creation, flow), flow) for creation, flow in wanted]
        written = self._store.create([creation for creation, _ in grown], session=self._session)
        for (creation, flow), result in zip(grown, written, strict=True):
            if isinstance(result, Execution) and self._take_up(creation, flow, result):
                self.settle_quietly(result.id)
        self._kin.attend()
        return written

    def _grown(self, creation: Creation, flow: Flow) -> Creation:
        """`creation` with what follows from it. A bug that it meets is met again, alone, when it is settled."""
        if creation.due is not None and creation.due > self._clock.now():
            return creation
        events = list(creation.events)
        try:
            execution, _ = self._decide(flow, creation.execution, events, None)
        except PenstockError:
            return creation
        except Exception:  # noqa: BLE001 - one execution's bug must not keep the others from their start (P8)
            return creation
        return replace(creation, execution=execution, events=tuple(events), due=due(flow, execution))

    def _born(self, creation: Creation, flow: Flow) -> Creation:
        """`creation` with what follows from it. An iteration sees what its caller has, so that is written first."""
        return creation if creation.execution.is_iteration else self._grown(creation, flow)

    def _take_up(self, creation: Creation, flow: Flow, execution: Execution) -> bool:
        """Hold what was just written. Whether there is more to be settled of it."""
        events = creation.events
        if creation.crowded is not None and execution is creation.crowded[0]:
            events = creation.crowded[1]
        if not execution.is_over:
            with self._held_lock:
                self._held.setdefault(execution.id, Held(execution, flow))
        self._tell(execution, events)
        if execution.is_over:
            self._on_end(flow)
        goes_on = (
            execution.agenda or execution.opened is None or execution.asked or execution.inline or execution.bearing
        )
        return not execution.is_over and not execution.queued and bool(goes_on)

    def _on_end(self, flow: Flow) -> None:
        if flow.concurrency is not None and self._on_room is not None:
            self._on_room()

    def let_in(self) -> int:
        """Let in queued executions as far as their flows have room, the longest waiting first; how many."""
        count = 0
        while admitted := sum(self._let_in(execution) for execution in self._store.queued(self._session)):
            count += admitted
        return count

    def _let_in(self, execution: str) -> bool:
        held = self._hold(execution)
        with held.lock:
            base, limit = held.execution, held.flow.concurrency.limit if held.flow.concurrency is not None else None
            if not base.queued or base.is_leaving:
                return False
            events: list[Event] = [ExecutionAdmitted(at=self._clock.now())]
            births: list[Birth] = []
            admitted, _ = self._decide(held.flow, extend(base, events), events, births)  # RUNNING when counted next
            try:
                self._append(held, admitted, events, births, room=limit)
            except Crowded:
                return False
            except Conflict:
                self._read_on(held)
                return False
        self.settle_quietly(execution)
        return True

    def settle(self, execution: str) -> Execution:
        """Append what follows from what is known now."""
        return self.submit(execution)

    def peek(self, execution: str) -> Execution:
        """The execution as it was settled last."""
        return self._hold(execution).execution

    def flow_of(self, execution: str) -> Flow:
        return self._hold(execution).flow

    def wake(self, *, limit: int = 200) -> int:
        """Settle the executions whose moment has come; how many there were."""
        ids = self._store.due(self._session, now=self._clock.now(), limit=limit)
        return sum(self.settle_quietly(execution) for execution in ids)

    def catch_up(self) -> int:
        """Settle the executions to which somebody else has appended (a kill, a pause, an answer), and those that the
        store was too busy to settle; how many there were. None is forgotten: what could not be settled stays behind."""
        touched, self._mark = self._store.touched(self._session, after=self._mark)
        self._behind |= dict.fromkeys(touched)
        return sum(self.settle_quietly(execution, read=True) for execution in tuple(self._behind))

    def hear(self) -> int:
        """Tell parents of the ends of children that they have not heard of; how many."""
        return self._kin.catch_up(MOST_HEARD)

    def take_up_kin(self) -> None:
        """Kill what executions that were killed have called, where whoever was to kill it is gone."""
        self._kin.take_up()

    def ended(self, execution: str, child: Execution) -> ChildEnded:
        """What `execution` hears of the end of `child`."""
        held = self._hold(execution)
        return self._shell.ended(held.flow, held.execution, child)

    def settle_quietly(self, execution: str, *, read: bool = False) -> bool:
        """Whether it was settled. A fault of one execution never keeps a loop from the next one; Stalled concerns all
        of them."""
        self._behind.pop(execution, None)
        try:
            if read:
                held = self._hold(execution)
                with held.lock:
                    self._read_on(held)
                if held.execution.is_over:  # by somebody's word: whoever waits here has heard of it
                    self._forget(execution)
                    self._kin.attend()
                    return True
            self.settle(execution)
        except Stalled:
            raise
        except Fenced:
            self._forget(execution)
        except Retryable:
            self._behind[execution] = None
            return False
        except PenstockError:
            return False
        except Exception as error:  # noqa: BLE001 - a bug that one execution meets must not stop the others (P8)
            self._behind[execution] = None
            if self._on_crash is not None:
                self._on_crash(execution, error)
            return False
        return True

    # ── within the lock of one execution ──

    def _settle(self, held: Held) -> None:
        with held.inbox_lock:
            tickets, held.inbox = held.inbox, []
        if held.crashes >= MOST_CRASHES:
            crashed = Quarantined(
                f"execution {held.execution.id} has crashed the engine {held.crashes} times and is left alone",
                help="report it with the output of `penstock executions show -o json`, then restart the agent",
            )
            refuse_all(tickets, crashed)
            return
        try:
            self._settle_tickets(held, tickets)
        except BaseException as error:  # noqa: BLE001 - handed to everybody who waits for this settlement
            if isinstance(error, Exception) and not isinstance(error, PenstockError):
                held.crashes += 1
            if isinstance(error, Fenced):
                self._forget(held.execution.id)
            refuse_all(tickets, error)

    def _settle_tickets(self, held: Held, tickets: Sequence[Ticket]) -> None:
        waiting = list(tickets)
        while True:
            base = held.execution
            execution, events, taken = self._take_in(base, waiting)
            births = [birth for ticket in taken for birth in ticket.births]
            execution, more = self._decide(held.flow, execution, events, births)
            if events:
                try:
                    self._append(held, execution, events, births)
                except Fenced:
                    raise
                except Conflict:
                    self._read_on(held)
                    continue
            for ticket in taken:
                ticket.done = True
            waiting = [ticket for ticket in waiting if not ticket.done]
            if not more and not waiting:
                self._leave(held)
                return

    def _take_in(self, execution: Execution, tickets: Sequence[Ticket]) -> tuple[Execution, list[Event], list[Ticket]]:
        """The execution with the facts of all tickets that are legal; the others are told why not."""
        events: list[Event] = []
        taken: list[Ticket] = []
        for ticket in tickets:
            after, refusal = execution, None
            for fact in ticket.facts:
                refusal = refuse(after, fact)
                if refusal is not None:
                    break
                after = extend(after, (fact,))
            if refusal is not None:
                ticket.error, ticket.done = refused(refusal), True
                continue
            execution = after
            events.extend(ticket.facts)
            taken.append(ticket)
        return execution, events, taken

    def _decide(
        self, flow: Flow, execution: Execution, events: list[Event], births: list[Birth] | None
    ) -> tuple[Execution, bool]:
        """`events` grown by what follows, and `births` by the executions that are called, if they may be; and whether
        more follows than one append should hold."""
        while len(events) < MOST_EVENTS and len(births or ()) < MOST_BORN:
            now = self._clock.now()
            follows: Sequence[Event] = decide(flow, execution, now)
            if events and any(isinstance(each, IterationBegun) for each in follows):
                return execution, True  # what leaves is heard of before it does
            if not follows and execution.asked:
                follows = self._shell.answer(flow, execution, now)
            if not follows and execution.inline and not execution.held and not execution.is_leaving:
                follows = self._shell.inline(flow, execution, self._session, MOST_INLINE)
            if not follows and births is not None and _may_bear(execution):
                born = self._shell.bear(flow, execution, MOST_BORN - len(births))
                births += born
                follows = [birth.event for birth in born if birth.event is not None]
            again = any(map(_tries_again, follows))
            if not follows or (again and births is None):
                return execution, False
            if again and births is not None:
                births.append(Birth(None, successor(flow, execution, now), flow))
            execution = extend(execution, follows)
            events.extend(follows)
        return execution, True

    def _leave(self, held: Held) -> None:
        execution = held.execution
        left = execution.asked or execution.inline or _may_bear(execution)
        if self._taker is not None and not execution.is_over and left:
            self._taker(held.flow, execution)

    def _append(
        self,
        held: Held,
        execution: Execution,
        events: Sequence[Event],
        births: Sequence[Birth],
        *,
        room: int | None = None,
    ) -> None:
        wanted = [(self._born(each.creation, each.flow), each.flow) for each in births if each.creation and each.flow]
        born = self._store.append(
            execution,
            events,
            due=due(held.flow, execution),
            session=self._session,
            room=room,
            births=[creation for creation, _ in wanted],
        )
        failpoint.reached(Failpoint.SETTLED)
        held.execution = execution
        held.crashes = 0
        self._tell(execution, events)
        for (creation, flow), result in zip(wanted, born, strict=True):
            if isinstance(result, Execution) and self._take_up(creation, flow, result):
                self._kin.settle_later(result.id)
        if execution.is_over:
            self._forget(execution.id)
            self._on_end(held.flow)

    def _tell(self, execution: Execution, events: Sequence[Event]) -> None:
        self._kin.note(execution, events)
        for listener in self._listeners:
            listener(execution, events)
        if self._afterwards is not None:
            self._afterwards()

    def _read_on(self, held: Held) -> None:
        """Fold in what others have appended; listeners are told of it as of our own."""
        missed = self._store.events(held.execution.id, after=held.execution.seq)
        if missed:
            held.execution = extend(held.execution, missed)
            self._tell(held.execution, missed)

    # ── what is held ──

    def _hold(self, execution: str) -> Held:
        with self._held_lock:
            held = self._held.get(execution)
        if held is not None:
            return held
        loaded = self._store.load(execution)
        if loaded is None:
            raise NotFound(f"there is no execution {execution}")
        held = Held(loaded, self._flows.flow(loaded))
        self._kin.note_loaded(loaded)
        with self._held_lock:
            return self._held.setdefault(execution, held)

    def _forget(self, execution: str) -> None:
        with self._held_lock:
            self._held.pop(execution, None)


def _may_bear(execution: Execution) -> bool:
    return bool(execution.bearing) and not execution.held and not execution.is_leaving


def _tries_again(event: Event) -> bool:
    """Whether another execution begins where this one ends."""
    return isinstance(event, ExecutionEnded) and event.state is State.RETRIED
