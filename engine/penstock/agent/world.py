"""What functions in expressions reach outside for, on behalf of one execution."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from penstock.errors import UserError
from penstock.execution.identity import random_id
from penstock.execution.model import Execution
from penstock.flow.model import Flow
from penstock.ports.clock import Clock
from penstock.ports.files import SCHEME, Files
from penstock.ports.secrets import Mask, Secrets

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

    def read(self, uri: str) -> str:
        """The text of a file of this execution. Raises UserError for a file of another one."""
        if not uri.startswith(SCHEME):
            raise UserError(
                f"Unable to read the file '{uri}': only {SCHEME} files of this execution can be read",
                help="namespace files come in a later version",
            )
        own = f"/executions/{self.execution.id}/"
        if own not in uri:
            raise UserError(f"Unable to read the file '{uri}' as it didn't belong to the current execution")
        size = self.files.size(uri)
        if size > MOST_READ:
            raise UserError(f"read() gives at most {MOST_READ} bytes, and '{uri}' has {size}")
        with self.files.open(self.files.resolve(uri)) as file:
            return file.read().decode("utf-8", errors="replace")

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


WorldOf = Callable[[Flow, Execution], World]
"""Builds the world of one execution."""
