"""`diff` in a workflow: what merging would change, in the summary and as outputs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from penstock_cli.exits import Exit
from penstock_cli.github import pages
from penstock_cli.github.step import Step

MOST_OUTPUT_BYTES = 500_000
"""GitHub takes 1 MiB of outputs of a whole job."""
PAGE = "diff.md"
"""Of the report: what the summary and the comment show."""


@dataclass(frozen=True, slots=True)
class Differed:
    """`said` is None where the program could not answer, and has told why in the log."""

    code: int
    said: Mapping[str, Any] | None = None
    text: str = ""


def differ(step: Step) -> Differed:
    """Compare the flows before and after, and tell of it. A difference is no failure."""
    between = step.revisions()
    if between is None:
        step.workflow.tell({"outcome": "error"})
        step.log.annotate(
            "error",
            "there is no commit to compare with in this checkout\ngive actions/checkout `fetch-depth: 2`",
            title="penstock diff",
        )
        return Differed(Exit.USAGE)
    arguments = [f"--with={branch}" for branch in step.inputs.lines("with-branches")]
    arguments += ["--", "..".join(between), *step.inputs.paths()]
    page = step.place(PAGE)
    answer = step.program.ask("diff", "--format", "json", f"--markdown={page}", *arguments)
    if answer.code not in (Exit.FINE, Exit.FINDINGS):
        step.workflow.tell({"outcome": "error"})
        step.log.say(step.hidden(answer.err))
        first = next(iter(answer.err.splitlines()), "it ended without a word")
        step.log.annotate("error", step.hidden(first), title="penstock diff")
        return Differed(answer.code)
    said = step.hidden_within(answer.json())
    text = step.hidden(page.read_text(encoding="utf-8"))
    step.write(PAGE, text)
    _tell(step, said, text)
    if answer.code != Exit.FINE:
        step.log.annotate("error", str(said["says"]), title="the merge is wrong")
    return Differed(answer.code, said, text)


def counts(said: Mapping[str, Any]) -> dict[str, int]:
    """How many flows merging creates, updates and deletes."""
    summary = said["summary"]
    named = {"created": "added", "updated": "changed", "deleted": "removed"}
    return {name: int(summary[counted]) for name, counted in named.items()}


def is_different(said: Mapping[str, Any]) -> bool:
    """Whether merging changes anything but how files are formatted."""
    return str(said["outcome"]) != "unchanged"


def _tell(step: Step, said: Mapping[str, Any], text: str) -> None:
    numbers = counts(said)
    whole = json.dumps(said, ensure_ascii=False, separators=(",", ":"))
    if len(whole.encode()) > MOST_OUTPUT_BYTES:
        step.log.annotate(
            "notice", "the difference is too large for an output: `diff-json` is empty, the file is whole",
            title="penstock diff",
        )  # fmt: skip
        whole = ""
    step.workflow.summarise(pages.summary_of_difference(text))
    step.workflow.tell(
        {
            "changes": "true" if is_different(said) else "false",
            "diff-json": whole,
            **{name: str(number) for name, number in numbers.items()},
            "outcome": str(said["outcome"]),
        }
    )
    step.log.say(", ".join(f"{number} {name}" for name, number in numbers.items()))
