"""The questions of a Pause, asked on the terminal until the answers fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from penstock.flow.convert import LocalFile
from penstock.flow.inputs import InvalidInputs, Renderer, in_order, is_asked, resolve_inputs
from penstock.flow.model import Input, InputType, Task


def ask(task: Task, questions: Sequence[Input], name: str, render: Renderer) -> dict[str, Any]:
    """Raw answers to the `onResume` inputs of `task`, each of them accepted by its own rules.

    One that depends on others is asked after them, and not at all where that does not hold.
    """
    click.echo(f"{name} waits: {task.description or 'somebody has to say that it goes on'}", err=True)
    if not questions:
        click.prompt("press Enter to go on", default="", show_default=False, err=True)
    answers: dict[str, Any] = {}
    for question in in_order(questions):
        if is_asked(question, questions, answers, render):
            answers[question.id] = _answer(question, questions, answers, render)
    return answers


def _answer(question: Input, questions: Sequence[Input], answers: dict[str, Any], render: Renderer) -> Any:
    about = question.display_name or question.description or question.id
    hint = f" ({question.type.value.lower()})"
    shown = question.defaults if question.defaults is not None else question.prefill
    while True:
        default = "" if shown is None else str(shown)
        text = click.prompt(f"  {about}{hint}", default=default, show_default=bool(default), err=True)
        value = LocalFile(text) if text and question.type is InputType.FILE and "://" not in text else text or None
        try:
            resolve_inputs(questions, {**answers, question.id: value}, render=render)
        except InvalidInputs as error:
            own = [problem for problem in error.problems if problem.id == question.id]
            for problem in own:
                click.echo(f"  {problem.message}", err=True)
            if own:
                continue
        return value
