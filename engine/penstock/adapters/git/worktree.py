"""Where a file that a person runs comes from: its repository, commit and blob, and whether it differs from HEAD."""

from __future__ import annotations

import os
import subprocess
from hashlib import sha1
from pathlib import Path
from typing import Any

TIMEOUT_S = 10


def provenance(path: Path, content: bytes) -> dict[str, Any]:
    """`repository`, `commit`, `path`, `blob`, `dirty` of a file. `commit` is None where the file is not, as it is, in
    HEAD. Empty outside a repository, and where there is no git: then nothing is known, and nothing is claimed."""
    folder = path.absolute().parent
    top = _git(folder, "rev-parse", "--show-toplevel")
    if top is None:
        return {"path": str(path)}
    inside = path.resolve().relative_to(Path(top).resolve()).as_posix()
    blob = sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    committed = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"HEAD:{inside}")
    clean = committed == blob
    return {
        "repository": _git(folder, "config", "--get", "remote.origin.url") or top,
        "commit": _git(folder, "rev-parse", "HEAD") if clean else None,
        "path": inside,
        "blob": blob,
        "dirty": not clean,
    }


def _git(folder: Path, *args: str) -> str | None:
    """What git says, without what the environment would have it read; None when it says no, or is not there."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    argv = ["git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", *args]
    try:
        done = subprocess.run(
            argv,
            cwd=folder,
            env={**kept, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
