"""`penstock hook`: a bare repository that refuses invalid flows, and whose pushes are deployed at once."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from penstock_cli.exits import Exit
from penstock_cli.globals import Globals
from penstock_cli.options import without_settings

PRE_RECEIVE, POST_RECEIVE = "pre-receive", "post-receive"
_FOLDER = click.Path(path_type=Path, file_okay=False)
_branch = click.option(
    "--branch", default="main", show_default=True, help="The branch that is deployed, as the agent has it."
)


_prefix = click.option("--path", "prefix", default="", help="The folder that is deployed, as the agent's --path.")
_dialect = click.option(
    "--dialect", type=click.Choice(["auto", "0.21", "1", "2"]), help="How flows are read, as the agent's --dialect."
)


@click.group("hook", short_help="Have a bare repository check pushes, and deploy them at once.")
def command() -> None:
    """Hooks of a bare repository: a push with invalid flows is refused, and any other is deployed at once."""


@command.command("install", short_help="Write the hooks into a bare repository.")
@click.argument("directory", metavar="[DIR]", default=".", type=_FOLDER)
@click.option("--data", type=click.Path(path_type=Path), help="The data folder of the agent that is told of pushes.")
@_branch
@_prefix
@_dialect
@click.option("--force", is_flag=True, help="Set hooks of others aside, as NAME.replaced.")
def install(directory: Path, data: Path | None, branch: str, prefix: str, dialect: str | None, force: bool) -> None:
    """Write `hooks/pre-receive` and `hooks/post-receive` of the bare repository DIR.

    The first one refuses a push to the branch whose flows are invalid and shows why; the second one has the agent look
    at once. Give --branch, --path and --dialect as the agent has them. Without --data it is the folder of `penstock
    agent --repo DIR --branch BRANCH --path PATH` on this machine, DIR being an absolute path.

    \b
    Exit codes: 0 fine, 2 no bare repository, cannot write, or there is a hook of somebody else.
    """
    from penstock.settings import data_folder
    from penstock.wiring import Repository
    from penstock.wiring.pushed import PushedTo, deployable
    from penstock_cli.hooks.scripts import Hook
    from penstock_cli.hooks.scripts import install as write

    repository, branch = PushedTo(directory), deployable(branch)
    place = data_folder(data, agent=Repository(str(repository.root), branch, prefix).identity)
    hooks = (
        Hook(PRE_RECEIVE, ("--branch", branch, *_given("--path", prefix), *_given("--dialect", dialect))),
        Hook(POST_RECEIVE, ("--branch", branch, "--data", str(place))),
    )
    for done in write(repository.hooks(), hooks, force=force):
        aside = f"; what was there is {done.aside}" if done.aside is not None else ""
        click.echo(f"{done.what} {done.path}{aside}")
    click.echo(f"pushes to {branch} are checked, and told to the agent of {place}")


def _given(option: str, value: str | None) -> tuple[str, ...]:
    return (option, value) if value else ()


@command.command("uninstall", short_help="Take the hooks away.")
@click.argument("directory", metavar="[DIR]", default=".", type=_FOLDER)
def uninstall(directory: Path) -> None:
    """Take Penstock's hooks away from the bare repository DIR; what was set aside for them comes back."""
    from penstock.wiring.pushed import PushedTo
    from penstock_cli.hooks.scripts import uninstall as remove

    done = list(remove(PushedTo(directory).root / "hooks", (PRE_RECEIVE, POST_RECEIVE)))
    for each in done:
        click.echo(f"{each.what} {each.path}")
    if not done:
        click.echo("there is no hook of Penstock")


@command.command(PRE_RECEIVE, short_help="What the hook of that name calls.")
@_branch
@_prefix
@_dialect
@click.option("--within", metavar="DURATION", default="60s", show_default=True, help="How long judging may take.")
@without_settings
@click.pass_obj
def pre_receive(globals_: Globals, branch: str, prefix: str, dialect: str | None, within: str) -> None:
    """Read `old new ref` lines; exit with 1 where the push is to be refused, having told why on standard error.

    Judged is the whole tree that the branch comes to, or what lies below --path in it; only errors refuse it. Other
    branches, tags and deletions pass. What keeps Penstock from judging refuses too. `git push -o penstock.skip` passes
    where the repository has `penstock.allowSkip`.
    """
    from penstock.settings.kinds import parse_length
    from penstock_cli.hooks import receiving

    try:
        length = parse_length(within)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--within") from error
    deployed = receiving.Deployed(branch, prefix, dialect)
    if not receiving.pre_receive(sys.stdin.buffer.read(), deployed, globals_, within=length):
        raise SystemExit(Exit.FINDINGS)


@command.command(POST_RECEIVE, short_help="What the hook of that name calls.")
@_branch
@click.option("--data", type=click.Path(path_type=Path), required=True, help="The agent's data folder.")
@without_settings
@click.pass_obj
def post_receive(globals_: Globals, branch: str, data: Path) -> None:
    """Read `old new ref` lines; have the agent look now where the branch is among them. What has been pushed is there
    whatever comes of it, so this exits with 0."""
    from penstock.wiring.presence import poke_agent
    from penstock_cli.hooks.updates import updates_of

    if not updates_of(branch, sys.stdin.buffer.read()):
        return
    is_told = poke_agent(data.absolute())
    if not globals_.quiet:
        said = "the agent looks now" if is_told else "no agent listens; it looks when it is started, or polls next"
        click.echo(f"penstock: {said}", err=True)
