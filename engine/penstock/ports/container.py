"""What a task asks of the container that its program runs in. What it gets is decided by the profile and the policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any


class Pull(StrEnum):
    """When the image is fetched from its registry."""

    IF_NOT_PRESENT = "IF_NOT_PRESENT"
    ALWAYS = "ALWAYS"
    NEVER = "NEVER"


@dataclass(frozen=True, slots=True)
class Credentials:
    """How the engine proves itself to the image's registry. `registry` is its host; the image's own when None."""

    registry: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    registry_token: str | None = field(default=None, repr=False)
    identity_token: str | None = field(default=None, repr=False)
    auth: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Memory:
    """Bounds in bytes. `swap` is memory and swap together, as the engine counts; -1 is no bound."""

    limit: int | None = None
    swap: int | None = None
    swappiness: int | None = None
    reservation: int | None = None
    kernel: int | None = None
    oom_kill_disable: bool | None = None


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """Devices that a driver of the engine gives, such as GPUs. `count` -1 is all."""

    driver: str | None = None
    count: int | None = None
    device_ids: Sequence[str] = ()
    capabilities: Sequence[Sequence[str]] = ()
    options: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Container:
    """The wish of a task. None, and empty: what the image, the profile or the engine gives.

    `entry_point` None is Kestra's default: the image's own is left out, so that `argv` is what is executed; with
    `is_entered` it stays, and `argv` is what it is given (nothing: what the image gives it).
    `config` is what a Docker client's config.json holds (`auths`). `network` is a mode or the name of a network.
    `volumes` are binds, `source:target[:options]`; `ports` are published, `[[address:]port:]port[/protocol]`.
    `host` is the address of another engine than the agent's own. `delete` False leaves the container where it is when
    it is over. `wait` False: the task is over when the program has begun. `kill_grace` is from TERM to KILL.
    """

    image: str
    pull: Pull = Pull.IF_NOT_PRESENT
    credentials: Credentials | None = None
    config: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    user: str | None = None
    entry_point: Sequence[str] | None = None
    is_entered: bool = False
    extra_hosts: Sequence[str] = ()
    network: str | None = None
    cpus: float | None = None
    memory: Memory = Memory()
    shm_bytes: int | None = None
    volumes: Sequence[str] = ()
    ports: Sequence[str] = ()
    device_requests: Sequence[DeviceRequest] = ()
    privileged: bool = False
    host: str | None = None
    delete: bool = True
    wait: bool = True
    kill_grace: timedelta | None = None
