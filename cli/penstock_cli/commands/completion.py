"""`penstock completion`: what a shell needs to complete our commands, options and values."""

from __future__ import annotations

import click

_SHELLS = ("bash", "zsh", "fish")


@click.command("completion", short_help="Print completions for a shell.")
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the completion script for SHELL on stdout.

    \b
    bash: eval "$(penstock completion bash)"             in ~/.bashrc (Bash 4.4 or later)
    zsh:  eval "$(penstock completion zsh)"              in ~/.zshrc, after compinit
    fish: penstock completion fish > ~/.config/fish/completions/penstock.fish
    """
    from click.shell_completion import get_completion_class

    from penstock_cli.main import COMPLETE, PROGRAM

    script = get_completion_class(shell)
    assert script is not None, "click has a class for each of these shells"
    click.echo(script(context.find_root().command, {}, PROGRAM, COMPLETE).source(), nl=False)
