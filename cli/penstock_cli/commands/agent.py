"""`penstock agent`: the flows of a Git repository, reconciled, started, run, recorded."""

from __future__ import annotations

from pathlib import Path

import click

from penstock_cli.globals import Globals


@click.group(
    "agent", invoke_without_command=True, short_help="Run the flows of a Git repository; one round with --once."
)
@click.option("--repo", metavar="URL", help="The repository: a URL, or a path.")
@click.option("--branch", default="main", show_default=True)
@click.option("--path", "prefix", default="", help="Only flows below this folder.")
@click.option("--once", is_flag=True, help="One round: reconcile, start what is due, drain, record, leave.")
@click.option("--start", "starts", multiple=True, metavar="FLOW", help="Start this flow too, as `namespace/id`.")
@click.option("--record", type=click.Choice(["git", "none"]), default="git", show_default=True)
@click.option("--name", help="The agent's name; this machine's unless said.")
@click.option("--slots", type=click.IntRange(min=1), help="So many tasks at once.")
@click.option("--allow-process-runner", is_flag=True, help="Let scripts run as processes of this machine.")
@click.option("--git-token-file", type=click.Path(path_type=Path), envvar="PENSTOCK_GIT_TOKEN_FILE")
@click.option("--ssh-key", type=click.Path(path_type=Path), envvar="PENSTOCK_GIT_SSH_KEY")
@click.option("--dialect", type=click.Choice(["auto", "0.21", "1", "2"]), default="auto", show_default=True)
@click.option("--data", type=click.Path(path_type=Path), help="The data folder.")
@click.pass_context
def command(
    context: click.Context,
    repo: str | None,
    branch: str,
    prefix: str,
    once: bool,
    starts: tuple[str, ...],
    record: str,
    name: str | None,
    slots: int | None,
    allow_process_runner: bool,
    git_token_file: Path | None,
    ssh_key: Path | None,
    dialect: str,
    data: Path | None,
) -> None:
    """Mirror REPO, keep what is valid, start what is due, run it, and commit the results to a branch of their own.

    Exit codes: 0 all is well · 1 an execution failed, or a file is not valid · 2 usage · 3 the repository could not
    be reached.
    """
    if context.invoked_subcommand is not None:
        return
    if repo is None:
        raise click.UsageError("name the repository with --repo URL")
    if not once:
        raise click.UsageError("this version runs one round at a time: add --once (and call it from cron or CI)")
    from penstock.flow.model import Dialect
    from penstock.wiring import Repository
    from penstock_cli.tending import AgentWish, tend

    globals_: Globals = context.obj
    repository = Repository(repo, branch, prefix, Dialect(dialect), git_token_file, ssh_key)
    wish = AgentWish(
        repository=repository,
        starts=starts,
        record=record == "git",
        name=name,
        slots=slots,
        allow_process=allow_process_runner,
        data=data,
    )
    raise SystemExit(tend(wish, globals_))


@command.command("status", short_help="What is deployed, from which commit, and how it is.")
@click.option("--repo", metavar="URL", help="The repository that the data folder is derived from.")
@click.option("--branch", default="main", show_default=True)
@click.option("--path", "prefix", default="")
@click.option("--data", type=click.Path(path_type=Path), help="The data folder.")
@click.option("-o", "--output", "--format", "output", type=click.Choice(["table", "json", "yaml", "ndjson", "name"]))
def status(repo: str | None, branch: str, prefix: str, data: Path | None, output: str | None) -> None:
    """Tell it from the store: the same while the agent runs, when it does not, and after a crash."""
    from penstock.wiring import Repository
    from penstock_cli.tending import show_status

    if repo is None and data is None:
        raise click.UsageError("name the data folder with --data DIR, or the repository with --repo URL")
    repository = Repository(repo, branch, prefix) if repo is not None else None
    show_status(repository, data, output)
