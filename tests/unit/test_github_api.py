"""The double of GitHub's API refuses what GitHub refuses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from github_api import GithubApi, serving

SHA = "a" * 40


@pytest.fixture
def api() -> Iterator[GithubApi]:
    with serving(GithubApi()) as running:
        running.pulls[7] = {"number": 7}
        yield running


def ask(api: GithubApi, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
    given = {"Authorization": f"Bearer {api.token}", "X-GitHub-Api-Version": "2022-11-28", **headers}
    answer = httpx.request(method, f"{api.url}/repos/{api.repository}/{path}", json=body, headers=given)
    return answer.status_code, answer.json()


def test_comments_come_in_pages(api: GithubApi) -> None:
    for number in range(5):
        api.comment(7, "ada", str(number))
    answer = httpx.get(
        f"{api.url}/repos/{api.repository}/issues/7/comments?per_page=2&page=2",
        headers={"Authorization": f"Bearer {api.token}", "X-GitHub-Api-Version": "2022-11-28"},
    )
    assert [one["body"] for one in answer.json()] == ["2", "3"]
    assert "page=3" in answer.headers["Link"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "issues/8/comments", None, 404),
        ("POST", "issues/7/comments", {"body": ""}, 422),
        ("POST", "issues/7/comments", {"body": "x" * 65_537}, 422),
        ("POST", "issues/7/comments", {"body": "x" * 65_536}, 201),
        ("PATCH", "issues/comments/9", {"body": "x"}, 404),
        ("POST", f"statuses/{SHA}", {"state": "splendid"}, 422),
        ("POST", f"statuses/{SHA}", {"state": "success", "context": "penstock"}, 201),
        ("POST", "deployments", {}, 422),
        ("POST", "deployments", {"ref": "main"}, 201),
    ],
)
def test_what_is_wrong_is_refused(api: GithubApi, method: str, path: str, body: object, status: int) -> None:
    assert ask(api, method, path, body)[0] == status


def test_a_status_is_written_a_thousand_times_at_most(api: GithubApi) -> None:
    api.statuses = [{"sha": SHA, "context": "penstock"}] * 1000
    assert ask(api, "POST", f"statuses/{SHA}", {"state": "success", "context": "penstock"})[0] == 422
    assert ask(api, "POST", f"statuses/{SHA}", {"state": "success", "context": "another"})[0] == 201


def test_a_token_that_may_only_read_writes_nothing(api: GithubApi) -> None:
    api.may_write = False
    assert ask(api, "GET", "issues/7/comments")[0] == 200
    assert ask(api, "POST", "issues/7/comments", {"body": "x"})[0] == 403
    assert ask(api, "GET", "issues/7/comments", Authorization="Bearer another")[0] == 401
    assert api.comments == []
