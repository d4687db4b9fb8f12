"""`penstock validate`: a project of files, one command, its exit code and whole output."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from penstock_cli.main import main

LOG = "io.kestra.plugin.core.log.Log"
GOOD = f"id: good\nnamespace: company.team\ntasks:\n  - id: hello\n    type: {LOG}\n    message: '{{{{ flow.id }}}}'\n"
BAD = (
    f"id: bad\nnamespace: company.team\ntasks:\n  - id: one\n    type: {LOG}\n    message: x\n"
    f"  - id: one\n    type: {LOG}\n    message: y\n"
)
WARNED = GOOD.replace("id: good", "id: warned") + "workerGroup:\n  key: x\n"

FORBIDDEN = ("pydantic", "docker", "git", "httpx", "jinja2", "importlib.metadata", "rich", "jsonschema", "croniter")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "flows").mkdir()
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@dataclass(frozen=True)
class Answer:
    exit_code: int
    stdout: str
    stderr: str


class Validate:
    """`penstock validate` in this process, through the program's own way in and out."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys, self._monkeypatch = capsys, monkeypatch

    def __call__(self, *arguments: str, stdin: bytes = b"") -> Answer:
        self._monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        with pytest.raises(SystemExit) as left:
            main(["validate", *arguments])
        assert isinstance(left.value.code, int)
        return Answer(left.value.code, *self._capsys.readouterr())


