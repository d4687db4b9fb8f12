"""Files on their way: given as inputs, lying beside a flow in Git, handed from task to task."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.test_agent_stays import Agent, git
from program import flow_file, penstock
from until import until

SHELL = "io.kestra.plugin.scripts.shell.Commands"
RETURN = "io.kestra.plugin.core.debug.Return"
OUTPUTS = "outputs:\n  - {id: said, type: STRING, value: '{{ outputs.a.vars.said }}'}\n"
SAYS = """printf '::{"outputs":{"said":"%s"}}::\\n' """


def shell(*commands: str, more: str = "") -> str:
    lines = "".join(f"      - {json.dumps(command)}\n" for command in commands)
    return f"  - id: a\n    type: {SHELL}\n{more}    commands:\n{lines}"


def flow(task: str, *, rest: str = OUTPUTS) -> str:
    return f"id: my_flow\nnamespace: team.data\ntasks:\n{task}{rest}"


INPUT = "inputs:\n  - {id: file, type: FILE, allowedFileExtensions: [.csv]}\n"
READS = f"""  - id: b
    type: {RETURN}
    format: "{{{{ read(inputs.file) }}}}"
"""


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    made = Agent(tmp_path)
    yield made
    if not made.is_gone():
        made.stop(signal.SIGKILL)


def run(path: Path, *args: str | Path, data: Path) -> tuple[int, str, str]:
    done = penstock("run", path, "--runner", "process", *args, data=data)
    return done.code, done.out, done.err


def push(agent: Agent, files: dict[str, str], *, orphan: bool = False) -> str:
    """Files by path, as a further commit or as the first one of another history."""
    if orphan:
        git("checkout", "-q", "--orphan", "other", cwd=agent.work)
    for path, text in files.items():
        (agent.work / path).parent.mkdir(parents=True, exist_ok=True)
        (agent.work / path).write_text(text)
    git("add", "--all", cwd=agent.work)
    git("commit", "-q", "-m", "change", cwd=agent.work)
    git("push", "-q", "--force", str(agent.bare), "HEAD:main", cwd=agent.work)
    return git("rev-parse", "HEAD", cwd=agent.work)


def until_state(agent: Agent, execution: str, state: str) -> None:
    until(lambda: agent.show(execution)["state"]["current"] == state, 20)


# ── files as inputs ──


def test_a_file_given_to_run_is_an_input_of_its_execution(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("1,2")
    path = flow_file(tmp_path, flow(shell(SAYS + "$(cat {{ inputs.file }})") + READS, rest=OUTPUTS + INPUT))
    done = penstock("run", path, "-i", f"file=@{tmp_path}/orders.csv", "-o", "json", data=tmp_path / "d")
    record = done.json
    assert record["state"]["current"] == "SUCCESS"
    assert record["inputs"]["file"] == f"kestra:///team/data/my-flow/executions/{record['id']}/inputs/file/orders.csv"
    assert record["outputs"] == {"said": "1,2"}
    assert record["taskRunList"][1]["outputs"] == {"value": "1,2"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("@{}/gone.csv", "there is no file"),
        ("@{}/folder.csv", "is a folder"),
        ("@{}/orders.txt", "File type not allowed. Accepted extensions: .csv"),
        ("@{}/empty.csv", "Can't upload file"),
        ("1,2", "Expected `FILE` but received `1,2`"),
        ("kestra:///team/gone.csv", "there is no file `kestra:///team/gone.csv`"),
    ],
)
def test_a_file_that_cannot_be_given_is_told_and_nothing_starts(given: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "orders.txt").write_text("1")
    (tmp_path / "empty.csv").touch()
    path = flow_file(tmp_path, flow(shell("true"), rest=INPUT))
    code, _, err = run(path, "-i", f"file={given.format(tmp_path)}", data=tmp_path / "d")
    assert code == 2
    assert said in err
    assert penstock("executions", "list", "-o", "name", data=tmp_path / "d").out == ""


def test_an_execution_cannot_read_the_files_of_another(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("1,2")
    first = flow_file(tmp_path, flow(shell("true"), rest=INPUT), "first.yaml")
    given = penstock("run", first, "-i", f"file=@{tmp_path}/orders.csv", "-o", "json", data=tmp_path / "d").json
    uri = given["inputs"]["file"]
    thief = f"  - id: a\n    type: {RETURN}\n    format: \"{{{{ read('{uri}') }}}}\"\n"
    for task in (thief, shell(f"cat {uri}"), shell("true", more=f"    inputFiles: {{a: '{uri}'}}\n")):
        path = flow_file(tmp_path, flow(task, rest="").replace("my_flow", "thief"), "thief.yaml")
        code, _, err = run(path, data=tmp_path / "d")
        assert code == 1
        assert "as it didn't belong to the current execution" in err
    again = penstock("run", first, "-i", f"file={uri}", "-o", "json", data=tmp_path / "d").json
    assert again["inputs"]["file"] == uri.replace(given["id"], again["id"])


def test_a_file_given_to_trigger_reaches_the_agent(agent: Agent, tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("1,2")
    push(agent, {"flows/a.yaml": flow(shell(SAYS + "$(cat {{ inputs.file }})"), rest=OUTPUTS + INPUT)})
    agent.start()
    agent.deployed()
    given = ("-i", f"file=@{tmp_path}/orders.csv", "--wait", "-o", "json")
    done = penstock("trigger", "team.data/my_flow", *given, data=agent.data)
    assert done.code == 0, done.err
    assert done.json["outputs"] == {"said": "1,2"}


# ── files of a namespace ──

FILES = "    namespaceFiles: {include: ['*.sql', 'b/**'], exclude: [no.sql]}\n"
SEEN = shell(SAYS + "\"$(cat all.sql b/c.txt):$(ls | tr '\\n' ' ')\"", more=FILES)


def lay(root: Path) -> None:
    for path, text in {
        "_files/all.sql": "all ",
        "_files/no.sql": "no",
        "team.data/files/b/c.txt": "own",
        "other/files/b/d.txt": "other",
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


@pytest.mark.parametrize("place", ["flows/f.yaml", "_flows/deep/f.yaml", "team.data/flows/f.yaml"])
def test_run_finds_the_files_around_the_flow(place: str, tmp_path: Path) -> None:
    lay(tmp_path)
    path = tmp_path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(flow(SEEN))
    code, out, err = run(path, data=tmp_path / "d")
    assert code == 0, err
    assert out.split() == ["said", "all", "own:all.sql", "b", "outputs"]
    assert "Loaded 2 namespace files" in err


def test_read_and_input_files_reach_the_files_of_namespaces(tmp_path: Path) -> None:
    lay(tmp_path)
    (tmp_path / "flows").mkdir()
    inputs = "    inputFiles: {x: 'nsfile:///all.sql', y: \"{{ fileURI('b/c.txt') }}\", z: 'nsfile://other/b/d.txt'}\n"
    text = "{{ read('b/c.txt') }}{{ read('/all.sql') }}{{ read('b/d.txt', namespace='other') }}"
    task = shell(SAYS + f'"$(cat x y z nsfile:///all.sql){text}"', more=inputs)
    path = flow_file(tmp_path / "flows", flow(task))
    code, out, err = run(path, data=tmp_path / "d")
    assert code == 0, err
    assert out == "said  all ownotherall ownall other\n"


def test_an_execution_keeps_the_files_that_it_began_with(agent: Agent) -> None:
    """A push, a history written anew, and a kill of the agent between two tasks: the tree is the one of the start."""
    pause = "  - id: p\n    type: io.kestra.plugin.core.flow.Pause\n"
    push(agent, {"flows/a.yaml": flow(pause + SEEN), "_files/all.sql": "first", "_files/b/c.txt": "1"})
    agent.start()
    agent.deployed()
    started = penstock("trigger", "team.data/my_flow", data=agent.data).out.strip()
    until_state(agent, started, "PAUSED")
    for number, text in enumerate(("second", "third"), 2):
        commit = push(agent, {"_files/all.sql": text, "_files/b/c.txt": str(number)}, orphan=number == 2)
        assert penstock("agent", "poke", "--data", agent.data).code == 0
        agent.deployed(commit=commit, generation=number)
    agent.stop(signal.SIGKILL)
    agent.start()
    later = penstock("trigger", "team.data/my_flow", data=agent.data).out.strip()
    said = {}
    for execution in (started, later):
        until_state(agent, execution, "PAUSED")
        penstock("executions", "resume", execution, data=agent.data)
        until_state(agent, execution, "SUCCESS")
        said[execution] = agent.show(execution)["outputs"]["said"].partition(":")[0]
    assert said == {started: "first1", later: "third3"}
