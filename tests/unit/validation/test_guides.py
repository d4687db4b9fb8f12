"""Every code is explained by examples that hold: the wrong one gives the finding, the right one gives none."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from penstock.diagnostic import START, Diagnostic, Severity
from penstock.errors import UserError
from penstock.flow.catalogue.plugin_files import catalog_of
from penstock.flow.codes import ASKED, CODES, FIXED
from penstock.flow.defaults import outside_defaults
from penstock.flow.model import Dialect
from penstock.settings import load_settings, refuse_other_version
from penstock.validation.check import check
from penstock.validation.decisions import Decisions, Rule, decisions_of
from penstock.validation.folder import sources_in
from penstock.validation.guide import GUIDES, publish
from penstock.validation.guide.entry import Example, files_of
from penstock.validation.options import Options

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def findings(example: Example, folder: Path, code: str) -> list[Diagnostic]:
    """What `penstock validate` says of a repository that consists of an example."""
    for path, data in files_of(example).items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    settings = load_settings(folder=folder, environ={})
    if any(found.is_error for found in settings.diagnostics):
        return list(settings.diagnostics)
    try:
        refuse_other_version(settings)
        catalog = catalog_of(settings)
    except UserError as error:
        return [Diagnostic(error.code, Severity.ERROR, error.message, "penstock.yaml", START)]
    decisions = decisions_of(settings)
    if code in ASKED and not decisions.is_on(code):
        decisions = Decisions((Rule(code, "information"),))
    options = Options(Dialect(settings.dialect), Severity.ERROR, outside_defaults(settings.defaults), decisions)
    report = check(sources_in(folder, (), settings), catalog, options, now=NOW)
    return [*settings.diagnostics, *report.diagnostics]


@pytest.mark.parametrize("code", sorted(GUIDES))
def test_the_wrong_example_is_found_and_the_right_one_is_not(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guide = GUIDES[code]
    (tmp_path / "wrong" / "flows").mkdir(parents=True)
    (tmp_path / "right" / "flows").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "wrong")
    wrong = findings(guide.wrong, tmp_path / "wrong", code)
    assert {one.severity for one in wrong if one.code == code} == {CODES[code].severity}
    monkeypatch.chdir(tmp_path / "right")
    right = findings(guide.right, tmp_path / "right", code)
    assert [one for one in right if one.severity is not Severity.INFO or one.code == code] == []


def test_every_code_has_a_guide_and_every_guide_a_code() -> None:
    assert GUIDES.keys() == CODES.keys()


def test_what_is_off_until_asked_for_is_marked_in_its_guide() -> None:
    assert {code for code, guide in GUIDES.items() if guide.asked} == ASKED


@pytest.mark.parametrize("code", sorted(GUIDES))
def test_the_reason_is_told_in_sentences(code: str) -> None:
    why = GUIDES[code].why
    assert len(why) > 60
    assert why.endswith((".", "`."))
    assert "  " not in why


def test_the_committed_pages_are_the_generated_ones() -> None:
    assert publish.differences(publish.folder()) == []


def test_every_code_stands_in_the_index_and_on_its_page() -> None:
    pages = publish.pages()
    for code in CODES:
        page, _, anchor = publish.page_of(code).partition("#")
        assert f"]({page}#{anchor})" in pages["README.md"]
        assert f"\n## {code}\n" in pages[page]


def test_pages_are_made_anew_and_those_that_are_too_many_go(tmp_path: Path) -> None:
    (tmp_path / "old.md").write_text("old")
    assert publish.write(tmp_path) == sorted([*publish.pages(), "old.md"])
    assert publish.differences(tmp_path) == []
    assert publish.write(tmp_path) == []


@pytest.mark.parametrize("code", sorted(GUIDES))
def test_the_table_knows_which_findings_bring_an_edit(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "flows").mkdir()
    monkeypatch.chdir(tmp_path)
    fixes = [one.fix for one in findings(GUIDES[code].wrong, tmp_path, code) if one.code == code if one.fix is not None]
    assert not fixes or code in FIXED
    assert not any(fix.safe for fix in fixes) or FIXED[code]
