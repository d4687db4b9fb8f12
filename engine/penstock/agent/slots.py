"""From a slot of a trigger to what is asked for: the execution as it is to be started, with what its trigger tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from penstock.flow.model import Flow, Trigger
from penstock.operations.schedules import slot_inputs
from penstock.operations.start import Start, start_of
from penstock.ports.deployment import Deployed, Slot
from penstock.triggers.schedule import Schedule, trigger_variables


def start_of_slot(
    deployed: Deployed,
    flow: Flow,
    trigger: Trigger,
    schedule: Schedule,
    slot: Slot,
    *,
    repository: str,
    id_: str,
    inputs: Mapping[str, Any] | None = None,
    labels: Mapping[str, str] | None = None,
) -> Start:
    """`inputs` and `labels` win over the trigger's own. Raises Refused where the trigger's inputs are no map, and what
    rendering raises."""
    told = trigger_variables(schedule, slot.date)
    given = slot_inputs(flow, trigger, schedule, slot.date, over=inputs)
    return replace(
        start_of(deployed, flow, given, repository=repository, id_=id_),
        labels={**_labels(trigger), **(labels or {})},
        trigger={"id": trigger.id, "type": trigger.type, "variables": dict(told)},
        schedule_date=slot.date,
        slot=slot,
    )


def read_schedule(trigger: Trigger, zone: str) -> Schedule:
    """Raises ValueError with a sentence."""
    return Schedule.of(trigger, zone)


def _labels(trigger: Trigger) -> dict[str, str]:
    labels = trigger.properties.get("labels")
    if isinstance(labels, Mapping):
        return {str(name): str(value) for name, value in labels.items()}
    if isinstance(labels, list | tuple):
        return {str(each["key"]): str(each["value"]) for each in labels if isinstance(each, Mapping) and "key" in each}
    return {}
