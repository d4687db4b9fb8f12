"""One expression over a past execution: what it sees there, what it may reach for, and what is then a secret."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from penstock.diagnostic import did_you_mean
from penstock.errors import NotFound
from penstock.execution.model import Execution, TaskRun
from penstock.execution.variables import Surroundings, variables
from penstock.expression import World
from penstock.ports.secrets import Mask
from penstock.wiring.surroundings import environment
from penstock.wiring.workplace import Workplace


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
    from penstock.adapters.secrets import KeySeal
    from penstock.agent.vault import Vault
    from penstock.agent.world import World as ExecutionWorld

    flow = place.flow_of(execution)
    vault = Vault(place.mask, KeySeal(place.data / "seal.key"))
    around = Surroundings(envs=environment(os.environ), globals=place.variables, open=vault.open)
    beside = place.namespace_sources.of(execution.source)
    world = ExecutionWorld(flow, execution, place.secrets, place.files, place.clock, place.mask, beside)
    run = _latest_run(execution, task) if task is not None else None
    return Evaluation(variables(flow, execution, run, around), world, place.mask)


def _latest_run(execution: Execution, task: str) -> TaskRun:
    runs = [run for run in execution.in_order() if run.task == task]
    if not runs:
        tasks = sorted({run.task for run in execution.in_order()})
        known = "it has run " + ", ".join(tasks) if tasks else "nothing has run in it"
        raise NotFound(f"the execution {execution.id} has no run of `{task}`", help=did_you_mean(task, tasks) or known)
    return runs[-1]
