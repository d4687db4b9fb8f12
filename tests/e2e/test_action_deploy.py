"""The Action's `deploy`, run for real against doubles of GitHub and of a Kestra server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from github_api import GithubApi
from github_api import serving as serving_github
from kestra_api.server import Fault, KestraApi, serving
from pull_request import BROKEN, GOOD, PullRequest
from tame import assert_tame

PUSH = {"ref": "refs/heads/main"}


@pytest.fixture
def pull(tmp_path: Path) -> Iterator[PullRequest]:
    with serving_github(GithubApi()) as api:
        yield PullRequest(tmp_path, api)


@pytest.fixture
def server() -> Iterator[KestraApi]:
    with serving(KestraApi(user=("ada", "open-sesame"))) as api:
        yield api


def test_the_inputs_of_kestras_deploy_action_deploy(pull: PullRequest, server: KestraApi) -> None:
    pull.make({"some/flows/etl.yaml": GOOD}, {})
    given = {
        "namespace": "company.team", "directory": "./some/flows", "resource": "flow", "server": server.url,
        "user": "ada", "password": "open-sesame", "delete": "true", "tenant": "main",
    }  # fmt: skip

    done = pull.use("deploy", given, event_name="push", event=PUSH)

    assert done.ok, done.raw
    assert list(server.sources()) == ["company.team/etl"]
    assert {name: done.outputs[name] for name in ("outcome", "created", "updated", "deleted", "changes")} == {
        "outcome": "deployed", "created": "1", "updated": "0", "deleted": "0", "changes": "true",
    }  # fmt: skip
    report = json.loads(Path(done.outputs["report-path"], "deploy.json").read_text())
    assert [one["outcome"] for one in report["results"]] == ["done"]
    assert "open-sesame" not in done.raw + done.summary


def test_namespace_files_go_where_they_are_told(pull: PullRequest, server: KestraApi) -> None:
    pull.make({"sql/q.sql": "select 1"}, {})
    given = {
        "namespace": "company.team", "directory": "sql", "resource": "namespace_files", "to": "/lib",
        "server": server.url, "user": "ada", "password": "open-sesame",
    }  # fmt: skip

    done = pull.use("deploy", given, event_name="push", event=PUSH)

    assert done.ok, done.raw
    assert server.files["company.team"]["lib/q.sql"] == b"select 1"


def test_templates_are_refused_with_what_to_do(pull: PullRequest, server: KestraApi) -> None:
    pull.make({"templates/t.yaml": GOOD}, {})

    done = pull.use("deploy", {"server": server.url, "resource": "template"}, event_name="push", event=PUSH)

    assert not done.ok
    [told] = done.log.annotations
    assert "Kestra has no templates any more since 1.0" in told.message
    assert "Subflow" in told.message
    assert server.asked == []


def test_a_wrong_password_and_an_invalid_flow_fail_the_step(pull: PullRequest, server: KestraApi) -> None:
    pull.make({"flows/etl.yaml": GOOD}, {})
    given = {"server": server.url, "user": "ada", "password": "wrong-and-secret"}

    unknown = pull.use("deploy", given, event_name="push", event=PUSH)
    (pull.workspace / "flows/b.yaml").write_text(BROKEN.replace("etl", "b"))
    invalid = pull.use("deploy", {**given, "password": "open-sesame"}, event_name="push", event=PUSH)

    assert (unknown.ok, invalid.ok) == (False, False)
    assert (unknown.outputs["outcome"], invalid.outputs["outcome"]) == ("error", "error")
    assert "wrong-and-secret" not in unknown.raw
    assert server.flows == {}


def test_what_a_server_says_commands_nothing(pull: PullRequest, server: KestraApi) -> None:
    pull.make({"flows/etl.yaml": GOOD}, {})
    server.fault = Fault(1, message="no\n::error::owned <img src=x> @team", of_writes=True)

    done = pull.use(
        "deploy", {"server": server.url, "user": "ada", "password": "open-sesame"}, event_name="push", event=PUSH
    )

    assert (done.ok, done.outputs["outcome"]) == (False, "failed")
    assert [one.severity for one in done.log.annotations] == ["error"]
    assert_tame(done.summary)


@pytest.mark.parametrize("dry", ["false", "true"])
def test_a_push_is_deployed_where_a_target_is_given(pull: PullRequest, server: KestraApi, dry: str) -> None:
    pull.make({"flows/etl.yaml": GOOD}, {})
    given = {"server": server.url, "user": "ada", "password": "open-sesame", "dry-run": dry}

    done = pull.use("", given, event_name="push", event=PUSH)

    assert done.ok, done.raw
    assert done.outputs["created"] == "1"
    assert len(server.flows) == (dry == "false")


def test_a_pull_request_deploys_nothing(pull: PullRequest, server: KestraApi) -> None:
    pull.make({"flows/etl.yaml": GOOD}, {})

    done = pull.use("", {"server": server.url, "user": "ada", "password": "open-sesame"})

    assert done.ok, done.raw
    assert server.asked == []
