"""Frees what attempts hold on their runners, and comes back later where a runner could not be reached."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from penstock.errors import PenstockError, Retryable, UserError
from penstock.ports.runner import Runners


@dataclass(slots=True)
class _Shared:
    """A working directory that attempts share: on which kinds of runner it lies, and who works in it now."""

    kinds: set[str] = field(default_factory=set)
    holders: set[str] = field(default_factory=set)
    is_over: bool = False

    @property
    def is_free(self) -> bool:
        return self.is_over and not self.holders


class Clearing:
    """Thread-safe."""

    def __init__(self, runners: Runners) -> None:
        self._runners = runners
        self._lock = threading.Lock()
        self._used: dict[str, tuple[str, ...]] = {}
        self._shared: dict[str, _Shared] = {}
        self._workspaces: dict[str, str] = {}
        self._left: dict[str, tuple[str, ...]] = {}
        self._is_unswept = False

    def join(self, workspace: str, name: str) -> None:
        """The attempt `name` works in `workspace`: that stays until the attempt is cleared."""
        with self._lock:
            self._shared.setdefault(workspace, _Shared()).holders.add(name)
            self._workspaces[name] = workspace

    def note(self, name: str, kinds: Iterable[str]) -> None:
        """The attempt `name` has used runners of these kinds."""
        with self._lock:
            self._used[name] = tuple(kinds)
            workspace = self._workspaces.get(name)
            if workspace is not None:
                self._shared[workspace].kinds.update(self._used[name])

    def over(self, workspace: str) -> bool:
        """Nobody else will work in `workspace`; whether it is to be cleared now. It is not when it is unknown here, or
        when somebody works in it: it goes with the last of them."""
        with self._lock:
            shared = self._shared.get(workspace)
            if shared is None:
                return False
            shared.is_over = True
            return shared.is_free

    def clear(self, name: str) -> None:
        """Free what the attempt held: its end is recorded; or a workspace that is over."""
        with self._lock:
            kinds = self._used.pop(name, ())
            workspace = self._workspaces.pop(name, name)
            shared = self._left_by(name, workspace)
        self._remove(name, kinds)
        if shared is not None:
            self._remove(workspace, tuple(sorted(shared.kinds)))

    def _left_by(self, name: str, workspace: str) -> _Shared | None:
        """The workspace, when nobody works in it any more or will."""
        shared = self._shared.get(workspace)
        if shared is None:
            return None
        shared.holders.discard(name)
        return self._shared.pop(workspace) if shared.is_free else None

    def sweep(self, kept: Callable[[], tuple[set[str], set[str]]]) -> int:
        """Free all but `kept` (attempts, and workspaces), which is asked after looking; how much."""
        self._is_unswept = False
        found: list[tuple[str, str]] = []
        for kind in self._runners.kinds:
            try:
                found += [(kind, name) for name in self._runners.get(kind).names()]
            except Retryable:
                self._is_unswept = True
            except UserError:
                continue  # a runner that cannot be had here holds nothing of ours
        if not found:
            return 0
        attempts, workspaces = kept()
        doomed: list[tuple[str, str]] = []
        for kind, name in found:
            if name in workspaces:
                with self._lock:
                    self._shared.setdefault(name, _Shared()).kinds.add(kind)
            elif name not in attempts and name.rpartition("-")[0] not in workspaces:  # what a runner hangs on one
                doomed.append((kind, name))
        for kind, name in doomed:
            self._remove(name, (kind,))
        return len(doomed)

    def tidy(self) -> bool:
        """Try again what could not be freed; whether a whole sweep is owed as well."""
        with self._lock:
            left, self._left = self._left, {}
        for name, kinds in left.items():
            self._remove(name, kinds)
        return self._is_unswept

    def _remove(self, name: str, kinds: tuple[str, ...]) -> None:
        for kind in kinds:
            try:
                self._runners.get(kind).remove(name)
            except PenstockError:
                with self._lock:
                    self._left[name] = kinds
