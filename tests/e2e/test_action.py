"""The Action, run for real: each of its steps, against a double of GitHub, in plain cases and in hostile ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from action_runner.log import Annotation
from fakes.git import git
from github_api import GithubApi, serving
from pull_request import BROKEN, GOOD, PullRequest
from tame import assert_tame


@pytest.fixture
def api() -> Iterator[GithubApi]:
    with serving(GithubApi()) as running:
        yield running


@pytest.fixture
def pull(tmp_path: Path, api: GithubApi) -> PullRequest:
    return PullRequest(tmp_path, api)


# ── validate ──


def test_valid_flows_pass_and_are_summarised(pull: PullRequest) -> None:
    done = pull.make({"flows/etl.yaml": GOOD}, {"flows/etl.yaml": GOOD.replace("Hello", "Bye")}).use("validate")
    assert done.ok, done.raw
    assert (done.outputs["outcome"], done.outputs["errors"]) == ("passed", "0")
    assert done.log.annotations == []
    assert done.summary == "### ✔ no problems in 1 flow\n\n\n"


def test_an_error_fails_the_step_and_is_annotated_at_its_line(pull: PullRequest) -> None:
    done = pull.make({"flows/a.yaml": GOOD}, {"flows/broken.yaml": BROKEN.replace("etl", "broken")}).use("validate")
    assert not done.ok
    assert (done.outputs["outcome"], done.outputs["errors"]) == ("failed", "1")
    assert done.log.annotations == [
        Annotation(
            "error",
            "unknown property `levl`\ndid you mean `level`?",
            {
                "file": "flows/broken.yaml",
                "line": "7",
                "endLine": "7",
                "col": "5",
                "endColumn": "9",
                "title": "PEN202",
            },
        )
    ]
    assert "✘ 1 error in 2 flows" in done.summary
    assert "`flows/broken.yaml:7`" in done.summary


def test_files_are_named_from_the_root_wherever_the_flows_lie(pull: PullRequest) -> None:
    pull.make({"README.md": "x"}, {"team/flows/broken.yaml": BROKEN})
    done = pull.use("validate", {"working-directory": "team"})
    assert [one.properties["file"] for one in done.log.annotations] == ["team/flows/broken.yaml"]


def test_ten_errors_are_annotated_those_on_changed_lines_first(pull: PullRequest) -> None:
    old = {f"flows/a{number:02}.yaml": BROKEN.replace("etl", f"a{number:02}") for number in range(14)}
    done = pull.make(old, {"flows/z.yaml": BROKEN.replace("etl", "z")}).use("validate")
    assert [one.properties["file"] for one in done.log.annotations] == [
        "flows/z.yaml",
        *(f"flows/a{number:02}.yaml" for number in range(9)),
    ]
    assert "and 5 more in the summary" in done.log.lines
    assert done.outputs["errors"] == "15"


def test_what_fails_is_chosen(pull: PullRequest) -> None:
    pull.make({"flows/a.yaml": BROKEN}, {})
    done = pull.use("validate", {"fail-on": "never"})
    assert done.ok
    assert done.outputs["outcome"] == "passed"


def test_the_inputs_of_kestras_action_are_taken(pull: PullRequest) -> None:
    pull.make({"some/where/a.yaml": GOOD, "flows/b.yaml": BROKEN.replace("etl", "b")}, {})
    given = {"directory": "some/where", "resource": "flow", "server": "http://kestra", "namespace": "a", "tenant": "t"}
    assert pull.use("validate", {**given, "user": "u", "password": "p", "apiToken": "k"}).ok
    files = pull.use("validate", {"directory": "./flows", "resource": "namespace_files"})
    assert (files.ok, files.outputs["outcome"]) == (True, "passed")
    assert not pull.use("validate", {"resource": "dashboards"}).ok


def test_a_path_that_is_none_is_an_error_and_nothing_else(pull: PullRequest) -> None:
    pull.make({"flows/a.yaml": GOOD}, {})
    done = pull.use("validate", {"paths": "nowhere\n--help\n"})
    assert not done.ok
    assert done.outputs["outcome"] == "error"
    assert [one.severity for one in done.log.annotations] == ["error"]
    assert "nowhere does not exist" in done.log.annotations[0].message


# ── run ──

RUNS = """\
id: greet
namespace: company.team
inputs:
  - {id: who, type: STRING, defaults: World}
  - {id: fails, type: BOOLEAN, defaults: false}
