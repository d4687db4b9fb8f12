"""Control groups, where an administrator has handed one over: limits that hold for a tree, and its end in one write.

Only cgroup v2, and only a folder that systemd marks as delegated (`Delegate=yes`; with `DelegateSubgroup=` the agent
lives beside its tasks, and controllers can be switched on). Everywhere else the runner works without.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from penstock.ports.runner import Limits

_CPU_PERIOD_US = 100_000
_MOUNTS = (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified"))


def delegated_group() -> Path | None:
    """The delegated group that this process may make groups in, or None."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    own = next((line.removeprefix("0::").strip("/") for line in lines if line.startswith("0::")), None)
    if own is None:
        return None
    for mount in _MOUNTS:
        folder = mount / own
        if (folder / "cgroup.procs").exists():
            return next((each for each in (folder, folder.parent) if _is_delegated(each)), None)
    return None


def _is_delegated(folder: Path) -> bool:
    for mark in ("user.delegate", "trusted.delegate"):
        with suppress(OSError):
            if os.getxattr(folder, mark) == b"1":
                return os.access(folder / "cgroup.procs", os.W_OK)
    return False


class Group:
    """The control group of one attempt. Making, killing and removing it may be repeated."""

    def __init__(self, parent: Path, name: str) -> None:
        self.path = parent / name
        self._parent = parent

    def make(self, limits: Limits) -> bool:
        """Make it, with the limits that its controllers can hold; whether memory is among them."""
        self.path.mkdir(exist_ok=True)
        for controller in ("memory", "pids", "cpu"):
            _write(self._parent / "cgroup.subtree_control", f"+{controller}")
        holds_memory = True
        if limits.memory_bytes is not None:
            holds_memory = _write(self.path / "memory.max", str(limits.memory_bytes))
            _write(self.path / "memory.swap.max", "0")
        if limits.processes is not None:
            _write(self.path / "pids.max", str(limits.processes))
        if limits.cpus is not None:
            _write(self.path / "cpu.max", f"{max(1000, int(limits.cpus * _CPU_PERIOD_US))} {_CPU_PERIOD_US}")
        return holds_memory

    def pids(self) -> set[int]:
        try:
            return {int(line) for line in (self.path / "cgroup.procs").read_text().split()}
        except OSError:
            return set()

    def kill(self) -> None:
        """Linux 5.14 and later; before that the scan for the marker has to do."""
        _write(self.path / "cgroup.kill", "1")

    def killed_for_memory(self) -> bool:
        try:
            events = (self.path / "memory.events").read_text().split()
        except OSError:
            return False
        return int(dict(zip(events[::2], events[1::2], strict=False)).get("oom_kill", "0")) > 0

    def remove(self) -> None:
        with suppress(OSError):  # it is gone, or still dying: an empty group costs nothing and goes with its parent
            self.path.rmdir()


def _write(path: Path, text: str) -> bool:
    try:
        path.write_text(text)
    except OSError:
        return False  # a controller that is not handed over; what it would hold is told by `doctor`
    return True
