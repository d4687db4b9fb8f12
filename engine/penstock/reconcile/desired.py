"""What a tree of files wants: flows by name, each with its findings. One bad file never affects another (P6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from penstock.diagnostic import Diagnostic, FlowName
from penstock.flow.canonical import canonical_digest
from penstock.flow.catalog import Catalog
from penstock.flow.model import Dialect, Flow
from penstock.flow.parse import parse_flow


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of a tree, by its path and the object id of its content."""

    path: str
    blob: str
    content: bytes


@dataclass(frozen=True, slots=True)
class DesiredFlow:
    """A valid flow of the tree."""

    name: FlowName
    flow: Flow
    source: bytes
    path: str
    blob: str
    canonical_digest: str
    blocked: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Desired:
    """`flows` are valid; `problems` say of a named flow why its file is not. `diagnostics` are of all files."""

    flows: dict[FlowName, DesiredFlow]
    problems: dict[FlowName, str]
    diagnostics: tuple[Diagnostic, ...]
    files: int
    texts: Mapping[str, str]
    """The text of each file that has an error, for the frame around it."""


def desire(files: Iterable[SourceFile], catalog: Catalog, dialect: Dialect) -> Desired:
    """Read every file. Two files with one name are a problem of that name alone: neither is taken."""
    flows: dict[FlowName, DesiredFlow] = {}
    problems: dict[FlowName, str] = {}
    diagnostics: list[Diagnostic] = []
    texts: dict[str, str] = {}
    count = 0
    for file in files:
        parsed = parse_flow(file.content, file.path, catalog=catalog, dialect=dialect)
        diagnostics += parsed.diagnostics
        if any(each.is_error for each in parsed.diagnostics):
            texts[file.path] = parsed.document.text
        if not parsed.is_flow:
            continue
        count += 1
        name, flow = parsed.name, parsed.flow
        if name is None:
            continue
        if name in flows or name in problems:
            other = flows.pop(name, None)
            first = f"{other.path} and {file.path}" if other is not None else file.path
            problems[name] = f"it is defined in more than one file: {first}"
        elif flow is None:
            problems[name] = _first_error(parsed.diagnostics)
        else:
            flows[name] = DesiredFlow(
                name, flow, file.content, file.path, file.blob, canonical_digest(flow), blocked_types(flow)
            )
    return Desired(flows, problems, tuple(diagnostics), count, texts)


def blocked_types(flow: Flow) -> tuple[str, ...]:
    """The types of the flow's tasks that are known and cannot run here."""
    return tuple(dict.fromkeys(task.type for task in flow.walk() if not task.runnable and not task.disabled))


def _first_error(found: Iterable[Diagnostic]) -> str:
    for each in found:
        if each.is_error:
            start = each.range.start
            return f"{each.file}:{start.line}:{start.column}: {each.code} {each.message}"
    return "it is not valid"
