"""The plan: what is wanted held against what is there; and its laws, over repositories and targets of every make."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.deploy.inventory import FOLDER, Inventory, inventory_path
from penstock.deploy.plan import Action, Plan, There, Wanted, make_plan
from penstock.deploy.stamp import stamped
from penstock.diagnostic import FlowName
from penstock.errors import Refused
from penstock.flow.catalogue.catalog import load_catalog

LOG = "io.kestra.plugin.core.log.Log"
OWNER, OTHER = "team/flows", "team/other"
LOAD, REPORT = FlowName("sales", "load"), FlowName("sales", "report")
LIST = inventory_path(OWNER)


def flow(name: FlowName, message: str = "hello") -> str:
    return f"id: {name.id}\nnamespace: {name.namespace}\ntasks:\n  - {{id: say, type: {LOG}, message: {message}}}\n"


def wanted(
    flows: Mapping[FlowName, str], files: Mapping[str, bytes] | None = None, *, staying: Iterable[FlowName] = ()
) -> Wanted:
    held = {name: (text, f"flows/{name.id}.yaml") for name, text in flows.items()}
    given_files = {"sales": {path: (content, f"sales/files/{path}") for path, content in (files or {}).items()}}
    return Wanted(held, given_files if files else {}, staying=frozenset(staying))


def plan(want: Wanted, there: There, *, prune: bool = True, most: int = 10) -> Plan:
    return make_plan(want, there, target="memory", owner=OWNER, prune=prune, most_deletes=most, catalog=load_catalog())


def told(made: Plan) -> dict[str, tuple[str, str]]:
    return {change.name: (change.action.value, change.reason) for change in made.changes}


OURS = stamped(flow(LOAD), OWNER)


@pytest.mark.parametrize(
    ("there", "action", "reason"),
    [
        (None, "create", "it is not there"),
        (OURS, "unchanged", ""),
        (stamped("# by us, of old\n" + flow(LOAD), OWNER), "unchanged", "only its formatting differs"),
        (stamped(flow(LOAD, "old"), OWNER), "update", "`message` of task `say`"),
        (OURS.replace("hello", "by hand"), "drifted", "it was changed there: `message` of task `say`"),
        (flow(LOAD), "update", "it was put there by somebody else, and is taken over"),
        (
            flow(LOAD, "old"), "update",
            "it was put there by somebody else, and is taken over: `message` of task `say`",
        ),
        (stamped("tasks: [\n", OWNER), "update", "what is there cannot be read"),
        (stamped(f"{flow(LOAD)}description: x\n", OWNER), "update", "`description`"),
        (stamped(flow(LOAD).replace("say", "tell"), OWNER), "update", "task `tell` is now `say`"),
    ],
)  # fmt: skip
def test_a_flow_is_held_against_what_is_there(there: str | None, action: str, reason: str) -> None:
    made = plan(wanted({LOAD: flow(LOAD)}), There({} if there is None else {LOAD: there}))

    assert told(made) == {"sales/load": (action, reason)}
    assert made.changes[0].text == OURS


def test_many_differences_are_counted() -> None:
    tasks = "".join(f"  - {{id: t{n}, type: {LOG}, message: m}}\n" for n in range(6))
    old = stamped(f"id: load\nnamespace: sales\ntasks:\n{tasks}", OWNER)

    [change] = plan(wanted({LOAD: flow(LOAD)}), There({LOAD: old})).changes

    assert change.reason.endswith("more")
    assert change.reason.count(",") == 3


def test_no_reason_tells_a_value() -> None:
    old = stamped(flow(LOAD, "hunter2"), OWNER)

    [change] = plan(wanted({LOAD: flow(LOAD, "hunter3")}), There({LOAD: old})).changes

    assert "hunter" not in change.reason
    assert "hunter" not in repr(change)


@pytest.mark.parametrize("message", ["hello", "other"])
def test_a_flow_of_another_owner_is_refused_even_where_it_is_changed(message: str) -> None:
    with pytest.raises(Refused, match="was deployed to the target by `team/other`"):
        plan(wanted({LOAD: flow(LOAD)}), There({LOAD: stamped(flow(LOAD, message), OTHER)}))


@pytest.mark.parametrize(("prune", "action"), [(True, "delete"), (False, "left")])
def test_what_left_the_source_goes_only_where_it_may(prune: bool, action: str) -> None:
    there = There({LOAD: OURS, REPORT: stamped(flow(REPORT), OWNER)})

    made = plan(wanted({LOAD: flow(LOAD)}), there, prune=prune)

    assert told(made)["sales/report"] == (action, "deployed from here, and no longer in the source")
    assert made.is_empty is not prune


def test_what_is_not_looked_at_this_time_stays() -> None:
    there = There({LOAD: OURS, REPORT: stamped(flow(REPORT), OWNER)})

    made = plan(wanted({LOAD: flow(LOAD)}, staying=[REPORT]), there)

    assert made.is_empty


@pytest.mark.parametrize("most", [0, 1])
def test_more_deletions_than_allowed_are_refused_and_the_next_number_is_said(most: int) -> None:
    there = There({name: stamped(flow(name), OWNER) for name in (LOAD, REPORT, FlowName("ops", "x"))})

    with pytest.raises(Refused) as refused:
        plan(wanted({LOAD: flow(LOAD)}), there, most=most)

    assert f"2 would be deleted, and --max-deletes allows {most}" in refused.value.message
    assert "--max-deletes 2" in (refused.value.help or "")
    assert plan(wanted({LOAD: flow(LOAD)}), there, most=2).count(Action.DELETE) == 2


def listed(**files: bytes) -> bytes:
    return Inventory().settled(files, ()).written()


@pytest.mark.parametrize(
    ("held", "action"),
    [
        ({}, "create"),
        ({"q": b"1", LIST: listed(q=b"1")}, "unchanged"),
        ({"q": b"0", LIST: listed(q=b"0")}, "update"),
        ({"q": b"x", LIST: listed(q=b"0")}, "drifted"),
        ({"q": b"0"}, "update"),
        ({"q": b"0", LIST: b"nonsense"}, "update"),
    ],
)
def test_a_file_is_held_against_what_is_there(held: dict[str, bytes], action: str) -> None:
    made = plan(wanted({}, {"q": b"1"}), There({}, {"sales": held}))

    assert {name: one for name, (one, _) in told(made).items()} == {"sales:q": action}


def test_files_go_as_flows_do_and_the_lists_never() -> None:
    held = {"q": b"1", "gone": b"2", "mine": b"3", LIST: listed(q=b"1", gone=b"2"), f"{FOLDER}/other.json": b"{}"}

    made = plan(wanted({}, {"q": b"1"}), There({}, {"sales": held}))

    assert [change.name for change in made.changes if change.action is Action.DELETE] == ["sales:gone"]


# ── laws ──

NAMES = [FlowName(namespace, id_) for namespace in ("a", "b") for id_ in ("x", "y", "z")]
FILES = ["f", "g/h", "i"]
texts = st.sampled_from(["one", "two"])
sources = st.dictionaries(st.sampled_from(NAMES), texts)
contents = st.dictionaries(st.sampled_from(FILES), st.sampled_from([b"1", b"2"]))
files = st.dictionaries(st.sampled_from(["a", "b"]), contents)
makers = st.sampled_from(["ours", "theirs", "by hand", "drifted"])
held_flows = st.dictionaries(st.sampled_from(NAMES), st.tuples(makers, texts))
held_files = st.dictionaries(
    st.sampled_from(["a", "b"]), st.dictionaries(st.sampled_from(FILES), st.tuples(st.booleans(), st.just(b"1")))
)


def made_by(name: FlowName, maker: str, message: str) -> str:
    text = flow(name, message)
    match maker:
        case "ours":
            return stamped(text, OWNER)
        case "theirs":
            return stamped(text, OTHER)
        case "drifted":
            return stamped(text, OWNER).replace(message, "drifted")
    return text


def target_of(flows: Mapping[FlowName, tuple[str, str]], kept: Mapping[str, Mapping[str, tuple[bool, bytes]]]) -> There:
    lists = {
        namespace: Inventory().settled({path: content for path, (is_ours, content) in each.items() if is_ours}, ())
        for namespace, each in kept.items()
    }
    return There(
        {name: made_by(name, *each) for name, each in flows.items()},
        {
            namespace: {path: content for path, (_, content) in each.items()} | {LIST: lists[namespace].written()}
            for namespace, each in kept.items()
        },
    )


def after(there: There, made: Plan) -> There:
    """What is there when all of a plan was carried out; the lists of files too."""
    flows = dict(there.flows)
    held = {namespace: dict(each) for namespace, each in there.files.items()}
    for change in made.changes:
        if change.flow is not None and change.is_write:
            flows[change.flow_name] = change.text
        elif change.flow is not None and change.action is Action.DELETE:
            del flows[change.flow_name]
        elif change.file is not None and change.is_write:
            held.setdefault(change.namespace, {})[change.file] = change.content
        elif change.file is not None and change.action is Action.DELETE:
            del held[change.namespace][change.file]
    for namespace in {change.namespace for change in made.changes if change.file is not None and change.is_change}:
        put = {one.file: one.content for one in made.changes if one.file and one.path and one.namespace == namespace}
        gone = [one.file for one in made.changes if one.file and one.action is Action.DELETE]
        held[namespace][LIST] = made.inventories.get(namespace, Inventory()).settled(put, gone).written()
    return There(flows, held)


def of(flows: Mapping[FlowName, str], kept: Mapping[str, Mapping[str, bytes]]) -> Wanted:
    return Wanted(
        {name: (flow(name, message), f"{name.id}.yaml") for name, message in flows.items()},
        {namespace: {path: (content, path) for path, content in each.items()} for namespace, each in kept.items()},
    )


@settings(max_examples=150, deadline=None)
@given(sources, files, held_flows, held_files, st.booleans())
def test_laws(
    flows: Mapping[FlowName, str],
    kept: Mapping[str, Mapping[str, bytes]],
    there_flows: Mapping[FlowName, tuple[str, str]],
    there_files: Mapping[str, Mapping[str, tuple[bool, bytes]]],
    prune: bool,
) -> None:
    want, there = of(flows, kept), target_of(there_flows, there_files)
    theirs = {name for name, (maker, _) in there_flows.items() if maker == "theirs"}
    if theirs & flows.keys():
        with pytest.raises(Refused, match="was deployed to the target by"):
            plan(want, there, prune=prune, most=100)
        return
    if want.is_empty and prune and any(_ours(there_flows, there_files)):
        with pytest.raises(Refused, match="the source is empty"):
            plan(want, there, prune=prune, most=100)
        return

    made = plan(want, there, prune=prune, most=100)

    gone = [change for change in made.changes if change.action is Action.DELETE]
    assert not gone or (prune and not want.is_empty)
    assert all(_is_ours(change.flow, change.file, change.namespace, there_flows, there_files) for change in gone)
    assert all(change.flow_name not in flows for change in gone if change.flow is not None)
    assert len({change.name for change in made.changes}) == len(made.changes)
    left = plan(want, after(there, made), prune=prune, most=0)
    assert left.is_empty, "what was carried out leaves nothing to do"
    assert _of_others(after(there, made), there_flows, want) == _of_others(there, there_flows, want)


def _ours(
    flows: Mapping[FlowName, tuple[str, str]], kept: Mapping[str, Mapping[str, tuple[bool, bytes]]]
) -> Iterator[bool]:
    yield from (maker in ("ours", "drifted") for maker, _ in flows.values())
    yield from (is_ours for each in kept.values() for is_ours, _ in each.values())


def _is_ours(
    id_: str | None,
    file: str | None,
    namespace: str,
    flows: Mapping[FlowName, tuple[str, str]],
    kept: Mapping[str, Mapping[str, tuple[bool, bytes]]],
) -> bool:
    if id_ is not None:
        return flows[FlowName(namespace, id_)][0] in ("ours", "drifted")
    return kept[namespace][file or ""][0]


def _of_others(there: There, flows: Mapping[FlowName, tuple[str, str]], want: Wanted) -> Iterable[tuple[FlowName, str]]:
    others = {name for name, (maker, _) in flows.items() if maker in ("theirs", "by hand")} - want.flows.keys()
    return sorted(((name, text) for name, text in there.flows.items() if name in others), key=str)
