"""The properties of the script tasks."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import Field

from penstock.tasks.base import Properties
from penstock.tasks.markers import OLD, Duration, Dynamic, Late, Scalars, Text, Typed, Within, told

DEFAULT_INTERPRETER = ("/bin/sh", "-c")


class TargetOs(StrEnum):
    AUTO = "AUTO"
    LINUX = "LINUX"
    WINDOWS = "WINDOWS"


class RunnerKind(StrEnum):
    PROCESS = "PROCESS"
    DOCKER = "DOCKER"


class NamespaceFiles(Properties):
    """Which files of the namespace lie beside the program."""

    enabled: Dynamic[bool] = Field(True, description="Whether any do")
    include: Dynamic[list[str] | None] = Field(None, description="Globs of what is taken")
    exclude: Dynamic[list[str] | None] = Field(None, description="Globs of what is left out")
    namespaces: Dynamic[list[str] | None] = Field(None, description="Of which namespaces")
    if_exists: Dynamic[str | None] = Field(None, description="What to do with a file that is there already")
    folder_per_namespace: Dynamic[bool | None] = Field(None, description="Each namespace in a folder of its own")


class Cache(Properties):
    """Files that the next executions of the flow find again."""

    patterns: Dynamic[list[str]] = Field(description="Globs of what is kept")
    ttl: Dynamic[Duration | None] = Field(None, description="How old it may be; without it, as old as it gets")


class SharedFiles(Properties):
    """What lies in a working directory that several tasks share, and what is kept of it."""

    namespace_files: Dynamic[NamespaceFiles | None] = Field(None, description="Files of the namespace that lie there")
    input_files: Late[dict[str, Any] | str | None] = Field(
        None, description="Files that lie there: path to text or to the URI of a file; or that as JSON text"
    )
    output_files: Dynamic[list[str] | None] = Field(None, description="Globs of files that are kept as outputs")
    cache: Dynamic[Cache | None] = Field(None, description="Files that the next executions find again")


class Furnished(Properties):
    """What every program may have: its image, variables, and files in and out."""

    container_image: Dynamic[str | None] = Field(None, description="The image, where it runs in a container")
    env: Late[Scalars | None] = Field(None, description="Environment variables")
    warning_on_std_err: Dynamic[bool] = Field(
        True,
        description="What is written to standard error made the task a WARNING up to Kestra 0.22",
        json_schema_extra=OLD,
    )
    namespace_files: Dynamic[NamespaceFiles | None] = Field(
        None, description="Files of the namespace beside the program"
    )
    input_files: Late[dict[str, Any] | str | None] = Field(
        None, description="Files beside the program: path to text or to the URI of a file; or that as JSON text"
    )
    output_files: Late[list[str] | None] = Field(None, description="Globs of files that are kept as outputs")


class Read(Furnished):
    """What every program may have that an interpreter reads."""

    before_commands: Late[list[Text] | None] = Field(None, description="Shell commands that run first")
    interpreter: Dynamic[list[str]] = Field(
        list(DEFAULT_INTERPRETER), min_length=1, description="What reads the commands"
    )
    fail_fast: Dynamic[bool] = Field(True, description="Stop at the first command that fails")
    output_directory: Dynamic[bool | None] = Field(
        None, description="Of no effect: what lies in `{{ outputDir }}` is kept anyway", json_schema_extra=OLD
    )
    target_os: Dynamic[TargetOs] = Field(TargetOs.AUTO, alias="targetOS", description="System that it runs on")


class Placed(Properties):
    """What every program may have that says itself where it runs."""

    task_runner: Typed | None = Field(None, description="Where the program runs")
    runner: RunnerKind | None = Field(None, description="Older spelling of `taskRunner`", json_schema_extra=OLD)
    docker: Within[dict[str, Any] | None] = Field(
        None, description="Older spelling of `taskRunner`", json_schema_extra=OLD
    )


class Script(Read):
    """What a task has whose program is written in the flow."""

    script: Late[Text] = Field(description="The program")


class Commands(Read):
    """What a task has that runs shell commands."""

    commands: Late[list[Text]] = Field(min_length=1, description="The commands, run by one shell in their order")


class PackageManager(StrEnum):
    UV = "UV"
    PIP = "PIP"


class Python(Read):
    """What Python tasks may have beside."""

    dependencies: Dynamic[list[str] | None] = Field(
        None, description="Packages that must be there", json_schema_extra=told(since="0.23")
    )
    python_version: Dynamic[Text | None] = Field(
        None, description="Which Python, such as 3.13", json_schema_extra=told(since="0.23")
    )
    dependency_cache_enabled: Dynamic[bool] = Field(
        True, description="Keep packages for the next run", json_schema_extra=told(since="0.23")
    )
    package_manager: Dynamic[PackageManager | None] = Field(
        None, description="What installs packages", json_schema_extra=told(since="1.0")
    )
    uv_auto_install_enabled: Dynamic[bool | None] = Field(
        None, description="Install uv where it is missing", json_schema_extra=told(since="1.2")
    )
    uv_installer_version: Dynamic[str | None] = Field(
        None, description="Which uv is installed", json_schema_extra=told(since="1.2")
    )
    uv_installer_sha256: Dynamic[str | None] = Field(
        None,
        alias="uvInstallerSha256",
        description="The digest that its installer must have",
        json_schema_extra=told(since="1.2"),
    )


class PythonScript(Python, Script, Placed):
    """Runs a Python program that is written in the flow."""


class PythonCommands(Python, Commands, Placed):
    """Runs shell commands, with Python at hand."""


class NodeScript(Script, Placed):
    """Runs a Node.js program that is written in the flow."""


class NodeCommands(Commands, Placed):
    """Runs shell commands, with Node.js at hand."""


class ShellScript(Script, Placed):
    """Runs a shell script that is written in the flow."""


class ShellCommands(Commands, Placed):
    """Runs shell commands, one after another, in one shell."""
