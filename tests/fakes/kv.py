"""The key-value store in memory: the same promises as the one that ships."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import replace

from penstock.errors import Refused
from penstock.execution.event import Instant
from penstock.ports.kv import Kv, KvEntry, KvType, checked_key, encoded


class MemoryKv(Kv):
    """Values go in and out as JSON, so nobody shares them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, str], tuple[KvEntry, str]] = {}

    def _of(self, place: tuple[str, str], now: Instant) -> KvEntry | None:
        entry, text = self._kept.get(place, (None, ""))
        if entry is None or (entry.expires is not None and entry.expires <= now):
            return None
        return replace(entry, value=json.loads(text))

    def get(self, namespace: str, key: str, *, now: Instant) -> KvEntry | None:
        with self._lock:
            return self._of((namespace, key), now)

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
        place, text = (namespace, checked_key(key)), encoded(value)
        with self._lock:
            before = self._of(place, now)
            if before is not None and not overwrite:
                raise Refused(f"the key '{key}' exists already in the namespace '{namespace}'")
            created = before.created if before is not None else now
            said = description if description is not None or before is None else before.description
            entry = KvEntry(namespace, key, type, json.loads(text), created, now, expires, said)
            self._kept[place] = entry, text
            return entry

    def delete(self, namespace: str, key: str, *, now: Instant) -> bool:
        with self._lock:
            was_there = self._of((namespace, key), now) is not None
            self._kept.pop((namespace, key), None)
            return was_there

    def entries(self, namespace: str, *, prefix: str = "", now: Instant) -> Sequence[KvEntry]:
        with self._lock:
            places = sorted(place for place in self._kept if place[0] == namespace and place[1].startswith(prefix))
            return [entry for place in places if (entry := self._of(place, now)) is not None]

    def namespaces(self, *, now: Instant) -> Sequence[str]:
        with self._lock:
            return sorted({place[0] for place in self._kept if self._of(place, now) is not None})

    def purge(self, *, now: Instant) -> int:
        with self._lock:
            gone = [place for place in self._kept if self._of(place, now) is None]
            for place in gone:
                del self._kept[place]
            return len(gone)
