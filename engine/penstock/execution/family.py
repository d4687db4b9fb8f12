"""The children of a task run, counted: what a parent knows of them beside those that live."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from penstock.execution.state import State, worst
from penstock.flow.model import nothing


@dataclass(frozen=True, slots=True)
class Family:
    """`count` children are wanted, `width` of them at once (0: all); `begun` of them were made, in the order of their
    index. `states` counts those that are over, by state; without `waits` nobody counts them. `error` is the first that
    kept one from being made, which `refused` says, or its outputs from being told."""

    count: int
    width: int = 0
    waits: bool = True
    begun: int = 0
    states: Mapping[str, int] = field(default_factory=nothing)
    refused: bool = False
    error: str | None = None

    @property
    def living(self) -> int:
        """How many are waited for."""
        return self.begun - sum(self.states.values()) if self.waits else 0

    @property
    def may_begin(self) -> int:
        """How many further ones may be made now."""
        left = 0 if self.refused else self.count - self.begun
        return left if self.width == 0 else min(left, self.width - self.living)

    @property
    def is_complete(self) -> bool:
        """Whether nothing of it is still to come."""
        return self.living == 0 and (self.refused or self.begun == self.count)

    @property
    def worst(self) -> State:
        return worst(State(state) for state in self.states)

    def with_one_begun(self) -> Family:
        return replace(self, begun=self.begun + 1)

    def with_one_refused(self, error: str) -> Family:
        return replace(self, refused=True, error=self.error or error)

    def with_one_ended(self, state: State, error: str | None, *, is_last: bool = False) -> Family:
        """`is_last`: no further one is made."""
        count = self.begun if is_last else self.count
        states = {**self.states, state.value: self.states.get(state.value, 0) + 1}
        return replace(self, count=count, states=states, error=self.error or error)
