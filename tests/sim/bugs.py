"""Six faults planted on purpose, outside the engine: the simulator must find each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from penstock.agent.executor import Executor
from penstock.agent.partners import Birth
from penstock.agent.worker import Claim
from penstock.errors import Conflict
from penstock.execution.apply import extend
from penstock.execution.event import (
    AttemptEnded,
    AttemptStarted,
    Event,
    ExecutionWaiting,
    TaskRunReleased,
)
from penstock.execution.model import Execution
from penstock.execution.state import State
from penstock.flow.model import Flow
from penstock.ports.store import Fenced
from sim.door import Door
from sim.world import Parts, SteppedEvaluator, SteppedWorker


class UncheckedSequence(Door):
    """A settle without the sequence check: what was decided is appended, whatever was appended meanwhile."""

    def append(self, execution: Any, events: Any, **kwargs: Any) -> Any:
        try:
            return super().append(execution, events, **kwargs)
        except Fenced:
            raise
        except Conflict:
            current = self.store.load(execution.id)
            assert current is not None
            return self.store.append(extend(current, events), events, **kwargs)


class SecondClaimExecutor(Executor):
    """Believes every claim."""

    def _take_in(self, execution: Execution, tickets: Any) -> Any:
        execution, events, taken = super()._take_in(execution, tickets)
        for ticket in tickets:
            if ticket not in taken and ticket.facts and isinstance(ticket.facts[0], AttemptStarted):
                execution = extend(execution, ticket.facts)
                events.extend(ticket.facts)
                taken.append(ticket)
                ticket.error = None
        return execution, events, taken


class SecondClaimWorker(SteppedWorker):
    """A second claim of a claimed run: what is running already is taken for ready."""

    def claim(self, most: int) -> list[Claim]:
        claims = super().claim(most)
        for execution in dict.fromkeys(slot.claim.execution for slot in self.slots):
            held = self._executor.peek(execution)
            for key in sorted(held.running) if not held.is_over else ():
                if len(claims) < most:
                    claims.append(self._claim_again(held, key))
        return claims

    def _claim_again(self, held: Execution, key: str) -> Claim:
        session, number = self._executor.session, len(held.runs[key].attempts) + 1
        again = AttemptStarted(at=self._clock.now(), run=key, attempt=number, session=session.id, epoch=session.epoch)
        self._executor.submit(held.id, again)
        return Claim(held.id, key, number)


class DroppedWakeUp(Door):
    """A dropped wake-up: an execution that begins to wait forgets until when."""

    def append(self, execution: Any, events: Any, **kwargs: Any) -> Any:
        if isinstance(events[-1], ExecutionWaiting):
            kwargs["due"] = None
        return super().append(execution, events, **kwargs)


class EndAppliedTwice(Executor):
    """An end applied twice: a report is taken in although the attempt it tells of is over."""

    def _take_in(self, execution: Execution, tickets: Any) -> Any:
        execution, events, taken = super()._take_in(execution, tickets)
        for ticket in tickets:
            facts: Sequence[Event] = ticket.facts
            if ticket not in taken and facts and all(self._tells_of_an_end(execution, fact) for fact in facts):
                execution = extend(execution, facts)
                events.extend(facts)
                taken.append(ticket)
                ticket.error = None
        return execution, events, taken

    def _tells_of_an_end(self, execution: Execution, fact: Event) -> bool:
        return isinstance(fact, AttemptEnded) and fact.run in execution.runs and not execution.is_over


class ForgottenDelay(Executor):
    """A retry that forgets its delay: what waits for its next attempt is released at once."""

    def _decide(
        self, flow: Flow, execution: Execution, events: list[Event], births: list[Birth] | None
    ) -> tuple[Execution, bool]:
        execution, more = super()._decide(flow, execution, events, births)
        waiting = [run.id for run in execution.in_order() if run.state is State.RETRYING]
        if not waiting or execution.is_over:
            return execution, more
        released = [TaskRunReleased(at=self._clock.now(), run=key) for key in waiting]
        events.extend(released)
        return super()._decide(flow, extend(execution, released), events, births)


class DeafEvaluator(SteppedEvaluator):
    """An answered question that stays open: what the same task run asks next is taken for what it asked before."""

    def _hear(self, execution: Execution, events: Sequence[Event]) -> None:
        return


_WORLD = Parts()

BUGS: Mapping[str, Parts] = {
    "a settle without the sequence check": replace(_WORLD, door=UncheckedSequence),
    "a second claim of a claimed run": replace(_WORLD, executor=SecondClaimExecutor, worker=SecondClaimWorker),
    "a dropped wake-up": replace(_WORLD, door=DroppedWakeUp),
    "an end applied twice": replace(_WORLD, executor=EndAppliedTwice),
    "a retry that forgets its delay": replace(_WORLD, executor=ForgottenDelay),
    "an answered question that stays open": replace(_WORLD, evaluator=DeafEvaluator),
}
