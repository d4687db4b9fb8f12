"""The key-value store of namespaces: what flows keep from one execution to the next."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from penstock.errors import UserError
from penstock.execution.event import Instant

_KEY = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]*")
_DEEPEST = 50


class KvType(StrEnum):
    """Which kind of value a key holds. The names are Kestra's."""

    STRING = "STRING"
    NUMBER = "NUMBER"
    BOOLEAN = "BOOLEAN"
    DATETIME = "DATETIME"
    DATE = "DATE"
    DURATION = "DURATION"
    JSON = "JSON"


@dataclass(frozen=True, slots=True)
class KvEntry:
    """A key of a namespace and what it holds.

    `value` is plain data that JSON can hold: moments, dates and lengths of time are text in ISO-8601, as `type` says.
    It is kept as it is given: whoever sets what was computed from a secret seals it first. From `expires` on the key is
    not there; None is never. `created` is of the first value since the key was not there, `updated` of this one.
    """

    namespace: str
    key: str
    type: KvType
    value: object
    created: Instant
    updated: Instant
    expires: Instant | None = None
    description: str | None = None


class Kv(Protocol):
    """Thread-safe, and shared by the processes of one data folder: each call is one transaction.

    Of two that set a key at once, both succeed and the later one stays; with `overwrite` False exactly one does.
    Time comes from the caller, so that a key is gone for everybody at the same moment. A namespace is taken literally:
    those above it are looked through by whoever wants that. Every method raises Retryable when the store is busy, and
    Stalled when its disk is full.
    """

    def get(self, namespace: str, key: str, *, now: Instant) -> KvEntry | None:
        """The entry; None where there is none, or it has expired."""
        ...

    def put(
        self,
        namespace: str,
        key: str,
        value: object,
        *,
        type: KvType,  # noqa: A002
        now: Instant,
        expires: Instant | None = None,
        description: str | None = None,
        overwrite: bool = True,
    ) -> KvEntry:
        """Durable when it returns; the entry as it is kept. Without a `description` the one before stays.

        Raises Refused when the key is there and `overwrite` is False; UserError for a key that Kestra's rule does not
        allow, and for a value that JSON cannot hold.
        """
        ...

    def delete(self, namespace: str, key: str, *, now: Instant) -> bool:
        """Whether there was one that had not expired."""
        ...

    def entries(self, namespace: str, *, prefix: str = "", now: Instant) -> Sequence[KvEntry]:
        """Those that have not expired and whose keys begin with `prefix`, by key."""
        ...

    def namespaces(self, *, now: Instant) -> Sequence[str]:
        """Those that have a key which has not expired, by name."""
        ...

    def purge(self, *, now: Instant) -> int:
        """Take away what has expired; how many there were. Nothing that can be seen changes."""
        ...


def checked_key(key: str) -> str:
    """`key`, if Kestra's rule allows it (kestra core, storages/kv/KVStore.java). Raises UserError."""
    if _KEY.fullmatch(key) is None:
        raise UserError(
            f"'{key}' cannot be a key: it must begin with a letter or a digit",
            help="letters, digits, `.`, `_` and `-` may follow",
        )
    return key


def encoded(value: object) -> str:
    """`value` as JSON that reads back as the same value. Raises UserError for what JSON cannot hold."""
    _check(value, _DEEPEST)
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _check(value: object, room: int) -> None:
    match value:
        case None | bool() | int() | str():
            return
        case float() if math.isfinite(value):
            return
        case list() | tuple() if room:
            for item in value:
                _check(item, room - 1)
        case dict() if room and all(isinstance(key, str) for key in value):
            for item in value.values():
                _check(item, room - 1)
        case _:
            raise UserError(
                f"a value of the key-value store must be plain data, at most {_DEEPEST} deep: {type(value).__name__} "
                "is none"
            )
