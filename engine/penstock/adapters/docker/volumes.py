"""The working directory of a container: a volume of its own, or one that several share, filled and read by the engine.

    /penstock            the volume
    /penstock/work       the working directory, with the owner that the program runs as
    /penstock/furnished  there once the files of a shared one were laid

Nothing here needs a path of this machine, so the engine may be another machine's.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from penstock.adapters.docker.archive import Folder, Haul, Owner, packed
from penstock.adapters.docker.engine import Engine, told
from penstock.errors import Conflict, NotFound, UserError
from penstock.glob import literal_folder, matcher
from penstock.ports.runner import OUTPUT_DIR, Order

MOUNT = "/penstock"
WORK = "work"
WORKING_DIR = f"{MOUNT}/{WORK}"
FURNISHED = "furnished"

IMAGE_LABEL = "penstock.image"
"""On the volume of a workspace: an image that is there, to reach the volume by when no container has it."""

_UNTOUCHED = 315532800  # 1980-01-01, which no clock shows: a folder that still has it got no entry
_SHARED_MODE, _OWN_MODE = 0o777, 0o755
_LINK, _DIRECTORY = 1 << 27, 1 << 31  # as Go tells them


@dataclass(frozen=True, slots=True)
class Entry:
    """What lies at a path in a container."""

    is_folder: bool
    is_link: bool
    mtime: str


class Volumes:
    """The working directories of one engine. Thread-safe."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    # ── in ──

    def lay(self, container: str, order: Order, owner: Owner) -> None:
        """Fill the working directory of a container that is made and not started. Raises UserError, Away."""
        folders = [Folder(f"{WORK}/{OUTPUT_DIR}", _OWN_MODE, _UNTOUCHED)]
        if order.workspace is None:
            folders.insert(0, Folder(WORK, _OWN_MODE))
        elif self.entry(container, f"{MOUNT}/{FURNISHED}") is None:
            shared = [Folder(WORK, _SHARED_MODE)]
            last = {PurePosixPath(FURNISHED): b""}
            self._put(container, shared, order.workspace.files, owner, last)
        self._put(container, folders, order.files, owner)

    def _put(
        self,
        container: str,
        folders: list[Folder],
        files: Mapping[PurePosixPath, bytes | str],
        owner: Owner,
        last: Mapping[PurePosixPath, bytes] | None = None,
    ) -> None:
        """An archive that was cut short by an engine that went away is given again, whole."""

        def given(api: Any) -> None:
            api.put_archive(
                container, MOUNT, packed(folders, files, below=WORK, owner=owner, seen_as=WORKING_DIR, last=last or {})
            )

        self._engine.ask(given)

    # ── out ──

    def entry(self, container: str, path: str) -> Entry | None:
        """What lies at `path`, a link not followed; None for nothing. Raises Away, NotFound (the container)."""

        def asked(api: Any) -> Any:
            url = f"{api.base_url}/v{api.api_version}/containers/{container}/archive"
            answer = api.head(url, params={"path": path}, timeout=api.timeout)
            if answer.status_code not in (200, 404):
                api._raise_for_status(answer)  # noqa: SLF001 - turns the answer into docker-py's own errors
            return answer

        answer = self._engine.ask(asked)
        told_ = answer.headers.get("X-Docker-Container-Path-Stat")
        if told_ is None:
            return None
        found = json.loads(base64.b64decode(told_))
        mode = int(found.get("mode") or 0)
        return Entry(bool(mode & _DIRECTORY), bool(mode & _LINK), str(found.get("mtime") or ""))

    def collect(self, container: str, patterns: Iterable[str]) -> Iterator[tuple[PurePosixPath, BinaryIO]]:
        """The regular files of the working directory that match, by path. Raises UserError, Away."""
        patterns = list(patterns)
        haul = Haul(matcher(patterns))
        for place in _outermost(literal_folder(pattern) for pattern in patterns):
            entry = self._reached(container, place)
            if entry is None or (place == OUTPUT_DIR and entry.mtime.startswith("1980-01-01T00:00:00")):
                continue
            chunks = self._archive(container, f"{WORKING_DIR}/{place}".removesuffix("/"))
            with told():
                yield from haul.unpack(chunks, place)

    def _archive(self, container: str, path: str) -> Iterable[bytes]:
        chunks: Iterable[bytes] = self._engine.ask(lambda api: api.get_archive(container, path))[0]
        return chunks

    def _reached(self, container: str, place: str) -> Entry | None:
        """What lies at a place of the working directory. Raises UserError where a link stands on the way to it."""
        entry: Entry | None = None
        for part in (WORK, *(f"{WORK}/{path}" for path in _ways(place))):
            entry = self.entry(container, f"{MOUNT}/{part}")
            if entry is None:
                return None
            if entry.is_link:
                shown = part.removeprefix(WORK).lstrip("/") or "the working directory"
                raise UserError(f"`{shown}` is a symbolic link: only files of the working directory are taken")
        return entry

    # ── shared ──

    def share(self, workspace: str, labels: Mapping[str, str]) -> None:
        """See that the volume of a workspace is there. Podman forgets the labels of one that a container brings."""
        with suppress(Conflict):
            self._engine.ask(lambda api: api.create_volume(workspace, labels=dict(labels)))

    @contextmanager
    def carrier(self, workspace: str, labels: Mapping[str, str]) -> Iterator[str]:
        """A container that is never started, and has the volume of a workspace. Raises NotFound, UserError, Away."""
        volume = self._engine.ask(lambda api: api.inspect_volume(workspace))
        image = (volume.get("Labels") or {}).get(IMAGE_LABEL)
        if image is None:
            raise UserError(f"the volume `{workspace}` is none of ours")
        name = f"{workspace}-carrier"
        body = {
            "Image": image,
            "Cmd": ["true"],
            "Labels": dict(labels),
            "HostConfig": {"Mounts": [{"Type": "volume", "Source": workspace, "Target": MOUNT}], "NetworkMode": "none"},
        }
        with suppress(Conflict):  # a crash has left it: it is as good as a new one
            self._engine.ask(lambda api: api.create_container_from_config(body, name))
        try:
            yield name
        finally:
            with suppress(NotFound):
                self._engine.ask(lambda api: api.remove_container(name, force=True, v=False))


def _ways(place: str) -> Iterator[str]:
    """`a`, `a/b`, `a/b/c` on the way to `a/b/c`."""
    parts = place.split("/") if place else []
    for count in range(1, len(parts) + 1):
        yield "/".join(parts[:count])


def _outermost(places: Iterable[str]) -> list[str]:
    """The places that lie in no other one, so that nothing is read twice."""
    kept: list[str] = []
    for place in sorted(set(places)):
        if not any(place == one or not one or place.startswith(f"{one}/") for one in kept):
            kept.append(place)
    return kept
