"""The container that a task gets: its wish, under a profile, as the exact body that the engine is given.

`compatible` runs what Kestra's users run: the image's own user, a root layer that can be written and goes with the
container, and of root's capabilities those that `apt-get install` and `pip install` need. `strict` takes what is left:
nobody's user, a root that cannot be written, no capability.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from penstock.adapters.docker.volumes import WORKING_DIR
from penstock.errors import UserError
from penstock.ports.container import Container, DeviceRequest
from penstock.ports.runner import WORKING_DIR_MARK, Order


class Profile(StrEnum):
    COMPATIBLE = "compatible"
    STRICT = "strict"


CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID")
"""What root keeps under `compatible`: enough for `apt-get install` (a test holds that). Files of others are written
and given away, downloads are made by a user without rights, and that one's processes are ended."""

NO_NEW_PRIVILEGES = "no-new-privileges"
NOBODY = "65534:65534"
_HOME = "/home/penstock"
_TMPFS = "rw,exec,nosuid,nodev,size={size},mode=1777"
"""Programs may be executed there as they may in the working directory: what pip installs has parts that must be."""

_NO_ENTRY_POINT = [""]
"""How both Docker and Podman are told to leave out the image's own."""


@dataclass(frozen=True, slots=True)
class Share:
    """What a container has of its machine when its task says nothing. None: no bound, or what the engine gives.

    `processes` is the most as well. `user` is who it runs as where the task names nobody; `capabilities` come on top
    of the profile's.
    """

    memory_bytes: int | None = None
    cpus: float | None = None
    processes: int = 512
    open_files: int | None = None
    scratch_bytes: int = 1 << 30  # of /tmp and HOME each, under `strict`
    user: str | None = None
    capabilities: tuple[str, ...] = ()


def resolved(
    order: Order,
    wish: Container,
    profile: Profile,
    share: Share,
    *,
    network: str,
    mounts: Sequence[Mapping[str, Any]],
    labels: Mapping[str, str],
) -> dict[str, Any]:
    """The body of `POST /containers/create` (API 1.41). `network` is the one that a task gets which names none.

    Raises UserError for what no container can have.
    """
    strict = profile is Profile.STRICT
    env = {name: value.replace(WORKING_DIR_MARK, WORKING_DIR) for name, value in order.env.items()}
    _refuse_impossible([*order.argv, *env.values()], env)
    if strict:
        env = {"HOME": _HOME, **env}
    published = _published(wish.ports)
    return {
        "Image": wish.image,
        **_entry(wish),
        "Cmd": [part.replace(WORKING_DIR_MARK, WORKING_DIR) for part in order.argv],
        "Env": [f"{name}={value}" for name, value in env.items()],
        "ExposedPorts": {port: {} for port in published},
        "WorkingDir": WORKING_DIR,
        "User": wish.user or share.user or (NOBODY if strict else ""),
        "Labels": dict(labels),
        "HostConfig": {
            "AutoRemove": False,
            "Binds": list(wish.volumes),
            "DeviceRequests": [_devices(request) for request in wish.device_requests],
            "ExtraHosts": list(wish.extra_hosts),
            "Init": True,
            "IpcMode": "private",
            "Mounts": [dict(mount) for mount in mounts],
            "NetworkMode": wish.network or network,
            "OomKillDisable": bool(wish.memory.oom_kill_disable),
            "PortBindings": published,
            "ReadonlyRootfs": strict,
            "RestartPolicy": {"Name": "no"},
            "Tmpfs": {path: _TMPFS.format(size=share.scratch_bytes) for path in ("/tmp", _HOME)} if strict else {},  # noqa: S108
            **_rights(wish, share, strict=strict),
            **_bounds(order, wish, share),
        },
    }


def _entry(wish: Container) -> dict[str, Any]:
    named = [part for part in wish.entry_point or () if part]
    if named:
        return {"Entrypoint": named}
    return {} if wish.entry_point is None and wish.is_entered else {"Entrypoint": list(_NO_ENTRY_POINT)}


