"""The private folder of an attempt: made whole or not at all, and what the files in it tell.

<root>/<name>/        0700, HOME of the program
    work/             its working directory, unless it shares one
    .run/             ours: out, err, pid (the claim), exit, order.json, stop, paused, wrapper
<root>/<workspace>/   0700
    work/             the working directory that several attempts share
<root>/.staging/      folders being made        <root>/.trash/   folders being removed
"""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
import shutil
import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from penstock.adapters.process import wrapper
from penstock.errors import Stalled, UserError
from penstock.ports.runner import OUTPUT_DIR, WORKING_DIR_MARK, Order

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}")
_OUTPUT_MODE = 0o600
_NO_PLACE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}


@dataclass(frozen=True, slots=True)
class Ended:
    """What the wrapper told at the end. `code` is None when it could not start the program at all."""

    code: int | None
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Folder:
    """The paths of one attempt. Nothing is said about their existence."""

    path: Path
    run: Path = field(init=False)
    work: Path = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "run", self.path / ".run")
        object.__setattr__(self, "work", self.path / "work")

    @classmethod
    def of(cls, root: Path, name: str) -> Folder:
        """Raises UserError for a name that is no plain file name."""
        if not _NAME.fullmatch(name):
            raise UserError(f"`{name!r}` is no name for an attempt: letters, digits, `.`, `_`, `-`, at most 200")
        return cls(root / name)

    @property
    def mark(self) -> str:
        """What every process of the attempt inherits in its environment. Another runner's may have the same name."""
        return str(self.path)

    def output(self, stream: str) -> Path:
        return self.run / ("out" if stream == "stdout" else "err")

    # ── making ──

    def prepare(self, order: Order, staging: Path, shared: Folder | None = None) -> bool:
        """Make it with the order's files, and rename it into place; False when it was there already.

        With `shared` the files go into the working directory there, which is made: before the rename, so that what a
        crash has cut short is done again.
        """

        def fill(made: Folder) -> None:
            made.run.mkdir(mode=0o700)
            for stream in ("stdout", "stderr"):
                os.close(os.open(made.output(stream), os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, _OUTPUT_MODE))
            told: dict[str, Any] = {"processes": order.limits.processes, "labels": dict(order.labels)}
            if shared is not None:
                told["workspace"] = shared.path.name
            (made.run / "order.json").write_text(json.dumps(told))
            work, seen_as = (made.work, self.work) if shared is None else (shared.work, shared.work)
            (work / OUTPUT_DIR).mkdir(parents=shared is None, exist_ok=True, mode=0o700)
            lay(work, order.files, str(seen_as))

        return self._made(staging, fill)

    def furnish(self, files: Mapping[PurePosixPath, bytes | str], staging: Path) -> bool:
        """Make a working directory for several, with `files`; False when it was there already: it stays as it is."""

        def fill(made: Folder) -> None:
            made.work.mkdir(mode=0o700)
            lay(made.work, files, str(self.work))

        return self._made(staging, fill)

    def _made(self, staging: Path, fill: Callable[[Folder], None]) -> bool:
        """Have it filled elsewhere, and rename it into place: whole, by one alone."""
        if self.path.exists():
            return False
        made = Folder(staging / secrets.token_hex(8))
        try:
            staging.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            staging.mkdir(exist_ok=True, mode=0o700)
            made.path.mkdir(mode=0o700)
            fill(made)
            made.path.rename(self.path)
        except OSError as error:
            shutil.rmtree(made.path, ignore_errors=True)
            if self.path.exists():  # somebody else was faster
                return False
            if error.errno in _NO_PLACE:
                raise Stalled(
                    f"the folder of the attempt could not be made in {self.path.parent}: {error.strerror}",
                    help="make room there, or see that its user may write; then run it again",
                ) from error
            raise UserError(f"the folder of the attempt could not be made: {error}") from error
        except BaseException:
            shutil.rmtree(made.path, ignore_errors=True)
            raise
        return True

    # ── what is known ──

    @property
    def is_claimed(self) -> bool:
        """Whether a wrapper has begun: from then on there is never a second one."""
        return (self.run / "pid").exists()

    def wrapper_pid(self) -> tuple[int, int] | None:
        """The wrapper's pid and start time; None while the file is not whole."""
        text = self._text("pid")
        match = re.fullmatch(r"(\d+) (\d+)\n", text)
        return (int(match[1]), int(match[2])) if match else None

    def ended(self) -> Ended | None:
        """How the program ended, once the wrapper has told."""
        text = self._text("exit")
        if not text:
            return None
        first, _, times = text.partition("\n")
        return Ended(None if first == wrapper.NOT_STARTED else int(first), _seconds(times))

    def processes(self) -> int | None:
        """How many processes the order allows."""
        allowed = self._ordered("processes")
        return allowed if isinstance(allowed, int) else None

    def workspace(self) -> str | None:
        """The name of the working directory that it shares."""
        name = self._ordered("workspace")
        return name if isinstance(name, str) else None

    def _ordered(self, what: str) -> Any:
        try:
            return json.loads(self._text("order.json") or "{}").get(what)
        except ValueError:
            return None

    def wall_s(self) -> float | None:
        """From the wrapper's claim to its last word."""
        try:
            return max(0.0, (self.run / "exit").stat().st_mtime - (self.run / "pid").stat().st_mtime)
        except OSError:
            return None

    def last_words(self) -> str:
        """What the wrapper itself complained about."""
        return self._text("wrapper").strip()[-500:]

    # ── what a later follower must know ──

    def noted(self, what: str) -> str | None:
        try:
            return (self.run / what).read_text()
        except OSError:
            return None

    def note(self, what: str, text: str) -> None:
        """Keep `text` under `what`: whole, or not at all."""
        temporary = self.run / f"{what}.tmp"
        temporary.write_text(text)
        temporary.replace(self.run / what)

    def forget(self, what: str) -> None:
        (self.run / what).unlink(missing_ok=True)

    def _text(self, name: str) -> str:
        try:
            with open(f"{self.run}/{name}", errors="replace") as file:  # noqa: PTH123 - a Path costs as much as the read
                return file.read()
        except OSError:
            return ""

    # ── the end ──

    def remove(self, trash: Path) -> None:
        """Free the name at once, then the space. What cannot be deleted now is deleted with the next trash."""
        trash.mkdir(parents=True, exist_ok=True, mode=0o700)
        doomed = trash / secrets.token_hex(8)
        with suppress(FileNotFoundError):
            self.path.rename(doomed)
            clear(doomed)


