"""The world of one expression, written down beforehand: what is asked for is there, or is refused with the reason."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from penstock.errors import NotFound, Retryable
from penstock.expression import WebAnswer, WebCall, World

NAMESPACE = "team.data"
"""The flow's own."""


@dataclass
class GivenWorld(World):
    """`secrets`, `kv` and `files` are by namespace, then by name; `answers` by method and address.

    A file of the execution stands among the files of its own namespace, by its whole address. `calls` and `learned`
    are what was asked for and what is to be hidden.
    """

    dialect: str = "auto"
    secrets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    kvs: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    files: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    answers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    errors: Sequence[Mapping[str, object]] = ()
    at: datetime = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
    calls: list[WebCall] = field(default_factory=list)
    learned: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, told: Mapping[str, Any], dialect: str) -> GivenWorld:
        """The world of a case in a data file."""
        parts = dict(told)
        if "at" in parts:
            parts["at"] = datetime.fromisoformat(parts["at"])
        return cls(dialect=dialect, **parts)

    def secret(self, name: str, namespace: str | None, subkey: str | None) -> str:
        import json

        try:
            value = self.secrets[namespace or NAMESPACE][name]
        except KeyError:
            raise NotFound(f"Cannot find secret for key '{name}'.") from None
        return value if subkey is None else str(json.loads(value)[subkey])

    def kv(self, key: str, namespace: str | None, error_on_missing: bool | None) -> object:
        place = namespace or NAMESPACE
        while place:
            found = self.kvs.get(place, {})
            if key in found:
                return found[key]
            place = place.rpartition(".")[0] if namespace is None else ""
        if error_on_missing or (error_on_missing is None and self.dialect != "0.21"):
            raise NotFound(f"The key '{key}' does not exist in the namespace '{namespace or NAMESPACE}'.")
        return None

    def read(self, uri_or_path: str, namespace: str | None) -> str:
        try:
            return self.files[namespace or NAMESPACE][uri_or_path]
        except KeyError:
            raise NotFound(f"there is no file '{uri_or_path}'") from None

    def file_size(self, uri_or_path: str, namespace: str | None) -> int:
        return len(self.read(uri_or_path, namespace).encode())

    def file_exists(self, uri_or_path: str, namespace: str | None) -> bool:
        return uri_or_path in self.files.get(namespace or NAMESPACE, {})

    def file_is_empty(self, uri_or_path: str, namespace: str | None) -> bool:
        return not self.read(uri_or_path, namespace)

    def call(self, request: WebCall) -> WebAnswer:
        self.calls.append(request)
        answer = self.answers.get(f"{request.method} {request.uri}")
        if answer is None:
            raise Retryable(f"{request.uri} cannot be reached")
        content = answer.get("content", "").encode()
        return WebAnswer(answer.get("status", 200), answer.get("reason", "OK"), answer.get("type"), content)

    def learn(self, value: str) -> None:
        self.learned.append(value)

    def now(self) -> datetime:
        return self.at

    def random(self) -> random.Random:
        return random.Random(7)

    def new_id(self) -> str:
        return "n3wId"

    def error_logs(self) -> Sequence[Mapping[str, object]]:
        return self.errors
