"""Where things lie on this machine: the Git tree around a folder, the settings files, the local state."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from penstock.errors import UserError

PROJECT_FILE = "penstock.yaml"
PROGRAM = "penstock"


def git_root(folder: Path) -> Path | None:
    """The root of the Git tree that `folder` lies in; None outside of one. A worktree's `.git` is a file."""
    here = folder.resolve()
    return next((above for above in (here, *here.parents) if (above / ".git").exists()), None)


def project_file(folder: Path) -> Path | None:
    """The `penstock.yaml` that counts for a folder: looked for upward, at most to the root of the Git tree.

    Outside of a Git tree only the folder itself is looked at: a file further up is not of this project.
    """
    here, root = folder.resolve(), git_root(folder)
    for above in (here, *here.parents):
        if (above / PROJECT_FILE).is_file():
            return above / PROJECT_FILE
        if root is None or above == root:
            return None
    return None


def user_file(environ: Mapping[str, str] = os.environ) -> Path | None:
    """The user's own settings: `$XDG_CONFIG_HOME/penstock/config.yaml`, by default below `~/.config` (macOS too, as
    git and gh have it), on Windows below `%APPDATA%`. None for a user without a home."""
    base = _base(environ, "XDG_CONFIG_HOME", "APPDATA", ".config")
    return base / PROGRAM / "config.yaml" if base is not None else None


def data_folder(
    data: Path | None = None,
    *,
    folder: Path | None = None,
    agent: tuple[str, str, str] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Path:
    """Where the local state lies, absolute; it is not made here. The first of these counts:

    `data` (the flag `--data`), PENSTOCK_DATA, `$XDG_STATE_HOME/penstock/<hash>` (by default below `~/.local/state`, on
    Windows below `%LOCALAPPDATA%`). The hash is of `agent` (URL, branch, path in the repository) where that is
    given, else of the root of the Git tree that `folder` (the working directory) lies in, else of that folder.
    """
    if data is not None:
        return data.absolute()
    told = environ.get("PENSTOCK_DATA")
    if told:
        return Path(told).expanduser().absolute()
    base = _base(environ, "XDG_STATE_HOME", "LOCALAPPDATA", ".local/state")
    if base is None:
        raise UserError("there is no home folder to keep the state in", help="name one with --data or PENSTOCK_DATA")
    here = folder or Path.cwd()
    subject = "\0".join(agent) if agent is not None else str(git_root(here) or here.resolve())
    return base / PROGRAM / hashlib.sha256(os.fsencode(subject)).hexdigest()[:16]


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Where results are kept that can be had again: PENSTOCK_CACHE, else `$XDG_CACHE_HOME/penstock` (by default below
    `~/.cache`, on Windows below `%LOCALAPPDATA%`). None for a user without a home."""
    told = environ.get("PENSTOCK_CACHE")
    if told:
        return Path(told).expanduser().absolute()
    base = _base(environ, "XDG_CACHE_HOME", "LOCALAPPDATA", ".cache")
    return base / PROGRAM if base is not None else None


def _base(environ: Mapping[str, str], xdg: str, windows: str, below_home: str) -> Path | None:
    told = environ.get(xdg, "")
    if told and Path(told).is_absolute():  # the XDG specification has relative ones ignored
        return Path(told)
    if os.name == "nt" and environ.get(windows):
        return Path(environ[windows])
    home = environ.get("HOME") or environ.get("USERPROFILE")
    if home and Path(home).is_absolute():
        return Path(home, below_home)
    try:
        return Path.home() / below_home
    except RuntimeError:
        return None
