"""ForEachItem on the stage: how a file is cut, what each batch is called with, what is joined (Kestra docs)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from penstock.execution.model import Execution
from penstock.flow.model import Dialect
from penstock.tasks.foreach_item import LONGEST_LINE
from stage.stage import Stage, stage

CORE = "io.kestra.plugin.core."
READ = '"{{ read(inputs.items) }}"'
URI = "kestra:///given/rows.csv"


@pytest.fixture
def made() -> Iterator[Stage]:
    with stage() as found:
        yield found


def looping(batch: str = "", more: str = "") -> bytes:
    return f"""
id: parent
namespace: team
inputs:
  - {{id: rows, type: FILE}}
tasks:
  - id: each
    type: {CORE}flow.ForEachItem
    namespace: team
    flowId: child
    items: "{{{{ inputs.rows }}}}"
    {batch}
    inputs:
      items: "{{{{ taskrun.items }}}}"
      number: "{{{{ taskrun.iteration }}}}"
{more}
""".encode()


CHILD = f"""
id: child
namespace: team
inputs:
  - {{id: items, type: STRING}}
  - {{id: number, type: INT}}
tasks:
  - {{id: say, type: {CORE}debug.Return, format: {READ}}}
outputs:
  - {{id: said, type: STRING, value: "{{{{ outputs.say.value }}}}"}}
""".encode()


def run(made: Stage, rows: bytes, source: bytes, child: bytes = CHILD) -> Execution:
    made.files.name(URI, made.files.put(rows))
    [name, *_] = made.deploy(source, child)
    id_ = made.start(name, {"rows": URI})
    made.rest()
    made.check()
    return made.execution(id_)


def batches(made: Stage) -> list[str]:
    """What each child has read, by its number."""
    kids = sorted((each for each in made.executions() if each.caller is not None), key=number)
    return [(next(each.in_order()).outputs or {})["value"] for each in kids]


def number(kid: Execution) -> int:
    assert kid.caller is not None
    return kid.caller.index


def outputs(execution: Execution, task: str) -> dict[str, Any]:
    [run] = [each for each in execution.in_order() if each.task == task]
    return dict(run.outputs or {})


@pytest.mark.parametrize(
    ("batch", "rows", "expected"),
    [
        ("", b"a\nb\n", ["a\n", "b\n"]),
        ("batch: {rows: 2}", b"a\nb\nc", ["a\nb\n", "c\n"]),
        ("batch: {rows: 2}", b"a\r\nb\r\nc\r\n", ["a\nb\n", "c\n"]),
        ("batch: {bytes: 4B}", b"a\nb\nc\nd\n", ["a\nb\n", "c\nd\n"]),
        ("batch: {bytes: 3B}", b"long\nb\nc\nd\n", ["long\n", "b\nc\n", "d\n"]),
        ("batch: {partitions: 2}", b"a\nb\nc\n", ["a\nc\n", "b\n"]),
        ("batch: {partitions: 5}", b"a\nb\n", ["a\n", "b\n"]),
        ("batch: {rows: 2, separator: ';'}", b"a\nb\nc\n", ["a;b;", "c;"]),
    ],
)
def test_how_a_file_is_cut(made: Stage, batch: str, rows: bytes, expected: list[str]) -> None:
    execution = run(made, rows, looping(batch))

    assert (execution.state.value, batches(made)) == ("SUCCESS", expected)
    counted = outputs(execution, "each_items")
    assert counted["numberOfBatches"] == len(expected)
    assert counted["iterations"] == {"CREATED": 0, "RUNNING": 0, "SUCCESS": len(expected)}


def test_it_is_three_task_runs_and_joins_the_outputs_in_order(made: Stage) -> None:
    execution = run(made, b"a\nb\nc\n", looping())

    assert [each.task for each in execution.in_order()] == ["each", "each_split", "each_items", "each_merge"]
    with made.files.open(made.files.resolve(outputs(execution, "each_merge")["subflowOutputs"])) as file:
        assert file.read() == b'{said:"a\\n"}\n{said:"b\\n"}\n{said:"c\\n"}\n'
    base = outputs(execution, "each_items")["subflowOutputsBaseUri"]
    assert base.startswith(f"/team/parent/executions/{execution.id}/tasks/each-items/")


@pytest.mark.parametrize(("dialect", "first"), [(Dialect.V0_21, 1), (Dialect.AUTO, 0)])
def test_iterations_are_counted_from_one_in_0_21_and_from_zero_later(dialect: Dialect, first: int) -> None:
    with stage(dialect=dialect) as made:
        run(made, b"a\nb\n", looping())
        kids = [each for each in made.executions() if each.caller is not None]
        assert sorted(each.inputs["number"] for each in kids) == [first, first + 1]


def test_a_child_is_told_which_batch_it_is_of(made: Stage) -> None:
    run(made, b"a\nb\n", looping())

    kids = sorted((each for each in made.executions() if each.caller is not None), key=number)
    assert [(each.trigger or {})["variables"]["taskRunIteration"] for each in kids] == [0, 1]


def test_an_empty_file_has_no_batch(made: Stage) -> None:
    execution = run(made, b"", looping())

    states = {each.task: (each.state.value, each.outputs) for each in execution.in_order()}
    assert execution.state == "SUCCESS"
    assert not states["each_items"][1]
    assert not states["each_merge"][1]


def test_what_is_no_file_of_the_storage_fails(made: Stage) -> None:
    source = looping().replace(b'"{{ inputs.rows }}"', b"\"{{ '/etc/' }}hosts\"")
    execution = run(made, b"a\n", source)

    [split] = [each for each in execution.in_order() if each.task == "each_split"]
    assert split.error == "Unable to split the items from /etc/hosts, this is not an internal storage URI!"


def test_a_file_of_another_execution_is_not_cut(made: Stage) -> None:
    made.files.name("kestra:///team/x/executions/other/a.txt", made.files.put(b"a\n"))
    source = looping().replace(b'"{{ inputs.rows }}"', b"\"{{ 'kestra:///team/x/executions/' }}other/a.txt\"")
    execution = run(made, b"a\n", source)

    assert execution.state == "FAILED"
    assert [each for each in made.executions() if each.caller is not None] == []


@pytest.mark.parametrize(
    ("more", "state", "items"), [("", "FAILED", "FAILED"), ("    transmitFailed: false", "SUCCESS", "SUCCESS")]
)
def test_one_failure_fails_it_where_that_is_transmitted(made: Stage, more: str, state: str, items: str) -> None:
    picky = CHILD.replace(b"tasks:\n", b"tasks:\n  - " + FAIL_ON_B, 1)
    execution = run(made, b"a\nb\nc\n", looping(more=more), picky)

    states = {each.task: each.state.value for each in execution.in_order()}
    assert (execution.state.value, states["each_items"]) == (state, items)
    assert outputs(execution, "each_items")["iterations"] == {"CREATED": 0, "RUNNING": 0, "SUCCESS": 2, "FAILED": 1}
    assert ("each_merge" in states) == (state == "SUCCESS")


FAIL_ON_B = (
    f"{{id: pick, type: {CORE}execution.Fail, condition: \"{{{{ read(inputs.items) | trim == 'b' }}}}\"}}\n".encode()
)


def test_in_a_loop_each_value_has_its_own(made: Stage) -> None:
    source = f"""
