"""The questions of a Pause, asked on the terminal until the answers fit."""

from __future__ import annotations

from typing import Any

import click

from penstock.errors import UserError
from penstock.flow.inputs import declared_input, resolve_inputs
from penstock.flow.model import Input, Task


def ask(task: Task, name: str) -> dict[str, Any]:
    """Raw answers to the `onResume` inputs of `task`, each of them accepted by its own rules."""
    questions = [declared_input(raw) for raw in task.properties.get("onResume") or ()]
    click.echo(f"{name} waits: {task.description or 'somebody has to say that it goes on'}", err=True)
    if not questions:
        click.prompt("press Enter to go on", default="", show_default=False, err=True)
        return {}
    return {question.id: _answer(question) for question in questions}


def _answer(question: Input) -> str | None:
    about = question.display_name or question.description or question.id
    hint = f" ({question.type.value.lower()})"
    while True:
        default = "" if question.defaults is None else str(question.defaults)
        text = click.prompt(f"  {about}{hint}", default=default, show_default=bool(default), err=True)
        value = text if text != "" else None
        try:
            resolve_inputs([question], {question.id: value})
        except UserError as error:
            click.echo(f"  {error.message}", err=True)
            continue
        return value