def _rights(wish: Container, share: Share, *, strict: bool) -> dict[str, Any]:
    """A privileged container has everything: it would be none that kept half of it."""
    if wish.privileged:
        return {"Privileged": True, "CapDrop": [], "CapAdd": [], "SecurityOpt": []}
    kept = () if strict else CAPABILITIES
    return {
        "Privileged": False,
        "CapDrop": ["ALL"],
        "CapAdd": [*kept, *(each for each in share.capabilities if each not in kept)],
        "SecurityOpt": [NO_NEW_PRIVILEGES],
    }


def _bounds(order: Order, wish: Container, share: Share) -> dict[str, Any]:
    """What it may use. Swap is no more than memory: a task that needs more ends, its neighbours do not crawl."""
    limits, memory = order.limits, wish.memory
    bytes_ = memory.limit or limits.memory_bytes or share.memory_bytes
    if memory.limit is None and bytes_ is not None and memory.swap is not None and memory.swap > 0:
        bytes_ = min(bytes_, memory.swap)  # both together: memory alone cannot be more
    cpus = wish.cpus or limits.cpus or share.cpus
    open_files = limits.open_files or share.open_files
    bounds: dict[str, Any] = {"PidsLimit": min(limits.processes or share.processes, share.processes)}
    if bytes_ is not None:
        bounds |= {"Memory": bytes_, "MemorySwap": memory.swap if memory.swap is not None else bytes_}
    if memory.reservation is not None:
        bounds["MemoryReservation"] = memory.reservation
    if memory.swappiness is not None:
        bounds["MemorySwappiness"] = memory.swappiness
    if memory.kernel is not None:
        bounds["KernelMemory"] = memory.kernel
    if cpus is not None:
        bounds["NanoCpus"] = round(cpus * 1e9)
    if wish.shm_bytes is not None:
        bounds["ShmSize"] = wish.shm_bytes
    if open_files is not None:
        bounds["Ulimits"] = [{"Name": "nofile", "Soft": open_files, "Hard": open_files}]
    return bounds


def _devices(request: DeviceRequest) -> dict[str, Any]:
    return {
        "Driver": request.driver or "",
        "Count": request.count if request.count is not None else (0 if request.device_ids else -1),
        "DeviceIDs": list(request.device_ids),
        "Capabilities": [list(each) for each in request.capabilities] or [["gpu"]],
        "Options": dict(request.options),
    }


_PORT = re.compile(
    r"(?:(?:(?P<address>[0-9.]*|\[[0-9a-fA-F:]+\]):)?(?P<outer>[0-9]{0,5}):)?(?P<inner>[0-9]{1,5})(?P<kind>/\w+)?"
)


def _published(ports: Iterable[str]) -> dict[str, list[dict[str, str]]]:
    """Of each port of the container, where it is published: `8080:80`, `127.0.0.1:8080:80/udp`, `80`."""
    found: dict[str, list[dict[str, str]]] = {}
    for text in ports:
        match = _PORT.fullmatch(text.strip())
        kind = ((match["kind"] if match is not None else None) or "/tcp").lower()
        if match is None or kind not in ("/tcp", "/udp", "/sctp") or not 0 < int(match["inner"]) < 1 << 16:
            raise UserError(
                f"`portBindings`: `{text}` names no port", help="write it as 8080:80 or 127.0.0.1:8080:80/udp"
            )
        binding = {"HostIp": (match["address"] or "").strip("[]"), "HostPort": match["outer"] or ""}
        found.setdefault(f"{int(match['inner'])}{kind}", []).append(binding)
    return found


def _refuse_impossible(texts: Sequence[str], env: Mapping[str, str]) -> None:
    if any("\0" in text.replace(WORKING_DIR_MARK, "") for text in texts):
        raise UserError("an argument or an environment variable of the container holds a NUL character")
    for name in env:
        if not name or "=" in name:
            raise UserError(f"`{name}` is no name for an environment variable")
