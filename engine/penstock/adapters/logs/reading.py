"""Reading logs: merged by time, followed while they grow, told as plain text. Bounded by what runs at once."""

from __future__ import annotations

import heapq
import os
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

from penstock.adapters.logs.frame import Flag, Frame, LogFile, frames, line
from penstock.flow.model import Level
from penstock.ports.logs import LogKey, LogLine, LogTail

PORTION_LINES = 10_000
"""One look at what is new gives at most so many lines: whoever shows them slower than they come holds no more."""

PORTION_BYTES = 4 << 20
"""And at most so many bytes of frames, but for one frame."""


def logs_in(folder: Path, execution: str) -> list[LogFile]:
    """The logs of an execution, by run and attempt."""
    keys = set()
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                stem = entry.name.removesuffix(".gz").removesuffix(".log")
                run, dot, attempt = stem.rpartition(".")
                if dot and attempt.isdigit() and entry.name.endswith((".log", ".log.gz")):
                    keys.add((run, int(attempt)))
    except FileNotFoundError:
        return []
    return [LogFile(folder, LogKey(execution, run, attempt)) for run, attempt in sorted(keys)]


def merged(logs: list[LogFile], min_level: Level) -> Iterator[LogLine]:
    """The lines of all `logs` by time. Only those are open that overlap in time: not each of 10,000 runs of a loop."""
    starts = sorted((first, number) for number, log in enumerate(logs) if (first := _first_time(log)) is not None)
    waiting = iter(starts)
    upcoming = next(waiting, None)
    heap: list[tuple[int, int, int, Frame, Iterator[Frame]]] = []
    count = 0
    while heap or upcoming is not None:
        while upcoming is not None and (not heap or upcoming[0] <= heap[0][0]):
            source = _lines(logs[upcoming[1]])
            frame = next(source, None)
            if frame is not None:
                count += 1
                heapq.heappush(heap, (frame.time_us, upcoming[1], count, frame, source))
            upcoming = next(waiting, None)
        if not heap:
            continue
        _, number, _, frame, source = heap[0]
        said = line(frame, logs[number].key)
        following = next(source, None)
        if following is None:
            heapq.heappop(heap)
        else:
            count += 1
            heapq.heapreplace(heap, (following.time_us, number, count, following, source))
        if said.level.rank >= min_level.rank:
            yield said


def _first_time(log: LogFile) -> int | None:
    file = log.open()
    if file is None:
        return None
    with file:
        first = next(frames(file), None)
    return first.time_us if first is not None else None


def _lines(log: LogFile) -> Iterator[Frame]:
    file = log.open()
    if file is None:
        return
    with file:
        yield from (frame for frame in frames(file) if frame.is_line)


def _frames_from(log: LogFile, position: int) -> Generator[Frame]:
    file = log.open()
    if file is None:
        return
    with file:
        file.seek(position)
        yield from frames(file, position)


def exported(log: LogFile) -> Iterator[bytes]:
    """`<time> <LEVEL> <text>` lines; a line that was kept in pieces is one again, unless another came between."""
    open_stream: int | None = None
    for frame in _lines(log):
        if open_stream is not None and open_stream != frame.stream:
            yield b"\n"
            open_stream = None
        if open_stream is None:
            said = line(frame, log.key)
            at = said.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
            yield f"{at} {said.level.value} ".encode()
        yield frame.payload
        if frame.flags & Flag.CONTINUED:
            open_stream = frame.stream
        else:
            yield b"\n"
            open_stream = None
    if open_stream is not None:
        yield b"\n"


@dataclass(slots=True)
class _Followed:
    """`rest` is what is left of a packed log: its file stays open, because finding the place again means to unpack
    it from its beginning."""

    log: LogFile
    position: int = 0
    size: int = -1
    is_over: bool = False
    rest: Generator[Frame] | None = None


class FrameTail(LogTail):
    """A cursor over all logs of an execution. Between two looks it holds open what `_Followed` says, no more.

    One call hands over a portion at most: what is left comes with the next call, and an empty answer says that there
    is nothing more for now.
    """

    def __init__(self, folder: Path, execution: str) -> None:
        self._folder = folder
        self._execution = execution
        self._folder_changed = -1
        self._followed: dict[LogKey, _Followed] = {}

    def new(self) -> list[LogLine]:
        self._look_around()
        found: list[LogLine] = []
        room = PORTION_BYTES
        for key, followed in self._followed.items():
            if followed.is_over:
                continue
            room -= self._read(followed, found, room)
            if len(found) >= PORTION_LINES or room <= 0:
                if followed.rest is None:  # it may never be read to its end: the others have their turn before it
                    self._followed[key] = self._followed.pop(key)
                break
        found.sort(key=lambda said: said.at)
        return found

    def close(self) -> None:
        for followed in self._followed.values():
            if followed.rest is not None:
                followed.rest.close()
                followed.rest = None

    def _look_around(self) -> None:
        try:
            changed = self._folder.stat().st_mtime_ns
        except FileNotFoundError:
            return
        if changed == self._folder_changed:
            return
        for log in logs_in(self._folder, self._execution):
            self._followed.setdefault(log.key, _Followed(log))
        self._folder_changed = changed

    @staticmethod
    def _read(followed: _Followed, found: list[LogLine], room: int) -> int:
        """Add what is new in one log to `found`; how many bytes that were."""
        try:
            size = followed.log.plain.stat().st_size
            if size == followed.size:
                return 0
        except FileNotFoundError:
            size = -1  # packed: read to its end once
        begun, key = followed.position, followed.log.key
        source, followed.rest = followed.rest or _frames_from(followed.log, begun), None
        for frame in source:
            if frame.flags & Flag.END:
                followed.is_over = True
                break
            followed.position = frame.end
            if frame.is_line:
                found.append(line(frame, key))
            if frame.end - begun >= room or len(found) >= PORTION_LINES:
                if size < 0:
                    followed.rest = source
                else:
                    source.close()
                return followed.position - begun  # its size is not noted: there is more to read
        source.close()
        followed.size = size
        return followed.position - begun
