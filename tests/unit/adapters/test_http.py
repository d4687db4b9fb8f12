"""The guard decides where a flow may reach; every redirect is judged, every name is resolved once."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from penstock.adapters.files import LocalFiles
from penstock.adapters.http import GuardedHttp, Reach
from penstock.errors import Retryable, UserError
from penstock.ports.http import Request

LOCAL = Reach(private=True)


class Echo(BaseHTTPRequestHandler):
    """Answers with what it was asked; `/to?<url>` redirects, `/cookie` sets one, `/big` is large."""

    def do_GET(self) -> None:
        if self.path.startswith("/to?"):
            self.send_response(302)
            self.send_header("Location", self.path[4:])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = b"x" * 5000 if self.path == "/big" else self._told().encode()
        self.send_response(200)
        if self.path == "/cookie":
            self.send_header("Set-Cookie", "session=1")
        self.send_header("X-Twice", "a")
        self.send_header("X-Twice", "b")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.do_GET()

    def _told(self) -> str:
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        kept = [f"{name}={self.headers.get(name)}" for name in ("Host", "Cookie", "Authorization")]
        return " ".join([self.command, self.path, sent, *kept])

    def log_message(self, *args: object) -> None:
        return


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@pytest.fixture
def http() -> Iterator[GuardedHttp]:
    adapter = GuardedHttp(LOCAL, resolve=lambda host, port: ["127.0.0.1"])
    yield adapter
    adapter.close()


def test_a_request_arrives_under_the_name_it_was_sent_to(http: GuardedHttp, port: int) -> None:
    answer = http.send(Request("POST", f"http://service.example:{port}/a?b=1", content=b"body", basic_auth=("u", "p")))
    assert answer.status == 200
    assert answer.headers["x-twice"] == ("a", "b")
    assert answer.content.decode().startswith(
        f"POST /a?b=1 body Host=service.example:{port} Cookie=None Authorization=Basic"
    )


def test_cookies_do_not_pass_from_one_flow_to_another(http: GuardedHttp, port: int) -> None:
    http.send(Request("GET", f"http://one.example:{port}/cookie"))
    assert "Cookie=None" in http.send(Request("GET", f"http://one.example:{port}/")).content.decode()


def test_a_redirect_to_another_host_loses_the_credentials(http: GuardedHttp, port: int) -> None:
    target = f"http://other.example:{port}/after"
    answer = http.send(
        Request("POST", f"http://one.example:{port}/to?{target}", headers={"Authorization": "Bearer t"}, content=b"x")
    )
    assert answer.url == target
    assert "GET /after" in answer.content.decode()
    assert "Authorization=None" in answer.content.decode()


def test_a_redirect_to_the_metadata_service_is_refused(port: int) -> None:
    names = {"one.example": ["127.0.0.1"], "169.254.169.254": ["169.254.169.254"]}
    http = GuardedHttp(LOCAL, resolve=lambda host, port: names[host])
    with pytest.raises(UserError, match="never reached"):
        http.send(Request("GET", f"http://one.example:{port}/to?http://169.254.169.254/latest"))
    http.close()


def test_an_answer_over_the_bound_is_refused_with_the_bound(http: GuardedHttp, port: int) -> None:
    with pytest.raises(UserError, match="larger than 100 bytes"):
        http.send(Request("GET", f"http://one.example:{port}/big", max_content=100))


def test_a_closed_port_is_retryable(http: GuardedHttp) -> None:
    with pytest.raises(Retryable):
        http.send(Request("GET", "http://one.example:1/"))


@pytest.mark.parametrize("url", ["ftp://a/b", "file:///etc/passwd", "http://", "gopher://x", "http://a:99999/"])
def test_what_is_no_http_url_is_refused(http: GuardedHttp, url: str) -> None:
    with pytest.raises(UserError):
        http.send(Request("GET", url))


@pytest.mark.parametrize(
    ("address", "reached"),
    [
        ("93.184.216.34", True),
        ("127.0.0.1", False),
        ("10.0.0.1", False),
        ("192.168.1.1", False),
        ("172.16.0.9", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("0.0.0.0", False),
        ("::1", False),
        ("::", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:169.254.169.254", False),
        ("2002:7f00:1::", False),
        ("fe80::1", False),
        ("fd00:ec2::254", False),
        ("fc00::1", False),
        ("2606:4700::1111", True),
    ],
)
def test_the_agent_reaches_public_addresses_alone(address: str, reached: bool) -> None:
    assert (Reach().refusal(address) is None) is reached


def test_what_the_settings_name_is_reached_but_never_the_metadata_service() -> None:
    reach = Reach.of(["10.1.0.0/16", "169.254.169.254"])
    assert reach.refusal("10.1.2.3") is None
    assert reach.refusal("10.2.0.1") is not None
    assert reach.refusal("169.254.169.254") is not None


def test_one_bad_address_among_good_ones_is_enough_to_refuse() -> None:
    http = GuardedHttp(Reach(), resolve=lambda host, port: ["93.184.216.34", "127.0.0.1"])
    with pytest.raises(UserError) as refused:
        http.pin("http://rebinding.example/")
    assert refused.value.help == "in penstock.yaml: agent: {http: {allow: [127.0.0.1]}}"


def test_the_connection_goes_to_the_address_that_was_judged() -> None:
    answers = iter([["93.184.216.34"], ["127.0.0.1"]])
    http = GuardedHttp(Reach(), resolve=lambda host, port: next(answers))
    assert http.pin("https://user:pw@name.example:8443/x#y") == ("https://93.184.216.34:8443/x", "name.example:8443")


# ── an answer as a stream ──


class Sender(BaseHTTPRequestHandler):
    """Sends so many MiB under `/<n>`; `/cut` promises more than it sends; `/to` leads to the metadata service."""

    def do_GET(self) -> None:
        if self.path == "/to":
            self.send_response(302)
            self.send_header("Location", "http://169.254.169.254/latest")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        count = 1 if self.path == "/cut" else int(self.path[1:])
        self.send_response(200)
        self.send_header("Content-Length", str(count * MIB + (1 if self.path == "/cut" else 0)))
        self.end_headers()
        for _ in range(count):
            self.wfile.write(b"x" * MIB)

    def log_message(self, *args: object) -> None:
        return


MIB = 1024 * 1024


class Trickle(BaseHTTPRequestHandler):
    """Sends a byte now and then, for ever: of its head, or (`/body`) of its body."""

    stopping = threading.Event()

    def do_GET(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        if self.path == "/body":
            self.wfile.write(b"Content-Length: 1000000\r\n\r\n")
        try:
            while not self.stopping.wait(0.02):
                self.wfile.write(b"x")
        except OSError:
            return  # broken off by the other side, as it should be

    def log_message(self, *args: object) -> None:
        return


@pytest.fixture
def trickle() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Trickle)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    Trickle.stopping.set()
    server.shutdown()
    server.server_close()
    Trickle.stopping.clear()


@pytest.mark.parametrize("path", ["/head", "/body"])
def test_a_request_ends_at_its_deadline_wherever_the_other_side_has_got_to(
    http: GuardedHttp, trickle: int, path: str
) -> None:
    began = time.monotonic()
    with pytest.raises(Retryable, match=f"{path}: no whole answer within"):
        http.send(Request("GET", f"http://a.example:{trickle}{path}", deadline=timedelta(seconds=0.3)))
    assert 0.3 <= time.monotonic() - began < 5


def test_a_request_in_time_ends_as_without_a_deadline(http: GuardedHttp, port: int) -> None:
    told = [
        http.send(Request("GET", f"http://a.example:{port}/x", deadline=each)) for each in (None, timedelta(hours=1))
    ]
    assert told[0].content == told[1].content != b""


@pytest.fixture(scope="module")
def sender() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Sender)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


_READ_IN_A_CHILD = """
import resource, sys
from pathlib import Path
from penstock.adapters.files import LocalFiles
from penstock.adapters.http import GuardedHttp, Reach
from penstock.ports.http import Request
http = GuardedHttp(Reach(private=True))
files = LocalFiles(Path(sys.argv[2]))
before = 0
for size in (1, 300):
    with http.stream(Request("GET", f"http://127.0.0.1:{sys.argv[1]}/{size}", max_content=1 << 30)) as answer:
        digest = files.put(answer.body)
    now = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    before, grown = now, now - before
