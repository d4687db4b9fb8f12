"""One deployment as it was asked for: options, the judgement that comes first, the plan, and what the exit code is."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from penstock_cli.exits import Exit
from penstock_cli.globals import Globals
from penstock_cli.options import settings_now

if TYPE_CHECKING:
    from penstock.deploy.carry_out import Carried
    from penstock.wiring.deployments import Deployments

MOST_DELETES = 10
PARTLY = 7
"""The exit code of a deployment of which some is there and some is not."""

_OPTIONS = (
    click.argument("paths", nargs=-1, type=click.Path(path_type=str), metavar="[PATH]..."),
    click.option("--target", metavar="T", help="A target of penstock.yaml, a server's URL, or a folder."),
    click.option(
        "--namespace", "namespaces", metavar="NAMESPACE", multiple=True,
        help="Nothing of other namespaces is written or deleted. May be repeated.",
    ),
    click.option("--tenant", metavar="TENANT", help="The tenant on the server.  [default: the target's, else main]"),
    click.option("--owner", metavar="NAME", help="Whose flows these are.  [default: the Git remote's path]"),
    click.option("--prune", is_flag=True, help="Delete what was deployed from here and is no longer in the source."),
    click.option(
        "--max-deletes", type=click.IntRange(min=0), default=MOST_DELETES, show_default=True, metavar="N",
        help="Refuse a plan that deletes more.",
    ),
    click.option(
        "--files-from", type=click.Path(path_type=Path), metavar="DIR",
        help="Instead of flows, deploy the files of DIR as namespace files of --namespace.",
    ),
    click.option("--to", default="/", metavar="PATH", help="With --files-from: the folder that they go to."),
    click.option("-o", "--output", "--format", "output", type=click.Choice(["text", "json"]), default="text",
                 show_default=True, help="How it is written."),
    click.option("--no-cache", is_flag=True, help="Keep no verdicts, and believe none that are kept."),
)  # fmt: skip


def deploy_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What `plan` and `deploy` are told alike; the command gets them as keywords."""
    return reduce(lambda decorated, option: option(decorated), reversed(_OPTIONS), command)


def asked_for(told: dict[str, Any]) -> Deployments:
    """From the options of a call. Raises UserError for what does not fit."""
    from penstock.settings import cache_folder
    from penstock.validation.cache import Cache
    from penstock.wiring.deployments import Asked, Deployments
    from penstock.wiring.destinations import destination, owner_of

    if told["files_from"] is not None and told["paths"]:
        raise click.UsageError("--files-from deploys no flows: leave PATH out")
    settings, here = settings_now(), Path()
    asked = Asked(told["paths"], told["namespaces"], told["files_from"], told["to"], told["prune"], told["max_deletes"])
    where = destination(told["target"], settings, os.environ, tenant=told["tenant"])
    cache = Cache(None if told["no_cache"] else cache_folder())
    return Deployments(here, settings, cache, asked, where, owner_of(told["owner"], here))


def refuse_invalid(deployments: Deployments, globals_: Globals) -> None:
    """Judge the whole repository; show what is wrong on stderr and leave with 1: then nothing has been asked for."""
    from penstock.diagnostic import Severity

    report = deployments.judged()
    if report is None or not report.count(Severity.ERROR):
        return
    from penstock_cli.reporting import Telling

    click.echo(Telling("text", "error", globals_).text(report), err=True, nl=False)
    click.echo("nothing was deployed: invalid flows never are", err=True)
    raise SystemExit(Exit.FINDINGS)


def tell_around(deployments: Deployments) -> None:
    """What is not of the plan: a deployment that died, and defaults that a server does not know."""
    broken = deployments.broken_off()
    if broken is not None:
        began = broken.began.astimezone().isoformat(sep=" ", timespec="seconds")
        click.echo(
            f"the deployment of {began} was broken off after {broken.done} of {broken.of} changes, or runs still",
            err=True,
        )
    if deployments.settings.defaults:
        click.echo("warning: `defaults` of penstock.yaml are not deployed: a target knows flows alone", err=True)


def tell_unnoted(deployments: Deployments) -> None:
    """That this machine could not keep what was done."""
    if deployments.unnoted is not None:
        click.echo(f"warning: the deployment could not be noted here: {deployments.unnoted.strerror}", err=True)


def exit_code(carried: Carried) -> int:
    """As the table of `penstock deploy` has it."""
    from penstock.errors import Retryable, Unauthorised

    match carried.outcome:
        case "unchanged" | "deployed":
            return Exit.FINE
        case "partly":
            return PARTLY
    if isinstance(carried.stopped, Retryable):
        return Exit.UNREACHABLE
    if isinstance(carried.stopped, Unauthorised):
        return Exit.UNAUTHORISED
    return Exit.FINDINGS
