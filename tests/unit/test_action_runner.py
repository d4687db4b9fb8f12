"""The runner of composite actions does what GitHub's does, and refuses what it does not know."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from action_runner.doubles import Services
from action_runner.expression import Status, Unknown, World, as_text, condition, evaluate, interpolated
from action_runner.log import Annotation, Log
from action_runner.runner import Job, use_action

pytestmark = pytest.mark.skipif(os.name == "nt", reason="programs of POSIX")

CONTEXTS: dict[str, Any] = {
    "inputs": {"name": "World", "empty": "", "number": "3"},
    "steps": {"one": {"outputs": {"answer": "42"}, "outcome": "success", "conclusion": "success"}},
    "github": {"event_name": "pull_request", "event": {"pull_request": {"number": 7, "labels": [{"name": "a"}]}}},
    "env": {"HOME": "/home"},
    "runner": {"os": "Linux"},
}


FINE = Status()


def world(status: Status = FINE, workspace: Path = Path()) -> World:
    return World(CONTEXTS, workspace, status)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("inputs.name", "World"),
        ("inputs['NAME']", "World"),
        ("'it''s'", "it's"),
        ("1 == '1'", True),
        ("'A' == 'a'", True),
        ("null == 0", True),
        ("inputs.empty || 'none'", "none"),
        ("inputs.name && 'yes' || 'no'", "yes"),
        ("!inputs.empty", True),
        ("(1 < 2) && 0x10 >= 16", True),
        ("'b' > 'A'", True),
        ("github.event.pull_request.number", 7),
        ("github.event.pull_request.labels[0].name", "a"),
        ("github.event.nothing.at.all", None),
        ("steps.one.outputs.answer", "42"),
        ("steps.one.outputs.absent", None),
        ("contains('Hello', 'hell')", True),
        ('contains(fromJSON(\'["push", "pull_request"]\'), github.event_name)', True),
        ("startsWith('Penstock', 'pen')", True),
        ("endsWith('a.yaml', '.yml')", False),
        ("format('{0} and {1}, {{2}}', 'a', 2)", "a and 2, {2}"),
        ("join(fromJSON('[1, 2]'), '-')", "1-2"),
        ("toJSON(fromJSON('{\"a\": [true, null]}'))", '{\n  "a": [\n    true,\n    null\n  ]\n}'),
        ("fromJSON(inputs.number) == 3", True),
        ("env.ABSENT", None),
        ("always()", True),
        ("success()", True),
        ("failure()", False),
    ],
)
def test_an_expression_has_the_value_that_github_gives_it(text: str, value: object) -> None:
    assert evaluate(text, world()) == value


@pytest.mark.parametrize(
    "text",
    [
        "secrets.TOKEN",
        "INPUTS.name",
        "inputs.nme",
        "steps.two.outputs.a",
        "hashfile('a')",
        "github.event.labels.*.name",
        "1 +",
        "a b",
        "github.repositori",
        "contains('a')",
        "'open",
        "runner.name",
    ],
)
def test_what_is_not_known_is_refused(text: str) -> None:
    with pytest.raises(Unknown):
        evaluate(text, world())


def test_a_text_holds_expressions() -> None:
    assert interpolated("${{ inputs.name }}-${{ 1.5 }}${{ null }}${{ '}}' }}", world()) == "World-1.5}}"
    assert as_text(True) == "true"
    with pytest.raises(Unknown):
        interpolated("${{ inputs.name }", world())


@pytest.mark.parametrize(
    ("text", "after_success", "after_failure"),
    [
        ("inputs.name == 'World'", True, False),
        ("${{ always() }}", True, True),
        ("failure() && inputs.name", False, True),
        ("!inputs.name", False, False),
    ],
)
def test_a_condition_asks_for_success_unless_it_asks_itself(
    text: str, after_success: bool, after_failure: bool
) -> None:
    assert condition(text, world()) is after_success
    assert condition(text, world(Status(failed=True))) is after_failure


def test_hash_files_is_over_the_files_that_match(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "b.txt").write_text("b")
    digests = b"".join(hashlib.sha256(text).digest() for text in (b"a", b"b"))
    assert evaluate("hashFiles('*.txt')", world(workspace=tmp_path)) == hashlib.sha256(digests).hexdigest()
    assert evaluate("hashFiles('*.py')", world(workspace=tmp_path)) == ""


def test_a_log_tells_commands_from_lines() -> None:
    log = Log()
    log.hear(
        "plain\n::error file=a%2Cb.yaml,line=3,title=A%3AB::first%0Asecond %25\n::stop-commands::abc\n::error::not me\n"
        "::abc::\n::group::G\n::set-env name=A::b\n##[add-path]/tmp\n  ::warning::w\n"
    )
    assert log.annotations == [
        Annotation("error", "first\nsecond %", {"file": "a,b.yaml", "line": "3", "title": "A:B"}),
        Annotation("warning", "w", {}),
    ]
    assert log.lines[:2] == ["plain", "::error::not me"]
    assert log.groups == ["G"]
    assert log.forbidden == ["::set-env name=A::b", "##[add-path]/tmp"]


ACTION = """
name: example
description: An example.
inputs:
  who: {description: Whom to greet., required: true}
  mark: {description: How it ends., default: "!"}
