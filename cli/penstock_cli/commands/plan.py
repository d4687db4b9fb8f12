"""`penstock plan`: what `deploy` would do to a target, and why; nothing is changed."""

from __future__ import annotations

from typing import Any

import click

from penstock.collector import collector_paused
from penstock_cli.deploying import deploy_options
from penstock_cli.globals import Globals


@click.command("plan", short_help="What deploying would change at a target.")
@deploy_options
@click.option("--detailed-exitcode", is_flag=True, help="Leave with 2 when anything would change, with 1 on an error.")
@click.pass_obj
def command(globals_: Globals, /, output: str, detailed_exitcode: bool, **told: Any) -> None:
    """Hold the flows against what a target has, and what was deployed there last: what `deploy` would do, and why.

    PATH is a file or a folder; by default all flows of the repository, with their namespace files. Flows are compared
    by what they mean, not by how they are written.

    \b
    Exit codes: 0 whatever would change, 1 invalid flows, or a plan that is refused, 2 wrong usage or cannot read,
    3 server unreachable, 4 not authorised.
    With --detailed-exitcode 0 nothing would change, 2 something would, 1 an error.
    """
    from penstock.errors import Refused, Unauthorised, UserError
    from penstock_cli.deploying import asked_for, refuse_invalid, tell_around
    from penstock_cli.render.plan import show_plan, tell_refusal

    try:
        with collector_paused(), asked_for(told) as deployments:
            refuse_invalid(deployments, globals_)
            tell_around(deployments)
            plan = deployments.plan()
    except Unauthorised:
        raise
    except UserError as error:
        if not detailed_exitcode and not isinstance(error, Refused):
            raise
        tell_refusal(error)
        raise SystemExit(1) from error
    show_plan(plan, output, globals_)
    if detailed_exitcode and not plan.is_empty:
        raise SystemExit(2)
