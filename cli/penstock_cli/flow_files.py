"""From what a person typed to a flow: a file, standard input, or the name of a flow in this repository."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from penstock.diagnostic import did_you_mean
from penstock.errors import NotFound, UserError
from penstock.flow.catalogue.catalog import Catalog
from penstock.flow.catalogue.plugin_files import catalog_of
from penstock.flow.convert import LocalFile
from penstock.flow.layout.tree import discover
from penstock.flow.model import Dialect, Input, InputType
from penstock.flow.parse import ParsedFlow, parse_flow
from penstock.flow.reading.document import read_document
from penstock.operations.start import name_of
from penstock_cli.exits import Exit
from penstock_cli.options import settings_now


@dataclass(frozen=True, slots=True)
class FlowFile:
    """A flow's text, where it is from (`-` is standard input), and what came of parsing it."""

    path: str
    source: bytes
    parsed: ParsedFlow


def read_flow(text: str, dialect: Dialect) -> FlowFile:
    """The flow that `text` names: a path, `-`, `namespace/id` or `namespace.id`. Raises NotFound, UserError."""
    catalog = catalog_of(settings_now())
    if text == "-":
        return _parsed("<stdin>", sys.stdin.buffer.read(), dialect, catalog)
    path = Path(text)
    if path.is_file():
        return _parsed(text, _bytes(path), dialect, catalog)
    if path.is_dir():
        raise UserError(f"{text} is a folder", help="name one flow file, or a flow as `namespace/id`")
    if path.suffix in (".yaml", ".yml") or text.startswith((".", "/")):
        raise NotFound(f"there is no file {text}")
    return _by_name(text, dialect, catalog)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error


def _parsed(path: str, source: bytes, dialect: Dialect, catalog: Catalog) -> FlowFile:
    return FlowFile(path, source, parse_flow(source, path, catalog=catalog, dialect=dialect))


def _by_name(text: str, dialect: Dialect, catalog: Catalog) -> FlowFile:
    """A flow of this repository by name; `namespace.id` where only one reading is known."""
    wanted = name_of(text)
    found: dict[str, FlowFile] = {}
    names: list[str] = []
    for path in discover(()):
        candidate = _parsed(str(path), _bytes(Path(path)), dialect, catalog)
        name = candidate.parsed.name
        if name is None:
            continue
        names.append(str(name))
        if name == wanted or (wanted is None and f"{name.namespace}.{name.id}" == text):
            found.setdefault(str(name), candidate)
    if len(found) > 1:
        raise UserError(f"`{text}` is {' or '.join(f'`{name}`' for name in found)}", help="name it as `namespace/id`")
    if not found:
        raise NotFound(f"there is no flow `{text}` here", help=did_you_mean(text, names))
    return next(iter(found.values()))


def refuse_invalid(file: FlowFile, *, colour: bool) -> None:
    """Show the findings of a flow that is not valid, and leave with 1."""
    from penstock_cli.render.findings import render_text

    if file.parsed.flow is None:
        texts = {file.path: file.parsed.document.text}
        click.echo(render_text(list(file.parsed.diagnostics), texts, colour=colour), err=True)
        raise SystemExit(Exit.FINDINGS)


@contextmanager
def told_within(path: str) -> Iterator[None]:
    """What is wrong with inputs is told with the place of each in the file of its flow."""
    from penstock.flow.inputs import InvalidInputs

    try:
        yield
    except InvalidInputs as error:
        raise error.within(path) from error


def given_inputs(pairs: Sequence[str], file: Path | None, declared: Iterable[Input] = ()) -> dict[str, Any]:
    """Raw inputs: those of `--inputs FILE` (YAML or JSON), then every `key=value`, `key=@path` over them.

    Of an input that is `declared` as a FILE, `@path` is not read: it is kept by whoever starts the execution.
    """
    files = {each.id for each in declared if each.type is InputType.FILE}
    given: dict[str, Any] = {}
    if file is not None:
        document = read_document(_bytes(file), str(file))
        if not document.is_sound or not isinstance(document.value, dict):
            raise UserError(f"{file} holds no map of inputs in YAML or JSON")
        given.update(document.value)
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise UserError(f"`-i {pair}` is not of the form key=value")
        if value.startswith("@") and key in files:
            given[key] = LocalFile(value[1:])
        else:
            given[key] = _bytes(Path(value[1:])).decode("utf-8", "replace") if value.startswith("@") else value
    return given


def tell_undeclared(given: Iterable[str], declared: Iterable[Input]) -> None:
    """What no input is named after is ignored, as Kestra does it, and told as Kestra tells it."""
    names = [each.id for each in declared]
    for key in given:
        if not any(name == key or name.startswith(f"{key}.") for name in names):
            near = did_you_mean(key, names)
            hint = f" ({near})" if near else ""
            click.echo(f"Input {key} was provided but isn't declared in the workflow inputs{hint}", err=True)


def given_mocks(pairs: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Outputs by task, each from a file: `task=outputs.json`. Raises UserError."""
    mocks: dict[str, dict[str, Any]] = {}
    for pair in pairs:
        task, equals, path = pair.partition("=")
        if not equals or not task:
            raise UserError(f"`--mock {pair}` is not of the form task=outputs.json")
        document = read_document(_bytes(Path(path)), path)
        if not document.is_sound or not isinstance(document.value, dict):
            raise UserError(f"{path} holds no map of outputs in JSON or YAML")
        mocks[task] = document.value
    return mocks


def given_labels(pairs: Sequence[str]) -> dict[str, str]:
    """Labels as `key:value`. Raises UserError for a system label."""
    labels: dict[str, str] = {}
    for pair in pairs:
        key, colon, value = pair.partition(":")
        if not colon or not key:
            raise UserError(f"`--label {pair}` is not of the form key:value")
        if key.startswith("system."):
            raise UserError(f"System labels can only be set by Kestra itself, offending label: {key}={value}")
        labels[key] = value
    return labels
