"""Servers on loopback that say what a test tells them to say, byte for byte, and ways that are cut."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

RESULT = "application/x-git-upload-pack-result"


@contextmanager
def speaking(speak: Callable[[Talk], None]) -> Iterator[str]:
    """A server that does as told with what is POSTed, and knows no other page; its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return  # the test is over
                threading.Thread(target=one, args=(connection,), daemon=True).start()

        def one(connection: socket.socket) -> None:
            with connection, suppress(OSError):  # who asked may leave at any time
                talk = Talk(connection)
                if talk.next():
                    speak(talk)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/remote.git"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


class Talk:
    """One connection, request by request."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection

    def next(self) -> bool:
        """Wait for the next POST; False when there is none any more. Whatever else is asked for is not there."""
        said = b""
        while part := self.connection.recv(65536):
            said += part
            if said.startswith(b"GET") and said.endswith(b"\r\n\r\n"):
                self.say(answer(b"", "404 Not Found", kind="text/plain"))
                said = b""
            elif said.startswith(b"POST") and said.endswith(b"0000"):
                return True
        return False

    def say(self, text: bytes) -> None:
        self.connection.sendall(text)


def answer(body: bytes, status: str = "200 OK", more: str = "", kind: str = RESULT) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{more}Content-Length: {len(body)}\r\n\r\n".encode() + body


@contextmanager
def cut_after(port: int, count: int) -> Iterator[str]:
    """A way to `port` that is cut after so many bytes of answers; its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        left = [count]

        def serve() -> None:
            while True:
                try:
                    near, _ = listener.accept()
                except OSError:
                    return  # the test is over
                far = socket.create_connection(("127.0.0.1", port))
                threading.Thread(target=pass_on, args=(near, far, False), daemon=True).start()
                threading.Thread(target=pass_on, args=(far, near, True), daemon=True).start()

        def pass_on(source: socket.socket, sink: socket.socket, is_counted: bool) -> None:
            with source, sink, suppress(OSError):
                while data := source.recv(4096):
                    if is_counted:
                        data, left[0] = data[: left[0]], max(left[0] - len(data), 0)
                    sink.sendall(data)
                    if is_counted and left[0] == 0:
                        for end in (source, sink):
                            end.shutdown(socket.SHUT_RDWR)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
