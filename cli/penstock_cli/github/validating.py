"""`validate` in a workflow: findings beside the lines, a table in the summary, outputs for later steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from penstock_cli.exits import Exit
from penstock_cli.github import findings as shown
from penstock_cli.github import pages
from penstock_cli.github.step import Step
from penstock_cli.render.annotations import annotated

MOST_LINES = 500
KINDS = ("flow", "flows", "namespace_files", "template")
"""What Kestra's actions call `resource`."""
SARIF = "findings.sarif"
"""Of the report: what `github/codeql-action/upload-sarif` takes."""


@dataclass(frozen=True, slots=True)
class Judged:
    """`said` is None where the program could not answer, and has told why in the log."""

    code: int
    said: Mapping[str, Any] | None = None


def validate(step: Step) -> Judged:
    """Check the flows and tell of them. The exit code is that of `penstock validate`."""
    inputs = step.inputs
    if inputs.choice("resource", *KINDS) in ("namespace_files", "template"):
        step.log.say(f"nothing to check: `resource` is {inputs.text('resource')}, and only flows are checked")
        step.workflow.tell({"outcome": "passed", "errors": "0", "warnings": "0"})
        return Judged(Exit.FINE)
    arguments = ["validate", "--format", "json", "--fail-on", inputs.choice("fail-on", "error", "warning", "never")]
    arguments += [f"--{name}={inputs.text(name)}" for name in ("unknown-types", "dialect") if inputs.text(name)]
    sarif = step.place(SARIF)
    answer = step.program.ask(*arguments, f"--sarif={sarif}", "--", *inputs.paths())
    step.log.say(step.hidden(answer.err))
    if answer.code not in (Exit.FINE, Exit.FINDINGS):
        step.workflow.tell({"outcome": "error"})
        step.log.annotate("error", step.hidden(_first_line(answer.err)), title="penstock validate")
        return Judged(answer.code)
    said = step.hidden_within(answer.json())
    said["diagnostics"] = _in_order(step, said["diagnostics"])
    _tell(step, said)
    step.hide_within(sarif)
    step.workflow.tell({"sarif-path": str(sarif)})
    return Judged(answer.code, said)


def _in_order(step: Step, findings: list[shown.Finding]) -> list[shown.Finding]:
    root = step.checkout.root() or step.workflow.workspace
    between = step.revisions()
    changed = step.checkout.changed_lines(*between) if between is not None else {}
    named = shown.from_root(findings, step.folder.resolve(), root.resolve())
    return shown.ordered(named, changed)


def _tell(step: Step, said: Mapping[str, Any]) -> None:
    findings = said["diagnostics"]
    step.log.fold(f"Findings ({len(findings)})", [shown.concise(found) for found in findings[:MOST_LINES]])
    commands, left = annotated(findings)
    for command in commands:
        step.log.command(command)
    if left:
        step.log.say(f"and {left} more in the summary")
    step.log.say(pages.verdict(said))
    step.workflow.summarise(pages.summary_of_validation(said))
    step.workflow.tell(
        {
            "outcome": str(said["outcome"]),
            "errors": str(said["summary"]["errors"]),
            "warnings": str(said["summary"]["warnings"]),
        }
    )


def _first_line(text: str) -> str:
    return next((line for line in text.splitlines() if line.strip()), "it ended without a word")
