"""Where an engine is looked for, and what is said of what is none."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.adapters.docker.address import address_of, answering, usual_addresses, wanted
from penstock.errors import UserError


def test_what_a_person_may_write() -> None:
    assert address_of("/run/x.sock", {}).text == "unix:///run/x.sock"
    assert address_of("unix:///run/x.sock", {}).path == "/run/x.sock"
    assert (address_of("http://box:1234", {}).text, address_of("http://box:1234", {}).tls) == ("tcp://box:1234", None)
    assert address_of("tcp://box", {"DOCKER_TLS_VERIFY": "1"}).tls is not None
    assert address_of("https://box", {}).tls is not None


@pytest.mark.parametrize("text", ["ssh://box", "npipe:////./pipe/docker", "box:2375", ""])
def test_other_connections_are_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(UserError) as refused:
        address_of(text, {})
    assert "unix:///path" in (refused.value.help or "")


def test_docker_host_is_the_only_place_when_it_is_given() -> None:
    assert list(usual_addresses({"DOCKER_HOST": "unix:///a"})) == ["unix:///a"]
    assert wanted({"DOCKER_HOST": "unix:///a"}).text == "unix:///a"
    assert wanted({"DOCKER_HOST": "unix:///a"}, "tcp://b:1").text == "tcp://b:1"


@pytest.fixture
def replies(tmp_path: Path) -> Iterator[tuple[str, list[bytes]]]:
    """A socket that gives these answers."""
    path = tmp_path / "s"
    answers: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(1000)
                    connection.sendall(answers[0])

        threading.Thread(target=serve, daemon=True).start()
        yield f"unix://{path}", answers
        server.shutdown(socket.SHUT_RDWR)


def test_an_engine_is_one_that_says_so(replies: tuple[str, list[bytes]]) -> None:
    text, answers = replies
    answers[:] = [b"HTTP/1.0 200 OK\r\n\r\nOK"]
    found = answering({"DOCKER_HOST": text})
    assert found is not None
    assert found.text == text
    answers[:] = [b"HTTP/1.0 500 Internal Server Error\r\n\r\n"]
    assert answering({"DOCKER_HOST": text}) is None
    assert answering({"DOCKER_HOST": "unix:///nonexistent/s"}) is None
