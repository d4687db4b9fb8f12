"""Functions over what a running execution shows: outputs of loops, states of tasks, the context, rendering again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from penstock.expression.errors import ExpressionError, UndefinedVariable
from penstock.expression.library import arguments
from penstock.expression.registry import function
from penstock.expression.scope import Scope
from penstock.expression.stringify import is_list

_PASSES = 100


@function(
    "render",
    "toRender",
    ("recursive", True),
    says="A text rendered again, until it changes no more. What a secret holds is never rendered.",
    example="{{ render(vars.greeting) }}",
)
def _render(scope: Scope, value: object, recursive: object) -> object:
    """Rendered until nothing changes, at most 100 times; texts within lists and maps too."""
    again = arguments.flag(recursive, "the argument `recursive`")
    return _rendered(scope, value, _PASSES if again else 1, scope.meter.budget.depth)


@function(
    "renderOnce",
    "toRender",
    says="A text rendered once more.",
    example="{{ renderOnce(vars.greeting) }}",
)
def _render_once(scope: Scope, value: object) -> object:
    return _rendered(scope, value, 1, scope.meter.budget.depth)


@function(
    "currentEachOutput",
    "outputs",
    borrows=True,
    says="The outputs that a sibling in the same loop has given for the current value.",
    example="{{ currentEachOutput(outputs.first).value }}",
)
def _current_each_output(scope: Scope, outputs: object) -> object:
    """Down the values of the loops around this task run, outermost first, then its own value."""
    found = arguments.entries(outputs, "the argument `outputs`")
    parents = scope.variables.get("parents")
    if parents is not None:
        for parent in reversed(arguments.items(parents, "the variable `parents`")):
            run = parent.get("taskrun") if isinstance(parent, Mapping) else None
            if isinstance(run, Mapping):
                inner = found.get(run.get("value"))
                if not isinstance(inner, Mapping):
                    raise ExpressionError("No execution outputs for the current task runs path")
                found = inner
    run = scope.variables.get("taskrun")
    if not isinstance(run, Mapping):
        raise ExpressionError("`currentEachOutput` has a meaning within a task run only")
    return found.get(run.get("value"))


@function(
    "tasksWithState",
    "state",
    says="The tasks that are in a state, each with its id and, in loops, its value.",
    example="{{ tasksWithState('FAILED') }}",
)
def _tasks_with_state(scope: Scope, state: object) -> object:
    """`{taskId, state}` of every task in the state; in loops one per `value`."""
    wanted = arguments.text(state, "the argument `state`").upper()
    tasks = scope.variables.get("tasks")
    found: list[object] = []
    if not isinstance(tasks, Mapping):
        return found
    for task in tasks:
        details = tasks[task]
        if not isinstance(details, Mapping):
            continue
        for key in details:
            scope.meter.tick()
            inner = details[key]
            if isinstance(inner, Mapping):
                nested = inner.get("state")
                if isinstance(nested, str) and nested.upper() == wanted:
                    found.append({"taskId": task, "state": wanted, "value": key})
            elif key == "state" and isinstance(inner, str) and inner.upper() == wanted:
                found.append({"taskId": task, "state": wanted})
    return found


@function(
    "printContext",
    borrows=True,
    says="All variables at once, to look at them.",
    example="{{ printContext() }}",
)
@function(
    "fetchContext",
    borrows=True,
    says="All variables at once, to work with them.",
    example="{{ fetchContext() }}",
)
def _context(scope: Scope) -> object:
    return scope.variables


@function(
    "fileURI",
    "path",
    says="The address of a file of the flow's namespace.",
    example="{{ fileURI('sql/report.sql') }}",
)
def _file_uri(scope: Scope, path: object) -> str:
    """The address of a namespace file of the flow's own namespace."""
    name = arguments.text(path, "the argument `path`").lstrip("/")
    if ".." in name.split("/"):
        raise ExpressionError("a path of a namespace file cannot go up with `..`")
    flow = scope.variables.get("flow")
    namespace = flow.get("namespace") if isinstance(flow, Mapping) else None
    if not isinstance(namespace, str):
        raise ExpressionError("`fileURI` has a meaning within a flow only")
    return f"kestra:///{namespace.replace('.', '/')}/_files/{name}"


def _rendered(scope: Scope, value: object, passes: int, room: int) -> object:
    if isinstance(value, str):
        return _render_text(scope, value, passes)
    if room <= 0:
        raise ExpressionError("what is rendered is nested too deep")
    scope.meter.tick()
    if isinstance(value, Mapping):
        made: dict[object, object] = {}
        for key in value:
            name = _render_text(scope, key, passes) if isinstance(key, str) else key
            if name not in made:
                made[name] = _rendered(scope, value[key], passes, room - 1)
        return made
    if is_list(value) and isinstance(value, Sequence):
        return [_rendered(scope, item, passes, room - 1) for item in value]
    return value


def _render_text(scope: Scope, text: str, passes: int) -> str:
    scope.meter.enter()
    try:
        for _ in range(passes):
            text = scope.hide_final(text)
            if "{" not in text:
                return scope.show_final(text)
            scope.meter.tick()
            scope.meter.look()
            known = len(scope.finals)
            template = scope.template.parse(text)
            try:
                result = template.evaluate(scope.within(template))
            except UndefinedVariable as error:
                raise error.final() from error  # as in Kestra: a `??` outside does not catch it
            assert isinstance(result, str)
            is_changed_secret = any(final not in result for final in scope.finals[known:])
            if result == text or passes == 1 or is_changed_secret:
                return scope.show_final(result)
            text = result
        raise ExpressionError(f"Too many rendering attempts: the text still changes after {passes}")
    finally:
        scope.meter.leave()
