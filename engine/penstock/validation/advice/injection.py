"""What a starter of the flow may write into its commands and programs."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from penstock.diagnostic import Severity
from penstock.flow.rules.declared import declared_leaves
from penstock.flow.rules.templates import Written, templates
from penstock.flow.survey import Site, Survey

if TYPE_CHECKING:  # only for speed: a flow without expressions is judged without their package
    from penstock.expression import Path as ReadPath

_SHELL = frozenset({"commands", "beforeCommands", "afterCommands", "command"})
_PROGRAM = frozenset({"script"})
_SCRIPTS = "io.kestra.plugin.scripts."
_SHELL_SCRIPTS = frozenset({"io.kestra.plugin.scripts.shell.Script", "io.kestra.plugin.scripts.powershell.Script"})
_HARMLESS_TYPES = frozenset(
    {"INT", "FLOAT", "BOOL", "BOOLEAN", "DATE", "DATETIME", "TIME", "DURATION", "FILE", "SELECT", "ENUM", "MULTISELECT"}
)
"""What they are is a number, a moment, a file of ours, or one of the values that the flow lists."""

_HARMLESS_FILTERS = frozenset(
    {
        "escapeChar", "slugify", "urlencode", "number", "numberFormat", "abs", "length", "sha1", "sha256", "sha512",
        "md5", "base64encode", "date", "timestamp", "timestampMilli", "timestampMicro", "timestampNano",
    }
)  # fmt: skip
_OUTSIDE = frozenset({"inputs", "trigger", "labels"})
_FROM_OUTSIDE = frozenset({"body", "headers", "parameters"})
_COMPARED = r"\s*(?:==|!=|<|>|\?(?![?.])|is\b|contains\b|in\b|and\b|or\b)"
_LOOSE = r"(?<!\\)(?:\\\\)*\.|\\[SWD]|\[\^"
"""What lets a pattern take almost any character."""


def no_inputs_in_commands(survey: Survey) -> None:
    """PEN604: what the starter of a flow gives is handed to a program as data, and never becomes part of its text."""
    harmless = survey.once(_harmless_inputs)
    for written in survey.once(templates):
        site, name = written.site, _property(written)
        if site is None or name is None:
            continue
        for start, path in _read_from_outside(written, harmless):
            if survey.is_faulty(written.path):
                continue
            is_shell = name in _SHELL or site.type in _SHELL_SCRIPTS or not site.type.startswith(_SCRIPTS)
            what = "the command" if is_shell else "the program"
            survey.report(
                "PEN604", f"`{_name(path)}` becomes part of {what}: whoever gives it may write code there",
                written.path, where=written.range(survey.document, start + path.offset, path.width),
                severity=Severity.WARNING, hint=_hint(site, path, is_shell=is_shell),
            )  # fmt: skip


def _property(written: Written) -> str | None:
    """The property of commands or of a program that a text belongs to."""
    site = written.site
    if site is None:
        return None
    name = written.path[len(site.path)]
    if name in _SHELL or (name in _PROGRAM and _SCRIPTS in site.type):
        is_text = site.group == "task" and written.rendered is not False and not written.is_key
        return str(name) if is_text else None
    return None


def _read_from_outside(written: Written, harmless: Collection[str]) -> Iterator[tuple[int, ReadPath]]:
    """The paths to what a starter gives and may hold code, where their value is written; with their pieces' offsets."""
    for start, piece in written.pieces:
        for path in piece.paths:
            first = path.parts[0]
            if first not in _OUTSIDE or _is_harmless_path(path, harmless):
                continue
            if _is_printed(written.text, start, path) and not _is_tamed(written.text, start, path):
                yield start, path


def _is_harmless_path(path: ReadPath, harmless: Collection[str]) -> bool:
    parts = path.parts
    match parts[0]:
        case "inputs":
            return (len(parts) == 2 and parts[1] in harmless) or (len(parts) > 2 and _input(path) in harmless)
        case "trigger":
            return len(parts) < 2 or parts[1] not in _FROM_OUTSIDE
    return len(parts) < 2


def _is_printed(text: str, start: int, path: ReadPath) -> bool:
    """Whether a value is written at this place, rather than asked about."""
    at = start + path.offset
    if text.rfind("{%", 0, at) > text.rfind("{{", 0, at):
        return False
    return re.match(_COMPARED, text[at + path.width :]) is None


def _is_tamed(text: str, start: int, path: ReadPath) -> bool:
    """Whether a filter behind it leaves nothing that a shell would act upon."""
    at = start + path.offset
    end = text.find("}}", at)
    tag = text[text.rfind("{{", 0, at) : end + 2] if end >= 0 else ""
    if "|" not in tag:
        return False
    from penstock.expression import ExpressionError, reads

    try:
        return not _HARMLESS_FILTERS.isdisjoint(reads(tag).filters)
    except ExpressionError:
        return False


def _harmless_inputs(survey: Survey) -> frozenset[str]:
    """The names of the declared inputs no value of which can hold code."""
    found = declared_leaves(survey)
    return frozenset(leaf.name for leaf in found if leaf.name is not None and _is_harmless(leaf.raw))


def _is_harmless(raw: Mapping[str, Any]) -> bool:
    kind = raw.get("itemType") if raw.get("type") == "ARRAY" else raw.get("type")
    if kind == "STRING" and isinstance(raw.get("validator"), str):
        return re.search(_LOOSE, raw["validator"]) is None
    is_listed = raw.get("allowCustomValue") is not True and not isinstance(raw.get("expression"), str)
    return isinstance(kind, str) and kind in _HARMLESS_TYPES and is_listed


def _input(path: ReadPath) -> str:
    """The name of the input that a path reads, as declared: a dot in it separates mappings."""
    return ".".join(str(part) for part in path.parts[1:] if isinstance(part, str))


def _name(path: ReadPath) -> str:
    return ".".join(str(part) if part is not None else "…" for part in path.parts)


def _hint(site: Site, path: ReadPath, *, is_shell: bool) -> str:
    last = next((part for part in reversed(path.parts) if isinstance(part, str)), "value")
    variable = re.sub(r"\W", "_", last).upper()
    if is_shell:
        read = f'"${variable}"'
    elif ".python." in site.type:
        read = f'os.environ["{variable}"]'
    elif ".node." in site.type or ".deno." in site.type or ".bun." in site.type:
        read = f"process.env.{variable}"
    elif ".ruby." in site.type:
        read = f'ENV["{variable}"]'
    elif ".r." in site.type:
        read = f'Sys.getenv("{variable}")'
    else:
        read = f"the variable {variable}"
    return f"hand it over in `env:` as {variable}, and write {read}"
