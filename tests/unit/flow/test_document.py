"""YAML to values that know their places, and every way in which a file can be no YAML for us."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.compose import MAX_ALIASES, MAX_DEPTH
from penstock.diagnostic import Position
from penstock.flow.reading.document import MAX_BYTES, Document, read_document


def read(source: str | bytes) -> Document:
    return read_document(source, "f.yaml")


def value_of(source: str) -> Any:
    document = read(source)
    assert document.diagnostics == ()
    return document.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True), ("True", True), ("FALSE", False), ("yes", "yes"), ("on", "on"), ("n", "n"),
        ("", None), ("~", None), ("null", None), ("NULL", None), ("nil", "nil"),
        ("017", 17), ("0", 0), ("-5", -5), ("+7", 7), ("0o17", 15), ("0x1F", 31), ("0b1", "0b1"),
        ("1_000", "1_000"), ("12:30:45", "12:30:45"), ("2024-01-01", "2024-01-01"),
        ("1e3", 1000.0), ("1.", 1.0), (".5", 0.5), ("-1.5E-3", -0.0015), ("1.2.3", "1.2.3"),
        ("'1'", "1"), ('""', ""), ("!!str 5", "5"), ("!!int '5'", 5), ("!!float 5", 5.0), ("! 5", "5"),
        (str(2**70), 2**70),
    ],
)  # fmt: skip
def test_scalars_are_read_by_the_core_schema_of_yaml_1_2(text: str, value: Any) -> None:
    found = value_of(f"a: {text}")["a"]
    assert (found, type(found)) == (value, type(value))


def test_keys_are_text_whatever_they_look_like() -> None:
    assert value_of("true: 1\n1: 2\n~: 3\n1.50: 4") == {"true": 1, "1": 2, "~": 3, "1.50": 4}


def test_anchors_aliases_and_merge_keys() -> None:
    source = "base: &b {x: 1, y: 2}\nsame: *b\nmore:\n  <<: *b\n  y: 3\nboth:\n  <<: [*b, {z: 4}]\n"
    assert value_of(source) == {
        "base": {"x": 1, "y": 2}, "same": {"x": 1, "y": 2}, "more": {"x": 1, "y": 3}, "both": {"x": 1, "y": 2, "z": 4},
    }  # fmt: skip


BAD = [
    ("a: b: c", "PEN104", 1, 5),
    ("a:\n\tb: 1", "PEN103", 2, 1),
    ("a:\n  \tb: 1\n  c: 2", "PEN103", 2, 3),
    ("a: [1, 2", "PEN104", 1, 9),
    ("m: {{ x }}", "PEN105", 1, 5),
    ("a: 'x", "PEN104", 1, 6),
    ("a: @x", "PEN104", 1, 4),
    ("[" * 900, "PEN107", 1, MAX_DEPTH + 1),
    ("- " * 30_000, "PEN107", 1, 2 * MAX_DEPTH + 1),
    ("{a: " * 30_000, "PEN107", 1, 4 * MAX_DEPTH + 1),
    ("a: 1\n---\nb: 2", "PEN106", 2, 1),
    ("a: !!python/object:os.system x", "PEN110", 1, 4),
    ("a: !mine {b: 1}", "PEN110", 1, 4),
    ("a: !!binary aGk=", "PEN110", 1, 4),
    ("a: !!int x", "PEN109", 1, 4),
    ("a: &x [*x]", "PEN108", 1, 8),
    ("a: *nobody", "PEN108", 1, 4),
    ("a:\n  <<: 5", "PEN108", 2, 3),
    ("a: .nan", "PEN109", 1, 4),
    ("a: -.inf", "PEN109", 1, 4),
    ("a: 1e999", "PEN109", 1, 4),
    ("a: " + "9" * 5000, "PEN109", 1, 4),
    ("? [a]\n: b", "PEN105", 1, 3),
    ("a: 1\nb: 2\na: 3", "PEN111", 3, 1),
    ('a: "\\q"', "PEN104", 1, 5),
    ("a: 1\n b: 2", "PEN104", 2, 3),
    ("ab\0c: 1", "PEN101", 1, 3),
    ("a: \x07", "PEN101", 1, 4),
    (b"a: caf\xe9", "PEN101", 1, 7),
    (b"\xff\xfe\0\0a\0\0\0", "PEN101", 1, 1),
    (b"a\0:\0 \0001\0", "PEN101", 1, 1),
    ("x" * (MAX_BYTES + 1), "PEN102", 1, 1),
    ("a: &b [1]\nc: [" + "*b, " * (MAX_ALIASES + 1) + "]", "PEN107", 2, 5 + 4 * MAX_ALIASES),
]


@pytest.mark.parametrize(("source", "code", "line", "column"), BAD, ids=[f"{row[1]}-{n}" for n, row in enumerate(BAD)])
def test_what_is_no_yaml_for_us_is_told_at_its_place(source: str | bytes, code: str, line: int, column: int) -> None:
    [found] = read(source).diagnostics
    assert (found.code, found.range.start) == (code, Position(line, column))


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_no_depth_is_too_deep_to_be_told(opening: str) -> None:
    """Where libyaml has a bound of its own, the place is that of its bound: it reads ahead of us."""
    [found] = read(opening * 30_000).diagnostics
    assert (found.code, found.message) == ("PEN107", f"nested more than {MAX_DEPTH} levels deep")
    assert found.range.start.line == 1
    assert found.range.start.column > MAX_DEPTH
    assert found.is_error
    assert found.help


def test_an_alias_bomb_is_refused_before_it_unfolds() -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 6)}]" for n in range(1, 9)]
    assert [found.code for found in read("\n".join(levels)).diagnostics] == ["PEN107"]


def test_every_duplicate_key_is_told_with_the_place_of_the_first() -> None:
    found = read("a:\n  b: 1\n  b: 2\n  b: 3\nc: 1\nc: 2").diagnostics
    assert [(one.range.start.line, one.message) for one in found] == [
        (3, "Duplicate field 'b'"), (4, "Duplicate field 'b'"), (6, "Duplicate field 'c'"),
    ]  # fmt: skip
    assert "line 2" in (found[0].help or "")


@pytest.mark.parametrize(("count", "codes"), [(1_000, {"PEN111"}), (1_001, {"PEN111", "PEN116"})])
def test_only_what_is_left_out_is_said_to_be(count: int, codes: set[str]) -> None:
    found = read("a: 0\n" + "a: 1\n" * count).diagnostics
    assert {one.code for one in found} == codes
    assert sum(one.code == "PEN111" for one in found) == 1_000


def test_a_byte_order_mark_does_not_move_the_places() -> None:
    document = read(b"\xef\xbb\xbfa: 1\nb: x")
    assert document.value == {"a": 1, "b": "x"}
    assert document.key_range_of(["a"]).start == Position(1, 1)


def test_utf_16_is_read_with_a_warning() -> None:
    document = read("a: é".encode("utf-16"))
    assert document.value == {"a": "é"}
    assert [(one.code, one.is_error) for one in document.diagnostics] == [("PEN101", False)]


def test_an_unquoted_expression_is_told_how_to_be_written() -> None:
    [found] = read("id: {{ flow.id }}").diagnostics
    assert found.help == 'an expression needs quotes: "{{ … }}"'


@pytest.mark.parametrize("lines", ["\n", "\r\n"])
def test_characters_of_every_kind_of_scalar_are_found_again(lines: str) -> None:
    source = lines.join(
        [
            "s: |", "    echo <1>", "      indented", "    <2>",
            "f: >-", "  one", "  two <3>", "", "  three <4>",
            'q: "tab\\t<5> \\', '   <6>"',
            "p: 'it''s <7>", "   <8>'",
            "r: &anchor plain <9>", "  more <A>",
            "t: !!str |2", "    <B>",
        ]
    )  # fmt: skip
    document = read(source)
    assert document.is_sound
    seen = []
    for key, text in document.value.items():
        place = document.find([key])
        assert place is not None
        for at in (n for n, char in enumerate(text) if char == "<"):
            where = document.within(place, text, at, 3)
            line = document.line(where.start.line)
            assert line[where.start.column - 1 : where.end.column - 1] == text[at : at + 3]
            seen.append(text[at + 1])
    assert "".join(seen) == "123456789AB"


def test_ranges_of_keys_and_values() -> None:
    document = read("a:\n  - b: &x  'two'\n    c: [1,\n        2]\n\nd: end # comment\n")
    assert document.range_of(["a", 0, "b"]).start == Position(2, 12)
    assert document.range_of(["a", 0, "b"]).end == Position(2, 17)
    assert document.key_range_of(["a", 0, "c"]).start == Position(3, 5)
    assert document.range_of(["a", 0, "c"]).end == Position(4, 11)
    assert document.range_of(["a"]).end == Position(4, 11)
    assert document.range_of(["d"]).end == Position(6, 7)
    assert document.range_of(["a", 0, "nothing", "here"]).start == Position(2, 5)
    assert document.find(["a", 5]) is None


_PLAIN = st.one_of(
    st.integers(-(10**9), 10**9),
    st.booleans(),
    st.none(),
    st.text("abcdefgh é漢🚀_/.", min_size=1, max_size=12)
    .map(str.strip)
    .filter(lambda text: text and text[0].isalpha()),
)
_TREES = st.recursive(
    _PLAIN,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3)
        | st.dictionaries(st.sampled_from("abcdef"), inner, min_size=1, max_size=3)
    ),
    max_leaves=12,
)


def _written(value: Any) -> str:
    import json

    if value is None:
        return "null"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[\n  " + ",\n  ".join(map(_written, value)) + "]"
    return value if isinstance(value, str) else json.dumps(value)


def _scalars(value: Any, path: tuple[str | int, ...] = ()) -> Any:
    if isinstance(value, dict | list):
        for step, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _scalars(item, (*path, step))
    else:
        yield path, value


@given(_TREES)
@settings(max_examples=60, deadline=None)
def test_the_text_at_each_range_says_the_value(tree: Any) -> None:
    document = read(_written(tree) + "\n")
    assert document.is_sound
    assert document.value == tree
    for path, value in _scalars(tree):
        where = document.range_of(path)
        text = document.line(where.start.line)[where.start.column - 1 : where.end.column - 1]
        assert read(text).value == value


@given(st.one_of(st.text(max_size=80), st.binary(max_size=80), st.text("ab:-[]{}&*!|>'\"\n\t #<%@`,?0~", max_size=60)))
@settings(max_examples=300, deadline=None)
def test_reading_never_raises(source: str | bytes) -> None:
    document = read(source)
    for found in document.diagnostics:
        assert found.range.start >= Position(1, 1)
        assert found.range.end > found.range.start


@pytest.mark.parametrize("tail", ["", "\nother: 1", "\n   \n"])
def test_text_in_a_block_scalar_may_begin_with_a_tab(tail: str) -> None:
    document = read_document(f"id: f\nscript: |\n  \tindented by a tab\n  not so{tail}\n", "f")
    assert document.diagnostics == ()
    assert document.value["script"].startswith("\tindented by a tab\nnot so")
    assert document.range_of(("script",)).start == Position(2, 9)


def test_a_tab_as_indentation_is_told_after_a_second_reading_too() -> None:
    found = read_document("id: f\nscript: |\n  \ttext\ntasks:\n\t- id: t\n", "f").diagnostics
    assert [(one.code, one.range.start) for one in found] == [("PEN103", Position(5, 1))]
