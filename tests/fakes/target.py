"""A target in memory: as honest as a server, and told which call fails."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from penstock.diagnostic import FlowName
from penstock.errors import PenstockError
from penstock.ports.target import Target


class MemoryTarget(Target):
    """`faults` are raised by the calls that their lines name (`put_flow sales/load`), each time."""

    def __init__(self) -> None:
        self.held: dict[FlowName, str] = {}
        self.held_files: dict[str, dict[str, bytes]] = {}
        self.faults: dict[str, PenstockError] = {}
        self.calls: list[str] = []

    @property
    def label(self) -> str:
        return "memory"

    def flows(self) -> Mapping[FlowName, str]:
        return dict(self.held)

    def put_flow(self, name: FlowName, text: str, *, is_new: bool) -> None:
        self._called(f"put_flow {name}")
        self.held[name] = text

    def delete_flow(self, name: FlowName) -> None:
        self._called(f"delete_flow {name}")
        self.held.pop(name, None)

    def namespaces(self) -> Collection[str]:
        return list(self.held_files)

    def files(self, namespace: str) -> Mapping[str, bytes]:
        return dict(self.held_files.get(namespace, {}))

    def put_file(self, namespace: str, path: str, content: bytes) -> None:
        self._called(f"put_file {namespace}:{path}")
        self.held_files.setdefault(namespace, {})[path] = content

    def delete_file(self, namespace: str, path: str) -> None:
        self._called(f"delete_file {namespace}:{path}")
        self.held_files.get(namespace, {}).pop(path, None)

    def _called(self, line: str) -> None:
        self.calls.append(line)
        if line in self.faults:
            raise self.faults[line]
