"""A program in a working directory: laid out, launched, followed to its end, its files collected.

It can be run again under the same attempt after a crash: it finds what the process that is gone had launched, and goes
on reading where that one stopped.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from signal import Signals
from typing import Any, ClassVar

from penstock.errors import UserError
from penstock.execution.state import State
from penstock.flow.model import Dialect
from penstock.ports.files import SCHEME
from penstock.ports.runner import OUTPUT_DIR, WORKING_DIR_MARK, Ending, Exit, Order, Runner, Stream
from penstock.tasks.base import Context, Result, TaskFailed, TaskLost, TaskStopped, TaskType
from penstock.tasks.filling import render_late
from penstock.tasks.scripts.model import Commands, Exec, RunnerKind, Script
from penstock.tasks.scripts.protocol import Output

PROCESS = "io.kestra.plugin.core.runner.Process"
DOCKER = "io.kestra.plugin.scripts.runner.docker.Docker"

_KEEP = PurePosixPath(OUTPUT_DIR, ".keep")
_URI = re.compile(re.escape(SCHEME) + r"[^\s'\"`<>|;)]+")


class Program(TaskType):
    """What scripts and commands have in common. A language with a `suffix` has its script in a file, which is handed
    to the first of its `executables` that is there."""

    adoptable = True
    suffix: ClassVar[str] = ""
    executables: ClassVar[tuple[str, ...]] = ()
    environment: ClassVar[Mapping[str, str]] = {}

    def run(self, properties: Exec, context: Context) -> Result:
        runner = context.runner(runner_kind(properties))
        dirs = {"workingDir": WORKING_DIR_MARK, "outputDir": f"{WORKING_DIR_MARK}/{OUTPUT_DIR}"}
        inside = context.with_variables(dirs)
        properties = render_late(properties, context.task, inside.render_value)
        output = Output(context)
        if not (context.resumed and runner.knows(context.name)):
            runner.launch(self._order(properties, context))
        output.recall()
        ends = dict(output.offsets)

        def tail(stream: Stream, data: bytes, offset: int) -> None:
            ends[stream] = offset
            output.tail(stream, data, offset)

        ended = runner.follow(context.name, tail, context.halt, offsets=output.offsets)
        output.finish(ends)
        return _result(properties, context, output, ended, _outputs(properties, context, runner, output, ended))

    def _order(self, properties: Exec, context: Context) -> Order:
        files: dict[PurePosixPath, bytes | str] = dict(_input_files(properties.input_files, context))
        files[_KEEP] = b""
        text = _localised(self._text(properties, files), context, files)
        env = {
            **self.environment,
            "WORKING_DIR": WORKING_DIR_MARK,
            "OUTPUT_DIR": f"{WORKING_DIR_MARK}/{OUTPUT_DIR}",
            "PENSTOCK_IDEMPOTENCY_KEY": context.idempotency_key,
            **{name: value for name, value in (properties.env or {}).items() if value is not None},
        }
        return Order(name=context.name, argv=[*properties.interpreter, text], env=env, files=files)

    def _text(self, properties: Exec, files: dict[PurePosixPath, bytes | str]) -> str:
        """What the interpreter is given: `set -e`, the first commands, then the commands or the script."""
        lines = ["set -e"] if properties.fail_fast else []
        lines += properties.before_commands or []
        if isinstance(properties, Commands):
            return "\n".join([*lines, *properties.commands])
        assert isinstance(properties, Script)
        if not self.suffix:
            return "\n".join([*lines, properties.script])
        name = f"penstock-script{self.suffix}"
        files[PurePosixPath(name)] = properties.script.encode()
        return "\n".join([*lines, _hand_over(self.executables, name)])


def _hand_over(executables: tuple[str, ...], name: str) -> str:
    """Become the first of the executables that is there; say which were looked for when none is."""
    found = " || ".join(f"command -v {each}" for each in executables)
    missing = " nor ".join(executables)
    return (
        f"penstock_exe=$({found}) || {{ echo 'neither {missing} is on the PATH' >&2; exit 127; }}\n"
        f'exec "$penstock_exe" {shlex.quote(name)}'
    )


def runner_kind(properties: Exec) -> str:
    """Which runner the task wants. Raises UserError for one that is not there yet: it is never replaced by another."""
    chosen = str((properties.task_runner or {}).get("type") or "")
    if not chosen and properties.runner is RunnerKind.DOCKER:
        chosen = DOCKER
    if chosen in ("", PROCESS):
        return "process"
    raise UserError(
        f"the runner `{chosen}` cannot run in this version",
        help=f"containers come in the next version; until then name `{PROCESS}`, or no runner",
    )


# ── files ────────────────────────────────────────────────────────────────────────────────────────────────────


def _input_files(given: Any, context: Context) -> Iterator[tuple[PurePosixPath, bytes | str]]:
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except ValueError as error:
            raise UserError(f"inputFiles is no JSON object: {error}") from error
    if given is None:
        return
    if not isinstance(given, Mapping):
        raise UserError("inputFiles must be a map of paths to contents, or JSON text of one")
    for name, content in given.items():
        path = PurePosixPath(str(name))
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise UserError(f"inputFiles: `{name}` leads out of the working directory")
        if content is None:
            continue
        text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
        yield path, _content(text.strip(), context) if text.strip().startswith(SCHEME) else text.encode()


def _content(uri: str, context: Context) -> bytes | str:
    """A stored file of this execution: its path where it lies on this machine, its bytes elsewhere."""
    if f"/executions/{context.execution_id}/" not in uri:
        raise UserError(f"Unable to read the file '{uri}' as it didn't belong to the current execution")
    with context.files.open(context.files.resolve(uri)) as file:
        name = getattr(file, "name", None)
        return name if isinstance(name, str) else file.read()


def _localised(text: str, context: Context, files: dict[PurePosixPath, bytes | str]) -> str:
    """Every `kestra:///…` in the commands becomes the path of a copy in the working directory."""

    def local(found: re.Match[str]) -> str:
        path = PurePosixPath(".kestra", str(len(files)), PurePosixPath(found[0]).name)
        files[path] = _content(found[0], context)
        return f"{WORKING_DIR_MARK}/{path}"

    return _URI.sub(local, text)


# ── the end ──────────────────────────────────────────────────────────────────────────────────────────────────


def _outputs(properties: Exec, context: Context, runner: Runner, output: Output, ended: Exit) -> dict[str, Any]:
    kept: dict[str, str] = {}
    if ended.ending in (Ending.EXITED, Ending.STOPPED):
        for path, file in runner.collect(context.name, [*(properties.output_files or []), f"{OUTPUT_DIR}/**"]):
            with file:
                if path == _KEEP:
                    continue
                name = str(path).removeprefix(f"{OUTPUT_DIR}/")
                uri = context.uri(name)
                context.files.name(uri, context.files.put(file))
                kept[name] = uri
    outputs: dict[str, Any] = {"vars": output.outputs, "outputFiles": kept}
    return outputs if ended.code is None else {**outputs, "exitCode": ended.code}


def _result(properties: Exec, context: Context, output: Output, ended: Exit, outputs: dict[str, Any]) -> Result:
    metrics = tuple(output.metrics)
    match ended.ending:
        case Ending.EXITED if ended.code == 0 and output.fault is None:
            noisy = context.flow.dialect is Dialect.V0_21 and properties.warning_on_std_err and output.said_errors
            return Result(outputs, State.WARNING if noisy else State.SUCCESS, exit_code=0, metrics=metrics)
        case Ending.EXITED:
            reason = output.fault or f"Command failed with exit code {ended.code}"
        case Ending.STOPPED:
            raise TaskStopped(outputs=outputs, exit_code=ended.code)
        case Ending.LOST:
            raise TaskLost(ended.reason or "what ran is gone without a trace")
        case Ending.KILLED:
            name = Signals(ended.signal).name if ended.signal in set(Signals) else "unknown"
            reason = f"Killed by signal {ended.signal} ({name}), which Penstock has not sent"
        case Ending.OUT_OF_MEMORY:
            reason = f"Out of memory: {ended.reason}" if ended.reason else "Out of memory"
        case Ending.NOT_STARTED:
            reason = f"It could not be started: {ended.reason}"
    raise TaskFailed(reason, outputs=outputs, exit_code=ended.code, metrics=metrics)
