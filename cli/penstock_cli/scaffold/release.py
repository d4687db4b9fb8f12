"""The commit that this Penstock was made of: what a workflow pins the Action by."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from penstock import __version__
from penstock.errors import UserError

ACTION = "penstock/penstock/action"
RELEASED = "commit.txt"
"""Written into the wheel by the workflow that releases it."""

_COMMIT = re.compile(r"[0-9a-f]{40}")
_GIVEN = re.compile(r"([\w.-]+/[\w.-]+(?:/[\w.-]+)*)@([0-9a-f]{40})", re.ASCII)


@dataclass(frozen=True, slots=True)
class ActionPin:
    """`shown` is what stands beside the commit for a person, and for whoever updates it."""

    action: str
    commit: str
    shown: str


def action_pin(given: str | None) -> ActionPin:
    """What was given as `OWNER/REPOSITORY/PATH@COMMIT`, else the commit of this very version. Raises UserError."""
    if given is not None:
        found = _GIVEN.fullmatch(given)
        if found is None:
            raise UserError(f"--action: {given} is not OWNER/REPOSITORY/PATH@COMMIT", help="pin it by 40 hex digits")
        return ActionPin(found[1], found[2], "chosen with --action")
    commit = _released() or _installed_from()
    if commit is None:
        raise UserError(
            "this Penstock does not know which commit it was made of, so it cannot pin the Action",
            help=f"name it: --action {ACTION}@COMMIT",
        )
    return ActionPin(ACTION, commit, f"v{__version__}")


def _released() -> str | None:
    path = files("penstock_cli") / RELEASED
    return _commit(path.read_text(encoding="ascii")) if path.is_file() else None


def _installed_from() -> str | None:
    """As the installer has noted it (PEP 610): a repository at a commit, or a folder whose commit Git tells."""
    try:
        noted = _direct_url(distribution("penstock"))
    except PackageNotFoundError:
        return None
    vcs = noted.get("vcs_info")
    if isinstance(vcs, dict):
        return _commit(str(vcs.get("commit_id", "")))
    url = urlsplit(str(noted.get("url", "")))
    return _checked_out(Path(url2pathname(url.path))) if url.scheme == "file" else None


def _direct_url(installed: Distribution) -> dict[str, object]:
    noted = json.loads(installed.read_text("direct_url.json") or "{}")
    return noted if isinstance(noted, dict) else {}


def _checked_out(folder: Path) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), "rev-parse", "--verify", "HEAD"],
            capture_output=True, text=True, timeout=10, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return _commit(done.stdout) if done.returncode == 0 else None


def _commit(text: str) -> str | None:
    return text.strip() if _COMMIT.fullmatch(text.strip()) else None
