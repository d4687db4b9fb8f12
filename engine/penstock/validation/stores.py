"""What a flow reads from the stores of its namespace, files and KV, and what it puts there itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from penstock.flow.rules.templates import Written, is_disabled, mapping_of, templates
from penstock.flow.survey import Survey
from penstock.validation.facts import Kept, Stored

_CORE = "io.kestra.plugin.core."
_GET, _SET = _CORE + "kv.Get", _CORE + "kv.Set"
_UPLOADS = frozenset({_CORE + "namespace.UploadFiles"})
_SYNCS = tuple(f"io.kestra.plugin.git.{name}" for name in ("Sync", "TenantSync", "NamespaceSync"))
_URI = re.compile(r"nsfile://(?P<namespace>[A-Za-z0-9._-]*)/(?P<path>[^\s\"'`{}|<>,;)\]]+)")
_GLOB = frozenset("*?[{")


def files_read(survey: Survey, own: str) -> Iterator[Stored]:
    """Files that are named in the text: `read('…')`, `nsfile:///…`, `namespaceFiles.include`."""
    for namespace, name, offset, width, written in _called(survey, own, "read", "path"):
        if not name.startswith(("kestra://", "file://", "nsfile://")):
            yield Stored(namespace, _plain(name), written.range(survey.document, offset, width))
    text = survey.document.text
    for match in _URI.finditer(text) if "nsfile://" in text else ():
        start = text.rfind("\n", 0, match.start()) + 1
        if not text[start : match.start()].lstrip().startswith("#"):
            at = survey.document.span(*match.span())
            yield Stored(match["namespace"] or own, _plain(match["path"]), at)
    for site in survey.tasks:
        files = mapping_of(site.raw.get("namespaceFiles"))
        include = files.get("include")
        if not isinstance(include, list) or files.get("enabled") is False or "namespaces" in files or is_disabled(site):
            continue
        for number, included in enumerate(include):
            if isinstance(included, str) and not _GLOB & set(included):
                place = survey.where((*site.path, "namespaceFiles", "include", number))
                yield Stored(own, _plain(included), place)


def files_kept(survey: Survey, own: str) -> Iterator[Kept]:
    """Whoever uploads files may provide any file of that namespace."""
    for site in survey.tasks:
        if site.type in _UPLOADS or site.type.startswith(_SYNCS):
            yield Kept(_literal(site.raw.get("namespace"), own), None)


def keys_read(survey: Survey, own: str) -> Iterator[Stored]:
    """Keys that are named in the text: `kv('…')`, and tasks that get one."""
    for namespace, name, offset, width, written in _called(survey, own, "kv", "key"):
        yield Stored(namespace, name, written.range(survey.document, offset, width))
    for site in survey.tasks:
        if site.type != _GET or is_disabled(site) or site.raw.get("errorOnMissing") is False:
            continue
        place, key = _literal(site.raw.get("namespace"), own), site.raw.get("key")
        if place is not None and isinstance(key, str) and "{" not in key:
            yield Stored(place, key, survey.where((*site.path, "key")))


def keys_kept(survey: Survey, own: str) -> Iterator[Kept]:
    """Keys that tasks set; None where only the run knows which."""
    for site in survey.tasks:
        if site.type == _SET:
            key = site.raw.get("key")
            name = key if isinstance(key, str) and "{" not in key else None
            yield Kept(_literal(site.raw.get("namespace"), own), name)


def _called(survey: Survey, own: str, function: str, parameter: str) -> Iterator[tuple[str, str, int, int, Written]]:
    """Calls of a function with a constant: the namespace, the constant, and where the name of the function stands."""
    text = survey.document.text
    if f"{function}(" not in text and f"{function} (" not in text:
        return
    for written in survey.once(templates):
        for start, piece in written.pieces:
            for call in piece.calls:
                if call.kind != "function" or call.name != function:
                    continue
                arguments = dict(call.arguments)
                name, namespace = arguments.get(parameter), arguments.get("namespace", own)
                if arguments.get("errorOnMissing") is False or not isinstance(name, str):
                    continue
                if isinstance(namespace, str):
                    yield namespace, name, start + call.offset, call.width, written


def _literal(value: Any, own: str) -> str | None:
    """A namespace that is written down, this one where none is; None where only the run knows."""
    if value is None or (isinstance(value, str) and re.fullmatch(r"\{\{\s*flow\.namespace\s*\}\}", value.strip())):
        return own
    return value if isinstance(value, str) and "{" not in value else None


def _plain(path: str) -> str:
    return path.strip().removeprefix("./").lstrip("/")
