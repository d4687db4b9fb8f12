"""Whether a page of Markdown is tame, judged by another reader of Markdown than ours."""

from __future__ import annotations

import re
from html import unescape

from markdown_it import MarkdownIt
from markdown_it.token import Token

_READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
_FOLDS = re.compile(r"</?(details( open)?|summary|br|b|sub|code)>")
_MEETS = re.compile(r"@\w|#\d|://\w|www\.\w")


def assert_tame(markdown: str, *, links: str = "nowhere") -> None:
    """Nothing mentions, refers, links (but to what begins with `links`), shows a picture, or is HTML but what folds."""
    for token in _inner(_READER.parse(markdown)):
        assert token.type != "image", (token, markdown)
        if token.type == "link_open":
            assert str(token.attrs["href"]).startswith(links), (token, markdown)
        if token.type in ("html_inline", "html_block"):
            assert "<" not in _FOLDS.sub("", token.content), (token, markdown)
            assert not _MEETS.search(unescape(token.content)), (token, markdown)
        if token.type == "text":
            assert not _MEETS.search(token.content), (token, markdown)


def _inner(tokens: list[Token]) -> list[Token]:
    return [each for token in tokens for each in (token, *_inner(token.children or []))]
