"""What `penstock explain PEN204` tells of a code, and `penstock explain PEN2` of those that begin so."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

import click

from penstock.diagnostic import did_you_mean
from penstock.errors import NotFound
from penstock.flow.codes import ASKED, CODES, FIXED, Code, is_unalterable
from penstock.validation.guide import GUIDES
from penstock.validation.guide.entry import Example, Made
from penstock_cli.render.tables import show_value

_WIDTH = 100
_FIX = {
    True: "mended by `penstock validate --fix`",
    False: "mended by `penstock validate --fix --unsafe-fixes`",
    None: "mended by hand",
}


def explain_codes(text: str, output: str) -> None:
    """A code with its reason and examples; the beginning of codes with their titles. Raises NotFound."""
    known = CODES.get(text)
    if known is not None:
        _show(known, output)
        return
    family = [code for code in CODES.values() if code.code.startswith(text)] if len(text) < 6 else []
    if not family:
        raise NotFound(f"there is no finding with the code {text}", help=did_you_mean(text, CODES))
    if output == "text":
        click.echo("\n".join(f"{one.code}  {_kind(one):<11}  {one.title}" for one in family))
    else:
        show_value([_brief(one) for one in family], output)


def _show(code: Code, output: str) -> None:
    guide = GUIDES.get(code.code)
    if output == "text":
        click.echo("\n".join(_lines(code)))
        return
    about = _brief(code)
    if guide is not None:
        about |= {"why": guide.why, "wrong": _files(guide.wrong), "right": _files(guide.right)}
    show_value(about, output)


def _brief(code: Code) -> dict[str, Any]:
    return {
        "code": code.code,
        "title": code.title,
        "help": code.help,
        "severity": str(code.severity),
        "isOff": code.code in ASKED,
        "isUnalterable": code.severity == "error" and is_unalterable(code.code),
        "fix": {True: "safe", False: "unsafe", None: None}[FIXED.get(code.code)],
    }


def _files(example: Example) -> dict[str, str] | str:
    """The texts by path; of one that no page could show, what it is."""
    match example:
        case str():
            return {"flow.yaml": example}
        case Made():
            return example.told
    return dict(example)


def _lines(code: Code) -> Iterator[str]:
    yield f"{code.code}  {code.title}"
    yield f"  {_kind(code)}, {_FIX[FIXED.get(code.code)]}"
    guide = GUIDES.get(code.code)
    if guide is not None:
        yield ""
        for paragraph in guide.why.split("\n\n"):
            yield from textwrap.wrap(paragraph, _WIDTH, initial_indent="  ", subsequent_indent="  ")
        for word, example in (("wrong", guide.wrong), ("right", guide.right)):
            yield ""
            yield f"  {word}:"
            yield from _example(example)
        yield ""
    yield f"  help: {code.help}"


def _kind(code: Code) -> str:
    return "off" if code.code in ASKED else str(code.severity)


def _example(example: Example) -> Iterator[str]:
    files = _files(example)
    if isinstance(files, str):
        yield f"    {files}"
        return
    for path, text in files.items():
        if len(files) > 1:
            yield f"    # {path}"
        yield from (f"    {line}".rstrip() for line in text.splitlines())
