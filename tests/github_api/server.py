"""The double: comments of pull requests, statuses and deployments in memory, and answers that fail on demand."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

MOST_CHARACTERS = 65_536
BOT = "github-actions[bot]"


@dataclass
class Comment:
    id: int
    issue: int
    author: str
    body: str

    def record(self) -> dict[str, Any]:
        kind = "Bot" if self.author.endswith("[bot]") else "User"
        return {"id": self.id, "body": self.body, "user": {"login": self.author, "type": kind}}


@dataclass
class Failure:
    """An answer in place of the right one, `times` times, to requests whose `METHOD /path` the pattern finds."""

    pattern: str
    status: int
    times: int = 1
    headers: Mapping[str, str] = field(default_factory=dict)
    message: str = "it was told to fail"
    after: bool = False
    """It fails when the work is done: the answer is lost, the deed is not."""


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: Any

    def number(self, name: str, otherwise: int) -> int:
        return int(self.query.get(name, [str(otherwise)])[0])


Answer = tuple[int, Any, dict[str, str]]


@dataclass
class GithubApi:
    """One repository. `may_write` is what the token allows; `url` is where it listens."""

    repository: str = "team/flows"
    token: str = "ghs_thetokenofthisjob"
    may_write: bool = True
    author: str = BOT
    person: str = ""
    """Whose token it is; empty for that of a job, which may not ask."""
    url: str = ""
    comments: list[Comment] = field(default_factory=list)
    pulls: dict[int, dict[str, Any]] = field(default_factory=dict)
    statuses: list[dict[str, Any]] = field(default_factory=list)
    deployments: list[dict[str, Any]] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)

    def comment(self, issue: int, author: str, body: str) -> Comment:
        """One that is there already."""
        made = Comment(1000 + len(self.comments), issue, author, body)
        self.comments.append(made)
        return made

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        failure = self._failure(f"{asked.method} {asked.path}")
        if failure is None or failure.after:
            done = self._done(asked)
        return done if failure is None else (failure.status, {"message": failure.message}, dict(failure.headers))

    def _done(self, asked: Asked) -> Answer:
        if "User-Agent" not in asked.headers or asked.headers.get("X-GitHub-Api-Version") != "2022-11-28":
            return 400, {"message": "a request needs a user agent and a version"}, {}
        if asked.headers.get("Authorization") != f"Bearer {self.token}":
            return 401, {"message": "Bad credentials"}, {}
        if asked.path == "/user":
            if not self.person:
                return 403, {"message": "Resource not accessible by integration"}, {}
            return 200, {"login": self.person, "type": "User"}, {}
        if asked.method != "GET" and not self.may_write:
            return 403, {"message": "Resource not accessible by integration"}, {}
        for pattern, method, function in _ROUTES:
            found = re.fullmatch(f"/repos/{re.escape(self.repository)}/{pattern}", asked.path)
            if found and method == asked.method:
                return function(self, asked, *found.groups())
        return 404, {"message": "Not Found"}, {}

    def _failure(self, line: str) -> Failure | None:
        for failure in self.failures:
            if failure.times > 0 and re.search(failure.pattern, line):
                failure.times -= 1
                return failure
        return None

    def list_comments(self, asked: Asked, number: str) -> Answer:
        if int(number) not in self.pulls:
            return 404, {"message": "Not Found"}, {}
        size, page = min(asked.number("per_page", 30), 100), asked.number("page", 1)
        all_ = [each.record() for each in self.comments if each.issue == int(number)]
        headers = {}
        if len(all_) > size * page:
            following = f"{self.url}{asked.path}?per_page={size}&page={page + 1}"
            headers["Link"] = f'<{following}>; rel="next", <{following}>; rel="last"'
        return 200, all_[size * (page - 1) : size * page], headers

    def add_comment(self, asked: Asked, number: str) -> Answer:
        if int(number) not in self.pulls:
            return 404, {"message": "Not Found"}, {}
        if refused := _refused(asked.body):
            return refused
        return 201, self.comment(int(number), self.author, asked.body["body"]).record(), {}

    def change_comment(self, asked: Asked, id_: str) -> Answer:
        for each in self.comments:
            if each.id == int(id_):
                if each.author != self.author:
                    return 403, {"message": "You cannot edit the comment of somebody else"}, {}
                if refused := _refused(asked.body):
                    return refused
                each.body = asked.body["body"]
                return 200, each.record(), {}
        return 404, {"message": "Not Found"}, {}

    def show_pull(self, _: Asked, number: str) -> Answer:
        pull = self.pulls.get(int(number))
        return (200, pull, {}) if pull is not None else (404, {"message": "Not Found"}, {})

    def add_status(self, asked: Asked, sha: str) -> Answer:
        same = [one for one in self.statuses if (one["sha"], one["context"]) == (sha, asked.body.get("context"))]
        if asked.body.get("state") not in ("error", "failure", "pending", "success") or len(same) >= 1000:
            return 422, {"message": "Validation Failed"}, {}
        self.statuses.append({"context": "default", **asked.body, "sha": sha})
        return 201, self.statuses[-1], {}

    def add_deployment(self, asked: Asked) -> Answer:
        if "ref" not in asked.body:
            return 422, {"message": "Validation Failed"}, {}
        self.deployments.append({"environment": "production", **asked.body, "id": len(self.deployments) + 1})
        return 201, self.deployments[-1], {}


def _refused(body: Any) -> Answer | None:
    if not isinstance(body, dict) or not body.get("body"):
        return 422, {"message": "Validation Failed"}, {}
    if len(body["body"]) > MOST_CHARACTERS:
        return 422, {"message": "body is too long (maximum is 65536 characters)"}, {}
    return None


_ROUTES: tuple[tuple[str, str, Callable[..., Answer]], ...] = (
    (r"issues/(\d+)/comments", "GET", GithubApi.list_comments),
    (r"issues/(\d+)/comments", "POST", GithubApi.add_comment),
    (r"issues/comments/(\d+)", "PATCH", GithubApi.change_comment),
    (r"pulls/(\d+)", "GET", GithubApi.show_pull),
    (r"statuses/([0-9a-f]{40})", "POST", GithubApi.add_status),
    (r"deployments", "POST", GithubApi.add_deployment),
)


@contextmanager
def serving(api: GithubApi) -> Iterator[GithubApi]:
    """The API, listening on loopback while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            url = urlsplit(self.path)
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked = Asked(
                self.command, url.path, parse_qs(url.query), dict(self.headers), json.loads(content or b"null")
            )
            with lock:
                status, body, headers = api.answer(asked)
            data = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Type": "application/json"}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = _answer  # noqa: N815 - as http.server names them

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as http.server names it
            """Say nothing."""

    lock = threading.Lock()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    api.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
