"""What a deployment has done so far, on this machine: so that one that died is told of by the next, and two do not
meet."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from penstock.errors import Refused, Stalled
from penstock.lock import is_locked


@dataclass(frozen=True, slots=True)
class BrokenOff:
    """A deployment that has never come to its end."""

    began: datetime
    done: int
    of: int


class DeployJournal:
    """One file for a target and an owner; there is one only while a deployment runs, or after it has died.

    A deployment does not end because its journal cannot go on: `fault` says why it could not.
    """

    def __init__(self, folder: Path, target: str, owner: str) -> None:
        name = sha256(f"{target}\0{owner}".encode()).hexdigest()[:16]
        self._target = target
        self._file = folder / "deployments" / f"{name}.jsonl"
        self.fault: OSError | None = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """While this lasts, no other deployment of the owner to the target begins on this machine. Raises Refused where
        one runs, Stalled where the folder cannot be written."""
        lock = self._file.with_suffix(".lock")
        try:
            lock.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise self._stalled(error) from error
        try:
            if not is_locked(handle):
                raise Refused(f"another deployment to {self._target} runs", help="wait for its end")
            yield
        finally:
            os.close(handle)

    def broken_off(self) -> BrokenOff | None:
        """The one before, where it did not end."""
        try:
            head, *lines = self._file.read_text(encoding="utf-8").splitlines()
            began = json.loads(head)
            done = sum(line.endswith("}") for line in lines)  # the last one may be half
            return BrokenOff(datetime.fromisoformat(began["began"]), done, int(began["changes"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def begin(self, now: datetime, changes: int) -> None:
        """Raises Stalled where it cannot be written: then nothing was begun."""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._append({"began": now.isoformat(), "changes": changes}, is_first=True)
        except OSError as error:
            with suppress(OSError):  # an empty one tells nothing
                self._file.unlink(missing_ok=True)
            raise self._stalled(error) from error

    def note(self, name: str, outcome: str) -> None:
        """One change has a result."""
        if self.fault is None:
            try:
                self._append({"name": name, "outcome": outcome})
            except OSError as error:
                self.fault = error

    def end(self) -> None:
        self._file.unlink(missing_ok=True)

    def _append(self, line: dict[str, object], *, is_first: bool = False) -> None:
        with self._file.open("w" if is_first else "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _stalled(self, error: OSError) -> Stalled:
        return Stalled(
            f"the data folder {self._file.parent.parent} cannot be written: {error.strerror or error}",
            help="choose another one with PENSTOCK_DATA; nothing was deployed",
        )
