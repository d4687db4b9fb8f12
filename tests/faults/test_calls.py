"""Executions that call others on a disk that is full, and flows that call as nobody should."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import pytest

from fakes.files import MemoryFiles
from fakes.small_disk import small_disk
from penstock.adapters.sqlite import SqliteStore
from penstock.diagnostic import FlowName
from penstock.errors import Refused, Stalled
from penstock.execution.event import ChildStarted
from penstock.execution.model import Execution
from penstock.ports.store import Iterations, Query
from stage.stage import Stage, stage

CORE = "io.kestra.plugin.core."
PARENT = FlowName("team", "parent")


@pytest.fixture
def made() -> Iterator[Stage]:
    with stage() as found:
        yield found


def flow(id_: str, tasks: str, head: str = "") -> bytes:
    return f"id: {id_}\nnamespace: team\n{head}\ntasks:\n{tasks}\n".encode()


def call(child: str, more: str = "") -> str:
    return f"  - {{id: call, type: {CORE}flow.Subflow, namespace: team, flowId: {child}{more}}}"


def run(made: Stage, *sources: bytes) -> Execution:
    [name, *_] = made.deploy(*sources)
    id_ = made.start(name)
    made.rest()
    made.check()
    return made.execution(id_)


def error(execution: Execution) -> str:
    return " ".join(each.error or "" for each in execution.in_order())


# ── a full disk ──

WAIT_AND_LOOP = f"""  - {{id: wait, type: {CORE}flow.Pause}}
  - id: loop
    type: {CORE}flow.Loop
    values: "{{{{ range(1, 40) }}}}"
    outputs:
      - {{id: own, type: STRING, value: "{{{{ item.value }}}}"}}
    tasks:
      - {{id: say, type: {CORE}debug.Return, format: "{{{{ item.value }}}}"}}"""


def born(made: Stage, parent: str) -> tuple[set[str], set[str]]:
    """The children that the log of an execution tells of, and those that there are."""
    told = {event.child for event in made.store.events(parent) if isinstance(event, ChildStarted)}
    called = made.store.summaries(Query(caller=parent, iterations=Iterations.TOO, limit=1_000))
    return told, {each.id for each in called}


def resumed(made: Stage, parent: str) -> None:
    with suppress(Refused):  # it was noted before
        made.resume(parent)
    made.rest()


@pytest.mark.parametrize("left", [0, 60_000, 150_000])
def test_a_disk_that_is_full_while_children_are_born_loses_none(tmp_path: Path, left: int) -> None:
    with small_disk(tmp_path / "disk", "8m") as disk:
        store = SqliteStore(disk / "store.db")
        with stage(store=store) as made:
            made.deploy(flow("parent", WAIT_AND_LOOP))
            parent = made.start(PARENT)
            made.rest()
            filler = disk / "filler"
            with suppress(OSError), filler.open("wb") as file:
                while True:
                    file.write(b"x" * 4_096)
                    file.flush()
            os.truncate(filler, filler.stat().st_size - left)
            with pytest.raises(Stalled, match="disk"):
                resumed(made, parent)

            told, there = born(made, parent)
            assert told == there
            filler.unlink()
            resumed(made, parent)
            made.check()
            told, there = born(made, parent)
            assert (made.execution(parent).state, len(told)) == ("SUCCESS", 40)
            assert told == there
        store.close()


class FullFiles(MemoryFiles):
    """Files on a disk that is full, or not."""

    is_full = False

    def put(self, content: BinaryIO | bytes) -> str:
        if self.is_full:
            raise Stalled("the disk is full: a file could not be kept")
        return super().put(content)


def test_what_children_leave_waits_for_room() -> None:
    files = FullFiles()
    with stage(files=files) as made:
        made.deploy(flow("parent", WAIT_AND_LOOP))
        parent = made.start(PARENT)
        made.rest()
        files.is_full = True
        with pytest.raises(Stalled, match="full"):
            made.resume(parent)
        files.is_full = False
        made.rest()
        made.check()

        [*_, loop] = made.execution(parent).in_order()
        assert made.execution(parent).state == "SUCCESS"
        assert [each["outputs"]["own"] for each in (loop.outputs or {})["outputs"]] == [str(n) for n in range(1, 41)]


# ── hostile flows ──


def test_three_flows_that_call_one_another_in_a_circle_end(made: Stage) -> None:
    circle = [flow(one, call(f"'{{{{ \"{other}\" }}}}'")) for one, other in ("ab", "bc", "ca")]
    first = run(made, *circle)

    all_of_them = made.executions()
    assert (first.state.value, len(all_of_them)) == ("FAILED", 21)
    assert {each.state.value for each in all_of_them} == {"FAILED"}
    assert any("20 is the most" in error(each) for each in all_of_them)


def test_a_child_that_is_disabled_when_it_is_called_fails_its_caller(made: Stage) -> None:
    said = flow("child", f"  - {{id: say, type: {CORE}debug.Return, format: x}}", "disabled: true")
    parent = run(made, flow("parent", call("child")), said)

    assert (parent.state.value, len(parent.runs)) == ("FAILED", 1)
    assert error(parent).startswith("Cannot execute a flow which is disabled")
    assert len(made.executions()) == 1


def test_a_child_that_is_disabled_meanwhile_is_called_as_it_was(made: Stage) -> None:
    wait = f"  - {{id: nap, type: {CORE}flow.Sleep, duration: PT1M}}\n"
    say = f"  - {{id: say, type: {CORE}debug.Return, format: x}}"
    made.deploy(flow("parent", wait + call("child")), flow("child", say))
    parent = made.start(PARENT)
    made.settle()
    made.deploy(flow("child", say, "disabled: true"))
    made.rest()

    assert made.execution(parent).state == "SUCCESS"


def test_a_child_that_is_deleted_while_it_is_waited_for_leaves_its_caller_to_be_killed(made: Stage) -> None:
    made.deploy(flow("parent", call("child")), flow("child", f"  - {{id: wait, type: {CORE}flow.Pause}}"))
    parent = made.start(PARENT)
    made.rest()
    [child] = [each.id for each in made.executions() if each.id != parent]
    with pytest.raises(Refused, match="is not over"):
        made.delete(child)
    made.kill(child)
    made.rest()

    assert [each.state.value for each in made.executions()] == ["KILLED", "KILLED"]


def test_inputs_that_are_nested_too_deep_are_told(made: Stage) -> None:
    deep = "[" * 50_000 + "]" * 50_000
    parent = flow("parent", call("child", f", inputs: {{x: '{deep}'}}"))
    child = flow("child", f"  - {{id: say, type: {CORE}debug.Return, format: x}}", "inputs:\n  - {id: x, type: JSON}")
    done = run(made, parent, child)

    assert done.state == "FAILED"
    assert "x" in error(done)
    assert len(made.executions()) == 1


def test_outputs_that_are_too_large_fail_the_child_and_then_its_caller(made: Stage) -> None:
    big = "{{ text ~ text ~ text ~ text }}".replace("text", "vars.text")
    child = flow(
        "child",
        f"  - {{id: say, type: {CORE}debug.Return, format: x}}",
        f"variables: {{text: {'x' * 3_000_000}}}\noutputs:\n  - {{id: big, type: STRING, value: '{big}'}}",
    )
    parent = run(made, flow("parent", call("child")), child)

    [other] = [each for each in made.executions() if each.id != parent.id]
    assert (parent.state.value, other.state.value) == ("FAILED", "FAILED")
    assert "output" in (other.error or "") + error(other)


@pytest.mark.parametrize(
    ("content", "batches"),
    [(b"", 0), (b"x" * (50 << 20), 1), (b"\n\n", 2), (b"a\nb", 2), (b"\xff\xfe\n\x00\n", 2)],
    ids=["empty", "one line of 50 MB", "empty lines", "no final newline", "no text"],
)
def test_batches_of_any_file_end(made: Stage, content: bytes, batches: int) -> None:
    uri = "kestra:///given/rows"
    made.files.name(uri, made.files.put(content))
    each = (
        f"  - {{id: each, type: {CORE}flow.ForEachItem, items: '{{{{ inputs.f }}}}', namespace: team, flowId: child}}"
    )
    made.deploy(
        flow("parent", each, "inputs:\n  - {id: f, type: FILE}"),
        flow("child", f"  - {{id: say, type: {CORE}debug.Return, format: x}}"),
    )
    parent = made.start(PARENT, {"f": uri})
    made.rest()
    made.check()

    assert (made.execution(parent).state.value, len(made.executions()) - 1) == ("SUCCESS", batches)
