"""Whom a change touches: directly or through others, each with the way that leads there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from penstock.diagnostic import FlowName
from penstock.difference.known import Neighbours

MOST = 500
"""Of one flow; a change that touches more touches everything."""


@dataclass(frozen=True, slots=True)
class Link:
    """`flow` depends on the one before it (or on what has changed) in this way."""

    flow: FlowName
    how: str


@dataclass(frozen=True, slots=True)
class Touched:
    """The last of the links is the flow that is touched, the first one is next to what has changed."""

    links: tuple[Link, ...]

    @property
    def flow(self) -> FlowName:
        return self.links[-1].flow

    @property
    def is_direct(self) -> bool:
        return len(self.links) == 1


def touched_by(flows: Iterable[FlowName], neighbours: Neighbours) -> tuple[Touched, ...]:
    """Who depends on one of these names of a flow: the nearest first, each once, by the shortest way."""
    return _walked([(name, ()) for name in sorted(set(flows), key=str)], neighbours)


def touched_from(readers: Mapping[FlowName, str], neighbours: Neighbours) -> tuple[Touched, ...]:
    """Who depends on something that is no flow: its readers, each with how it depends, and who depends on those."""
    first: list[_End] = []
    for name, how in sorted(readers.items(), key=lambda item: str(item[0])):
        first.append((name, (Link(name, how),)))
    return tuple(Touched(links) for _, links in first) + _walked(first, neighbours)


_End = tuple[FlowName, tuple[Link, ...]]
"""Where a walk has come to, and by which way."""


def _walked(edge: list[_End], neighbours: Neighbours) -> tuple[Touched, ...]:
    seen = {name for name, _ in edge}
    ways: list[Touched] = []
    while edge and len(ways) < MOST:
        following: list[_End] = []
        for name, links in edge:
            for tie in sorted(neighbours.ties(name), key=lambda one: (str(one.flow), one.how)):
                if tie.flow not in seen:
                    seen.add(tie.flow)
                    way = (*links, Link(tie.flow, tie.how))
                    ways.append(Touched(way))
                    following.append((tie.flow, way))
        edge = following
    return tuple(ways)
