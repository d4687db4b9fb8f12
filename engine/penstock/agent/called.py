"""What each type that calls executions has of its own: what these see, and what is told of them. One table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.agent import iterating
from penstock.execution.executable.items import cut_of
from penstock.execution.executable.loop import COLLECTED
from penstock.execution.model import Execution, TaskRun
from penstock.expression.budget import Budget, Meter
from penstock.expression.formats import iontext
from penstock.flow.foreach_item import BATCHES, ITEMS, SPLITS, outputs_name
from penstock.flow.looping import LOOP
from penstock.flow.model import Dialect, Flow
from penstock.ports.files import SCHEME, Files
from penstock.ports.storage import task_file


class Called:
    """A Subflow: its one execution, by id, state and outputs. Stateless."""

    def facts(
        self, flow: Flow, execution: Execution, run: TaskRun, facts: Mapping[str, Any], files: Files
    ) -> Mapping[str, Any]:
        """`facts` as its properties amount to, and what of it is found in files."""
        return facts

    def taskrun(self, flow: Flow, execution: Execution, run: TaskRun, index: int, files: Files) -> Mapping[str, Any]:
        """What expressions of the call see as `taskrun` besides."""
        return {}

    def begun(self, flow: Flow, execution: Execution, run: TaskRun, child: str) -> Mapping[str, Any] | None:
        """What the task run tells of an execution that has begun."""
        return {"executionId": child}

    def ended(
        self,
        flow: Flow,
        execution: Execution,
        run: TaskRun,
        child: Execution,
        outputs: Mapping[str, Any] | None,
        files: Files,
    ) -> Mapping[str, Any] | None:
        """What the task run tells of an execution that is over. Doing it again changes nothing."""
        told: dict[str, Any] = {"executionId": child.id, "state": child.state.value}
        return told if outputs is None else {**told, "outputs": outputs}


class CalledForItems(Called):
    """An execution for each batch. What it puts out lies in a file, which the next task joins to the others."""

    def facts(
        self, flow: Flow, execution: Execution, run: TaskRun, facts: Mapping[str, Any], files: Files
    ) -> Mapping[str, Any]:
        """How many batches there are: none where the task before is over by somebody's word. The lines of the list
        are of one length; the last has no end."""
        uri = (cut_of(execution, run).outputs or {}).get(SPLITS)
        if uri is None:
            return {BATCHES: 0}
        with files.open(files.resolve(uri)) as lines:
            length = len(lines.readline())
        return {BATCHES: -(-files.size(uri) // length) if length else 0}

    def taskrun(self, flow: Flow, execution: Execution, run: TaskRun, index: int, files: Files) -> Mapping[str, Any]:
        """The first iteration is number 1 in Kestra 0.21, and 0 later."""
        listed = (cut_of(execution, run).outputs or {})[SPLITS]
        with files.open(files.resolve(listed)) as lines:
            line = lines.readline()
            if index:
                lines.seek(index * len(line))
                line = lines.readline()
        return {"items": line.decode().strip(), "iteration": index + 1 if flow.dialect is Dialect.V0_21 else index}

    def begun(self, flow: Flow, execution: Execution, run: TaskRun, child: str) -> Mapping[str, Any] | None:
        """Once: the folder in which the outputs of the executions lie."""
        if run.outputs is not None:
            return None
        folder = task_file(flow.name, execution.id, run.task, run.id, "")
        return {"subflowOutputsBaseUri": "/" + folder.removeprefix(SCHEME).removesuffix("/")}

    def ended(
        self,
        flow: Flow,
        execution: Execution,
        run: TaskRun,
        child: Execution,
        outputs: Mapping[str, Any] | None,
        files: Files,
    ) -> Mapping[str, Any] | None:
        assert child.caller is not None
        if outputs is not None:
            uri = task_file(flow.name, execution.id, run.task, run.id, outputs_name(child.caller.index))
            files.name(uri, files.put((iontext.write(outputs, Meter(Budget())) + "\n").encode()))
        return None


class CalledIterations(Called):
    """An execution for each value. What it leaves is laid aside until all are over."""

    def facts(
        self, flow: Flow, execution: Execution, run: TaskRun, facts: Mapping[str, Any], files: Files
    ) -> Mapping[str, Any]:
        """How many values a file has, or where many values lie; in the end what all iterations have left."""
        if COLLECTED in run.asks:
            return iterating.collected(flow, execution, run, files)
        if "values" in facts:
            return iterating.laid_aside(flow, execution, run, facts, files)
        return {**facts, "count": iterating.count_lines(files, facts["uri"])}

    def begun(self, flow: Flow, execution: Execution, run: TaskRun, child: str) -> Mapping[str, Any] | None:
        return None

    def ended(
        self,
        flow: Flow,
        execution: Execution,
        run: TaskRun,
        child: Execution,
        outputs: Mapping[str, Any] | None,
        files: Files,
    ) -> Mapping[str, Any] | None:
        iterating.keep_outputs(flow, execution, run, child, outputs, files)
        return None


CALLED: Mapping[str, Called] = {
    "io.kestra.plugin.core.flow.Subflow": Called(),
    ITEMS: CalledForItems(),
    LOOP: CalledIterations(),
}
"""By canonical name."""
