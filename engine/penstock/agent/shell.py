"""What an execution needs between two decisions: its expressions rendered, and its inline tasks done.

What waits for nobody happens within the append that records it. What has to wait for the world (a secret, a file, an
address) is left to the evaluator, which asks for it off every lock. Nothing of either is done again by a replay.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from penstock.agent.calling import Calls
from penstock.agent.partners import Birth
from penstock.agent.vault import Vault
from penstock.agent.world import World, WorldOf
from penstock.errors import PenstockError, Refused, UserError
from penstock.execution import evaluation
from penstock.execution.draft import changed
from penstock.execution.event import (
    AttemptStarted,
    ChildEnded,
    Evaluated,
    EvaluationFailed,
    Event,
    ExitRequested,
    Instant,
)
from penstock.execution.executable.loop import COLLECTED
from penstock.execution.folding.runs import after
from penstock.execution.model import ROOT, Execution, TaskRun
from penstock.execution.variables import Surroundings, variables
from penstock.expression import Budget, WallTimeExceeded, is_slow, render_value
from penstock.expression.apart import remote
from penstock.flow.model import Flow, InputType, Kind
from penstock.ports.clock import Clock
from penstock.ports.store import Session


class InlineAttempts(Protocol):
    """Makes the attempt of an inline type: quick, without a runner, never raising for a task's fault. What it changes
    of its execution comes first, its end last.

    With `is_hurried` others wait for this thread: nothing is asked of a child process, and an expression that takes too
    long raises WallTimeExceeded. Nothing has happened then.
    """

    def make_inline(
        self, flow: Flow, execution: Execution, run: TaskRun, seen: Mapping[str, Any], world: World, *, is_hurried: bool
    ) -> Sequence[Event]: ...


MOST_KNOWN = 10_000
"""Of so many tasks it is known whether they are slow."""

_SHOWN = frozenset({"value", evaluation.OUTPUTS})
"""Facts that nothing branches on and that people see: these are sealed when a secret is in them."""


@dataclass(slots=True)
class DecisionShell:
    """The real one. Thread-safe."""

    worlds: WorldOf
    attempts: InlineAttempts
    vault: Vault
    clock: Clock
    around: Surroundings
    calls: Calls | None = None
    hurry: Budget = field(default_factory=Budget)
    """What one text may take within a settlement."""
    late: set[tuple[str, str]] = field(default_factory=set)
    """What took longer than that: execution and key. The evaluator has more time."""
    slow: dict[tuple[str, str], bool] = field(default_factory=dict)
    """Of tasks, by the digest of their flow: whether their attempts wait for the world."""

    def answer(self, flow: Flow, execution: Execution, now: Instant) -> list[Event]:
        answers: list[Event] = []
        for key in sorted(execution.asked):
            if (execution.id, key) in self.late or is_slow(evaluation.templates(flow, execution, key)):
                continue
            try:
                answers.append(self._answer(flow, execution, key, lambda: now, is_hurried=True))
            except WallTimeExceeded:
                self.late.add((execution.id, key))
        return answers

    def bear(self, flow: Flow, execution: Execution, most: int) -> list[Birth]:
        births: list[Birth] = []
        for key in sorted(execution.bearing, key=execution.bearing.__getitem__):
            calls = self._calls
            if len(births) >= most or (execution.id, key) in self.late:
                continue
            if calls.is_slow(flow.by_id[execution.runs[key].task]):
                continue
            try:
                births += calls.bear(flow, execution, key, most - len(births), self.hurry)
            except WallTimeExceeded:
                self.late.add((execution.id, key))
        return births

    def call(self, flow: Flow, execution: Execution, key: str, most: int) -> list[Birth]:
        """The executions that one task run calls, however long that takes."""
        try:
            return self._calls.bear(flow, execution, key, most, None)
        finally:
            self.late.discard((execution.id, key))

    def ended(self, flow: Flow, execution: Execution, child: Execution) -> ChildEnded:
        return self._calls.ended(flow, execution, child)

    @property
    def _calls(self) -> Calls:
        if self.calls is None:
            raise Refused("nothing here could start the flow that a task calls")
        return self.calls

    def evaluate(self, flow: Flow, execution: Execution, key: str, session: Session) -> Sequence[Event]:
        """The answer to one question, or one inline attempt, however long it takes."""
        try:
            if key in execution.inline:
                return self._attempt(flow, execution, key, session, is_hurried=False)
            return [self._answer(flow, execution, key, self.clock.now, is_hurried=False)]
        except Exception as error:
            if key in execution.inline:
                raise
            return [self._bug(flow, execution, key, error)]
        finally:
            self.late.discard((execution.id, key))

    def _bug(self, flow: Flow, execution: Execution, key: str, error: Exception) -> Event:
        name = next(iter(evaluation.templates(flow, execution, key)), "")
        message = self.vault.mask.text(f"the expression has met a bug: {type(error).__name__}: {error}")
        return EvaluationFailed(at=self.clock.now(), run=key or None, name=name, message=message)

    def _answer(
        self, flow: Flow, execution: Execution, key: str, now: Callable[[], Instant], *, is_hurried: bool
    ) -> Event:
        """Raises WallTimeExceeded where only the hurry was the reason."""
        run = execution.runs[key] if key != ROOT else None
        subject = run.id if run is not None else None
        wanted = evaluation.templates(flow, execution, key)
        seen = variables(flow, execution, run, self.around)
        try:
            world = self.worlds(flow, execution)
            if is_hurried:
                rendered = render_value(dict(wanted), seen, world=world, budget=self.hurry)
            else:
                rendered = remote.render_value(dict(wanted), seen, world=world)
            assert isinstance(rendered, dict)
            facts = self._facts(flow, execution, key, rendered)
            if key == ROOT:
                self._learn_secrets(flow, facts.get(evaluation.OUTPUTS, {}))
            return self._evaluated(now(), subject, facts)
        except PenstockError as error:
            if is_hurried and isinstance(error, WallTimeExceeded):
                raise
            name = next(iter(wanted), "")
            return EvaluationFailed(at=now(), run=subject, name=name, message=self.vault.mask.text(error.message))

    def _facts(self, flow: Flow, execution: Execution, key: str, rendered: Mapping[str, Any]) -> Mapping[str, Any]:
        if key == ROOT or execution.runs[key].kind is not Kind.EXECUTABLE:
            return self._without_secrets(evaluation.interpret(flow, execution, key, rendered))
        found = {} if COLLECTED in rendered else evaluation.interpret(flow, execution, key, rendered)
        return self._calls.facts_of(flow, execution, key, self._without_secrets(found))

    def _without_secrets(self, facts: Mapping[str, Any]) -> Mapping[str, Any]:
        if self.vault.mask.hides(facts.get("values")):
            raise UserError(
                "the values of a loop hold a secret, and would stand in clear in the store and on the page",
                help="loop over names, and call `secret()` within the task that needs it",
            )
        return facts

    def _learn_secrets(self, flow: Flow, outputs: Mapping[str, Any]) -> None:
        for output in flow.outputs:
            if output.type is InputType.SECRET and outputs.get(output.id) is not None:
                self.vault.mask.learn(outputs[output.id])

    def _evaluated(self, now: Instant, subject: str | None, facts: Mapping[str, Any]) -> Evaluated:
        kept = {name: self.vault.keep(value) for name, value in facts.items() if name in _SHOWN}
        sealed = tuple(name for name, value in kept.items() if value is not facts[name])
        return Evaluated(at=now, run=subject, values={**facts, **kept}, sealed=sealed)

    def inline(self, flow: Flow, execution: Execution, session: Session, most: int) -> list[Event]:
        events: list[Event] = []
        for key in sorted(execution.inline, key=execution.inline.__getitem__):
            if self._is_slow(flow, execution, key) or (execution.id, key) in self.late:
                continue
            try:
                events += self._attempt(flow, execution, key, session, is_hurried=True)
            except WallTimeExceeded:
                self.late.add((execution.id, key))
            if len(events) >= 2 * most or any(isinstance(event, ExitRequested) for event in events[-2:]):
                break
        return events

    def _is_slow(self, flow: Flow, execution: Execution, key: str) -> bool:
        """Whether the attempt would wait for the world: looked up once for each task of a flow."""
        task = flow.by_id[execution.runs[key].task]
        place = execution.flow_digest, task.id
        if place not in self.slow:
            if len(self.slow) >= MOST_KNOWN:
                self.slow.clear()
            self.slow[place] = is_slow(task.properties)
        return self.slow[place]

    def _attempt(
        self, flow: Flow, execution: Execution, key: str, session: Session, *, is_hurried: bool
    ) -> Sequence[Event]:
        """The start and the end of an inline task run, and what it changes. Siblings do not see one another's."""
        run = execution.runs[key]
        started = AttemptStarted(
            at=self.clock.now(),
            run=run.id,
            attempt=len(run.attempts) + 1,
            session=session.id,
            epoch=session.epoch,
        )
        run = after(run, started)
        execution = changed(execution, runs=execution.runs.set(key, run))  # as it is seen from there: no more is needed
        seen = variables(flow, execution, run, self.around)
        world = self.worlds(flow, execution)
        return started, *self.attempts.make_inline(flow, execution, run, seen, world, is_hurried=is_hurried)
