"""Tasks that are containers themselves: no language, an image and what is executed in it."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from penstock.tasks.base import Context
from penstock.tasks.markers import Dynamic, Late, Text
from penstock.tasks.names import DOCKER_COMMANDS, DOCKER_RUN
from penstock.tasks.runners import Docker
from penstock.tasks.scripts.files import Laid
from penstock.tasks.scripts.model import Commands, Exec
from penstock.tasks.scripts.program import Program


class DockerCommandsProperties(Docker, Commands):
    """Runs shell commands in a container."""


class DockerRunProperties(Docker, Exec):
    """Runs a container: `commands` are what its image, or its entry point, is given."""

    container_image: Dynamic[str | None] = Field(description="The image")
    commands: Late[list[Text] | None] = Field(
        None, description="What is executed, word by word; the image's own without"
    )


class DockerCommands(Program):
    """Runs shell commands in a container."""

    type = DOCKER_COMMANDS
    properties = DockerCommandsProperties


class DockerRun(Program):
    """Runs a container with the words that it is given."""

    type = DOCKER_RUN
    properties = DockerRunProperties

    def _argv(self, properties: Any, context: Context, laid: Laid) -> list[str]:
        return list(properties.commands or ())
