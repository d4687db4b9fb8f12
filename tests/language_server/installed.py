"""The pinned language server, installed through npm once and kept from one run of the tests to the next."""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

from docker_engine.images import cache

_HERE = Path(__file__).parent
_LOCK = _HERE / "package-lock.json"


def version() -> str:
    return str(json.loads((_HERE / "package.json").read_text())["dependencies"]["yaml-language-server"])


def language_server() -> Path | str:
    """The program, installed where it is not yet; a sentence where there can be none. May be asked by many at once."""
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    if missing:
        return "missing programs: " + ", ".join(missing)
    place = cache() / f"language-server-{sha256(_LOCK.read_bytes()).hexdigest()[:12]}"
    program = place / "node_modules" / "yaml-language-server" / "bin" / "yaml-language-server"
    place.mkdir(parents=True, exist_ok=True)
    with (place / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not (place / "complete").exists():
            for name in ("package.json", "package-lock.json"):
                shutil.copy(_HERE / name, place)
            done = subprocess.run(
                ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"],
                cwd=place, capture_output=True, text=True, timeout=300,
            )  # fmt: skip
            if done.returncode != 0:
                return f"npm could not install yaml-language-server {version()}: {done.stderr.strip()[-300:]}"
            (place / "complete").touch()
    return program
