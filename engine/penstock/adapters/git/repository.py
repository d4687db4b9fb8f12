"""A bare repository of our own on the disk: made whole or not at all, cleared of what a crash left, packed anew."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from penstock.adapters.git.command import MOST_PACKS, GitCommand
from penstock.errors import Stalled

_MARKER = "penstock-url"
_LOCKS = ("*.lock", "refs/**/*.lock", "objects/**/*.lock")
_LEFT_OVER = ("objects/pack/*.keep", "objects/pack/tmp_*", "objects/pack/.tmp-*", "objects/??/tmp_obj_*")


def is_made(folder: Path, identity: str) -> bool:
    """Whether a whole repository for that remote lies there; one that a crash left half exchanged is put back."""
    spare = _spare(folder)
    if spare.is_dir() and not folder.exists():
        spare.rename(folder)
    try:
        return (folder / "HEAD").is_file() and (folder / _MARKER).read_text(encoding="utf-8") == identity
    except (OSError, UnicodeDecodeError):
        return False


def make(folder: Path, identity: str, fill: Callable[[Path], None], *, options: tuple[str, ...] = ()) -> None:
    """A new repository in the place of whatever is there, once `fill` has filled it beside its place. What `fill`
    raises leaves the old one as it was. Raises Stalled when the disk does not take it."""
    staged = folder.with_name(folder.name + ".new")
    try:
        shutil.rmtree(staged, ignore_errors=True)
        shutil.rmtree(_spare(folder), ignore_errors=True)
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        GitCommand(staged).run("init", "--quiet", "--bare", "--template=", *options, str(staged))
        (staged / _MARKER).write_text(identity, encoding="utf-8")
        fill(staged)
        if folder.exists():
            folder.rename(_spare(folder))
        staged.rename(folder)
        shutil.rmtree(_spare(folder), ignore_errors=True)
    except OSError as error:
        raise Stalled(f"the repository cannot be written to {folder}: {error.strerror}") from error
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def clear_left_overs(folder: Path) -> None:
    """Remove what a git that was killed has left. One process uses a repository, so whoever held a lock is gone."""
    for pattern in (*_LOCKS, *_LEFT_OVER):
        for stale in folder.glob(pattern):
            stale.unlink(missing_ok=True)


def pack_anew(git: GitCommand) -> None:
    """Pack the repository once it has gathered many packs, and drop what nothing refers to any more."""
    if sum(1 for _ in (git.folder / "objects" / "pack").glob("*.pack")) > MOST_PACKS:
        git.run("gc", "--quiet", "--prune=now", timeout_s=1800)


def _spare(folder: Path) -> Path:
    return folder.with_name(folder.name + ".old")
