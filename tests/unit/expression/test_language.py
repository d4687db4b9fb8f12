"""The language where cases in data files cannot show it: kinds of values, lazy views, places, typed rendering."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import overload

import pytest

from penstock.expression import ExpressionError, render, render_value
from penstock.truth import is_truthy

CONTEXT: dict[str, object] = {
    "name": "ada",
    "n": 5,
    "none": None,
    "list": [1, 2, 3],
    "map": {"a": 1, "b": {"c": "x"}, "null": None},
    "dash": {"my-key": 1},
    "entries": {"z": 1, "y": 2},
    "at": datetime(2024, 1, 2, 3, 4, 5, 123000, tzinfo=UTC),
    "day": date(2024, 1, 2),
    "length": timedelta(minutes=90),
    "big": 2**70,
}


def test_moments_days_and_durations_print_as_javas() -> None:
    assert render("{{ at }} {{ day }} {{ length }}", CONTEXT) == "2024-01-02T03:04:05.123Z 2024-01-02 PT1H30M"


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{{ secret('X') }}", "the function `secret` is not available here"),
        ("{{ render('{{ missing }}') ?? 'x' }}", "Unable to find `missing` used in the expression `{{ missing }}`"),
        ("{{ read('a.txt') }}", "the function `read` is not available here"),
        ("{{ errorLogs() }}", "the function `errorLogs` is not available here"),
    ],
)
def test_it_says_why_not(template: str, reason: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        render(template, CONTEXT)
    assert reason in caught.value.message


def test_an_undefined_variable_is_told_in_kestras_words_with_its_line() -> None:
    source = "line one\n{{ map.zz }}"
    with pytest.raises(ExpressionError) as caught:
        render(source, CONTEXT)
    assert caught.value.message == f"Unable to find `zz` used in the expression `{source}` at line 2"
    assert (caught.value.code, caught.value.offset, caught.value.width) == ("PEN302", 12, 6)


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("{{ list }}", [1, 2, 3]),
        ("{{ none }}", None),
        ("{{ n + 1 }}", 6),
        ("{{ name }}!", "ada!"),
        ("{% if true %}{{ n }}{% endif %}", 5),
        ("{% set x = [1] %}{{ x }}", [1]),
        ("plain", "plain"),
    ],
)
def test_typed_rendering_keeps_the_type_of_the_one_value(template: str, value: object) -> None:
    assert render(template, CONTEXT, typed=True) == value


@pytest.mark.parametrize("template", ["{{ n }}{{ n }}", " {{ n }}", "{{ list }} ", "a{{ name }}"])
def test_typed_rendering_takes_one_value_only(template: str) -> None:
    with pytest.raises(ExpressionError, match="Tried to add a"):
        render(template, CONTEXT, typed=True)


def test_texts_in_lists_and_maps_are_rendered_keys_too_and_the_first_key_wins() -> None:
    value = {"{{ name }}": ["{{ n }}", 1, None, True], "ada": "lost", "deep": {"x": ("{{ list }}",)}}
    assert render_value(value, CONTEXT) == {"ada": ["5", 1, None, True], "deep": {"x": ["[1,2,3]"]}}


@pytest.mark.parametrize("text", ["", "  ", "\n", "false", "0", "-0"])
def test_these_conditions_are_false(text: str) -> None:
    assert not is_truthy(text)


@pytest.mark.parametrize("text", ["true", "1", "False", "no", "null", "0.0", "[]", " false"])
def test_every_other_condition_is_true(text: str) -> None:
    assert is_truthy(text)


class View(Mapping[str, object]):
    """A map that is made when it is asked, as the outputs of an execution are; it counts what is asked."""

    def __init__(self, made: dict[str, object]) -> None:
        self.made = made
        self.asked: list[str] = []

    def __getitem__(self, key: str) -> object:
        self.asked.append(key)
        return self.made[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.made)

    def __len__(self) -> int:
        return len(self.made)


class Row(Sequence[object]):
    @overload
    def __getitem__(self, index: int) -> object: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[object]: ...
    def __getitem__(self, index: int | slice) -> object:
        return [7, 8, 9][index]

    def __len__(self) -> int:
        return 3


def test_lazy_views_are_asked_for_what_is_read_and_nothing_else() -> None:
    inner = View({"value": 1, "uri": "u"})
    outer = View({"a": inner, "b": View({})})
    assert render("{{ outputs.a.value }} {{ outputs.a['uri'] }}", {"outputs": outer}) == "1 u"
    assert (outer.asked, inner.asked) == (["a", "a"], ["value", "uri"])


def test_lazy_views_print_iterate_and_compare_like_maps_and_lists() -> None:
    variables = {"view": View({"a": 1, "none": None}), "row": Row()}
    template = "{{ view }} {{ row }} {{ row[1] }} {{ row.size() }} {{ view == {'a': 1, 'none': null} }}"
    assert render(template, variables) == '{"a":1} [7,8,9] 8 3 true'
    assert render("{% for x in row %}{{ x }}{% endfor %} {{ row | join('-') }}", variables) == "789 7-8-9"
    assert render("{{ view is map }} {{ row is iterable }} {{ view | keys }}", variables) == 'true true ["a","none"]'
