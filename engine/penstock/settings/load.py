"""Settings from whoever may say something: flag, PENSTOCK_*, penstock.yaml, the user's file, KESTRA_*, default."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock import __version__
from penstock.diagnostic import START, Diagnostic, Range, Severity
from penstock.errors import UserError
from penstock.settings.folder import project_file, user_file
from penstock.settings.kinds import AnyMap, Complaint, MapOf, unknown_key
from penstock.settings.table import BY_NAME, PROJECT, TABLE, USER, Key

if TYPE_CHECKING:  # many a folder has no settings of its own, and starts without what reads them
    from penstock.settings.document import SettingsFile

_RENAMED = ("noInput", "unknownTypes")
"""Settings whose field is not spelled as the file has it."""

UNKNOWN_KEY = "PEN290"
WRONG_VALUE = "PEN291"
OTHER_VERSION = "PEN292"


class Origin(StrEnum):
    """Who said it, strongest first."""

    FLAG = "flag"
    VARIABLE = "variable"
    PROJECT = "project"
    USER = "user"
    KESTRA = "kestra"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value comes from: `place` is the flag's setting, the variable's name, or `file:line:column`."""

    origin: Origin
    place: str = ""

    def __str__(self) -> str:
        return {Origin.FLAG: "flag", Origin.DEFAULT: "default"}.get(self.origin, self.place)


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """What `penstock agent` is told."""

    interval: timedelta
    record: tuple[str, ...]
    runner: str | None
    pools: tuple[str, ...]
    slots: int | None
    name: str | None
    http_allow: tuple[str, ...] = ()
    engine: str | None = None
    policy: str | None = None


@dataclass(frozen=True, slots=True)
class VariableSettings:
    """What expressions see beside the execution."""

    globals: Mapping[str, Any]
    environment: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """The server that commands with `--server` talk to. The credentials are not in `repr`."""

    url: str | None
    tenant: str
    user: str | None
    password: str | None = field(repr=False)
    token: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings. `sources` tells for each by its name in the table (`agent.interval`; of a map its entries too,
    as `targets.prod`) where its value comes from; `diagnostics` is what is wrong with the files and variables;
    `written` is the repository's file as it was read."""

    requires: str | None
    dialect: str
    flows: tuple[str, ...] | None
    files: Mapping[str, tuple[str, ...]]
    defaults: tuple[Mapping[str, Any], ...]
    targets: Mapping[str, Mapping[str, Any]]
    rules: Mapping[str, str | Mapping[str, Any]]
    catalogs: tuple[str, ...]
    unknown_types: str
    agent: AgentSettings
    server: ServerSettings
    variables: VariableSettings
    data: str | None
    color: str
    no_input: bool
    values: Mapping[str, Any] = field(repr=False)
    sources: Mapping[str, Source] = field(repr=False)
    diagnostics: tuple[Diagnostic, ...]
    project: Path | None
    user: Path | None
    written: SettingsFile | None = field(default=None, repr=False)


