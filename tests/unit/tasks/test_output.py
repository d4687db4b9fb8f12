"""What a program writes: lines of log, messages, long lines, secrets, and all of it over a crash."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.adapters.logs import FrameLogs
from penstock.flow.model import Level
from penstock.ports.logs import LogKey
from penstock.ports.runner import Stream
from penstock.tasks.scripts.protocol import HELD, MOST_MESSAGE, MOST_OUTPUTS, Output
from unit.tasks.fakes import HandContext, context

COMMANDS = "io.kestra.plugin.scripts.shell.Commands"
OUT, ERR = Stream.STDOUT, Stream.STDERR


def world(**more: Any) -> HandContext:
    return context(COMMANDS, {"commands": ["true"]}, **more)


def read(here: HandContext, *pieces: bytes, stream: Stream = OUT) -> Output:
    """All pieces of one stream, to its end."""
    output = Output(here)
    feed(output, pieces, stream)
    output.finish()
    return output


def feed(output: Output, pieces: tuple[bytes, ...], stream: Stream = OUT, start: int = 0) -> None:
    for piece in pieces:
        start += len(piece)
        output.tail(stream, piece, start)


def message(**told: Any) -> bytes:
    return b"::" + json.dumps(told).encode() + b"::\n"


def test_lines_are_logged_by_their_stream() -> None:
    here = world()
    output = Output(here)
    feed(output, (b"one\r\n\ntwo\n",))
    feed(output, (b"bad\n",), ERR)
    output.finish()
    assert here.said() == [("INFO", "one"), ("INFO", ""), ("INFO", "two"), ("ERROR", "bad")]
    assert output.offsets == {OUT: 10, ERR: 4}
    assert output.said_errors


def test_a_last_line_without_its_end_is_a_line() -> None:
    here = world()
    read(here, b"one\ntwo")
    assert here.said() == [("INFO", "one"), ("INFO", "two")]
    assert here.log_writer.offsets == {"stdout": 7}


def test_messages_are_merged_and_not_logged() -> None:
    here = world()
    told = message(outputs={"a": 1, "b": {"x": 1}}) + b"said\n" + message(outputs={"b": {"y": 2}, "c": None})
    output = read(here, told)
    assert output.outputs == {"a": 1, "b": {"y": 2}, "c": None}
    assert here.said() == [("INFO", "said")]


def test_metrics_are_kept_in_seconds_and_numbers() -> None:
    here = world()
    metrics = [
        {"name": "rows", "type": "counter", "value": 3, "tags": {"t": "x"}},
        {"name": "took", "type": "timer", "value": "PT1.5S"},
        {"name": "heat", "type": "gauge", "value": "2.5"},
        {"name": "odd", "type": "sum", "value": 1},
        {"name": "none", "type": "counter", "value": True},
    ]
    assert read(here, message(metrics=metrics)).metrics == [
        {"name": "rows", "type": "counter", "value": 3, "tags": {"t": "x"}},
        {"name": "took", "type": "timer", "value": 1.5, "tags": {}},
        {"name": "heat", "type": "gauge", "value": 2.5, "tags": {}},
    ]
    assert [level for level, text in here.said() if text.startswith("Invalid metric")] == ["WARN", "WARN"]


def test_logs_of_a_message_have_their_own_level() -> None:
    here = world()
    read(here, message(logs=[{"level": "warning", "message": "hm"}, {"message": "so"}, 5]))
    assert here.said() == [("WARN", "hm"), ("INFO", "so"), ("WARN", "Invalid log line '5'")]


@pytest.mark.parametrize("line", [b"::{not json}::", b'::{"outputs": 5}::'])
def test_a_message_that_cannot_be_read_is_a_warning(line: bytes) -> None:
    here = world()
    assert read(here, line + b"\n").outputs == {}
    ((level, text),) = here.said()
    assert (level, text[:16]) == ("WARN", "Invalid outputs:" if b"5" in line else "Invalid outputs ")


@pytest.mark.parametrize("line", [b' ::{"a":1}::', b'::{"a":1}:: ', b"::[1]::", b"x"])
def test_what_only_looks_like_a_message_is_a_line(line: bytes) -> None:
    here = world()
    read(here, line + b"\n")
    assert here.said() == [("INFO", line.decode())]


def test_a_message_may_come_in_pieces() -> None:
    here = world()
    told = message(outputs={"text": "x" * 300_000})
    output = read(here, *(told[at : at + 65536] for at in range(0, len(told), 65536)))
    assert output.outputs == {"text": "x" * 300_000}
    assert here.said() == []


@pytest.mark.parametrize("size", [65536, 10**9])
def test_a_message_that_is_too_long_fails_the_attempt_and_nothing_else(size: int) -> None:
    here = world()
    told = message(outputs={"text": "x" * MOST_MESSAGE}) + b"after\n" + message(outputs={"a": 1})
    output = read(here, *(told[at : at + size] for at in range(0, len(told), size)))
    assert output.fault is not None
    assert f"longer than {MOST_MESSAGE} bytes" in output.fault
    assert output.outputs == {"a": 1}
    assert here.said() == [("INFO", "after")]
    again = Output(here.crashed())
    again.recall()
    assert again.fault == output.fault
    feed(again, (b"more\n",), start=len(told))
    assert here.said()[-1] == ("INFO", "more")


def test_outputs_are_bounded_as_a_whole() -> None:
    part = "x" * (MOST_OUTPUTS // 3)
    output = read(world(), *(message(outputs={f"k{n}": part}) for n in range(4)))
    assert output.fault is not None
    assert f"larger than {MOST_OUTPUTS} bytes" in output.fault
    again = read(world(), *(message(outputs={"same": part}) for _ in range(9)))
    assert again.fault is None


def test_a_line_below_the_level_is_left_out() -> None:
    here = world()
    here.task = type(here.task)(here.task.id, here.task.type, here.task.kind, log_level=Level.ERROR)
    output = Output(here)
    feed(output, (b"one\n",))
    feed(output, (b"two\n",), ERR)
    assert here.said() == [("ERROR", "two")]


def test_secrets_are_masked_in_lines_messages_and_over_line_ends() -> None:
    here = world(secrets=("hush", "key1\nkey2", 'q"uote'))
    output = read(here, b"a hush b\nkey1\nkey2\n" + message(outputs={"a": "hush", "b": 'q"uote'}))
    assert here.said() == [("INFO", "a ****** b"), ("INFO", "******")]
    assert output.outputs == {"a": "******", "b": "******"}


def test_a_secret_is_masked_where_a_long_line_is_cut() -> None:
    here = world(secrets=("S" * 40,))
    line = b"a" * 65_510 + b"S" * 40 + b"b" * 70_000
    read(here, line[:65_536], line[65_536:131_072], line[131_072:])
    assert here.said() == [("INFO", "a" * 65_510 + "******" + "b" * 70_000)]


PARTS = st.lists(
    st.one_of(
        st.binary(max_size=40).filter(lambda data: b"\n" not in data and b"\r" not in data),
        st.integers(0, 9).map(lambda n: message(outputs={f"k{n}": n})[:-1]),
        st.integers(1, 3).map(lambda n: b"long" * (n * HELD // 2)),
        st.integers(1, 3).map(lambda n: message(outputs={"long": "y" * n * HELD})[:-1]),
    ),
    max_size=8,
)


@given(PARTS, st.data())
def test_nothing_is_lost_or_said_twice_over_a_crash(parts: list[bytes], data: st.DataObject) -> None:
    raw = b"".join(part + b"\n" for part in parts)
    whole = world()
    straight = read(whole, raw)
    here = world()
    at = 0
    for _ in range(data.draw(st.integers(0, 3))):
        output = Output(here)
        output.recall()
        at = output.offsets[OUT]
        while at < len(raw):
            end = raw.rfind(b"\n", at, data.draw(st.integers(at, len(raw)))) + 1
            end = end if end > at else min(len(raw), at + 3 * HELD)
            output.tail(OUT, raw[at:end], end)
            at = end
            if data.draw(st.booleans()):
                break
        here = here.crashed()
    output = Output(here)
    output.recall()
    feed(output, (raw[output.offsets[OUT] :],), start=output.offsets[OUT])
    output.finish()
    assert output.outputs == straight.outputs
    assert here.said() == whole.said()


BLOCK = st.lists(
    st.sampled_from([b"", b"a", b"b\r", b"\r", b"hush", b"say hush!\r", b"\xff", b"::{no", b" ::{}::", b"x" * 3000])
    | st.integers(0, 9).map(lambda n: message(outputs={f"k{n}": n})[:-1])
    | st.just(b"::{bad}::"),
    max_size=12,
)


@given(BLOCK, BLOCK, st.integers(0, 3 * HELD))
def test_many_lines_at_once_are_what_they_are_one_by_one(before: list[bytes], lines: list[bytes], begun: int) -> None:
    """Also behind the beginning of a line that was used up."""
    parts = [line + b"\n" for line in [*before, b"=" * begun, *lines]]
    first = sum(map(len, parts[: len(before)])) + begun
    raw = b"".join(parts)
    single, at_once = world(secrets=("hush",)), world(secrets=("hush",))
    one_by_one = read(single, *parts)
    output = read(at_once, raw[:first], raw[first:])
    assert at_once.said() == single.said()
    assert (output.outputs, output.offsets) == (one_by_one.outputs, one_by_one.offsets)


def test_plain_lines_cost_less_than_half_of_what_they_cost_one_by_one(tmp_path: Path) -> None:
    """In this thread's time, on a log in files: a program's output has to come in at 50 MB/s."""
    logs = FrameLogs(tmp_path)
    line = (b"0123456789" * 10)[:-1]
    single = logs.open(LogKey("e1", "r1", 1), max_bytes=1 << 30)
    began = time.thread_time()
    for number in range(100_000):
        single.write("stdout", Level.INFO, line, offset=100 * number)
    spent = time.thread_time() - began
    here = replace(world(), log_writer=logs.open(LogKey("e1", "r2", 1), max_bytes=1 << 30))
    output = Output(here)
    block = (line + b"\n") * 500
    began = time.thread_time()
    for number in range(1, 201):
        output.tail(OUT, block, number * len(block))
    assert time.thread_time() - began < spent / 2
    assert here.log_writer.close(final=False).lines == single.close(final=False).lines == 100_000
