"""Flows that start one another without an end: by calls, and by triggers that wait for other flows."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping

from penstock.diagnostic import Diagnostic, FlowName, Severity
from penstock.validation.across.repository import Repository

Graph = Mapping[FlowName, tuple[FlowName, ...]]

_SHOWN = 64
"""In a knot of more flows than this no way around is searched for: it would cost the square of their number."""


def calls_end(repository: Repository) -> Iterator[Diagnostic]:
    """PEN507: an error where every call on some way around is made whatever happens; else one of them may end it.

    A flow that calls itself is PEN219's affair.
    """
    every = _graph((one.facts.name, call.flow) for one in repository.told for call in one.facts.calls)
    knots = knots_of(every)
    if not knots:
        return
    sure = knots_of(
        _graph(
            (one.facts.name, call.flow)
            for one in repository.told
            for call in one.facts.calls
            if not call.is_conditional
        )
    )
    for one in repository.told:
        name = one.facts.name
        for call in one.facts.calls:
            if call.flow == name or name not in knots or knots[name] is not knots.get(call.flow):
                continue
            is_sure = not call.is_conditional and name in sure and sure[name] is sure.get(call.flow)
            inside = sure[name] if is_sure else knots[name]
            ahead = way(every, call.flow, name, inside)
            yield one.finding(
                "PEN507", Severity.ERROR if is_sure else Severity.WARNING,
                f"flow `{name}` calls itself through {_told(ahead, len(inside))}", call.flow_at,
                "break the circle" if is_sure else "see that one of the calls is left out in the end",
            )  # fmt: skip


def triggers_end(repository: Repository) -> Iterator[Diagnostic]:
    """PEN512: a trigger starts a flow whose end, or whose calls and triggers, lead to the flow it waits for again.

    A flow is never started by its own end (Kestra core, FlowTriggerService). States and conditions may break the
    circle, so it warns.
    """
    starts = [
        (awaited.flow, one.facts.name)
        for one in repository.told
        for trigger in one.facts.triggers
        for awaited in trigger.awaited
        if awaited.suffices and awaited.flow != one.facts.name
    ]
    if not starts:
        return
    calls = [(one.facts.name, call.flow) for one in repository.told for call in one.facts.calls]
    graph = _graph([*starts, *calls])
    knots = knots_of(graph)
    for one in repository.told:
        name = one.facts.name
        for trigger in one.facts.triggers:
            for awaited in trigger.awaited:
                if not awaited.suffices or awaited.flow == name or name not in knots:
                    continue
                if knots[name] is not knots.get(awaited.flow):
                    continue
                ahead = [*way(graph, name, awaited.flow, knots[name])[1:], awaited.flow]
                yield one.finding(
                    "PEN512", Severity.WARNING,
                    f"flow `{name}` starts itself again through {_told(ahead, len(knots[name]))}", awaited.flow_at,
                )  # fmt: skip


def _told(ahead: list[FlowName], size: int) -> str:
    """The flows of the way around."""
    if not ahead:
        return f"{size - 1} others"
    return ", ".join(f"`{name}`" for name in ahead)


def _graph(edges: Iterable[tuple[FlowName, FlowName]]) -> Graph:
    found: dict[FlowName, dict[FlowName, None]] = {}
    for start, end in edges:
        found.setdefault(start, {})[end] = None
    return {start: tuple(sorted(ends, key=str)) for start, ends in sorted(found.items(), key=lambda item: str(item[0]))}


def way(graph: Graph, start: FlowName, goal: FlowName, inside: frozenset[FlowName]) -> list[FlowName]:
    """The shortest way within a knot, from `start` to before `goal`; empty where the knot is too large to search."""
    if len(inside) > _SHOWN:
        return []
    before: dict[FlowName, FlowName | None] = {start: None}
    ahead = deque([start])
    while ahead:
        here = ahead.popleft()
        if here == goal:
            break
        for name in graph.get(here, ()):
            if name in inside and name not in before:
                before[name] = here
                ahead.append(name)
    found: list[FlowName] = []
    step = before.get(goal)
    while step is not None:
        found.append(step)
        step = before[step]
    return found[::-1]


def knots_of(graph: Graph) -> dict[FlowName, frozenset[FlowName]]:
    """The strongly connected components of two flows and more, by each of their flows."""
    search = _Search(graph)
    for name in graph:
        search.walk(name)
    return search.knots


class _Search:
    """Tarjan's algorithm, without recursion: a chain of calls may be as long as there are flows."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._index: dict[FlowName, int] = {}
        self._low: dict[FlowName, int] = {}
        self._open: dict[FlowName, None] = {}
        """Flows whose component is not known yet, in the order in which they were met."""
        self.knots: dict[FlowName, frozenset[FlowName]] = {}

    def walk(self, root: FlowName) -> None:
        if root in self._index:
            return
        ahead = [(root, self._enter(root))]
        while ahead:
            name, ends = ahead[-1]
            for end in ends:
                if end not in self._index:
                    ahead.append((end, self._enter(end)))
                    break
                if end in self._open:
                    self._low[name] = min(self._low[name], self._index[end])
            else:
                ahead.pop()
                if ahead:
                    above = ahead[-1][0]
                    self._low[above] = min(self._low[above], self._low[name])
                if self._low[name] == self._index[name]:
                    self._close(name)

    def _enter(self, name: FlowName) -> Iterator[FlowName]:
        self._index[name] = self._low[name] = len(self._index)
        self._open[name] = None
        return iter(self._graph.get(name, ()))

    def _close(self, name: FlowName) -> None:
        knot = []
        while True:
            last, _ = self._open.popitem()
            knot.append(last)
            if last == name:
                break
        if len(knot) > 1:
            self.knots |= dict.fromkeys(knot, frozenset(knot))
