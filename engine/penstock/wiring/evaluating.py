"""One expression over a past execution: what it sees there, what it may reach for, and what is then a secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from penstock.diagnostic import did_you_mean
from penstock.errors import NotFound
from penstock.execution.model import Execution, TaskRun
from penstock.execution.variables import variables
from penstock.expression import World
from penstock.ports.secrets import Mask
from penstock.wiring.workplaces import Workplace


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The variables of an execution and its world. Whatever is shown of it goes through `mask`."""

    variables: Mapping[str, object]
    world: World
    mask: Mask


def evaluation_of(place: Workplace, execution: Execution, task: str | None = None) -> Evaluation:
    """What an expression saw in `execution`: in the latest run of `task`, or in no task. Raises NotFound.

    Sealed values are opened where they are looked into, and hidden by the mask from then on.
    """
    flow = place.flow_of(execution)
    world = place.worlds(place.http(None))(flow, execution)
    run = _latest_run(execution, task) if task is not None else None
    return Evaluation(variables(flow, execution, run, place.around), world, place.mask)


def _latest_run(execution: Execution, task: str) -> TaskRun:
    runs = [run for run in execution.in_order() if run.task == task]
    if not runs:
        tasks = sorted({run.task for run in execution.in_order()})
        known = "it has run " + ", ".join(tasks) if tasks else "nothing has run in it"
        raise NotFound(f"the execution {execution.id} has no run of `{task}`", help=did_you_mean(task, tasks) or known)
    return runs[-1]
