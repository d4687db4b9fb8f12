"""The questions of a Pause on a terminal: which are asked, and until when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from click.testing import CliRunner

from penstock.expression import render
from penstock.flow.convert import LocalFile
from penstock.flow.declaration import declared_inputs
from penstock.flow.model import Kind, Task
from penstock_cli.render.asking import ask

QUESTIONS = declared_inputs(
    [
        {
            "id": "why",
            "type": "STRING",
            "dependsOn": {"inputs": ["ok"], "condition": "{{ inputs.ok == false }}"},
            "displayName": "Why not",
        },
        {"id": "ok", "type": "BOOL", "prefill": True},
        {"id": "day", "type": "SELECT", "expression": "{{ ['mon', 'tue'] }}"},
        {"id": "data", "type": "FILE", "required": False},
    ]
)


def rendering(text: str, /, *, seen: Mapping[str, Any], typed: bool = False) -> Any:
    return render(text, {"inputs": seen}, typed=typed)


def asked(said: str) -> tuple[dict[str, Any], str]:
    runner = CliRunner()
    with runner.isolation(input=said) as streams:
        answers = ask(Task("p", "t", Kind.FLOWABLE, description="May it go on?"), QUESTIONS, "p", rendering)
        return answers, streams[0].getvalue().decode() + streams[1].getvalue().decode()


def test_what_depends_on_another_is_asked_after_it() -> None:
    answers, told = asked("false\nnot today\nmon\nx.csv\n")
    assert answers == {"ok": "false", "why": "not today", "day": "mon", "data": LocalFile("x.csv")}
    assert told.index("ok (bool)") < told.index("Why not (string)")


def test_what_is_not_there_is_not_asked_and_what_is_refused_is_asked_again() -> None:
    answers, told = asked("\nsun\ntue\n\n")
    assert answers == {"ok": "True", "day": "tue", "data": None}
    assert "Why not" not in told
    assert "Invalid input for `day`, it must match the values `[mon, tue]`, but received `sun`" in told


def test_without_questions_one_key_goes_on() -> None:
    runner = CliRunner()
    with runner.isolation(input="\n"):
        assert ask(Task("p", "t", Kind.FLOWABLE), (), "p", rendering) == {}