def clear(folder: Path) -> None:
    """Delete a tree, also folders that forbid it. Links are deleted, never followed."""

    def allow(_: object, path: str, __: object) -> None:
        for each in (Path(path).parent, Path(path)):
            with suppress(OSError):
                if stat.S_ISDIR(each.lstat().st_mode):
                    each.chmod(0o700)
        with suppress(OSError):
            if Path(path).is_dir() and not Path(path).is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                Path(path).unlink()

    for _ in range(3):  # a folder is opened up where it resists, and gone the next time
        if not folder.exists():
            return
        shutil.rmtree(folder, onerror=allow)


def lay(work: Path, files: Mapping[PurePosixPath, bytes | str], seen_as: str) -> None:
    """Lay files into a working directory. Raises UserError for a path that leads out, or a file that is not there."""
    for path, content in files.items():
        target = work / inside(path)
        _clear_way(work, path)
        if isinstance(content, bytes):
            target.write_bytes(content.replace(WORKING_DIR_MARK.encode(), seen_as.encode()))
            continue
        try:
            shutil.copyfile(content, target)
        except FileNotFoundError as error:
            raise UserError(f"the input file `{path}` cannot be laid down: `{content}` does not exist") from error


def _clear_way(work: Path, path: PurePosixPath) -> None:
    """Make the folders on the way to a file, and take away what stands in its place. Raises UserError for a link on the
    way: a program that had the directory before may have put it there."""
    way = work
    for part in path.parts[:-1]:
        way /= part
        if way.is_symlink():
            raise UserError(f"`{path}` cannot be laid down: a symbolic link stands on the way to it")
        way.mkdir(exist_ok=True, mode=0o700)
    target = way / path.name
    if target.is_symlink() or target.is_file():
        target.unlink()


def inside(path: PurePosixPath) -> PurePosixPath:
    """`path` itself. Raises UserError unless it is relative and stays below where it starts."""
    text = str(path)
    if path.is_absolute() or ".." in path.parts or "\0" in text or not path.parts:
        raise UserError(f"`{text}` leads out of the working directory", help="use a relative path without `..`")
    return path


def _seconds(times: str) -> float:
    """The sum of what `times` prints: `0m0.010000s` four times."""
    found = re.findall(r"(\d+)m([\d.]+)s", times.replace(",", "."))
    return sum(int(minutes) * 60 + float(seconds) for minutes, seconds in found)
