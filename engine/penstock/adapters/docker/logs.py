"""The raw output of a container: the engine's frames, read over a connection of their own and put into pieces.

It is heard as it comes, over a connection that is there before the container is started, and read from what the engine
keeps where that connection broke or was another agent's. What is kept is text, and what is heard is made the same: so
the place where one has stopped is the place where the other goes on.

Asked by HTTP/1.0, an engine sends the frames as they are, without a second framing around each, and docker-py, which
parses each of them, reads a tenth of it in the same time. A frame is eight bytes (stream, three zeros, length) and
its text: a line, or a part of a long one.
"""

from __future__ import annotations

import codecs
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
_ENTRY = 16 * 1024
_MOST_ENDS = 64 * 1024
REMEMBERED = 50
_STREAMS = {1: Stream.STDOUT, 2: Stream.STDERR}


class Broken(Exception):
    """The connection ended before the answer did, or what came is no answer."""


class OutputStream:
    """An answer of the engine that is frames until it ends."""

    def __init__(self, address: Address, request: str, timeout: float) -> None:
        """`request` is its method and path. Raises OSError when the engine is away, Broken, NotFound."""
        self._timeout = timeout
        self._connection = address.connect(timeout)
        self._waiting = select.poll() if hasattr(select, "poll") else None
        try:
            self._connection.sendall(f"{request} HTTP/1.0\r\nHost: docker\r\n\r\n".encode())
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


def kept_output(
    address: Address, api_version: str, container: str, *, follow: bool, timeout: float, tail: int | None = None
) -> OutputStream:
    """What a container has put out, from its beginning, and with `follow` what it puts out until it ends.

    `tail`: only so many entries, from the end. Raises OSError, Broken, NotFound.
    """
    path = f"/v{api_version}/containers/{container}/logs?stdout=1&stderr=1&follow={int(follow)}"
    return OutputStream(address, f"GET {path}" + (f"&tail={tail}" if tail is not None else ""), timeout)


def live_output(address: Address, api_version: str, container: str, *, timeout: float) -> OutputStream:
    """What a container that is made and not started will put out, as it comes: from memory and in large frames, which
    is three times as fast as what is kept. A program that prints faster than this is read is slowed down, and while
    nobody reads at all its engine answers nothing about it; nothing is lost (held by a test).

    Raises OSError, Broken, NotFound.
    """
    path = f"/v{api_version}/containers/{container}/attach?stream=1&stdout=1&stderr=1"
    return OutputStream(address, f"POST {path}", timeout)


class Pieces:
    """Frames taken apart, and handed over from an offset on: whole lines, a line over 64 KiB in several pieces.

    A container's output is always read from its beginning; what was handed over before is passed by. Lasts over
    several connections: `begin_anew` before each. `received` counts the bytes of this connection, `last` holds its last
    frames: by them, or by the last bytes of each stream, it is told whether anything is missing at the end.
    """

    def __init__(self, tail: Tail, offsets: Mapping[Stream, int]) -> None:
        self._tail = tail
        self._handed = {stream: offsets.get(stream, 0) for stream in Stream}
        self.last: deque[bytes] = deque(maxlen=REMEMBERED)
        self.begin_anew()

    def begin_anew(self, *, is_live: bool = False) -> None:
        """The next bytes are the beginning of the output again: as the engine keeps it, or live."""
        self._is_live = is_live
        self._rest = b""
        self._lines: dict[Stream, bytes] = dict.fromkeys(Stream, b"")
        self._ends: dict[Stream, bytes] = dict.fromkeys(Stream, b"")
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
        """Whole lines, and parts of 64 KiB of a line that is longer, are passed on; the rest waits for its end."""
        data = self._lines[stream] + data
        at, length = 0, len(data)
        while length - at > _LINE:
            end = data.rfind(b"\n", at, at + _LINE) + 1
            end = end or at + _LINE
            self._pass_on(stream, data[at:end])
            at = end
        whole = data.rfind(b"\n", at) + 1
        if whole:
            self._pass_on(stream, data[at:whole])
            at = whole
        self._lines[stream] = data[at:]

    def finish(self) -> None:
        """The output has ended: hand over the lines that have no end."""
        for stream, line in self._lines.items():
            if line:
                self._lines[stream] = b""
                self._pass_on(stream, line)

    def _pass_on(self, stream: Stream, data: bytes) -> None:
        """Hand over what was not handed over before."""
        if self._is_live:
            data = as_kept(data)
            self._ends[stream] = (self._ends[stream] + data)[-_MOST_ENDS:]
        if skip := self._pass_by[stream]:
            self._pass_by[stream] = max(skip - len(data), 0)
            data = data[skip:]
            if not data:
                return
        # Counted first: what `tail` has begun to keep is not handed over a second time should it raise.
        self._handed[stream] += len(data)
        self._tail(stream, data, self._handed[stream])

    def end_as(self, told: Sequence[bytes]) -> bool:
        """Whether each live stream ends with what these frames, the last ones that an engine has kept, say of it."""
        texts: dict[int, bytes] = {1: b"", 2: b""}
        for frame in told:
            texts[frame[0]] = texts.get(frame[0], b"") + frame[8:]
        ends = {number: self._ends[stream] + as_kept(self._lines[stream]) for number, stream in _STREAMS.items()}
        return all(kind in ends and ends[kind].endswith(text[-_MOST_ENDS:]) for kind, text in texts.items())


def as_kept(heard: bytes) -> bytes:
    """What an engine keeps of output, which is text: a byte that belongs to no character is U+FFFD, and so are those of
    a character across the places, 16 KiB apart, where it cuts a line. `heard` begins at such a place, or with a line.

    Source: moby 20.10, daemon/logger/copier.go and jsonfilelog/jsonlog.
    """
    if heard.isascii():
        return heard
    whole = heard.split(b"\n")
    return b"\n".join(b"".join(_text(line[at : at + _ENTRY]) for at in range(0, len(line), _ENTRY)) for line in whole)


def _text(heard: bytes) -> bytes:
    return heard.decode("utf-8", _EACH_BYTE).encode()


def _each_byte(error: UnicodeError) -> tuple[str, int]:
    """As Go does it; Python's own `replace` counts what belongs together once."""
    assert isinstance(error, UnicodeDecodeError)
    return "\ufffd" * (error.end - error.start), error.end


_EACH_BYTE = "penstock-each-byte"
codecs.register_error(_EACH_BYTE, _each_byte)


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
