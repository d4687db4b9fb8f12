"""Requests that no flow has a say in go by the proxies of the environment, as those of any other program do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from penstock.adapters.http import GuardedHttp, Reach, system_proxy
from penstock.errors import Retryable
from penstock.ports.http import Request


class Proxy(BaseHTTPRequestHandler):
    """Answers by itself, and keeps what it was asked for."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(f"{self.path} {self.headers['Host']}")
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def do_CONNECT(self) -> None:
        self.asked.append(f"CONNECT {self.path}")
        self.send_error(502)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base
        """Nothing: a test asks `asked`."""


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, list[str]]]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    asked: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Kept", (Proxy,), {"asked": asked}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}", asked
    server.shutdown()
    server.server_close()
    thread.join(5)


def no_name(host: str, port: int) -> list[str]:
    raise OSError(f"{host}:{port} is not resolved here")


def test_a_name_is_resolved_by_the_proxy_and_by_nobody_else(
    proxy: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    place, asked = proxy
    monkeypatch.setenv("HTTP_PROXY", f"http://{place}")
    monkeypatch.setenv("HTTPS_PROXY", place)
    http = GuardedHttp(Reach(private=True), resolve=no_name, proxy=system_proxy)

    assert http.send(Request("GET", "http://github.invalid/api?x=1")).content == b"ok"
    with pytest.raises(Retryable):
        http.send(Request("GET", "https://github.invalid/api"))
    http.close()

    assert asked == ["http://github.invalid/api?x=1 github.invalid", "CONNECT github.invalid:443"]


@pytest.mark.parametrize("without", ["github.invalid", ".invalid", "*", "github.invalid:80"])
def test_what_no_proxy_names_is_asked_directly(
    proxy: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch, without: str
) -> None:
    place, asked = proxy
    monkeypatch.setenv("HTTP_PROXY", f"http://{place}")
    monkeypatch.setenv("NO_PROXY", without)
    http = GuardedHttp(Reach(private=True), resolve=no_name, proxy=system_proxy)

    with pytest.raises(Retryable, match="does not resolve"):
        http.send(Request("GET", "http://github.invalid:80/api"))
    assert asked == []


def test_a_flow_goes_by_no_proxy(proxy: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://{proxy[0]}")

    with pytest.raises(Retryable, match="does not resolve"):
        GuardedHttp(Reach(), resolve=no_name).send(Request("GET", "http://github.invalid/api"))
    assert proxy[1] == []
