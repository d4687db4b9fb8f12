"""io.kestra.plugin.core.http.Download: the body of one answer, kept as a file of the execution."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import unquote, urlsplit

from penstock.flow.model import Level
from penstock.ports.http import Incoming
from penstock.ports.runner import Halt
from penstock.ports.storage import plain_name
from penstock.tasks.base import Context, Result, TaskFailed, TaskStopped, TaskType
from penstock.tasks.http import is_taken, refuse_later, request_of
from penstock.tasks.http_models import DownloadProperties, Options

MOST_DOWNLOADED = 16 * 1024**3
"""The longest file (bytes), where `options.maxContentLength` says nothing."""

_BUFFER = 1024 * 1024
_UNNAMED = "download"
_NAMED = re.compile(r"""filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))""", re.IGNORECASE)
_ENCODED = re.compile(r"filename\*\s*=\s*([\w-]+)'[^']*'([^;\s]+)", re.IGNORECASE)


class HttpDownload(TaskType):
    """Keeps the body of an answer as a file. It is streamed: no more of it is in memory than a piece."""

    type = "io.kestra.plugin.core.http.Download"
    properties = DownloadProperties

    def run(self, properties: DownloadProperties, context: Context) -> Result:
        options = properties.options or Options.model_validate({})
        refuse_later(properties, options)
        request = request_of(properties, options, context)
        if options.max_content_length is None:
            request = replace(request, max_content=MOST_DOWNLOADED)
        with context.http.stream(request) as answer:
            outputs = {"code": answer.status, "headers": {name: list(all_) for name, all_ in answer.headers.items()}}
            shown = f"{request.method} {answer.url}"
            if not is_taken(properties, options, answer.status):
                raise TaskFailed(f"{shown}: the answer has status {answer.status}", outputs=outputs)
            body = _Heard(answer, context.halt)
            digest = context.files.put(io.BufferedReader(body, _BUFFER))
        if answer.length is not None and answer.length != body.count:
            raise TaskFailed(f"{shown}: Invalid size, got {body.count}, expected {answer.length}", outputs=outputs)
        if body.count == 0:
            if properties.fail_on_empty_response and not (properties.allow_failed or options.allow_failed):
                raise TaskFailed(f"{shown}: No response from server", outputs=outputs)
            context.log(Level.WARN, f"File '{answer.url}' is empty")
        uri = context.uri(file_name(properties.save_as, answer.headers, answer.url))
        context.files.name(uri, digest)
        context.log(Level.DEBUG, f"File '{answer.url}' downloaded with size '{body.count}'")
        return Result({"uri": uri, "length": body.count, **outputs})


def file_name(wanted: str | None, headers: Mapping[str, tuple[str, ...]], url: str) -> str:
    """What the file is called: as it is wished, else as the answer says, else as the URL's path ends."""
    candidates = [wanted, *map(_disposed, headers.get("content-disposition", ())), unquote(urlsplit(url).path)]
    for candidate in candidates:
        if name := plain_name(candidate or ""):
            return name
    return _UNNAMED


def _disposed(header: str) -> str | None:
    """The name in a Content-Disposition, the encoded one first (RFC 6266)."""
    if found := _ENCODED.search(header):
        try:
            return unquote(found[2], encoding=found[1], errors="replace")
        except LookupError:
            return unquote(found[2], errors="replace")
    if found := _NAMED.search(header):
        return re.sub(r"\\(.)", r"\1", found[1]) if found[1] is not None else found[2]
    return None


class _Heard(io.RawIOBase):
    """The body of an answer, counted, and no longer read once the attempt is to stop."""

    def __init__(self, answer: Incoming, halt: Halt) -> None:
        self._body = answer.body
        self._halt = halt
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        if self._halt.requested:
            raise TaskStopped
        piece = self._body.read(len(buffer))
        buffer[: len(piece)] = piece
        self.count += len(piece)
        return len(piece)
