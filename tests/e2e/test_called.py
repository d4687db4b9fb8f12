"""`penstock run` with flows that call others of the tree, and `penstock run --resume` after one has waited."""

from __future__ import annotations

from pathlib import Path

from program import penstock

CORE = "io.kestra.plugin.core."

PARENT = f"""
id: parent
namespace: team.data
inputs:
  - {{id: rows, type: FILE}}
tasks:
  - id: each
    type: {CORE}flow.ForEachItem
    namespace: team.data
    flowId: child
    items: "{{{{ inputs.rows }}}}"
    batch: {{rows: 2}}
    inputs: {{rows: "{{{{ taskrun.items }}}}"}}
  - id: joined
    type: {CORE}debug.Return
    format: "{{{{ read(outputs.each_merge.subflowOutputs) }}}}"
outputs:
  - {{id: joined, type: STRING, value: "{{{{ outputs.joined.value }}}}"}}
"""

CHILD = """
id: child
namespace: team.data
inputs:
  - {id: rows, type: FILE}
tasks:
  - id: count
    type: io.kestra.plugin.scripts.shell.Commands
    inputFiles: {rows.txt: "{{ inputs.rows }}"}
    commands:
      - echo "::{\\"outputs\\":{\\"lines\\":$(grep -c . rows.txt)}}::"
outputs:
  - {id: lines, type: INT, value: "{{ outputs.count.vars.lines }}"}
"""

CALLS = f"""
id: calls
namespace: team.data
tasks:
  - {{id: call, type: {CORE}flow.Subflow, namespace: team.data, flowId: waits}}
"""

WAITS = f"id: waits\nnamespace: team.data\ntasks:\n  - {{id: wait, type: {CORE}flow.Pause}}\n"


def tree(folder: Path, **flows: str) -> Path:
    (folder / "flows").mkdir()
    for name, text in flows.items():
        (folder / "flows" / f"{name}.yaml").write_text(text)
    return folder / "flows"


def test_batches_of_a_file_are_worked_off_by_a_flow_of_the_tree(tmp_path: Path) -> None:
    flows = tree(tmp_path, parent=PARENT, child=CHILD)
    (tmp_path / "rows.txt").write_text("a\nb\nc\n")

    done = penstock("run", flows / "parent.yaml", "-i", "rows=@rows.txt", data=tmp_path / "d", cwd=tmp_path)

    assert done.code == 0, done.err
    assert "{lines:2}\n{lines:1}" in done.out
    assert "child > count" in done.err


def test_what_waits_in_a_called_flow_is_told_of_and_goes_on_later(tmp_path: Path) -> None:
    flows = tree(tmp_path, calls=CALLS, waits=WAITS)

    paused = penstock("run", flows / "calls.yaml", data=tmp_path / "d", cwd=tmp_path)
    listed = penstock("executions", "list", "-o", "ndjson", data=tmp_path / "d").lines
    ids = {each["flow"].split("/")[1]: each["id"] for each in listed}
    told = penstock("executions", "resume", ids["waits"], data=tmp_path / "d")
    done = penstock("run", "--resume", ids["calls"], data=tmp_path / "d", cwd=tmp_path)

    assert (paused.code, told.code, done.code) == (8, 0, 0), paused.err + told.err + done.err
    assert f"penstock executions resume {ids['waits']}" in paused.err
    assert f"penstock run --resume {ids['calls']}" in paused.err


LOOPS = f"""
id: loops
namespace: team.data
tasks:
  - id: loop
    type: {CORE}flow.Loop
    values: [ann, bob]
    transmitFailed: false
    tasks:
      - {{id: fail, type: {CORE}execution.Fail, condition: "{{{{ item.value == 'bob' }}}}", errorMessage: no bob}}
"""


def test_iterations_are_shown_with_their_execution_and_leave_with_it(tmp_path: Path) -> None:
    flows, data = tree(tmp_path, loops=LOOPS), tmp_path / "d"
    penstock("run", flows / "loops.yaml", data=data, cwd=tmp_path)

    [parent] = penstock("executions", "list", "-o", "name", data=data).out.split()
    listed = penstock("executions", "list", "--of", parent, "-o", "ndjson", data=data).lines
    assert sorted(each["state"] for each in listed) == ["FAILED", "SUCCESS"]
    assert len(penstock("executions", "list", "--iterations", "-o", "name", data=data).out.split()) == 3
    shown = penstock("executions", "show", parent, data=data).out
    [failed] = [each["id"] for each in listed if each["state"] == "FAILED"]
    assert "2 iterations: 1 FAILED, 1 SUCCESS" in shown
    assert f"1 (bob) FAILED  {failed}" in shown
    penstock("executions", "delete", parent, data=data)
    assert penstock("executions", "list", "--iterations", "-o", "name", data=data).out == ""
