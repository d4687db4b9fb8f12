"""Starts programs as processes that outlive the agent, follows them, and finds them again."""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from penstock import failpoint
from penstock.adapters.process import wrapper
from penstock.adapters.process.cgroup import Group
from penstock.adapters.process.folder import Folder, clear
from penstock.adapters.process.following import Following
from penstock.adapters.process.gathering import gather
from penstock.adapters.process.tree import MARK, Tree, is_alive
from penstock.adapters.process.witness import Child, Witness, pause
from penstock.errors import UserError
from penstock.failpoint import Failpoint
from penstock.ports.runner import WORKING_DIR_MARK, Ending, Exit, Halt, Order, Runner, Stream, Tail, Tell

_CLAIM_WITHIN_S = 2.0
_STAGING_OLD_S = 3600.0


class ProcessRunner(Runner):
    """Private folders below `root`. `cgroup`: a delegated cgroup v2 folder to make groups in (`delegated_group()`).

    `count_processes` sets RLIMIT_NPROC too, which counts all processes of the user: only for a user of its own.
    """

    def __init__(
        self,
        root: Path,
        *,
        cgroup: Path | None = None,
        count_processes: bool = False,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        if os.name != "posix":
            raise UserError("programs run as processes on Linux and macOS only")
        self._root = root.absolute()
        self._staging = self._root / ".staging"
        self._trash = self._root / ".trash"
        self._cgroup = cgroup
        self._count_processes = count_processes
        around = os.environ if environ is None else environ
        self._around = {
            "PATH": around.get("PATH") or os.defpath,
            "LANG": around.get("LANG") or "C.UTF-8",
            "TZ": around.get("TZ") or _zone(),
        }
        self._mover = shutil.which("mv", path=os.defpath) or "/bin/mv"
        self._children: dict[str, Child] = {}
        self._launching: set[str] = set()
        self._usage: dict[str, dict[str, float]] = {}
        self._lock = threading.Lock()
        self._sweep()

    # ── starting ──

    def launch(self, order: Order, halt: Halt | None = None, tell: Tell | None = None) -> None:
        folder = Folder.of(self._root, order.name)
        with self._lock:
            if order.name in self._children or order.name in self._launching:
                return
            self._launching.add(order.name)
        try:
            if folder.is_claimed:
                return
            child = self._start(order, folder)
            with self._lock:
                self._children[order.name] = child
        finally:
            with self._lock:
                self._launching.discard(order.name)

    def _start(self, order: Order, folder: Folder) -> Child:
        """A folder that is there unclaimed was left by a crash before the spawn, or just after it: of two wrappers
        only one gets the claim."""
        shared = Folder.of(self._root, order.workspace.name) if order.workspace is not None else None
        work = (shared or folder).work
        env = self._environment(order, folder, work)
        argv = [part.replace(WORKING_DIR_MARK, str(work)) for part in order.argv]
        if not argv or any("\0" in part for part in argv):
            raise UserError("the program has no name, or an argument holds a NUL character")
        if "/" not in argv[0]:
            argv[0] = _found(argv[0], env["PATH"])
        if shared is not None and order.workspace is not None:
            shared.furnish(order.workspace.files, self._staging)
        is_ours = folder.prepare(order, self._staging, shared)
        try:
            argv[0] = _executable(argv[0], work)
            group = self._group(order.name)
            holds_memory = group is not None and group.make(order.limits)
            limits = wrapper.limit_commands(order.limits, in_cgroup=holds_memory, count_processes=self._count_processes)
            place = wrapper.Place(folder.run, work, group.path if group is not None else None)
            child = Child.of(wrapper.spawn(place, argv, env, limits, self._mover))
            failpoint.reached(Failpoint.TASK_LAUNCHED)
            return child
        except BaseException:
            if is_ours:
                folder.remove(self._trash)
            raise

    def _environment(self, order: Order, folder: Folder, work: Path) -> dict[str, str]:
        declared = {name: value.replace(WORKING_DIR_MARK, str(work)) for name, value in order.env.items()}
        for name, value in declared.items():
            if not (name.isascii() and name.isidentifier()):
                raise UserError(
                    f"`{name}` is no name for an environment variable: the shell that starts programs drops it",
                    help="use letters, digits and underscores",
                )
            if "\0" in value:
                raise UserError(f"the environment variable `{name}` holds a NUL character")
        return {**self._around, "HOME": str(folder.path), **declared, MARK: folder.mark}

    def _group(self, name: str) -> Group | None:
        return Group(self._cgroup, name) if self._cgroup is not None else None

    # ── following ──

    def knows(self, name: str) -> bool:
        folder = Folder.of(self._root, name)
        with self._lock:
            is_ours = name in self._children
        return (is_ours and folder.path.exists()) or folder.is_claimed

    def follow(self, name: str, tail: Tail, halt: Halt, *, offsets: Mapping[Stream, int]) -> Exit:
        folder = Folder.of(self._root, name)
        if not folder.path.exists():
            return Exit(Ending.LOST, reason="its private folder is gone")
        witness = self._witness(name, folder)
        try:
            if witness is None and not folder.is_claimed:
                return Exit(Ending.LOST, reason="it was prepared, and never started")
            following = Following(folder, witness, self._group(name), tail, halt, offsets)
            try:
                exit_ = following.run()
            finally:
                following.close()
        except FileNotFoundError:
            if folder.path.exists():
                raise
            return Exit(Ending.LOST, reason="its private folder was removed while it ran")
        finally:
            if witness is not None:
                witness.close()
        self._usage[name] = self._used(folder, witness.child if witness is not None else None)
        return exit_

    def _witness(self, name: str, folder: Folder) -> Witness | None:
        """The wrapper that holds the claim, once it has told its pid; None when none lives."""
        child = self._children.get(name)
        deadline = time.monotonic() + _CLAIM_WITHIN_S
        while (told := folder.wrapper_pid()) is None:
            if child is not None:
                if child.reap(wait=False):
                    return self._leader(folder)  # it ended without a word: another has the claim, or none
            elif time.monotonic() > deadline or not Tree(folder.mark).members():
                return self._leader(folder)
            pause(0.0005)
        pid, started = told
        if child is not None and child.pid == pid:
            return Witness(folder.mark, pid, started, child)
        if child is not None and not child.reap(wait=False):
            return Witness(folder.mark, pid, started, None)
        return Witness(folder.mark, pid, started, None) if is_alive(pid, started, folder.mark) else None

    @staticmethod
    def _leader(folder: Folder) -> Witness | None:
        """The wrapper by its mark alone, where its pid file is torn: the leader of its session."""
        for pid, seen in Tree(folder.mark).members().items():
            if seen.session == pid:
                return Witness(folder.mark, pid, seen.started, None)
        return None

    def _used(self, folder: Folder, child: Child | None) -> dict[str, float]:
        used: dict[str, float] = {}
        wall, ended = folder.wall_s(), folder.ended()
        if wall is not None:
            used["wall_s"] = wall
        if ended is not None:
            used["cpu_s"] = ended.cpu_s
        if child is not None and child.status is not None:
            used["cpu_s"] = child.cpu_s
            import resource

            # Linux counts the memory of the process that spawned as the child's (exec takes over its high-water
            # mark), so a figure says something only when it is above our own.
            own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
            if child.max_rss_bytes > own:
                used["max_rss_bytes"] = float(child.max_rss_bytes)
        return used

    # ── afterwards ──

    def collect(self, name: str, patterns: Iterable[str]) -> Iterator[tuple[PurePosixPath, BinaryIO]]:
        if not Folder.of(self._root, name).path.exists():
            return iter(())  # a workspace that no program has named
        return gather(self._work(name), patterns)

    def usage(self, name: str) -> Mapping[str, float]:
        known = self._usage.get(name)
        return known if known is not None else self._used(Folder.of(self._root, name), None)

    def remove(self, name: str) -> None:
        folder = Folder.of(self._root, name)
        told = folder.wrapper_pid()
        if told is not None and is_alive(*told, folder.mark):
            Tree(folder.mark, told[0], lambda: is_alive(*told, folder.mark)).kill()
            with Witness(folder.mark, *told, None) as witness:
                witness.wait(1.0)
                witness.kill()
        with self._lock:
            child = self._children.pop(name, None)
        self._usage.pop(name, None)
        folder.remove(self._trash)
        group = self._group(name)
        if group is not None:
            group.remove()
        if child is not None and not child.reap(wait=False):
            threading.Thread(target=child.reap, kwargs={"wait": True}, name=f"reap {name}", daemon=True).start()

    def names(self) -> Iterator[str]:
        try:
            found = sorted(entry.name for entry in os.scandir(self._root) if entry.is_dir(follow_symlinks=False))
        except FileNotFoundError:
            return
        yield from (name for name in found if not name.startswith("."))

    def shell(self, name: str) -> str:
        return f"cd {shlex.quote(str(self._work(name)))}"

    def _work(self, name: str) -> Path:
        """The working directory of an attempt, its own or the one that it shares; or that of a workspace."""
        folder = Folder.of(self._root, name)
        shared = folder.workspace()
        return (folder if shared is None else Folder.of(self._root, shared)).work

    def _sweep(self) -> None:
        """Delete what earlier runners left half made or half removed."""
        with suppress(OSError):
            for doomed in self._trash.iterdir():
                clear(doomed)
        with suppress(OSError):
            for made in self._staging.iterdir():
                if time.time() - made.stat().st_mtime > _STAGING_OLD_S:
                    made.rename(self._trash / secrets.token_hex(8))


def _found(program: str, path: str) -> str:
    found = shutil.which(program, path=path)
    if found is None:
        raise UserError(
            f"there is no program `{program}` on this machine",
            help=f"install it, or name its path; looked in PATH={path}",
        )
    return str(Path(found).absolute())


def _executable(program: str, work: Path) -> str:
    path = work / program
    if not path.is_file():
        raise UserError(f"there is no program `{program}` on this machine")
    if not os.access(path, os.X_OK):
        raise UserError(
            f"`{program}` is not executable", help=f"name its interpreter, or make it so: chmod +x {program}"
        )
    return str(path)


def _zone() -> str:
    """The name of this machine's time zone, as /etc/localtime leads to it; UTC where that tells nothing."""
    with suppress(OSError):
        target = str(Path("/etc/localtime").resolve())
        if "/zoneinfo/" in target:
            return target.partition("/zoneinfo/")[2]
    return "UTC"
