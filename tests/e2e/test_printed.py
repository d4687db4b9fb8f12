"""What the installed program prints as JSON, held against the schemas that it publishes."""

from __future__ import annotations

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from program import Outcome, penstock

LOG, SHELL = "io.kestra.plugin.core.log.Log", "io.kestra.plugin.scripts.shell.Commands"
BROKEN = f"id: a\nnamespace: b\ntasks:\n  - id: one\n    type: {LOG}\n    mesage: x\n  - id: two\n    type: {LOG}s\n"
RUN = f"""id: a
namespace: b.c
inputs:
  - id: names
    type: ARRAY
    itemType: STRING
    defaults: [x, y]
labels: {{team: data}}
tasks:
  - id: each
    type: io.kestra.plugin.core.flow.ForEach
    values: "{{{{ inputs.names }}}}"
    tasks:
      - id: say
        type: {SHELL}
        taskRunner: {{type: io.kestra.plugin.core.runner.Process}}
        commands:
          - echo '::{{"outputs":{{"n":1}},"metrics":[{{"name":"m","type":"counter","value":2}}]}}::'
  - id: end
    type: {LOG}
    message: done
    ENDING
outputs:
  - id: out
    type: STRING
    value: "{{{{ inputs.names }}}}"
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path


def faults(place: Path, document: str, done: Outcome) -> list[str]:
    schema = penstock("schema", document, cwd=place).json
    Draft202012Validator.check_schema(schema)
    return [f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(done.json)]


@pytest.mark.parametrize("text", [BROKEN, "", "- 1\n", RUN.replace("ENDING", "level: INFO")])
def test_findings(place: Path, text: str) -> None:
    (place / "a.yaml").write_text(text)
    done = penstock("validate", "a.yaml", "-o", "json", cwd=place)
    assert faults(place, "diagnostics", done) == []
    assert done.json["schemaVersion"] == 1


@pytest.mark.parametrize("ending", ["level: INFO", "timeout: PT0.000001S", "runIf: 'false'"])
def test_an_execution_when_it_ran_and_later(place: Path, ending: str) -> None:
    (place / "a.yaml").write_text(RUN.replace("ENDING", ending))
    done = penstock("run", "a.yaml", "-o", "json", cwd=place, data=place / "data")
    assert faults(place, "execution", done) == []
    assert done.json["state"]["current"] in ("SUCCESS", "FAILED")
    later = penstock("executions", "show", done.json["id"], "-o", "json", cwd=place, data=place / "data")
    assert faults(place, "execution", later) == []
    assert later.json["taskRunList"] == done.json["taskRunList"]


def test_a_wrong_document_is_no_execution(place: Path) -> None:
    (place / "a.yaml").write_text(BROKEN)
    assert faults(place, "execution", penstock("validate", "a.yaml", "-o", "json", cwd=place)) != []
