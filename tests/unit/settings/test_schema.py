"""The published schema of penstock.yaml says what the reading says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

import penstock_schemas
from penstock.settings.document import SettingsFile
from penstock.settings.load import Origin, _from_file
from penstock.settings.schema import FILE, penstock_yaml_schema, schema_text
from penstock.settings.table import PROJECT

WHOLE = """\
requires: '>=0.1,<1'
dialect: 0.21
flows: [flows/**, more/*.yaml]
files:
  company.team: scripts/**
defaults:
  - type: io.kestra.plugin.core.log.Log
    forced: true
    values: {level: WARN}
targets:
  prod:
    url: https://kestra.example
    tenant: main
    namespaces: [company.team]
    auth: {tokenVariable: KESTRA_TOKEN}
rules:
  PEN601: off
  PEN6: information
  PEN602:
    severity: error
    paths: {"legacy/**": warning}
    waivers:
      - {path: flows/a.yaml, reason: moves in June, until: "2026-06-30"}
agent:
  interval: 1m30s
  record: [git, api]
  pools: big
"""


def test_the_committed_schema_is_the_generated_one() -> None:
    committed = Path(penstock_schemas.__file__).parent / FILE
    assert committed.read_text(encoding="utf-8") == schema_text(), "penstock.settings.schema.publish writes it anew"


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(penstock_yaml_schema())


GOOD: list[Any] = [
    yaml.load(WHOLE.replace("off", "'off'"), Loader=yaml.CSafeLoader),
    {},
    {"dialect": None, "agent": None},
    {"flows": "flows/**"},
    {"dialect": 1},
    {"targets": {"a": {"url": "x", "tenant": None}}},
]
BAD: list[Any] = [
    {"dialect": "0.22"},
    {"dialect": True},
    {"flows": [1]},
    {"flows": [None]},
    {"flow": []},
    {"color": "never"},
    {"server": {"token": "x"}},
    {"requires": "0.1"},
    {"requires": 1},
    {"targets": {"a": {}}},
    {"targets": {"a": {"url": None}}},
    {"targets": {"a": {"url": "x", "password": "y"}}},
    {"targets": {"a": None}},
    {"targets": []},
    {"rules": {"PEN": "off"}},
    {"rules": {"601": "off"}},
    {"rules": {"PEN601": {"severity": "off", "path": {}}}},
    {"rules": {"PEN601": {"paths": {"x": "loud"}}}},
    {"rules": {"PEN601": {"waivers": [{"path": "x", "reason": "y"}]}}},
    {"rules": {"PEN601": {"waivers": [{"path": "x", "reason": "", "until": "2026-12-31"}]}}},
    {"rules": {"PEN601": {"waivers": [{"path": "x", "reason": "y", "until": "next year"}]}}},
    {"rules": {"PEN101": "loud"}},
    {"agent": {"interval": "soon"}},
    {"agent": {"interval": 30}},
    {"agent": {"slots": 3}},
    {"agent": []},
    {"defaults": [{"type": "x"}]},
    {"defaults": [{"type": "x", "values": []}]},
    {"files": {"Company Team": "x"}},
]


@pytest.mark.parametrize("data", GOOD)
def test_what_the_schema_allows_is_read_without_complaint(data: Any) -> None:
    jsonschema.validate(data, penstock_yaml_schema())
    assert _from_file(Origin.PROJECT, SettingsFile("x", data), PROJECT).diagnostics == []


@pytest.mark.parametrize("data", BAD)
def test_what_the_schema_refuses_is_complained_about(data: Any) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, penstock_yaml_schema())
    assert _from_file(Origin.PROJECT, SettingsFile("x", data), PROJECT).diagnostics != []
