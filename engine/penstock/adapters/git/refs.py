"""A ref of a repository on this disk, read as git stores it: a file of its own, else a line of `packed-refs`.

No process is started, and nothing is waited for. What is stored in any other way (a symbolic ref, the reftable format)
is left to git: the answer is None.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from penstock.adapters.git.command import OBJECT_ID

MOST_PACKED = 64 * 1024 * 1024
"""A longer `packed-refs` is left to git."""

_MOST_TEXT = 4096


def head_of(path: Path, ref: str) -> str | None:
    """Where `ref` stands in the repository that a person names by `path`: a bare one, a work tree, or a linked one."""
    folder = _refs_folder(path)
    return read_ref(folder, ref) if folder is not None else None


def read_ref(folder: Path, ref: str) -> str | None:
    """Where `ref` stands in the bare repository `folder`; None where it does not stand there, or git must be asked."""
    text = _content(folder / ref, _MOST_TEXT)
    if text is not None:
        found = text.decode("ascii", "replace").strip()
        return found if OBJECT_ID.fullmatch(found) else None
    packed = _content(folder / "packed-refs", MOST_PACKED)
    if packed is None:
        return None
    end = packed.find(b" " + ref.encode() + b"\n")
    found = packed[packed.rfind(b"\n", 0, max(end, 0)) + 1 : max(end, 0)].decode("ascii", "replace")
    return found if OBJECT_ID.fullmatch(found) else None


def names_below(folder: Path, prefix: str) -> set[str]:
    """The refs of the bare repository `folder` that lie in `prefix`, whatever became of what they stand at."""
    packed = (_content(folder / "packed-refs", MOST_PACKED) or b"").decode("utf-8", "replace")
    names = {line.partition(" ")[2] for line in packed.splitlines()}
    with suppress(OSError):  # the folder is not there, or cannot be listed any more
        names |= {prefix + file.name for file in (folder / prefix).iterdir()}
    return {name for name in names if name.startswith(prefix)}


def _refs_folder(path: Path) -> Path | None:
    """The folder that git would take for this path, in the order in which it looks; of a linked work tree the one that
    it shares with the others."""
    for folder in (path / ".git", path, path.with_name(path.name + ".git")):
        found = _led_to(folder) if folder.is_file() else folder
        if found is not None and (found / "HEAD").is_file():
            shared = _content(found / "commondir", _MOST_TEXT)
            common = found / os.fsdecode(shared).strip() if shared is not None else found
            is_usual = (common / "objects").is_dir() and not (common / "reftable").exists()
            return common if is_usual else None
    return None


def _led_to(file: Path) -> Path | None:
    """Where a `.git` that is a file leads."""
    text = os.fsdecode(_content(file, _MOST_TEXT) or b"")
    return file.parent / text.removeprefix("gitdir: ").rstrip("\n") if text.startswith("gitdir: ") else None


def _content(path: Path, most: int) -> bytes | None:
    """None for what is no file, cannot be read, or is longer than `most`."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe in its place is not waited for
        try:
            size = os.fstat(number).st_size
            is_fit = stat.S_ISREG(os.fstat(number).st_mode) and size <= most
            return os.read(number, size) if is_fit else None
        finally:
            os.close(number)
    except OSError:
        return None