tasks:
  - id: greet
    type: io.kestra.plugin.core.log.Log
    message: "::error::Hello {{ inputs.who }}"
  - id: fails
    type: io.kestra.plugin.core.execution.Fail
    runIf: "{{ inputs.fails }}"
    errorMessage: "no\\n::set-env name=A::b"
outputs:
  - {id: said, type: STRING, value: "Hello {{ inputs.who }}"}
"""


def test_a_flow_runs_with_each_task_a_group_and_its_outputs_as_json(pull: PullRequest) -> None:
    pull.make({"flows/greet.yaml": RUNS}, {})
    given = {"flow": "greet", "namespace": "company.team", "inputs": "who=$(id), ${{ x }}\n# no input\n"}
    done = pull.use("run", given, event_name="workflow_dispatch", event={"inputs": {}})
    assert done.ok, done.raw
    assert done.outputs["outcome"] == "success"
    assert json.loads(done.outputs["outputs"]) == {"said": "Hello $(id), ${{ x }}"}
    assert len(done.outputs["execution"]) > 10
    assert any("greet SUCCESS" in group for group in done.log.groups)
    assert "::error::Hello $(id), ${{ x }}" in done.log.lines
    assert (done.log.annotations, done.log.forbidden) == ([], [])
    assert "company.team/greet: SUCCESS" in done.summary


def test_a_task_that_fails_is_annotated_at_its_line_and_fails_the_step(pull: PullRequest) -> None:
    pull.make({"flows/greet.yaml": RUNS}, {})
    done = pull.use("run", {"flow": "company.team/greet", "inputs": "fails=true"}, event_name="schedule", event={})
    assert not done.ok
    assert done.outputs["outcome"] == "failed"
    assert [(one.severity, one.properties["file"], one.properties["line"]) for one in done.log.annotations] == [
        ("error", "flows/greet.yaml", "10")
    ]
    assert done.log.forbidden == []


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"flow": "flows/absent.yaml"}, "there is no file"),
        ({"flow": "--help"}, "--help"),
        ({"flow": "flows/greet.yaml", "inputs": "nonsense"}, "nonsense"),
        ({"flow": "flows/greet.yaml", "timeout": "soon"}, "soon"),
    ],
)
def test_a_wrong_call_is_told(pull: PullRequest, given: dict[str, str], told: str) -> None:
    pull.make({"flows/greet.yaml": RUNS}, {})
    done = pull.use("run", given, event_name="workflow_dispatch", event={})
    assert not done.ok
    assert done.outputs["outcome"] == "error"
    assert told in done.log.text


# ── what others write ──

COMMANDS = "::set-output name=outcome::passed\n::error::owned\n##[add-path]/tmp\n::stop-commands::x\n::add-mask::a"
HOSTILE_FLOW = """\
id: "x\\n::error title=owned::owned"
namespace: company.team
description: |
  $(touch owned) `touch owned` ${{ github.token }} @octocat <img src=x onerror=alert(1)>
labels:
  "::set-env name=PATH::/tmp": "@octocat"
tasks:
  - id: hello
    type: "io.kestra.@octocat\\n::set-output name=outcome::passed\\n<script>alert(1)</script>"
    "::error::own\\ned": "| a | [click](javascript:alert(1)) ![x](https://evil.example/x.png)"
