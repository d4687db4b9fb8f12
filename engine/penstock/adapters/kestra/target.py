"""A Kestra-compatible server as a place that flows are deployed to."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from secrets import token_hex
from typing import Any
from urllib.parse import quote

from penstock.adapters.kestra.api import Api
from penstock.diagnostic import FlowName
from penstock.errors import Refused, UserError
from penstock.flow.reading.heading import name_in
from penstock.ports.http import Response
from penstock.ports.target import Target

YAML = "application/x-yaml"
_GONE, _FAILED = 404, 500
_THERE_ALREADY = (409, 422)
MOST_ENTRY_BYTES = 256 * 1024 * 1024


class KestraTarget(Target):
    """All flows come by one request, the export of everything, which knows no pages; so do the files of a namespace."""

    def __init__(self, api: Api) -> None:
        self._api = api

    @property
    def label(self) -> str:
        return self._api.url

    def flows(self) -> Mapping[FlowName, str]:
        answer = self._api.send("GET", "flows/export/by-query", accepted=(_FAILED,))
        if answer.status == _FAILED:
            return dict(self._one_by_one())
        found: dict[FlowName, str] = {}
        for _, content in _entries(answer.content):
            text = content.decode("utf-8", "replace")
            name = name_in(text)
            if name is not None:
                found[name] = text
        return found

    def _one_by_one(self) -> Iterator[tuple[FlowName, str]]:
        """Kestra names the files of its export `<namespace>-<id>.yml`, and fails where two flows come to one name."""
        for namespace in _data(self._api.get("flows/distinct-namespaces")):
            for flow in _data(self._api.get(f"flows/{_quoted(namespace)}")):
                name = FlowName(namespace, str(flow["id"]))
                source = flow.get("source")
                if source is None:
                    path = f"flows/{_quoted(namespace)}/{_quoted(name.id)}"
                    source = _data(self._api.get(path, {"source": "true"}))["source"]
                yield name, str(source)

    def put_flow(self, name: FlowName, text: str, *, is_new: bool) -> None:
        """What was seen may have changed meanwhile, and an answer may have been lost: so each falls back on the other.

        A server says 422 both of a flow that is there and of one that is wrong; the second way tells which it is.
        """
        content = text.encode("utf-8", "surrogatepass")
        path = f"flows/{_quoted(name.namespace)}/{_quoted(name.id)}"
        if is_new:
            made = self._api.send("POST", "flows", content=content, type_=YAML, accepted=_THERE_ALREADY)
            if made.status not in _THERE_ALREADY:
                _believe(made, name)
                return
        there = self._api.send("PUT", path, content=content, type_=YAML, accepted=(_GONE,))
        if there.status == _GONE:  # where it was to be new, the refusal was meant
            there = self._api.send("POST", "flows", content=content, type_=YAML)
        _believe(there, name)

    def delete_flow(self, name: FlowName) -> None:
        path = f"flows/{_quoted(name.namespace)}/{_quoted(name.id)}"
        self._api.send("DELETE", path, accepted=(_GONE,))

    def namespaces(self) -> Collection[str]:
        """None: namespaces of a server are those of its flows, which are known already."""
        return ()

    def files(self, namespace: str) -> Mapping[str, bytes]:
        path = f"namespaces/{_quoted(namespace)}/files/export"
        answer = self._api.send("GET", path, accepted=(_GONE,))
        return dict(_entries(answer.content)) if answer.status != _GONE else {}

    def put_file(self, namespace: str, path: str, content: bytes) -> None:
        if path.split("/")[0] == "_flows":
            raise Refused(f"Kestra takes what lies in `_flows` for flows: `{path}` cannot be a namespace file")
        body, type_ = _form(content)
        where = f"namespaces/{_quoted(namespace)}/files"
        self._api.send("POST", where, query={"path": f"/{path}"}, content=body, type_=type_)

    def delete_file(self, namespace: str, path: str) -> None:
        where = f"namespaces/{_quoted(namespace)}/files"
        self._api.send("DELETE", where, query={"path": f"/{path}"}, accepted=(_GONE,))


def _believe(answer: Response, name: FlowName) -> None:
    """A server answers with the flow that it has taken. Whatever else answers in its place has taken none."""
    flow = _data(answer)
    if not isinstance(flow, dict) or (flow.get("namespace"), flow.get("id")) != (name.namespace, name.id):
        raise Refused("the answer is not that of a Kestra server", help="what stands between here and the server?")


def _data(answer: Response) -> Any:
    try:
        return json.loads(answer.content)
    except ValueError:
        raise UserError("the answer is not that of a Kestra server", help="is this the URL of one?") from None


def _quoted(part: str) -> str:
    return quote(part, safe="")


def _form(content: bytes) -> tuple[bytes, str]:
    """A form with one file. Its name is not that of the file: an archive would be unpacked by its name."""
    boundary = f"penstock-{token_hex(16)}"
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="fileContent"; filename="content"\r\n'
    lines = head.encode() + b"Content-Type: application/octet-stream\r\n\r\n"
    return lines + content + f"\r\n--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def _entries(archive: bytes) -> Iterator[tuple[str, bytes]]:
    """The files of an archive. One that breaks off has none: half of what is there would be taken for all of it."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            left = MOST_ENTRY_BYTES
            for entry in opened.infolist():
                if entry.is_dir():
                    continue
                left -= entry.file_size
                if left < 0:
                    raise UserError(f"the server's export holds more than {MOST_ENTRY_BYTES} bytes")
                yield entry.filename, opened.read(entry)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise UserError("the server's export is no archive", help="is this the URL of a Kestra server?") from error
