"""`penstock`: the table of commands, each imported when it is chosen, and the way in and out of the program."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NoReturn

import click

from penstock.collector import collector_slowed
from penstock_cli.boundary import guarded
from penstock_cli.globals import Globals
from penstock_cli.options import common_options, with_common_options

PROGRAM = "penstock"
COMPLETE = "_PENSTOCK_COMPLETE"
"""The variable by which the scripts of `penstock completion` ask for completions."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One command: the module whose `command` it is, and its help in a line.

    `everywhere` commands work also where `requires` of penstock.yaml asks for another version of Penstock.
    `hidden` ones are for programs, and not listed.
    """

    module: str
    help: str
    everywhere: bool = False
    hidden: bool = False


COMMANDS: dict[str, Entry] = {
    "init": Entry("penstock_cli.commands.init", "Begin a repository of flows.", everywhere=True),
    "validate": Entry("penstock_cli.commands.validate", "Check flows offline: YAML, schemas, references."),
    "diff": Entry("penstock_cli.commands.diff", "What a change of flows means, and whom it touches."),
    "plan": Entry("penstock_cli.commands.plan", "What deploying would change at a server or in a folder."),
    "deploy": Entry("penstock_cli.commands.deploy", "Bring flows to a Kestra server or a folder."),
    "run": Entry("penstock_cli.commands.run", "Run one flow here and now, without a server."),
    "executions": Entry("penstock_cli.commands.executions", "What ran and what runs: list, show, logs, watch, kill …"),
    "agent": Entry("penstock_cli.commands.agent", "Run the flows of a Git repository and keep their results."),
    "hook": Entry("penstock_cli.commands.hook", "Have a bare repository check and deploy pushes.", everywhere=True),
    "flows": Entry("penstock_cli.commands.flows", "What is deployed, its last and next runs: list, show."),
    "triggers": Entry("penstock_cli.commands.triggers", "What starts flows by itself: list, enable, disable."),
    "trigger": Entry("penstock_cli.commands.trigger", "Start an execution of a deployed flow, now."),
    "backfill": Entry("penstock_cli.commands.backfill", "Run a range of a schedule's slots."),
    "types": Entry("penstock_cli.commands.types", "List the types of tasks and triggers."),
    "explain": Entry("penstock_cli.commands.explain", "Explain a type, a property, a code, a function."),
    "schema": Entry("penstock_cli.commands.schema", "Print the JSON schema of flows, or of one type."),
    "graph": Entry("penstock_cli.commands.graph", "Draw a flow: text, Mermaid, SVG or JSON."),
    "eval": Entry("penstock_cli.commands.eval", "Render one expression over a context."),
    "config": Entry("penstock_cli.commands.config", "Show the settings, and which of them won.", everywhere=True),
    "doctor": Entry("penstock_cli.commands.doctor", "Check this machine; say the mend.", everywhere=True),
    "github": Entry("penstock_cli.commands.github", "What the Action's steps call.", everywhere=True, hidden=True),
    "completion": Entry("penstock_cli.commands.completion", "Print completions for a shell.", everywhere=True),
}

_EPILOG = """\
\b
Exit codes: 0 fine, 1 findings or the run failed, 2 wrong usage or cannot read or write,
3 server unreachable, 4 not authorised, 70 a bug in Penstock, 130 interrupted,
141 reader gone, 143 terminated. A command that has others tells them in its help.
"""


class LazyGroup(click.Group):
    """A group whose commands are known by name and imported when one of them is chosen."""

    def __init__(self, entries: dict[str, Entry], **more: Any) -> None:
        super().__init__(**more)
        self._entries = entries

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [
            name for name, entry in self._entries.items() if not entry.hidden and find_spec(entry.module) is not None
        ]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = self._entries.get(cmd_name)
        if entry is None:
            return None
        if cmd_name not in self.commands:
            if find_spec(entry.module) is None:
                raise Misused(f"`{cmd_name}` is not part of this version of Penstock", "install a later one", ctx)
            command: click.Command = import_module(entry.module).command
            self.commands[cmd_name] = with_common_options(command, checked=not entry.everywhere)
        return self.commands[cmd_name]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        command = self.get_command(ctx, name)
        if command is None and not ctx.resilient_parsing:
            from penstock.diagnostic import did_you_mean

            hint = did_you_mean(name, self.list_commands(ctx)) or f"`{PROGRAM} --help` lists the commands"
            raise Misused(f"there is no command `{name}`", hint, ctx)
        return (name if command else None), command, args[1:]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, self._entries[name].help) for name in self.list_commands(ctx)]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        from click.shell_completion import CompletionItem

        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        commands = [CompletionItem(name, help=self._entries[name].help) for name in names]
        return commands + click.Command.shell_complete(self, ctx, incomplete)


class Misused(click.UsageError):
    """A wrong call whose mend is known."""

    def __init__(self, message: str, hint: str, ctx: click.Context) -> None:
        super().__init__(message, ctx)
        self.hint = hint


def _nothing_yet() -> None:
    """The group itself does nothing: its options tell the command that follows."""


def program(entries: dict[str, Entry]) -> LazyGroup:
    """The whole command line over a table of commands."""
    return LazyGroup(
        entries,
        name=PROGRAM,
        callback=_nothing_yet,
        params=list(common_options()),
        help="Runs Kestra-compatible workflows from files and Git, without a server.",
        epilog=_EPILOG,
        context_settings={"help_option_names": ["-h", "--help"], "obj": Globals(), "max_content_width": 100},
    )


def run(arguments: Sequence[str], entries: dict[str, Entry]) -> int:
    """Parse the arguments and call the command that they choose. Raises whatever it raises."""
    group = program(entries)
    instruction = os.environ.get(COMPLETE)
    if instruction:
        from click.shell_completion import shell_complete

        return shell_complete(group, {}, PROGRAM, COMPLETE, instruction)
    with group.make_context(PROGRAM, list(arguments)) as context:
        group.invoke(context)
    return 0


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """The program: never raises anything but SystemExit, whose code is one of `penstock_cli.exits.Exit`."""
    collector_slowed()
    given = sys.argv[1:] if arguments is None else list(arguments)
    for stream in (sys.stdout, sys.stderr):
        _make_printable(stream)
    sys.exit(int(guarded(lambda: run(given, COMMANDS), given)))


def _make_printable(stream: Any) -> None:
    """No text can fail to be written: what the encoding lacks is escaped; a pipe on Windows gets UTF-8."""
    if not hasattr(stream, "reconfigure"):
        return
    encoding = "utf-8" if os.name == "nt" and not stream.isatty() else None
    stream.reconfigure(encoding=encoding, errors="backslashreplace")
