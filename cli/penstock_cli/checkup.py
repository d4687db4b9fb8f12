"""What `penstock doctor` looks at: one function a check, each says how it stands and, where it is bad, the mend.

Nothing is changed: a folder that is not there yet is judged by the nearest one above it that is.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from penstock.errors import UserError
from penstock.settings import Settings, data_folder

GIT_LEAST = (2, 24)
"""`--end-of-options` came with it."""

GIT_PATCHED = {
    (2, 43): 7, (2, 44): 4, (2, 45): 4, (2, 46): 4, (2, 47): 3, (2, 48): 2, (2, 49): 1, (2, 50): 1,
}  # fmt: skip
"""The first release of each line with the fixes of 8 July 2025 (CVE-2025-48384 and its siblings); later lines have
them from the start, earlier ones only as patched by a distribution."""

SQLITE_LEAST = (3, 51, 3)
"""Before it a WAL database can be damaged (design/DECISIONS.md, State)."""

FREE_LEAST = 1 << 30
CLOCK_TOLERANCE_S = 2.0
BUILT_AFTER = 1_735_689_600
"""2025-01-01: a clock before it was never set."""

SOCKET_PATH_MOST = 80
"""A Unix socket's whole path must fit 104 bytes on macOS, 108 on Linux; a session's own name takes the rest."""


class Mark(StrEnum):
    OK = "ok"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Check:
    """One answer. `mend` is what to do, for everything that is not ok."""

    name: str
    mark: Mark
    message: str
    mend: str | None = None


def checkup(data: Path | None, settings: Settings, environ: Mapping[str, str] = os.environ) -> list[Check]:
    """Every check, in the order of what depends on what."""
    folder = data_folder(data, environ=environ)
    return [
        _settings(settings),
        git(),
        *containers(settings, environ),
        clock(folder),
        *data_checks(folder),
        sqlite(),
        re2(),
        cgroups(),
        *_tokens(environ),
        process_trees(sys.platform),
    ]


def _settings(settings: Settings) -> Check:
    wrong = [found for found in settings.diagnostics if found.is_error]
    if wrong:
        return Check("settings", Mark.WRONG, wrong[0].message, "`penstock config view` shows the place")
    if settings.diagnostics:
        found = settings.diagnostics[0]
        return Check("settings", Mark.NOTE, found.message, found.help or "`penstock config view` shows the place")
    files = [str(file) for file in (settings.project, settings.user) if file is not None]
    return Check("settings", Mark.OK, " and ".join(files) or "no file, the defaults")


def git(run: Callable[[], str] | None = None) -> Check:
    """Git: there, new enough, and of a release with the latest fixes that we know of."""
    try:
        told = (run or _git_version)()
    except (OSError, subprocess.SubprocessError):
        return Check("git", Mark.WRONG, "git is not there", "install git 2.45 or later")
    match = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", told)
    if match is None:
        return Check("git", Mark.WRONG, f"`git --version` says {told[:60]!r}", "install git 2.45 or later")
    line, patch = (int(match[1]), int(match[2])), int(match[3] or 0)
    if line < GIT_LEAST:
        return Check("git", Mark.WRONG, f"git {match[0]} is too old", "install git 2.45 or later")
    if line < min(GIT_PATCHED) or patch < GIT_PATCHED.get(line, 0):
        return Check(
            "git",
            Mark.NOTE,
            f"git {match[0]} as its authors released it lacks the fixes of July 2025 (CVE-2025-48384)",
            "a distribution's package may have them under the same number: keep it up to date, or install a newer git",
        )
    return Check("git", Mark.OK, f"git {match[0]}")


def _git_version() -> str:
    return subprocess.run(["git", "--version"], capture_output=True, text=True, timeout=10, check=True).stdout


def containers(settings: Settings, environ: Mapping[str, str] = os.environ) -> Iterator[Check]:
    """The container engine that an agent would use, the policy, and whether a cloud's credentials can be had."""
    from penstock.wiring import ContainerSetup, look_at_engine

    told = settings.agent
    try:
        found = look_at_engine(ContainerSetup(told.engine, told.policy), environ)
    except UserError as error:
        yield Check("container engine", Mark.WRONG, error.message, error.help or "mend the setting")
        return
    if found.product is None:
        yield Check(
            "container engine",
            Mark.NOTE,
            f"at {found.address}: {found.why}",
            "start Docker 20.10 or later, or Podman 4, or set DOCKER_HOST: an agent runs scripts in containers",
        )
    else:
        yield Check("container engine", Mark.OK, f"{found.product}, at {found.address}")
    if found.reaches_metadata:
        yield Check(
            "metadata address",
            Mark.NOTE,
            f"this machine belongs to {found.cloud}, whose credentials containers may ask for at 169.254.169.254",
            "give the machine no rights, put tasks on a network without it, or say `metadata: always` in the policy "
            "(not in Google Cloud, where names are asked for at that address)",
        )


