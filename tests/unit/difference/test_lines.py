"""Texts, compared line by line."""

from __future__ import annotations

from time import process_time

from penstock.difference.lines import counted, line_differences


def test_lines_around_what_differs_are_told_and_the_rest_is_left_out() -> None:
    old = "a\nb\nc\nd\ne\nf\ng\n"
    new = "a\nb\nC\nd\ne\nf\ng\nh\n"

    assert line_differences(old, new) == ("…", "  b", "- c", "+ C", "  d", "…", "  g", "+ h")


def test_equal_texts_have_no_lines_that_differ() -> None:
    assert counted(line_differences("a\nb\n", "a\nb\n")) == (0, 0)


def test_lines_that_are_all_the_same_do_not_take_long() -> None:
    began = process_time()

    lines = line_differences("x\n" * 9_000 + "a\n" + "x\n" * 9_000, "y\n" + "x\n" * 18_000)

    assert process_time() - began < 2
    assert counted(lines) == (9_001, 9_001)