"""


@pytest.mark.parametrize("name", ["validate", ""])
def test_flow_text_is_no_command_no_markup_and_no_script(pull: PullRequest, name: str) -> None:
    pull.title = f"$(touch owned) `touch owned` ${{{{ github.token }}}}\n{COMMANDS}"
    pull.branch = "a'\"$(touch${IFS}owned)`touch${IFS}owned`;touch owned"
    pull.author = "]](x)@octocat::error::"
    hostile = "flows/::error file=a,line=1::owned $(touch owned).yaml"
    pull.make({"flows/a.yaml": GOOD}, {hostile: HOSTILE_FLOW, "flows/b.yaml": COMMANDS})
    done = pull.use(name)
    assert not done.ok
    assert done.log.forbidden == []
    assert done.outputs["outcome"] == "failed"
    assert all(one.message != "owned" for one in done.log.annotations)
    assert {one.properties["file"] for one in done.log.annotations} <= {hostile, "flows/b.yaml"}
    assert not [*pull.workspace.glob("owned"), *pull.folder.glob("**/owned")]
    assert_tame(done.summary)
    for comment in pull.api.comments:
        assert_tame(comment.body.removeprefix("<!-- penstock: flows -->"), links="https://github.example/team/flows/")


@pytest.mark.parametrize(
    "version", ["$(touch owned)", "--index-url=http://evil.example", "1.0; touch owned", "../x", "1.0 --pre"]
)
def test_a_version_is_a_version(pull: PullRequest, version: str) -> None:
    done = pull.make({"flows/a.yaml": GOOD}, {}).use("validate", {"version": version})
    assert not done.ok
    assert "is no version" in done.log.annotations[0].message
    assert done.steps['"$ACTION_PROGRAM" github validate'] == "skipped"


def test_a_secret_is_in_no_annotation_summary_or_output(pull: PullRequest) -> None:
    pull.env["SECRET_DATABASE"] = "aHVudGVyMi1odW50ZXIy"  # hunter2-hunter2
    pull.make({"flows/a.yaml": GOOD}, {"flows/b.yaml": BROKEN.replace("levl", "hunter2-hunter2").replace("etl", "b")})
    done = pull.use("validate")
    assert not done.ok
    assert "unknown property `***`" in done.log.annotations[0].message
    report = "".join(path.read_text() for path in Path(done.outputs["report-path"]).glob("*"))
    assert "hunter2" not in done.raw + done.summary + json.dumps(done.outputs) + report


@pytest.mark.parametrize("event_name", ["pull_request_target", "workflow_run"])
def test_a_strangers_commit_is_refused_where_there_are_secrets(pull: PullRequest, event_name: str) -> None:
    pull.make({"flows/a.yaml": GOOD}, {"flows/a.yaml": GOOD.replace("Hello", "Bye")})
    done = pull.use("", event_name=event_name, commit=pull.base)
    assert not done.ok
    assert "a token that may write" in done.log.annotations[0].message
    assert pull.api.asked == []


def test_the_branchs_own_commit_may_be_checked_where_there_are_secrets(pull: PullRequest) -> None:
    pull.make({"flows/a.yaml": GOOD}, {"flows/a.yaml": BROKEN})
    git("checkout", "--quiet", "--detach", pull.base, cwd=pull.workspace)
    assert pull.use("validate", event_name="pull_request_target", commit=pull.base).ok


def test_findings_are_left_as_sarif_for_code_scanning(pull: PullRequest) -> None:
    pull.make({"README.md": "x"}, {"team/flows/broken.yaml": BROKEN})

    done = pull.use("validate", {"working-directory": "team"})

    [run] = json.loads(Path(done.outputs["sarif-path"]).read_text(encoding="utf-8"))["runs"]
    [place] = run["results"][0]["locations"]
    assert [result["ruleId"] for result in run["results"]] == ["PEN202"]
    assert place["physicalLocation"]["artifactLocation"]["uri"] == "team/flows/broken.yaml"
