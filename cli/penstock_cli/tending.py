"""What `penstock agent` does: one round with `--once`, or staying until it is told to leave."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from penstock.diagnostic import FlowName
from penstock.errors import Refused, Retryable, UserError
from penstock.execution.state import State
from penstock.operations.start import name_of
from penstock.wiring import (
    DEFAULT_SLOTS,
    AgentSetup,
    Allowance,
    ContainerSetup,
    RunnerChoice,
    Workplace,
    agent_name,
    agent_service,
    one_round,
    tell_of_engine,
    workplace,
)
from penstock_cli.exits import Exit
from penstock_cli.globals import Globals
from penstock_cli.interrupts import counted_signals
from penstock_cli.options import settings_now
from penstock_cli.render.news import JsonNews, TextNews

if TYPE_CHECKING:
    from penstock.wiring import AgentService, Round

LOOK_S = 0.2
"""So often whoever waits looks whether a signal has come."""

_GOOD = frozenset(
    {State.SUCCESS, State.WARNING, State.SKIPPED, State.PAUSED, State.BREAKPOINT, State.CANCELLED, State.RETRIED}
)
"""What is no failure of a round. Of one that is RETRIED the execution after it tells, which is of the round too."""


@dataclass(frozen=True, slots=True)
class AgentWish:
    """The options of `agent`, settled. `drain` is how long a stop waits for running tasks."""

    setup: AgentSetup
    starts: tuple[str, ...]
    once: bool
    slots: int | None
    runners: RunnerChoice
    containers: ContainerSetup
    drain: timedelta
    log_format: str
    listen: str | None
    listen_token_file: Path | None
    data: Path


def tend(wish: AgentWish, globals_: Globals) -> int:
    """Run the agent; the exit code."""
    starts = [_flow_name(text) for text in wish.starts]
    tell: Any = (
        JsonNews()
        if wish.log_format == "json"
        else TextNews(color=globals_.color, stamped=not wish.once, quiet=globals_.quiet)
    )
    allowance = Allowance(wish.runners, wish.containers, wish.setup.reach)
    services: list[AgentService] = []

    def poked() -> None:
        for service in services:
            service.poke()

    with workplace(wish.data, settings=settings_now()) as place, place.presence.hold_agent(poked) as mine:
        if not mine:
            raise Refused(
                f"another agent works in {wish.data}", help="wait for it, or give this one a data folder of its own"
            )
        name = agent_name(place, wish.setup.name, socket.gethostname().split(".")[0])
        setup = wish.setup.named(name)
        with place.session(name=name, kind="agent", slots=wish.slots or DEFAULT_SLOTS, allowance=allowance) as live:
            service = agent_service(place, live, setup, tell)
            services.append(service)
            tell_of_engine(service, wish.runners, wish.containers)
            if wish.once:
                return _once(service, starts, wish, globals_)
            with _listening(place, service, wish):
                return _stay(service, starts, wish)


def _flow_name(text: str) -> FlowName:
    name = name_of(text)
    if name is None:
        raise UserError(f"`--start {text}` does not name a flow", help="name it as `namespace/id`")
    return name


# ── one round ──


def _once(service: AgentService, starts: list[FlowName], wish: AgentWish, globals_: Globals) -> int:
    return _report(one_round(service, starts), wish, globals_)


def _report(outcome: Round, wish: AgentWish, globals_: Globals) -> int:
    """What the round came to, and its exit code."""
    if outcome.fault is not None:
        words = outcome.fault.message + (f"; {outcome.fault.help}" if outcome.fault.help else "")
        click.echo(f"the repository cannot be read, what was deployed stays in force: {words}", err=True)
    elif outcome.reconciled is None and not globals_.quiet:
        click.echo("the repository holds nothing new", err=True)
    for refused in outcome.refused:
        click.echo(f"not started: {refused}", err=True)
    for fault in outcome.record_faults:
        click.echo(f"results wait to be recorded: {fault.message}", err=True)
    if wish.setup.recording.sinks and not outcome.record_faults and not globals_.quiet:
        click.echo(f"recorded {outcome.recorded} results", err=True)
    if outcome.refused:
        return Exit.USAGE
    faults = [fault for fault in (outcome.fault, *outcome.record_faults) if fault is not None]
    if any(not isinstance(fault, Retryable) for fault in faults):
        return Exit.USAGE
    if faults:
        return Exit.UNREACHABLE
    failed = any(execution.state not in _GOOD for execution in outcome.executions)
    return Exit.FINDINGS if failed or outcome.errors else Exit.FINE


# ── staying ──


def _stay(service: AgentService, starts: list[FlowName], wish: AgentWish) -> int:
    """Keep going until a signal. The first one stops claiming and, with `--drain`, waits for running tasks; the second
    leaves now. Either way tasks outlive the agent, and the next one adopts them."""
    with counted_signals() as heard:
        service.begin()
        for name in starts:
            service.scheduler.starter.start_named(name)
        while not heard:
            service.live.wait(lambda: bool(heard), LOOK_S)
        service.stop(wish.drain, lambda: len(heard) > 1)
        return Exit.INTERRUPTED if heard[0] == signal.SIGINT else Exit.TERMINATED


@contextmanager
def _listening(place: Workplace, service: AgentService, wish: AgentWish) -> Iterator[None]:
    """Health and metrics over HTTP, where they are asked for."""
    if wish.listen is None:
        yield
        return
    from penstock.wiring import health_server

    with health_server(place, service, wish.listen, wish.listen_token_file):
        yield