outputs:
  said: {description: What was said., value: "${{ steps.say.outputs.said }}"}
runs:
  using: composite
  steps:
    - id: say
      shell: bash
      env: {WHO: "${{ inputs.who }}", MARK: "${{ inputs.mark }}"}
      run: |
        echo "said=Hello $WHO$MARK" >> "$GITHUB_OUTPUT"
        echo "GREETED=$WHO" >> "$GITHUB_ENV"
        echo "### done" >> "$GITHUB_STEP_SUMMARY"
        mkdir -p "$RUNNER_TEMP/bin"; printf '#!/bin/sh\\necho mine' > "$RUNNER_TEMP/bin/mine"
        chmod +x "$RUNNER_TEMP/bin/mine"; echo "$RUNNER_TEMP/bin" >> "$GITHUB_PATH"
    - name: fails
      shell: bash
      run: |
        mine; echo "$GREETED"
        false | true
        echo unreached
    - name: after
      shell: bash
      run: echo after
    - name: at last
      if: failure()
      shell: bash
      run: echo at last
"""


def action(folder: Path, text: str) -> Path:
    folder.mkdir()
    (folder / "action.yml").write_text(text, encoding="utf-8")
    return folder


def job(tmp_path: Path) -> Job:
    for name in ("work", "temp"):
        (tmp_path / name).mkdir(exist_ok=True)
    return Job(tmp_path / "work", tmp_path / "temp", Services(tmp_path), {"run_id": 1, "event_name": "push"})


def test_steps_run_one_after_the_other_with_githubs_files(tmp_path: Path) -> None:
    done = use_action(action(tmp_path / "a", ACTION), job(tmp_path), {"who": "$(id) `id`"})
    assert not done.ok
    assert done.outputs == {"said": "Hello $(id) `id`!"}
    assert done.log.lines == ["mine", "$(id) `id`", "at last"]
    assert done.summary == "### done\n"
    assert done.steps["fails"] == "failure"
    assert done.steps["after"] == "skipped"
    assert done.steps["at last"] == "success"


STEP = "name: x\ndescription: x\nruns:\n  using: composite\n  steps:\n    - "


@pytest.mark.parametrize(
    "text",
    [
        "name: x\ndescription: x\nruns: {using: docker, image: Dockerfile}\n",
        "name: x\ndescription: x\npermissions: {}\nruns: {using: composite, steps: []}\n",
        STEP + "{run: echo, shell: pwsh}\n",
        STEP + "{run: echo}\n",
        STEP + "{run: 'echo ${{ github.event_name }}', shell: bash}\n",
        STEP + "{run: echo, shell: bash, timeout-minutes: 3}\n",
        STEP + "{uses: actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd}\n",
        STEP + "{uses: actions/cache@v5, with: {path: a, key: b}}\n",
        STEP + "{run: 'echo one >> \"$GITHUB_OUTPUT\"', shell: bash, id: a}\n",
    ],
)
def test_an_action_with_something_unknown_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(Unknown):
        use_action(action(tmp_path / "a", text), job(tmp_path))


def test_inputs_are_those_of_the_action(tmp_path: Path) -> None:
    folder = action(tmp_path / "a", ACTION)
    with pytest.raises(Unknown, match="whom"):
        use_action(folder, job(tmp_path), {"whom": "x"})
    with pytest.raises(Unknown, match="who"):
        use_action(folder, job(tmp_path))


def test_a_cache_is_saved_by_the_first_job_and_restored_in_the_next(tmp_path: Path) -> None:
    cached = (
        STEP + "{id: c, uses: actions/cache@668228422ae6a00e4ad889ee87cd7109ec5666a7, "
        "with: {path: '${{ runner.temp }}/kept', key: k}}\n"
        '    - {shell: bash, run: \'[ -e "$RUNNER_TEMP/kept/a" ] && echo hit; mkdir -p "$RUNNER_TEMP/kept"; '
        'touch "$RUNNER_TEMP/kept/a"\'}\n'
    )
    folder, first = action(tmp_path / "a", cached), job(tmp_path)
    assert use_action(folder, first).log.text.strip() == ""
    second = Job(first.workspace, tmp_path / "temp2", first.services, first.github)
    second.temp.mkdir()
    assert "hit" in use_action(folder, second).log.text
    assert (first.services.saved, first.services.restored) == (["k"], ["k"])


def test_an_action_of_the_workspace_is_used_within_another(tmp_path: Path) -> None:
    outer = action(tmp_path / "a", STEP + "{id: inner, uses: ./inner, with: {who: you}}\n")
    here = job(tmp_path)
    action(here.workspace / "inner", ACTION)
    done = use_action(outer, here)
    assert not done.ok
    assert done.outputs_of_steps["inner"] == {"said": "Hello you!"}
    assert "at last" in done.log.lines
