"""The files that a repository of flows begins with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path, PurePosixPath

from penstock.flow.catalogue.catalog import load_catalog
from penstock.flow.layout.flow_layout import may_hold_a_flow
from penstock.settings.schema import penstock_yaml_schema
from penstock_cli.scaffold.release import ActionPin

FLOW_SCHEMA = ".vscode/flow.schema.json"
PROJECT_SCHEMA = ".vscode/penstock.schema.json"
EXAMPLE = "flows/hello.yaml"
_ACTION = "uses: ACTION"


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file to be written, its path from the root of the repository."""

    path: PurePosixPath
    text: str


@dataclass(frozen=True, slots=True)
class Written:
    """What came of one: `kept` where it was there already."""

    path: PurePosixPath
    kept: bool


def repository_files(folder: Path) -> Iterator[NewFile]:
    """The settings, an example where there is no flow yet, and what an editor needs to know."""
    yield _resource("penstock.yaml")
    if not _has_flows(folder / "flows"):
        yield _resource(EXAMPLE)
    yield NewFile(PurePosixPath(".vscode/settings.json"), _json(_editor_settings(), indent=2))
    yield NewFile(PurePosixPath(FLOW_SCHEMA), _json(load_catalog().editor_schema()))
    yield NewFile(PurePosixPath(PROJECT_SCHEMA), _json(penstock_yaml_schema()))


def workflow_files(pin: ActionPin) -> Iterator[NewFile]:
    """The two workflows: one that sees pull requests, and one that may comment those of strangers."""
    for name in ("penstock.yml", "penstock-comment.yml"):
        given = _resource(f"workflows/{name}").text
        lines = [_pinned(line, pin) if _ACTION in line else line for line in given.split("\n")]
        yield NewFile(PurePosixPath(".github/workflows") / name, "\n".join(lines))


def write(folder: Path, new: Iterator[NewFile], *, force: bool) -> Iterator[Written]:
    """Write each file; one that is there stays as it is, unless `force` says otherwise."""
    for file in new:
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("w" if force else "x", encoding="utf-8", newline="\n") as stream:
                stream.write(file.text)
        except FileExistsError:
            yield Written(file.path, kept=True)
        else:
            yield Written(file.path, kept=False)


def _pinned(line: str, pin: ActionPin) -> str:
    before, _, below = line.partition(_ACTION)
    return f"{before}uses: {pin.action}{below}@{pin.commit} # {pin.shown}"


def _has_flows(folder: Path) -> bool:
    return folder.is_dir() and any(may_hold_a_flow(path.name) for path in folder.rglob("*") if path.is_file())


def _resource(name: str) -> NewFile:
    return NewFile(PurePosixPath(name), (files(__name__) / name).read_text(encoding="utf-8"))


def _editor_settings() -> dict[str, object]:
    """For the YAML extension of VS Code, which other editors' settings follow."""
    return {
        "yaml.schemas": {
            f"./{FLOW_SCHEMA}": ["flows/**/*.yaml", "flows/**/*.yml"],
            f"./{PROJECT_SCHEMA}": ["penstock.yaml"],
        },
        "yaml.format.enable": False,
        "files.associations": {"*.test.yaml": "yaml"},
    }


def _json(value: object, *, indent: int | None = None) -> str:
    return json.dumps(value, indent=indent, ensure_ascii=False) + "\n"
