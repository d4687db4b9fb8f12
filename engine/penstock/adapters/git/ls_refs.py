"""Where a branch stands, asked of an HTTP server by one request: `ls-refs` of Git's protocol version 2.

The connection is kept from one question to the next. Credentials, certificates, proxies and patience are those that
git would have; redirections are not followed. A server that answers otherwise than expected is fetched from instead:
git knows what to do, or what to say. (gitprotocol-v2 and gitprotocol-http of Git, 2.39)
"""

from __future__ import annotations

import os
import re
import socket
import ssl
import threading
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from penstock.adapters.git.address import Credentials, Remote
from penstock.errors import Retryable, Stalled, UserError

if TYPE_CHECKING:
    import httpx

MOST_ANSWER = 64 * 1024
"""A server that answers about one ref with more than this is not asked again this way."""

TIMEOUT_S = 30.0
"""For a whole question; `GIT_HTTP_LOW_SPEED_TIME` says otherwise, as it does to git."""

KEPT_S = 75.0
LONGEST_AFTER = timedelta(minutes=5)

_RESULT = "application/x-git-upload-pack-result"
_HEADERS = {
    "Git-Protocol": "version=2",
    "Content-Type": "application/x-git-upload-pack-request",
    "Accept": _RESULT,
    "Accept-Encoding": "identity",
    "User-Agent": "git/penstock",
}
_FLUSH, _DELIMITER = b"0000", b"0001"
_LENGTH = re.compile(rb"[0-9a-f]{4}")
_REF_LINE = re.compile(rb"([0-9a-f]{40}(?:[0-9a-f]{24})?) (\S+)")


class _NotSpoken(Exception):
    """The server does not answer this question, or not as it should."""


class LsRefs:
    """The question about one ref of one remote. One thread at a time."""

    def __init__(self, remote: Remote, credentials: Credentials, ref: str) -> None:
        self._remote = remote
        self._credentials = credentials
        self._ref = ref
        self._client: httpx.Client | None = None
        self._stream: Any = None  # httpcore's: what the connection reads from
        self._is_spoken = "?" not in remote.url and "#" not in remote.url and "GIT_SSL_CERT" not in os.environ

    def head(self) -> str | None:
        """The commit id that the ref stands at; None where only a fetch can tell: for this once where the certificate
        is not accepted, for good where the server does not speak version 2."""
        if not self._is_spoken:
            return None
        import httpx

        try:
            found = _refs(self._answer())
        except (_NotSpoken, httpx.InvalidURL):
            self._is_spoken = False
            return None
        except httpx.TimeoutException as error:
            raise Retryable(f"git: {self._remote.url} does not answer", after=timedelta(seconds=10)) from error
        except httpx.HTTPError as error:
            if _is_distrust(error):
                return None
            raise Retryable(f"git: {self._remote.url}: {error}", after=timedelta(seconds=10)) from error
        if self._ref not in found:
            raise UserError(
                f"git: couldn't find remote ref {self._ref}", help="check --branch; what was deployed stays in force"
            )
        return found[self._ref]

    def _answer(self) -> bytes:
        """The body of the answer. A connection that was kept may have ended unseen: then another one is opened."""
        import httpx

        was = self._stream
        try:
            return self._post()
        except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError):
            if was is None or was is not self._stream:
                raise
            self._stream = None
            return self._post()

    def _post(self) -> bytes:
        login = self._remote.authorization(self._credentials)  # read each time: a token is renewed in its file
        body = _packet(b"command=ls-refs\n") + _packet(b"agent=penstock\n") + _DELIMITER
        body += _packet(f"ref-prefix {self._ref}\n".encode()) + _FLUSH
        patience_s = _patience_s(os.environ)
        with (
            self._ended_after(patience_s),
            self._connected().stream(
                "POST",
                self._remote.url.rstrip("/") + "/git-upload-pack",
                content=body,
                headers={**_HEADERS, **({"Authorization": login} if login else {})},
                timeout=patience_s,
                extensions={"trace": self._watch},
            ) as answer,
        ):
            self._judge(answer.status_code, answer.headers, has_login=login is not None)
            content = bytearray()
            for part in answer.iter_raw():
                content += part
                if len(content) > MOST_ANSWER:
                    raise _NotSpoken
            return bytes(content)

    def _judge(self, status: int, headers: Mapping[str, str], *, has_login: bool) -> None:
        """Raises what the status says."""
        said = f"git: {self._remote.url}: the server answered {status}"
        after = _retry_after(headers.get("retry-after"))
        is_limited = status == 403 and (after is not None or headers.get("x-ratelimit-remaining") == "0")
        if status == 429 or status >= 500 or is_limited:
            raise Retryable(said, after=after or timedelta(seconds=10))
        if status in (401, 403) and has_login:
            raise Stalled(said, help="check the credentials: --git-token-file")
        if status != 200 or headers.get("content-type") != _RESULT:
            raise _NotSpoken  # moved, not there, not version 2, or git knows a login that we do not (~/.netrc)

    # ── the connection ──

    def _connected(self) -> httpx.Client:
        if self._client is None:
            import httpx

            try:
                self._client = httpx.Client(
                    verify=_verification(self._remote.url, os.environ),
                    follow_redirects=False,
                    limits=httpx.Limits(max_connections=1, keepalive_expiry=KEPT_S),
                )
            except (ImportError, OSError, ValueError) as error:  # a proxy or a bundle that only git can make sense of
                raise _NotSpoken from error
            weakref.finalize(self, self._client.close)
        return self._client

    def _watch(self, event: str, told: Mapping[str, Any]) -> None:
        """Hear from httpcore what a new connection reads from."""
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            self._stream = told["return_value"]

    @contextmanager
    def _ended_after(self, seconds: float) -> Iterator[None]:
        """End the connection when it is still busy then: who sends a byte now and then runs into no other timeout."""
        timer = threading.Timer(seconds, self._end)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()

    def _end(self) -> None:
        sock = self._stream.get_extra_info("socket") if self._stream is not None else None
        if sock is not None:
            with suppress(OSError):  # it ended by itself meanwhile
                sock.shutdown(socket.SHUT_RDWR)


