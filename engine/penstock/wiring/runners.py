"""The runners of a session: chosen by its rules, each made when a task first wants it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from penstock.ports.runner import Runner, Runners
from penstock.wiring.choice import RunnerChoice


class SessionRunners(Runners):
    """`makers` by kind. Thread-safe."""

    def __init__(self, choice: RunnerChoice, makers: Mapping[str, Callable[[], Runner]]) -> None:
        self._choice = choice
        self._makers = makers
        self._made: dict[str, Runner] = {}
        self._lock = threading.Lock()

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(sorted(self._choice.allowed))

    def kind(self, named: str | None) -> str:
        return self._choice.kind(named)

    def get(self, kind: str) -> Runner:
        with self._lock:
            if kind not in self._made:
                self._made[kind] = self._makers[kind]()
            return self._made[kind]
