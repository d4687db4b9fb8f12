"""What a program writes: lines of log, and lines of the form `::{…}::` that tell outputs, metrics and logs.

Every byte is used once, also over a crash: a frame of the log says how much of its stream is used up with it, and
what was told stands beside the log as a note. A note is one letter for the stream, one for what it is, and text:
`=` a message or the last piece of one, `+` a piece that is followed by others, `!` a message that is too long (the
rest of its line is dropped), `.` the end of that line.

Secrets are masked before anything is kept. So that none slips through in two halves, the last bytes of a line that
comes in pieces wait for the next piece; they are not used up until then.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from penstock.duration import parse_duration
from penstock.flow.model import Level
from penstock.ports.runner import Stream
from penstock.tasks.base import Context

MOST_MESSAGE = 1024 * 1024
"""The longest message that is read (bytes)."""

MOST_OUTPUTS = 2 * 1024 * 1024
"""All outputs of one attempt as JSON (bytes)."""

MOST_METRICS = 10_000
"""The metrics of one attempt that are kept."""

HELD = 2048
"""What waits of an unfinished line (bytes). A runner keeps at least a block of what it handed over last."""

_MESSAGE = re.compile(rb"::(\{.*\})::", re.DOTALL)
_LETTERS = {Stream.STDOUT: b"o", Stream.STDERR: b"e"}
_STREAMS = {letter: stream for stream, letter in _LETTERS.items()}
_LEVELS = {Stream.STDOUT: Level.INFO, Stream.STDERR: Level.ERROR}
_WHOLE, _PIECE, _TOO_LONG, _DROPPED = b"=", b"+", b"!", b"."
_UNENDED = "it does not end with `}::`"
_KINDS = ("counter", "timer", "gauge")


class Output:
    """Takes the raw output of one attempt apart. For one thread.

    outputs      what was told, later values over earlier ones
    metrics      in the order in which they were told
    said_errors  whether anything but messages came over standard error
    fault        why the attempt has failed whatever its exit code, or None
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._writer = context.log_writer
        self._least = context.task.log_level
        self._held: dict[Stream, bytes] = dict.fromkeys(Stream, b"")
        self._open: dict[Stream, bytes | None] = dict.fromkeys(Stream)
        self._dropping: set[Stream] = set()
        self._within: set[Stream] = set()
        self._ends: dict[Stream, int] = {}
        self._size = 0
        self.outputs: dict[str, Any] = {}
        self.metrics: list[Mapping[str, Any]] = []
        self.said_errors = False
        self.fault: str | None = None

    # ── from outside ──

    def recall(self) -> None:
        """Take in what was told to a process that is gone."""
        for note in self._writer.notes:
            stream, kind, text = _STREAMS[note[:1]], note[1:2], note[2:]
            match kind:
                case b"+":
                    self._open[stream] = (self._open[stream] or b"") + text
                case b"=":
                    message = (self._open[stream] or b"") + text
                    self._open[stream] = None
                    self._take(message, anew=False)
                case b"!":
                    self._too_long(stream)
                case _:
                    self._dropping.discard(stream)
        self.said_errors = self._writer.offsets.get(Stream.STDERR.value, 0) > 0

    @property
    def offsets(self) -> dict[Stream, int]:
        """How much of each stream is used up."""
        used = self._writer.offsets
        return {stream: used.get(stream.value, 0) for stream in Stream}

    def tail(self, stream: Stream, data: bytes, offset: int) -> None:
        """The next raw output (see `penstock.ports.runner.Tail`)."""
        self._ends[stream] = offset
        data = self._held[stream] + data
        end = data.rfind(b"\n") + 1
        at = offset - len(data)
        if end:
            self._lines(stream, data[:end], at)
        self._held[stream] = self._piece(stream, data[end:], at + end) if end < len(data) else b""
        self._writer.flush()

    def finish(self) -> None:
        """The streams have ended: what waits is a last line without its end."""
        for stream, held in self._held.items():
            if held or stream in self._within or self._open[stream] is not None or stream in self._dropping:
                self._line(stream, self._masked(held), self._ends.get(stream))
            self._held[stream] = b""
        self._writer.flush()

    # ── lines ──

    def _lines(self, stream: Stream, data: bytes, at: int) -> None:
        """Whole lines. A secret that goes over several of them is masked as one."""
        masked = self._masked(data)
        lines = masked.removesuffix(b"\n").split(b"\n")
        raw = data[:-1].split(b"\n") if masked is not data else lines
        if len(lines) != len(raw):
            *others, last = lines
            for line in others:
                self._line(stream, line, None)
            self._line(stream, last, at + len(data))
            return
        ends = [at := at + len(line) + 1 for line in raw]
        if b"\r" in masked:
            lines = [line.removesuffix(b"\r") for line in lines]
        alone = [number for number, line in enumerate(lines) if _is_message(line)] if b"::{" in masked else []
        if (stream in self._within or stream in self._dropping or self._open[stream] is not None) and 0 not in alone:
            alone.insert(0, 0)
        begin = 0
        for number in alone:
            self._write_lines(stream, lines[begin:number], ends[begin:number])
            self._line(stream, lines[number], ends[number])
            begin = number + 1
        self._write_lines(stream, lines[begin:], ends[begin:])

    def _line(self, stream: Stream, line: bytes, offset: int | None) -> None:
        """A whole line, or the last piece of one."""
        if stream in self._dropping:
            self._dropping.discard(stream)
            self._note(stream, _DROPPED, b"", offset)
            return
        is_first = stream not in self._within
        self._within.discard(stream)
        begun = self._open[stream]
        if begun is not None:
            self._open[stream] = None
            self._message(stream, begun, line, offset)
        elif is_first and _is_message(line):
            self._message(stream, b"", line, offset)
        else:
            self._write(stream, line, offset, continued=False)

    def _piece(self, stream: Stream, data: bytes, at: int) -> bytes:
        """A line that goes on: use up what can be used up, and give back what must wait."""
        if len(data) <= HELD:
            return data
        cut = self._cut(data)
        piece, offset = self._masked(data[:cut]), at + cut
        if stream in self._dropping:
            self._note(stream, _TOO_LONG, b"", offset)
            return data[cut:]
        begun = self._open[stream]
        if begun is not None or (stream not in self._within and data.startswith(b"::{")):
            whole = (begun or b"") + piece
            if len(whole) > MOST_MESSAGE:
                self._note(stream, _TOO_LONG, b"", offset)
                self._too_long(stream)
            else:
                self._open[stream] = whole
                self._note(stream, _PIECE, piece, offset)
        else:
            self._within.add(stream)
            self._write(stream, piece, offset, continued=True)
        return data[cut:]

    def _cut(self, data: bytes) -> int:
        """Where to cut so that no secret is cut in two."""
        masked = self._masked(data)
        if masked is data:
            return len(data) - HELD
        for cut in range(len(data) - HELD, 0, -HELD // 2):
            if self._masked(data[:cut]) + self._masked(data[cut:]) == masked:
                return cut
        return len(data)

    def _write(self, stream: Stream, text: bytes, offset: int | None, *, continued: bool) -> None:
        if self._is_logged(stream):
            self._writer.write(stream.value, _LEVELS[stream], text, offset=offset, continued=continued)

    def _write_lines(self, stream: Stream, lines: Sequence[bytes], ends: Sequence[int]) -> None:
        """Whole lines that are no messages, all at once: most of what most programs write."""
        if lines and self._is_logged(stream):
            self._writer.write_lines(stream.value, _LEVELS[stream], lines, ends)

    def _is_logged(self, stream: Stream) -> bool:
        self.said_errors = self.said_errors or stream is Stream.STDERR
        return self._least is None or _LEVELS[stream].rank >= self._least.rank

    def _note(self, stream: Stream, kind: bytes, text: bytes, offset: int | None) -> None:
        self._writer.note(stream.value, _LETTERS[stream] + kind + text, offset=offset)

    def _masked(self, data: bytes) -> bytes:
        """`data` itself when there is nothing to hide in it."""
        text = data.decode("utf-8", "surrogateescape")
        masked = self._context.mask(text)
        return data if masked == text else masked.encode("utf-8", "surrogateescape")

    # ── messages ──

    def _too_long(self, stream: Stream) -> None:
        self._open[stream] = None
        self._dropping.add(stream)
        self.fault = (
            f"A ::{{…}}:: line is longer than {MOST_MESSAGE} bytes: write large results into a file, "
            "and name it in `outputFiles`"
        )

    def _message(self, stream: Stream, begun: bytes, last: bytes, offset: int | None) -> None:
        if len(begun) + len(last) > MOST_MESSAGE:
            self._note(stream, _TOO_LONG, b"", None)
            self._note(stream, _DROPPED, b"", offset)
            self._too_long(stream)
            self._dropping.discard(stream)
            return
        self._note(stream, _WHOLE, last, offset)
        self._take(begun + last, anew=True)

    def _take(self, message: bytes, *, anew: bool) -> None:
        """What a message tells. Its log lines and complaints were written when it was read for the first time."""
        found = _MESSAGE.fullmatch(message)
        try:
            told = json.loads(found[1]) if found is not None else _UNENDED
        except (ValueError, RecursionError) as error:
            told = error
        if not isinstance(told, dict):
            if anew:
                shown = message[2:-2] if found is not None else message
                self._warn(f"Invalid outputs '{_short(shown)}': {told}")
            return
        self._take_outputs(told.get("outputs"), anew=anew)
        for metric in _list(told.get("metrics")):
            self._take_metric(metric, anew=anew)
        if anew:
            for line in _list(told.get("logs")):
                self._take_log(line)

    def _take_outputs(self, outputs: Any, *, anew: bool) -> None:
        if outputs is None:
            return
        if not isinstance(outputs, dict):
            if anew:
                self._warn("Invalid outputs: `outputs` must be a mapping")
            return
        outputs = self._hidden(outputs)
        self._size += len(json.dumps(outputs, ensure_ascii=False).encode("utf-8", "surrogatepass"))
        if self._size > MOST_OUTPUTS:
            whole = json.dumps(self.outputs | outputs, ensure_ascii=False)
            self._size = len(whole.encode("utf-8", "surrogatepass"))
        if self._size > MOST_OUTPUTS:
            self.fault = (
                f"The outputs are larger than {MOST_OUTPUTS} bytes: write large results into a file, "
                "and name it in `outputFiles`"
            )
            return
        self.outputs.update(outputs)

    def _take_metric(self, metric: Any, *, anew: bool) -> None:
        kept = _metric(metric)
        if kept is None:
            if anew:
                self._warn(f"Invalid metric '{_short(json.dumps(metric).encode())}'")
        elif len(self.metrics) < MOST_METRICS:
            self.metrics.append(self._hidden(kept))
        elif anew and len(self.metrics) == MOST_METRICS:
            self._warn(f"Only the first {MOST_METRICS} metrics are kept")

    def _take_log(self, line: Any) -> None:
        if not isinstance(line, dict):
            self._warn(f"Invalid log line '{_short(json.dumps(line).encode())}'")
            return
        name = str(line.get("level", "INFO")).upper()
        level = Level.WARN if name == "WARNING" else Level.__members__.get(name, Level.INFO)
        self._context.log(level, str(line.get("message", "")))

    def _warn(self, message: str) -> None:
        self._context.log(Level.WARN, message)

    def _hidden(self, value: Any) -> Any:
        """Secrets masked that JSON had written in another form."""
        match value:
            case str():
                return self._context.mask(value)
            case list():
                return [self._hidden(item) for item in value]
            case dict():
                return {self._context.mask(key): self._hidden(item) for key, item in value.items()}
        return value


def _is_message(line: bytes) -> bool:
    return line.startswith(b"::{") and line.endswith(b"}::")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _metric(told: Any) -> dict[str, Any] | None:
    """A metric as it is kept: a timer in seconds. None when it is none."""
    if not isinstance(told, dict) or not isinstance(told.get("name"), str) or told.get("type") not in _KINDS:
        return None
    value, tags = told.get("value"), told.get("tags") or {}
    if isinstance(value, str):
        try:
            value = parse_duration(value).total_seconds() if told["type"] == "timer" else float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    if not isinstance(tags, dict):
        return None
    return {"name": told["name"], "type": told["type"], "value": value, "tags": tags}


def _short(text: bytes) -> str:
    shown = text.decode("utf-8", "replace")
    return shown if len(shown) <= 200 else shown[:199] + "…"
