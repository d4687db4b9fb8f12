"""The conversation of a pull request, over GitHub's REST API: one comment of ours, found again and written anew.

Facts: GitHub docs, REST API, "Issue comments", "Pull requests", "Rate limits", 2026-10. The token of a job may not ask
who it is (`GET /user` is refused to it), and writes as a bot.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from penstock.errors import PenstockError, Refused, Retryable
from penstock.ports.http import Http, Request, Response

TRIES = 3
LONGEST_REST_S = 20.0
"""A rest that is asked for and is longer is not waited for: a job is paid by the minute."""
PAGE = 100
MOST_PAGES = 100
_DEADLINE = timedelta(seconds=20)


class Kept(StrEnum):
    """What was done with the comment."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True)
class Place:
    """A repository on a GitHub, and whose token speaks to it."""

    api: str
    repository: str
    token: str = field(repr=False)


def _wait(seconds: float) -> None:
    threading.Event().wait(seconds)


@dataclass(frozen=True, slots=True)
class Conversation:
    """The comments of one pull request. Every call raises Refused or Retryable, with what GitHub said."""

    http: Http
    place: Place
    number: int
    wait: Callable[[float], None] = _wait

    def keep(self, marker: str, body: str, *, only_update: bool = False) -> Kept:
        """See that the one comment that begins with `marker` says `body`; `only_update` makes none where none is.

        May be called again: after a failure everything is looked at anew, so that no second comment is made.
        """
        for left in reversed(range(TRIES)):
            try:
                return self._keep(marker, body, only_update=only_update)
            except Retryable as error:
                if not left or error.after.total_seconds() > LONGEST_REST_S:
                    raise
                self.wait(error.after.total_seconds())
        raise AssertionError("unreachable: the last try returns or raises")

    def head(self) -> str:
        """The commit that the pull request proposes now."""
        pull = self._ask("GET", f"pulls/{self.number}")
        return str(pull.get("head", {}).get("sha", "")) if isinstance(pull, dict) else ""

    def _keep(self, marker: str, body: str, *, only_update: bool) -> Kept:
        found = self._find(marker)
        if found is None:
            if only_update:
                return Kept.LEFT_OUT
            self._ask("POST", f"issues/{self.number}/comments", {"body": body})
            return Kept.CREATED
        if found.get("body") == body:
            return Kept.UNCHANGED
        self._ask("PATCH", f"issues/comments/{int(found['id'])}", {"body": body})
        return Kept.UPDATED

    def _find(self, marker: str) -> Mapping[str, Any] | None:
        """Our comment: it begins with the marker, and we wrote it. Whoever copies the marker is passed over."""
        me = self._me()
        for page in range(1, MOST_PAGES + 1):
            comments = self._ask("GET", f"issues/{self.number}/comments?per_page={PAGE}&page={page}")
            if not isinstance(comments, list):
                return None
            for one in comments:
                author = one.get("user") or {}
                is_ours = author.get("login") == me if me else author.get("type") == "Bot"
                if is_ours and str(one.get("body", "")).startswith(marker):
                    return dict(one)
            if len(comments) < PAGE:
                return None
        return None

    def _me(self) -> str:
        """Who a person's token writes as; empty for that of a job or an app."""
        response = self._send("GET", f"{self.place.api}/user")
        if response.status != 200:
            return ""
        told = json.loads(response.content)
        return str(told.get("login", "")) if isinstance(told, dict) else ""

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        response = self._send(method, f"{self.place.api}/repos/{self.place.repository}/{path}", body)
        if response.status >= 300:
            raise _refusal(method, path.partition("?")[0], response)
        try:
            return json.loads(response.content)
        except ValueError as error:
            raise Retryable(f"GitHub's answer to {method} {path} is no JSON") from error

    def _send(self, method: str, url: str, body: Mapping[str, Any] | None = None) -> Response:
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {self.place.token}",
            "User-Agent": "penstock",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        if body is not None:
            headers["Content-Type"] = "application/json"
        content = json.dumps(body).encode() if body is not None else None
        return self.http.send(
            Request(method, url, headers, content, follow_redirects=False, deadline=_DEADLINE)
        )  # a redirect would take the token along


def _refusal(method: str, path: str, response: Response) -> PenstockError:
    said = _message(response)
    message = f"GitHub answers {response.status} to {method} {path}" + (f": {said}" if said else "")
    rest = _rest(response)
    if rest is not None:
        return Retryable(f"{message} (its limit is reached)", after=rest)
    if response.status >= 500:
        return Retryable(message, after=timedelta(seconds=1))
    return Refused(message, help=_HELP.get(response.status))


_HELP = {
    401: "the input `token` is not, or no longer, a token of this GitHub",
    403: "the job needs `permissions: pull-requests: write`; a pull request from a fork never has it: let a second "
    "workflow comment, as `penstock init --github` writes it",
    404: "the token does not reach this pull request: the job needs `permissions: pull-requests: write`",
}


def _rest(response: Response) -> timedelta | None:
    """How long the limits ask to rest; None when it is no question of limits."""
    asked = response.headers.get("retry-after", ("",))[0]
    is_limit = response.status == 429 or (
        response.status == 403 and (asked or response.headers.get("x-ratelimit-remaining", ("",))[0] == "0")
    )
    if not is_limit:
        return None
    return timedelta(seconds=min(int(asked[:6]), 86_400)) if asked.isdigit() else timedelta(hours=1)


def _message(response: Response) -> str:
    try:
        told = json.loads(response.content)
    except ValueError:
        return ""
    said = told.get("message") if isinstance(told, dict) else None
    return " ".join(said.split())[:200] if isinstance(said, str) else ""
