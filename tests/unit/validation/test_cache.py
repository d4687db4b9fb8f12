"""What is kept: believed when it is whole, made anew when it is not, bounded, and never in the way."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.diagnostic import Diagnostic, Edit, FlowName, Position, Range, Severity
from penstock.flow.catalogue.catalog import load_catalog
from penstock.flow.layout.tree import FlowFile
from penstock.flow.reading.comments import Comment, Named
from penstock.validation.cache import Cache
from penstock.validation.check import Report, check
from penstock.validation.codec import VERDICT
from penstock.validation.decisions import Decisions, Rule
from penstock.validation.facts import Awaited, Call, DeclaredInput, Facts, FlowTrigger, Given, Kept, Read, Stored
from penstock.validation.options import Options
from penstock.validation.schedule_facts import ScheduleFacts
from penstock.validation.sources import Sources, blob_id
from penstock.validation.verdict import Verdict

LOG = "io.kestra.plugin.core.log.Log"
NOW = datetime(2026, 6, 1, 12, 5, tzinfo=UTC)


def flow(name: str, more: str = "") -> bytes:
    return f"id: {name}\nnamespace: n\n{more}tasks:\n  - {{id: t, type: {LOG}, message: x}}\n".encode()


def sources(*texts: bytes) -> Sources:
    return Sources(tuple(FlowFile(f"{n}.yaml", Path(f"{n}.yaml"), text) for n, text in enumerate(texts)), root="/r")


def judged(cache: Cache, *texts: bytes, options: Options | None = None, now: datetime = NOW) -> Report:
    return check(sources(*texts), load_catalog(), options or Options(), cache=cache, processes=1, now=now)


def told(report: Report) -> list[tuple[str, str]]:
    return [(one.file, one.code) for one in report.diagnostics]


BAD = flow("bad", "nope: 1\n")


def test_what_is_known_is_not_judged_again(tmp_path: Path) -> None:
    first = judged(Cache(tmp_path), flow("a"), BAD)
    again = judged(Cache(tmp_path), flow("a"), BAD)
    assert (first.judged, again.judged) == (2, 0)
    assert again.diagnostics == first.diagnostics != []
    assert (again.flows, again.files, again.line("1.yaml", 3)) == (2, 2, "nope: 1")


def test_one_file_that_differs_is_judged_alone_and_all_are_compared(tmp_path: Path) -> None:
    judged(Cache(tmp_path), flow("a"), flow("b"))
    report = judged(Cache(tmp_path), flow("a"), flow("a", "description: x\n"))
    assert (report.judged, told(report)) == (1, [("0.yaml", "PEN501"), ("1.yaml", "PEN501")])


def test_the_same_content_is_judged_once_and_told_for_each_file(tmp_path: Path) -> None:
    report = judged(Cache(tmp_path), BAD, BAD)
    assert report.judged == 1
    assert [file for file, code in told(report) if code == "PEN202"] == ["0.yaml", "1.yaml"]


@pytest.mark.parametrize(
    "options",
    [
        Options(unknown_types=None),
        Options(decisions=Decisions((Rule("PEN803", "warning"),))),
    ],
)
def test_who_judges_otherwise_judges_anew(tmp_path: Path, options: Options) -> None:
    judged(Cache(tmp_path), flow("a"))
    assert judged(Cache(tmp_path), flow("a"), options=options).judged == 1


def test_decisions_are_no_part_of_a_verdict_but_of_a_report(tmp_path: Path) -> None:
    assert [code for _, code in told(judged(Cache(tmp_path), BAD.replace(b"nope: 1", b"sla: [{}]")))] != []
    off = Options(decisions=Decisions((Rule("PEN703", "off"),)))
    report = judged(Cache(tmp_path), BAD.replace(b"nope: 1", b"sla: [{}]"), options=off)
    assert report.judged == 0
    assert "PEN703" not in {code for _, code in told(report)}


def test_what_depends_on_the_time_is_not_kept_beyond_it(tmp_path: Path) -> None:
    dated = flow(
        "a",
        "triggers:\n  - id: s\n    type: io.kestra.plugin.core.trigger.ScheduleOnDates\n"
        "    timezone: UTC\n    dates: ['2026-07-01T00:00:00Z']\n",
    )
    assert "PEN405" not in {code for _, code in told(judged(Cache(tmp_path), dated))}
    later = judged(Cache(tmp_path), dated, now=datetime(2026, 8, 1, tzinfo=UTC))
    assert (later.judged, "PEN405" in {code for _, code in told(later)}) == (0, True)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: b"",
        lambda data: data[:-9] + bytes([data[-9] ^ 1]) + data[-8:],
        lambda data: b"\x00\xff" * 100,
    ],
)
def test_what_is_damaged_is_made_anew(tmp_path: Path, damage: object) -> None:
    assert callable(damage)
    first = judged(Cache(tmp_path), BAD)
    for sheet in tmp_path.iterdir():
        sheet.write_bytes(damage(sheet.read_bytes()))
    cache = Cache(tmp_path)
    again = judged(cache, BAD)
    assert (again.diagnostics, again.judged, cache.damaged) == (first.diagnostics, 1, 2)
    assert judged(Cache(tmp_path), BAD).judged == 0


def test_a_sheet_that_is_whole_and_holds_nonsense_is_made_anew(tmp_path: Path) -> None:
    first = judged(Cache(tmp_path), BAD)
    cache = Cache(tmp_path)
    for sheet in sorted(tmp_path.iterdir()):
        lines = cache.sheet(sheet.stem)
        cache.put(sheet.stem, dict.fromkeys(lines, json.dumps([1, "x"])))
    again = judged(Cache(tmp_path), BAD)
    assert (again.diagnostics, again.judged) == (first.diagnostics, 1)


def test_a_folder_that_cannot_be_written_keeps_nothing_and_stops_nobody(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("no folder")
    for _ in range(2):
        assert judged(Cache(file / "cache"), BAD).judged == 1
    assert judged(Cache(None), BAD).judged == 1
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path, most_bytes=4000)
    for number, name in enumerate("abcdef"):
        cache.put(name, {"k": "x" * 900})
        os.utime(tmp_path / f"{name}.sheet", (number, number))
    cache.put("new", {"k": "x" * 900})
    assert sorted(one.name for one in tmp_path.iterdir()) == ["d.sheet", "e.sheet", "f.sheet", "new.sheet"]


def test_a_sheet_that_is_full_leaves_out_what_was_not_used(tmp_path: Path) -> None:
    cache = Cache(tmp_path, most_bytes=400)
    cache.put("s", {"old": "x" * 40, "used": "y" * 40, "new": "z" * 20}, ["used", "new"])
    assert list(cache.sheet("s")) == ["used", "new"]


def test_what_a_killed_writer_has_left_goes(tmp_path: Path) -> None:
    left = tmp_path / "verdicts-1.new"
    left.write_text("half")
    os.utime(left, (1, 1))
    Cache(tmp_path).put("s", {"a": "1"})
    assert [one.name for one in tmp_path.iterdir()] == ["s.sheet"]


def test_writers_at_once_leave_a_whole_sheet(tmp_path: Path) -> None:
    def write(number: int) -> None:
        for turn in range(30):
            Cache(tmp_path).put("s", {f"{number}-{turn}-{n}": "x" * 200 for n in range(20)})

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    cache = Cache(tmp_path)
    while any(writer.is_alive() for writer in writers):
        assert len(cache.sheet("s")) in (0, 20)
    for writer in writers:
        writer.join()
    assert (len(cache.sheet("s")), cache.damaged) == (20, 0)
    assert [one.name for one in tmp_path.iterdir()] == ["s.sheet"]


def test_ids_are_those_of_git() -> None:
    assert blob_id(b"hello\n") == "ce013625030ba8dba906f756967f9e9ca394464a"
    assert len(blob_id(b"", like="0" * 64)) == 64


TEXT = st.text(max_size=8)
RANGES = st.builds(
    lambda line, column, width: Range(Position(line, column), Position(line, column + width)),
    st.integers(1, 999), st.integers(1, 99), st.integers(1, 9),
)  # fmt: skip
NAMES = st.builds(FlowName, TEXT, TEXT)


def many(part: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(part, max_size=2).map(tuple)


GIVEN = st.builds(Given, TEXT, RANGES, many(st.builds(Given, TEXT, RANGES)))
READS = many(st.builds(Read, TEXT, RANGES, st.booleans()))
FACTS = st.builds(
    Facts,
    NAMES,
    RANGES,
    st.none() | many(st.builds(DeclaredInput, TEXT, st.booleans())),
    st.none() | many(TEXT),
    many(
        st.builds(
            Call, NAMES, RANGES, RANGES, st.none() | many(GIVEN), st.booleans(), RANGES, st.booleans(),
            st.none() | TEXT, st.none() | RANGES, READS,
        )
    ),
    many(
        st.builds(
            FlowTrigger, TEXT, many(st.builds(Awaited, NAMES, RANGES, RANGES, st.booleans())), st.booleans(), READS
        )
    ),
    READS,
    many(st.builds(Stored, TEXT, TEXT, RANGES)),
    many(st.builds(Kept, st.none() | TEXT, st.none() | TEXT)),
    many(st.builds(Stored, TEXT, TEXT, RANGES)),
    many(st.builds(Kept, st.none() | TEXT, st.none() | TEXT)),
)  # fmt: skip
FOUND = st.builds(
    Diagnostic, TEXT, st.sampled_from(Severity), TEXT, TEXT, RANGES, st.none() | TEXT, TEXT, st.none() | NAMES,
    st.none() | st.builds(Edit, RANGES, TEXT, st.booleans()),
)  # fmt: skip
COMMENTS = st.builds(
    Comment, RANGES, many(st.builds(Named, TEXT, RANGES)), st.integers(), st.integers(), TEXT, st.none() | RANGES,
    st.booleans(),
)  # fmt: skip


@given(st.builds(Verdict, st.booleans(), many(FOUND), st.none() | FACTS, many(COMMENTS)))
@settings(max_examples=80)
def test_a_verdict_is_the_same_after_it_was_written_and_read(verdict: Verdict) -> None:
    again = VERDICT.read(json.loads(json.dumps(VERDICT.write(verdict))))
    assert again == verdict
    assert [one.fix for one in again.found] == [one.fix for one in verdict.found]


def test_schedules_are_kept_with_the_verdict() -> None:
    schedule = ScheduleFacts("", FlowName("n", "a"), "s", Range.at(1, 1), "0 9 * * *", ("0", "9", "*", "*", "*"))
    verdict = Verdict(True, (), None, schedules=(schedule,))
    again = VERDICT.read(json.loads(json.dumps(VERDICT.write(verdict))))
    assert again == verdict
    assert again.scheduled("f.yaml") == [replace(schedule, file="f.yaml")]
