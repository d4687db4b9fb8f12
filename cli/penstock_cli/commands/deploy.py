"""`penstock deploy`: makes a target have the flows of the repository, and tells of each what came of it."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import click

from penstock_cli.deploying import deploy_options
from penstock_cli.globals import Globals


@click.command("deploy", short_help="Bring flows and namespace files to a target.")
@deploy_options
@click.option("--dry-run", is_flag=True, help="Only show the plan.")
@click.option("--fail-fast", is_flag=True, help="End at the first change that the target refuses.")
@click.pass_obj
def command(globals_: Globals, /, output: str, dry_run: bool, fail_fast: bool, **told: Any) -> None:
    """Deploy flows to a Kestra-compatible server or a folder.

    All flows of the repository are judged first: where one is invalid, nothing is deployed. Then files go first, and
    flows behind those that they call. Only what was deployed from here is ever deleted, and only with --prune. After a
    failure a second run goes on where this one ended.

    \b
    Exit codes: 0 done, 1 failed and nothing applied, 2 wrong usage or cannot read, 3 server unreachable,
    4 not authorised, 7 partly applied.
    """
    from penstock.errors import Refused
    from penstock_cli.deploying import asked_for, exit_code, refuse_invalid, tell_around, tell_unnoted
    from penstock_cli.render.plan import show_deployment, show_plan, tell_refusal, tell_result

    with asked_for(told) as deployments:
        refuse_invalid(deployments, globals_)
        try:
            with nullcontext() if dry_run else deployments.alone():
                tell_around(deployments)
                plan = deployments.plan()
                if dry_run:
                    show_plan(plan, output, globals_)
                    return
                told_each = _silent if globals_.quiet else tell_result
                carried = deployments.carry_out(plan, fail_fast=fail_fast, told=told_each)
        except Refused as error:
            tell_refusal(error)
            raise SystemExit(1) from error
    tell_unnoted(deployments)
    show_deployment(carried, output)
    raise SystemExit(exit_code(carried))


def _silent(_: object) -> None:
    """The end says it all."""
