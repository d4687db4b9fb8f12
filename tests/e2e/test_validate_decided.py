"""`penstock validate` with what a repository has decided, and with `--fix`: what is told, and what the files become."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from penstock_cli.main import main

LOG = "io.kestra.plugin.core.log.Log"
NEW = f"id: a\nnamespace: company.team\ntasks:\n  - id: t\n    type: {LOG}\n    message: x\n"
OLD = NEW.replace("plugin.core.log", "core.tasks.log")
SLIP = NEW + "    levle: INFO\n"
CHECKED = NEW + "workerGroup:\n  key: x\n"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "flows").mkdir()
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def validate(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command through the program's own way in; its exit code, what it printed, and what it said aside."""

    def run(*arguments: str, stdin: bytes = b"") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        with pytest.raises(SystemExit) as left:
            main(["validate", *arguments])
        assert isinstance(left.value.code, int)
        return left.value.code, *capsys.readouterr()

    return run


def test_a_waiver_lets_a_finding_be_until_its_day(project: Path, validate: Run) -> None:
    (project / "flows" / "a.yaml").write_text(CHECKED)
    rules = "rules:\n  PEN703:\n    severity: error\n    waivers: [{path: flows/a.yaml, reason: known, until: UNTIL}]\n"
    (project / "penstock.yaml").write_text(rules.replace("UNTIL", "2199-01-01"))
    assert validate("-q") == (0, "", "")
    (project / "penstock.yaml").write_text(rules.replace("UNTIL", "2020-01-01"))
    code, told, _ = validate("-q")
    assert code == 1
    assert "error[PEN703]: `workerGroup` has no effect in this version\n --> flows/a.yaml:7:1\n" in told
    assert (
        "warning[PEN293]: this waiver of PEN703 in `flows/a.yaml` held until 2020-01-01 (known)\n"
        " --> penstock.yaml:4:15\n"
    ) in told


def test_what_nothing_needs_is_told_of_the_whole_repository_alone(project: Path, validate: Run) -> None:
    (project / "flows" / "a.yaml").write_text(NEW.replace("x\n", "x # penstock: ignore[PEN602]\n"))
    (project / "flows" / "b.yaml").write_text(NEW.replace("id: a", "id: b"))
    assert "information[PEN294]" in validate()[1]
    assert "PEN294" not in validate("flows/a.yaml")[1]


def test_a_waiver_without_a_reason_stops_the_command(project: Path, validate: Run) -> None:
    (project / "flows" / "a.yaml").write_text(NEW)
    (project / "penstock.yaml").write_text("rules:\n  PEN6:\n    waivers: [{path: x, until: 2199-01-01}]\n")
    code, told, aside = validate()
    assert (code, told) == (2, "")
    assert "penstock.yaml:3:15: `reason` is missing" in aside


def test_fix_writes_and_says_what_is_left(project: Path, validate: Run) -> None:
    (project / "flows" / "a.yaml").write_text(OLD)
    (project / "flows" / "b.yaml").write_text(SLIP.replace("id: a", "id: b"))
    assert "1 of them can be mended with --fix, 1 more with --unsafe-fixes.\n" in validate()[1]
    code, told, aside = validate("--fix", "-o", "concise", "-q")
    assert (code, told) == (1, "flows/b.yaml:7:5: error[PEN202] unknown property `levle`\n")
    assert aside == "Fixed 1 problem in 1 file.\n"
    assert (project / "flows" / "a.yaml").read_text() == NEW
    assert validate("--fix", "--unsafe-fixes", "-q") == (0, "", "Fixed 1 problem in 1 file.\n")
    assert (project / "flows" / "b.yaml").read_text() == NEW.replace("id: a", "id: b") + "    level: INFO\n"
    assert validate("--fix", "--unsafe-fixes", "-q") == (0, "", "")


def test_diff_shows_and_writes_nothing(project: Path, validate: Run) -> None:
    (project / "flows" / "a.yaml").write_text(OLD.rstrip("\n"))
    code, told, aside = validate("--diff")
    assert (code, aside) == (1, "Would fix 1 problem in 1 file.\n")
    assert told == (
        "--- a/flows/a.yaml\n+++ b/flows/a.yaml\n@@ -2,5 +2,5 @@\n namespace: company.team\n tasks:\n   - id: t\n"
        "-    type: io.kestra.core.tasks.log.Log\n+    type: io.kestra.plugin.core.log.Log\n     message: x\n"
        "\\ No newline at end of file\n"
    )
    assert (project / "flows" / "a.yaml").read_text() == OLD.rstrip("\n")
    assert validate("--fix", "--diff", "-q")[0] == 1
    (project / "flows" / "a.yaml").write_text(NEW)
    assert validate("--diff") == (0, "", "Nothing to fix.\n")


def test_standard_input_is_written_out_mended(project: Path, validate: Run) -> None:
    assert validate("-", "--fix", "-q", stdin=OLD.encode()) == (0, NEW, "")
    code, told, aside = validate("-", "--fix", "-q", "-o", "concise", stdin=SLIP.encode())
    assert (code, told) == (1, SLIP)
    assert aside == "<stdin>:7:5: error[PEN202] unknown property `levle`\n"
    assert list((project / "flows").iterdir()) == []


@pytest.mark.parametrize("arguments", [("--unsafe-fixes",), ("-", "flows", "--fix")])
def test_wishes_that_do_not_fit_together_are_refused(project: Path, validate: Run, arguments: tuple[str, ...]) -> None:
    (project / "flows" / "a.yaml").write_text(OLD)
    assert validate(*arguments)[0] == 2


def test_an_edit_says_in_json_whether_it_is_safe(project: Path, validate: Run) -> None:
    (project / "flows" / "a.yaml").write_text(OLD)
    (found,) = json.loads(validate("-o", "json")[1])["diagnostics"]
    assert found["fix"] == {
        "range": {"start": {"line": 5, "column": 11}, "end": {"line": 5, "column": 39}},
        "text": LOG, "safe": True,
    }  # fmt: skip


# ── formats ──


@pytest.mark.parametrize("output", ["gitlab", "sarif", "junit", "github", "json"])
def test_a_forge_is_told_paths_from_the_root_of_the_repository(
    project: Path, validate: Run, output: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    (project / "flows" / "b.yaml").write_text(SLIP)
    monkeypatch.chdir(project / "flows")
    code, told, _ = validate("b.yaml", "--format", output)
    assert code == 1
    assert ("flows/b.yaml" in told) is (output in ("gitlab", "sarif", "github"))
    assert "b.yaml" in told


def test_a_report_goes_into_a_file(project: Path, validate: Run) -> None:
    (project / "flows" / "b.yaml").write_text(SLIP)
    code, told, aside = validate("-o", "gitlab", "--output-file", "report.json")
    assert (code, told) == (1, "")
    assert aside.startswith("Found 1 error in 1 flow")
    (issue,) = json.loads((project / "report.json").read_text())
    assert issue["location"]["path"] == "flows/b.yaml"
    code, told, aside = validate("--output-file", "nowhere/report.txt")
    assert (code, told) == (2, "")
    assert "cannot write nowhere/report.txt" in aside


def test_a_workflow_has_its_summary(project: Path, validate: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "flows" / "b.yaml").write_text(SLIP)
    page = project / "summary.md"
    page.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    assert validate("-o", "github")[1].startswith("::error file=flows/b.yaml,line=7,")
    assert page.read_text().startswith("before\n### ❌ penstock validate\n")
    assert "| error | PEN202 | flows/b.yaml:7:5 | unknown property &#96;levle&#96; |" in page.read_text()
