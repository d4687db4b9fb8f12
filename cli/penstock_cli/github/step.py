"""One step of a workflow: what it was given, where it works, and what it may not say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from penstock.errors import UserError
from penstock_cli.github.git import Checkout, revisions
from penstock_cli.github.inputs import Inputs
from penstock_cli.github.log import Log
from penstock_cli.github.program import Program
from penstock_cli.github.trust import refuse_foreign_checkout
from penstock_cli.github.workflow import Workflow, read_workflow
from penstock_cli.report import HIDDEN, secret_values

REPORT_FOLDER = "penstock-report"


@dataclass(frozen=True, slots=True)
class Step:
    """`folder` is where the flows are looked for, within the workspace; `report` is where everything is written."""

    workflow: Workflow
    inputs: Inputs
    program: Program
    checkout: Checkout
    folder: Path
    report: Path
    log: Log
    secrets: tuple[str, ...] = field(repr=False)

    def hidden(self, text: str) -> str:
        """The text without the values of secrets that this step knows: also where GitHub would not mask them."""
        for value in self.secrets:
            text = text.replace(value, HIDDEN)
        return text

    def hidden_within(self, value: Any) -> Any:
        """The same for every text within a JSON value."""
        match value:
            case str():
                return self.hidden(value)
            case list():
                return [self.hidden_within(each) for each in value]
            case dict():
                return {self.hidden(str(name)): self.hidden_within(each) for name, each in value.items()}
        return value

    def hide_within(self, file: Path) -> None:
        """The same for a file of JSON that the program has written."""
        whole = self.hidden_within(json.loads(file.read_text(encoding="utf-8")))
        self.write(file.name, json.dumps(whole, ensure_ascii=False))

    def place(self, name: str) -> Path:
        """Where a file of the report lies; its folder is there."""
        self.report.mkdir(parents=True, exist_ok=True)
        return self.report / name

    def write(self, name: str, text: str) -> Path:
        """A file of the report."""
        path = self.place(name)
        path.write_text(text, encoding="utf-8", newline="\n")
        return path

    def revisions(self) -> tuple[str, str] | None:
        """The commits before and after. Raises UserError for a `base` that is not here."""
        return revisions(self.workflow, self.checkout, self.inputs.text("base"))


def read_step(environ: Mapping[str, str], log: Log) -> Step:
    """This step. Raises UserError for what does not fit, Refused where a stranger's commit is checked out."""
    workflow = read_workflow(environ)
    inputs = Inputs(environ)
    folder = workflow.workspace / (inputs.text("working-directory") or ".")
    if not folder.is_dir():
        raise UserError(f"the input `working-directory` is {inputs.text('working-directory')!r}, and is no folder")
    refuse_foreign_checkout(workflow, (folder, *(folder / path for path in inputs.paths())))
    values = sorted(set(secret_values(environ)), key=len, reverse=True)
    return Step(
        workflow=workflow,
        inputs=inputs,
        program=Program(folder, environ),
        checkout=Checkout(folder),
        folder=folder,
        report=workflow.temp / REPORT_FOLDER,
        log=log,
        secrets=tuple(values),
    )
