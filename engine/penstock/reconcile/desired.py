"""What a tree of files wants: flows by name, each with its findings. One bad file never affects another (P6)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from penstock.diagnostic import Diagnostic, FlowName
from penstock.flow.canonical import canonical_digest
from penstock.flow.model import Flow, Trigger
from penstock.flow.parse import parse_flow
from penstock.flow.pinned import pinned_text
from penstock.ports.deployment import TreeFile
from penstock.reconcile.selection import Selection


@dataclass(frozen=True, slots=True)
class Acceptable:
    """What is kept of a valid flow when it is deployed: its text as executions are pinned to it, and what must be
    known of it without reading it again."""

    text: bytes
    text_digest: str
    disabled: bool
    blocked: tuple[str, ...]
    triggers: tuple[Trigger, ...]
    dialect: str


@dataclass(frozen=True, slots=True)
class ReadFile:
    """One file, read. `acceptable` is set where it is a valid flow; `shown` is its text where it has errors."""

    file: TreeFile
    acceptable: Acceptable | None
    diagnostics: tuple[Diagnostic, ...]
    shown: str | None
    is_flow: bool = True


def read_flow_file(path: str, blob: str, content: bytes, *, selection: Selection) -> ReadFile:
    """Never raises for what the file holds."""
    parsed = parse_flow(
        content, path, catalog=selection.catalog, dialect=selection.dialect, defaults=selection.defaults,
        unknown_types=selection.unknown_types,
    )  # fmt: skip
    errors = [found for found in parsed.diagnostics if found.is_error]
    flow = parsed.flow
    if flow is None:
        problem = _told(errors[0]) if errors else None
        name = parsed.name if parsed.is_flow else None
        file = TreeFile(path, blob, name, None, problem, len(errors))
        shown = parsed.document.text if errors else None
        return ReadFile(file, None, parsed.diagnostics, shown, parsed.is_flow)
    text = pinned_text(content, selection.defaults)
    acceptable = Acceptable(
        text.content, text.digest, flow.disabled, blocked_types(flow), flow.triggers, flow.dialect.value
    )
    return ReadFile(TreeFile(path, blob, flow.name, canonical_digest(flow)), acceptable, parsed.diagnostics, shown=None)


def blocked_types(flow: Flow) -> tuple[str, ...]:
    """The types of the flow's tasks that are known and cannot run here."""
    return tuple(dict.fromkeys(task.type for task in flow.walk() if not task.runnable and not task.disabled))


class Tree:
    """Files by path, and paths by the flow that they claim to be: kept in step with the branch, change by change."""

    def __init__(self, files: Iterable[TreeFile] = ()) -> None:
        self._files: dict[str, TreeFile] = {}
        self._claims: dict[FlowName, dict[str, None]] = {}
        self._errors = 0
        self.update(files, ())

    def update(self, changed: Iterable[TreeFile], gone: Iterable[str]) -> set[FlowName]:
        """Put files in their place, and take others away; the names that either concerns."""
        concerned: set[FlowName] = set()
        for path in gone:
            concerned |= self._drop(path)
        for file in changed:
            concerned |= self._drop(file.path)
            self._files[file.path] = file
            self._errors += file.errors
            if file.flow is not None:
                self._claims.setdefault(file.flow, {})[file.path] = None
                concerned.add(file.flow)
        return concerned

    def _drop(self, path: str) -> set[FlowName]:
        file = self._files.pop(path, None)
        if file is None:
            return set()
        self._errors -= file.errors
        if file.flow is None:
            return set()
        del self._claims[file.flow][path]
        if not self._claims[file.flow]:
            del self._claims[file.flow]
        return {file.flow}

    def claims(self, name: FlowName) -> list[TreeFile]:
        """The files that say they are that flow, by path."""
        return [self._files[path] for path in sorted(self._claims.get(name, ()))]

    def names(self) -> Iterator[FlowName]:
        yield from self._claims

    def paths(self) -> Iterator[str]:
        yield from self._files

    def get(self, path: str) -> TreeFile | None:
        return self._files.get(path)

    @property
    def errors(self) -> int:
        """How many errors there are in all files."""
        return self._errors

    @property
    def holds_flows(self) -> bool:
        return bool(self._claims)


def _told(found: Diagnostic) -> str:
    start = found.range.start
    return f"{found.file}:{start.line}:{start.column}: {found.code} {found.message}"
