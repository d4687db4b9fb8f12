"""`penstock init`: what it writes is valid, runs, and is never written over; its workflows are run for real."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator, Draft202012Validator

from action_runner.doubles import Services
from action_runner.runner import Outcome, use_job
from conftest import ROOT
from fakes.git import git
from github_api import GithubApi, serving
from program import penstock
from pull_request import GOOD, NUMBER, PullRequest

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PINNED = ("--github", "--action", f"penstock/penstock/action@{COMMIT}")
WITHOUT = ["penstock.yaml", "flows/hello.yaml", ".vscode/settings.json", ".vscode/flow.schema.json"]
WITHOUT += [".vscode/penstock.schema.json"]
WORKFLOWS = [".github/workflows/penstock.yml", ".github/workflows/penstock-comment.yml"]


def told(word: str, paths: list[str]) -> str:
    return "".join(f"{word} {path}\n" for path in paths)


def test_a_new_repository_is_valid_and_its_example_runs(tmp_path: Path) -> None:
    made = penstock("init", "new", cwd=tmp_path)
    assert (made.code, made.out, made.err) == (0, told("wrote", WITHOUT), "")
    assert penstock("validate", "--fail-on", "warning", cwd=tmp_path / "new").code == 0
    ran = penstock("run", "flows/hello.yaml", "-i", "name=Ada", "-o", "json", cwd=tmp_path / "new", data=tmp_path / "d")
    assert ran.json["outputs"] == {"greeting": "Hello Ada"}


def test_an_editor_is_told_the_schemas_and_they_fit(tmp_path: Path) -> None:
    penstock("init", cwd=tmp_path)
    schemas = json.loads((tmp_path / ".vscode/settings.json").read_text())["yaml.schemas"]
    flow, project = (json.loads((tmp_path / path).read_text()) for path in schemas)
    assert flow == penstock("schema").json
    Draft7Validator(flow).validate(yaml.safe_load((tmp_path / "flows/hello.yaml").read_text()))
    Draft202012Validator(project).validate(yaml.safe_load((tmp_path / "penstock.yaml").read_text()))


def test_what_is_there_stays_unless_it_is_forced(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows/mine.yaml").write_text(GOOD)
    (tmp_path / "penstock.yaml").write_text("dialect: '1'\n")
    again = penstock("init", cwd=tmp_path)
    assert (again.code, again.out.splitlines()[0]) == (0, "kept penstock.yaml")
    assert "hello" not in again.out
    assert (tmp_path / "penstock.yaml").read_text() == "dialect: '1'\n"
    assert penstock("init", "--force", cwd=tmp_path).out.splitlines()[0] == "wrote penstock.yaml"
    assert "flows/**" in (tmp_path / "penstock.yaml").read_text()


def test_workflows_pin_the_action_by_a_commit(tmp_path: Path) -> None:
    made = penstock("init", *PINNED, cwd=tmp_path)
    assert made.out == told("wrote", WITHOUT + WORKFLOWS)
    first, second = ((tmp_path / path).read_text() for path in WORKFLOWS)
    assert f"uses: penstock/penstock/action@{COMMIT} # chosen with --action\n" in first
    assert f"uses: penstock/penstock/action/comment@{COMMIT} #" in second


@pytest.mark.parametrize("given", ["penstock/penstock/action@v1", "penstock/penstock", f"a/b@{COMMIT}\nx: y"])
def test_an_action_that_is_not_pinned_is_refused(given: str, tmp_path: Path) -> None:
    refused = penstock("init", "--github", "--action", given, cwd=tmp_path)
    assert refused.code == 2
    assert "error[PEN001]: --action:" in refused.err
    assert list(tmp_path.iterdir()) == []


# ── the workflows, run ──


@pytest.fixture
def pull(tmp_path: Path) -> Iterator[PullRequest]:
    with serving(GithubApi()) as api:
        yield PullRequest(tmp_path / "pull", api)


def test_a_pull_request_from_a_fork_goes_through_both_workflows(pull: PullRequest, tmp_path: Path) -> None:
    penstock("init", *PINNED, cwd=tmp_path)
    pull.repository = "mallory/flows"
    pull.make({"flows/etl.yaml": GOOD}, {"flows/etl.yaml": GOOD.replace("Hello", "Good morning")})
    services = Services(tmp_path / "services")
    first = run(tmp_path / WORKFLOWS[0], "flows", pull, services, "pull_request", pull.event(), pull.merge)
    assert first.ok, first.raw
    assert pull.api.asked == []
    git("checkout", "--quiet", "--detach", pull.base, cwd=pull.workspace)
    over = {"workflow_run": {"id": "1", "event": "pull_request", "head_sha": pull.head}}
    second = run(tmp_path / WORKFLOWS[1], "comment", pull, services, "workflow_run", over, pull.base)
    assert second.ok, second.raw
    assert [(one.issue, "1 flow: 1 changed" in one.body) for one in pull.api.comments] == [(NUMBER, True)]
    shutil.rmtree(services.folder)
    shutil.rmtree(pull.workspace / "penstock-report")
    nothing = run(tmp_path / WORKFLOWS[1], "comment", pull, services, "workflow_run", over, pull.base)
    assert nothing.ok
    assert nothing.steps["penstock/penstock/action/comment@" + COMMIT] == "skipped"


def run(
    path: Path, job: str, pull: PullRequest, services: Services, name: str, event: Mapping[str, Any], commit: str
) -> Outcome:
    own = {"penstock/penstock/action": ROOT / "action", "penstock/penstock/action/comment": ROOT / "action" / "comment"}
    return use_job(path, job, pull.job(name, event, commit, services=services, own=own))
