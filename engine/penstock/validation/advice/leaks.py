"""Secrets that a flow writes into its own log."""

from __future__ import annotations

import re
from collections.abc import Iterator

from penstock.diagnostic import Severity
from penstock.flow.rules.declared import declared_leaves
from penstock.flow.rules.templates import Written, templates
from penstock.flow.survey import Survey
from penstock.validation.advice.scalars import vocabulary

_CORE = "io.kestra.plugin.core."
_LOGGED = {
    _CORE + "log.Log": "message",
    _CORE + "debug.Return": "format",
    _CORE + "debug.Echo": "format",
    _CORE + "execution.Fail": "errorMessage",
}
_COMMANDS = frozenset({"commands", "beforeCommands", "script"})
_PRINTS = (
    r"(?:^|[;&|(]|\bthen\b|\bdo\b)\s*(?:echo|printf|Write-Output|Write-Host|print|println|puts|console\.(?:log|error)|"
    r"logger?\.\w+|logging\.\w+|cat\s*<<)\b[^;|>]*$"
)
"""A command that writes into the log, up to where the secret stands: without a pipe or a file behind it."""
_SENT_ELSEWHERE = r"[^;\n]*?(?:\||>)"


def no_secrets_in_logs(survey: Survey) -> None:
    """PEN606: what a secret is stays out of messages: masks are for accidents."""
    words = survey.once(vocabulary).text
    if "secret(" not in words and "SECRET" not in words:
        return
    declared = declared_leaves(survey)
    sealed = {
        tuple(one.name.split(".")) for one in declared if one.raw.get("type") == "SECRET" and one.name is not None
    }
    for written in survey.once(templates):
        if written.site is None or survey.is_faulty(written.path):
            continue
        for offset, width, what in _secrets(written, sealed):
            if _is_logged(written, offset):
                survey.report(
                    "PEN606", f"{what} is written into the log", written.path, severity=Severity.WARNING,
                    where=written.range(survey.document, offset, width),
                )  # fmt: skip


def _secrets(written: Written, sealed: set[tuple[str, ...]]) -> Iterator[tuple[int, int, str]]:
    """Where a template prints a secret: offset, width, and what it is."""
    text = written.text
    for match in re.finditer(r"\bsecret\(", text):
        at = match.start()
        if text.rfind("{{", 0, at) > max(text.rfind("}}", 0, at), text.rfind("{%", 0, at)):
            end = text.find(")", at)
            yield at, (end + 1 if end >= 0 else match.end()) - at, "a secret"
    for start, piece in written.pieces if sealed else ():
        for path in piece.paths:
            name = next((one for one in sealed if path.parts[1 : len(one) + 1] == one), None)
            if path.parts[0] == "inputs" and name is not None:
                yield start + path.offset, path.width, f"the secret input `{'.'.join(name)}`"


def _is_logged(written: Written, offset: int) -> bool:
    site = written.site
    assert site is not None
    name = written.path[len(site.path)]
    if _LOGGED.get(site.type) == name:
        return True
    if name not in _COMMANDS:
        return False
    text = written.text
    line = text[text.rfind("\n", 0, offset) + 1 : offset]
    if re.search(_PRINTS, line) is None:
        return False
    end = text.find("}}", offset)
    return re.match(_SENT_ELSEWHERE, text[end + 2 if end >= 0 else offset :]) is None
