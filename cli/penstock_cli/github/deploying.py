"""`deploy` in a workflow: what was brought to the target, in the summary and as outputs; failures as annotations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from penstock.errors import UserError
from penstock_cli.exits import Exit
from penstock_cli.github.markdown import cut, tamed
from penstock_cli.github.program import Program
from penstock_cli.github.step import Step
from penstock_cli.github.validating import KINDS

_CREDENTIALS = {"user": "PENSTOCK_USER", "password": "PENSTOCK_PASSWORD", "apiToken": "PENSTOCK_TOKEN"}
_MOST_ANNOTATIONS = 10
_MOST_SUMMARY = 60_000
_SIGNS = {"create": "+", "update": "~", "drifted": "!", "delete": "-", "left": "?", "unchanged": "="}


def is_asked(step: Step) -> bool:
    """Whether there is somewhere to deploy to."""
    return bool(step.inputs.text("target") or step.inputs.text("server"))


def deploy(step: Step) -> int:
    """Deploy, or with `dry-run` show what would be. The exit code is that of `penstock deploy`."""
    is_dry = step.inputs.flag("dry-run")
    command = "plan" if is_dry else "deploy"
    answer = _program(step).ask(command, "--output", "json", *_arguments(step))
    if not answer.out.strip():
        step.workflow.tell({"outcome": "error"})
        step.log.say(step.hidden(answer.err))
        step.log.annotate("error", step.hidden(_first_error(answer.err)), title=f"penstock {command}")
        return answer.code or Exit.FINDINGS
    said = step.hidden_within(answer.json())
    step.write(f"{command}.json", step.hidden(answer.out))
    step.log.say(step.hidden(answer.err))
    _tell(step, said, said["changes"] if is_dry else said["results"])
    return answer.code


def _arguments(step: Step) -> list[str]:
    inputs = step.inputs
    resource = inputs.choice("resource", *KINDS)
    if resource == "template":
        raise UserError(
            "`resource: template` cannot be deployed: Kestra has no templates any more since 1.0",
            help="make a flow of each and call it by Subflow; then take this step out, or say `resource: flow`",
        )
    found = []
    for name, option in (("namespace", "namespace"), ("tenant", "tenant"), ("owner", "owner")):
        if inputs.text(name):
            found.append(f"--{option}={inputs.text(name)}")
    target = inputs.text("target") or inputs.text("server")
    if target:
        found.append(f"--target={target}")
    if inputs.flag("delete"):
        found += ["--prune", f"--max-deletes={inputs.text('max-deletes') or 10}"]
    if resource != "namespace_files":
        return [*found, "--", *inputs.paths()]
    folders = inputs.paths() or (".",)
    if len(folders) > 1:
        raise UserError("the files of one folder are deployed in a step", help="take a step for each")
    return [*found, f"--files-from={folders[0]}", f"--to={inputs.text('to') or '/'}"]


def _program(step: Step) -> Program:
    """With the credentials as variables, which no list of processes shows."""
    given = {variable: step.inputs.text(name) for name, variable in _CREDENTIALS.items() if step.inputs.text(name)}
    return replace(step.program, environ={**step.program.environ, **given})


def _first_error(err: str) -> str:
    lines = err.splitlines()
    return next((line for line in lines if line.startswith("error")), lines[0] if lines else "it ended without a word")


def _tell(step: Step, said: Mapping[str, Any], rows: list[Mapping[str, Any]]) -> None:
    summary = said["summary"]
    counts = {
        "created": summary["create"], "updated": summary["update"] + summary["drifted"], "deleted": summary["delete"],
    }  # fmt: skip
    step.workflow.tell(
        {
            "outcome": str(said["outcome"]),
            "changes": "true" if any(counts.values()) else "false",
            **{name: str(number) for name, number in counts.items()},
        }
    )
    failed = [row for row in rows if row.get("outcome") == "failed"]
    for row in failed[:_MOST_ANNOTATIONS]:
        step.log.annotate("error", f"{_name(row)}: {row['message']}", title="penstock deploy")
    step.workflow.summarise(_page(said, counts, rows))


def _page(said: Mapping[str, Any], counts: Mapping[str, int], rows: list[Mapping[str, Any]]) -> str:
    head = f"### {said['outcome']}: {', '.join(f'{number} {name}' for name, number in counts.items())}"
    lines = [
        f"- `{_SIGNS[str(row['action'])]}` `{_name(row)}` {row.get('message') or row['reason']}"
        for row in rows
        if row["action"] != "unchanged"
    ]
    return cut(tamed("\n".join([head, "", *lines, ""])), _MOST_SUMMARY, "\n\nThe report has all of it.\n")


def _name(row: Mapping[str, Any]) -> str:
    name = f"{row['namespace']}/{row['id']}" if row["id"] is not None else f"{row['namespace']}:{row['file']}"
    return name.replace("`", "'")
