"""Functions over iterations and what surrounds a task run, and `env`."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.expression.errors import ExpressionError
from penstock.expression.library import arguments
from penstock.expression.registry import function
from penstock.expression.scope import Scope
from penstock.expression.stringify import to_java


@function(
    "iterationOutput",
    ("taskId", None),
    ("iteration", None),
    borrows=True,
    says="The output `value` of a task in an iteration of the loop; of this task in the one before, unless said.",
    example="{{ taskrun is defined ? iterationOutput() : 'in no loop' }}",
    since="2.0",
)
def _iteration_output(scope: Scope, task: object, iteration: object) -> object:
    """Source: Kestra core, IterationOutputFunction."""
    run = scope.variables.get("taskrun")
    current = run.get("iteration") if isinstance(run, Mapping) else None
    if not isinstance(current, int):
        raise ExpressionError("`iterationOutput` has a meaning within an iteration only")
    name = _own_task(scope) if task is None else arguments.text(task, "the argument `taskId`")
    index = current - 1 if iteration is None else _index(iteration)
    if index < 0:
        raise ExpressionError(f"there is no iteration {index}: none comes before the first")
    found = _outputs(scope).get(name)
    for parent in reversed(arguments.items(scope.variables.get("parents") or [], "the variable `parents`")):
        outer = parent.get("taskrun") if isinstance(parent, Mapping) else None
        if isinstance(outer, Mapping) and isinstance(found, Mapping):
            found = found.get(outer.get("value"))
    if not isinstance(found, Mapping):
        return None
    values = list(found)
    if index >= len(values):
        raise ExpressionError(f"the iteration {index} has no outputs yet: the last that has is {len(values) - 1}")
    output = found[values[index]]
    return output.get("value") if isinstance(output, Mapping) else None


@function(
    "parentOutput",
    ("index", None),
    borrows=True,
    says="The outputs of the task around this one; with an index of one further out, 0 being the outermost.",
    example="{{ parent is defined ? parentOutput() : 'in no other task' }}",
    since="2.0",
)
def _parent_output(scope: Scope, index: object) -> object:
    """Source: Kestra core, ParentOutputFunction."""
    parent = scope.variables.get("parent")
    if index is not None:
        at = arguments.whole(index, "the argument `index`")
        parents = arguments.items(scope.variables.get("parents") or [], "the variable `parents`")
        if not 0 <= at < len(parents):
            raise ExpressionError(f"there is no parent {at}: there are {len(parents)}")
        parent = parents[len(parents) - 1 - at]
    if not isinstance(parent, Mapping):
        raise ExpressionError("`parentOutput` has a meaning within another task only")
    task, run = parent.get("task"), parent.get("taskrun")
    found = _outputs(scope).get(task.get("id")) if isinstance(task, Mapping) else None
    value = run.get("value") if isinstance(run, Mapping) else None
    if value is None or not isinstance(found, Mapping):
        return found
    return found.get(value)


@function(
    "loopOutputs",
    "outputs",
    "name",
    says="One output of every iteration of a loop, in a list.",
    example="{{ loopOutputs([{'outputs': {'rows': 2}}, {'outputs': {'rows': 5}}], 'rows') }}",
    since="2.0",
)
def _loop_outputs(scope: Scope, outputs: object, name: object) -> object:
    """Null for an iteration that has none of this name. Source: Kestra core, LoopOutputsFunction."""
    key = arguments.text(name, "the argument `name`")
    found: list[object] = []
    for iteration in arguments.items(outputs, "the argument `outputs`"):
        scope.meter.tick()
        inner = iteration.get("outputs") if isinstance(iteration, Mapping) else None
        found.append(inner.get(key) if isinstance(inner, Mapping) else None)
    return found


@function(
    "env",
    "name",
    ("default", None),
    borrows=True,
    says="A variable that the agent hands on from its environment; the default where it is missing or empty.",
    example="{{ env('region', 'eu') }}",
    since="2.0",
)
def _env(scope: Scope, name: object, default: object) -> object:
    """Of `envs`, which holds what the agent hands on, never of the process itself. Source: Kestra core, EnvFunction."""
    envs = scope.variables.get("envs")
    value = envs.get(arguments.text(name, "the argument `name`")) if isinstance(envs, Mapping) else None
    return default if value is None or to_java(value, scope.meter) == "" else value


def _own_task(scope: Scope) -> str:
    task = scope.variables.get("task")
    return arguments.text(task.get("id") if isinstance(task, Mapping) else None, "the id of the task")


def _outputs(scope: Scope) -> Mapping[object, object]:
    return arguments.entries(scope.variables.get("outputs") or {}, "the variable `outputs`")


def _index(value: object) -> int:
    if isinstance(value, str) and value.removeprefix("-").isdecimal() and len(value) < 10:
        return int(value)
    return arguments.whole(value, "the argument `iteration`")
