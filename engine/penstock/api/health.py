"""`/healthz` and `/metrics` of an agent, by the standard library's server: two routes, each with its policy.

`/healthz` needs no right: it says `ok`, or which part has trouble. `/metrics` (Prometheus' text) needs the token, where
one is set; without one the server listens on loopback only, and answers only requests that name a loopback host, so
that no page in a browser can read it by a name that it has rebound.
"""

from __future__ import annotations

import hmac
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from typing import Any

from penstock.errors import Stalled, UserError

MOST_IDLE_S = 10
"""A client that says nothing for so long is hung up on."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure: `samples` are values by their labels. `kind` is `gauge` or `counter`."""

    name: str
    kind: str
    help: str
    samples: tuple[tuple[Mapping[str, str], float], ...]


@dataclass(frozen=True, slots=True)
class Health:
    """`troubles` are by part; none means that all is well. An agent that has lost its remote is alive and says so:
    it is not for an orchestrator to kill it for that, so `is_alive` is what the status code tells."""

    is_alive: bool
    troubles: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Watch:
    """What the server asks at each request."""

    health: Callable[[], Health]
    metrics: Callable[[], list[Metric]]


@contextmanager
def serving(watch: Watch, address: str, token: str | None) -> Iterator[tuple[str, int]]:
    """Answer within the context; the address that it listens at. Raises UserError for an address that may not be
    listened at, Stalled where it is taken."""
    host, port = _address(address)
    is_loopback = _is_loopback(host)
    if not is_loopback and token is None:
        raise UserError(
            f"--listen {address} is reachable from other machines", help="add --listen-token-file, or use 127.0.0.1"
        )

    class Handler(_Handler):
        watched = watch
        wanted_token = token

    try:
        server = ThreadingHTTPServer((host, port), Handler)
    except OSError as error:
        raise Stalled(f"cannot listen at {address}: {error.strerror or error}", help="choose another port") from error
    server.daemon_threads = True
    with server:
        thread = threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.5}, name="health", daemon=True
        )
        thread.start()
        try:
            yield server.server_address[0], server.server_address[1]  # type: ignore[misc]
        finally:
            server.shutdown()
            thread.join()


def prometheus(metrics: list[Metric]) -> str:
    """Prometheus' text format."""
    lines: list[str] = []
    for metric in metrics:
        lines += [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.kind}"]
        for labels, value in metric.samples:
            inner = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
            lines.append(f"{metric.name}{{{inner}}} {value:g}" if inner else f"{metric.name} {value:g}")
    return "\n".join(lines) + "\n"


class _Handler(BaseHTTPRequestHandler):
    watched: Watch
    wanted_token: str | None
    protocol_version = "HTTP/1.1"
    server_version = "penstock"
    sys_version = ""
    timeout = MOST_IDLE_S

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/healthz":
            self._healthz()
        elif path == "/metrics":
            self._metrics()
        else:
            self._answer(404, "there is /healthz and /metrics\n")

    def _healthz(self) -> None:
        health = self.watched.health()
        lines = [f"{part}: trouble" for part in health.troubles] or ["ok"]
        self._answer(200 if health.is_alive else 503, "\n".join(lines) + "\n")

    def _metrics(self) -> None:
        if not self._may():
            self._answer(401, "a bearer token is needed\n", {"WWW-Authenticate": "Bearer"})
            return
        self._answer(200, prometheus(self.watched.metrics()), content_type="text/plain; version=0.0.4; charset=utf-8")

    def _may(self) -> bool:
        if self.wanted_token is None:
            return _is_loopback(_host_of(self.headers.get("Host", "")))
        given = self.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {self.wanted_token}".encode())

    def _answer(
        self,
        status: int,
        text: str,
        headers: Mapping[str, str] | None = None,
        *,
        content_type: str = "text/plain; charset=utf-8",
    ) -> None:
        body = text.encode()
        self.send_response(status)
        told = {"Content-Type": content_type, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
        for name, value in {**told, **(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base
        """Nothing: requests are no news of an agent's."""


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65_535:
        raise UserError(f"`{text}` is no address", help="write it as 127.0.0.1:8080")
    return host.strip("[]") or "127.0.0.1", int(port)


def _host_of(header: str) -> str:
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0]


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
