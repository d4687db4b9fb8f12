"""The double: flows and namespace files in memory over real HTTP, strict as the server is, failing on demand.

Made after Kestra's FlowController, NamespaceFileController and MiscController (kestra-io/kestra, 1.x and 2.0, 2026).
"""

from __future__ import annotations

import io
import json
import re
import threading
import zipfile
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

BINARY = "application/octet-stream"


@dataclass(frozen=True)
class Asked:
    """A request as it came; `path` without the beginning that names the tenant."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes

    @property
    def line(self) -> str:
        return f"{self.method} {self.path}"

    def text(self, name: str, otherwise: str = "") -> str:
        return self.query.get(name, [otherwise])[0]

    @property
    def is_write(self) -> bool:
        return self.method != "GET"


@dataclass
class Flow:
    source: str
    revision: int = 1


Answer = tuple[int, Any]


@dataclass(frozen=True)
class Fault:
    """The call with the number `at` (from one, reads and the probe included) goes wrong, `times` times in a row.

    `status` 0 breaks the connection off. `is_after` has the deed done and its answer lost. `body` is what comes as the
    answer, in place of a message; `retry_after` is a header of it.
    """

    at: int
    status: int = 400
    times: int = 1
    is_after: bool = False
    message: str = "it was told to fail"
    body: bytes | None = None
    retry_after: str | None = None
    of_writes: bool = False
    """Whether only writes are counted."""


@dataclass
class KestraApi:
    """What it holds, who may ask, what it was asked, and which of the calls goes wrong."""

    version: str = "1.1.0"
    tenant: str | None = "main"
    user: tuple[str, str] | None = None
    token: str | None = None
    is_forbidden: bool = False
    url: str = ""
    fault: Fault | None = None
    flows: dict[tuple[str, str], Flow] = field(default_factory=dict)
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    keys: dict[tuple[str, str], Any] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    """Ids of flows that the server calls invalid."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def put(self, source: str) -> None:
        """A flow that is there already."""
        data = yaml.safe_load(source)
        self.flows[data["namespace"], data["id"]] = Flow(source)

    def sources(self) -> dict[str, str]:
        return {f"{namespace}/{id_}": flow.source for (namespace, id_), flow in sorted(self.flows.items())}

    @property
    def writes(self) -> list[str]:
        return [one.line for one in self.asked if one.is_write]

    def answer(self, asked: Asked) -> Answer | None:
        """None breaks the connection off."""
        with self._lock:
            self.asked.append(asked)
            fault = self.fault
            if fault is None or not self._is_hit(fault, asked):
                return self._done(asked)
            if fault.is_after:
                self._done(asked)
            if not fault.status:
                return None
            return fault.status, fault.body if fault.body is not None else {"message": fault.message}

    def _is_hit(self, fault: Fault, asked: Asked) -> bool:
        if fault.of_writes and not asked.is_write:
            return False
        number = len(self.writes) if fault.of_writes else len(self.asked)
        return fault.at <= number < fault.at + fault.times

    @property
    def headers(self) -> Mapping[str, str]:
        """Of an answer that went wrong."""
        wanted = self.fault.retry_after if self.fault is not None else None
        return {"Retry-After": wanted} if wanted is not None else {}

    def _done(self, asked: Asked) -> Answer:
        if asked.path == "configs":  # it needs no credentials: the page that asks for them reads it
            return 200, {"version": self.version, "edition": "OSS"}
        if not self._is_known(asked.headers.get("Authorization", "")):
            return 401, {"message": "Unauthorized"}
        if self.is_forbidden:
            return 403, {"message": "Forbidden"}
        for pattern, method, function in _ROUTES:
            found = re.fullmatch(pattern, asked.path)
            if found and method == asked.method:
                return function(self, asked, *map(unquote, found.groups()))
        return 404, {"message": "Page Not Found"}

    def _is_known(self, who: str) -> bool:
        if self.token is not None:
            return who == f"Bearer {self.token}"
        if self.user is not None:
            return who == "Basic " + b64encode(":".join(self.user).encode()).decode()
        return True

    def _read(self, source: str) -> tuple[tuple[str, str], str | None]:
        """The flow's name, and why it is invalid."""
        try:
            data = yaml.safe_load(source)
        except yaml.YAMLError as error:
            return ("", ""), f"Illegal flow source: {error}"
        if not isinstance(data, dict) or not data.get("id") or not data.get("namespace") or not data.get("tasks"):
            return ("", ""), "Invalid entity: id, namespace and tasks must not be empty"
        if any(str(label).startswith("system.") for label in data.get("labels") or ()):
            return ("", ""), "Invalid entity: system labels can only be set by Kestra itself"
        key = (data["namespace"], data["id"])
        return key, "Invalid entity: it was told to be" if data["id"] in self.refused else None

    def create_flow(self, asked: Asked) -> Answer:
        if asked.headers.get("Content-Type") != "application/x-yaml":
            return 415, {"message": "Unsupported Media Type"}
        source = asked.body.decode()
        key, wrong = self._read(source)
        if wrong:
            return 422, {"message": wrong}
        if key in self.flows:
            return 422, {"message": "Invalid entity: flow.id: Flow id already exists"}
        self.flows[key] = Flow(source)
        return self._shown(key)

    def update_flow(self, asked: Asked, namespace: str, id_: str) -> Answer:
        if asked.headers.get("Content-Type") != "application/x-yaml":
            return 415, {"message": "Unsupported Media Type"}
        if (namespace, id_) not in self.flows:
            return 404, {"message": "Not Found"}
        source = asked.body.decode()
        key, wrong = self._read(source)
        if wrong or key != (namespace, id_):
            return 422, {"message": wrong or "Invalid entity: flow.id: Illegal flow id update"}
        flow = self.flows[key]
        if flow.source != source:
            flow.source, flow.revision = source, flow.revision + 1
        return self._shown(key)

    def show_flow(self, _: Asked, namespace: str, id_: str) -> Answer:
        return self._shown((namespace, id_)) if (namespace, id_) in self.flows else (404, {"message": "Not Found"})

    def _shown(self, key: tuple[str, str]) -> Answer:
        flow = self.flows[key]
        return 200, {"namespace": key[0], "id": key[1], "revision": flow.revision, "source": flow.source}

    def delete_flow(self, _: Asked, namespace: str, id_: str) -> Answer:
        if self.flows.pop((namespace, id_), None) is None:
            return 404, {"message": "Not Found"}
        return 204, None

    def list_flows(self, _: Asked, namespace: str) -> Answer:
        return 200, [self._shown(key)[1] for key in sorted(self.flows) if key[0] == namespace]

    def search_flows(self, asked: Asked) -> Answer:
        size, page = int(asked.text("size", "10")), int(asked.text("page", "1"))
        keys = sorted(self.flows)
        found = [{"namespace": one[0], "id": one[1]} for one in keys[size * (page - 1) : size * page]]
        return 200, {"results": found, "total": len(keys)}

    def export_flows(self, _: Asked) -> Answer:
        files = {f"{key[0]}-{key[1]}.yml": flow.source.encode() for key, flow in sorted(self.flows.items())}
        if len(files) < len(self.flows):
            return 500, {"message": "Internal Server Error: duplicate entry"}
        return 200, _zipped(files)

    def list_namespaces(self, _: Asked) -> Answer:
        return 200, sorted({namespace for namespace, _ in self.flows})

    def update_namespace(self, asked: Asked, namespace: str) -> Answer:
        return self._bulk(asked, asked.text("delete", "true" if self.version.startswith("0.") else "false"), namespace)

    def update_bulk(self, asked: Asked) -> Answer:
        with_children = asked.text("allowNamespaceChild") == "true"
        return self._bulk(asked, asked.text("delete", "true"), asked.text("namespace") or None, with_children)

    def _bulk(self, asked: Asked, delete: str, namespace: str | None, with_children: bool = False) -> Answer:
        sources = [one for one in re.split(r"\n+---\n*?", asked.body.decode().strip()) if one]
        read = [self._read(source) for source in sources]
        wrong = [fault for _, fault in read if fault]
        lead = f"{namespace}." if with_children else "\0"
        elsewhere = [
            key for key, _ in read if namespace is not None and key[0] != namespace and not key[0].startswith(lead)
        ]
        if wrong or elsewhere:
            return 422, {"message": wrong[0] if wrong else "Invalid entity: flow.namespace: must be of the namespace"}
        keys = [key for key, _ in read]
        for key, source in zip(keys, sources, strict=True):
            self.flows[key] = Flow(source)
        if delete == "true":
            for key in [one for one in self.flows if one not in keys and namespace in (None, one[0])]:
                del self.flows[key]
        return 200, [self._shown(key)[1] for key in keys]

    def validate_flows(self, asked: Asked) -> Answer:
        sources = re.split(r"\n+---\n*?", asked.body.decode().strip())
        found = []
        for index, source in enumerate(sources):
            key, wrong = self._read(source)
            found.append({"index": index, "namespace": key[0], "flow": key[1], "constraints": wrong})
        return 200, found

    def export_files(self, _: Asked, namespace: str) -> Answer:
        return 200, _zipped(self.files.get(namespace, {}))

    def search_files(self, asked: Asked, namespace: str) -> Answer:
        return 200, ["/" + path for path in sorted(self.files.get(namespace, {})) if asked.text("q") in path]

    def show_file(self, asked: Asked, namespace: str) -> Answer:
        content = self.files.get(namespace, {}).get(asked.text("path").lstrip("/"))
        return (404, {"message": "File not found"}) if content is None else (200, content)

    def create_file(self, asked: Asked, namespace: str) -> Answer:
        path = asked.text("path")
        if not path.startswith("/") or path.startswith("/_flows"):
            return 422, {"message": f"Illegal argument: Forbidden path: {path}"}
        head = f"Content-Type: {asked.headers['Content-Type']}\r\n\r\n".encode()
        form = BytesParser(policy=HTTP).parsebytes(head + asked.body)
        for part in form.iter_parts():
            name, content = part.get_filename() or "", part.get_payload(decode=True)
            assert isinstance(content, bytes)
            if part.get_param("name", header="content-disposition") != "fileContent":
                continue
            held = self.files.setdefault(namespace, {})
            if name.lower().endswith(".zip"):
                with zipfile.ZipFile(io.BytesIO(content)) as archive:
                    held.update({entry: archive.read(entry) for entry in archive.namelist()})
            else:
                held[path.lstrip("/")] = content
            return 200, None
        return 400, {"message": "Required Part [fileContent] not specified"}

    def delete_file(self, asked: Asked, namespace: str) -> Answer:
        if asked.text("path").endswith("/"):
            lead, held = asked.text("path").lstrip("/"), self.files.get(namespace, {})
            self.files[namespace] = {path: content for path, content in held.items() if not path.startswith(lead)}
            return 204, None
        if self.files.get(namespace, {}).pop(asked.text("path").lstrip("/"), None) is None:
            return 404, {"message": "File not found"}
        return 204, None

    def put_key(self, asked: Asked, namespace: str, key: str) -> Answer:
        try:
            self.keys[namespace, key] = json.loads(asked.body)
        except ValueError:
            return 422, {"message": "Invalid entity: the value is no JSON"}
        return 200, None

    def show_key(self, _: Asked, namespace: str, key: str) -> Answer:
        if (namespace, key) not in self.keys:
            return 404, {"message": f"Not Found: No value found for key '{key}'"}
        value = self.keys[namespace, key]
        kinds = {bool: "BOOLEAN", int: "NUMBER", float: "NUMBER", str: "STRING"}
        return 200, {"type": kinds.get(type(value), "JSON"), "value": value}

    def delete_key(self, _: Asked, namespace: str, key: str) -> Answer:
        return 200, self.keys.pop((namespace, key), None) is not None


