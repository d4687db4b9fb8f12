"""The framed file itself: torn tails, full disks, other processes, and how it is packed."""

from __future__ import annotations

import gzip
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import ROOT
from fakes.small_disk import small_disk
from penstock.adapters.logs import FrameLogs
from penstock.errors import Stalled, UserError
from penstock.flow.model import Level
from penstock.ports.clock import HeldClock
from penstock.ports.logs import LogKey
from until import until

KEY = LogKey("e", "r", 1)
ROOMY = 1 << 30


def texts(logs: FrameLogs) -> list[str]:
    return [line.text for line in logs.read("e")]


def write_some(logs: FrameLogs, count: int = 3) -> None:
    writer = logs.open(KEY, max_bytes=ROOMY)
    for number in range(count):
        writer.write("stdout", Level.INFO, f"line {number}".encode(), offset=(number + 1) * 7)
    writer.close(final=False)


def test_a_tail_torn_anywhere_is_cut_off_and_written_anew(tmp_path: Path) -> None:
    logs = FrameLogs(tmp_path)
    write_some(logs)
    path = tmp_path / "e" / "r.1.log"
    whole = path.read_bytes()
    frame = len(whole) // 3
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        kept = length // frame
        assert len(texts(logs)) == kept
        writer = logs.open(KEY, max_bytes=ROOMY)
        assert writer.offsets == ({"stdout": kept * 7} if kept else {})
        writer.write("stdout", Level.INFO, b"more", offset=99)
        writer.close(final=False)
        assert texts(logs) == [f"line {number}" for number in range(kept)] + ["more"]


@pytest.mark.parametrize("damage", [b"\0" * 200, b"\xff" * 200, b"\xa7" * 200])
def test_what_a_power_loss_leaves_behind_the_frames_is_not_read(tmp_path: Path, damage: bytes) -> None:
    logs = FrameLogs(tmp_path)
    write_some(logs)
    path = tmp_path / "e" / "r.1.log"
    path.write_bytes(path.read_bytes() + damage)
    assert len(texts(logs)) == 3
    logs.open(KEY, max_bytes=ROOMY).close(final=True)
    assert len(texts(logs)) == 3


