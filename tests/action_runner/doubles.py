"""Other people's actions, as far as ours use them: the same inputs and outputs, a folder in place of a service."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from action_runner.expression import Unknown


class Failed(Exception):
    """The step fails, as it would there."""


@dataclass
class Services:
    """What lives longer than a job: caches by their keys, artifacts by run and name."""

    folder: Path
    restored: list[str] = field(default_factory=list)
    saved: list[str] = field(default_factory=list)

    def cache(self, key: str) -> Path:
        return self.folder / "caches" / key.replace("/", "_")

    def artifact(self, run: str, name: str) -> Path:
        return self.folder / "artifacts" / run / name


@dataclass
class Use:
    """One use of an action: `after` is what it does when the job is over and has not failed."""

    outputs: Mapping[str, str] = field(default_factory=dict)
    after: Callable[[], None] | None = None


def use(name: str, given: Mapping[str, str], services: Services, github: Mapping[str, object]) -> Use:
    """Do what the action of that name does. Raises Unknown for any other, and for an input that is not known."""
    double = _DOUBLES.get(name)
    if double is None:
        raise Unknown(f"the action {name}")
    known, function = double
    strange = sorted(set(given) - known)
    if strange:
        raise Unknown(f"the input {strange[0]!r} of {name}")
    return function(given, services, github)


def _setup_python(given: Mapping[str, str], _: Services, __: Mapping[str, object]) -> Use:
    if given.get("update-environment", "true") != "false":
        raise Unknown("setup-python that changes the environment of the caller's job")
    version = f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"
    return Use({"python-path": sys.executable, "python-version": version, "cache-hit": "false"})


def _cache(given: Mapping[str, str], services: Services, _: Mapping[str, object]) -> Use:
    kept, place = services.cache(given["key"]), Path(given["path"])
    if kept.is_dir():
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(kept, place, symlinks=True, copy_function=os.link)
        services.restored.append(given["key"])
        return Use({"cache-hit": "true", "cache-primary-key": given["key"], "cache-matched-key": given["key"]})

    def save() -> None:
        if place.exists():
            shutil.copytree(place, kept, symlinks=True)
            services.saved.append(given["key"])

    return Use({"cache-hit": "false", "cache-primary-key": given["key"], "cache-matched-key": ""}, save)


def _upload(given: Mapping[str, str], services: Services, github: Mapping[str, object]) -> Use:
    source = Path(given["path"])
    if not source.exists():
        if given.get("if-no-files-found", "warn") == "error":
            raise Failed(f"nothing to upload at {source}")
        return Use()
    kept = services.artifact(str(github["run_id"]), given["name"])
    kept.mkdir(parents=True)
    for path in [source] if source.is_file() else sorted(source.iterdir()):
        shutil.copy(path, kept / path.name)
    return Use({"artifact-id": "1"})


def _download(given: Mapping[str, str], services: Services, github: Mapping[str, object]) -> Use:
    kept = services.artifact(given.get("run-id") or str(github["run_id"]), given["name"])
    if not kept.is_dir():
        raise Failed(f"there is no artifact {given['name']}")
    target = Path(str(github["workspace"])) / given["path"]
    target.mkdir(parents=True, exist_ok=True)
    for path in kept.iterdir():
        shutil.copy(path, target / path.name)
    return Use({"download-path": str(target)})


_DOUBLES: dict[str, tuple[set[str], Callable[[Mapping[str, str], Services, Mapping[str, object]], Use]]] = {
    "actions/setup-python": ({"python-version", "update-environment"}, _setup_python),
    "actions/cache": ({"path", "key"}, _cache),
    "actions/upload-artifact": ({"name", "path", "if-no-files-found", "retention-days", "overwrite"}, _upload),
    "actions/download-artifact": ({"name", "path", "run-id", "github-token", "repository"}, _download),
}
