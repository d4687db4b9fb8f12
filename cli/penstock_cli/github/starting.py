"""`run` in a workflow: the run folds its own log, annotates its own failures and writes its own summary."""

from __future__ import annotations

import json

from penstock.errors import UserError
from penstock_cli.exits import Exit
from penstock_cli.github.program import Said
from penstock_cli.github.step import Step

_OUTCOMES = {
    Exit.FINE: "success",
    Exit.FINDINGS: "failed",
    Exit.KILLED: "killed",
    Exit.WARNED: "warning",
    Exit.CANCELLED: "cancelled",
    Exit.PAUSED: "paused",
    Exit.TIMED_OUT: "timeout",
}


def run(step: Step) -> int:
    """Run one flow to its end; the exit code is that of `penstock run`."""
    answer = _follow(step)
    outcome = _OUTCOMES.get(Exit(answer.code), "error") if answer.code in set(Exit) else "error"
    outputs = {"outcome": outcome}
    if answer.out.strip():
        step.write("execution.json", answer.out)
        record = answer.json()
        outputs["execution"] = str(record.get("id", ""))
        outputs["outputs"] = step.hidden(json.dumps(record.get("outputs") or {}, ensure_ascii=False))
        if answer.code == Exit.FINE:
            outputs["outcome"] = str(record.get("state", {}).get("current", outcome)).lower()
    step.workflow.tell(outputs)
    return answer.code


def _follow(step: Step) -> Said:
    inputs = step.inputs
    flow = inputs.text("flow")
    if not flow:
        raise UserError("the input `flow` is empty", help="name a file, or a flow as `namespace/id`")
    if inputs.text("namespace") and "/" not in flow and not flow.endswith((".yaml", ".yml")):
        flow = f"{inputs.text('namespace')}/{flow}"
    arguments = ["run", "--output", "json"]
    for name, option in (("inputs", "--input"), ("labels", "--label"), ("mocks", "--mock")):
        arguments += [f"{option}={line}" for line in inputs.lines(name)]
    for name in ("inputs-file", "runner", "timeout", "dialect"):
        if inputs.text(name):
            arguments.append(f"--{name.removesuffix('-file')}={inputs.text(name)}")
    if inputs.flag("fail-on-warning"):
        arguments.append("--fail-on-warning")
    with step.log.heard():
        return step.program.follow(*arguments, "--", flow)
