"""The container that a task gets: its wish, under a profile, as the exact body that the engine is given.

`compatible` runs what Kestra's users run: the image's own user, a root layer that can be written and goes with the
container, and of root's capabilities those that `apt-get install` and `pip install` need. `strict` takes what is left:
nobody's user, a root that cannot be written, no capability.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
"""What root keeps under `compatible`. Each is needed by `apt-get install` (a test holds that): files of others are
written and given away, downloads are made by a user without rights, and that one's processes are ended."""

NOBODY = "65534:65534"
_HOME = "/home/penstock"
_TMPFS = "rw,nosuid,nodev,size={size},mode=1777"


@dataclass(frozen=True, slots=True)
class Share:
    """What a container has of its machine when its task says nothing. None: no bound."""

    memory_bytes: int | None = None
    cpus: float | None = None
    processes: int = 512
    scratch_bytes: int = 1 << 30  # of /tmp and HOME each, under `strict`


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
    return {
        "Image": wish.image,
        "Entrypoint": [part for part in wish.entry_point or () if part],
        "Cmd": [part.replace(WORKING_DIR_MARK, WORKING_DIR) for part in order.argv],
        "Env": [f"{name}={value}" for name, value in env.items()],
        "WorkingDir": WORKING_DIR,
        "User": wish.user or (NOBODY if strict else ""),
        "Labels": dict(labels),
        "HostConfig": {
            "AutoRemove": False,
            "Binds": list(wish.volumes),
            "CapDrop": ["ALL"],
            "CapAdd": [] if strict else list(CAPABILITIES),
            "DeviceRequests": [_devices(request) for request in wish.device_requests],
            "ExtraHosts": list(wish.extra_hosts),
            "Init": True,
            "IpcMode": "private",
            "Mounts": [dict(mount) for mount in mounts],
            "NetworkMode": wish.network or network,
            "OomKillDisable": bool(wish.memory.oom_kill_disable),
            "Privileged": wish.privileged,
            "ReadonlyRootfs": strict,
            "RestartPolicy": {"Name": "no"},
            "SecurityOpt": ["no-new-privileges"],
            "Tmpfs": {path: _TMPFS.format(size=share.scratch_bytes) for path in ("/tmp", _HOME)} if strict else {},  # noqa: S108
            **_bounds(order, wish, share),
        },
    }


def _bounds(order: Order, wish: Container, share: Share) -> dict[str, Any]:
    """What it may use. Swap is no more than memory: a task that needs more ends, its neighbours do not crawl."""
    limits, memory = order.limits, wish.memory
    bytes_ = memory.limit or limits.memory_bytes or share.memory_bytes
    cpus = wish.cpus or limits.cpus or share.cpus
    bounds: dict[str, Any] = {
        "PidsLimit": min(limits.processes or share.processes, share.processes),
    }
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
    return bounds


def _devices(request: DeviceRequest) -> dict[str, Any]:
    return {
        "Driver": request.driver or "",
        "Count": request.count if request.count is not None else (0 if request.device_ids else -1),
        "DeviceIDs": list(request.device_ids),
        "Capabilities": [list(each) for each in request.capabilities] or [["gpu"]],
        "Options": dict(request.options),
    }


def _refuse_impossible(texts: Sequence[str], env: Mapping[str, str]) -> None:
    if any("\0" in text.replace(WORKING_DIR_MARK, "") for text in texts):
        raise UserError("an argument or an environment variable of the container holds a NUL character")
    for name in env:
        if not name or "=" in name:
            raise UserError(f"`{name}` is no name for an environment variable")
