"""What lies between the commits of a checkout: which ones, and which lines are new."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakes.git import git
from github_api import GithubApi
from penstock.errors import Refused, UserError
from penstock_cli.github.git import Checkout, changed_lines, revisions
from penstock_cli.github.trust import refuse_foreign_checkout
from penstock_cli.github.workflow import Pull, Workflow
from pull_request import PullRequest

ZERO = "0" * 40


def workflow(
    folder: Path, event: str, *, pull: Pull | None = None, before: str | None = None, commit: str = ""
) -> Workflow:
    return Workflow(event, "team/flows", folder, folder, commit, "", "", pull, before, None, None, None)


@pytest.fixture
def made(tmp_path: Path) -> PullRequest:
    before = {"a.yaml": "one\ntwo\nthree\n", "gone.yaml": "x\n", "ü b.yaml": "x\n"}
    after = {"a.yaml": "one\n2\n2b\nthree\nfour\n", "gone.yaml": "", "ü b.yaml": "x\ny\n", "new.yaml": "--- a\n+++ b\n"}
    return PullRequest(tmp_path, GithubApi()).make(before, after)


def test_changed_lines_are_those_that_the_base_does_not_have(made: PullRequest) -> None:
    assert Checkout(made.workspace).changed_lines(made.base, made.merge) == {
        "a.yaml": (range(2, 4), range(5, 6)),
        "new.yaml": (range(1, 3),),
        "ü b.yaml": (range(2, 3),),
    }


def test_a_line_that_looks_like_a_header_is_a_line() -> None:
    text = (
        b"diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n--- a/other\n-@@ -9 +9 @@\n+++ b/other\n+@@ -9 +9 @@\n"
    )
    assert changed_lines(text) == {"x": (range(1, 3),)}


def test_nothing_of_the_repository_is_run(made: PullRequest) -> None:
    marker = made.folder / "owned"
    for name in ("diff.external", "core.fsmonitor", "diff.x.textconv", "core.pager"):
        git("config", name, f"touch {marker}", cwd=made.workspace)
    (made.workspace / ".gitattributes").write_text("*.yaml diff=x\n")
    assert "a.yaml" in Checkout(made.workspace).changed_lines(made.base, made.merge)
    assert not marker.exists()


def test_of_a_merge_that_github_has_made_the_first_parent_is_before(made: PullRequest) -> None:
    pull = Pull(7, "f" * 40, made.head, is_foreign=False)
    found = revisions(workflow(made.workspace, "pull_request", pull=pull), Checkout(made.workspace))
    assert found == (made.base, made.merge)


def test_of_a_head_that_is_checked_out_it_is_where_it_left_the_base(made: PullRequest) -> None:
    git("checkout", "--quiet", "main", cwd=made.workspace)
    git("commit", "--quiet", "--allow-empty", "--message", "later", cwd=made.workspace)
    later = git("rev-parse", "HEAD", cwd=made.workspace)
    git("checkout", "--quiet", made.head, cwd=made.workspace)
    pull = Pull(7, later, made.head, is_foreign=False)
    found = revisions(workflow(made.workspace, "pull_request", pull=pull), Checkout(made.workspace))
    assert found == (made.base, made.head)


def test_of_a_push_it_is_what_was_there(made: PullRequest) -> None:
    git("checkout", "--quiet", made.head, cwd=made.workspace)
    checkout = Checkout(made.workspace)
    assert revisions(workflow(made.workspace, "push", before=made.base), checkout) == (made.base, made.head)
    assert revisions(workflow(made.workspace, "push", before="e" * 40), checkout) == (made.base, made.head)


def test_what_the_workflow_names_comes_first_and_must_be_there(made: PullRequest) -> None:
    checkout, push = Checkout(made.workspace), workflow(made.workspace, "push")
    assert revisions(push, checkout, "proposed") == (made.head, made.merge)
    for name in ("absent", "--output=owned", "HEAD^{tree}"):
        with pytest.raises(UserError, match="no such commit"):
            revisions(push, checkout, name)


def test_a_folder_that_is_no_checkout_has_no_commits(tmp_path: Path) -> None:
    assert revisions(workflow(tmp_path, "push"), Checkout(tmp_path)) is None
    assert Checkout(tmp_path).root() is None


def test_a_strangers_commit_in_any_of_the_folders_is_refused(made: PullRequest) -> None:
    pull = Pull(7, made.base, made.head, is_foreign=True)
    own, other = made.folder / "own", made.folder / "other"
    for folder, commit in ((own, made.base), (other, made.head)):
        git("clone", "--quiet", str(made.workspace), str(folder), cwd=made.folder)
        git("checkout", "--quiet", "--detach", commit, cwd=folder)
    target = workflow(own, "pull_request_target", pull=pull, commit=made.base)
    refuse_foreign_checkout(target, [own, made.folder])
    with pytest.raises(Refused):
        refuse_foreign_checkout(target, [own, other])
    refuse_foreign_checkout(workflow(own, "pull_request", pull=pull, commit=made.base), [own, other])
