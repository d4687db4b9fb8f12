"""What is kept comes back as it was: every event, every task run, every header."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, fields
from datetime import UTC, datetime
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.diagnostic import FlowName
from penstock.errors import Stalled
from penstock.execution.codec import (
    TYPES,
    UPCASTERS,
    decode_event,
    dump_header,
    dump_run,
    encode_event,
    load_header,
    load_run,
)
from penstock.execution.event import AttemptEnded, Caller, Event, KillRequested
from penstock.execution.family import Family
from penstock.execution.model import Attempt, Execution, ScopeList, TaskRun
from penstock.execution.state import State

NOW = datetime(2026, 1, 1, tzinfo=UTC)
STORED = tuple(Execution.__dataclass_fields__)[: tuple(Execution.__dataclass_fields__).index("error") + 1]

texts = st.text(st.characters(), max_size=8)
"""Half surrogate pairs too: JSON can hold them, and a task may print them."""

numbers = st.integers() | st.floats(allow_nan=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
PLAIN = {str: texts, int: st.integers(), bool: st.booleans(), float: numbers, Any: values, NoneType: st.none()}


def of_hint(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a field, by its type."""
    arguments = get_args(hint)
    if hint in PLAIN:
        return PLAIN[hint]
    if hint is datetime:
        return st.datetimes(timezones=st.just(UTC))
    if get_origin(hint) in (Union, UnionType):
        return st.one_of(*map(of_hint, arguments))
    if get_origin(hint) is Mapping:
        return st.dictionaries(texts, of_hint(arguments[1]), max_size=3)
    if get_origin(hint) is tuple and arguments[-1] is Ellipsis:
        return st.lists(of_hint(arguments[0]), max_size=3).map(tuple)
    if get_origin(hint) is tuple:
        return st.tuples(*map(of_hint, arguments))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(list(hint))
    if hint in (FlowName, ScopeList, Attempt, Family, Caller):
        return of_class(hint)
    raise TypeError(f"no values of {hint!r} are known here: add them")


def of_class(kind: type[Any], names: tuple[str, ...] | None = None) -> st.SearchStrategy[Any]:
    """Values of a dataclass; a field that has a default is left out now and then."""
    hints = get_type_hints(kind)
    required, optional = {}, {}
    for each in fields(kind):
        if names is None or each.name in names:
            is_required = each.default is MISSING and each.default_factory is MISSING
            (required if is_required else optional)[each.name] = of_hint(hints[each.name])
    return st.fixed_dictionaries(required, optional=optional).map(lambda given_: kind(**given_))


@pytest.mark.parametrize("kind", TYPES.values(), ids=TYPES)
def test_every_event_comes_back_as_it_was(kind: type[Event]) -> None:
    @given(of_class(kind))
    def law(event: Event) -> None:
        name, version, body = encode_event(event)
        assert decode_event(name, version, body) == event
        assert type(decode_event(name, version, body)) is kind
        body.encode()

    law()


@given(of_class(TaskRun))
def test_every_task_run_comes_back_as_it_was(run: TaskRun) -> None:
    text = dump_run(run)
    assert load_run(text) == run
    text.encode()


@given(of_class(Execution, STORED))
def test_every_header_comes_back_as_it_was(execution: Execution) -> None:
    assert load_header(dump_header(execution)) == execution


def test_what_is_not_ascii_stays_readable() -> None:
    assert "grün" in encode_event(KillRequested(at=NOW, by="grün"))[2]


def test_numbers_that_are_none_are_kept_too() -> None:
    event = AttemptEnded(at=NOW, run="r", attempt=1, state=State.SUCCESS, usage={"a": math.inf, "b": math.nan})
    back = decode_event(*encode_event(event))
    assert isinstance(back, AttemptEnded)
    assert back.usage["a"] == math.inf
    assert math.isnan(back.usage["b"])


def test_what_no_json_can_hold_is_refused() -> None:
    event = AttemptEnded(at=NOW, run="r", attempt=1, state=State.SUCCESS, outputs={"a": {1, 2}})
    with pytest.raises(TypeError, match="set cannot be kept"):
        encode_event(event)


def test_an_event_from_the_future_names_what_to_do() -> None:
    for name, version in (("KillRequested", 2), ("Invented", 1)):
        with pytest.raises(Stalled, match=name) as told:
            decode_event(name, version, "{}")
        assert "later version" in (told.value.help or "")


def test_an_older_event_is_lifted_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KillRequested, "v", 3)
    monkeypatch.setitem(UPCASTERS, ("KillRequested", 1), lambda data: {"at": data["at"], "who": data["user"]})
    monkeypatch.setitem(UPCASTERS, ("KillRequested", 2), lambda data: {"at": data["at"], "by": data["who"]})
    body = '{"at":"2026-01-01T00:00:00.000000+00:00","user":"ada"}'
    assert decode_event("KillRequested", 1, body) == KillRequested(at=NOW, by="ada")
