"""The raw output of a container: the engine's frames, read over a connection of their own and put into pieces.

Asked by HTTP/1.0, an engine sends the frames as they are, without a second framing around each, and docker-py, which
parses each of them, reads a tenth of it in the same time. A frame is eight bytes (stream, three zeros, length) and
its text: a line, or a part of a long one.
"""

from __future__ import annotations

import select
import socket
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import pairwise

from penstock.adapters.docker.address import Address
from penstock.errors import NotFound
from penstock.ports.runner import Stream, Tail

_READ = 256 * 1024
_MOST_HEAD = 64 * 1024
_MOST_FRAME = 64 << 20
_LINE = 64 * 1024
REMEMBERED = 50
_STREAMS = {1: Stream.STDOUT, 2: Stream.STDERR}


class Broken(Exception):
    """The connection ended before the answer did, or what came is no answer."""


class LogStream:
    """What a container has put out, from its beginning, and what it puts out from now on until it ends."""

    def __init__(
        self,
        address: Address,
        api_version: str,
        container: str,
        *,
        follow: bool,
        timeout: float,
        tail: int | None = None,
    ) -> None:
        """`tail`: only so many entries, from the end. Raises OSError when the engine is away, Broken, NotFound."""
        path = f"/v{api_version}/containers/{container}/logs?stdout=1&stderr=1&follow={int(follow)}"
        if tail is not None:
            path += f"&tail={tail}"
        self._timeout = timeout
        self._connection = address.connect(timeout)
        self._waiting = select.poll() if hasattr(select, "poll") else None
        try:
            self._connection.sendall(f"GET {path} HTTP/1.0\r\nHost: docker\r\n\r\n".encode())
            self._begun = self._head()
        except BaseException:
            self._connection.close()
            raise
        if self._waiting is not None:
            self._waiting.register(self._connection, select.POLLIN)

    def _head(self) -> bytes:
        """Read the status and the headers; what came behind them."""
        head = b""
        while b"\r\n\r\n" not in head:
            more = self._connection.recv(_READ)
            if not more or len(head) > _MOST_HEAD:
                raise Broken("the engine closed the connection before it answered")
            head += more
        lines, _, rest = head.partition(b"\r\n\r\n")
        status = lines.split(b"\r\n", 1)[0].split()
        if len(status) < 2 or status[1] != b"200":
            if len(status) >= 2 and status[1] == b"404":
                raise NotFound("the container is gone")
            raise Broken(f"the engine refused its logs: {rest[:200].decode(errors='replace').strip()}")
        return rest

    def read(self, seconds: float) -> bytes | None:
        """The next bytes; None when nothing has come for so long, empty at the end. Raises OSError, Broken."""
        if self._begun:
            begun, self._begun = self._begun, b""
            return begun
        if not self._is_readable(seconds):
            return None
        return self._connection.recv(_READ)

    def _is_readable(self, seconds: float) -> bool:
        if getattr(self._connection, "pending", lambda: 0)():  # within TLS bytes may wait that no poll shows
            return True
        if self._waiting is not None:
            return bool(self._waiting.poll(seconds * 1000))
        return bool(select.select([self._connection], [], [], seconds)[0])

    def close(self) -> None:
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()


class Pieces:
    """Frames taken apart, and handed over from an offset on: whole lines, a line over 64 KiB in several pieces.

    A container's output is always read from its beginning; what was handed over before is passed by. Lasts over
    several connections: `begin_anew` before each. `received` counts the bytes of this connection, `last` holds its last
    frames: by them it is told whether anything is missing at the end.
    """

    def __init__(self, tail: Tail, offsets: Mapping[Stream, int]) -> None:
        self._tail = tail
        self._handed = {stream: offsets.get(stream, 0) for stream in Stream}
        self._pass_by = dict(self._handed)
        self._rest = b""
        self._lines: dict[Stream, bytes] = dict.fromkeys(Stream, b"")
        self.received = 0
        self.last: deque[bytes] = deque(maxlen=REMEMBERED)

    def begin_anew(self) -> None:
        """The next bytes are the beginning of the output again."""
        self._rest = b""
        self._lines = dict.fromkeys(Stream, b"")
        self._pass_by = dict(self._handed)
        self.received = 0
        self.last.clear()

    @property
    def is_within(self) -> bool:
        """Whether a frame has begun and not ended."""
        return bool(self._rest)

    def feed(self, data: bytes) -> None:
        """Raises Broken for what are no frames."""
        data = self._rest + data if self._rest else data
        parts: dict[Stream, list[bytes]] = {stream: [] for stream in Stream}
        out, err = parts[Stream.STDOUT], parts[Stream.STDERR]
        at, length = 0, len(data)
        starts: list[int] = []
        while at + 8 <= length:
            end = at + 8 + int.from_bytes(data[at + 4 : at + 8])
            if end > length:
                break
            kind = data[at]
            if kind == 1:
                out.append(data[at + 8 : end])
            elif kind == 2:
                err.append(data[at + 8 : end])
            elif kind == 3:
                raise Broken(data[at + 8 : end].decode(errors="replace").strip())
            starts.append(at)
            at = end
        self._rest = data[at:]
        self.received += at
        recent = [*starts[-REMEMBERED:], at]
        self.last.extend(data[begun:ended] for begun, ended in pairwise(recent))
        if len(self._rest) >= 8 and (self._rest[0] > 3 or int.from_bytes(self._rest[4:8]) > _MOST_FRAME):
            raise Broken("the engine sent something that is no log")
        for stream, found in parts.items():
            if found:
                self._take(stream, b"".join(found))

    def _take(self, stream: Stream, data: bytes) -> None:
        skip = self._pass_by[stream]
        if skip:
            self._pass_by[stream] = max(skip - len(data), 0)
            data = data[skip:]
            if not data:
                return
        data = self._lines[stream] + data
        at, length = 0, len(data)
        while length - at > _LINE:
            end = data.rfind(b"\n", at, at + _LINE) + 1
            end = end or at + _LINE
            self._hand(stream, data[at:end])
            at = end
        whole = data.rfind(b"\n", at) + 1
        if whole:
            self._hand(stream, data[at:whole])
            at = whole
        self._lines[stream] = data[at:]

    def finish(self) -> None:
        """The output has ended: hand over the lines that have no end."""
        for stream, line in self._lines.items():
            if line:
                self._hand(stream, line)
                self._lines[stream] = b""

    def _hand(self, stream: Stream, data: bytes) -> None:
        # Counted first: what `tail` has begun to keep is not handed over a second time should it raise.
        self._handed[stream] += len(data)
        self._tail(stream, data, self._handed[stream])


def frames(data: bytes) -> list[bytes]:
    """The frames of a whole answer. Raises Broken when it ends within one."""
    found: list[bytes] = []
    at = 0
    while at < len(data):
        end = at + 8 + int.from_bytes(data[at + 4 : at + 8])
        if end > len(data):
            raise Broken("the answer ends within a frame")
        found.append(data[at:end])
        at = end
    return found


def ends_with(received: Sequence[bytes], told: Sequence[bytes]) -> bool:
    """Whether what was received ends as the engine tells; False where repetition leaves that open."""
    if list(received) != list(told):
        return False
    return not any(told[shift:] == told[:-shift] for shift in range(1, len(told)))
