"""Text as data of a GitHub workflow: of its commands, and of a table in Markdown. It must stay text, whatever it holds.

Source: GitHub docs, Workflow commands, 2026-06.
"""

from __future__ import annotations

from collections.abc import Mapping

from penstock_cli.render.findings_frame import clean

_DATA = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY = {**_DATA, ":": "%3A", ",": "%2C"}


def escaped(text: str, *, in_property: bool = False) -> str:
    """Text that is data of a workflow command, and nothing else."""
    found: Mapping[str, str] = _PROPERTY if in_property else _DATA
    return "".join(found.get(each, each) for each in text)


def cell(text: str, most: int = 200) -> str:
    """Text in a table: one line, no markup of its own, no mention."""
    line = shortened(clean(" ".join(text.split())), most)
    return "".join(f"&#{ord(each)};" if each in "|<>&`*_[]@\\" else each for each in line)


def shortened(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