_NAME = "([^/]+)"
_Route = tuple[str, str, Callable[..., Answer]]
_ROUTES: tuple[_Route, ...] = (
    ("flows", "POST", KestraApi.create_flow),
    ("flows/search", "GET", KestraApi.search_flows),
    ("flows/export/by-query", "GET", KestraApi.export_flows),
    ("flows/distinct-namespaces", "GET", KestraApi.list_namespaces),
    ("flows/validate", "POST", KestraApi.validate_flows),
    ("flows/bulk", "POST", KestraApi.update_bulk),
    (f"flows/{_NAME}", "GET", KestraApi.list_flows),
    (f"flows/{_NAME}", "POST", KestraApi.update_namespace),
    (f"flows/{_NAME}/{_NAME}", "GET", KestraApi.show_flow),
    (f"flows/{_NAME}/{_NAME}", "PUT", KestraApi.update_flow),
    (f"flows/{_NAME}/{_NAME}", "DELETE", KestraApi.delete_flow),
    (f"namespaces/{_NAME}/files/export", "GET", KestraApi.export_files),
    (f"namespaces/{_NAME}/files/search", "GET", KestraApi.search_files),
    (f"namespaces/{_NAME}/files", "GET", KestraApi.show_file),
    (f"namespaces/{_NAME}/files", "POST", KestraApi.create_file),
    (f"namespaces/{_NAME}/files", "DELETE", KestraApi.delete_file),
    (f"namespaces/{_NAME}/kv/{_NAME}", "GET", KestraApi.show_key),
    (f"namespaces/{_NAME}/kv/{_NAME}", "PUT", KestraApi.put_key),
    (f"namespaces/{_NAME}/kv/{_NAME}", "DELETE", KestraApi.delete_key),
)


def _zipped(files: Mapping[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


@contextmanager
def serving(api: KestraApi) -> Iterator[KestraApi]:
    """The double on loopback, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # a head and its body are two writes: the second would wait 40 ms

        def handle_any(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path = _within(parts.path, api.tenant)
            if path is None:
                self.reply(404, {"message": "Page Not Found"})
                return
            query = parse_qs(parts.query)
            answer = api.answer(Asked(self.command, path, query, dict(self.headers), body))
            if answer is None:
                self.close_connection = True
                return
            self.reply(*answer)

        def reply(self, status: int, content: Any) -> None:
            data = content if isinstance(content, bytes) else b"" if content is None else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", BINARY if isinstance(content, bytes) else "application/json")
            self.send_header("Content-Length", str(len(data)))
            for name, value in api.headers.items() if status >= 400 else ():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815 - the names of the base

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base
            """Nothing: a test asks `asked`."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    api.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def _within(path: str, tenant: str | None) -> str | None:
    """What comes behind the beginning that the API has for this tenant; None of another place."""
    rest = path.removeprefix("/api/v1/")
    if rest == path:
        return None
    if rest == "configs" or tenant is None:
        return rest
    return rest.removeprefix(f"{tenant}/") if rest.startswith(f"{tenant}/") else None
