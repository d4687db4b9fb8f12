"""The drawing of the house in docs/architecture.md is the one that the import contracts hold."""

from __future__ import annotations

import re
import tomllib

from conftest import ROOT


def test_the_table_of_floors_says_what_the_contract_holds() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    contract = [tuple(sorted(room.strip() for room in re.split(r"[|:]", layer))) for layer in layers]
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = text.split("<!-- floors: begin -->")[1].split("<!-- floors: end -->")[0]
    told = [
        tuple(sorted(room.strip() for room in row.split("|")[2].split(","))) for row in table.strip().splitlines()[2:]
    ]
    assert told == contract


def test_every_room_of_the_engine_has_a_floor() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    floors = {room.strip() for layer in layers for room in re.split(r"[|:]", layer)}
    engine = ROOT / "engine" / "penstock"
    rooms = {path.stem for path in engine.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert rooms - {"__init__"} == floors
