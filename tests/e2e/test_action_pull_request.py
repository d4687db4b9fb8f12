"""What a pull request is told: one comment, written where a token may write, the same from a fork by a second job."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from action_runner.runner import Outcome
from fakes.git import git
from github_api import Failure, GithubApi, serving
from penstock_cli.github.report import FILE, Report
from pull_request import BROKEN, GOOD, NUMBER, PullRequest
from tame import assert_tame

MARKER = "<!-- penstock: flows -->"
CHANGED = GOOD.replace("Hello", "Good morning")


@pytest.fixture
def api() -> Iterator[GithubApi]:
    with serving(GithubApi()) as running:
        yield running


@pytest.fixture
def pull(tmp_path: Path, api: GithubApi) -> PullRequest:
    return PullRequest(tmp_path, api)


def test_one_comment_tells_what_changes_and_what_is_wrong_and_is_updated(pull: PullRequest) -> None:
    pull.make({"flows/etl.yaml": GOOD}, {"flows/etl.yaml": CHANGED, "flows/new.yaml": BROKEN.replace("etl", "new")})
    for number in range(101):
        pull.api.comment(NUMBER, "ada", f"comment {number}")
    copied = pull.api.comment(NUMBER, "mallory", f"{MARKER}\nmine")
    first = pull.use("")
    assert not first.ok
    ours = pull.api.comments[-1]
    assert ours.body.startswith(f"{MARKER}\n\n**✘ 1 error in 2 flows**\n\n### 2 flows: 1 changed, 1 added")
    assert "`company.team/etl`" in ours.body
    assert "unknown property `levl`" in ours.body
    assert f"penstock diff {pull.base[:10]}..{pull.head[:10]}" in ours.body
    assert {name: first.outputs[name] for name in ("outcome", "changes", "created", "updated", "deleted")} == {
        "outcome": "failed",
        "changes": "true",
        "created": "1",
        "updated": "1",
        "deleted": "0",
    }
    assert [flow["id"] for flow in json.loads(first.outputs["diff-json"])["flows"]] == ["etl", "new"]
    assert "### ✘ 1 error in 2 flows" in first.summary
    assert "### 2 flows: 1 changed, 1 added" in first.summary

    (pull.workspace / "flows/new.yaml").write_text(GOOD.replace("etl", "new"))
    second = pull.use("")
    assert second.ok, second.raw
    assert second.outputs["outcome"] == "passed"
    assert ours.body.startswith(f"{MARKER}\n\n**✔ no problems in 2 flows**\n\n### 2 flows")
    assert copied.body == f"{MARKER}\nmine"
    assert len(pull.api.comments) == 103
    assert "comment updated" in second.log.lines


def test_where_nothing_changes_there_is_no_comment_and_an_old_one_says_so(pull: PullRequest) -> None:
    pull.make({"flows/etl.yaml": GOOD}, {"README.md": "new"})
    done = pull.use("diff")
    assert done.ok, done.raw
    assert (done.outputs["changes"], done.outputs["outcome"]) == ("false", "unchanged")
    assert pull.api.comments == []
    old = pull.api.comment(NUMBER, pull.api.author, f"{MARKER}\n### 3 flows change")
    pull.use("diff")
    assert "3 flows" not in old.body


def test_a_comment_may_be_left_out_and_may_have_a_name(pull: PullRequest) -> None:
    pull.make({"a/flows/etl.yaml": GOOD}, {"a/flows/etl.yaml": CHANGED})
    assert pull.use("diff", {"comment-id": "team-a", "working-directory": "a"}).ok
    assert pull.api.comments[0].body.startswith("<!-- penstock: team-a -->")
    before = len(pull.api.asked)
    assert pull.use("diff", {"comment": "false", "working-directory": "a"}).ok
    assert len(pull.api.asked) == before


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (Failure("GET.*comments", 500, times=9), "GitHub answers 500"),
        (Failure("POST", 403, times=9, message="Resource not accessible by integration"), "pull-requests: write"),
    ],
)
def test_what_github_refuses_is_a_warning_and_fails_nothing(pull: PullRequest, failure: Failure, told: str) -> None:
    pull.make({"flows/etl.yaml": GOOD}, {"flows/etl.yaml": CHANGED})
    pull.api.failures = [failure]
    done = pull.use("" if failure.status == 403 else "diff")
    assert done.ok, done.raw
    assert [one.severity for one in done.log.annotations] == ["warning"]
    assert told in done.log.annotations[0].message
    assert "could not be written" in done.summary
    assert pull.api.token not in done.raw + done.summary


def test_two_pull_requests_that_are_wrong_together_are_told(pull: PullRequest) -> None:
    """Each is right alone: this one removes a flow, the other one calls it."""
    caller = GOOD.replace("id: etl", "id: caller").replace(
        "type: io.kestra.plugin.core.log.Log\n    message: Hello",
        "type: io.kestra.plugin.core.flow.Subflow\n    namespace: company.team\n    flowId: etl",
    )
    pull.make({"flows/etl.yaml": GOOD, "flows/keep.yaml": GOOD.replace("id: etl", "id: keep")}, {"flows/etl.yaml": ""})
    git("checkout", "--quiet", "-b", "other", pull.base, cwd=pull.workspace)
    (pull.workspace / "flows/caller.yaml").write_text(caller)
    git("add", "--all", cwd=pull.workspace)
    git("commit", "--quiet", "--message", "call it", cwd=pull.workspace)
    git("checkout", "--quiet", "--detach", pull.merge, cwd=pull.workspace)
    alone = pull.use("diff")
    assert alone.ok, alone.raw
    done = pull.use("diff", {"with-branches": "other"})
    assert not done.ok
    assert done.outputs["outcome"] == "broken"
    assert [one.properties["title"] for one in done.log.annotations] == ["the merge is wrong"]
    assert "PEN502" in pull.api.comments[0].body


def test_a_checkout_without_the_commit_before_is_told(pull: PullRequest) -> None:
    pull.make({"flows/etl.yaml": GOOD}, {"flows/etl.yaml": CHANGED})
    shallow = pull.folder / "shallow"
    git("clone", "--quiet", "--depth=1", f"file://{pull.workspace}", str(shallow), cwd=pull.folder)
    pull.workspace.rename(pull.folder / "whole")
    shallow.rename(pull.workspace)
    done = pull.use("diff")
    assert not done.ok
    assert done.outputs["outcome"] == "error"
    assert "fetch-depth: 2" in done.log.annotations[0].message


def test_a_push_is_checked_and_nothing_else(pull: PullRequest) -> None:
    pull.make({"flows/etl.yaml": GOOD}, {"flows/etl.yaml": CHANGED})
    done = pull.use("", event_name="push", event={"before": pull.base})
    assert done.ok, done.raw
    assert done.outputs["outcome"] == "passed"
    assert pull.api.asked == []


def test_a_huge_difference_fits_into_a_comment_and_a_summary(pull: PullRequest) -> None:
    long = "".join(f"\n      line {number} of a long text, and more of it" for number in range(400))
    before = {f"flows/{n}.yaml": GOOD.replace("etl", f"f{n}").replace("Hello", f"|{long}") for n in range(12)}
    after = {name: text.replace("of a long", "of another") for name, text in before.items()}
    done = pull.make(before, after).use("diff")
    assert done.ok, done.raw
    body = pull.api.comments[0].body
    assert 20_000 < len(body) <= 65_536
    assert all(f"company.team/f{n}" in body for n in range(12))
    assert body.count("<details") == body.count("</details>")
    assert done.outputs["updated"] == "12"


# ── from a fork ──


def second_half(pull: PullRequest, report: Path, head: str | None = None) -> Outcome:
    """The job of `workflow_run`: the default branch is checked out, and the report of the first job lies beside it."""
    git("checkout", "--quiet", "--detach", pull.base, cwd=pull.workspace)
    shutil.copytree(report, pull.workspace / "penstock-report")
    event = {"workflow_run": {"id": 1, "event": "pull_request", "head_sha": head or pull.head}}
    done = pull.use("comment", event_name="workflow_run", event=event, commit=pull.base)
    shutil.rmtree(pull.workspace / "penstock-report")
    return done


def test_a_pull_request_from_a_fork_is_commented_by_a_second_job(pull: PullRequest) -> None:
    pull.repository = "mallory/flows"
    pull.make({"flows/etl.yaml": GOOD}, {"flows/etl.yaml": CHANGED})
    first = pull.use("")
    assert first.ok, first.raw
    assert pull.api.asked == []
    done = second_half(pull, Path(first.outputs["report-path"]))
    assert done.ok, done.raw
    assert "### 1 flow: 1 changed" in pull.api.comments[0].body


def left_behind(pull: PullRequest) -> Path:
    """A report as the first job leaves it."""
    pull.make({"flows/etl.yaml": GOOD}, {"flows/etl.yaml": CHANGED})
    said = {"outcome": "passed", "summary": {"errors": 0, "warnings": 0, "flows": 1}, "diagnostics": []}
    told = Report(NUMBER, pull.base, pull.head, said, {"outcome": "changed", "summary": {"changed": 1}}, "### text")
    folder = pull.folder / "report"
    folder.mkdir()
    (folder / FILE).write_text(told.as_json())
    return folder


def test_a_report_counts_only_for_the_commit_that_it_is_of(pull: PullRequest) -> None:
    report = left_behind(pull)
    assert not second_half(pull, report, head="b" * 40).ok
    pull.api.pulls[NUMBER]["head"]["sha"] = "c" * 40
    assert second_half(pull, report).ok
    told = json.loads((report / FILE).read_text())
    pull.api.pulls[8] = {"number": 8, "head": {"sha": "d" * 40}}
    (report / FILE).write_text(json.dumps({**told, "pull": 8}))
    assert second_half(pull, report).ok
    assert pull.api.comments == []


def test_what_a_stranger_puts_into_a_report_is_text(pull: PullRequest) -> None:
    report = left_behind(pull)
    told = json.loads((report / FILE).read_text())
    told["text"] = (
        "@octocat <!-- penstock: flows --> <img src=x>\n[a](javascript:b)\n\n" + "</details>" * 3 + "\n```\n@x"
    )
    told["validation"]["diagnostics"] = [
        {
            "code": "@octocat",
            "severity": "error",
            "file": "@octocat`<b>",
            "message": "<script>\n@octocat",
            "range": {"start": {"line": 1, "column": 1}, "end": {"line": 1, "column": 1}},
        }
    ]
    (report / FILE).write_text(json.dumps(told))
    done = second_half(pull, report)
    assert done.ok, done.raw
    assert_tame(pull.api.comments[0].body.removeprefix(MARKER), links="https://github.example/team/flows/")


def test_a_report_of_another_shape_is_refused(pull: PullRequest) -> None:
    pull.make({"flows/etl.yaml": GOOD}, {})
    folder = pull.folder / "report"
    folder.mkdir()
    (folder / FILE).write_text('{"schemaVersion": 1, "pull": "7; touch owned", "base": "", "head": "", "text": ""}')
    done = second_half(pull, folder)
    assert not done.ok
    assert done.log.annotations[0].severity == "error"
    assert pull.api.asked == []
