"""What holds of the difference of any two flows: a thousand random pairs, drawn from seeds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from random import Random
from typing import Any

from penstock.difference.compare import counterpart, differences
from penstock.difference.leaf import ABSENT, fingerprint, is_branch, leaves, same
from penstock.difference.operations import Add, Change, Move, Operation, Remove, Rename, apply
from penstock.difference.tree import Key, Model, Part, model_of
from penstock.flow.canonical import canonical_text
from penstock.flow.catalogue.catalog import load_catalog
from penstock.flow.parse import parse_flow
from penstock.flow.reading.document import read_document
from written_flows import edited, rewritten, written_flow

PAIRS = range(1000)
Place = tuple[Key, bool, tuple[str, ...]]
Told = Counter[tuple[Place, Any]]


def model(flow: dict[str, Any]) -> Model:
    return model_of(flow, load_catalog())


@cache
def flows(seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """A flow, and another that is up to six edits away."""
    dice = Random(seed)
    base = written_flow(dice)
    return base, edited(dice, base, dice.randint(0, 6))


@cache
def pair(seed: int) -> tuple[Model, Model, tuple[Operation, ...]]:
    base, head = map(model, flows(seed))
    return base, head, differences(base, head)


def test_a_flow_does_not_differ_from_itself() -> None:
    for seed in PAIRS:
        base, head, _ = pair(seed)

        assert differences(base, base) == (), seed
        assert differences(head, head) == (), seed


def test_the_differences_applied_to_the_base_give_the_head() -> None:
    for seed in PAIRS:
        base, head, operations = pair(seed)

        assert apply(operations, base).is_same(head), seed
        assert bool(operations) is not base.is_same(head), seed


def test_another_order_of_keys_other_quotes_and_comments_are_no_difference() -> None:
    for seed in PAIRS:
        document = read_document(rewritten(Random(seed), flows(seed)[0]), "flow.yaml")

        assert document.is_sound, (seed, document.diagnostics)
        assert differences(pair(seed)[0], model(document.value)) == (), seed


def test_every_leaf_that_differs_is_named_and_no_other() -> None:
    for seed in PAIRS:
        base, head, operations = pair(seed)
        before, after = ends(counterpart(base, operations)), ends(head.parts)

        gone, came = named(operations)

        assert (gone - came, came - gone) == (before - after, after - before), seed
        assert not [leaf for leaf in gone & came if "*" not in leaf[0][2]], f"{seed}: named, and the same as before"


def test_no_operation_replaces_more_than_the_smallest_that_differs() -> None:
    for seed in PAIRS:
        base, head, operations = pair(seed)
        for operation in operations:
            match operation:
                case Change(_, _, old, new, _):
                    assert not same(old, new), seed
                    assert not (is_branch(old) and is_branch(new) and type(old) is type(new)), seed
                case Add(part):
                    assert part.key not in base.parts, seed
                case Remove(part):
                    assert part.key not in head.parts, seed
                case Rename(old, new):
                    assert old in base.parts, seed
                    assert new in head.parts, seed
                    assert old not in head.parts, seed
                case Move(key):
                    assert key in head.parts, seed


def test_what_makes_another_revision_is_a_difference() -> None:
    """The digest that decides on revisions, made of the parsed flow, is a second opinion."""
    catalog, compared = load_catalog(), 0
    for seed in PAIRS[:150]:
        parsed = [parse_flow(rewritten(Random(seed), one), "f.yaml", catalog=catalog).flow for one in flows(seed)]
        if parsed[0] is not None and parsed[1] is not None:
            compared += 1
            assert pair(seed)[2] != () or canonical_text(parsed[0]) == canonical_text(parsed[1]), seed
    assert compared >= 10


def ends(parts: Mapping[Key, Part]) -> Told:
    """Every leaf of every part; which item of a list it is in does not count."""
    return Counter(leaf for key, part in parts.items() for leaf in ends_of(part, key))


def ends_of(part: Part, key: Key) -> Iterator[tuple[Place, Any]]:
    for is_beside, values in ((False, part.body), (True, part.beside)):
        yield from below((key, is_beside), (), dict(values))


def below(where: tuple[Key, bool], path: tuple[str | int, ...], value: Any) -> Iterator[tuple[Place, Any]]:
    for end, leaf in leaves(value, path) if value is not ABSENT else ():
        if leaf not in ({}, []):  # a mapping that has lost its last entry has not come: the entry has gone
            yield (*where, tuple("*" if isinstance(step, int) else step for step in end)), fingerprint(leaf)


def named(operations: tuple[Operation, ...]) -> tuple[Told, Told]:
    """The leaves that the operations say have gone, and have come."""
    gone: Told = Counter()
    came: Told = Counter()
    for operation in operations:
        match operation:
            case Change(key, path, old, new, is_beside):
                gone.update(below((key, is_beside), path, old))
                came.update(below((key, is_beside), path, new))
            case Add(part):
                came.update(ends_of(part, part.key))
            case Remove(part):
                gone.update(ends_of(part, part.key))
    return gone, came