id: parent
namespace: team
inputs:
  - {{id: rows, type: FILE}}
tasks:
  - id: outer
    type: {CORE}flow.ForEach
    values: [x, y]
    tasks:
      - id: each
        type: {CORE}flow.ForEachItem
        namespace: team
        flowId: child
        items: "{{{{ inputs.rows }}}}"
        inputs:
          items: "{{{{ taskrun.items }}}}"
          number: "{{{{ taskrun.iteration }}}}"
  - id: after
    type: {CORE}debug.Return
    format: "{{{{ outputs.each_merge.x.subflowOutputs != outputs.each_merge.y.subflowOutputs }}}}"
""".encode()
    execution = run(made, b"a\nb\n", source)

    assert (execution.state.value, outputs(execution, "after")) == ("SUCCESS", {"value": "true"})
    assert len([each for each in made.executions() if each.caller is not None]) == 4


def test_a_killed_loop_kills_its_executions_and_makes_no_more(made: Stage) -> None:
    waiting = CHILD.replace(b"tasks:\n", f"tasks:\n  - {{id: wait, type: {CORE}flow.Pause}}\n".encode(), 1)
    execution = run(made, b"a\nb\nc\n", looping(), waiting)
    assert execution.state == "RUNNING"

    made.kill(execution.id)
    assert {each.state.value for each in made.executions()} == {"KILLED"}


def test_a_parent_of_many_batches_holds_counts_and_no_more(made: Stage) -> None:
    few = run(made, b"".join(b"%d\n" % n for n in range(3)), looping())
    with stage() as other:
        many = run(other, b"".join(b"%d\n" % n for n in range(120)), looping())

    assert many.state == "SUCCESS"
    assert len(many.runs) == len(few.runs)
    items = next(each for each in many.in_order() if each.task == "each_items")
    assert items.family is not None
    assert (items.family.begun, dict(items.family.states)) == (120, {"SUCCESS": 120})
    assert not many.children


def test_lines_are_grouped_by_what_a_pattern_finds(made: Stage) -> None:
    rows = b'{"to":"a","n":1}\n{"to":"b","n":2}\n# none\n{"to":"a","n":3}\n'
    pattern = 'batch: {regexPattern: \'"to":"([^"]+)"\'}'
    execution = run(made, rows, looping(pattern))

    assert execution.state == "SUCCESS"
    assert batches(made) == ['{"to":"a","n":1}\n{"to":"a","n":3}\n', '{"to":"b","n":2}\n']


def test_the_first_task_gives_the_list_of_the_batches_and_nothing_else(made: Stage) -> None:
    execution = run(made, b"a\nb\n", looping())

    given = outputs(execution, "each_split")
    assert list(given) == ["splits"]
    with made.files.open(made.files.resolve(given["splits"])) as file:
        lines = file.read().decode().split("\n")
    assert [line.rsplit("/", 1)[1] for line in lines] == ["000000.csv", "000001.csv"]


def test_a_line_that_does_not_fit_into_memory_is_told(made: Stage) -> None:
    execution = run(made, b"x" * (LONGEST_LINE + 1), looping())

    [cut] = [each for each in execution.in_order() if each.task == "each_split"]
    assert (execution.state.value, cut.error) == ("FAILED", "the file has a line of more than 64 million characters")
