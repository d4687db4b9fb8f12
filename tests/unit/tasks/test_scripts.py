"""Scripts and commands: what the runner is told to run, what of it is kept, how each ending is told."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from fakes.runner import WORKING_DIR, Running, ScriptedRunner
from penstock.errors import NotFound, UserError
from penstock.execution.state import State
from penstock.flow.model import Dialect
from penstock.ports.runner import Ending, Exit, Halt, Order, Runner, Stream, Tail
from penstock.tasks.base import TaskFailed, TaskLost, TaskStopped
from unit.tasks.fakes import SHELL, HandContext, Seen, context, run, saying

SCRIPTS = "io.kestra.plugin.scripts."
COMMANDS, SHELL_SCRIPT = SCRIPTS + "shell.Commands", SCRIPTS + "shell.Script"
PYTHON, NODE = SCRIPTS + "python.Script", SCRIPTS + "node.Script"
PROCESS = "io.kestra.plugin.core.runner.Process"
DOCKER = "io.kestra.plugin.scripts.runner.docker.Docker"


def started(type_name: str, properties: Mapping[str, Any], **more: Any) -> tuple[Seen, HandContext]:
    """What the program was started with."""
    seen = Seen()
    world = context(type_name, properties, program=seen, **more)
    run(world)
    return seen, world


# ── what is run ──


def test_commands_run_in_one_shell_that_stops_at_the_first_failure() -> None:
    seen, _ = started(COMMANDS, {"beforeCommands": ["a"], "commands": ["b {{ n }}", "c"]}, variables={"n": 1})
    assert seen.running[0].argv == (SHELL, "-c", "set -e\na\nb 1\nc")


@pytest.mark.parametrize("command", ["curl -u me:s3cret", "echo " + "x" * 200_000])
def test_commands_with_a_secret_and_long_ones_are_no_argument(command: str) -> None:
    """Whoever may list processes reads arguments, and so does whoever may inspect a container."""
    seen, _ = started(COMMANDS, {"commands": [command]}, secrets=("s3cret",))
    [running] = seen.running
    assert running.argv == (SHELL, "-c", f". '{WORKING_DIR}/.penstock/commands'")
    assert running.files == {".penstock/commands": f"set -e\n{command}".encode()}


def test_fail_fast_may_be_switched_off() -> None:
    seen, _ = started(COMMANDS, {"commands": "{{ all }}", "failFast": "{{ f }}"}, variables={"all": ["a"], "f": False})
    assert seen.text == "a"


def test_a_shell_script_is_given_to_the_interpreter() -> None:
    seen, _ = started(SHELL_SCRIPT, {"script": "echo {{ n }}\n"}, variables={"n": 1})
    assert seen.text == "set -e\necho 1\n"


@pytest.mark.parametrize(
    ("type_name", "name", "first", "second"),
    [(PYTHON, "penstock-script.py", "python3", "python"), (NODE, "penstock-script.js", "node", "nodejs")],
)
def test_a_script_lies_in_a_file_and_its_program_takes_the_place_of_the_shell(
    type_name: str, name: str, first: str, second: str
) -> None:
    seen, _ = started(type_name, {"script": "print({{ n }})", "beforeCommands": ["a"]}, variables={"n": 1})
    assert seen.running[0].files == {name: b"print(1)"}
    lines = seen.text.split("\n")
    assert lines[:2] == ["set -e", "a"]
    assert lines[2:4] == [
        f"if command -v {each} >/dev/null 2>&1; then exec {each} {name}; fi" for each in (first, second)
    ]
    assert lines[-1] == "exit 127"


def test_the_environment_and_the_folders() -> None:
    env = {"A": "{{ workingDir }}/x", "B": 5, "C": None}
    properties = {"env": env, "script": "open('{{ outputDir }}/y')"}
    seen, _ = started(PYTHON, properties)
    assert seen.running[0].env == {
        "PYTHONUNBUFFERED": "true",
        "WORKING_DIR": WORKING_DIR,
        "OUTPUT_DIR": f"{WORKING_DIR}/outputs",
        "PENSTOCK_IDEMPOTENCY_KEY": "key",
        "A": f"{WORKING_DIR}/x",
        "B": "5",
    }
    assert seen.running[0].files["penstock-script.py"] == f"open('{WORKING_DIR}/outputs/y')".encode()


def kept(world: HandContext, name: str, content: bytes, execution: str = "e1") -> str:
    """A file of an earlier task."""
    uri = f"kestra:///demo/f/executions/{execution}/tasks/before/r0/{name}"
    world.files.name(uri, world.files.put(content))
    return uri


def test_input_files_are_texts_data_and_kept_files() -> None:
    seen = Seen()
    files = {"a/{{ n }}.txt": "x{{ n }}", "b.csv": "{{ uri }}", "c.json": {"k": [1]}, "d": 5, "none": None}
    world = context(COMMANDS, {"commands": ["true"], "inputFiles": files}, program=seen)
    world.variables = {"n": 1, "uri": kept(world, "b.csv", b"1,2")}
    run(world)
    assert seen.running[0].files == {"a/1.txt": b"x1", "b.csv": b"1,2", "c.json": b'{"k": [1]}', "d": b"5"}


@pytest.mark.parametrize("given", ['{"a.txt": "x"}', "{{ files }}", "{{ text }}"])
def test_input_files_may_be_json_text(given: str) -> None:
    variables = {"files": {"a.txt": "x"}, "text": '{"a.txt": "x"}'}
    seen, _ = started(COMMANDS, {"commands": ["true"], "inputFiles": given}, variables=variables)
    assert seen.running[0].files == {"a.txt": b"x"}


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"../a": "x"}, "`../a` leads out of the working directory"),
        ({"/a": "x"}, "`/a` leads out of the working directory"),
        ({"a": "nsfile:///x"}, "there is no file `x` among those of the namespace demo"),
        ({"a": "file:///etc/passwd"}, "`a` is `file://…`, a file of the machine, which no flow can read"),
        ({"a": "kestra:///demo/f/executions/other/x"}, "as it didn't belong to the current execution"),
        ("[1]", "`inputFiles` must be a mapping from paths to contents"),
        ("{", "`inputFiles` is text that is not JSON"),
    ],
)
def test_input_files_that_cannot_be_laid_down(given: Any, why: str) -> None:
    with pytest.raises(UserError) as told:
        started(COMMANDS, {"commands": ["true"], "inputFiles": given})
    assert why in told.value.message


def test_a_kept_file_in_a_command_becomes_a_path() -> None:
    seen = Seen()
    world = context(COMMANDS, {"commands": ["cat {{ uri }}; wc '{{ uri }}'"]}, program=seen)
    world.variables = {"uri": kept(world, "b.csv", b"1,2")}
    run(world)
    paths = [f".penstock/files/{n}/b.csv" for n in (0, 1)]
    assert seen.text == f"set -e\ncat {WORKING_DIR}/{paths[0]}; wc '{WORKING_DIR}/{paths[1]}'"
    assert seen.running[0].files == dict.fromkeys(paths, b"1,2")


def test_a_kept_file_that_is_not_there_is_told() -> None:
    with pytest.raises(NotFound):
        started(COMMANDS, {"commands": ["cat kestra:///demo/f/executions/e1/gone.csv"]})


# ── where it runs ──


@pytest.mark.parametrize("more", [{"taskRunner": {"type": PROCESS}}, {"runner": "PROCESS"}, {"docker": {"image": "x"}}])
def test_without_docker_it_is_a_process(more: dict[str, Any]) -> None:
    started(COMMANDS, {"commands": ["true"], **more})


@pytest.mark.parametrize("more", [{"taskRunner": {"type": DOCKER}}, {"runner": "DOCKER"}])
def test_who_names_docker_gets_no_other_runner(more: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="there is no runner `docker`"):
        started(COMMANDS, {"commands": ["true"], **more})


def test_a_runner_that_is_not_there_is_refused_by_name() -> None:
    elsewhere = "io.kestra.plugin.ee.kubernetes.runner.Kubernetes"
    with pytest.raises(UserError, match=f"the task runner `{elsewhere}` cannot run in this version"):
        started(COMMANDS, {"commands": ["true"], "taskRunner": {"type": elsewhere}})


@pytest.mark.parametrize("more", [{"dependencies": ["pandas"]}, {"pythonVersion": 3.12}])
def test_what_would_change_the_run_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=rf"`{next(iter(more))}` cannot be used in this version"):
        started(PYTHON, {"script": "", **more})


# ── what comes of it ──


def test_outputs_and_metrics_and_lines() -> None:
    line = '::{"outputs":{"rows":3},"metrics":[{"name":"n","type":"counter","value":1}]}::'
    world = context(COMMANDS, {"commands": ["x"]}, program=saying("hello", line, errors=["hm"]))
    result = run(world)
    assert result.outputs == {"vars": {"rows": 3}, "exitCode": 0, "outputFiles": {}}
    assert (result.state, result.exit_code) == (State.SUCCESS, 0)
    assert result.metrics == ({"name": "n", "type": "counter", "value": 1, "tags": {}},)
    assert sorted(world.said()) == [("ERROR", "hm"), ("INFO", "hello")]


@pytest.mark.parametrize(
    ("dialect", "more", "state"),
    [
        (Dialect.V0_21, {}, State.WARNING),
        (Dialect.V0_21, {"warningOnStdErr": False}, State.SUCCESS),
        (Dialect.AUTO, {}, State.SUCCESS),
    ],
)
def test_standard_error_warned_in_kestra_0_21(dialect: Dialect, more: dict[str, Any], state: State) -> None:
    world = context(COMMANDS, {"commands": ["x"], **more}, program=saying(errors=["hm"]), dialect=dialect)
    assert run(world).state is state


def test_an_exit_code_fails_and_keeps_what_was_told() -> None:
    world = context(COMMANDS, {"commands": ["x"]}, program=saying('::{"outputs":{"a":1}}::', code=3))
    with pytest.raises(TaskFailed, match=r"^Command failed with exit code 3$") as failed:
        run(world)
    assert failed.value.outputs == {"vars": {"a": 1}, "exitCode": 3, "outputFiles": {}}
    assert failed.value.exit_code == 3


def writing(running: Running) -> int:
    running.files |= {
        "a.csv": b"a", "sub/b.csv": b"b", "c.txt": b"c", "outputs/a.csv": b"other", "outputs/d.txt": b"d",
    }  # fmt: skip
    return 0


def test_output_files_are_kept_by_path() -> None:
    properties = {"script": "x", "outputFiles": ["**/*.csv", "gone.txt", "**"]}
    world = context(PYTHON, properties, program=writing)
    files = run(world).outputs["outputFiles"]
    assert {name: world.files.open(world.files.resolve(uri)).read() for name, uri in files.items()} == {
        "a.csv": b"a", "c.txt": b"c", "outputs/a.csv": b"other", "outputs/d.txt": b"d", "sub/b.csv": b"b",
    }  # fmt: skip
    assert files["sub/b.csv"] == "kestra:///demo/f/executions/e1/tasks/t/r1/sub/b.csv"
    assert world.said() == [("WARN", "The output file `gone.txt` is not there")]


def test_what_lies_in_the_folder_for_outputs_is_kept_without_being_named() -> None:
    world = context(COMMANDS, {"commands": ["x"]}, program=writing)
    assert sorted(run(world).outputs["outputFiles"]) == ["a.csv", "d.txt"]


def test_output_files_that_cannot_be_kept_fail_the_attempt() -> None:
    world = context(COMMANDS, {"commands": ["x"], "outputFiles": ["../a"]}, program=saying('::{"outputs":{"a":1}}::'))
    with pytest.raises(TaskFailed, match=r"The output files could not be kept: `\.\./a` leads out") as failed:
        run(world)
    assert failed.value.outputs["vars"] == {"a": 1}


class Ended(Runner):
    """A runner whose program has ended in a given way before anybody looks."""

    def __init__(self, exit_: Exit) -> None:
        self._exit = exit_
        self.launched: list[Order] = []

    def launch(self, order: Order, halt: object = None, tell: object = None) -> None:
        self.launched.append(order)

    def knows(self, name: str) -> bool:
        return bool(self.launched)

    def follow(self, name: str, tail: Tail, halt: Halt, *, offsets: Mapping[Stream, int]) -> Exit:
        return self._exit

    def collect(self, name: str, patterns: object) -> Iterator[Any]:
        return iter(())


@pytest.mark.parametrize(
    ("exit_", "why"),
    [
        (Exit(Ending.KILLED, 137, 9), "Killed by signal 9 (SIGKILL), which Penstock has not sent"),
        (Exit(Ending.OUT_OF_MEMORY, 137, 9, "limit 64 MiB"), "Out of memory"),
        (Exit(Ending.NOT_STARTED, reason="no such folder"), "The program could not be started (no such folder)"),
    ],
)
def test_endings_that_are_no_exit_codes(exit_: Exit, why: str) -> None:
    with pytest.raises(TaskFailed) as failed:
        run(context(COMMANDS, {"commands": ["x"]}, runner=Ended(exit_)))
    assert failed.value.message.startswith(why)


def test_stopped_and_lost() -> None:
    with pytest.raises(TaskStopped) as stopped:
        run(context(COMMANDS, {"commands": ["x"]}, runner=Ended(Exit(Ending.STOPPED, 143))))
    assert (stopped.value.exit_code, stopped.value.outputs["exitCode"]) == (143, 143)
    with pytest.raises(TaskLost, match="power"):
        run(context(COMMANDS, {"commands": ["x"]}, runner=Ended(Exit(Ending.LOST, reason="power"))))


# ── after a crash ──


class CutShort(ScriptedRunner):
    """Whoever follows dies after so many pieces of output, the first time."""

    left = 1

    def follow(self, name: str, tail: Tail, halt: Halt, *, offsets: Mapping[Stream, int]) -> Exit:
        def until_the_crash(stream: Stream, data: bytes, offset: int) -> None:
            if self.left == 0:
                self.left = -1
                raise KeyboardInterrupt
            self.left -= 1
            tail(stream, data, offset)

        return super().follow(name, until_the_crash if self.left >= 0 else tail, halt, offsets=offsets)


def test_a_resumed_attempt_goes_on_where_the_reading_stopped() -> None:
    long = "x" * 70_000
    starts = Seen()

    def program(running: Running) -> int:
        starts(running)
        return saying('::{"outputs":{"a":1}}::', long, '::{"outputs":{"b":2}}::', "end")(running)

    world = context(COMMANDS, {"commands": ["x"]}, runner=CutShort({SHELL: program}))
    with pytest.raises(KeyboardInterrupt):
        run(world)
    again = world.crashed()
    assert run(again).outputs["vars"] == {"a": 1, "b": 2}
    assert again.said() == [("INFO", long), ("INFO", "end")]
    assert len(starts.running) == 1


def test_a_resumed_attempt_that_was_never_launched_is_launched() -> None:
    world = context(COMMANDS, {"commands": ["x"]}, program=saying("once")).crashed()
    assert run(world).exit_code == 0
    assert world.said() == [("INFO", "once")]


def test_a_program_that_has_begun_is_never_begun_again() -> None:
    world = context(COMMANDS, {"commands": ["x"]}, program=saying("once"))
    run(world)
    world.runner("process").remove(world.name)
    with pytest.raises(TaskLost, match="had begun"):
        run(world.crashed())
    assert world.said() == [("INFO", "once")]


# ── with real processes ──


@pytest.fixture
def processes(tmp_path: Path) -> Any:
    if os.name != "posix":
        pytest.skip("programs run as processes on Linux and macOS")
    from penstock.adapters.process import ProcessRunner

    return lambda **more: ProcessRunner(tmp_path / "runs", **more)


def test_a_real_python_script(processes: Any) -> None:
    script = (
        "import json, os, helper\n"
        "open(os.path.join(os.environ['OUTPUT_DIR'], 'a.txt'), 'w').write(helper.word)\n"
        "print('::' + json.dumps({'outputs': {'cwd': os.getcwd() == '{{ workingDir }}'}}) + '::')\n"
    )
    properties = {"script": script, "inputFiles": {"helper.py": "word = 'hi'"}}
    world = context(PYTHON, properties, runner=processes())
    outputs = run(world).outputs
    assert (outputs["vars"], list(outputs["outputFiles"])) == ({"cwd": True}, ["a.txt"])


def test_an_interpreter_that_is_missing_is_named(processes: Any, tmp_path: Path) -> None:
    world = context(NODE, {"script": "1"}, runner=processes(environ={"PATH": str(tmp_path)}))
    with pytest.raises(TaskFailed, match=r"^Command failed with exit code 127$"):
        run(world)
    hint = "There is no `node` or `nodejs` on the PATH: install it, or name a runner that has it"
    assert world.said() == [("ERROR", hint)]
    with pytest.raises(UserError, match="no-such-shell"):
        run(
            context(
                COMMANDS,
                {"commands": ["x"], "interpreter": ["no-such-shell", "-c"]},
                runner=processes(),
                attempt_name="other",
            )
        )


def test_a_real_failure_stops_the_commands(processes: Any) -> None:
    world = context(COMMANDS, {"commands": ["echo a", "exit 4", "echo b"]}, runner=processes())
    with pytest.raises(TaskFailed, match="exit code 4"):
        run(world)
    assert world.said() == [("INFO", "a")]
