"""Whatever a text says, in a comment it is text: judged by another reader of Markdown."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock_cli.github.markdown import APART, cut, tamed
from tame import assert_tame

HOSTILE = [
    "@octocat", "<script>", "</details>", "<img src=x>", "![x](https://evil.example)", "[a](javascript:x)", "#12",
    "`", "``", "```", "~~~", "\n```\n", "\n\n", "\n", "|", "\\", "\\`", "<!--", "-->", "<details>",
    "www.evil.example", "https://evil.example/x", "| --- |", "\n| a | b |\n| --- | --- |\n", "- ", "\n  ```\n",
    "\n> ", "GH-1", "::error::x", "[x]: https://evil.example", "\r", "\u202e", "&#64;octocat", "&commat;x", "a",
    " ", "**", "_", "\n    ", "<b>", "1. ", "\t",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(HOSTILE), max_size=14).map("".join)


@settings(max_examples=300)
@given(TEXTS)
def test_what_is_tamed_mentions_nobody_links_nowhere_and_has_no_html_but_what_folds(text: str) -> None:
    assert_tame(tamed(text))


@given(TEXTS)
def test_taming_what_is_tame_changes_nothing(text: str) -> None:
    assert tamed(tamed(text)) == tamed(text)


def test_code_tables_lists_and_folds_stay() -> None:
    text = (
        "### One flow changes\n\n| flow | now |\n| --- | --- |\n| `a.b/c` | `{{ x \\| upcase }}` |\n\n"
        "- cron: `0 2 * * *` becomes `{{ a | b }}`\n\n<details>\n<summary>script</summary>\n\n"
        "```diff\n-a @octocat <b>\n+b\n```\n\n</details>"
    )
    assert tamed(text) == text


def test_a_fence_that_is_open_at_the_end_is_closed() -> None:
    assert tamed("a\n````\n```\n@me") == "a\n\n````\n```\n@me\n````"


def test_a_picture_of_mermaid_has_no_clicks() -> None:
    assert tamed('```mermaid\ngraph\n  click a "javascript:x"\n  a --> b\n```') == "```mermaid\ngraph\n  a --> b\n```"


@pytest.mark.parametrize("most", [400, 1_000, 3_000])
def test_what_is_cut_is_whole_lines_and_closes_what_is_open(most: int) -> None:
    text = "<details>\n<summary>a</summary>\n\n```diff\n" + "+ a line of it\n" * 500 + "```\n\n</details>\n"
    short = cut(text, most, "the rest is elsewhere")
    assert len(short) <= most
    assert short.endswith("the rest is elsewhere")
    assert short.count("```") == 2
    assert short.count("<details>") == short.count("</details>")
    assert cut("a\n", most, "end") == "a\n"


def test_a_mention_reads_as_before() -> None:
    assert tamed("@octocat in #12").replace(APART, "") == "@octocat in #12"


def test_entities_of_marks_stay_and_others_are_read() -> None:
    assert tamed("a &lt;b&gt; &#95;x&#95; &amp;#64; &#58;&#64;me &#x40;me &commat;me &nothing;") == (
        f"a &lt;b&gt; &#95;x&#95; &amp;#{APART}64; :@{APART}me @{APART}me @{APART}me &amp;nothing;"
    )
