"""Our `dataclass` makes what the standard library's makes; only when it is first needed."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import sys
from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace
from itertools import product
from typing import Any, get_type_hints

import pytest

from penstock.dataclass import dataclass as ours

Decorator = Callable[..., Any]


def kinds(decorator: Decorator) -> dict[str, type[Any]]:
    """The same classes by either decorator, of every shape that the program has."""

    @decorator(frozen=True, slots=True, kw_only=True)
    class Root:
        """A root."""

        at: int

    @decorator(frozen=True, slots=True, kw_only=True)
    class Branch(Root):
        """More fields than its root, some with defaults."""

        name: str = "none"
        seen: list[int] = field(default_factory=list)
        place: int = field(default=0, compare=False)
        quiet: str = field(default="", repr=False)

    @decorator(frozen=True, slots=True, order=True)
    class Position:
        """In order."""

        line: int
        column: int = 1

    @decorator(slots=True)
    class Open:
        """One that may change."""

        count: int
        names: dict[str, int] = field(default_factory=dict)

    @decorator(slots=True, eq=False)
    class Itself:
        """Equal to nothing but itself."""

        count: int

    @decorator(frozen=True, slots=True)
    class Derived:
        """What is known once it is made."""

        base: int
        double: int = field(init=False, compare=False)
        fixed: int = field(init=False, default=7)

        def __post_init__(self) -> None:
            object.__setattr__(self, "double", 2 * self.base)

    @decorator(frozen=True, slots=True)
    class Own:
        """Says itself what it is equal to."""

        name: str

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Own) and other.name.lower() == self.name.lower()

        def __hash__(self) -> int:
            return hash(self.name.lower())

        def __repr__(self) -> str:
            return f"<{self.name}>"

    @decorator(frozen=True, slots=True)
    class Empty:
        """Nothing to tell."""

    @decorator(frozen=True)
    class Loose:
        """Frozen, with a dictionary of its own."""

        name: str
        size: int = 0
        seen: list[int] = field(default_factory=list, compare=False)

    @decorator
    class Plain:
        """With a dictionary of its own."""

        name: str = "plain"

    return {each.__name__: each for each in (Root, Branch, Position, Open, Itself, Derived, Own, Empty, Loose, Plain)}


CALLS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("Root", (), {"at": 1}),
    ("Branch", (), {"at": 1}),
    ("Branch", (), {"at": 1, "place": 3, "quiet": "sh"}),
    ("Branch", (), {"at": 2, "name": "b", "seen": [1]}),
    ("Position", (1, 2), {}),
    ("Position", (1,), {}),
    ("Position", (2,), {"column": 0}),
    ("Open", (1,), {}),
    ("Open", (1, {"a": 1}), {}),
    ("Itself", (1,), {}),
    ("Derived", (3,), {}),
    ("Own", ("A",), {}),
    ("Own", ("a",), {}),
    ("Empty", (), {}),
    ("Loose", ("a",), {}),
    ("Loose", ("a", 1), {"seen": [1]}),
    ("Plain", (), {}),
    ("Plain", ("other",), {}),
]
WRONG: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("Root", (1,), {}),
    ("Root", (), {}),
    ("Branch", (), {"at": 1, "other": 2}),
    ("Position", (1, 2, 3), {}),
    ("Derived", (1,), {"double": 2}),
    ("Empty", (1,), {}),
]
KINDS = [kinds(dataclass), kinds(ours)]


def both(of: Callable[[dict[str, type[Any]]], Any]) -> Any:
    """What comes of both, which is the same."""
    theirs, own = map(of, KINDS)
    assert own == theirs
    return own


@pytest.mark.parametrize("name", KINDS[0])
def test_a_class_is_described_as_the_standard_library_describes_it(name: str) -> None:
    both(lambda known: [(each.name, each.kind) for each in inspect.signature(known[name]).parameters.values()])
    both(lambda known: [(each.name, each.type, each.kw_only, each.init) for each in fields(known[name])])
    both(lambda known: known[name].__match_args__)
    both(lambda known: getattr(known[name], "__slots__", None))
    both(lambda known: get_type_hints(known[name].__init__))
    both(lambda known: known[name].__init__.__qualname__.rpartition("<locals>")[2])
    both(lambda known: known[name].__hash__ is None)


@pytest.mark.parametrize(("name", "args", "named"), CALLS)
def test_an_instance_is_what_the_standard_library_makes(name: str, args: Any, named: Any) -> None:
    def told(known: dict[str, type[Any]]) -> Any:
        made = known[name](*args, **named)
        return repr(made), {each.name: getattr(made, each.name) for each in fields(made)}, dataclasses.asdict(made)

    both(told)


def test_instances_compare_as_those_of_the_standard_library() -> None:
    def told(known: dict[str, type[Any]]) -> Any:
        made = [known[name](*args, **named) for name, args, named in CALLS]
        positions = [each for each in made if type(each) is known["Position"]]
        hashed = [each for each in made if type(each).__hash__ is not None and type(each) is not known["Branch"]]
        return (
            [one == other for one, other in product(made, made)],
            [one != other for one, other in product(made, made)],
            [(a < b, a <= b, a > b, a >= b) for a, b in product(positions, positions)],
            [hash(one) == hash(other) for one, other in product(hashed, hashed)],
        )

    both(told)


@pytest.mark.parametrize(("name", "args", "named"), WRONG)
def test_a_wrong_call_is_refused_in_the_same_words(name: str, args: Any, named: Any) -> None:
    def told(known: dict[str, type[Any]]) -> str:
        with pytest.raises(TypeError) as refused:
            known[name](*args, **named)
        return str(refused.value)

    both(told)


def test_the_frozen_stay_as_they_are_and_the_others_do_not() -> None:
    def told(known: dict[str, type[Any]]) -> Any:
        made, loose = known["Branch"](at=1), known["Loose"]("a")
        words = []
        for change in (
            lambda: setattr(made, "at", 2),
            lambda: delattr(made, "at"),
            lambda: setattr(loose, "name", "b"),
            lambda: setattr(loose, "unknown", "b"),
            lambda: delattr(loose, "name"),
        ):
            with pytest.raises(FrozenInstanceError) as refused:
                change()
            words.append(str(refused.value))
        free = known["Open"](1)
        free.count = 2
        return (
            words,
            made.at,
            free.count,
            repr(replace(made, at=5, name="new")),
            made.seen is known["Branch"](at=1).seen,
        )

    both(told)


def test_a_name_that_is_no_field_cannot_be_set_either() -> None:
    made = kinds(ours)["Branch"](at=1)
    with pytest.raises(FrozenInstanceError, match="unknown"):
        made.unknown = 1


def test_what_cannot_be_compared_or_counted_says_so() -> None:
    for known in KINDS:
        with pytest.raises(TypeError, match="not supported between"):
            assert known["Position"](1) < 1
        with pytest.raises(TypeError, match="unhashable"):
            hash(known["Open"](1))


@ours(frozen=True, slots=True)
class Kept:
    """One that travels: pickle finds it by its name."""

    name: str
    size: int = 0


@ours(frozen=True)
class KeptLoose:
    """One with a dictionary of its own."""

    name: str
    size: int = 0


@pytest.mark.parametrize("kept", [Kept("a", 3), KeptLoose("a", 3)])
def test_a_frozen_one_can_be_copied_and_kept(kept: object) -> None:
    assert pickle.loads(pickle.dumps(kept)) == kept
    assert copy.copy(kept) == copy.deepcopy(kept) == kept


def test_one_that_holds_itself_can_be_shown() -> None:
    def told(known: dict[str, type[Any]]) -> str:
        made = known["Open"](1)
        made.names["self"] = made
        return repr(made).partition("<locals>")[2]

    both(told)


def test_a_method_is_written_when_it_is_first_looked_up() -> None:
    fresh = kinds(ours)["Position"]
    assert {type(vars(fresh)[name]).__name__ for name in ("__init__", "__eq__", "__hash__", "__lt__")} == {"_Later"}
    assert fresh(1) == fresh(1)
    assert inspect.isfunction(vars(fresh)["__init__"])
    assert inspect.isfunction(vars(fresh)["__eq__"])
    assert not inspect.isfunction(vars(fresh)["__hash__"])


def test_nothing_is_compiled_while_a_class_is_made() -> None:
    compiled = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal compiled
        compiled += event == "c_call" and argument is exec

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        fresh = kinds(ours)
        meanwhile = compiled
        fresh["Root"](at=1)
    finally:
        sys.setprofile(before)
    assert (meanwhile, compiled) == (0, 1)
