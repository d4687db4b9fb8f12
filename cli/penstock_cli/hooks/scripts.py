"""The scripts in a repository's `hooks/`: written, known again, and taken away; those of others stay."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from penstock.errors import Refused

_MARK = "# Written by `penstock hook install`; `penstock hook uninstall` takes it away."
_SET_ASIDE = ".replaced"
_SCRIPT = """\
#!/bin/sh
{mark}
if [ ! -x {program} ]; then
    echo "penstock is not where the hook $0 looks for it: tell who keeps this repository" >&2
    exit 1
fi
exec {call}
"""


@dataclass(frozen=True, slots=True)
class Hook:
    """One of git's hooks, and how Penstock is called from it."""

    name: str
    arguments: Sequence[str]

    @property
    def script(self) -> str:
        """What is written; the same for the same arguments."""
        program = _program()
        call = shlex.join([*program, "hook", self.name, *self.arguments])
        return _SCRIPT.format(mark=_MARK, program=shlex.quote(program[0]), call=call)


@dataclass(frozen=True, slots=True)
class Done:
    """What came of one hook: `wrote`, `kept`, `removed`, `restored`; `aside` is where the one that was there lies."""

    what: str
    path: Path
    aside: Path | None = None


def install(folder: Path, hooks: Sequence[Hook], *, force: bool) -> Iterator[Done]:
    """Write them all, or none: a hook of somebody else is set aside with `force`, and else Refused."""
    if not force:
        for hook in hooks:
            if _is_foreign(folder / hook.name):
                raise Refused(
                    f"{folder / hook.name} is there, and is not Penstock's",
                    help="call penstock from it, or have it set aside with --force",
                )
    folder.mkdir(exist_ok=True)
    for hook in hooks:
        path, aside = folder / hook.name, None
        if _text(path) == hook.script and os.access(path, os.X_OK):
            yield Done("kept", path)
            continue
        if _is_foreign(path):
            aside = path.with_name(path.name + _SET_ASIDE)
            path.replace(aside)
        _put(path, hook.script)
        yield Done("wrote", path, aside)


def uninstall(folder: Path, names: Sequence[str]) -> Iterator[Done]:
    """Take away those of ours; what was set aside for one comes back. Others stay as they are."""
    for name in names:
        path = folder / name
        if not _is_ours(path):
            continue
        aside = path.with_name(name + _SET_ASIDE)
        if os.path.lexists(aside):
            aside.replace(path)
            yield Done("restored", path)
        else:
            path.unlink()
            yield Done("removed", path)


def _program() -> list[str]:
    """This program by an absolute path. The name it was called by stays: it is what outlives an upgrade."""
    called = Path(sys.argv[0])
    if called.name == "penstock" and called.is_file():
        return [str(called.absolute())]
    return [sys.executable, "-P", "-m", "penstock_cli"]


def _put(path: Path, script: str) -> None:
    """Whole or not at all: a push may come meanwhile."""
    staged = path.with_name(f".{path.name}.new")
    staged.write_text(script, encoding="utf-8", errors="surrogateescape", newline="\n")
    staged.chmod(0o755)
    staged.replace(path)


def _is_foreign(path: Path) -> bool:
    return os.path.lexists(path) and not _is_ours(path)


def _is_ours(path: Path) -> bool:
    return not path.is_symlink() and _MARK in _text(path).splitlines()


def _text(path: Path) -> str:
    """What is in a file; nothing of one that is not there, or that is none."""
    return path.read_text(encoding="utf-8", errors="surrogateescape") if path.is_file() else ""
