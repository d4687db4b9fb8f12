"""Runs a program where its task says: launched once, followed to its end, its files collected.

Run again under the same attempt after a crash, it finds the program that was launched, and goes on reading where the
process that is gone had stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from signal import Signals
from typing import Any, BinaryIO, ClassVar

from penstock.errors import UserError
from penstock.execution.state import State
from penstock.flow.model import Dialect, Kind, Level
from penstock.ports.runner import OUTPUT_DIR, WORKING_DIR_MARK, Ending, Exit, Order, Runner, is_shell
from penstock.tasks.base import Context, Result, TaskFailed, TaskLost, TaskStopped, TaskType
from penstock.tasks.filling import render_late
from penstock.tasks.placement import named_runner
from penstock.tasks.scripts.container import container_of
from penstock.tasks.scripts.files import OWN, SCRIPT, Laid, input_files, is_ours, is_plain_path, localised
from penstock.tasks.scripts.model import Commands, Furnished, Python, Read, Script
from penstock.tasks.scripts.namespace_files import namespace_files
from penstock.tasks.scripts.protocol import Output

_COMMANDS = "commands"
_MOST_ARGUMENT = 30_000  # Linux takes 128 KiB of bytes, of which a character has up to four
_VARIABLES = {"workingDir": WORKING_DIR_MARK, "outputDir": f"{WORKING_DIR_MARK}/{OUTPUT_DIR}"}


@dataclass(frozen=True, slots=True)
class Language:
    """How a script in a file is started: the ending of its name, and the first of `executables` that is there.

    Without executables the script is given to the shell itself. `image` is the container's when the task names none.
    """

    suffix: str = ""
    executables: tuple[str, ...] = ()
    env: Mapping[str, str] | None = None
    image: str = "ubuntu"


class Program(TaskType):
    """What all scripts and commands have in common."""

    kind = Kind.WORKER
    adoptable = True
    language: ClassVar[Language] = Language()

    def run(self, properties: Furnished, context: Context) -> Result:
        _refuse_what_is_not_there(properties)
        runner = context.runner(named_runner(context.task))
        # Rendered on resume too: that is how this process learns which secrets are to be masked.
        program = render_late(properties, context.task, context.with_variables(_VARIABLES).render_value)
        output = Output(context)
        output.recall()
        if not (context.resumed and runner.knows(context.name)):
            if context.resumed and any(output.offsets.values()):
                raise TaskLost("the program had begun, and its runner knows nothing of it any more")
            runner.launch(self.order(program, context), context.halt, lambda said: context.log(Level.INFO, said))
        ended = runner.follow(context.name, output.tail, context.halt, offsets=output.offsets)
        output.finish()
        outputs: dict[str, Any] = {"vars": output.outputs}
        if ended.code is not None:
            outputs["exitCode"] = ended.code
        fault = _collect(program, context, runner, ended, outputs)
        return _result(program, context, output, ended, outputs, output.fault or fault)

    def order(self, properties: Furnished, context: Context) -> Order:
        """What the runner is told to run."""
        laid = namespace_files(properties.namespace_files, context)
        if properties.input_files is not None:
            laid |= input_files(properties.input_files, context)
        env = {
            **(self.language.env or {}),
            "WORKING_DIR": WORKING_DIR_MARK,
            "OUTPUT_DIR": _VARIABLES["outputDir"],
            "PENSTOCK_IDEMPOTENCY_KEY": context.idempotency_key,
            **{name: value for name, value in (properties.env or {}).items() if value is not None},
        }
        return Order(
            name=context.name,
            argv=self._argv(properties, context, laid),
            env=env,
            files=laid,
            labels=_labels(context),
            workspace=context.workspace,
            namespace=context.flow.namespace,
            container=container_of(properties, context, self.language.image),
        )

    def _argv(self, properties: Any, context: Context, laid: Laid) -> list[str]:
        """What is executed; files that it needs are added to `laid`."""
        return [*properties.interpreter, self._argument(properties, context, laid)]

    def _argument(self, properties: Read, context: Context, laid: Laid) -> str:
        """What the interpreter is given. Commands that hold a secret lie in a file, for others can read arguments;
        so do those that are longer than an argument may be."""
        commands = self._commands(properties, context, laid)
        is_plain = len(commands) <= _MOST_ARGUMENT and context.mask(commands) == commands
        if is_plain or not is_shell(properties.interpreter):
            return commands
        laid[PurePosixPath(OWN, _COMMANDS)] = commands.encode("utf-8", "surrogatepass")
        return f". '{WORKING_DIR_MARK}/{OWN}/{_COMMANDS}'"

    def _commands(self, properties: Read, context: Context, laid: Laid) -> str:
        """The text that the interpreter is given."""
        lines = ["set -e"] if properties.fail_fast else []
        lines += (localised(line, context, laid) for line in properties.before_commands or ())
        if isinstance(properties, Commands):
            lines += (localised(line, context, laid) for line in properties.commands)
        elif isinstance(properties, Script):
            script = localised(properties.script, context, laid)
            if self.language.executables:
                name = PurePosixPath(SCRIPT + self.language.suffix)
                laid[name] = script.encode("utf-8", "surrogatepass")
                lines.append(_start(self.language.executables, name))
            else:
                lines.append(script)
        return "\n".join(lines)


def _labels(context: Context) -> dict[str, str]:
    """Kestra's labels of a container, which dashboards go by, and ours."""
    flow, task = context.flow, context.task
    return {
        "kestra.io/namespace": flow.namespace,
        "kestra.io/flow-id": flow.id,
        "kestra.io/task-id": task.id,
        "kestra.io/execution-id": context.execution_id,
        "kestra.io/taskrun-id": context.run_id,
        "kestra.io/taskrun-attempt": str(context.attempt - 1),  # Kestra counts from 0
        "penstock.namespace": flow.namespace,
        "penstock.flow": flow.id,
        "penstock.task": task.id,
        "penstock.execution": context.execution_id,
        "penstock.run": context.run_id,
        "penstock.attempt": str(context.attempt),
        "penstock.epoch": str(context.epoch),
    }


