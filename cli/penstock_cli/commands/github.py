"""`penstock github`: what the steps of the Action call. Not for people: its inputs are variables of a workflow."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from penstock_cli.exits import Exit

if TYPE_CHECKING:
    from penstock_cli.github.step import Step


@click.group("github", short_help="What the steps of the GitHub Action call.")
def command() -> None:
    """What the steps of the GitHub Action call; `action/` has its inputs and outputs.

    \b
    Exit codes: those of `validate`, `diff`, `run` and `deploy`; 2 for an input that is none, or a refused checkout.
    """


@command.command("validate", short_help="Check flows; annotate, summarise.")
def validate() -> None:
    """Check flows and tell of them."""

    def work(step: Step) -> int:
        from penstock_cli.github.validating import validate as judge

        return judge(step).code

    _step(work)


@command.command("diff", short_help="Compare flows; comment.")
def diff() -> None:
    """Compare flows and tell of it in the pull request."""

    def work(step: Step) -> int:
        from penstock_cli.github.commenting import tell_pull
        from penstock_cli.github.differing import differ

        differed = differ(step)
        tell_pull(step, None, differed)
        return differed.code

    _step(work)


@command.command("run", short_help="Run a flow.")
def run() -> None:
    """Run a flow in the workflow."""

    def work(step: Step) -> int:
        from penstock_cli.github.starting import run as start

        return start(step)

    _step(work)


@command.command("deploy", short_help="Deploy flows; summarise.")
def deploy() -> None:
    """Bring flows to a target."""

    def work(step: Step) -> int:
        from penstock_cli.github.deploying import deploy as bring

        return bring(step)

    _step(work)


@command.command("comment", short_help="Write the comment that another workflow could not.")
def comment() -> None:
    """Write the comment of a report that another workflow has left."""

    def work(step: Step) -> int:
        from penstock_cli.github.commenting import comment_for_another

        return comment_for_another(step)

    _step(work)


@command.command("usual", short_help="What is usual for the event.")
def usual() -> None:
    """Validate and compare a pull request, validate and deploy a push, run the `flow` that is started by hand."""

    def work(step: Step) -> int:
        from penstock_cli.github.usual import do_the_usual

        return do_the_usual(step)

    _step(work)


def _step(work: Callable[[Step], int]) -> None:
    """Do it where nothing is heard as a command, and annotate what goes wrong."""
    from penstock.errors import PenstockError, Retryable
    from penstock_cli.github.log import Log
    from penstock_cli.github.program import environment
    from penstock_cli.github.step import read_step

    log = Log(sys.stderr)
    with log.quoted():
        try:
            step = read_step(environment(), log)
            step.workflow.tell({"report-path": str(step.report)})
            code = work(step)
        except PenstockError as error:
            help_ = f"\n{error.help}" if error.help else ""
            log.annotate("error", f"{error.message}{help_}", title="penstock")
            code = Exit.UNREACHABLE if isinstance(error, Retryable) else Exit.USAGE
    raise SystemExit(int(code))
