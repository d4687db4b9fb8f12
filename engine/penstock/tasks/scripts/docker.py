"""Tasks that are containers themselves: no language, an image and what is executed in it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic import Field

from penstock.flow.model import Level
from penstock.ports.runner import Order
from penstock.tasks.base import Context
from penstock.tasks.markers import Dynamic, Late, Text
from penstock.tasks.names import DOCKER_COMMANDS, DOCKER_RUN
from penstock.tasks.runners import Docker
from penstock.tasks.scripts.container import registry_host
from penstock.tasks.scripts.files import Laid, localised
from penstock.tasks.scripts.model import Commands, Furnished
from penstock.tasks.scripts.program import Program


class DockerCommandsProperties(Docker, Commands):
    """Runs shell commands in a container."""


class DockerRunProperties(Docker, Furnished):
    """Runs a container: `commands` are what its image, or its entry point, is given."""

    container_image: Dynamic[str] = Field(description="The image")
    commands: Late[list[Text] | None] = Field(
        None, description="What is executed, word by word; the image's own without"
    )


class DockerCommands(Program):
    """Runs shell commands in a container."""

    type = DOCKER_COMMANDS
    properties = DockerCommandsProperties


class DockerRun(Program):
    """Runs a container with the words that it is given: `docker run IMAGE COMMANDS…`.

    The image keeps its entry point, and no shell stands in between (Kestra docs, docker.Run, 2026-10).
    """

    type = DOCKER_RUN
    properties = DockerRunProperties

    def order(self, properties: Any, context: Context) -> Order:
        order = super().order(properties, context)
        assert order.container is not None
        image, registry = order.container.image, registry_host(properties)
        if registry is not None and not image.startswith(f"{registry}/"):
            image = f"{registry}/{image}"
        return replace(order, container=replace(order.container, image=image, is_entered=True))

    def _argv(self, properties: Any, context: Context, laid: Laid) -> list[str]:
        words = [localised(word, context, laid) for word in properties.commands or ()]
        if any(context.mask(word) != word for word in words):
            context.log(Level.WARN, "`commands` holds a secret, which whoever may inspect containers reads: use `env`")
        return words
