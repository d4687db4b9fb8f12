"""Carrying a plan out over a target in memory: the order, what one fault costs, and what a second run finds."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.target import MemoryTarget
from penstock.deploy.carry_out import Carried, Outcome, Result, carry_out
from penstock.deploy.inventory import inventory_path, read_inventory
from penstock.deploy.order import Needs
from penstock.deploy.plan import Action, There, Wanted, make_plan
from penstock.diagnostic import FlowName
from penstock.errors import PenstockError, Refused, Retryable, Stalled, Unauthorised
from penstock.flow.catalogue.catalog import load_catalog

LOG = "io.kestra.plugin.core.log.Log"
OWNER = "team/flows"
LIST = inventory_path(OWNER)
NAMES = [FlowName("sales", id_) for id_ in "abcdef"]
A, B, C, D, E, F = NAMES


def flow(name: FlowName, message: str = "hello") -> str:
    return f"id: {name.id}\nnamespace: {name.namespace}\ntasks:\n  - {{id: say, type: {LOG}, message: {message}}}\n"


def wanted(flows: Mapping[FlowName, str], needs: Needs | None = None, **files: bytes) -> Wanted:
    return Wanted(
        {name: (text, f"{name.id}.yaml") for name, text in flows.items()},
        {"sales": {path: (content, path) for path, content in files.items()}} if files else {},
        needs or {},
    )


def deploy(
    target: MemoryTarget,
    want: Wanted,
    *,
    needs: Needs | None = None,
    fail_fast: bool = False,
    told: list[Result] | None = None,
) -> Carried:
    namespaces = {"sales", *want.files}
    there = There(target.flows(), {namespace: target.files(namespace) for namespace in namespaces})
    plan = make_plan(
        want, there, target=target.label, owner=OWNER, prune=True, most_deletes=100, catalog=load_catalog()
    )
    heard = told if told is not None else []
    return carry_out(plan, target, needs=needs or want.needs, fail_fast=fail_fast, told=heard.append)


def outcomes(carried: Carried) -> dict[str, str]:
    return {result.change.flow or result.change.file or "": result.outcome.value for result in carried.results}


CHAIN: Needs = {A: frozenset({B}), B: frozenset({C})}


def test_files_then_flows_then_what_goes_callers_before_what_they_call() -> None:
    target = MemoryTarget()
    deploy(target, wanted({A: flow(A), B: flow(B), C: flow(C)}, CHAIN, old=b"0"))
    target.calls.clear()

    deploy(target, wanted({D: flow(D), E: flow(E)}, {D: frozenset({E})}, q=b"1"), needs={**CHAIN, D: frozenset({E})})

    assert target.calls == [
        f"put_file sales:{LIST}", "put_file sales:q", "put_flow sales/e", "put_flow sales/d",
        "delete_flow sales/a", "delete_flow sales/b", "delete_flow sales/c", "delete_file sales:old",
        f"put_file sales:{LIST}",
    ]  # fmt: skip


def test_each_result_is_heard_as_it_comes_and_told_in_the_order_of_the_plan() -> None:
    heard: list[Result] = []

    carried = deploy(MemoryTarget(), wanted({A: flow(A), B: flow(B)}, CHAIN, q=b"1"), told=heard)

    assert [result.change.name for result in heard] == ["sales:q", "sales/b", "sales/a"]
    assert list(carried.results) == heard
    assert carried.outcome == "deployed"


def test_what_is_unchanged_is_not_spoken_of() -> None:
    target = MemoryTarget()
    deploy(target, wanted({A: flow(A)}, q=b"1"))
    target.calls.clear()

    carried = deploy(target, wanted({A: flow(A)}, q=b"1"))

    assert (carried.outcome, carried.results, target.calls) == ("unchanged", (), [])


def test_a_flow_that_is_refused_takes_its_callers_along_and_nobody_else() -> None:
    target = MemoryTarget()
    target.faults["put_flow sales/c"] = Refused("it is wrong")

    carried = deploy(target, wanted({name: flow(name) for name in (A, B, C, D)}, CHAIN))

    assert outcomes(carried) == {"c": "failed", "b": "skipped", "a": "skipped", "d": "done"}
    said = {result.change.flow: result.message for result in carried.results}
    assert said["c"] == "it is wrong"
    assert said["b"] == "it needs `sales/c`, which was not deployed"
    assert said["a"] == "it needs `sales/b`, which was not deployed"
    assert (carried.outcome, carried.stopped) == ("partly", None)


def test_fail_fast_tries_nothing_behind_the_first_refusal() -> None:
    target = MemoryTarget()
    target.faults["put_flow sales/b"] = Refused("no")

    carried = deploy(target, wanted({name: flow(name) for name in (A, B, C)}), fail_fast=True)

    assert outcomes(carried) == {"a": "done", "b": "failed", "c": "skipped"}
    assert "put_flow sales/c" not in target.calls


@pytest.mark.parametrize("fault", [Retryable("gone"), Unauthorised("not you"), Stalled("full")])
def test_a_target_that_cannot_be_spoken_to_is_not_asked_again(fault: PenstockError) -> None:
    target = MemoryTarget()
    target.faults["put_flow sales/a"] = fault

    carried = deploy(target, wanted({name: flow(name) for name in (A, B)}))

    assert outcomes(carried) == {"a": "failed", "b": "skipped"}
    assert (carried.stopped, carried.outcome) == (fault, "failed")
    assert target.calls == ["put_flow sales/a"]


def test_a_list_that_cannot_be_written_is_told_although_every_change_is_there() -> None:
    class Forgetful(MemoryTarget):
        def put_file(self, namespace: str, path: str, content: bytes) -> None:
            super().put_file(namespace, path, content)
            if path == "q":
                self.faults[f"put_file {namespace}:{LIST}"] = Refused("no")

    target = Forgetful()
    carried = deploy(target, wanted({}, q=b"1"))

    assert outcomes(carried) == {"q": "done"}
    assert carried.outcome == "partly"
    assert carried.stopped is not None
    assert read_inventory(target.held_files["sales"][LIST]).owns("q"), "it was written down before"


def test_what_could_not_be_deleted_is_ours_still() -> None:
    target = MemoryTarget()
    deploy(target, wanted({A: flow(A), B: flow(B)}, old=b"0", q=b"1"))
    target.faults["delete_file sales:old"] = target.faults["delete_flow sales/b"] = Refused("no")

    first = deploy(target, wanted({A: flow(A)}, q=b"1"))
    target.faults.clear()
    second = deploy(target, wanted({A: flow(A)}, q=b"1"))

    assert (outcomes(first), first.outcome) == ({"old": "failed", "b": "failed"}, "failed")
    assert (outcomes(second), second.outcome) == ({"old": "done", "b": "done"}, "deployed")
    assert (set(target.held), set(target.held_files["sales"])) == ({A}, {"q", LIST})


# ── laws ──

faults = st.dictionaries(
    st.sampled_from([*(f"{verb}_flow {name}" for verb in ("put", "delete") for name in NAMES), *(
        f"{verb}_file sales:{path}" for verb in ("put", "delete") for path in ("f", "g", LIST)
    )]),
    st.sampled_from([Refused("no"), Retryable("gone"), Unauthorised("not you"), Stalled("full")]),
)  # fmt: skip
sets = st.sets(st.sampled_from(NAMES), min_size=1)
files = st.dictionaries(st.sampled_from(["f", "g"]), st.sampled_from([b"1", b"2"]))
circles_too = st.sets(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)))


@settings(max_examples=150, deadline=None)
@given(sets, sets, files, files, circles_too, faults, st.booleans())
def test_whatever_fails_the_results_are_true_and_a_second_run_converges(
    first: set[FlowName],
    second: set[FlowName],
    before: Mapping[str, bytes],
    wanted_files: Mapping[str, bytes],
    pairs: set[tuple[FlowName, FlowName]],
    errors: Mapping[str, PenstockError],
    fail_fast: bool,
) -> None:
    needs: Needs = {name: frozenset(other for one, other in pairs if one == name) - {name} for name in NAMES}
    target = MemoryTarget()
    deploy(target, wanted({name: flow(name, "old") for name in first}, **before))
    mine = FlowName("sales", "by-hand")
    target.held[mine] = flow(mine)
    target.held_files.setdefault("sales", {})["mine"] = b"mine"
    want = wanted({name: flow(name) for name in second}, needs, **wanted_files)
    target.faults, target.calls = dict(errors), []

    carried = deploy(target, want, needs=needs, fail_fast=fail_fast)

    for result in carried.results:
        assert _is_there(target, result) is (result.outcome is Outcome.DONE), result
    _assert_in_order(target.calls, needs)
    is_whole = carried.count(Outcome.DONE) == len(carried.results) and carried.stopped is None
    assert is_whole is (carried.outcome in ("deployed", "unchanged"))
    target.faults = {}
    assert deploy(target, want).outcome in ("deployed", "unchanged")
    assert set(target.held) == {*second, mine}
    assert {path: one for path, one in target.held_files["sales"].items() if path != LIST} == {
        **wanted_files, "mine": b"mine",
    }  # fmt: skip
    assert deploy(target, want).outcome == "unchanged"


def _is_there(target: MemoryTarget, result: Result) -> bool:
    change = result.change
    if change.flow is not None:
        held: object = target.held.get(change.flow_name)
        expected: object = None if change.action is Action.DELETE else change.text
    else:
        held = target.held_files["sales"].get(change.file or "")
        expected = None if change.action is Action.DELETE else change.content
    return held == expected


def _assert_in_order(calls: list[str], needs: Needs) -> None:
    """Where two flows do not need one another in a circle, a caller is put behind what it needs, and goes before it."""
    place = {line: index for index, line in enumerate(calls)}
    for name, others in needs.items():
        for other in others:
            if name in _reached(other, needs):
                continue
            if f"put_flow {name}" in place and f"put_flow {other}" in place:
                assert place[f"put_flow {other}"] < place[f"put_flow {name}"]
            if f"delete_flow {name}" in place and f"delete_flow {other}" in place:
                assert place[f"delete_flow {name}"] < place[f"delete_flow {other}"]


def _reached(start: FlowName, needs: Needs) -> set[FlowName]:
    found, ahead = {start}, [start]
    while ahead:
        new = needs.get(ahead.pop(), frozenset()) - found
        found |= new
        ahead += new
    return found