def _refs(content: bytes) -> dict[str, str]:
    """The ids by ref of an answer. Raises _NotSpoken for what is none: one ends with a flush, and has no other."""
    found: dict[str, str] = {}
    at = 0
    while content[at : at + 4] != _FLUSH:
        length = _LENGTH.fullmatch(content[at : at + 4])
        size = int(length[0], 16) if length is not None else 0
        line = _REF_LINE.match(content[at + 4 : at + size])
        if size < 4 or at + size > len(content) or line is None:
            raise _NotSpoken
        found[line[2].decode("utf-8", "replace")] = line[1].decode()
        at += size
    if at + 4 != len(content):
        raise _NotSpoken
    return found


def _packet(line: bytes) -> bytes:
    return b"%04x" % (len(line) + 4) + line


def _retry_after(text: str | None) -> timedelta | None:
    if text is None or not text.strip().isdecimal() or len(text) > 9:
        return None
    return min(timedelta(seconds=int(text)), LONGEST_AFTER)


def _patience_s(environ: Mapping[str, str]) -> float:
    asked = environ.get("GIT_HTTP_LOW_SPEED_TIME", "")
    return float(asked) if asked.isdecimal() and 0 < len(asked) < 6 and int(asked) else TIMEOUT_S


def _verification(url: str, environ: Mapping[str, str]) -> ssl.SSLContext | bool:
    """How certificates are judged: by the same authorities as git does it, as far as they are named by a file."""
    if not url.lower().startswith("https"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody, and reads no bundle
    if environ.get("GIT_SSL_NO_VERIFY", "").lower() in ("1", "true", "yes"):
        return False
    bundle, folder = environ.get("GIT_SSL_CAINFO"), environ.get("GIT_SSL_CAPATH")
    if bundle or folder:
        return ssl.create_default_context(cafile=bundle or None, capath=folder or None)
    usual = ssl.get_default_verify_paths()
    return ssl.create_default_context() if usual.cafile or usual.capath else True


def _is_distrust(error: BaseException | None) -> bool:
    """Whether a certificate was refused, by either side."""
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False
