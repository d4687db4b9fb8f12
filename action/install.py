"""Installs Penstock for the steps of an action: the version that was checked out with it, or a release by its number.

`place` says where it goes and by what the cache finds it again; `install` puts it there, unless it came from the cache.
Standard library alone: this runs before anything is installed.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent
INSTALLED = ("pyproject.toml", "README.md", "LICENSE", "engine", "cli", "schemas", "action/constraints.txt")
"""What a wheel is made of."""

INSTALLER = "uv==0.13.9"
"""Takes a third of pip's time, of which there is little where nothing is cached."""

CONSTRAINTS = Path(__file__).resolve().parent / "constraints.txt"
"""What it needs in versions that were tested together; made by `uv pip compile --universal`."""

VERSION = re.compile(r"\d+(?:\.\d+)*(?:(?:a|b|rc)\d+)?")


def main(what: str) -> None:
    version = os.environ.get("ACTION_VERSION", "").strip()
    if version and not VERSION.fullmatch(version):
        sys.exit(f"::error title=penstock::the input `version` is no version: {shown(version)}")
    home = Path(os.environ["RUNNER_TEMP"]) / "penstock-home"
    program = home / ("Scripts/penstock.exe" if os.name == "nt" else "bin/penstock")
    if what == "place":
        tell(home=str(home), key=key(version), program=str(program))
    elif what == "install":
        install(home, program, version)
    else:
        sys.exit(f"{what}: place or install")


def key(version: str) -> str:
    """The interpreter's path is in it, because an environment points to it."""
    interpreter = hashlib.sha256(f"{sys.executable} {sys.version}".encode()).hexdigest()[:12]
    what = version or digest()
    return f"penstock-{platform.system()}-{platform.machine()}-{interpreter}-{what}"


def digest() -> str:
    """Of all that is installed from the checkout."""
    whole = hashlib.sha256()
    for name in INSTALLED:
        for path in sorted([SOURCE / name, *(SOURCE / name).rglob("*")]):
            if path.is_file() and "__pycache__" not in path.parts:
                whole.update(f"{path.relative_to(SOURCE).as_posix()}\0".encode())
                whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()[:32]


def install(home: Path, program: Path, version: str) -> None:
    if program.exists() and works(program):
        print("Penstock is here already")
        return
    subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(home)], check=True)
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    wanted = f"penstock=={version}" if version else str(SOURCE)
    with tempfile.TemporaryDirectory(dir=home.parent) as folder:
        quiet = ["--quiet", "--no-input", "--disable-pip-version-check", "--no-compile"]
        subprocess.run([sys.executable, "-m", "pip", "install", *quiet, "--target", folder, INSTALLER], check=True)
        uv = Path(folder) / ("bin/uv.exe" if os.name == "nt" else "bin/uv")
        within = ["--python", str(python), "--constraint", str(CONSTRAINTS)]
        subprocess.run([str(uv), "pip", "install", "--quiet", "--no-cache", *within, wanted], check=True)
    if not works(program):
        sys.exit("::error title=penstock::Penstock was installed, and does not start")


def works(program: Path) -> bool:
    """Whether it starts: a cache may be of a machine that is another one by now."""
    return subprocess.run([str(program), "--version"], check=False, timeout=60).returncode == 0


def tell(**outputs: str) -> None:
    """Outputs of this step. All of them are made here, of paths and digests: none has a line break."""
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as file:
        file.writelines(f"{name}={value}\n" for name, value in outputs.items())


def shown(text: str) -> str:
    return re.sub(r"[^\w.+-]", "?", text)[:40]


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
