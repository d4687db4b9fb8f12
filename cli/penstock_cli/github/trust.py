"""Whose files lie here: a workflow that has secrets and may write does not look at a stranger's."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from penstock.errors import Refused
from penstock_cli.github.git import Checkout
from penstock_cli.github.workflow import Workflow


def refuse_foreign_checkout(workflow: Workflow, folders: Iterable[Path]) -> None:
    """Refuse a privileged workflow with another commit checked out than the one that GitHub runs it at.

    `pull_request_target` and `workflow_run` run at the default branch, with its secrets, about commits that anybody may
    have written. With such a commit checked out, one step that builds, installs or runs something of it is enough.
    Raises Refused.
    """
    if not workflow.is_privileged:
        return
    for folder in folders:
        checkout = Checkout(folder if folder.is_dir() else folder.parent)
        head = checkout.commit("HEAD")
        strangers = [one for one in (workflow.pull and workflow.pull.head, workflow.triggered_by) if one]
        if head is None:
            continue
        if head != workflow.commit or any(one != workflow.commit and checkout.has_in_it(one) for one in strangers):
            raise Refused(
                f"`{workflow.event}` with a commit checked out that is not this branch's own ({head[:10]}): "
                "such a workflow has secrets and a token that may write",
                help="use `pull_request`, and let a second workflow comment; `penstock init --github` writes both",
            )