@pytest.fixture
def validate(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Validate:
    return Validate(capsys, monkeypatch)


def timeless(text: str) -> str:
    return re.sub(r"checked in [0-9.]+ m?s", "checked in N ms", text)


def test_flows_that_are_fine(project: Path, validate: Validate) -> None:
    (project / "flows" / "good.yaml").write_text(GOOD)
    result = validate()
    assert (result.exit_code, timeless(result.stdout)) == (0, "Found no problems in 1 flow (checked in N ms).\n")
    assert validate("-q").stdout == ""


def test_a_finding_has_its_frame(project: Path, validate: Validate) -> None:
    (project / "flows" / "bad.yaml").write_text(BAD)
    result = validate("flows")
    assert result.exit_code == 1
    assert timeless(result.stdout) == (
        "error[PEN212]: Duplicate task id with name [one]\n"
        " --> flows/bad.yaml:7:9\n"
        "  |\n"
        "7 |   - id: one\n"
        "  |         ^^^ the first stands in line 4\n"
        "  = help: rename one of them\n"
        "Found 1 error in 1 flow (checked in N ms).\n"
    )


def test_warnings_fail_only_where_asked(project: Path, validate: Validate) -> None:
    (project / "flows" / "warned.yaml").write_text(WARNED)
    assert validate().exit_code == 0
    assert validate("--fail-on", "warning").exit_code == 1
    (project / "flows" / "bad.yaml").write_text(BAD)
    assert validate().exit_code == 1
    assert validate("--fail-on", "never").exit_code == 0


def test_json_on_standard_output_alone(project: Path, validate: Validate) -> None:
    (project / "flows" / "bad.yaml").write_text(BAD)
    result = validate("-o", "json", "flows/bad.yaml")
    data = json.loads(result.stdout)
    assert (result.exit_code, data["outcome"], data["summary"]["errors"]) == (1, "failed", 1)
    assert data["diagnostics"][0]["range"]["start"] == {"line": 7, "column": 9}
    assert result.stderr == ""


def test_concise_and_github(project: Path, validate: Validate) -> None:
    (project / "flows" / "bad.yaml").write_text(BAD)
    assert validate("--format", "concise", "-q").stdout == (
        "flows/bad.yaml:7:9: error[PEN212] Duplicate task id with name [one]\n"
    )
    assert validate("--format", "github", "-q").stdout.startswith("::error file=flows/bad.yaml,line=7,endLine=7,col=9,")


def test_standard_input(project: Path, validate: Validate) -> None:
    result = validate("-", "-o", "concise", "-q", stdin=BAD.encode())
    assert (result.exit_code, result.stdout) == (1, "<stdin>:7:9: error[PEN212] Duplicate task id with name [one]\n")
    assert project.is_dir()


def test_unknown_types_and_dialects(project: Path, validate: Validate) -> None:
    (project / "flows" / "x.yaml").write_text(GOOD.replace(LOG, "com.example.Mine"))
    assert validate().exit_code == 1
    assert validate("--unknown-types", "warning").exit_code == 0
    assert "PEN210" in validate("--unknown-types", "warning").stdout
    assert "PEN210" not in validate("--unknown-types", "ignore").stdout
    (project / "flows" / "x.yaml").write_text(GOOD.replace("{{ flow.id }}", "{{ 1 + }}"))
    assert validate().exit_code == 1
    assert validate("--dialect", "0.21").exit_code == 0


def test_colour_is_the_callers_choice(project: Path, validate: Validate) -> None:
    (project / "flows" / "bad.yaml").write_text(BAD)
    assert "\x1b[1;31merror[PEN212]\x1b[0m" in validate("--color", "always").stdout
    assert "\x1b[" not in validate("--color", "never").stdout


def test_what_is_not_there_is_an_error_of_use(project: Path, validate: Validate) -> None:
    result = validate("nothing.yaml")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "nothing.yaml does not exist" in result.stderr
    assert validate("--format", "xml").exit_code == 2
    assert project.is_dir()


def test_a_thousand_bad_bytes_break_nothing(project: Path, validate: Validate) -> None:
    for n, source in enumerate((b"\xff\xfe\x00", b"[" * 30_000, b"a: *b", b"\x00" * 50, b"- 1", b"'", b"id: [\n")):
        (project / "flows" / f"{n}.yaml").write_bytes(source)
    result = validate()
    assert (result.exit_code, result.stderr) == (1, "")
    assert "7 errors" in result.stdout


ETL = (
    "id: etl\nnamespace: company.team\ntasks:\n"
    f"  - id: fetch\n    type: {LOG}\n    message: x\n"
    f"  - id: load\n    type: {LOG}\n    message: |\n      rows:\n      {{{{ outputs.extract.vars.rows }}}}\n"
    f"  - id: extract\n    type: {LOG}\n    message: x\n"
)


def test_a_reference_is_told_where_it_stands_with_where_its_task_stands(project: Path, validate: Validate) -> None:
    (project / "flows" / "etl.yaml").write_text(ETL)
    result = validate("-q")
    assert (result.exit_code, result.stdout) == (
        1,
        ("error[PEN204]: task `load` uses output of `extract`, which runs after it\n"
        "  --> flows/etl.yaml:11:10\n"
        "   |\n"
        "11 |       {{ outputs.extract.vars.rows }}\n"
        "   |          ^^^^^^^^^^^^^^^ `extract` is task 3 of 3\n"
        "   = help: move `extract` before `load`\n"),
    )  # fmt: skip


def test_a_comment_lets_a_reference_in_and_rules_soften_it(project: Path, validate: Validate) -> None:
    path = project / "flows" / "etl.yaml"
    path.write_text(ETL.replace("extract.vars.rows }}\n", "extract.vars.rows }} # penstock: ignore[PEN204]\n"))
    assert validate().exit_code == 0
    path.write_text(ETL)
    (project / "penstock.yaml").write_text("rules:\n  PEN204: warning\n")
    assert validate().exit_code == 0
    assert "warning[PEN204]" in validate().stdout


def imported_by(folder: Path, *arguments: str) -> set[str]:
    code = (
        "from penstock_cli.main import main\n"
        f"try:\n    main({['validate', *arguments]!r})\n"
        "except SystemExit:\n    sys.stderr.write('|' + ' '.join(sys.modules))"
    )
    root = Path(__file__).resolve().parents[2]
    paths = [str(root / name) for name in ("engine", "cli", "schemas")]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {paths!r}\n{code}"],
        cwd=folder, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return set(done.stderr.rpartition("|")[2].split())


def test_a_sound_flow_needs_none_of_the_heavy_packages(project: Path) -> None:
    (project / "flows" / "good.yaml").write_text(GOOD)
    assert imported_by(project).isdisjoint(FORBIDDEN)


def test_croniter_is_imported_when_a_cron_is_read_and_jsonschema_when_one_fails(project: Path) -> None:
    trigger = "triggers:\n  - id: s\n    type: io.kestra.plugin.core.trigger.Schedule\n    cron: '0 9 * * *'\n"
    (project / "flows" / "good.yaml").write_text(GOOD + trigger)
    (project / "flows" / "wrong.yaml").write_text("id: w\nnamespace: n\ntasks: 5\n")
    modules = imported_by(project)
    assert {"croniter", "jsonschema"} <= modules
    assert modules.isdisjoint({"pydantic", "docker", "git", "httpx", "jinja2", "importlib.metadata", "rich"})


def test_a_repository_sets_rules_defaults_and_dialect(project: Path, validate: Validate) -> None:
    (project / "flows" / "warned.yaml").write_text(WARNED)
    (project / "flows" / "bare.yaml").write_text(
        GOOD.replace("id: good", "id: bare").replace("message:", "level: INFO #")
    )
    assert validate("flows/bare.yaml").exit_code == 1
    (project / "penstock.yaml").write_text(
        "dialect: 0.21\nrules:\n  PEN703: error\n  PEN201: off\n  PEN707: off\n"
        f"defaults:\n  - type: {LOG}\n    values: {{message: hi}}\n"
    )
    result = validate("-o", "concise", "-q")
    assert (result.exit_code, result.stdout) == (
        1, "flows/warned.yaml:7:1: error[PEN703] `workerGroup` has no effect in this version\n",
    )  # fmt: skip


def test_a_penstock_yaml_that_cannot_be_followed_stops_the_command(project: Path, validate: Validate) -> None:
    (project / "flows" / "good.yaml").write_text(GOOD)
    (project / "penstock.yaml").write_text("dialect: 7\n")
    result = validate("flows")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "penstock.yaml:1:10" in result.stderr
