"""What everything that starts executions by itself shares: from a slot of a trigger to an execution at work."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from penstock.agent.executor import Executor
from penstock.diagnostic import FlowName
from penstock.errors import NotFound
from penstock.execution.model import Execution
from penstock.flow.model import Flow, Trigger
from penstock.operations.schedules import slot_inputs, slot_start
from penstock.operations.start import Intake, Start, prepare, rendered, start_of
from penstock.ports.clock import Clock
from penstock.ports.deployment import Deployed, Slot
from penstock.ports.store import Creation, Store, Unadmitted
from penstock.triggers.schedule import Schedule


@dataclass(frozen=True, slots=True)
class Starter:
    """`flow_of` gives the flow of a deployed revision; `zone` is of schedules that name none; `keep_files` brings
    inputs that are files into the storage, `intake` is what all inputs go through; `fill` puts what was started to
    work. Thread-safe."""

    store: Store
    executor: Executor
    clock: Clock
    zone: str
    repository: str
    flow_of: Callable[[Deployed], Flow]
    keep_files: Callable[[Start], Start]
    intake: Intake
    new_id: Callable[[], str]
    fill: Callable[[], object]

    def schedule_of(self, trigger: Trigger) -> Schedule:
        """Raises ValueError with a sentence."""
        return Schedule.of(trigger, self.zone)

    def of_slot(
        self,
        deployed: Deployed,
        flow: Flow,
        trigger: Trigger,
        schedule: Schedule,
        slot: Slot,
        *,
        inputs: Mapping[str, Any] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Creation:
        """The execution of a slot; `inputs` and `labels` win over the trigger's own. Raises Refused, InvalidInputs, and
        what rendering raises."""
        at = self.clock.now()
        wanted = slot_start(self._wanted(deployed, flow, {}), trigger, schedule, slot.date)
        own = rendered(wanted, _labels(trigger), self.intake, at=at, more={})
        wanted = replace(wanted, labels={**own, **(labels or {})}, slot=slot)
        given = slot_inputs(wanted, trigger, self.intake, at=at, over=inputs)
        return prepare(self.keep_files(replace(wanted, inputs=given)), at=at, intake=self.intake)

    def begin(self, wanted: Sequence[tuple[Creation, Flow]]) -> list[Execution | Unadmitted]:
        """Admit them in one transaction, and put them to work; for each what was written, or why nothing was."""
        written = self.executor.begin(wanted)
        self.fill()
        return written

    def start_named(self, name: FlowName, inputs: Mapping[str, Any] | None = None) -> Execution:
        """Start a deployed flow by name, now. Raises NotFound, Refused, InvalidInputs."""
        deployed = self.store.deployed_flow(name)
        if deployed is None:
            raise NotFound(f"the flow {name} is not deployed", help="`penstock agent status` lists what is")
        flow = self.flow_of(deployed)
        wanted = self.keep_files(self._wanted(deployed, flow, inputs or {}))
        [result] = self.begin([(prepare(wanted, at=self.clock.now(), intake=self.intake), flow)])
        assert isinstance(result, Execution)
        return result

    def _wanted(self, deployed: Deployed, flow: Flow, inputs: Mapping[str, Any]) -> Start:
        now = self.store.generation()
        return start_of(deployed, flow, inputs, repository=self.repository, id_=self.new_id(), generation=now)


def _labels(trigger: Trigger) -> dict[str, str]:
    labels = trigger.properties.get("labels")
    if isinstance(labels, Mapping):
        return {str(name): str(value) for name, value in labels.items()}
    if isinstance(labels, list | tuple):
        return {str(each["key"]): str(each["value"]) for each in labels if isinstance(each, Mapping) and "key" in each}
    return {}
