"""What must be known of every flow of a repository to say whom a change of one of them touches, by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from penstock.diagnostic import FlowName
from penstock.difference.schedules import Timer
from penstock.validation.facts import Call, Facts
from penstock.validation.schedule_facts import ScheduleFacts

_WITH_SECONDS = 6


@dataclass(frozen=True, slots=True)
class Known:
    """One flow: its file, what it says to others, and when it fires by itself."""

    file: str
    facts: Facts
    timers: tuple[Timer, ...] = ()

    @classmethod
    def of(cls, file: str, facts: Facts, schedules: Sequence[ScheduleFacts]) -> Known:
        """From what validation knows of a file."""
        return cls(file, facts, tuple(map(_timer, schedules)))

    @property
    def name(self) -> FlowName:
        return self.facts.name


@dataclass(frozen=True, slots=True)
class Tie:
    """`flow` depends on another in a way that is said so: `calls`, `waits for`, `reads key `k` of`."""

    flow: FlowName
    how: str


@dataclass(slots=True)
class Neighbours:
    """All flows of one side, and who depends on whom."""

    known: Sequence[Known]
    by_name: dict[FlowName, Known] = field(init=False)
    _callers: dict[FlowName, list[tuple[Known, Call]]] = field(default_factory=dict)
    _ties: dict[FlowName, dict[Tie, None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.by_name = {one.name: one for one in self.known}
        for one in self.known:
            for call in one.facts.calls:
                self._callers.setdefault(call.flow, []).append((one, call))
                self._tie(call.flow, one, "calls")
            for trigger in one.facts.triggers:
                for awaited in trigger.awaited:
                    self._tie(awaited.flow, one, "waits for")
        self._by_keys()

    def _by_keys(self) -> None:
        keepers: dict[tuple[str, str], list[FlowName]] = {}
        for one in self.known:
            for kept in one.facts.keys_kept:
                if kept.name is not None and kept.namespace is not None:
                    keepers.setdefault((kept.namespace, kept.name), []).append(one.name)
        for one in self.known:
            for read in one.facts.keys_read:
                for keeper in keepers.get((read.namespace, read.name), ()):
                    self._tie(keeper, one, f"reads key `{read.name}` of")

    def _tie(self, flow: FlowName, dependent: Known, how: str) -> None:
        if flow != dependent.name:
            self._ties.setdefault(flow, {})[Tie(dependent.name, how)] = None

    def callers(self, flow: FlowName) -> list[tuple[Known, Call]]:
        """Who calls a flow, and how."""
        return self._callers.get(flow, [])

    def ties(self, flow: FlowName) -> Iterable[Tie]:
        """Who depends on a flow directly."""
        return self._ties.get(flow, {})

    def waiting(self, flow: FlowName) -> Iterator[Known]:
        """Whose triggers wait for a flow."""
        for one in self.known:
            if any(awaited.flow == flow for trigger in one.facts.triggers for awaited in trigger.awaited):
                yield one

    def readers(self, files: Mapping[str, Sequence[str]]) -> dict[FlowName, list[str]]:
        """Who reads which of the namespace files that are given by namespace."""
        found: dict[FlowName, list[str]] = {}
        for one in self.known:
            names = {read.name for read in one.facts.files_read if read.name in files.get(read.namespace, ())}
            if names:
                found[one.name] = sorted(names)
        return found


def _timer(one: ScheduleFacts) -> Timer:
    return Timer(one.trigger, one.cron, len(one.fields) == _WITH_SECONDS, one.zone, one.dates, one.disabled)