def load_settings(
    flags: Mapping[str, Any] | None = None,
    *,
    folder: Path | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Settings:
    """The settings that hold in `folder` (the working directory). `flags` are values by the name of their setting.

    What is wrong in a file or a variable is a diagnostic, and the next weaker place counts. Reads files, writes none.
    """
    here = folder or Path.cwd()
    layers = [_Layer(Origin.FLAG, dict(flags or {}), {name: name for name in flags or {}}), _from_variables(environ)]
    project, user = project_file(here), user_file(environ)
    written = None
    if project is not None and project.is_file():
        from penstock.settings.document import read_settings_file

        written = read_settings_file(project, _shown(project, here))
        layers.append(_from_file(Origin.PROJECT, written, PROJECT))
    has_own = user is not None and user.is_file()
    if user is not None and has_own:
        from penstock.settings.document import read_settings_file

        layers.append(_from_file(Origin.USER, read_settings_file(user, _shown(user, here)), USER))
    layers += [_from_kestra(environ), _Layer(Origin.DEFAULT, {key.name: key.default for key in TABLE}, {})]
    return _settled(layers, project, user if has_own else None, written)


def repository_settings(source: bytes | None, shown: str) -> Settings:
    """What the `penstock.yaml` of a repository says by itself, from its bytes: no flag, variable or user counts."""
    layers = [_Layer(Origin.DEFAULT, {key.name: key.default for key in TABLE}, {})]
    written = None
    if source is not None:
        from penstock.settings.document import parse_settings

        written = parse_settings(source, shown)
        layers.insert(0, _from_file(Origin.PROJECT, written, PROJECT))
    return _settled(layers, None, None, written)


def refuse_other_version(settings: Settings, version: str = __version__) -> None:
    """Raises UserError where the repository asks for a Penstock that this one is not."""
    if settings.requires is None:
        return
    from penstock.settings.version import Requirement, Version

    if not Requirement.parse(settings.requires).allows(Version.parse(version)):
        where = settings.sources["requires"]
        raise UserError(
            f"this repository asks for Penstock {settings.requires}, this is {version} ({where})",
            help=f'pip install "penstock{settings.requires}"',
            code=OTHER_VERSION,
        )


@dataclass(slots=True)
class _Layer:
    """What one place says: values by setting, where each stands, and what is wrong there."""

    origin: Origin
    values: dict[str, Any]
    places: dict[str, str]
    diagnostics: list[Diagnostic] = field(default_factory=list)


def _settled(layers: list[_Layer], project: Path | None, user: Path | None, written: SettingsFile | None) -> Settings:
    values: dict[str, Any] = {}
    sources: dict[str, Source] = {}
    for key in TABLE:
        saying = [layer for layer in layers if key.name in layer.values]
        strongest = saying[0]
        sources[key.name] = Source(strongest.origin, strongest.places.get(key.name, ""))
        values[key.name] = strongest.values[key.name]
        if isinstance(key.kind, MapOf):
            values[key.name] = _merged(key, saying, sources)
    agent = {
        name.removeprefix("agent.").replace(".", "_"): value
        for name, value in values.items()
        if name.startswith("agent.")
    }
    server = {name.removeprefix("server."): value for name, value in values.items() if name.startswith("server.")}
    variables = {
        name.removeprefix("variables."): value for name, value in values.items() if name.startswith("variables.")
    }
    plain = {name: value for name, value in values.items() if "." not in name and name not in _RENAMED}
    return Settings(
        agent=AgentSettings(**agent),
        server=ServerSettings(**server),
        variables=VariableSettings(**variables),
        no_input=values["noInput"],
        unknown_types=values["unknownTypes"],
        values=values,
        sources=sources,
        diagnostics=tuple(found for layer in layers for found in layer.diagnostics),
        project=project,
        user=user,
        written=written,
        **plain,
    )


def _merged(key: Key, saying: list[_Layer], sources: dict[str, Source]) -> dict[str, Any]:
    """A map is one entry at a time: a person's target stands beside the repository's; of one name the stronger wins."""
    merged: dict[str, Any] = {}
    for layer in saying:
        for name, value in layer.values[key.name].items():
            if name not in merged:
                merged[name] = value
                whole = f"{key.name}.{name}"
                sources[whole] = Source(layer.origin, layer.places.get(whole, layer.places.get(key.name, "")))
    return merged


def _from_variables(environ: Mapping[str, str]) -> _Layer:
    layer = _Layer(Origin.VARIABLE, {}, {})
    for key in TABLE:
        if key.variable and environ.get(key.variable):
            _take_text(layer, key, key.variable, environ[key.variable])
    return layer


def _from_kestra(environ: Mapping[str, str]) -> _Layer:
    layer = _Layer(Origin.KESTRA, {}, {})
    for key in TABLE:
        variable = next((name for name in key.fallbacks if environ.get(name)), None)
        if variable is not None:
            _take_text(layer, key, variable, environ[variable])
    return layer


def _take_text(layer: _Layer, key: Key, variable: str, text: str) -> None:
    complaints: list[Complaint] = []
    value = key.kind.read(key.kind.from_text(text), (key.name,), complaints)
    if complaints:
        why = complaints[0].message if not key.secret else "its value is not what it takes"
        layer.diagnostics.append(_found(WRONG_VALUE, f"{variable}: {why}", variable, START, complaints[0].help))
        return
    layer.values[key.name] = value
    layer.places[key.name] = variable


def _from_file(origin: Origin, file: SettingsFile, kind: str) -> _Layer:
    layer = _Layer(origin, {}, {}, list(file.diagnostics))
    for name, path, data in _leaves(layer, file, kind):
        key = BY_NAME[name]
        complaints: list[Complaint] = []
        value = key.kind.read(data, path, complaints)
        layer.diagnostics += [_located(file, complaint) for complaint in complaints]
        if any(not complaint.unknown for complaint in complaints):
            continue
        layer.values[name] = value
        layer.places[name] = _place(file, path)
        if isinstance(key.kind, MapOf):
            layer.places |= {f"{name}.{entry}": _place(file, (*path, entry)) for entry in value}
    return layer


def _leaves(layer: _Layer, file: SettingsFile, kind: str) -> Iterator[tuple[str, tuple[str, ...], Any]]:
    """The settings that a file gives; what stands at no setting's place is found fault with on the way."""
    allowed = [key.name for key in TABLE if kind in key.files]
    groups = [name.split(".")[0] for name in allowed if "." in name]
    tops = {name.split(".")[0]: None for name in allowed}
    for top, data in file.data.items():
        if data is None:
            continue
        if top in allowed:
            yield top, (top,), data
        elif top in groups:
            inner = {name.removeprefix(f"{top}."): None for name in allowed if name.startswith(f"{top}.")}
            shaped: list[Complaint] = []
            AnyMap().read(data, (top,), shaped)
            layer.diagnostics += [_located(file, complaint) for complaint in shaped]
            for path, value in _inner(data, inner) if isinstance(data, dict) else ():
                name = ".".join(path)
                if value is not None and name in inner:
                    yield f"{top}.{name}", (top, *path), value
                elif name not in inner:
                    layer.diagnostics.append(_misplaced(file, (top, *path), inner))
        else:
            layer.diagnostics.append(_misplaced(file, (top,), tops))


def _inner(data: Mapping[str, Any], known: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The entries of a group; of a group within it, its own."""
    for key, value in data.items():
        if key not in known and isinstance(value, dict) and any(name.startswith(f"{key}.") for name in known):
            for path, below in _inner(value, {name.removeprefix(f"{key}."): None for name in known}):
                yield (key, *path), below
        else:
            yield (key,), value


def _misplaced(file: SettingsFile, path: tuple[str, ...], known: Mapping[str, Any]) -> Diagnostic:
    key = BY_NAME.get(".".join(path))
    if key is None:
        return _located(file, unknown_key(path[-1], path, known))
    where = f"set {key.variable}" if not key.files else f"it belongs into the {next(iter(key.files))}'s file"
    complaint = Complaint(path, f"`{key.name}` cannot be set in this file", where, unknown=True)
    return _located(file, complaint)


def _located(file: SettingsFile, complaint: Complaint) -> Diagnostic:
    range_ = file.range_of(complaint.path, key=complaint.unknown)
    if complaint.unknown:
        return _found(UNKNOWN_KEY, complaint.message, file.shown, range_, complaint.help, Severity.WARNING)
    return _found(WRONG_VALUE, complaint.message, file.shown, range_, complaint.help)


def _found(
    code: str, message: str, file: str, range_: Range, hint: str | None, severity: Severity = Severity.ERROR
) -> Diagnostic:
    return Diagnostic(code, severity, message, file, range_, hint)


def _place(file: SettingsFile, path: tuple[str, ...]) -> str:
    start = file.range_of(path, key=True).start
    return f"{file.shown}:{start.line}:{start.column}"


def _shown(file: Path, folder: Path) -> str:
    here = folder.resolve()
    return str(file.relative_to(here)) if file.is_relative_to(here) else str(file)
