"""The properties of the task runners: where a script's program runs."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import Field

from penstock.ports.container import Pull
from penstock.tasks.base import Properties
from penstock.tasks.markers import OLD, Duration, Dynamic, Text


class Process(Properties):
    """Runs the program as a process on the machine of the worker, in a private folder."""


class Cpu(Properties):
    """How much of the processors the container may have."""

    cpus: Dynamic[float | None] = Field(None, description="A number of processors, with parts: 1.5")


class MemoryBounds(Properties):
    """How much memory the container may have. Amounts are numbers of bytes, or text such as 512MB."""

    memory: Dynamic[Text | None] = Field(None, description="The most; a program that needs more is ended")
    memory_swap: Dynamic[Text | None] = Field(None, description="The most of memory and swap together; -1 is no bound")
    memory_swappiness: Dynamic[Text | None] = Field(None, description="How willingly memory is swapped out, 0 to 100")
    memory_reservation: Dynamic[Text | None] = Field(None, description="What it is held to when the machine has little")
    kernel_memory: Dynamic[Text | None] = Field(None, description="The most of the kernel's memory, on old engines")
    oom_kill_disable: Dynamic[bool | None] = Field(None, description="Let it wait instead of ending it")


class RegistryCredentials(Properties):
    """How the engine proves itself to the registry of the image."""

    registry: Dynamic[str | None] = Field(None, description="The registry that they are for")
    username: Dynamic[str | None] = Field(None, description="User")
    password: Dynamic[str | None] = Field(None, description="Password")
    registry_token: Dynamic[str | None] = Field(None, description="A bearer token of the registry")
    identity_token: Dynamic[str | None] = Field(None, description="A token that the registry gave for a login")
    auth: Dynamic[str | None] = Field(None, description="`user:password` in base64")


class Devices(Properties):
    """Devices that a driver of the engine gives, such as GPUs."""

    driver: Dynamic[str | None] = Field(None, description="The driver")
    count: Dynamic[int | None] = Field(None, description="How many; -1 is all")
    device_ids: Dynamic[list[Text] | None] = Field(None, description="Which ones")
    capabilities: Dynamic[list[list[str]] | None] = Field(None, description="Lists of what they must be able to do")
    options: Dynamic[dict[str, Text] | None] = Field(None, description="What the driver wants to know")


class FileHandling(StrEnum):
    VOLUME = "VOLUME"
    MOUNT = "MOUNT"


class Docker(Properties):
    """Runs the program in a container of Docker or Podman."""

    host: Dynamic[str | None] = Field(None, description="Address of another engine than the worker's own")
    config: Dynamic[dict[str, Any] | str | None] = Field(None, description="A Docker client's config.json, or its text")
    credentials: Dynamic[RegistryCredentials | None] = Field(None, description="How the image may be fetched")
    image: Dynamic[str | None] = Field(None, description="Use `containerImage` of the task", json_schema_extra=OLD)
    user: Dynamic[Text | None] = Field(None, description="User, and group, that the program runs as")
    entry_point: Dynamic[list[str] | None] = Field(None, description="What is executed with the command behind it")
    extra_hosts: Dynamic[list[str] | None] = Field(None, description="Names of machines, as `name:address`")
    network_mode: Dynamic[str | None] = Field(None, description="`bridge`, `none`, `host`, or the name of a network")
    port_bindings: Dynamic[list[Text] | None] = Field(None, description="Ports that it publishes, as `8080:80`")
    volumes: Dynamic[list[str] | None] = Field(None, description="Folders of the engine's machine, as `from:to`")
    pull_policy: Dynamic[Pull | None] = Field(None, description="When the image is fetched; when it is not there")
    device_requests: Dynamic[list[Devices] | None] = Field(None, description="Devices that the container gets")
    cpu: Dynamic[Cpu | None] = Field(None, description="How much of the processors it may have")
    memory: Dynamic[MemoryBounds | None] = Field(None, description="How much memory it may have")
    shm_size: Dynamic[Text | None] = Field(None, description="Size of /dev/shm, as 64MB")
    privileged: Dynamic[bool | None] = Field(None, description="Hold nothing of the machine back from it")
    file_handling_strategy: Dynamic[FileHandling | None] = Field(
        None, description="Of no effect: files are always copied into a volume and out of it"
    )
    kill_grace_period: Dynamic[Duration | None] = Field(None, description="How long it has to end when it is killed")
    delete: Dynamic[bool | None] = Field(None, description="Remove it when it is over, which is done by default")
    wait: Dynamic[bool | None] = Field(None, description="Wait for its end, which is done by default")
    resume: Dynamic[bool | None] = Field(None, description="Of no effect: a container is always found again")
