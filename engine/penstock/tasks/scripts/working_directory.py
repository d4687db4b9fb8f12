"""What lies in a shared working directory at its beginning, and what is kept of it at its end."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from penstock.errors import UserError
from penstock.flow.model import Kind, Level
from penstock.ports.runner import Runner
from penstock.tasks.base import Context, Furnishing, Result, TaskFailed
from penstock.tasks.filling import render_late
from penstock.tasks.placement import WORKING_DIRECTORY, named_runner, programs_within
from penstock.tasks.scripts.cache import cached, save
from penstock.tasks.scripts.files import input_files, is_ours, is_plain_path
from penstock.tasks.scripts.model import SharedFiles
from penstock.tasks.scripts.namespace_files import namespace_files


class WorkingDirectory(Furnishing):
    """Furnishes the directory for the first program that is started in it; at the end takes files out of it."""

    type = WORKING_DIRECTORY
    properties = SharedFiles
    kind = Kind.FLOWABLE

    def files(self, properties: SharedFiles, context: Context) -> Mapping[PurePosixPath, bytes | str]:
        laid = cached(properties.cache, context)
        laid |= namespace_files(properties.namespace_files, context)
        given = render_late(properties, context.task, context.render_value).input_files
        if given is not None:
            laid |= input_files(given, context)
        return laid

    def run(self, properties: SharedFiles, context: Context) -> Result:
        program = next(programs_within(context.task), None)
        if program is None or context.workspace is None:
            context.log(Level.WARN, "No script has run in the working directory: there is nothing to keep of it")
            return Result({"outputFiles": {}})
        runner = context.runner(named_runner(program))
        outputs = {"outputFiles": _kept(properties.output_files or [], context, runner, context.workspace.name)}
        if properties.cache is not None:
            save(properties.cache, context, runner, context.workspace.name)
        return Result(outputs)


def _kept(patterns: list[str], context: Context, runner: Runner, workspace: str) -> dict[str, str]:
    kept: dict[str, str] = {}
    outputs: dict[str, Any] = {"outputFiles": kept}
    try:
        for path, file in runner.collect(workspace, patterns) if patterns else ():
            with file:
                if not is_ours(path):
                    uri = context.uri(str(path))
                    context.files.name(uri, context.files.put(file))
                    kept[str(path)] = uri
    except UserError as error:
        raise TaskFailed(f"The output files could not be kept: {error.message}", outputs=outputs) from error
    for pattern in patterns:
        if is_plain_path(pattern) and pattern.removeprefix("./") not in kept:
            context.log(Level.WARN, f"The output file `{pattern}` is not there")
    return kept
