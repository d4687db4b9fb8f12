"""Attempts that are not made: outputs given by hand, or only what would be done."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from penstock.agent.attempt import TaskAttempts
from penstock.agent.worker import Claim
from penstock.agent.world import World
from penstock.errors import PenstockError
from penstock.execution.event import AttemptEnded, AttemptLost, Event
from penstock.execution.model import Execution, TaskRun
from penstock.execution.state import State
from penstock.flow.model import Flow, Level
from penstock.ports.runner import Halt


@dataclass(slots=True)
class Rehearsal:
    """Stands before the real attempts: `mocks` are outputs by task; `dry` renders and tells, and runs nothing;
    `keep` leaves what an attempt held on its runner."""

    attempts: TaskAttempts
    mocks: Mapping[str, Mapping[str, Any]]
    dry: bool = False
    keep: bool = False

    def make(self, flow: Flow, execution: Execution, claim: Claim, halt: Halt) -> AttemptEnded | AttemptLost:
        run = execution.runs[claim.run]
        if run.task in self.mocks:
            return self._given(run, claim.attempt)
        if self.dry:
            seen = self.attempts.seen(flow, execution, run)
            return self._told(flow, execution, run, claim.attempt, seen, None)
        return self.attempts.make(flow, execution, claim, halt)

    def make_inline(
        self, flow: Flow, execution: Execution, run: TaskRun, seen: Mapping[str, Any], world: World, *, is_hurried: bool
    ) -> Sequence[Event]:
        if run.task in self.mocks:
            return [self._given(run, len(run.attempts))]
        if self.dry:
            return [self._told(flow, execution, run, len(run.attempts), seen, world)]
        return self.attempts.make_inline(flow, execution, run, seen, world, is_hurried=is_hurried)

    def sweep(self, at_work: Callable[[], Sequence[tuple[str, Execution]]]) -> int:
        del at_work
        return 0  # a rehearsal tidies up nothing of others

    def tidy(self) -> bool:
        return False

    def over(self, execution: Execution, run: str) -> bool:
        return self.attempts.over(execution, run) and not self.keep

    def free(self, execution: str, run: str) -> None:
        self.attempts.free(execution, run)

    def clear(self, claim: Claim) -> None:
        if not self.keep:
            self.attempts.clear(claim)

    def _given(self, run: TaskRun, attempt: int) -> AttemptEnded:
        outputs = self.mocks[run.task]
        return AttemptEnded(
            at=self.attempts.now(), run=run.id, attempt=attempt, state=State.SUCCESS, outputs=dict(outputs)
        )

    def _told(
        self,
        flow: Flow,
        execution: Execution,
        run: TaskRun,
        attempt: int,
        seen: Mapping[str, Any],
        world: World | None,
    ) -> AttemptEnded:
        """What the task would do, as lines of its log: its properties, rendered."""
        said, context = self.attempts.sayer(flow, execution, run, attempt, seen, world)
        try:
            rendered = context.render_value(dict(context.task.properties))
            assert isinstance(rendered, Mapping)
            context.log(Level.INFO, f"would run {context.task.type} with")
            for name, value in rendered.items():
                text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
                context.log(Level.INFO, f"  {name}: {text.strip()}")
        except PenstockError as problem:
            context.log(Level.WARN, f"cannot be rendered yet: {problem.message}")
            context.log(Level.WARN, f"give the outputs it needs: --mock TASK=outputs.json (this is `{run.task}`)")
        return AttemptEnded(at=self.attempts.now(), run=run.id, attempt=attempt, state=State.SUCCESS, log=said.as_log())