def clock(folder: Path, now: Callable[[], float] = time.time) -> Check:
    """The clock: set at all, not behind what was written already, and as the file system has it."""
    mend = "set the clock and keep it with NTP (timedatectl set-ntp true)"
    moment = now()
    if moment < BUILT_AFTER:
        return Check("clock", Mark.WRONG, f"it is {time.strftime('%Y-%m-%d', time.gmtime(moment))} here", mend)
    store = folder / "store.db"
    if store.exists() and store.stat().st_mtime > moment + CLOCK_TOLERANCE_S:
        ahead = store.stat().st_mtime - moment
        return Check("clock", Mark.WRONG, f"the store was written {ahead:.0f} s in the future: it went back", mend)
    skew = _skew(_nearest(folder), now)
    if skew is not None and abs(skew) > CLOCK_TOLERANCE_S:
        return Check("clock", Mark.WRONG, f"the file system's clock is {skew:+.1f} s off this one", mend)
    return Check("clock", Mark.OK, time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(moment)))


def _skew(folder: Path, now: Callable[[], float]) -> float | None:
    """How far the clock of the file system is ahead; None where nothing can be written."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
            file.flush()
            return os.fstat(file.fileno()).st_mtime - now()
    except OSError:
        return None


def data_checks(folder: Path) -> Iterator[Check]:
    """The data folder: ours, closed to others, writable, with room; and the seal key in it."""
    yield _permissions(folder)
    yield _room(folder)
    yield _seal_key(folder / "seal.key")


def _permissions(folder: Path) -> Check:
    name = "data folder"
    near = _nearest(folder)
    if not near.is_dir():
        return Check(name, Mark.WRONG, f"{near} is not a folder", "name another one with --data")
    if not os.access(near, os.W_OK | os.X_OK):
        return Check(name, Mark.WRONG, f"{near} cannot be written", "change its owner, or name another with --data")
    if near != folder:
        return Check(name, Mark.OK, f"{folder} (made at the first run)")
    status = folder.stat()
    if hasattr(os, "getuid") and status.st_uid != os.getuid():
        return Check(name, Mark.WRONG, f"{folder} belongs to user {status.st_uid}", f"sudo chown -R $USER {folder}")
    if os.name == "posix" and stat.S_IMODE(status.st_mode) & 0o022:
        return Check(name, Mark.WRONG, f"others may write to {folder}", f"chmod 700 {folder}")
    if os.name == "posix" and stat.S_IMODE(status.st_mode) & 0o055:
        return Check(name, Mark.NOTE, f"others may read {folder}: outputs and logs lie there", f"chmod 700 {folder}")
    if len(os.fsencode(folder)) > SOCKET_PATH_MOST:
        return Check(name, Mark.WRONG, f"{folder} is too long a path for a socket", "name a shorter one with --data")
    return Check(name, Mark.OK, str(folder))


def _room(folder: Path) -> Check:
    near = _nearest(folder)
    try:
        usage = shutil.disk_usage(near)
    except OSError as error:
        return Check("disk", Mark.WRONG, f"{near}: {error.strerror}", "name another folder with --data")
    told = f"{usage.free / 1e9:.1f} GB free"
    mend = "make room, or name a folder on another disk with --data"
    if usage.free < FREE_LEAST:
        return Check("disk", Mark.WRONG, told, mend)
    if hasattr(os, "statvfs"):
        files = os.statvfs(near)
        if files.f_files and files.f_favail < 10_000:
            return Check("disk", Mark.WRONG, f"{told}, but only {files.f_favail} more files", mend)
    return Check("disk", Mark.OK, told)


def _seal_key(key: Path) -> Check:
    if not key.exists():
        return Check("seal key", Mark.OK, "none yet: it is made with the first secret")
    mode = stat.S_IMODE(key.stat().st_mode)
    if os.name == "posix" and mode & 0o077:
        return Check("seal key", Mark.WRONG, f"{key} may be read by others ({mode:03o})", f"chmod 600 {key}")
    return Check(
        "seal key",
        Mark.NOTE,
        f"{key} lies beside the data that it seals",
        "leave it out of copies of the data folder, and keep a copy of it elsewhere",
    )


def sqlite() -> Check:
    """The SQLite that the store is written with: apsw's own, not the system's."""
    try:
        import apsw
    except ImportError as error:
        return Check("sqlite", Mark.WRONG, f"apsw cannot be loaded: {error}", "pip install --force-reinstall apsw")
    told = apsw.sqlite_lib_version()
    if tuple(int(part) for part in told.split(".")) < SQLITE_LEAST:
        least = ".".join(map(str, SQLITE_LEAST))
        return Check("sqlite", Mark.WRONG, f"SQLite {told} can damage a database", f'pip install "apsw>={least}"')
    return Check("sqlite", Mark.OK, f"SQLite {told}")


def re2() -> Check:
    """RE2: without it no regular expression of a flow can be run safely."""
    try:
        import re2

        fine = re2.compile("(a+)+b").search("a" * 40) is None
    except Exception as error:  # noqa: BLE001 - whatever a broken wheel raises is the finding
        return Check("re2", Mark.WRONG, f"cannot be loaded: {error}", "pip install --force-reinstall google-re2")
    if not fine:
        return Check("re2", Mark.WRONG, "answers wrongly", "pip install --force-reinstall google-re2")
    return Check("re2", Mark.OK, "regular expressions run in linear time")


def cgroups(root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> Check:
    """Whether limits can be set for a whole tree of processes: cgroup v2, delegated to us."""
    name = "cgroups"
    if sys.platform != "linux":
        return Check(name, Mark.NOTE, "not on this system: limits count for each process", "nothing to do")
    if not (root / "cgroup.controllers").exists():
        return Check(name, Mark.NOTE, "no cgroup v2: limits count for each process", "boot with cgroup v2 for more")
    try:
        inner = next(line[3:] for line in own.read_text().splitlines() if line.startswith("0::"))
        here = root / inner.strip("/")
        controllers = set((here / "cgroup.controllers").read_text().split())
    except (OSError, StopIteration):
        return Check(name, Mark.NOTE, "our cgroup cannot be found: limits count for each process", "nothing to do")
    if not os.access(here / "cgroup.procs", os.W_OK) or not {"memory", "pids"} <= controllers:
        return Check(
            name,
            Mark.NOTE,
            "cgroup v2 is not delegated to us: limits count for each process, not for its tree",
            "start with `systemd-run --user --scope -p Delegate=yes penstock …` where they must",
        )
    return Check(name, Mark.OK, "cgroup v2, delegated: limits count for whole trees of processes")


def _tokens(environ: Mapping[str, str]) -> Iterator[Check]:
    """Files with credentials: there, and closed to others."""
    for variable in ("PENSTOCK_GIT_TOKEN_FILE", "PENSTOCK_GIT_SSH_KEY"):
        if not environ.get(variable):
            continue
        file = Path(environ[variable]).expanduser()
        name = variable.removeprefix("PENSTOCK_").lower().replace("_", " ")
        if not file.is_file() or not os.access(file, os.R_OK):
            yield Check(name, Mark.WRONG, f"{file} cannot be read", f"mend the path in {variable}")
        elif os.name == "posix" and stat.S_IMODE(file.stat().st_mode) & 0o077:
            yield Check(name, Mark.WRONG, f"{file} may be read by others", f"chmod 600 {file}")
        else:
            yield Check(name, Mark.OK, str(file))


def process_trees(platform: str) -> Check:
    """Whether a task can be killed with everything that it started."""
    if platform == "darwin":
        return Check(
            "process trees",
            Mark.NOTE,
            "on macOS a child that calls setsid may survive the kill of its task",
            "see to the end of such a child in the script itself",
        )
    if platform == "win32":
        return Check("process trees", Mark.NOTE, "`run` and `agent` work on Linux and macOS", "validate works here")
    return Check("process trees", Mark.OK, "a task is killed with everything that it started")


def _nearest(folder: Path) -> Path:
    """The folder itself, or what of its path is there."""
    return next(above for above in (folder, *folder.parents) if above.exists())
