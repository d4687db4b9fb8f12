"""Inputs as whoever starts a flow, or answers a pause, meets them: what is asked, and where it is told."""

from __future__ import annotations

from pathlib import Path

from program import flow_file, penstock

RETURN = "io.kestra.plugin.core.debug.Return"
FLOW = f"""\
id: flow
namespace: team
inputs:
  - {{id: cloud, type: BOOL, defaults: false}}
  - id: region
    type: SELECT
    expression: "{{{{ inputs.cloud ? ['eu', 'us'] : [] }}}}"
    dependsOn: {{inputs: [cloud], condition: "{{{{ inputs.cloud }}}}"}}
tasks:
  - {{id: t, type: {RETURN}, format: "{{{{ inputs.region ?? 'nowhere' }}}}"}}
outputs:
  - {{id: where, type: STRING, value: "{{{{ outputs.t.value }}}}"}}
"""
PAUSED = f"""\
id: flow
namespace: team
tasks:
  - id: ask
    type: io.kestra.plugin.core.flow.Pause
    onResume:
      - {{id: data, type: FILE}}
      - {{id: why, type: STRING, dependsOn: {{inputs: [data], condition: "{{{{ false }}}}"}}}}
  - {{id: t, type: {RETURN}, format: "{{{{ read(outputs.ask.onResume.data) }}}}"}}
outputs:
  - {{id: said, type: STRING, value: "{{{{ outputs.t.value }}}}"}}
"""


def test_a_refusal_names_the_place_of_the_input(tmp_path: Path) -> None:
    path = flow_file(tmp_path, FLOW)
    refused = penstock("run", path, "-i", "cloud=true", "-i", "region=mars", data=tmp_path / "d")
    told = f"{path}:5:5: Invalid input for `region`, it must match the values `[eu, us]`, but received `mars`"
    assert refused.code == 2
    assert told in refused.err
    given = tmp_path / "inputs.yaml"
    given.write_text("cloud: true\nregion: us\nregoin: eu\n")
    done = penstock("run", path, "--inputs", given, data=tmp_path / "d")
    assert (done.code, done.out) == (0, "where  us\n")
    assert "Input regoin was provided but isn't declared in the workflow inputs (did you mean `region`?)" in done.err
    assert penstock("run", path, "-i", "region=mars", data=tmp_path / "d").out == "where  nowhere\n"


def test_a_pause_is_answered_with_a_file(tmp_path: Path) -> None:
    path, data = flow_file(tmp_path, PAUSED), tmp_path / "d"
    (tmp_path / "answer.txt").write_text("yes")
    penstock("run", path, "--no-input", data=data)
    name = penstock("executions", "list", "-o", "name", "--limit", "1", data=data).out.strip()
    missing = penstock("executions", "resume", name, data=data)
    assert "Invalid input for `data`, missing required input, but received `null`" in missing.err
    resumed = penstock("executions", "resume", name, "-i", f"data=@{tmp_path / 'answer.txt'}", data=data)
    assert resumed.code == 0, resumed.err
    assert penstock("run", "--resume", name, data=data).out == "said  yes\n"
