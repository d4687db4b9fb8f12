"""The inventory of namespace files: one of them lists those that we have deployed, with the digests of their contents.

It is written twice: before anything is changed with what is meant to be there, beside what was; at the end with what
is. So whatever happens between the two, nothing of ours is forgotten, and nothing of others is taken for ours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

FOLDER = "_penstock"


@dataclass(frozen=True, slots=True)
class Inventory:
    """By path the digests that a file of ours may have."""

    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def owns(self, path: str) -> bool:
        return path in self.files

    def knows(self, path: str, content: bytes) -> bool:
        """Whether the content is one that we have put there."""
        return file_digest(content) in self.files.get(path, ())

    def meaning(self, contents: Mapping[str, bytes]) -> Inventory:
        """With what is about to be put there."""
        found = {path: list(digests) for path, digests in self.files.items()}
        for path, content in contents.items():
            found.setdefault(path, []).append(file_digest(content))
        return Inventory({path: tuple(dict.fromkeys(digests)) for path, digests in found.items()})

    def settled(self, put: Mapping[str, bytes], gone: Iterable[str]) -> Inventory:
        """After these were put there and those deleted."""
        left = {path: digests for path, digests in self.files.items() if path not in set(gone)}
        return Inventory(left | {path: (file_digest(content),) for path, content in put.items()})

    def written(self) -> bytes:
        data = {"schemaVersion": 1, "files": {path: list(self.files[path]) for path in sorted(self.files)}}
        return (json.dumps(data, indent=2, ensure_ascii=False) + "\n").encode()


def inventory_path(owner: str) -> str:
    """Where the inventory of an owner lies among the files of a namespace."""
    readable = re.sub(r"[^A-Za-z0-9_.-]+", "-", owner)[:60]
    return f"{FOLDER}/{readable}-{sha256(owner.encode()).hexdigest()[:8]}.json"


def read_inventory(content: bytes | None) -> Inventory:
    """What is no inventory lists nothing: then nothing is deleted."""
    try:
        data = json.loads(content or b"{}")
    except ValueError:
        return Inventory()
    files = data.get("files") if isinstance(data, dict) else None
    if not isinstance(files, dict):
        return Inventory()
    return Inventory({
        str(path): tuple(str(each) for each in digests) for path, digests in files.items() if isinstance(digests, list)
    })  # fmt: skip


def file_digest(content: bytes) -> str:
    return sha256(content).hexdigest()
