"""What functions in expressions reach outside for, on behalf of one execution."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO

from penstock.errors import UserError
from penstock.execution.identity import random_id
from penstock.execution.model import Execution
from penstock.expression import WebAnswer, WebCall
from penstock.flow.model import Flow
from penstock.ports.clock import Clock
from penstock.ports.files import SCHEME, Files
from penstock.ports.namespace_files import NamespaceFiles
from penstock.ports.secrets import Mask, Secrets
from penstock.ports.storage import belongs, namespace_file

MOST_READ = 10 * 1024 * 1024
"""`read()` gives at most so many bytes: what expressions hold is in memory."""


@dataclass(frozen=True, slots=True)
class World:
    """The world of `penstock.expression`, with its doors: secrets, files, clock, chance."""

    flow: Flow
    execution: Execution
    secrets: Secrets
    files: Files
    clock: Clock
    mask: Mask
    namespace_files: NamespaceFiles

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
        """The text of a file of this execution, or of a namespace. Raises UserError for a file of another execution."""
        home = namespace or self.flow.namespace
        found = namespace_file(uri_or_path, home)
        if found is None and not uri_or_path.startswith(SCHEME):
            found = home, uri_or_path.removeprefix("/")
        if found is not None:
            with self.namespace_files.open(*found) as file:
                return _text(file, uri_or_path)
        if not belongs(uri_or_path, self.execution.id):
            raise UserError(f"Unable to read the file '{uri_or_path}' as it didn't belong to the current execution")
        with self.files.open(self.files.resolve(uri_or_path)) as file:
            return _text(file, uri_or_path)

    @property
    def dialect(self) -> str:
        return self.flow.dialect.value

    def kv(self, key: str, namespace: str | None, error_on_missing: bool | None) -> object:
        raise _not_yet("kv")

    def file_size(self, uri_or_path: str, namespace: str | None) -> int:
        raise _not_yet("fileSize")

    def file_exists(self, uri_or_path: str, namespace: str | None) -> bool:
        raise _not_yet("fileExists")

    def file_is_empty(self, uri_or_path: str, namespace: str | None) -> bool:
        raise _not_yet("isFileEmpty")

    def call(self, request: WebCall) -> WebAnswer:
        raise _not_yet("http")

    def learn(self, value: str) -> None:
        self.mask.learn(value)

    def now(self) -> datetime:
        return self.clock.now()

    def random(self) -> random.Random:
        return random.SystemRandom()

    def new_id(self) -> str:
        return random_id(secrets.token_bytes(16))

    def error_logs(self) -> list[dict[str, Any]]:
        """Why task runs of this execution failed, in order."""
        return [
            {"taskId": run.task, "taskRunId": run.id, "level": "ERROR", "message": run.error}
            for run in self.execution.in_order()
            if run.error is not None
        ]


def _not_yet(function: str) -> UserError:
    return UserError(f"the function `{function}` is not available yet")


def _text(file: BinaryIO, shown: str) -> str:
    content = file.read(MOST_READ + 1)
    if len(content) > MOST_READ:
        raise UserError(f"read() gives at most {MOST_READ} bytes, and '{shown}' has more")
    return content.decode("utf-8", errors="replace")


WorldOf = Callable[[Flow, Execution], World]
"""Builds the world of one execution."""
