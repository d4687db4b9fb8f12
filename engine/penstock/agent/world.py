"""What functions in expressions reach outside for, on behalf of one execution."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from io import SEEK_END
from itertools import islice
from typing import Any, BinaryIO

from penstock.agent.web import ask
from penstock.diagnostic import FlowName
from penstock.errors import NotFound, UserError
from penstock.execution.identity import random_id
from penstock.execution.model import Execution
from penstock.execution.sealed import unseal
from penstock.expression import WebAnswer, WebCall
from penstock.flow.model import Dialect, Flow, Level
from penstock.operations.transcript import entry, transcript
from penstock.ports.clock import Clock
from penstock.ports.files import SCHEME, Files
from penstock.ports.http import Http
from penstock.ports.kv import Kv
from penstock.ports.logs import Logs
from penstock.ports.namespace_files import NamespaceFiles
from penstock.ports.secrets import Mask, Secrets
from penstock.ports.storage import belongs, execution_files, namespace_file

MOST_ERRORS = 1_000
"""So many entries `errorLogs()` gives."""

MOST_READ = 10 * 1024 * 1024
"""`read()` gives at most so many bytes: what expressions hold is in memory."""


@dataclass(frozen=True, slots=True)
class World:
    """The world of `penstock.expression`, with its doors: secrets, keys, files, the network, logs, clock, chance.

    `open` opens what is sealed in the key-value store.
    """

    flow: Flow
    execution: Execution
    secrets: Secrets
    files: Files
    clock: Clock
    mask: Mask
    namespace_files: NamespaceFiles
    kvs: Kv
    http: Http
    logs: Logs
    open: Callable[[str], str]

    def secret(self, name: str, namespace: str | None, subkey: str | None) -> str:
        """The value, which is hidden everywhere from now on. With `subkey`, that field of the JSON it holds."""
        value = self.secrets.get(name, namespace=namespace or self.flow.namespace)
        self.mask.learn(value)
        if subkey is None:
            return value
        import json

        try:
            fields = json.loads(value)
            part = fields[subkey]
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"the secret '{name}' is no JSON object with a field '{subkey}'") from error
        text = part if isinstance(part, str) else json.dumps(part)
        self.mask.learn(text)
        return text

    def read(self, uri_or_path: str, namespace: str | None) -> str:
        """The text of a file of this execution or of the one that started it, or of a namespace. Raises UserError for a
        file of another execution."""
        found = self._namespace_file(uri_or_path, namespace)
        if found is not None:
            with self.namespace_files.open(*found) as file:
                return _text(file, uri_or_path)
        with self.files.open(self.files.resolve(self._own_file(uri_or_path))) as file:
            return _text(file, uri_or_path)

    def file_size(self, uri_or_path: str, namespace: str | None) -> int:
        found = self._namespace_file(uri_or_path, namespace)
        if found is None:
            return self.files.size(self._own_file(uri_or_path))
        with self.namespace_files.open(*found) as file:
            return file.seek(0, SEEK_END)

    def file_exists(self, uri_or_path: str, namespace: str | None) -> bool:
        try:
            self.file_size(uri_or_path, namespace)
        except NotFound:
            return False
        return True

    def file_is_empty(self, uri_or_path: str, namespace: str | None) -> bool:
        return self.file_size(uri_or_path, namespace) == 0

    def _namespace_file(self, uri_or_path: str, namespace: str | None) -> tuple[str, str] | None:
        """Namespace and path of a namespace file; None for a file of the storage."""
        home = namespace or self.flow.namespace
        found = namespace_file(uri_or_path, home)
        if found is None and not uri_or_path.startswith(SCHEME):
            found = home, uri_or_path.removeprefix("/")
        return found

    def _own_file(self, uri: str) -> str:
        """`uri`, if it is of this execution, of the first that it tries again, or of the one whose flow or end has
        started it (Kestra core, AbstractFileFunction: by `namespace`, `flowId` and `executionId` of its trigger)."""
        own = self.execution.id, self.execution.original_id or self.execution.id
        if any(belongs(uri, each) for each in own):
            return uri
        told = (self.execution.trigger or {}).get("variables", {})
        parent = [told.get(name) for name in ("namespace", "flowId", "executionId")]
        if any(not isinstance(part, str) for part in parent):
            raise UserError(f"Unable to read the file '{uri}' as it didn't belong to the current execution")
        namespace, flow, execution = parent
        if not uri.startswith(execution_files(FlowName(namespace, flow), execution)):
            raise UserError(f"Unable to read the file '{uri}' as it didn't belong to the parent execution")
        return uri

    @property
    def dialect(self) -> str:
        return self.flow.dialect.value

    def kv(self, key: str, namespace: str | None, error_on_missing: bool | None) -> object:
        """Kestra core, KvFunction: without a namespace the flow's own and all above it are looked through."""
        own = namespace or self.flow.namespace
        now, place = self.clock.now(), own
        while place:
            entry = self.kvs.get(place, key, now=now)
            if entry is not None:
                return unseal(entry.value, self.open)
            place = place.rpartition(".")[0] if namespace is None else ""
        is_strict = self.flow.dialect is not Dialect.V0_21 if error_on_missing is None else error_on_missing
        if is_strict:
            raise NotFound(f"The key '{key}' does not exist in the namespace '{own}'.")
        return None

    def call(self, request: WebCall) -> WebAnswer:
        return ask(self.http, request)

    def learn(self, value: str) -> None:
        self.mask.learn(value)

    def now(self) -> datetime:
        return self.clock.now()

    def random(self) -> random.Random:
        return random.SystemRandom()

    def new_id(self) -> str:
        return random_id(secrets.token_bytes(16))

    def error_logs(self) -> list[dict[str, Any]]:
        """As Kestra's LogEntry. At most MOST_ERRORS of them: the first ones, which tell the cause."""
        lines = transcript(self.logs, self.execution, min_level=Level.ERROR)
        return [entry(self.execution, line) for line in islice(lines, MOST_ERRORS)]


def _text(file: BinaryIO, shown: str) -> str:
    content = file.read(MOST_READ + 1)
    if len(content) > MOST_READ:
        raise UserError(f"read() gives at most {MOST_READ} bytes, and '{shown}' has more")
    return content.decode("utf-8", errors="replace")


WorldOf = Callable[[Flow, Execution], World]
"""Builds the world of one execution."""
