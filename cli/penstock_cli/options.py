"""The options that every command has: they may stand before it and after it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import chdir
from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from penstock_cli.globals import Globals
from penstock_cli.render.terminal import COLOURS, click_colour, in_ci

if TYPE_CHECKING:
    from penstock.settings import Settings

_FLAGS = "penstock_cli.flags"
"""In `Context.meta`: the common options that were really given, by the name of their setting."""

_SETTINGS = "penstock_cli.settings"

_UNSETTLED: set[Callable[..., Any]] = set()
"""What is called without settings."""


def without_settings(callback: Callable[..., Any]) -> Callable[..., Any]:
    """For a command that another program calls somewhere, where no file may speak: flags count, and nothing else."""
    _UNSETTLED.add(callback)
    return callback


def with_common_options(command: click.Command, *, checked: bool = True) -> click.Command:
    """`command`, and every command below it, with the common options added and its settings settled before it runs.

    An option that the command has already under one of the same names is left as the command has it. `checked` says
    that the command is refused where a setting is wrong or `requires` does not allow this version of Penstock.
    A command that has them already is returned as it is.
    """
    taken = {spelling for option in command.params for spelling in option.opts}
    if "-C" in taken:
        return command
    command.params.extend(option for option in common_options() if taken.isdisjoint(option.opts))
    if isinstance(command, click.Group):
        for below in command.commands.values():
            with_common_options(below, checked=checked)
        if command.invoke_without_command and command.callback is not None:
            command.callback = _settled(command.callback, checked)
    elif command.callback is not None and command.callback not in _UNSETTLED:
        command.callback = _settled(command.callback, checked)
    return command


def common_options() -> list[click.Option]:
    """`-C`, `--color`, `-q`, `-v`, `--no-input`, `--version`: they change what is passed on, not the call."""
    return [
        click.Option(
            ["-C", "folder"],
            metavar="DIR",
            multiple=True,
            is_eager=True,
            expose_value=False,
            callback=_go_to,
            help="Work in DIR.",
        ),
        click.Option(
            ["--color", "color"],
            type=click.Choice(COLOURS),
            expose_value=False,
            callback=_tell,
            help="When to colour.  [default: auto]",
        ),
        click.Option(["-q", "--quiet"], is_flag=True, expose_value=False, callback=_tell, help="Say less."),
        click.Option(
            ["-v", "--verbose"], count=True, expose_value=False, callback=_tell, help="Say more; may be repeated."
        ),
        click.Option(
            ["--no-input"], is_flag=True, expose_value=False, callback=_tell, help="Never ask; implied by CI=true."
        ),
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_show_version,
            help="Print the version and leave.",
        ),
    ]


def settings_now() -> Settings:
    """The settings that hold for the command that runs."""
    settings: Settings = click.get_current_context().meta[_SETTINGS]
    return settings


def _go_to(ctx: click.Context, param: click.Parameter, folders: tuple[str, ...]) -> None:
    for folder in folders:
        try:
            ctx.with_resource(chdir(folder))
        except OSError as error:
            raise click.BadParameter(f"cannot go to {folder}: {error.strerror}", ctx, param) from error


def _tell(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    if value and not ctx.resilient_parsing:
        ctx.meta.setdefault(_FLAGS, {})[param.name] = value
    ctx.obj = _globals(ctx)


def _globals(ctx: click.Context) -> Globals:
    flags = ctx.meta.get(_FLAGS, {})
    return replace(Globals(no_input=in_ci()), **flags)


def _show_version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from penstock import __version__

        click.echo(f"penstock {__version__}")
        ctx.exit()


def _settled(callback: Callable[..., Any], checked: bool) -> Callable[..., Any]:
    """`callback`, called when flags, environment and files are settled."""

    @wraps(callback)
    def settled(*args: Any, **kwargs: Any) -> Any:
        from penstock.settings import load_settings

        ctx = click.get_current_context()
        if ctx.invoked_subcommand is not None:
            return callback(*args, **kwargs)  # the command below settles them
        flags = ctx.meta.get(_FLAGS, {})
        settings = load_settings({name: flags[key] for key, name in _FLAG_SETTINGS.items() if key in flags})
        ctx.meta[_SETTINGS] = settings
        ctx.obj = replace(_globals(ctx), color=settings.color, no_input=settings.no_input or in_ci())
        ctx.color = click_colour(settings.color)
        if checked:
            _check(settings, ctx.obj)
        return callback(*args, **kwargs)

    return settled


def _check(settings: Settings, globals_: Globals) -> None:
    """Refuse a wrong setting or version, and tell of keys that mean nothing."""
    from penstock.errors import UserError
    from penstock.settings import refuse_other_version

    for found in settings.diagnostics:
        place = f"{found.file}:{found.range.start.line}:{found.range.start.column}: "
        message = found.message if found.message.startswith(found.file) else place + found.message
        if found.is_error:
            raise UserError(message, help=found.help, code=found.code)
        if not globals_.quiet:
            click.echo(f"warning[{found.code}]: {message}" + (f"; {found.help}" if found.help else ""), err=True)
    refuse_other_version(settings)


_FLAG_SETTINGS = {"color": "color", "no_input": "noInput"}
"""The common options that are settings too, and the name of the setting."""