def test_a_flipped_bit_ends_the_log_there(tmp_path: Path) -> None:
    logs = FrameLogs(tmp_path)
    write_some(logs)
    path = tmp_path / "e" / "r.1.log"
    data = bytearray(path.read_bytes())
    data[len(data) // 3 + 30] ^= 1
    path.write_bytes(data)
    assert texts(logs) == ["line 0"]


def test_a_large_log_is_packed_and_reads_the_same(tmp_path: Path) -> None:
    logs = FrameLogs(tmp_path)
    write_some(logs, 5000)
    before = texts(logs)
    with logs.follow("e") as tail:
        assert len(tail.new()) == 5000
        summary = logs.open(KEY, max_bytes=ROOMY).close(final=True)
        logs.settle()
        assert tail.new() == []
    assert [path.name for path in (tmp_path / "e").iterdir()] == ["r.1.log.gz"]
    assert len(gzip.decompress((tmp_path / "e" / "r.1.log.gz").read_bytes())) == summary.bytes
    assert texts(logs) == before
    again = logs.open(KEY, max_bytes=ROOMY)
    assert again.offsets == {"stdout": 35_000}
    assert again.close(final=True) == summary
    logs.settle()


def test_a_small_log_stays_as_it_is(tmp_path: Path) -> None:
    logs = FrameLogs(tmp_path)
    write_some(logs)
    logs.open(KEY, max_bytes=ROOMY).close(final=True)
    logs.settle()
    assert [path.name for path in (tmp_path / "e").iterdir()] == ["r.1.log"]


def test_a_flush_is_one_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    writer = FrameLogs(tmp_path).open(KEY, max_bytes=ROOMY)
    real, calls = os.write, []
    monkeypatch.setattr(os, "write", lambda file, data: calls.append(len(data)) or real(file, data))
    for _ in range(100):
        writer.write("stdout", Level.INFO, b"x" * 100)
    writer.flush()
    writer.flush()
    assert len(calls) == 1
    writer.close(final=False)


def test_a_burst_comes_in_portions_and_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.adapters.logs.reading.PORTION_LINES", 1000)
    logs = FrameLogs(tmp_path)
    write_some(logs, 2500)
    got = []
    with logs.follow("e") as tail:
        while portion := tail.new():
            assert len(portion) <= 1000
            got += [line.text for line in portion]
    assert got == [f"line {number}" for number in range(2500)]


def test_a_burst_comes_in_portions_of_bytes_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.adapters.logs.reading.PORTION_BYTES", 100_000)
    logs = FrameLogs(tmp_path)
    writer = logs.open(KEY, max_bytes=ROOMY)
    for _ in range(30):
        writer.write("stdout", Level.INFO, b"x" * 30_000)
    writer.close(final=False)
    with logs.follow("e") as tail:
        portions = [len(portion) for portion in iter(tail.new, [])]
    assert sum(portions) == 30
    assert max(portions) <= 4


def test_a_log_with_much_to_read_leaves_others_their_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.adapters.logs.reading.PORTION_LINES", 1000)
    logs = FrameLogs(tmp_path)
    write_some(logs, 5000)
    other = logs.open(LogKey("e", "z", 1), max_bytes=ROOMY)
    other.write("stdout", Level.INFO, b"I am here too")
    other.close(final=False)
    with logs.follow("e") as tail:
        tail.new()
        assert "I am here too" in [line.text for line in tail.new()]


def test_a_packed_log_is_unpacked_once_however_many_portions_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.adapters.logs.reading.PORTION_LINES", 1000)
    logs = FrameLogs(tmp_path)
    write_some(logs, 5000)
    logs.open(KEY, max_bytes=ROOMY).close(final=True)
    logs.settle()
    open_before = len(list(Path("/proc/self/fd").iterdir()))
    with logs.follow("e") as tail:
        assert len(tail.new()) == 1000
        logs.delete("e")  # whoever has it open goes on reading
        assert len(tail.new()) == 1000
    assert len(list(Path("/proc/self/fd").iterdir())) == open_before


@given(
    st.lists(st.tuples(st.integers(0, 2), st.lists(st.integers(0, 70_000) | st.integers(0, 9), max_size=9)), max_size=9)
)
def test_lines_at_once_make_the_frames_of_single_lines_and_are_read_back(batches: list[tuple[int, list[int]]]) -> None:
    """Also where a frame goes over the blocks in which the file is read."""
    with tempfile.TemporaryDirectory() as folder:
        logs = FrameLogs(Path(folder), HeldClock(), least_packed_bytes=1 << 30)
        single, at_once = (logs.open(LogKey("e", name, 1), max_bytes=300_000) for name in ("a", "b"))
        end = 0
        for number, lengths in batches:
            stream, lines = ("stdout", "stderr", "log")[number], [bytes([65 + number]) * length for length in lengths]
            ends = [end := end + len(line) + 1 for line in lines]
            at_once.write_lines(stream, Level.INFO, lines, ends)
            for line, at in zip(lines, ends, strict=True):
                single.write(stream, Level.INFO, line, offset=at)
            assert at_once.offsets == single.offsets
        assert at_once.close(final=False) == single.close(final=False)
        first, second = ((Path(folder) / "e" / f"{name}.1.log").read_bytes() for name in ("a", "b"))
        assert first == second
        kept = [line.text for line in logs.read("e", run="b")]
        wanted = [chr(65 + number) * length for number, lengths in batches for length in lengths]
        assert "".join(wanted)[: sum(map(len, kept))] == "".join(kept)


WRITER = """
import sys
sys.path.insert(0, {engine!r})
from pathlib import Path
from penstock.adapters.logs import FrameLogs
from penstock.flow.model import Level
from penstock.ports.logs import LogKey
writer = FrameLogs(Path({folder!r})).open(LogKey("e", "r", 1), max_bytes=1 << 30)
for line in sys.stdin:
    writer.write("stdout", Level.INFO, line.rstrip().encode())
    writer.flush()
"""


def test_another_process_reads_it_while_it_grows_and_after_its_writer_was_killed(tmp_path: Path) -> None:
    logs = FrameLogs(tmp_path)
    source = WRITER.format(engine=str(ROOT / "engine"), folder=str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", source], stdin=subprocess.PIPE, text=True) as writer:
        assert writer.stdin is not None
        with logs.follow("e") as tail:
            for text in ("one", "two"):
                writer.stdin.write(f"{text}\n")
                writer.stdin.flush()
                assert [line.text for line in until(tail.new, 10)] == [text]
        writer.kill()
    mine = logs.open(KEY, max_bytes=ROOMY)
    mine.write("stdout", Level.INFO, b"three")
    mine.close(final=True)
    logs.settle()
    assert texts(logs) == ["one", "two", "three"]


def test_a_full_disk_stalls_and_what_was_written_before_is_whole(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "1m") as disk:
        logs = FrameLogs(disk)
        writer = logs.open(KEY, max_bytes=ROOMY)

        def fill() -> None:
            for number in range(2000):
                writer.write("stdout", Level.INFO, b"x" * 1000, offset=(number + 1) * 1000)

        with pytest.raises(Stalled, match="disk is full"):
            fill()
        before = len(texts(logs))
        assert before > 500
        ballast = next(iter((disk / "e").glob("*.log")))
        assert ballast.stat().st_size <= 1 << 20
        subprocess.run(["mount", "-o", "remount,size=4m", str(disk)], check=True)
        writer.write("log", Level.INFO, b"there is room again")
        writer.close(final=True)
        logs.settle()
        assert texts(logs)[before - 1] == "x" * 1000
        assert texts(logs)[-1] == "there is room again"


@pytest.mark.parametrize("name", ["", "..", "a/b", "../x", ".hidden", "a\0"])
def test_an_id_that_is_no_file_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError):
        FrameLogs(tmp_path).open(LogKey(name, "r", 1), max_bytes=ROOMY)
    with pytest.raises(UserError):
        FrameLogs(tmp_path).open(LogKey("e", name, 1), max_bytes=ROOMY)


def test_many_logs_are_merged_with_few_files_open(tmp_path: Path) -> None:
    import resource

    logs = FrameLogs(tmp_path)
    for number in range(400):
        writer = logs.open(LogKey("e", f"r{number:04}", 1), max_bytes=ROOMY)
        writer.write("log", Level.INFO, str(number).encode())
        writer.close(final=False)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, hard))
    try:
        assert texts(logs) == [str(number) for number in range(400)]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
