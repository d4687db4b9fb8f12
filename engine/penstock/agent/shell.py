"""What an execution needs between two decisions: its expressions rendered, and its inline tasks done.

Everything here happens within the append that records it; nothing of it is done again by a replay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from penstock.agent.vault import Vault
from penstock.agent.world import World, WorldOf
from penstock.errors import PenstockError, UserError
from penstock.execution import evaluation
from penstock.execution.apply import extend
from penstock.execution.event import (
    AttemptEnded,
    AttemptStarted,
    Evaluated,
    EvaluationFailed,
    Event,
    Instant,
)
from penstock.execution.model import ROOT, Execution, TaskRun
from penstock.execution.variables import Surroundings, variables
from penstock.expression import render_value
from penstock.flow.model import Flow
from penstock.ports.clock import Clock
from penstock.ports.store import Session


class InlineAttempts(Protocol):
    """Makes the attempt of an inline type: quick, without a runner, never raising for a task's fault."""

    def make_inline(
        self, flow: Flow, execution: Execution, run: TaskRun, seen: Mapping[str, Any], world: World
    ) -> AttemptEnded: ...


_SHOWN = frozenset({"value", evaluation.OUTPUTS})
"""Facts that nothing branches on and that people see: these are sealed when a secret is in them."""


@dataclass(slots=True)
class DecisionShell:
    """The real one."""

    worlds: WorldOf
    attempts: InlineAttempts
    vault: Vault
    clock: Clock
    around: Surroundings

    def answer(self, flow: Flow, execution: Execution, now: Instant) -> list[Event]:
        return [self._answer(flow, execution, key, now) for key in sorted(execution.asked)]

    def _answer(self, flow: Flow, execution: Execution, key: str, now: Instant) -> Event:
        run = execution.runs[key] if key != ROOT else None
        subject = run.id if run is not None else None
        wanted = evaluation.templates(flow, execution, key)
        seen = variables(flow, execution, run, self.around)
        try:
            rendered = render_value(dict(wanted), seen, world=self.worlds(flow, execution))
            assert isinstance(rendered, dict)
            facts = evaluation.interpret(flow, execution, key, rendered)
            return self._evaluated(now, subject, facts)
        except PenstockError as error:
            name = next(iter(wanted), "")
            return EvaluationFailed(at=now, run=subject, name=name, message=self.vault.mask.text(error.message))

    def _evaluated(self, now: Instant, subject: str | None, facts: Mapping[str, Any]) -> Evaluated:
        if self.vault.mask.hides(facts.get("values")):
            raise UserError(
                "the values of a loop hold a secret, and would stand in clear in the store and on the page",
                help="loop over names, and call `secret()` within the task that needs it",
            )
        kept = {name: self.vault.keep(value) for name, value in facts.items() if name in _SHOWN}
        sealed = tuple(name for name, value in kept.items() if value is not facts[name])
        return Evaluated(at=now, run=subject, values={**facts, **kept}, sealed=sealed)

    def inline(self, flow: Flow, execution: Execution, session: Session, most: int) -> list[Event]:
        events: list[Event] = []
        in_order = sorted(execution.inline.items(), key=lambda item: item[1])[:most]
        for key, _ in in_order:
            run = execution.runs[key]
            started = AttemptStarted(
                at=self.clock.now(),
                run=run.id,
                attempt=len(run.attempts) + 1,
                session=session.id,
                epoch=session.epoch,
            )
            execution = extend(execution, (started,))
            run = execution.runs[key]
            seen = variables(flow, execution, run, self.around)
            ended = self.attempts.make_inline(flow, execution, run, seen, self.worlds(flow, execution))
            events += (started, ended)
        return events
