"""A settings file is read in bounds, whatever it holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.settings.document import MAX_BYTES, parse_settings


def test_scalars_are_those_of_yaml_1_2() -> None:
    text = "a: yes\nb: 12:30\nc: 017\nd: true\ne: 1.5\nf: '1'\ng:\nh: |\n  x\ni: 1e3\n"
    assert parse_settings(text.encode(), "x").data == {
        "a": "yes", "b": "12:30", "c": 17, "d": True, "e": 1.5, "f": "1", "g": None, "h": "x\n", "i": "1e3",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("source", "line", "column", "message"),
    [
        (b"a: [\n", 2, 1, "is not YAML: did not find expected node content"),
        (b"a: 1\n\tb: 2\n", 2, 1, "is not YAML: found a tab character that violates indentation"),
        ("é: ü\nx: ".encode() + b"\xff", 2, 4, "is not UTF-8"),
        ("a: 1".encode("utf-16"), 1, 1, "is not UTF-8"),
        (b"a: \x01", 1, 4, "holds a character that YAML does not allow"),
        (b"a: " + b"[" * 900, 1, 33, "nests deeper than 30"),
        (b"[a]: 1\n", 1, 1, "a key must be a text"),
        (b"#" * (MAX_BYTES + 1), 1, 1, "is larger than 256 kB, too large for settings"),
    ],
)
def test_a_fault_stands_at_its_place(source: bytes, line: int, column: int, message: str) -> None:
    read = parse_settings(source, "penstock.yaml")
    [found] = read.diagnostics
    assert (found.message, found.range.start.line, found.range.start.column) == (message, line, column)
    assert read.data == {}


def test_no_depth_is_too_deep_to_be_told() -> None:
    """Where libyaml has a bound of its own, the place is that of its bound: it reads ahead of us."""
    [found] = parse_settings(b"a: " + b"[" * 30_000, "penstock.yaml").diagnostics
    assert (found.message, found.range.start.line) == ("nests deeper than 30", 1)
    assert found.range.start.column >= 33


def test_an_alias_bomb_is_refused_before_it_grows() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    [found] = parse_settings("\n".join(lines).encode(), "x").diagnostics
    assert found.message == "holds more values than settings can have"


def test_an_alias_to_itself_is_refused() -> None:
    assert parse_settings(b"a: &a [*a]\n", "x").diagnostics


def test_an_empty_file_and_a_byte_order_mark_are_fine() -> None:
    assert parse_settings(b"", "x").diagnostics == ()
    assert parse_settings(b"\xef\xbb\xbfa: 1\n", "x").data == {"a": 1}


@given(st.binary(max_size=200))
def test_no_bytes_make_it_raise(source: bytes) -> None:
    parse_settings(source, "x")


@given(st.text(alphabet="ab:-[]{}&*!|> \n'\"#?,\t", max_size=60))
def test_no_text_makes_it_raise(text: str) -> None:
    parse_settings(text.encode(), "x")
