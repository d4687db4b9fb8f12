"""In which order flows are deployed: what a flow needs comes before it; in circles the order of names decides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from penstock.diagnostic import FlowName
from penstock.validation.facts import Facts

Needs = Mapping[FlowName, frozenset[FlowName]]
"""By flow those that it calls, and those whose ends it waits for."""


def needs_of(facts: Iterable[Facts]) -> Needs:
    """Of every flow what it needs, without itself."""
    return {
        one.name: frozenset(
            {call.flow for call in one.calls}
            | {awaited.flow for trigger in one.triggers for awaited in trigger.awaited}
        ) - {one.name}
        for one in facts
    }  # fmt: skip


def in_order(names: Iterable[FlowName], needs: Needs) -> list[FlowName]:
    """Every name once, behind those of them that it needs. The same for the same names, however they are given.

    Where flows need one another in a circle, the one that is met first comes last: the others of the circle are there
    before it.
    """
    known = sorted(set(names), key=str)
    wanted = frozenset(known)
    placed: dict[FlowName, None] = {}
    entered: set[FlowName] = set()
    for root in known:  # a chain may be as long as there are flows: no recursion
        ahead = [root]
        while ahead:
            name = ahead[-1]
            if name in placed:
                ahead.pop()
                continue
            missing = [] if name in entered else sorted(needs.get(name, frozenset()) & wanted - entered, key=str)
            entered.add(name)
            if missing:
                ahead += reversed(missing)
            else:
                placed[name] = None
                ahead.pop()
    return list(placed)
