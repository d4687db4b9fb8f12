"""The order of flows: callees first, whatever order the names come in; circles end."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from penstock.deploy.order import in_order
from penstock.diagnostic import FlowName

A, B, C, D = (FlowName("team", id_) for id_ in "abcd")
NAMES = [FlowName("team", f"f{number}") for number in range(12)]


def test_what_is_needed_comes_first() -> None:
    assert in_order([A, B, C], {A: frozenset({B}), B: frozenset({C})}) == [C, B, A]


def test_without_needs_the_names_decide() -> None:
    assert in_order([C, A, B], {}) == [A, B, C]


def test_a_circle_has_an_end_and_holds_up_nobody() -> None:
    needs = {A: frozenset({B}), B: frozenset({A}), C: frozenset({A}), D: frozenset({D})}

    assert in_order([A, B, C, D], needs) == [B, A, C, D]


def test_what_is_not_deployed_is_not_waited_for() -> None:
    assert in_order([A], {A: frozenset({B})}) == [A]


def test_a_chain_may_be_long() -> None:
    chain = [FlowName("team", f"f{number:05}") for number in range(5_000)]
    needs = {one: frozenset({other}) for one, other in pairwise(chain)}

    assert in_order(chain, needs) == chain[::-1]


@given(st.permutations(NAMES), st.sets(st.tuples(st.integers(0, 11), st.integers(0, 11))))
def test_every_name_is_there_once_and_behind_what_it_needs(names: list[FlowName], pairs: set[tuple[int, int]]) -> None:
    needs = {
        name: frozenset(NAMES[low] for low, high in pairs if high == place and low < high)
        for place, name in enumerate(NAMES)
    }

    order = in_order(names, needs)

    assert sorted(order, key=str) == sorted(NAMES, key=str)
    assert order == in_order(NAMES, needs)
    assert all(order.index(other) < order.index(name) for name in NAMES for other in needs[name])
