"""What was said is read back whole, in order, after a crash too, on every adapter of Logs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from fakes.logs import MemoryLogs
from penstock.adapters.logs import FrameLogs
from penstock.flow.model import Level
from penstock.ports.clock import HeldClock
from penstock.ports.logs import LogKey, LogLine, Logs

KEY = LogKey("e1", "r1", 1)
ROOMY = 1 << 30


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()


@pytest.fixture(params=["frames", "memory"])
def logs(request: pytest.FixtureRequest, tmp_path: Path, clock: HeldClock) -> Iterator[Logs]:
    made: Logs = FrameLogs(tmp_path / "logs", clock) if request.param == "frames" else MemoryLogs(clock)
    yield made
    made.settle()


def texts(lines: Iterator[LogLine] | list[LogLine]) -> list[str]:
    return [line.text for line in lines]


def test_lines_are_read_back_with_all_that_is_known_of_them(logs: Logs, clock: HeldClock) -> None:
    writer = logs.open(KEY, max_bytes=ROOMY)
    began = clock.now()
    writer.write("stdout", Level.INFO, b"one", offset=4)
    clock.advance(timedelta(seconds=1))
    writer.write("stderr", Level.WARN, "zwöi \xff".encode("latin-1"), offset=8)
    writer.write("log", Level.TRACE, b"")
    writer.close(final=True)
    later = began + timedelta(seconds=1)
    assert list(logs.read("e1")) == [
        LogLine(began, "stdout", Level.INFO, "one", KEY),
        LogLine(later, "stderr", Level.WARN, "zw�i �", KEY),
        LogLine(later, "log", Level.TRACE, "", KEY),
    ]
    assert texts(logs.read("e1", min_level=Level.WARN)) == ["zw�i �"]
    assert list(logs.read("e2")) == []


def test_what_is_flushed_is_seen_before_the_end(logs: Logs) -> None:
    writer = logs.open(KEY, max_bytes=ROOMY)
    writer.write("stdout", Level.INFO, b"one")
    assert texts(logs.read("e1")) == []
    writer.flush()
    assert texts(logs.read("e1")) == ["one"]
    writer.close(final=True)


def test_attempts_are_merged_by_time(logs: Logs, clock: HeldClock) -> None:
    writers = {
        name: logs.open(LogKey("e1", name[0], int(name[1])), max_bytes=ROOMY) for name in ("a1", "a2", "b1", "c1")
    }
    for name in ("b1", "a1", "a1", "c1", "b1", "a2", "c1"):
        clock.advance(timedelta(seconds=1))
        writers[name].write("stdout", Level.INFO, f"{name} {clock.monotonic():g}".encode())
    for writer in writers.values():
        writer.close(final=True)
    assert texts(logs.read("e1")) == ["b1 1", "a1 2", "a1 3", "c1 4", "b1 5", "a2 6", "c1 7"]
    assert texts(logs.read("e1", run="a")) == ["a1 2", "a1 3", "a2 6"]
    assert texts(logs.read("e1", run="a", attempt=2)) == ["a2 6"]


def test_a_clock_that_steps_back_does_not_turn_lines_around(logs: Logs, clock: HeldClock) -> None:
    writer = logs.open(KEY, max_bytes=ROOMY)
    writer.write("stdout", Level.INFO, b"one")
    clock.set(clock.now() - timedelta(hours=1))
    writer.write("stdout", Level.INFO, b"two")
    writer.close(final=True)
    assert texts(logs.read("e1")) == ["one", "two"]


def test_a_writer_goes_on_where_the_frames_that_survived_end(logs: Logs) -> None:
    first = logs.open(KEY, max_bytes=ROOMY)
    first.write("stdout", Level.INFO, b"one", offset=4)
    first.note("stdout", b'{"outputs":{}}', offset=20)
    first.write("stderr", Level.WARN, b"bad", offset=7)
    first.close(final=False)
    second = logs.open(KEY, max_bytes=ROOMY)
    assert (second.offsets, second.notes) == ({"stdout": 20, "stderr": 7}, [b'{"outputs":{}}'])
    second.write("stdout", Level.INFO, b"two", offset=24)
    summary = second.close(final=True)
    assert summary.lines == 3
    assert texts(logs.read("e1")) == ["one", "bad", "two"]


def test_a_log_closed_for_good_can_be_opened_again(logs: Logs) -> None:
    """The end of the attempt was not appended: whoever adopts it reads the log as it was."""
    first = logs.open(KEY, max_bytes=ROOMY)
    first.write("stdout", Level.INFO, b"one", offset=4)
    summary = first.close(final=True)
    logs.settle()
    again = logs.open(KEY, max_bytes=ROOMY)
    assert again.offsets == {"stdout": 4}
    assert again.close(final=True) == summary
    assert texts(logs.read("e1")) == ["one"]


def test_past_the_cap_it_is_counted_and_one_line_tells(logs: Logs) -> None:
    writer = logs.open(KEY, max_bytes=1000)
    for number in range(100):
        writer.write("stdout", Level.INFO, b"x" * 99, offset=(number + 1) * 100)
    writer.note("stdout", b"kept all the same", offset=10_020)
    assert writer.offsets == {"stdout": 10_020}
    summary = writer.close(final=True)
    *lines, last = texts(logs.read("e1"))
    kept = len(lines)
    assert 5 <= kept <= 10
    assert summary.cut_bytes == (100 - kept) * 99
    assert last == f"... {summary.cut_bytes} bytes more were cut here: the log of an attempt holds 1000 bytes"
    assert summary.lines == kept + 1
    again = logs.open(KEY, max_bytes=1000)
    assert (again.notes, again.offsets) == ([b"kept all the same"], {"stdout": 10_020})
    assert again.close(final=True).cut_bytes == summary.cut_bytes
    assert texts(logs.read("e1")) == [*lines, last]


def test_a_long_line_is_kept_in_pieces_and_exported_whole(logs: Logs, clock: HeldClock) -> None:
    writer = logs.open(KEY, max_bytes=ROOMY)
    writer.write("stdout", Level.INFO, b"a" * 70_000)
    writer.write("stdout", Level.INFO, b"b1", continued=True)
    writer.write("stderr", Level.ERROR, b"between")
    writer.write("stdout", Level.INFO, b"b2")
    summary = writer.close(final=True)
    lines = list(logs.read("e1"))
    assert [(len(line.text), line.continued) for line in lines] == [
        (65536, True),
        (4464, False),
        (2, True),
        (7, False),
        (2, False),
    ]
    assert summary.lines == 3
    at = "2026-01-01T00:00:00.000Z"
    expected = f"{at} INFO {'a' * 70_000}\n{at} INFO b1\n{at} ERROR between\n{at} INFO b2\n"
    assert b"".join(logs.export(KEY)).decode() == expected
    assert list(logs.export(LogKey("e1", "none", 1))) == []


def test_many_lines_at_once_are_as_one_after_the_other(logs: Logs) -> None:
    lines = [b"one", b"", b"a" * 70_000, b"\xff", b"\xc3\xb6"]
    ends = [4, 5, 70_006, 70_008, 70_011]
    at_once = logs.open(KEY, max_bytes=ROOMY)
    at_once.write_lines("stderr", Level.ERROR, lines, ends)
    at_once.write_lines("stderr", Level.ERROR, lines[:2], [70_015, 70_016])
    at_once.write_lines("stdout", Level.INFO, [], [])
    assert at_once.offsets == {"stderr": 70_016}
    single = logs.open(LogKey("e2", "r1", 1), max_bytes=ROOMY)
    for line, end in zip([*lines, *lines[:2]], [*ends, 70_015, 70_016], strict=True):
        single.write("stderr", Level.ERROR, line, offset=end)
    assert at_once.close(final=True) == single.close(final=True)
    found = [(line.stream, line.level, line.text, line.continued) for line in logs.read("e1")]
    assert found == [(line.stream, line.level, line.text, line.continued) for line in logs.read("e2")]
    assert len(found) == 8
    assert logs.open(KEY, max_bytes=ROOMY).offsets == {"stderr": 70_016}


def test_many_lines_at_once_are_cut_where_the_cap_is(logs: Logs) -> None:
    writer = logs.open(KEY, max_bytes=1000)
    writer.write_lines("stdout", Level.INFO, [b"x" * 99] * 100, range(100, 10_100, 100))
    assert writer.offsets == {"stdout": 10_000}
    summary = writer.close(final=True)
    *lines, last = texts(logs.read("e1"))
    assert 5 <= len(lines) <= 10
    assert summary.cut_bytes == (100 - len(lines)) * 99
    assert str(summary.cut_bytes) in last


def test_following_tells_what_is_new_and_nothing_twice(logs: Logs) -> None:
    with logs.follow("e1") as tail:
        assert tail.new() == []
        writer = logs.open(KEY, max_bytes=ROOMY)
        assert tail.new() == []
        writer.write("stdout", Level.INFO, b"one")
        writer.flush()
        assert texts(tail.new()) == ["one"]
        assert tail.new() == []
        writer.write("stdout", Level.INFO, b"two")
        other = logs.open(LogKey("e1", "r2", 1), max_bytes=ROOMY)
        other.write("log", Level.INFO, b"three")
        other.note("stdout", b"hidden")
        other.close(final=True)
        writer.close(final=True)
        logs.settle()
        assert sorted(texts(tail.new())) == ["three", "two"]
        assert tail.new() == []
    with logs.follow("e1") as tail:
        assert sorted(texts(tail.new())) == ["one", "three", "two"]


def test_deleting_forgets_one_execution(logs: Logs) -> None:
    for execution in ("e1", "e2"):
        writer = logs.open(LogKey(execution, "r", 1), max_bytes=ROOMY)
        writer.write("log", Level.INFO, execution.encode())
        writer.close(final=True)
    logs.delete("e1")
    logs.delete("e1")
    assert (texts(logs.read("e1")), texts(logs.read("e2"))) == ([], ["e2"])
