"""What a task asks of its container, seen where it takes effect: within it, at its end, and after it."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import docker
import pytest

from docker_engine.shared import Engine
from fakes.halt import HandHalt
from penstock.errors import UserError
from penstock.ports.container import Container, Memory
from penstock.ports.runner import Ending, Exit, Order, Runner, Stream
from penstock.wiring.containers import ContainerSetup, docker_runner
from until import until

MEGABYTE = 1 << 20


@pytest.fixture
def runner(engine: Engine, tmp_path: Path) -> Iterator[Runner]:
    made = docker_runner(tmp_path, ContainerSetup(engine=engine.host), {})
    yield made
    for name in list(made.names()):
        made.remove(name)
    made.close()


def launch(runner: Runner, name: str, script: str, **wish: Any) -> None:
    runner.launch(Order(name, ["sh", "-c", script], container=Container("busybox", **wish)))


def follow(runner: Runner, name: str, halt: HandHalt | None = None) -> tuple[Exit, str]:
    heard: list[bytes] = []

    def hear(stream: Stream, data: bytes, offset: int) -> None:
        if stream is Stream.STDOUT:
            heard.append(data)

    ended = runner.follow(name, hear, halt or HandHalt(), offsets={})
    return ended, b"".join(heard).decode()


def test_hosts_shared_memory_user_and_processors_are_as_wished(runner: Runner, client: docker.APIClient) -> None:
    script = "grep warehouse /etc/hosts; df -k /dev/shm | tail -1; id -u; id -g"
    wish = {"extra_hosts": ["warehouse:192.0.2.7"], "shm_bytes": 8 * MEGABYTE, "user": "1234:5678", "cpus": 0.5}
    launch(runner, "as-wished", script, memory=Memory(limit=64 * MEGABYTE, reservation=32 * MEGABYTE), **wish)
    ended, said = follow(runner, "as-wished")
    assert ended == Exit(Ending.EXITED, 0)
    hosts, shm, *ids = said.splitlines()
    assert hosts.split() == ["192.0.2.7", "warehouse"]
    assert shm.split()[1] == str(8 * 1024)
    assert ids == ["1234", "5678"]
    host = client.inspect_container("as-wished")["HostConfig"]
    assert (host["NanoCpus"], host["Memory"], host["MemoryReservation"]) == (500_000_000, 64 << 20, 32 << 20)


def test_its_own_grace_counts_and_not_the_agents(runner: Runner) -> None:
    launch(runner, "patient", "trap 'sleep 1; echo in time; exit 4' TERM; echo up; while :; do sleep 0.05; done",
           kill_grace=timedelta(seconds=20))  # fmt: skip
    halt = HandHalt(grace=0.1)
    ended: list[tuple[Exit, str]] = []
    following = threading.Thread(target=lambda: ended.append(follow(runner, "patient", halt)))
    following.start()
    until(lambda: runner.knows("patient"), 20)
    halt.throw()
    following.join(30)
    assert ended == [(Exit(Ending.STOPPED, 4), "up\nin time\n")]


def test_one_that_is_not_waited_for_runs_on_and_is_left_until_it_ends(runner: Runner, client: docker.APIClient) -> None:
    launch(runner, "runs-on", "sleep 100", wait=False)
    assert follow(runner, "runs-on") == (Exit(Ending.EXITED, 0), "")
    runner.remove("runs-on")
    assert list(runner.names()) == [], "a sweep does not see it while it runs"
    assert client.inspect_container("runs-on")["State"]["Running"]
    client.kill("runs-on")
    until(lambda: list(runner.names()) == ["runs-on"], 20)


def test_one_that_is_to_stay_is_left_where_it_is(runner: Runner, client: docker.APIClient) -> None:
    launch(runner, "stays", "true", delete=False)
    assert follow(runner, "stays")[0] == Exit(Ending.EXITED, 0)
    runner.remove("stays")
    assert list(runner.names()) == []
    assert client.inspect_container("stays")["State"]["Status"] == "exited"
    client.remove_container("stays", v=True)


@pytest.fixture
def engine_of() -> Iterator[Callable[[str], str]]:
    """Something that answers as an engine of that version of the API would, and no further; its address."""
    servers: list[http.server.ThreadingHTTPServer] = []

    def serve(version: str) -> str:
        class Answer(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps({"ApiVersion": version, "Version": "19.03", "MinAPIVersion": "1.12"}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nobody reads it."""

        servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer))
        threading.Thread(target=servers[-1].serve_forever, args=(0.01,), daemon=True).start()
        return f"tcp://127.0.0.1:{servers[-1].server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def test_an_engine_that_is_too_old_is_told_what_is_needed(engine_of: Callable[[str], str], tmp_path: Path) -> None:
    runner = docker_runner(tmp_path, ContainerSetup(engine=engine_of("1.40")), {})
    begun = time.monotonic()
    with pytest.raises(UserError, match=r"speaks version 1\.40") as refused:
        launch(runner, "too-old", "true")
    assert "Docker 20.10 or later, or Podman 4" in (refused.value.help or "")
    assert time.monotonic() - begun < 10, "it is no engine that may come back"
    runner.close()
