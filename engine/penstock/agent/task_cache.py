"""Outputs that are used again: those of an earlier run of a task whose rendered properties were the same (`taskCache`).

They lie in the storage, in a folder of the task's own, under the digest of what the task was to do; a file among them
is named anew for the execution that uses it. (Kestra docs, Task Cache, 2026.)
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from penstock.agent.vault import Vault
from penstock.errors import NotFound, PenstockError, UserError
from penstock.execution.sealed import over_texts
from penstock.flow.model import Level
from penstock.ports.files import SCHEME, Files
from penstock.ports.storage import belongs, plain_name, task_cache_file, task_cache_files
from penstock.tasks.base import Context, Result


@dataclass(frozen=True, slots=True)
class TaskCaches:
    """What tasks of this data folder have put out. Thread-safe, as the storage is."""

    files: Files
    vault: Vault

    def key(self, context: Context) -> str | None:
        """Under what the outputs of an attempt are kept; None where they are not to be, or where nobody can say."""
        cache, task = context.task.cache, context.task
        if cache is None or not cache.enabled:
            return None
        try:
            rendered = context.render_value(dict(task.properties))
            said = json.dumps([task.type, rendered], sort_keys=True, ensure_ascii=False, default=str)
        except (PenstockError, RecursionError) as error:
            context.log(Level.WARN, f"the cache of the task is not used: its properties cannot be rendered: {error}")
            return None
        return task_cache_file(context.flow.name, task.id, sha256(said.encode("utf-8", "replace")).hexdigest())

    def find(self, key: str, context: Context) -> Mapping[str, Any] | None:
        """The outputs under `key` that are not too old, as the store keeps them; None where there are none."""
        kept = self._read(key)
        if kept is None or self._is_old(kept, context):
            return None
        try:
            found: Mapping[str, Any] = over_texts(kept["outputs"], lambda text: self._own(text, context))
        except (NotFound, UserError):
            return None  # one of its files is there no more
        return found

    def keep(self, key: str, result: Result, context: Context) -> None:
        """Keep what an attempt has put out, sealed where a secret is in it; and let go of what is too old."""
        kept = {"at": context.now().isoformat(), "outputs": self.vault.keep(dict(result.outputs))}
        digest = self.files.put(json.dumps(kept, ensure_ascii=False, default=str).encode())
        for other in list(self.files.list(task_cache_files(context.flow.name, context.task.id))):
            before = self._read(other)
            if other == key or before is None or self._is_old(before, context):
                self.files.delete(other)
        self.files.name(key, digest)

    def _read(self, key: str) -> dict[str, Any] | None:
        try:
            with self.files.open(self.files.resolve(key)) as file:
                kept = json.loads(file.read())
        except (NotFound, ValueError):
            return None
        return kept if isinstance(kept, dict) and {"at", "outputs"} <= kept.keys() else None

    def _is_old(self, kept: Mapping[str, Any], context: Context) -> bool:
        ttl = context.task.cache.ttl if context.task.cache is not None else None
        return ttl is not None and context.now() - datetime.fromisoformat(kept["at"]) > ttl

    def _own(self, text: str, context: Context) -> str:
        """A file of another execution under a name of this task run: an execution reads no others than its own."""
        if not text.startswith(SCHEME) or "/executions/" not in text or belongs(text, context.execution_id):
            return text
        digest = self.files.resolve(text)
        uri = context.uri(f"{digest[:16]}/{plain_name(text) or 'file'}")
        self.files.name(uri, digest)
        return uri
