"""A bare repository of our own on the disk: made whole or not at all, cleared of what a crash left, packed anew."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from penstock.adapters.git.command import MOST_PACKS, GitCommand
from penstock.errors import Retryable, Stalled

_MARKER = "penstock-url"
_LOCKS = ("*.lock", "refs/**/*.lock", "objects/**/*.lock")
_LEFT_OVER = ("objects/pack/*.keep", "objects/pack/tmp_*", "objects/pack/.tmp-*", "objects/??/tmp_obj_*")


def is_made(folder: Path, identity: str) -> bool:
    """Whether a whole repository for that remote lies there; one that a crash left half exchanged is put back."""
    try:
        if not folder.exists() and _spare(folder).is_dir():
            _spare(folder).rename(folder)
        return (folder / "HEAD").is_file() and (folder / _MARKER).read_text(encoding="utf-8") == identity
    except (OSError, UnicodeDecodeError):
        return False


def make(folder: Path, identity: str, fill: Callable[[Path], None], *, options: tuple[str, ...] = ()) -> None:
    """A new repository in the place of whatever is there, once `fill` has filled it beside its place. What `fill`
    raises leaves the old one as it was. Raises Stalled when the disk does not take it."""
    staged = _staged(folder)
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


def unmake(folder: Path) -> None:
    """Have a repository that is damaged made anew by whoever uses it next, in this process or another."""
    with suppress(OSError):  # then it is found damaged again
        (folder / _MARKER).unlink()


def clear_left_overs(folder: Path) -> None:
    """Remove what a git that was killed has left. One process uses a repository, so whoever held a lock is gone.
    Raises Retryable when the disk does not let it."""
    try:
        for pattern in (*_LOCKS, *_LEFT_OVER):
            for stale in folder.glob(pattern):
                stale.unlink(missing_ok=True)
        for aside in (_staged(folder), _spare(folder)):
            if aside.exists():
                shutil.rmtree(aside)
    except OSError as error:
        raise Retryable(f"what a crash left in {folder} cannot be removed: {error.strerror}") from error


def pack_anew(git: GitCommand) -> bool:
    """Pack the repository once it has gathered many packs, and drop what nothing refers to any more. Whether that went
    well: what fails is tried again after the next fetch, and is no reason to do without what was fetched."""
    if sum(1 for _ in (git.folder / "objects" / "pack").glob("*.pack")) <= MOST_PACKS:
        return True
    try:
        return git.call(("gc", "--quiet", "--force", "--prune=now"), timeout_s=1800)[0] == 0
    except Retryable:
        return False


def _staged(folder: Path) -> Path:
    return folder.with_name(folder.name + ".new")


def _spare(folder: Path) -> Path:
    return folder.with_name(folder.name + ".old")
