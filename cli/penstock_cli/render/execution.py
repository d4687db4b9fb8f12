"""One execution for a person to read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import click

from penstock.duration import humane
from penstock.execution.model import Attempt, Execution, TaskRun
from penstock.execution.record import as_record, duration_of
from penstock.execution.state import State
from penstock.execution.variables import iso
from penstock.ports.store import Iterations, Query, Store
from penstock_cli.render.progress import harmless, label, state_lines

LONGEST_VALUE = 60
MOST_ITERATIONS = 10
"""So many iterations that did not end well are named beside their loop."""


def show_execution(execution: Execution, now: datetime, store: Store, *, attempts: bool) -> None:
    """Head, task runs, inputs, outputs; with `attempts` each attempt's exit code, time, memory and log."""
    spent = humane(duration_of(execution.histories, now))
    click.echo(f"{execution.id}  {execution.flow}  revision {execution.revision}")
    click.echo(f"{execution.state.value}  {iso(execution.created)}  {spent}")
    if execution.error:
        click.echo(f"error: {harmless(execution.error)}")
    for check in execution.checks:
        click.echo(f"{check['style'].lower()}: {harmless(check['message'])}")
    source = execution.source
    if source:
        commit = str(source.get("commit") or "no commit")
        dirty = ", with changes" if source.get("dirty") else ""
        click.echo(f"from {source.get('path', '?')} at {commit[:12]}{dirty}")
    click.echo()
    lines = list(state_lines(execution, now))
    for line, run in zip(lines, execution.in_order(), strict=True):
        click.echo(line)
        for told in _iterations(execution, run, store) if run.family is not None else ():
            click.echo(f"      {told}")
        if attempts:
            for attempt in run.attempts:
                for told in _attempt(run, attempt):
                    click.echo(f"      {told}")
    record = as_record(execution)
    for name in ("inputs", "outputs"):
        values: dict[str, Any] = record[name] or {}
        if values:
            click.echo(f"\n{name}")
            for key, value in values.items():
                shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
                click.echo(f"  {key}  {harmless(shown)}")


def _iterations(execution: Execution, run: TaskRun, store: Store) -> Iterator[str]:
    """How the iterations of a Loop stand, and which of them did not end well."""
    asked = Query(caller=execution.id, caller_run=run.id, iterations=Iterations.ALONE)
    if run.family is None or not (count := store.count(asked)):
        return
    states = [f"{number} {state}" for state, number in sorted(run.family.states.items())]
    going = [f"{run.family.living} going on"] if run.family.living else []
    yield f"{count} iterations: {', '.join([*states, *going])}"
    unwell = replace(asked, states=tuple(each for each in State if each is not State.SUCCESS), limit=MOST_ITERATIONS)
    for each in sorted(store.summaries(unwell), key=lambda found: (found.item or {}).get("index", 0)):
        item = each.item or {}
        value = harmless(str(item.get("value", "")))
        shown = value if len(value) <= LONGEST_VALUE else value[:LONGEST_VALUE] + "…"
        yield f"  {item.get('index')} ({shown}) {each.state.value}  {each.id}"
    if count > MOST_ITERATIONS:
        yield f"  all of them: penstock executions list --of {execution.id}"


def _attempt(run: TaskRun, attempt: Attempt) -> Iterator[str]:
    parts = [f"attempt {attempt.number} of {label(run)}: {attempt.state.value}"]
    if attempt.ended is not None:
        parts.append(humane(attempt.ended - attempt.started))
    if attempt.exit_code is not None:
        parts.append(f"exit code {attempt.exit_code}")
    if "max_rss_bytes" in attempt.usage:
        parts.append(f"{attempt.usage['max_rss_bytes'] / 1e6:.1f} MB")
    if "cpu_s" in attempt.usage:
        parts.append(f"{attempt.usage['cpu_s']:.2f} s of processor time")
    if attempt.lost:
        parts.append("lost")
    yield " · ".join(parts)
    if attempt.error:
        yield f"  {harmless(attempt.error)}"
    if "lines" in attempt.log:
        yield f"  log: {attempt.log['lines']} lines, {attempt.log['bytes']} bytes"
