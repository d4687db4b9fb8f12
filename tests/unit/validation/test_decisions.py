"""What a repository has decided: severities, waivers and comments over findings, and what nothing needed."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from penstock.diagnostic import Diagnostic, Range, Severity
from penstock.flow.reading.comments import ignored
from penstock.settings import load_settings
from penstock.validation.decisions import Decisions, decide, decisions_of

TODAY = date(2026, 6, 1)
ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO


def found(code: str, file: str = "flows/a.yaml", severity: Severity = WARNING, line: int = 3) -> Diagnostic:
    return Diagnostic(code, severity, "it is so", file, Range.at(line, 1))


def rules(
    folder: Path, text: str, asked: tuple[str, ...] = ("PEN407", "PEN801", "PEN802", "PEN803", "PEN804")
) -> Decisions:
    """What a penstock.yaml with these rules has decided, seen from its own folder."""
    (folder / "penstock.yaml").write_text(f"rules:\n{text}")
    settings = load_settings(folder=folder, environ={})
    assert settings.diagnostics == ()
    return decisions_of(settings)


def told(given: Diagnostic, decisions: Decisions) -> Severity | None:
    after = [one for one in decide([given], decisions, {}, TODAY) if one.code == given.code]
    return after[0].severity if after else None


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("text", "code", "after"),
    [
        ("  PEN602: error\n", "PEN602", ERROR),
        ("  PEN602: off\n", "PEN602", None),
        ("  PEN6: off\n", "PEN602", None),
        ("  PEN602: error\n  PEN6: off\n  PEN60: information\n", "PEN602", ERROR),
        ("  PEN6: off\n  PEN60: information\n", "PEN602", INFO),
        ("  PEN7: off\n", "PEN602", WARNING),
        ("  PEN602: {severity: information}\n", "PEN602", INFO),
        ("  PEN602: {paths: {'flows/*': 'off'}}\n", "PEN602", None),
        ("  PEN602: {severity: error, paths: {'other/**': 'off'}}\n", "PEN602", ERROR),
        ("  PEN602: {paths: {'flows/': 'off', 'flows/a.yaml': error}}\n", "PEN602", ERROR),
        ("  PEN602: {paths: {'flows/a.yaml': error, '**': information}}\n", "PEN602", INFO),
        ("  PEN602: {paths: {'other/**': error}}\n  PEN6: information\n", "PEN602", INFO),
    ],
)
def test_the_longest_prefix_that_says_something_decides(
    tmp_path: Path, text: str, code: str, after: Severity | None
) -> None:
    assert told(found(code), rules(tmp_path, text)) is after


def test_what_could_not_be_read_stays_an_error_and_its_warnings_do_not(tmp_path: Path) -> None:
    decisions = rules(tmp_path, "  PEN2: off\n")
    assert told(found("PEN210", severity=ERROR), decisions) is ERROR
    assert told(found("PEN210", severity=WARNING), decisions) is None
    assert told(found("PEN229", severity=ERROR), decisions) is None


@pytest.mark.parametrize(
    ("text", "code", "after"),
    [
        ("  PEN1: error\n", "PEN801", None),
        ("  PEN801: warning\n", "PEN801", WARNING),
        ("  PEN8: information\n", "PEN801", INFO),
        ("  PEN4: error\n", "PEN407", None),
        ("  PEN40: error\n  PEN407: warning\n", "PEN407", WARNING),
        ("  PEN8: warning\n  PEN801: off\n", "PEN801", None),
        ("  PEN801: {waivers: {path: x, reason: y, until: 2027-01-01}}\n", "PEN801", None),
    ],
)
def test_what_is_off_is_on_where_it_is_named(tmp_path: Path, text: str, code: str, after: Severity | None) -> None:
    decisions = rules(tmp_path, text)
    assert told(found(code, severity=INFO), decisions) is after
    assert decisions.is_on(code) is (after is not None)


WAIVED = """\
  PEN602:
    waivers:
      - path: flows/old/**
        reason: moves in June
        until: 2026-06-01
"""


def test_a_waiver_holds_in_its_files_to_the_end_of_its_last_day(tmp_path: Path) -> None:
    decisions = rules(tmp_path, WAIVED)
    waived, other = found("PEN602", "flows/old/b.yaml"), found("PEN602", "flows/b.yaml")
    assert decide([waived, other], decisions, {}, TODAY) == [other]
    after = decide([waived, other], decisions, {}, date(2026, 6, 2))
    assert [(one.code, one.file) for one in after] == [
        ("PEN602", "flows/b.yaml"), ("PEN602", "flows/old/b.yaml"), ("PEN293", "penstock.yaml"),
    ]  # fmt: skip
    assert after[2].message == "this waiver of PEN602 in `flows/old/**` held until 2026-06-01 (moves in June)"
    assert (after[2].range.start.line, after[2].severity) == (4, WARNING)


def test_a_waiver_of_a_family_holds_beside_a_rule_for_one_code(tmp_path: Path) -> None:
    decisions = rules(tmp_path, WAIVED.replace("PEN602", "PEN6") + "  PEN602: error\n")
    assert decide([found("PEN602", "flows/old/b.yaml")], decisions, {}, TODAY) == []


def test_a_waiver_that_nothing_needs_is_told_where_all_was_judged(tmp_path: Path) -> None:
    decisions = rules(tmp_path, WAIVED)
    (one,) = decide([], decisions, {}, TODAY)
    assert (one.code, one.severity, one.range.start.line) == ("PEN294", INFO, 4)
    assert decide([], decisions, {}, TODAY, is_whole=False) == []
    assert decide([], rules(tmp_path, WAIVED + "  PEN294: off\n"), {}, TODAY) == []


def test_globs_begin_at_the_folder_of_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decisions = rules(tmp_path, "  PEN602: {paths: {'flows/**': 'off'}}\n")
    (tmp_path / "flows").mkdir()
    monkeypatch.chdir(tmp_path / "flows")
    assert told(found("PEN602", "a.yaml"), decisions) is None
    assert told(found("PEN602", "../a.yaml"), decisions) is WARNING
    assert told(found("PEN602", str(tmp_path / "flows" / "a.yaml")), decisions) is None


def test_a_rule_for_no_code_is_told_at_its_place(tmp_path: Path) -> None:
    (one,) = decide([], rules(tmp_path, "  PEN602: off\n  PEN699: off\n"), {}, TODAY)
    assert (one.code, one.file, one.range) == ("PEN290", "penstock.yaml", Range.at(3, 3, 6))


# ── comments ──


def commented(
    text: str, *given: Diagnostic, is_whole: bool = True, decisions: Decisions | None = None
) -> list[tuple[str, str]]:
    after = decide(given, decisions or Decisions(), {"flows/a.yaml": ignored(text)}, TODAY, is_whole=is_whole)
    return [(one.code, one.message) for one in after]


def test_a_comment_passes_over_what_it_names() -> None:
    line = found("PEN602", line=1)
    assert commented("a: 1 # penstock: ignore[PEN602]\n", line) == []
    assert commented("a: 1 # penstock: ignore[PEN601, PEN602]\n", line) == [
        ("PEN294", "nothing here needs `ignore[PEN601]`"),
    ]  # fmt: skip
    assert commented("# penstock: ignore-file[PEN602]\na: 1\n", line) == []


def test_a_comment_that_cannot_be_heeded_says_so() -> None:
    error = found("PEN210", severity=ERROR, line=1)
    assert commented("a: 1 # penstock: ignore[PEN210]\n", error) == [
        ("PEN294", "an error of PEN210 cannot be ignored"), ("PEN210", "it is so"),
    ] or commented("a: 1 # penstock: ignore[PEN210]\n", error) == [
        ("PEN210", "it is so"), ("PEN294", "an error of PEN210 cannot be ignored"),
    ]  # fmt: skip
    assert commented("a: 1\n# penstock: ignore-file[PEN602]\n") == [
        ("PEN294", "`ignore-file` stands too low to be heeded"),
    ]  # fmt: skip


def test_what_nothing_needs_is_told_where_it_can_be_known() -> None:
    text = "a: 1 # penstock: ignore[PEN602]\n"
    assert commented(text) == [("PEN294", "nothing here needs `ignore[PEN602]`")]
    assert commented(text, is_whole=False) == []
    unread = found("PEN104", severity=ERROR, line=2)
    assert commented(text, unread) == [("PEN104", "it is so")]
    assert commented("a: 1 # penstock: ignore[PEN801]\n") == []


def test_a_code_that_is_none_is_told_with_what_was_meant() -> None:
    (one,) = decide([], Decisions(), {"a": ignored("x: # penstock: ignore[PEN6O2]\n")}, TODAY, is_whole=False)
    assert (one.code, one.range, one.help) == ("PEN294", Range.at(1, 23, 6), "did you mean `PEN602`?")


def test_a_comment_that_nothing_needs_is_taken_away_with_its_space_or_line() -> None:
    behind, alone = "a: 1  # penstock: ignore[PEN602] -- old\n", "# penstock: ignore[PEN602]\na: 1\n"
    for text, where in ((behind, Range.at(1, 5, 35)), (alone, Range.at(1, 1, 0))):
        (one,) = decide([], Decisions(), {"a": ignored(text)}, TODAY)
        assert one.fix is not None
        assert (one.fix.text, one.fix.safe, one.fix.range.start) == ("", True, where.start)
    (script,) = decide([], Decisions(), {"a": ignored("s: |\n  x # penstock: ignore[PEN602]\n")}, TODAY)
    assert script.fix is not None
    assert not script.fix.safe
