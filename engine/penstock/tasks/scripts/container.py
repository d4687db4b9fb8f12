"""The container that a task asks for: its task runner, the older `docker` options, its image, its language's image."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from penstock.duration import parse_duration
from penstock.errors import UserError
from penstock.ports.container import Container, Credentials, DeviceRequest, Memory, Pull
from penstock.size import parse_size
from penstock.tasks.base import Context
from penstock.tasks.filling import filled, rendered
from penstock.tasks.names import DOCKER_RUNNER
from penstock.tasks.runners import Docker
from penstock.tasks.scripts.model import Furnished, Placed


def container_of(properties: Furnished, context: Context, image: str) -> Container:
    """The wish of a script task. `image` is its language's. Raises UserError for values that make no sense.

    An image among the older `docker` options comes first, then the task's `containerImage` (as Kestra has it).
    """
    if isinstance(properties, Docker):
        options: Docker = properties
    else:
        placed = properties if isinstance(properties, Placed) else Placed.model_validate({})
        given = placed.task_runner or placed.docker or {}
        # A task that runs in containers by default, or is told to, may name the process runner: that has no options.
        own = {name: value for name, value in given.items() if name != "type"}
        options = filled(Docker, rendered(Docker, own, context.render_value), f"{context.task.type}: {DOCKER_RUNNER}")
    return wish_of(options, options.image or properties.container_image or image)


def wish_of(options: Docker, image: str) -> Container:
    """The same from options that are rendered."""
    if not image.strip() or any(character.isspace() for character in image.strip()):
        raise UserError(f"`{image}` is no name of an image", help="name it as `busybox` or `registry/name:tag`")
    return Container(
        image=image.strip(),
        pull=options.pull_policy or Pull.IF_NOT_PRESENT,
        credentials=_credentials(options),
        config=_config(options.config),
        user=options.user or None,
        entry_point=options.entry_point,
        extra_hosts=tuple(options.extra_hosts or ()),
        network=options.network_mode or None,
        cpus=_cpus(options),
        memory=_memory(options),
        shm_bytes=_bytes("shmSize", options.shm_size),
        volumes=tuple(options.volumes or ()),
        ports=tuple(options.port_bindings or ()),
        device_requests=tuple(_devices(options)),
        privileged=bool(options.privileged),
        host=options.host or None,
        delete=options.delete is not False,
        wait=options.wait is not False,
        kill_grace=_grace(options.kill_grace_period),
    )


def _credentials(options: Docker) -> Credentials | None:
    given = options.credentials
    if given is None:
        return None
    return Credentials(
        registry=_host(given.registry),
        username=given.username,
        password=given.password,
        registry_token=given.registry_token,
        identity_token=given.identity_token,
        auth=given.auth,
    )


def registry_host(options: Docker) -> str | None:
    """The registry that the credentials are for; None where they are for the Hub, or name none."""
    host = _host(options.credentials.registry) if options.credentials is not None else None
    return None if host == "docker.io" else host


def _host(registry: str | None) -> str | None:
    if registry is None:
        return None
    host = registry.removeprefix("https://").removeprefix("http://").partition("/")[0]
    return "docker.io" if host in ("index.docker.io", "registry-1.docker.io", "hub.docker.com") else host or None


def _config(given: dict[str, Any] | str | None) -> Mapping[str, Any]:
    if isinstance(given, str):
        try:
            given = json.loads(given) if given.strip() else {}
        except ValueError as error:
            raise UserError(f"`config` of the Docker runner is text that is not JSON: {error}") from error
    if not isinstance(given, dict | None):
        raise UserError("`config` of the Docker runner must be a mapping, as a Docker client's config.json holds it")
    return given or {}


def _cpus(options: Docker) -> float | None:
    cpus = options.cpu.cpus if options.cpu is not None else None
    if cpus is not None and cpus <= 0:
        raise UserError(f"`cpu.cpus` must be more than 0, and is {cpus:g}")
    return cpus


def _memory(options: Docker) -> Memory:
    given = options.memory
    if given is None:
        return Memory()
    swappiness = _number("memory.memorySwappiness", given.memory_swappiness)
    if swappiness is not None and not 0 <= swappiness <= 100:
        raise UserError(f"`memory.memorySwappiness` lies between 0 and 100, and is {swappiness}")
    return Memory(
        limit=_bytes("memory.memory", given.memory),
        swap=-1 if given.memory_swap == "-1" else _bytes("memory.memorySwap", given.memory_swap),
        swappiness=swappiness,
        reservation=_bytes("memory.memoryReservation", given.memory_reservation),
        kernel=_bytes("memory.kernelMemory", given.kernel_memory),
        oom_kill_disable=given.oom_kill_disable,
    )


def _devices(options: Docker) -> list[DeviceRequest]:
    return [
        DeviceRequest(
            driver=each.driver,
            count=each.count,
            device_ids=tuple(each.device_ids or ()),
            capabilities=tuple(tuple(names) for names in each.capabilities or ()),
            options=each.options or {},
        )
        for each in options.device_requests or ()
    ]


def _bytes(name: str, text: str | None) -> int | None:
    try:
        return parse_size(text) if text is not None else None
    except ValueError as error:
        raise UserError(f"`{name}` of the Docker runner: {error}") from error


def _number(name: str, text: str | None) -> int | None:
    try:
        return int(text) if text is not None else None
    except ValueError as error:
        raise UserError(f"`{name}` of the Docker runner is no whole number: `{text}`") from error


def _grace(text: str | None) -> timedelta | None:
    return parse_duration(text) if text is not None else None
