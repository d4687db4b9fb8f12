"""`penstock init`: a folder becomes a repository of flows."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("init", short_help="Begin a repository of flows.")
@click.argument("directory", metavar="[DIR]", default=".", type=click.Path(path_type=Path, file_okay=False))
@click.option("--github", is_flag=True, help="Write workflows too: pinned, and with no more rights than they need.")
@click.option("--action", metavar="ACTION@COMMIT", help="What the workflows use, where it is not this version's own.")
@click.option("--force", is_flag=True, help="Write files anew that are there.")
def command(directory: Path, github: bool, action: str | None, force: bool) -> None:
    """Write what a repository of flows begins with into DIR: penstock.yaml, flows/ with an example, editor settings.

    A file that is there stays as it is, and is told as kept. With --github two workflows are added: one checks pushes
    and tells pull requests what they change, the other one comments pull requests from forks.

    \b
    Exit codes: 0 fine, 2 wrong usage or cannot write.
    """
    from penstock_cli.scaffold import repository_files, workflow_files, write
    from penstock_cli.scaffold.release import action_pin

    if action is not None and not github:
        raise click.UsageError("--action says what workflows use: give --github too")
    pin = action_pin(action) if github else None
    for one in write(directory, repository_files(directory), force=force):
        click.echo(f"{'kept' if one.kept else 'wrote'} {one.path}")
    if pin is not None:
        for one in write(directory, workflow_files(pin), force=force):
            click.echo(f"{'kept' if one.kept else 'wrote'} {one.path}")
