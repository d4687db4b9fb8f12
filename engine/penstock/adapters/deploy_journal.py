"""What a deployment has done so far, on this machine: so that one that died is told of by the next."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path


@dataclass(frozen=True, slots=True)
class BrokenOff:
    """A deployment that has never come to its end."""

    began: datetime
    done: int
    of: int


class DeployJournal:
    """One file for a target; there is one only while a deployment runs, or after it has died."""

    def __init__(self, folder: Path, target: str, owner: str) -> None:
        name = sha256(f"{target}\0{owner}".encode()).hexdigest()[:16]
        self._file = folder / "deployments" / f"{name}.jsonl"

    def broken_off(self) -> BrokenOff | None:
        """The one before, where it did not end."""
        try:
            head, *lines = self._file.read_text(encoding="utf-8").splitlines()
            began = json.loads(head)
            return BrokenOff(datetime.fromisoformat(began["began"]), len(lines), int(began["changes"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def begin(self, now: datetime, changes: int) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        head = json.dumps({"began": now.isoformat(), "changes": changes})
        self._file.write_text(head + "\n", encoding="utf-8")

    def note(self, name: str, outcome: str) -> None:
        """One change has a result."""
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"name": name, "outcome": outcome}) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def end(self) -> None:
        self._file.unlink(missing_ok=True)
