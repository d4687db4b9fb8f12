"""Requests to a Kestra-compatible server: where its API begins, who asks, what is tried again, and what is an error."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from penstock.errors import PenstockError, Refused, Retryable, Unauthorised, UserError
from penstock.ports.http import Http, Request, Response

MOST_TRIES = 4
MOST_WAIT = timedelta(seconds=20)
MOST_BYTES = 512 * 1024 * 1024
_BUSY = (429, 500, 502, 503, 504)
_FIRST_WITH_TENANTS = (0, 23)
_USUAL_TENANT = "main"

Wait = Callable[[timedelta], None]


def wait(length: timedelta) -> None:
    """Nothing else is to be done meanwhile."""
    threading.Event().wait(length.total_seconds())


@dataclass(frozen=True, slots=True)
class Credentials:
    """A token counts before a name and a password; with none of them requests are anonymous."""

    user: str | None = None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)


@dataclass(slots=True)
class Api:
    """`tenant` None is that which is usual for the server's version. `count` is how many requests were made."""

    http: Http
    url: str
    credentials: Credentials = field(default_factory=Credentials)
    tenant: str | None = None
    wait: Wait = wait
    count: int = 0
    _base: str | None = None

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Response:
        return self.send("GET", path, query=query)

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        content: bytes | None = None,
        type_: str | None = None,
        accepted: tuple[int, ...] = (),
    ) -> Response:
        """The answer, when it is good or its status is `accepted`. Every request is one that may be made twice.

        Raises Unauthorised, Retryable after some tries, Refused for anything else that the server objects to.
        """
        more = f"?{urlencode(query)}" if query else ""
        return self._try(method, f"{self._root()}/{path}{more}", content, type_, accepted)

    def _root(self) -> str:
        if self._base is None:
            self._base = self._probed()
        return self._base

    def _probed(self) -> str:
        """Where the flows of the tenant begin. A server of before 0.23 has no tenants unless one is asked for."""
        base = f"{self.url.rstrip('/')}/api/v1"
        answer = self._try("GET", f"{base}/configs", None, None, (404,))
        version = _version(_json(answer)) if answer.status != 404 else None
        tenant = self.tenant
        if tenant is None and (version is None or version >= _FIRST_WITH_TENANTS):
            tenant = _USUAL_TENANT
        return f"{base}/{quote(tenant, safe='')}" if tenant else base

    def _try(
        self, method: str, url: str, content: bytes | None, type_: str | None, accepted: tuple[int, ...]
    ) -> Response:
        delay = timedelta(milliseconds=250)
        fault: PenstockError
        for number in range(1, MOST_TRIES + 1):
            try:
                answer = self._once(method, url, content, type_)
                if answer.status not in _BUSY or answer.status in accepted:
                    return _judged(method, url, answer, accepted)
                fault = _passing(method, url, answer)
                delay = max(delay, _asked_wait(answer))
            except Retryable as error:
                fault = error
            if number == MOST_TRIES:
                raise fault
            self.wait(min(delay, MOST_WAIT))
            delay *= 3
        raise AssertionError("the last try has raised or returned")

    def _once(self, method: str, url: str, content: bytes | None, type_: str | None) -> Response:
        self.count += 1
        who, headers = self.credentials, {"User-Agent": "penstock"}
        if type_ is not None:
            headers["Content-Type"] = type_
        basic = None
        if who.token:
            headers["Authorization"] = f"Bearer {who.token}"
        elif who.user is not None:
            basic = (who.user, who.password or "")
        return self.http.send(
            Request(
                method, url, headers, content=content, basic_auth=basic, follow_redirects=False,
                max_content=MOST_BYTES, read_timeout=timedelta(seconds=60),
            )
        )  # fmt: skip


def _judged(method: str, url: str, answer: Response, accepted: tuple[int, ...]) -> Response:
    status = answer.status
    if status not in accepted and not 200 <= status < 300:
        raise _fault(method, url, answer)
    if 200 <= status < 300 and answer.content.lstrip()[:1] == b"<":
        raise UserError(
            f"{_path(url)} is not the API of a Kestra server: the answer to {method} is a page for browsers",
            help="is this the URL of its web page, or does something in between want a login?",
        )
    return answer


def _fault(method: str, url: str, answer: Response) -> PenstockError:
    what = f"{method} {_path(url)}"
    if answer.status == 401:
        return Unauthorised(f"{what}: the server does not know who asks (401)", help="set a user or a token")
    if answer.status == 403:
        return Unauthorised(f"{what}: the server does not allow it (403){_said(answer)}")
    if 300 <= answer.status < 400:
        to = ", ".join(answer.headers.get("location", ()))
        return UserError(f"{what}: the server says to look at {to or 'another place'}", help="name that URL as target")
    return Refused(f"the server refuses it ({answer.status}){_said(answer)}")


def _passing(method: str, url: str, answer: Response) -> PenstockError:
    """500 is of one request, as Kestra answers to a flow that it stumbles over; the others are of the whole server."""
    if answer.status == 500:
        return Refused(f"the server fails at it (500){_said(answer)}")
    return Retryable(f"{method} {_path(url)}: the server answers {answer.status}{_said(answer)}")


def _path(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"


def _said(answer: Response) -> str:
    """What an error's JSON says, on one line; other bodies are pages for browsers."""
    try:
        data = json.loads(answer.content)
    except ValueError:
        return ""
    said = data.get("message") if isinstance(data, dict) else None
    return f": {' '.join(str(said).split())[:500]}" if said else ""


def _json(answer: Response) -> Any:
    try:
        return json.loads(answer.content)
    except ValueError as error:
        raise UserError(
            f"{_path(answer.url)} is not the API of a Kestra server", help="the URL is that of its web page"
        ) from error


def _version(configs: Any) -> tuple[int, int] | None:
    text = str(configs.get("version", "")) if isinstance(configs, dict) else ""
    numbers = text.removeprefix("v").split(".")[:2]
    return (int(numbers[0]), int(numbers[1])) if len(numbers) == 2 and all(map(str.isdigit, numbers)) else None


def _asked_wait(answer: Response) -> timedelta:
    told = next(iter(answer.headers.get("retry-after", ())), "")
    return timedelta(seconds=min(int(told), 3600)) if told.isdigit() else timedelta()
