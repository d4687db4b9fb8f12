"""One comment, found again and written anew, whatever else is in the conversation and whatever GitHub answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from github_api import Failure, GithubApi, serving
from penstock.errors import PenstockError, Refused, Retryable
from penstock.wiring import trusted_http
from penstock_cli.github.conversation import TRIES, Conversation, Kept, Place

MARKER = "<!-- penstock: flows -->"


@pytest.fixture
def api() -> Iterator[GithubApi]:
    with serving(GithubApi()) as running:
        running.pulls[7] = {"number": 7, "head": {"sha": "a" * 40}}
        yield running


def talk(api: GithubApi, rests: list[float] | None = None, token: str | None = None) -> Conversation:
    place = Place(api.url, api.repository, token or api.token)
    return Conversation(trusted_http(), place, 7, [].append if rests is None else rests.append)


def test_the_comment_is_made_once_and_then_written_anew(api: GithubApi) -> None:
    assert talk(api).keep(MARKER, f"{MARKER}\none") is Kept.CREATED
    assert talk(api).keep(MARKER, f"{MARKER}\ntwo") is Kept.UPDATED
    assert talk(api).keep(MARKER, f"{MARKER}\ntwo") is Kept.UNCHANGED
    assert [(one.author, one.body) for one in api.comments] == [(api.author, f"{MARKER}\ntwo")]


def test_it_is_found_on_a_later_page(api: GithubApi) -> None:
    for number in range(230):
        api.comment(7, "ada", f"comment {number}")
    ours = api.comment(7, api.author, f"{MARKER}\nold")
    api.comment(7, "ada", "later")
    assert talk(api).keep(MARKER, f"{MARKER}\nnew") is Kept.UPDATED
    assert ours.body == f"{MARKER}\nnew"
    assert len(api.comments) == 232


def test_one_of_somebody_else_or_of_another_pull_request_is_left_alone(api: GithubApi) -> None:
    copied = api.comment(7, "mallory", f"{MARKER}\nmine")
    quoted = api.comment(7, api.author, f"> {MARKER}")
    other = api.comment(8, api.author, f"{MARKER}\nother")
    assert talk(api).keep(MARKER, f"{MARKER}\nours") is Kept.CREATED
    assert [one.body for one in (copied, quoted, other)] == [f"{MARKER}\nmine", f"> {MARKER}", f"{MARKER}\nother"]


def test_with_a_persons_token_the_comment_is_that_persons(api: GithubApi) -> None:
    api.person = api.author = "ada"
    api.comment(7, "github-actions[bot]", f"{MARKER}\nof a job")
    ours = api.comment(7, "ada", f"{MARKER}\nold")
    assert talk(api).keep(MARKER, f"{MARKER}\nnew") is Kept.UPDATED
    assert ours.body == f"{MARKER}\nnew"


def test_where_there_is_nothing_to_tell_only_an_old_comment_is_changed(api: GithubApi) -> None:
    assert talk(api).keep(MARKER, f"{MARKER}\nnothing", only_update=True) is Kept.LEFT_OUT
    api.comment(7, api.author, f"{MARKER}\nold")
    assert talk(api).keep(MARKER, f"{MARKER}\nnothing", only_update=True) is Kept.UPDATED


def test_a_comment_that_was_made_though_the_answer_was_lost_is_not_made_twice(api: GithubApi) -> None:
    """The first try makes it and hears an error; the second one finds it."""
    api.failures = [Failure("POST", 502, after=True)]
    rests: list[float] = []
    assert talk(api, rests).keep(MARKER, f"{MARKER}\none") is Kept.UNCHANGED
    assert len(api.comments) == 1
    assert rests == [1.0]


@pytest.mark.parametrize(
    ("failure", "kind", "told"),
    [
        (Failure("GET.*comments", 500, times=9), Retryable, "500"),
        (Failure("POST", 403, times=9, message="Resource not accessible by integration"), Refused, "not accessible"),
        (Failure("GET.*comments", 404, times=9), Refused, "404"),
        (Failure("POST", 422, times=9, message="Validation Failed"), Refused, "Validation Failed"),
        (Failure("GET.*comments", 429, times=9), Retryable, "limit"),
        (Failure("GET.*comments", 403, headers={"X-RateLimit-Remaining": "0"}, times=9), Retryable, "limit"),
        (Failure("GET.*comments", 301, headers={"Location": "http://evil.example/"}, times=9), Refused, "301"),
    ],
)
def test_what_github_refuses_is_told(api: GithubApi, failure: Failure, kind: type[PenstockError], told: str) -> None:
    api.failures = [failure]
    with pytest.raises(kind, match=told) as raised:
        talk(api).keep(MARKER, f"{MARKER}\none")
    assert api.token not in str(raised.value) + str(raised.value.help)
    assert api.comments == []


def test_a_short_rest_is_waited_for(api: GithubApi) -> None:
    api.failures = [Failure("PATCH|POST", 403, headers={"Retry-After": "3"}), Failure("GET.*comments", 502)]
    rests: list[float] = []
    assert talk(api, rests).keep(MARKER, f"{MARKER}\none") is Kept.CREATED
    assert sorted(rests) == [1.0, 3.0]


def test_a_long_rest_is_not_waited_for(api: GithubApi) -> None:
    api.failures = [Failure("GET.*comments", 429, headers={"Retry-After": "900"})]
    rests: list[float] = []
    with pytest.raises(Retryable):
        talk(api, rests).keep(MARKER, f"{MARKER}\none")
    assert rests == []


def test_a_token_that_is_none_is_told(api: GithubApi) -> None:
    with pytest.raises(Refused, match="Bad credentials"):
        talk(api, token="ghs_another").keep(MARKER, f"{MARKER}\none")


def test_the_token_is_in_no_representation(api: GithubApi) -> None:
    assert api.token not in repr(talk(api))


def test_the_head_of_a_pull_request(api: GithubApi) -> None:
    assert talk(api).head() == "a" * 40


def test_a_github_that_is_not_there_is_asked_a_few_times(api: GithubApi) -> None:
    rests: list[float] = []
    gone = Conversation(trusted_http(), Place("http://127.0.0.1:9", "team/flows", "t"), 7, rests.append)
    with pytest.raises(Retryable):
        gone.keep(MARKER, f"{MARKER}\none")
    assert len(rests) == TRIES - 1
