"""Rendering in a child process: the same values and the same errors, with more time, and this world behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from types import MappingProxyType
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.expression_world import NAMESPACE, GivenWorld
from penstock.errors import NotFound, Retryable
from penstock.expression import (
    Budget,
    BudgetExceeded,
    ExpressionError,
    ExpressionSyntaxError,
    UndefinedVariable,
    WebAnswer,
    WebCall,
    parse,
    render,
)
from penstock.expression.apart import remote
from penstock.expression.apart.parcel import pack, unpack
from penstock.expression.apart.remote import reads_much, render_in_child
from penstock.expression.errors import WallTimeExceeded

LOOP = "{% for i in 1..400000 %}{% endfor %}done"


def world() -> GivenWorld:
    return GivenWorld(
        secrets={NAMESPACE: {"TOKEN": "shh"}},
        kvs={NAMESPACE: {"limit": 7}},
        files={NAMESPACE: {"a.txt": "content"}},
        answers={"GET http://there": {"content": "hi", "type": "text/plain"}},
        errors=({"message": "it broke"},),
    )


class Lazy(Mapping[str, object]):
    """A view that says what was read of it."""

    def __init__(self, values: dict[str, object]) -> None:
        self.values_ = values
        self.read: list[str] = []

    def __getitem__(self, key: str) -> object:
        self.read.append(key)
        return self.values_[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_)

    def __len__(self) -> int:
        return len(self.values_)


@pytest.mark.parametrize(
    "template",
    [
        "plain",
        "{{ inputs.name | upper }}",
        "{{ inputs }}",
        "{{ secret('TOKEN') }} {{ read('a.txt') }} {{ errorLogs() }}",
        "{{ now() }} {{ id() }}",
        "{% for i in 1..3 %}{{ i }}{% endfor %}{{ inputs.missing ?? 'none' }}",
        "{{ printContext() }}",
        "{{ render('{{ inputs.name }}') }}",
        "{{ inputs.list | jq('.[1]') | first }}",
        "{{ inputs.at | date('yyyy') }}",
    ],
)
def test_a_child_gives_what_this_process_gives(template: str) -> None:
    variables = {"inputs": {"name": "ada", "list": [1, 2], "at": datetime(2024, 1, 2, tzinfo=UTC)}}
    for typed in (False, True):
        if typed and not parse(template).single:
            continue
        here = render(template, variables, typed=typed, world=world())
        there = render_in_child(template, variables, typed=typed, world=world())
        assert (type(there), there) == (type(here), here)


@pytest.mark.parametrize(
    ("template", "kind"),
    [
        ("{{ inputs.missing }}", UndefinedVariable),
        ("a\n{{ inputs.name | number }}", ExpressionError),
        ("{{ render('{{ broken') }}", ExpressionSyntaxError),
        ("{% for i in 1..2000000 %}{% endfor %}", BudgetExceeded),
        ("{{ secret('NONE') }}", NotFound),
        ("{{ read('none') ?? 'x' }}", NotFound),
    ],
)
def test_a_child_fails_as_this_process_fails(template: str, kind: type[Exception]) -> None:
    variables = {"inputs": {"name": "ada"}}
    faults = []
    for way in (render, render_in_child):
        with pytest.raises(kind) as caught:
            way(template, variables, world=world())
        error = caught.value
        faults.append((type(error), str(error), getattr(error, "offset", None), getattr(error, "source", None)))
    assert faults[0] == faults[1]


def test_what_the_world_raises_is_the_very_error() -> None:
    error = Retryable("the store is away")

    class Away(GivenWorld):
        def secret(self, name: str, namespace: str | None, subkey: str | None) -> str:
            raise error

    with pytest.raises(Retryable) as caught:
        render_in_child("{{ secret('x') ?? 'y' }}", {}, world=Away())
    assert caught.value is error


def test_without_a_world_there_are_no_secrets_either() -> None:
    with pytest.raises(ExpressionError, match="`secret` is not available here in the expression"):
        render_in_child("{{ secret('x') }}", {})


def test_every_door_of_the_world_is_there_in_a_child() -> None:
    here = world()
    desk = remote._Desk(here, {"name": "ada"})
    there = remote._Remote(remote._Parent(desk.answer), "2", 7)
    call = WebCall("http://there", headers=MappingProxyType({"a": ["b"]}))
    assert there.dialect == "2"
    assert there.secret("TOKEN", None, None) == "shh"
    assert there.kv("limit", None, None) == 7
    assert there.read("a.txt", NAMESPACE) == "content"
    assert there.file_size("a.txt", None) == 7
    assert there.file_exists("a.txt", None)
    assert not there.file_is_empty("a.txt", None)
    assert there.call(call) == WebAnswer(200, "OK", "text/plain", b"hi")
    there.learn("hidden")
    assert there.now() == here.at
    assert there.new_id() == "n3wId"
    assert there.error_logs() == [{"message": "it broke"}]
    assert there.random() is there.random()
    assert (here.calls, here.learned) == ([call], ["hidden"])


def test_only_what_is_read_goes_over() -> None:
    variables = Lazy({"a": 1, "b": {"c": 2}, "d": object()})
    assert render_in_child("{{ b.c }}{{ b.c }}", variables) == "22"
    assert variables.read == ["b"]


def test_a_value_that_is_none_is_refused() -> None:
    with pytest.raises(ExpressionError, match="a value of a kind that expressions do not know is in the way: object"):
        render_in_child("{{ a }}", {"a": object()})


def test_what_takes_too_long_here_has_more_time_in_a_child() -> None:
    with pytest.raises(WallTimeExceeded, match="250 ms of wall time"):
        render(LOOP, {})
    assert remote.render(LOOP, {}, there=Budget(wall_s=20)) == "done"


def test_a_child_has_an_end_too() -> None:
    with pytest.raises(BudgetExceeded, match="longer than 300 ms of wall time"):
        remote.render(LOOP * 9, {}, here=Budget(wall_s=0.01), there=Budget(wall_s=0.3))


def test_what_may_speak_to_the_outside_has_the_longer_time_here_and_is_not_begun_again() -> None:
    template = "{{ render('{{ 1 + 1 }}') }}"
    assert remote.render(template, {}, here=Budget(wall_s=0), world=world()) == "2"
    with pytest.raises(WallTimeExceeded, match="longer than 0 ms"):
        remote.render(template, {}, there=Budget(wall_s=0), world=world())


def test_large_data_goes_to_a_child_at_once() -> None:
    variables: dict[str, object] = {"large": "[" + "1," * 600_000 + "1]", "small": "[1]", "many": [0] * 130_000}
    assert reads_much(parse("{{ fromJson(large) }}"), variables)
    assert reads_much(parse("{{ many | length }}"), variables)
    assert not reads_much(parse("{{ fromJson(small) }}"), variables)
    assert not reads_much(parse("{{ missing ?? small }}"), variables)
    assert remote.render("{{ fromJson(large) | length }}", variables, here=Budget(wall_s=0)) == "600001"


def test_only_the_part_that_is_read_is_weighed() -> None:
    variables = {"outputs": {"a": {"small": 1, "large": "x" * 2_000_000}}}
    assert not reads_much(parse("{{ outputs.a.small }}"), variables)
    assert reads_much(parse("{{ outputs.a.large }}"), variables)
    assert not reads_much(parse("{{ outputs }}"), variables)  # printed piece by piece, and each piece is counted


PLAIN = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False),
        st.text(),
        st.datetimes(),
        st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=2)), ZoneInfo("Europe/Paris")])),
        st.dates(),
        st.timedeltas(),
        st.decimals(allow_nan=False),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.one_of(st.text(), st.integers()), inner)),
    max_leaves=8,
)


@given(PLAIN)
def test_values_go_over_as_they_are(value: object) -> None:
    back = unpack(pack(value))
    assert (type(back), back) == (type(value), value)


def test_views_go_over_as_plain_maps_and_lists() -> None:
    value = MappingProxyType({"a": Lazy({"b": (1, 2)})})
    assert unpack(pack(value)) == {"a": {"b": (1, 2)}}


def test_what_is_shared_goes_over_once() -> None:
    value: list[object] = [1]
    for _ in range(40):
        value = [value, value]
    assert len(pack(value)) < 1_000


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        import os

        return os.system, ("echo",)


def test_nothing_but_values_is_ever_built() -> None:
    import pickle

    for content in (
        pickle.dumps(Evil()),
        pickle.dumps(print),
        b"cos\nsystem\n(S'echo'\ntR.",
        b"cdatetime\ndatetime.__init__.__globals__\n.",
        b"",
        b"garbage",
        pack([Decimal(1)])[:-3],
    ):
        with pytest.raises(ExpressionError, match="a child process has given no value of an expression"):
            unpack(content)
