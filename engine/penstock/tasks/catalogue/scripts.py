"""Scripts in languages that do not run here yet, triggers that run scripts, and what the JVM evaluates."""

from __future__ import annotations

from pydantic import Field

from penstock.tasks.base import Properties
from penstock.tasks.catalogue.shapes import Texts
from penstock.tasks.markers import Duration, Dynamic, Text
from penstock.tasks.scripts.model import Commands, Placed, Script


class ScriptTask(Script, Placed):
    """Runs a program that is written in the flow."""


class CommandsTask(Commands, Placed):
    """Runs shell commands, with the language at hand."""


class Watching(Properties):
    """What every trigger has that runs a program again and again."""

    exit_condition: Dynamic[Text | None] = Field(
        None, description="When it starts something: `exit 1`, or a pattern over what the program has put out"
    )
    edge: Dynamic[bool] = Field(True, description="Start something when the condition begins to hold, not at each look")
    interval: Duration | None = Field(None, description="The pause between two looks; a minute by default")
    container_image: Dynamic[Text | None] = Field(None, description="The image, where it runs in a container")


class ScriptTrigger(Watching):
    """Runs a program again and again, and starts an execution when it fulfils a condition."""

    script: Dynamic[Text] = Field(description="The program")


class CommandsTrigger(Watching):
    """Runs shell commands again and again, and starts an execution when they fulfil a condition."""

    commands: Dynamic[Texts] = Field(description="The commands, run by one shell in their order")


# ── within the JVM ──


class Evaluated(Properties):
    """What is evaluated."""

    script: Dynamic[Text | None] = Field(None, description="The program")


class Eval(Evaluated):
    """Evaluates a program within the JVM of the server."""

    outputs: Dynamic[Texts | None] = Field(None, description="Names of variables that are its outputs")


class FileTransform(Evaluated):
    """Has a program transform each row of a file, within the JVM of the server."""

    from_: Dynamic[Text] = Field(alias="from", description="URI of the file, or rows as JSON text")
    concurrent: Dynamic[int | None] = Field(
        None, ge=2, description="How many rows at the same time, in any order; one after another without"
    )
