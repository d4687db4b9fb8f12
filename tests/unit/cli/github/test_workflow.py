"""What a step hears of its workflow, and what it writes for GitHub to read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from action_runner.runner import pairs
from conftest import ROOT
from fakes.git import git
from penstock import __version__
from penstock.errors import UserError
from penstock_cli.github.inputs import Inputs
from penstock_cli.github.pages import MOST_CHARACTERS, comment, marker
from penstock_cli.github.report import FILE, MOST_BYTES, Report, read_report
from penstock_cli.github.workflow import MOST_SUMMARY_BYTES, Workflow, read_workflow
from penstock_cli.scaffold.release import ACTION, ActionPin, action_pin
from tame import assert_tame


def told(folder: Path, event: object, **more: str) -> Workflow:
    (folder / "event.json").write_text(event if isinstance(event, str) else json.dumps(event))
    names = {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_REPOSITORY": "team/flows", "GITHUB_WORKSPACE": str(folder)}
    return read_workflow({**names, "GITHUB_EVENT_PATH": str(folder / "event.json"), **more})


def test_outside_of_a_workflow_it_says_what_to_use(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="GITHUB_EVENT_NAME") as raised:
        read_workflow({})
    assert "penstock validate" in str(raised.value.help)


@pytest.mark.parametrize("event", [{}, [], {"pull_request": {"number": "7"}}, {"pull_request": {"number": 7}}])
def test_an_event_without_a_pull_request_has_none(event: object, tmp_path: Path) -> None:
    assert told(tmp_path, event).pull is None


def test_a_pull_request_whose_repository_is_gone_is_a_strangers(tmp_path: Path) -> None:
    event = {"pull_request": {"number": 7, "base": {"sha": "a" * 40}, "head": {"sha": "b" * 40, "repo": None}}}
    pull = told(tmp_path, event).pull
    assert pull is not None
    assert pull.is_foreign


def test_a_branch_that_is_new_was_at_nothing_before(tmp_path: Path) -> None:
    assert told(tmp_path, {"before": "0" * 40}).before is None
    assert told(tmp_path, {"before": "--upload-pack=x"}).before is None


def test_no_value_sets_another_output(tmp_path: Path) -> None:
    path = tmp_path / "out"
    workflow = replace(told(tmp_path, {}), outputs=path)
    hostile = "a\noutcome=passed\noutcome<<end\npassed\nend\nEOF"
    workflow.tell({"text": hostile, "outcome": "failed"})
    assert pairs(path) == {"text": hostile, "outcome": "failed"}


def test_a_summary_that_is_too_long_is_cut_at_a_line(tmp_path: Path) -> None:
    path = tmp_path / "summary"
    workflow = replace(told(tmp_path, {}), summary=path)
    for _ in range(3):
        workflow.summarise("ü line\n" * 100_000)
    text = path.read_bytes()
    assert len(text) <= MOST_SUMMARY_BYTES
    assert text.decode().count("(cut: GitHub shows no more)") == 1


def test_inputs_are_read_as_workflows_write_them() -> None:
    inputs = Inputs({"INPUT_PATHS": " a b.yaml \n\n# no\n--help\n", "INPUT_FLAG": "True", "INPUT_FAIL_ON": "never"})
    assert inputs.paths() == ("a b.yaml", "./--help")
    assert inputs.flag("flag")
    assert not inputs.flag("absent")
    assert inputs.choice("fail-on", "error", "never") == "never"
    assert "never" not in repr(inputs)
    for call in (lambda: inputs.flag("fail-on"), lambda: inputs.choice("fail-on", "error", "warning")):
        with pytest.raises(UserError):
            call()


SAID = {"outcome": "failed", "summary": {"errors": 1, "warnings": 0, "flows": 1}, "diagnostics": []}


def report(**more: Any) -> Report:
    return replace(Report(7, "a" * 40, "b" * 40, SAID, text="### one\n"), **more)


def test_a_report_comes_back_as_it_was(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(report().as_json())
    assert read_report(tmp_path / FILE) == report()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "\x00" * 99,
        report(text=7).as_json(),
        report(pull="7; touch owned").as_json(),
        report(validation={"summary": {}, "diagnostics": []}).as_json(),
        report(validation={"summary": {"errors": 1, "warnings": 0, "flows": 1}, "diagnostics": [7]}).as_json(),
        report(difference={"summary": {"added": "x"}}).as_json(),
        " " * (MOST_BYTES + 1),
    ],
)
def test_a_report_of_another_shape_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(UserError):
        read_report(tmp_path / FILE)
    with pytest.raises(UserError):
        read_report(tmp_path / "absent.json")


def test_a_comment_has_at_most_as_much_as_github_takes_and_stays_tame() -> None:
    place = {"start": {"line": 1, "column": 1}, "end": {"line": 1, "column": 1}}
    hostile = "@octocat | <b> ` [a](b) " * 200
    found = {"code": "PEN1", "severity": "error", "file": hostile, "message": hostile, "help": hostile, "range": place}
    said = {"outcome": "failed", "summary": {"errors": 999, "warnings": 0, "flows": 1}, "diagnostics": [found] * 200}
    text = "<details>\n<summary>a</summary>\n\n```diff\n" + "+ @octocat\n" * 20_000
    body = comment(report(validation=said, text=text), "flows", "https://github.example/run")
    assert len(body) <= MOST_CHARACTERS
    assert body.startswith(marker("flows"))
    assert "and 175 more" in body
    assert_tame(body.removeprefix(marker("flows")), links="https://github.example/run")


def test_this_version_pins_the_action_by_its_own_commit() -> None:
    assert action_pin(None) == ActionPin(ACTION, git("rev-parse", "HEAD", cwd=ROOT), f"v{__version__}")
