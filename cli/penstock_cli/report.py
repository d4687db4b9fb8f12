"""The report of a bug of ours: all that its mending needs, and nothing that is secret."""

from __future__ import annotations

import base64
import binascii
import os
import platform
import re
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from penstock import __version__

HIDDEN = "***"
_SHORTEST = 4
"""Shorter values are not searched for: `1` or `no` would blacken the whole report."""

_SECRET_NAME = re.compile(r"^SECRET_|TOKEN|PASSWORD|PASSWD|SECRET|CREDENTIAL|PRIVATE|API_?KEY", re.IGNORECASE)
_PAIRS = ("-i", "--input", "--label")
_USER_IN_URL = re.compile(r"(?<=://)[^/@\s]+(?=@)")


def bug_report(error: BaseException, arguments: Sequence[str], environ: Mapping[str, str] = os.environ) -> str:
    """Version, Python, platform, the command line and the traceback, with everything masked that may be secret."""
    argv = list(masked(arguments))
    hidden = {*secret_values(environ), *_cut_out(arguments, argv)}
    told = "".join(traceback.format_exception(error)).rstrip()
    for value in sorted(hidden, key=len, reverse=True):
        told = told.replace(value, HIDDEN)
    return "\n".join(
        (
            f"penstock {__version__}",
            f"python   {platform.python_version()} ({sys.executable})",
            f"platform {platform.platform()}",
            f"argv     penstock {' '.join(argv)}".rstrip(),
            "",
            _USER_IN_URL.sub(HIDDEN, told),
        )
    )


def masked(arguments: Sequence[str]) -> Iterator[str]:
    """The arguments without the values of inputs and of options that sound secret, and without users in URLs."""
    hide_next = ""
    for argument in arguments:
        if hide_next:
            yield _without_value(argument) if hide_next == "pair" else HIDDEN
            hide_next = ""
            continue
        name, equals, value = argument.partition("=")
        if name in _PAIRS:
            hide_next = "" if equals else "pair"
            yield f"{name}={_without_value(value)}" if equals else argument
        elif name.startswith("-i") and not name.startswith("--") and equals:
            yield f"{name}={HIDDEN}"
        elif name.startswith("--") and _SECRET_NAME.search(name.replace("-", "_")):
            hide_next = "" if equals else "whole"
            yield f"{name}={HIDDEN}" if equals else argument
        else:
            yield _USER_IN_URL.sub(HIDDEN, argument)


def keep(text: str) -> Path | None:
    """Write a report to a file of its own in the folder for temporary files; None where even that cannot be done."""
    try:
        number, name = tempfile.mkstemp(prefix="penstock-bug-", suffix=".txt")
        with os.fdopen(number, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text + "\n")
    except OSError:
        return None
    return Path(name)


def secret_values(environ: Mapping[str, str]) -> Iterator[str]:
    """The values of variables whose names sound secret, and what is in those that are Base64 for a flow's secrets."""
    for name, value in environ.items():
        if len(value) < _SHORTEST or not _SECRET_NAME.search(name):
            continue
        yield value
        if name.startswith("SECRET_"):
            try:
                clear = base64.b64decode(value, validate=True).decode()
            except (binascii.Error, UnicodeDecodeError):
                continue
            if len(clear) >= _SHORTEST:
                yield clear


def _without_value(pair: str) -> str:
    key, equals, _ = pair.partition("=")
    return f"{key}={HIDDEN}" if equals else key


def _cut_out(arguments: Sequence[str], argv: Sequence[str]) -> Iterator[str]:
    """What was masked in the arguments: it may stand in the traceback again."""
    for before, after in zip(arguments, argv, strict=True):
        if before == after:
            continue
        for value in (before, before.rpartition("=")[2], before.partition("=")[2]):
            if len(value) >= _SHORTEST:
                yield value
