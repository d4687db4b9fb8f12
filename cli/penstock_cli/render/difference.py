"""The difference of two versions of a file, as `patch` and `git apply` take it."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import unified_diff

from penstock_cli.render.findings_frame import Style, clean, plain


def unified(shown: str, before: bytes, after: bytes, style: Style = plain) -> str:
    """A unified difference. With colours it is for a person: what could steer the terminal is made harmless."""
    old, new = (data.decode("utf-8", "replace").splitlines(keepends=True) for data in (before, after))
    return "".join(_lines(shown, old, new, style))


def _lines(shown: str, old: list[str], new: list[str], style: Style) -> Iterator[str]:
    for line in unified_diff(old, new, f"a/{shown}", f"b/{shown}"):
        text = line.rstrip("\n")
        if style is not plain:
            role = {"+": "added", "-": "removed", "@": "gutter"}.get(line[0], "")
            text = style(clean(text.rstrip("\r")), role) if role else clean(text.rstrip("\r"))
        yield f"{text}\n"
        if not line.endswith("\n"):
            yield "\\ No newline at end of file\n"