print(grown, len(files.open(digest).read()))
"""


def test_a_large_answer_is_kept_in_bounded_memory(sender: int, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _READ_IN_A_CHILD, str(sender), str(tmp_path)], capture_output=True, text=True, check=True
    )
    grown_kib, size = map(int, done.stdout.split())
    assert size == 300 * MIB
    assert grown_kib < 20 * 1024


def test_a_stream_that_breaks_off_is_an_error_and_leaves_nothing(sender: int, tmp_path: Path) -> None:
    http, files = GuardedHttp(LOCAL), LocalFiles(tmp_path)
    with (
        pytest.raises(Retryable, match=f"{MIB} of {MIB + 1} bytes had come"),
        http.stream(Request("GET", f"http://127.0.0.1:{sender}/cut")) as answer,
    ):
        files.put(answer.body)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    http.close()


def test_a_stream_is_held_to_its_bound(sender: int) -> None:
    http = GuardedHttp(LOCAL)
    request = Request("GET", f"http://127.0.0.1:{sender}/1", max_content=1000)
    with pytest.raises(UserError, match="larger than 1000 bytes"), http.stream(request):
        pytest.fail("the body was handed over")
    http.close()


def test_a_stream_is_led_to_no_metadata_service(sender: int) -> None:
    http = GuardedHttp(LOCAL)
    with (
        pytest.raises(UserError, match="never reached"),
        http.stream(Request("GET", f"http://127.0.0.1:{sender}/to")),
    ):
        pytest.fail("the body was handed over")
    http.close()