def _start(executables: tuple[str, ...], script: PurePosixPath) -> str:
    """Become the first of the executables that is there; say which were looked for when none is. No process more."""
    *others, last = executables
    lines = [f"if command -v {one} >/dev/null 2>&1; then exec {one} {script}; fi" for one in others]
    lines.append(f"if command -v {last} >/dev/null 2>&1; then exec {last} {script}; fi")
    missing = " or ".join(f"`{one}`" for one in executables)
    lines.append(f"echo 'There is no {missing} on the PATH: install it, or name a runner that has it' >&2")
    lines.append("exit 127")
    return "\n".join(lines)


def _refuse_what_is_not_there(properties: Furnished) -> None:
    """What would change how the program runs is refused, never left out silently."""
    if isinstance(properties, Python):
        for name, value in (("dependencies", properties.dependencies), ("pythonVersion", properties.python_version)):
            if value:
                raise UserError(
                    f"`{name}` cannot be used in this version",
                    help="make an environment with `beforeCommands`, or call a Python that has what it needs",
                )


def _collect(
    properties: Furnished, context: Context, runner: Runner, ended: Exit, outputs: dict[str, Any]
) -> str | None:
    """Keep what `outputFiles` names, and what lies in the folder for outputs; why some could not be kept, or None."""
    outputs["outputFiles"] = kept = dict[str, str]()
    if ended.ending not in (Ending.EXITED, Ending.STOPPED):
        return None
    named = list(properties.output_files or ())
    try:
        if named:
            for path, file in runner.collect(context.name, named):
                _keep(path, path, file, context, kept)
        for path, file in runner.collect(context.name, [f"{OUTPUT_DIR}/**"]):
            _keep(path, path.relative_to(OUTPUT_DIR), file, context, kept)
    except UserError as error:
        return f"The output files could not be kept: {error.message}"
    if ended.code == 0:
        for pattern in named:
            if is_plain_path(pattern) and pattern.removeprefix("./") not in kept:
                context.log(Level.WARN, f"The output file `{pattern}` is not there")
    return None


def _keep(path: PurePosixPath, name: PurePosixPath, file: BinaryIO, context: Context, kept: dict[str, str]) -> None:
    """Keep one file under `name`, unless it is kept already or is one that we have laid there ourselves."""
    with file:
        if is_ours(path) or str(path) in kept:
            return
        uri = context.uri(str(name))
        context.files.name(uri, context.files.put(file))
        kept[str(name)] = uri


def _result(
    properties: Furnished, context: Context, output: Output, ended: Exit, outputs: dict[str, Any], fault: str | None
) -> Result:
    metrics = tuple(output.metrics)
    match ended.ending:
        case Ending.EXITED if ended.code == 0 and fault is None:
            warns = context.flow.dialect is Dialect.V0_21 and properties.warning_on_std_err and output.said_errors
            return Result(outputs, State.WARNING if warns else State.SUCCESS, exit_code=0, metrics=metrics)
        case Ending.EXITED if ended.code == 0:
            reason = str(fault)
        case Ending.EXITED:
            reason = f"Command failed with exit code {ended.code}"
            if fault is not None:
                context.log(Level.WARN, fault)
        case Ending.STOPPED:
            raise TaskStopped(outputs=outputs, exit_code=ended.code)
        case Ending.KILLED:
            reason = f"Killed by signal {_signal(ended.signal)}, which Penstock has not sent"
        case Ending.OUT_OF_MEMORY:
            reason = "Out of memory: the program needed more than it may have, and was killed"
        case Ending.NOT_STARTED:
            reason = "The program could not be started"
        case Ending.LOST:
            raise TaskLost(ended.reason or "what ran the program is gone without a trace")
    if ended.reason:
        reason = f"{reason} ({ended.reason})"
    raise TaskFailed(reason, outputs=outputs, exit_code=ended.code, metrics=metrics)


def _signal(number: int | None) -> str:
    """`9 (SIGKILL)`."""
    try:
        return f"{number} ({Signals(number or 0).name})"
    except ValueError:
        return str(number)
