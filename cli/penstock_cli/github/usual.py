"""What is usual: a pull request is checked and compared, a push checked and deployed, a flow that was asked for run."""

from __future__ import annotations

from penstock_cli.exits import Exit
from penstock_cli.github.commenting import tell_pull
from penstock_cli.github.deploying import deploy, is_asked
from penstock_cli.github.differing import differ
from penstock_cli.github.starting import run
from penstock_cli.github.step import Step
from penstock_cli.github.validating import validate

STARTED = ("workflow_dispatch", "schedule", "repository_dispatch", "workflow_call")
"""Events by which somebody, or the clock, asks for a run; without the input `flow` they check as a push does."""


def do_the_usual(step: Step) -> int:
    """Choose by the event. Invalid flows fail the step; a difference, or a comment that is refused, does not."""
    if step.workflow.event in STARTED and step.inputs.text("flow"):
        return run(step)
    judged = validate(step)
    if step.workflow.pull is None:
        is_push = step.workflow.event == "push"
        return deploy(step) if is_push and judged.code == Exit.FINE and is_asked(step) else judged.code
    differed = differ(step)
    tell_pull(step, judged, differed)
    if judged.said is not None:
        step.workflow.tell({"outcome": str(judged.said["outcome"])})
    return judged.code or (differed.code if differed.code != Exit.FINE else Exit.FINE)
