"""A real yaml-language-server, spoken to by hand: what an editor would ask, and what it is told."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

WITHIN_S = 30.0
_CAPABILITIES = {
    "workspace": {"configuration": True},
    "textDocument": {
        "completion": {"completionItem": {"snippetSupport": True, "documentationFormat": ["markdown", "plaintext"]}},
        "hover": {"contentFormat": ["markdown", "plaintext"]},
    },
}


class LanguageServer:
    """One server over its standard streams. `schema` is the file that every document is held against."""

    def __init__(self, program: Path, schema: Path) -> None:
        self._settings = {
            "yaml": {
                "schemas": {schema.as_uri(): "*.yaml"}, "schemaStore": {"enable": False}, "validate": True,
                "hover": True, "completion": True,
            },
            "redhat": {"telemetry": {"enabled": False}},
        }  # fmt: skip
        self._process = subprocess.Popen(
            ["node", str(program), "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._news = threading.Condition()
        self._answers: dict[int, Any] = {}
        self._found: dict[str, list[Any]] = {}
        self._asked = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._ask("initialize", {"processId": None, "rootUri": None, "capabilities": _CAPABILITIES})
        self._tell("initialized", {})
        self._tell("workspace/didChangeConfiguration", {"settings": self._settings})

    def close(self) -> None:
        self._ask("shutdown", None)
        self._tell("exit", None)
        self._process.wait(WITHIN_S)
        self._reader.join(WITHIN_S)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def open(self, name: str, text: str) -> None:
        """Show a document as an editor does."""
        document = {"uri": _uri(name), "languageId": "yaml", "version": 1, "text": text}
        self._tell("textDocument/didOpen", {"textDocument": document})

    def findings(self, name: str) -> list[Any]:
        """The diagnostics of a document that is open."""
        return self._wait(lambda: self._found.get(_uri(name)), f"no diagnostics of {name}")

    def completions(self, name: str, text: str, after: str) -> dict[str, Any]:
        """What may stand behind `after`, by its label."""
        answer = self._ask("textDocument/completion", _place(name, text, after))
        return {item["label"]: item for item in answer["items"]}

    def hover(self, name: str, text: str, over: str) -> str:
        """What is told of the last character of `over`."""
        place = _place(name, text, over)
        place["position"]["character"] -= 1
        answer = self._ask("textDocument/hover", place)
        return str(answer["contents"]["value"]) if answer else ""

    def _ask(self, method: str, params: Any) -> Any:
        self._asked += 1
        number = self._asked
        self._send({"id": number, "method": method, "params": params})
        return self._wait(lambda: self._answers.get(number), f"no answer to {method}")["result"]

    def _wait(self, look: Callable[[], T | None], otherwise: str) -> T:
        with self._news:
            assert self._news.wait_for(lambda: look() is not None, WITHIN_S), otherwise
            found = look()
            assert found is not None
            return found

    def _tell(self, method: str, params: Any) -> None:
        self._send({"method": method, "params": params})

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self._process.stdin.flush()

    def _read(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        while head := stream.readline():
            size = 0
            while head.strip():
                name, _, value = head.partition(b":")
                size = int(value) if name.lower() == b"content-length" else size
                head = stream.readline()
            self._take(json.loads(stream.read(size)))

    def _take(self, message: dict[str, Any]) -> None:
        method, number = message.get("method"), message.get("id")
        if method == "workspace/configuration":
            sections = [item.get("section", "") for item in message["params"]["items"]]
            self._send({"id": number, "result": [self._settings.get(section) for section in sections]})
        elif method is not None and number is not None:
            self._send({"id": number, "result": None})
        with self._news:
            if method == "textDocument/publishDiagnostics":
                self._found[message["params"]["uri"]] = message["params"]["diagnostics"]
            elif method is None and number is not None:
                self._answers[number] = message
            self._news.notify_all()


def _uri(name: str) -> str:
    return f"file:///flows/{name}"


def _place(name: str, text: str, after: str) -> dict[str, Any]:
    end = text.index(after) + len(after)
    line = text.count("\n", 0, end)
    position = {"line": line, "character": end - (text.rfind("\n", 0, end) + 1)}
    return {"textDocument": {"uri": _uri(name)}, "position": position}
