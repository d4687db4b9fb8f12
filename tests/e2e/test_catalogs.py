"""Catalogues of one's own and unknown types, as a person meets them: files, one command, its exit code and output."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from program import Outcome, penstock

LOAD: dict[str, Any] = {
    "title": "Loads a table",
    "required": ["table"],
    "additionalProperties": False,
    "properties": {
        "type": {"enum": ["com.acme.Load", "com.acme.OldLoad"]},
        "table": {"type": "string", "pattern": "^[a-z_]+$", "description": "Which table"},
        "mode": {"enum": ["APPEND", "REPLACE"]},
    },
}
FLOW = """id: a
namespace: b.c
tasks:
  - id: one
    type: com.acme.Load
    table: My Table
    mode: APEND
    colour: red
  - id: two
    type: com.acme.Lod
  - id: three
    type: com.acme.OldLoad
    table: t
"""
SOUND = "id: a\nnamespace: b.c\ntasks:\n  - id: one\n    type: com.acme.Load\n    table: t\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in (".git", "flows", "schemas"):
        (tmp_path / "repo" / name).mkdir(parents=True)
    place = tmp_path / "repo"
    (place / "penstock.yaml").write_text("# settings\ncatalogs:\n  - schemas\n")
    (place / "schemas" / "load.json").write_text(json.dumps(LOAD))
    (place / "flows" / "a.yaml").write_text(FLOW)
    return place


def validate(project: Path, *more: str) -> Outcome:
    return penstock("validate", "-q", "-o", "concise", *more, cwd=project, env={"XDG_CONFIG_HOME": str(project.parent)})


def test_types_of_a_catalogue_are_judged_by_their_schemas(project: Path) -> None:
    assert validate(project).out.splitlines() == [
        "flows/a.yaml:5:11: information[PEN706] `com.acme.Load` is known, and cannot run in this version",
        'flows/a.yaml:6:12: error[PEN206] `My Table` must match "^[a-z_]+$"',
        "flows/a.yaml:7:11: error[PEN205] `APEND` is not one of `APPEND`, `REPLACE`",
        "flows/a.yaml:8:5: error[PEN202] unknown property `colour`",
        "flows/a.yaml:10:11: error[PEN210] Invalid type: com.acme.Lod",
        "flows/a.yaml:12:11: information[PEN701] `com.acme.OldLoad` is an older name",
    ]


def test_they_are_listed_explained_and_printed(project: Path) -> None:
    assert penstock("types", "acme", "-o", "name", cwd=project).out == "com.acme.Load\n"
    told = penstock("explain", "com.acme.Load", cwd=project / "flows").out
    assert told.startswith("com.acme.Load  (task, cannot run in this version)\n  Loads a table.\n")
    assert "  table*  text\n          Which table\n" in told
    assert told.endswith("Example:\n  tasks:\n    - id: load\n      type: com.acme.Load\n      table: a\n")
    assert penstock("schema", "com.acme.OldLoad", cwd=project).json["properties"]["type"]["enum"] == [
        "com.acme.Load", "com.acme.OldLoad",
    ]  # fmt: skip
    assert "com.acme.Load" in penstock("schema", cwd=project).json["$defs"]


def test_what_is_known_cannot_run(project: Path, tmp_path: Path) -> None:
    (project / "flows" / "a.yaml").write_text(SOUND)
    assert validate(project).code == 0
    done = penstock("run", "flows/a.yaml", cwd=project, data=tmp_path / "data")
    assert done.code != 0
    assert "com.acme.Load" in done.err


def test_a_catalogue_that_cannot_be_read_stops_the_command_where_it_is_wrong(project: Path) -> None:
    (project / "schemas" / "load.json").write_text('{\n  "title": "com.acme.Load",\n  "$ref": "http://a.b/c"\n}\n')
    done = validate(project)
    assert (done.code, done.out) == (2, "")
    assert "schemas/load.json:3:11: `http://a.b/c` leads out of the file" in done.err
    assert "PEN295" in done.err


@pytest.mark.parametrize("name", ["../elsewhere", "/etc", "missing", "linked", "schemas/linked.json"])
def test_a_repository_names_what_lies_within_it(project: Path, name: str) -> None:
    outside = project.parent / "elsewhere"
    outside.mkdir()
    (outside / "load.json").write_text(json.dumps(LOAD))
    (project / "linked").symlink_to(outside)
    (project / "schemas" / "linked.json").symlink_to(outside / "load.json")
    (project / "penstock.yaml").write_text(f"# settings\ncatalogs: {name}\n")
    done = validate(project)
    assert (done.code, done.out) == (2, "")
    assert "penstock.yaml:2:1: " in done.err
    assert f"`{name}`" in done.err


def test_a_person_names_what_they_like(project: Path) -> None:
    (project / "penstock.yaml").unlink()
    (project / "flows" / "a.yaml").write_text(SOUND)
    assert validate(project).code == 1
    mine = project.parent / "penstock"
    mine.mkdir()
    (mine / "load.json").write_text(json.dumps(LOAD))
    (mine / "config.yaml").write_text("catalogs: load.json\n")
    assert validate(project).code == 0


@pytest.mark.parametrize(
    ("setting", "flags", "code", "told"),
    [
        ("", (), 1, "error[PEN210]"),
        ("unknownTypes: warning\n", (), 0, "warning[PEN210]"),
        ("unknownTypes: ignore\n", (), 0, ""),
        ("unknownTypes: ignore\n", ("--unknown-types", "error"), 1, "error[PEN210]"),
        ("unknownTypes: error\n", ("--unknown-types", "ignore"), 0, ""),
    ],
)
def test_what_an_unknown_type_is(project: Path, setting: str, flags: tuple[str, ...], code: int, told: str) -> None:
    (project / "penstock.yaml").write_text(setting)
    (project / "flows" / "a.yaml").write_text(SOUND)
    done = validate(project, *flags)
    assert (done.code, done.out.partition("5:11: ")[2].partition(" ")[0]) == (code, told)


def test_without_catalogues_nothing_of_them_is_imported(project: Path) -> None:
    (project / "penstock.yaml").write_text("")
    program = (
        "import sys\nfrom penstock_cli.main import main\n"
        "try:\n    main(['types', 'log.Log', '-o', 'name'])\nexcept SystemExit:\n"
        "    print([name for name in ('penstock.flow.catalogue.plugin_schema', 're2') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=project, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
