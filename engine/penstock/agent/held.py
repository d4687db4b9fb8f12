"""An execution in memory, and the facts that are to be appended to it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from penstock.agent.partners import Birth
from penstock.errors import PenstockError, Refused
from penstock.execution.event import Event, Refusal
from penstock.execution.model import Execution
from penstock.flow.model import Flow


class Quarantined(PenstockError):
    """The execution has crashed the engine too often: it is left alone until the next start."""

    code = "PEN032"


@dataclass(slots=True)
class Ticket:
    """Facts that somebody wants appended, and what became of them."""

    facts: Sequence[Event]
    done: bool = False
    error: BaseException | None = None
    births: Sequence[Birth] = ()


@dataclass(slots=True)
class Held:
    """One execution in memory. `lock` is held by whoever settles it."""

    execution: Execution
    flow: Flow
    lock: threading.Lock = field(default_factory=threading.Lock)
    inbox: list[Ticket] = field(default_factory=list)
    inbox_lock: threading.Lock = field(default_factory=threading.Lock)
    crashes: int = 0


def refused(refusal: Refusal) -> Refused:
    return Refused(refusal.reason, help=refusal.help or None)


def refuse_all(tickets: Sequence[Ticket], error: BaseException) -> None:
    for ticket in tickets:
        if not ticket.done:
            ticket.error, ticket.done = error, True
