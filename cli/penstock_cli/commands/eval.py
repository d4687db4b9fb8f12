"""`penstock eval`: one expression over a context, over a past execution, or against what a flow declares."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from penstock_cli.globals import Globals

if TYPE_CHECKING:
    from penstock.diagnostic import Diagnostic
    from penstock.expression import ExpressionError, World
    from penstock.ports.secrets import Mask

STDIN = "-"
SHOWN_AS = "expression"
"""What a frame names the template by."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What the expression sees: variables, a world (None: a clock and chance), and what must not be shown."""

    variables: Mapping[str, object]
    world: World | None = None
    mask: Mask | None = None

    def shown(self, text: str) -> str:
        return text if self.mask is None else self.mask.text(text)


@click.command("eval", short_help="Render one expression over a context.")
@click.argument("template")
@click.option(
    "--context", metavar="FILE", type=click.Path(allow_dash=True), help="Variables, from a JSON or YAML file or from -."
)
@click.option("--typed", is_flag=True, help="Keep the type of the one expression that it is, and print JSON.")
@click.option("--flow", "flow", metavar="FLOW", help="Check what it refers to against this flow.")
@click.option("--execution", metavar="ID", help="Over what this execution has left.")
@click.option("--task", metavar="ID", help="As a property of this task, of --flow or --execution.")
@click.option("--secrets", "secrets_file", type=click.Path(path_type=Path), help="Secrets from a file, NAME=value.")
@click.option("--dialect", type=click.Choice(["auto", "0.21", "1", "2"]), default="auto", show_default=True)
@click.option("--data", type=click.Path(path_type=Path), help="The data folder, of --execution.")
@click.pass_obj
def command(
    globals_: Globals,
    template: str,
    context: str | None,
    typed: bool,
    flow: str | None,
    execution: str | None,
    task: str | None,
    secrets_file: Path | None,
    dialect: str,
    data: Path | None,
) -> None:
    """Render TEMPLATE, `-` from standard input, and print what it says.

    Variables come from --context, and from --execution below them; without any there are none. With --flow alone
    nothing is rendered: what the template refers to is checked, as `validate` does.

    \b
    Exit codes: 0 fine, 1 it cannot be rendered or refers to what is not there, 2 wrong usage or cannot read.
    """
    if template == context == STDIN:
        raise click.UsageError("the template and the context cannot both come from standard input")
    if task is not None and flow is None and execution is None:
        raise click.UsageError("--task names a task of --flow or of --execution")
    source = sys.stdin.read().removesuffix("\n") if template == STDIN else template
    if flow is not None:
        _check(source, flow, task, dialect, globals_)
        if context is None and execution is None:
            return
    given = _variables(context) if context is not None else {}
    with _sight(execution, task if execution is not None else None, data, secrets_file) as sight:
        seen = replace(sight, variables={**sight.variables, **given})
        click.echo(_rendered(source, seen, globals_, typed=typed))


def _check(source: str, flow: str, task: str | None, dialect: str, globals_: Globals) -> None:
    """Show what is wrong with the references of a template; leave with 1 when there is an error."""
    from penstock.flow.model import Dialect
    from penstock_cli.flow_files import read_flow

    found = read_flow(flow, Dialect(dialect)).parsed.judge(source, task)
    for one in found:
        _show(one, source.split("\n")[one.range.start.line - 1], globals_)
    if any(one.is_error for one in found):
        raise SystemExit(1)


def _variables(context: str) -> dict[str, Any]:
    import json

    from penstock.errors import UserError

    if context == STDIN:
        name, text = "standard input", sys.stdin.read()
    else:
        name, text = context, Path(context).read_text("utf-8", "replace")
    try:
        value = json.loads(text)
    except ValueError:
        from penstock.flow.reading.document import read_document

        document = read_document(text, name)
        value = document.value if document.is_sound else None
    except RecursionError:
        value = None
    if not isinstance(value, dict):
        raise UserError(f"{name} holds no map of variables in JSON or YAML")
    return value


@contextmanager
def _sight(execution: str | None, task: str | None, data: Path | None, secrets_file: Path | None) -> Iterator[Sight]:
    if execution is None:
        yield Sight({})
        return
    from penstock.errors import NotFound
    from penstock.settings import data_folder
    from penstock.wiring.evaluating import evaluation_of
    from penstock.wiring.workplaces import workplace
    from penstock_cli.lookup import full_id
    from penstock_cli.options import settings_now

    folder = data_folder(data)
    if not (folder / "store.db").exists():
        raise NotFound(f"nothing has run with the data folder {folder} yet", help="--data DIR names another one")
    with workplace(folder, secrets_file=secrets_file, settings=settings_now()) as place:
        found = place.store.load(full_id(place.store, execution))
        assert found is not None
        evaluation = evaluation_of(place, found, task)
        yield Sight(evaluation.variables, evaluation.world, evaluation.mask)


def _rendered(source: str, sight: Sight, globals_: Globals, *, typed: bool) -> str:
    """What the template says, masked; leaves with 1 when it cannot be rendered."""
    from penstock.errors import UserError
    from penstock.expression import ExpressionError, render

    try:
        value = render(source, sight.variables, typed=typed, world=sight.world)
        return sight.shown(_json(value) if typed else str(value))
    except ExpressionError as error:
        _show_error(error, source, sight, globals_)
    except UserError as error:
        from penstock_cli.boundary import tell

        hint = sight.shown(error.help) if error.help else None
        tell(f"error[{error.code}]", sight.shown(error.message), hint, [f"--color={globals_.color}"])
    raise SystemExit(1)


def _json(value: object) -> str:
    from penstock.expression.budget import DEFAULT, Meter
    from penstock.expression.stringify import to_json

    return to_json(value, Meter(DEFAULT))


def _show_error(error: ExpressionError, source: str, sight: Sight, globals_: Globals) -> None:
    """The frame of an error, in the template where it happened: `render` may have led into another one."""
    from penstock.diagnostic import Diagnostic, Position, Range, Severity

    text = source if error.source is None else error.source
    before = text[: error.offset or 0]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    where = Range(Position(line, column), Position(line, column + max(error.width, 1)))
    hint = sight.shown(error.help) if error.help else None
    found = Diagnostic(error.code, Severity.ERROR, sight.shown(error.message), SHOWN_AS, where, hint)
    holds_secret = sight.shown(text) != text  # which may go over several lines, and moves what stands behind it
    _show(found, "" if holds_secret else text.split("\n")[line - 1], globals_)


def _show(found: Diagnostic, line: str, globals_: Globals) -> None:
    from penstock_cli.render.findings_frame import frame, style_for

    click.echo(frame(found, line, style_for(globals_.color, sys.stderr)), nl=False, err=True, color=True)
