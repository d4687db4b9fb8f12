"""A plan and a deployment in a terminal, and as JSON data."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any

import click

from penstock.deploy.carry_out import Carried, Outcome, Result
from penstock.deploy.plan import Action, Change, Plan
from penstock.deploy.record import deployment_record, plan_record
from penstock.errors import PenstockError
from penstock_cli.globals import Globals
from penstock_cli.render.findings_frame import clean
from penstock_cli.render.terminal import wants_colour

_SIGNS = {
    Action.CREATE: ("+", "green"),
    Action.UPDATE: ("~", "yellow"),
    Action.DRIFTED: ("!", "magenta"),
    Action.DELETE: ("-", "red"),
    Action.UNCHANGED: ("=", "bright_black"),
    Action.LEFT: ("?", "bright_black"),
}
_WORDS = {
    Action.CREATE: "to create", Action.UPDATE: "to update", Action.DRIFTED: "drifted", Action.DELETE: "to delete",
    Action.UNCHANGED: "unchanged", Action.LEFT: "left",
}  # fmt: skip
_DONE = {
    Action.CREATE: "created", Action.UPDATE: "updated", Action.DRIFTED: "put right", Action.DELETE: "deleted",
}  # fmt: skip


def show_plan(plan: Plan, output: str, globals_: Globals) -> None:
    """On stdout; what is unchanged is shown one by one only with -v."""
    if output == "json":
        _show_json(plan_record(plan))
        return
    colour = wants_colour(globals_.color, sys.stdout)
    lines = [_line(change, colour) for change in plan.changes if _is_told(change, globals_)]
    counted = [f"{plan.count(action)} {word}" for action, word in _WORDS.items() if plan.count(action)]
    click.echo("\n".join([*lines, f"{clean(plan.target)}: {', '.join(counted) or 'nothing to deploy'}"]), color=True)
    if plan.count(Action.LEFT):
        click.echo("what is left was deployed from here and is in the source no more: --prune deletes it", err=True)


def show_deployment(carried: Carried, output: str) -> None:
    """On stdout; each result has been told already."""
    if output == "json":
        _show_json(deployment_record(carried))
    else:
        click.echo(f"{clean(carried.plan.target)}: {_summary(carried)}")
    if carried.stopped is not None:
        tell_refusal(carried.stopped)


def tell_result(result: Result) -> None:
    """As it happens, on stderr."""
    sign = {Outcome.DONE: _SIGNS[result.change.action][0], Outcome.FAILED: "x", Outcome.SKIPPED: "."}[result.outcome]
    said = f": {clean(result.message)}" if result.message else ""
    words = {Outcome.DONE: _DONE[result.change.action], Outcome.FAILED: "failed", Outcome.SKIPPED: "skipped"}
    click.echo(f"{sign} {clean(result.change.name)} {words[result.outcome]}{said}", err=True)


def tell_refusal(error: PenstockError) -> None:
    """On stderr, as all errors are told."""
    click.echo(f"error[{error.code}]: {clean(error.message)}", err=True)
    if error.help:
        click.echo(f"  = help: {clean(error.help)}", err=True)


def _is_told(change: Change, globals_: Globals) -> bool:
    if globals_.quiet:
        return False
    return change.action is not Action.UNCHANGED or bool(globals_.verbose)


def _line(change: Change, colour: bool) -> str:
    sign, tone = _SIGNS[change.action]
    text = f"{sign} {clean(change.name)}"
    head = click.style(text, fg=tone) if colour else text
    return f"{head}  {clean(change.reason)}" if change.reason else head


def _summary(carried: Carried) -> str:
    counted = _counted(result.change.action for result in carried.results if result.outcome is Outcome.DONE)
    for outcome in (Outcome.FAILED, Outcome.SKIPPED):
        if carried.count(outcome):
            counted.append(f"{carried.count(outcome)} {outcome.value}")
    unchanged = carried.plan.count(Action.UNCHANGED)
    if unchanged:
        counted.append(f"{unchanged} unchanged")
    return ", ".join(counted) or "nothing to deploy"


def _counted(actions: Iterable[Action]) -> list[str]:
    done = list(actions)
    return [f"{done.count(action)} {word}" for action, word in _DONE.items() if action in done]


def _show_json(data: Any) -> None:
    click.echo(json.dumps(data, indent=2, ensure_ascii=False))
