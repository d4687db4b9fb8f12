"""`penstock run` and `penstock executions`, as a person and a script meet them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fakes.small_disk import small_disk
from program import flow_file, penstock, start, task_states
from until import until

SHELL = "io.kestra.plugin.scripts.shell.Commands"
RETURN = "io.kestra.plugin.core.debug.Return"


def shell(id_: str, *commands: str, **more: str) -> str:
    lines = "".join(f"      - {json.dumps(command)}\n" for command in commands)
    extra = "".join(f"    {name}: {value}\n" for name, value in more.items())
    return f"  - id: {id_}\n    type: {SHELL}\n{extra}    commands:\n{lines}"


def flow(*tasks: str, id_: str = "flow", rest: str = "") -> str:
    return f"id: {id_}\nnamespace: team\ntasks:\n{''.join(tasks)}{rest}"


def latest(data: Path) -> str:
    return penstock("executions", "list", "-o", "name", "--limit", "1", data=data).out.strip()


def record(data: Path, execution: str) -> dict[str, object]:
    found: dict[str, object] = penstock("executions", "show", execution, "-o", "json", data=data).json
    return found


def state(data: Path, execution: str) -> str:
    return str(record(data, execution)["state"]["current"])  # type: ignore[index]


# ── streams and exit codes ───────────────────────────────────────────────────────────────────────────────────


def test_data_goes_to_stdout_and_everything_else_to_stderr(tmp_path: Path) -> None:
    path = flow_file(tmp_path, flow(shell("hello", "echo hi"), rest="outputs: [{id: x, type: INT, value: 4}]\n"))
    done = penstock("run", path, data=tmp_path / "d")
    assert (done.code, done.out) == (0, "x  4\n")
    assert "hello | hi" in done.err
    assert "SUCCESS: team/flow" in done.err


def test_json_is_the_whole_execution(tmp_path: Path) -> None:
    path = flow_file(tmp_path, flow(shell("a", 'echo \'::{"outputs":{"n":1}}::\'', "echo done")))
    done = penstock("run", path, "-o", "json", "--label", "who:me", data=tmp_path / "d")
    assert done.json["schemaVersion"] == 1
    assert done.json["state"]["current"] == "SUCCESS"
    assert [each["state"] for each in done.json["state"]["histories"]] == ["CREATED", "RUNNING", "SUCCESS"]
    assert done.json["taskRunList"][0]["outputs"]["vars"] == {"n": 1}
    assert {"key": "who", "value": "me"} in done.json["labels"]
    assert done.json == penstock("executions", "show", done.json["id"], "-o", "json", data=tmp_path / "d").json


def test_ndjson_is_one_event_a_line_in_the_order_of_the_log(tmp_path: Path) -> None:
    path = flow_file(tmp_path, flow(shell("a", "true")))
    events = penstock("run", path, "-o", "ndjson", data=tmp_path / "d").lines
    assert [event["type"] for event in events][-2:] == ["TaskRunEnded", "ExecutionEnded"]
    assert [event["seq"] for event in events] == list(range(2, len(events) + 2))


def test_quiet_says_nothing(tmp_path: Path) -> None:
    path = flow_file(tmp_path, flow(shell("a", "echo hi")))
    done = penstock("-q", "run", path, data=tmp_path / "d")
    assert (done.code, done.out, done.err) == (0, "", "")


@pytest.mark.parametrize(
    ("text", "options", "code"),
    [
        (flow(shell("a", "exit 3")), (), 1),
        (flow(shell("a", "exit 3", allowFailure="true")), (), 0),
        (flow(shell("a", "exit 3", allowFailure="true")), ("--fail-on-warning",), 6),
        (flow(shell("a", "sleep 30")), ("--timeout", "PT0.5S"), 124),
        (flow("  - id: p\n    type: io.kestra.plugin.core.flow.Pause\n"), (), 8),
        ("id: x\nnamespace: y\n", (), 1),
        (flow("  - id: k\n    type: io.kestra.plugin.core.kv.Delete\n    key: k\n"), (), 2),
        (flow(shell("a", "true"), rest="inputs: [{id: n, type: INT}]\n"), (), 2),
        (flow(shell("a", "true"), rest="disabled: true\n"), (), 2),
    ],
)
def test_the_exit_code_tells_how_it_ended(text: str, options: tuple[str, ...], code: int, tmp_path: Path) -> None:
    assert penstock("run", flow_file(tmp_path, text), *options, data=tmp_path / "d").code == code


def test_a_type_that_cannot_run_is_refused_by_its_name(tmp_path: Path) -> None:
    text = flow("  - id: k\n    type: io.kestra.plugin.core.kv.Delete\n    key: k\n")
    done = penstock("run", flow_file(tmp_path, text), data=tmp_path / "d")
    assert "io.kestra.plugin.core.kv.Delete" in done.err


def test_a_run_follows_the_executions_that_try_again_and_what_comes_after_the_end(tmp_path: Path) -> None:
    retry = "{type: constant, interval: PT0.2S, maxAttempts: 2, behavior: CREATE_NEW_EXECUTION}"
    after = f'afterExecution:\n  - {{id: after, type: {RETURN}, format: "it was {{{{ execution.state }}}}"}}\n'
    text = flow(shell("a", '[ "{{ execution.id }}" != "{{ execution.originalId }}" ]', retry=retry), rest=after)
    done = penstock("run", flow_file(tmp_path, text), "-o", "json", data=tmp_path / "d")
    assert (done.code, done.json["state"]["current"]) == (0, "SUCCESS")
    assert [run["outputs"].get("value") for run in done.json["taskRunList"]] == [None, "it was SUCCESS"]
    first = record(tmp_path / "d", done.json["originalId"])
    assert [each["state"]["current"] for each in first["taskRunList"]] == ["RETRIED", "SUCCESS"]  # type: ignore[attr-defined]
    assert f"tried again by {done.json['id']}" in done.err


def test_checks_are_looked_at_before_an_execution_begins(tmp_path: Path) -> None:
    check = "checks: [{condition: '{{ inputs.n < 5 }}', message: too many, behavior: %s}]\n"
    inputs = "inputs: [{id: n, type: INT, defaults: 9}]\n"
    told = {}
    for behavior in ("BLOCK_EXECUTION", "FAIL_EXECUTION", "CREATE_EXECUTION"):
        path = flow_file(tmp_path, flow(shell("a", "true"), rest=check % behavior + inputs))
        done = penstock("run", path, data=tmp_path / behavior)
        told[behavior] = (
            done.code,
            len(penstock("executions", "list", "-o", "name", data=tmp_path / behavior).out.split()),
        )
        assert "too many" in done.err
        told_checks = record(tmp_path / behavior, latest(tmp_path / behavior))["checks"] if done.code != 2 else None
        assert told_checks in (None, [{"message": "too many", "style": "INFO"}])
    assert told == {"BLOCK_EXECUTION": (2, 0), "FAIL_EXECUTION": (1, 1), "CREATE_EXECUTION": (0, 1)}


def test_a_script_that_names_docker_is_refused_and_never_run_on_the_host(tmp_path: Path) -> None:
    docker = "{type: io.kestra.plugin.scripts.runner.docker.Docker}"
    text = flow(shell("a", f"touch {tmp_path}/ran", taskRunner=docker))
    done = penstock("run", flow_file(tmp_path, text), data=tmp_path / "d")
    assert done.code == 2
    assert "no container engine answers, and the task `a` names one" in done.err
    assert not (tmp_path / "ran").exists()
    forced = penstock("run", flow_file(tmp_path, text), "--runner", "process", data=tmp_path / "d")
    assert forced.code == 0
    assert (tmp_path / "ran").exists()


def test_what_scripts_run_in_is_said_before_they_do(tmp_path: Path) -> None:
    done = penstock("run", flow_file(tmp_path, flow(shell("a", "true"))), data=tmp_path / "d")
    assert done.err.startswith("scripts run as processes of this machine: no container engine answers\n")
    log = penstock(
        "run",
        flow_file(tmp_path, flow("  - {id: l, type: io.kestra.plugin.core.log.Log, message: hi}\n")),
        data=tmp_path / "d",
    )
    assert "scripts run" not in log.err


def test_an_invalid_flow_is_shown_with_the_frame_of_its_error(tmp_path: Path) -> None:
    path = flow_file(tmp_path, flow(shell("a", "true")).replace("commands:", "comands:"))
    done = penstock("run", path, data=tmp_path / "d")
    assert done.code == 1
    assert "comands" in done.err
    assert "did you mean `commands`?" in done.err
    assert "^^^" in done.err


def test_nothing_is_kept_of_an_ephemeral_run(tmp_path: Path) -> None:
    path = flow_file(tmp_path, flow(shell("a", "true")))
    assert penstock("run", path, "--ephemeral", data=tmp_path / "d").code == 0
    assert not (tmp_path / "d").exists()


def test_a_flow_is_read_from_standard_input(tmp_path: Path) -> None:
    done = penstock("run", "-", "-o", "json", data=tmp_path / "d", stdin=flow(shell("a", "true")))
    assert done.json["source"] == {"path": "<stdin>"}


def test_mocks_and_dry_runs_start_nothing(tmp_path: Path) -> None:
    path = flow_file(tmp_path, flow(shell("a", f"touch {tmp_path}/ran"), shell("b", "echo {{ outputs.a.vars.n }}")))
    dry = penstock("run", path, "--dry-run", data=tmp_path / "d")
    assert dry.code == 0
    assert "would run" in dry.err
    assert not (tmp_path / "ran").exists()
    mock = tmp_path / "a.json"
    mock.write_text('{"vars": {"n": 42}}')
    mocked = penstock("run", path, "--mock", f"a={mock}", data=tmp_path / "d")
    assert mocked.code == 0
    assert "b | 42" in mocked.err
    assert not (tmp_path / "ran").exists()


def test_inside_a_github_workflow_each_task_is_a_group_and_a_failure_an_annotation(tmp_path: Path) -> None:
    hostile = "echo '::error::not mine'; echo '::group::nor mine'; exit 3"
    path = flow_file(tmp_path, flow(shell("good", "echo fine"), shell("bad", hostile)))
    summary = tmp_path / "summary.md"
    env = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    done = penstock("run", path, data=tmp_path / "d", env=env)
    assert done.code == 1
    lines = done.err.splitlines()
    assert f"::error file={path},line=8,title=task bad failed::Command failed with exit code 3" in lines
    token = next(line.removeprefix("::stop-commands::") for line in lines if line.startswith("::stop-commands::"))
    inside = done.err.split(f"::stop-commands::{token}\n")[2].split(f"::{token}::")[0]
    assert "::error::not mine\n::group::nor mine\n" in inside
    assert sum(line.startswith("::group::") and "mine" not in line for line in lines) == 2
    assert "| bad | FAILED |" in summary.read_text()


# ── the environment of a process ─────────────────────────────────────────────────────────────────────────────


def test_a_process_sees_what_is_declared_and_nothing_of_ours(tmp_path: Path) -> None:
    path = flow_file(tmp_path, flow(shell("a", "env | cut -d= -f1 | sort | tr '\\n' ' '", env="{MINE: yes}")))
    done = penstock("run", path, data=tmp_path / "d", env={"TOP_SECRET": "x", "SECRET_KEY": "eA=="})
    assert done.code == 0
    assert "MINE" in done.err
    assert "TOP_SECRET" not in done.err
    assert "SECRET_KEY" not in done.err


def test_a_secret_is_masked_wherever_it_turns_up(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets.env"
    secrets.write_text("TOKEN=hunter2-very-secret\n")
    text = flow(
        shell(
            "use",
            "echo token $TOKEN",
            'echo "::{\\"outputs\\":{\\"t\\":\\"$TOKEN\\"}}::"',
            env="{TOKEN: \"{{ secret('TOKEN') }}\"}",
        ),
        f"  - id: say\n    type: {RETURN}\n    format: \"{{{{ secret('TOKEN') }}}}!\"\n",
        f'  - id: again\n    type: {RETURN}\n    format: "{{{{ outputs.say.value | length }}}}"\n',
    )
    done = penstock("run", flow_file(tmp_path, text), "--secrets", secrets, "-o", "json", data=tmp_path / "d")
    assert done.code == 0, done.err
    assert "token ******" in done.err
    assert done.json["taskRunList"][2]["outputs"]["value"] == str(len("hunter2-very-secret!"))
    shown = done.out + done.err + penstock("executions", "logs", done.json["id"], data=tmp_path / "d").out
    assert "hunter2" not in shown
    for path in (tmp_path / "d").rglob("*"):
        if path.is_file():
            assert b"hunter2" not in path.read_bytes(), path


# ── another terminal ─────────────────────────────────────────────────────────────────────────────────────────


def test_two_runs_share_a_folder(tmp_path: Path) -> None:
    path = flow_file(tmp_path, flow(shell("a", "sleep 0.3")))
    runs = [start("run", path, data=tmp_path / "d") for _ in range(2)]
    assert [run.wait(30) for run in runs] == [0, 0]
    for run in runs:
        run.communicate()
    assert len(penstock("executions", "list", "-o", "name", data=tmp_path / "d").out.split()) == 2


def test_a_run_is_killed_from_another_terminal(tmp_path: Path) -> None:
    data = tmp_path / "d"
    path = flow_file(tmp_path, flow(shell("a", "echo begun; sleep 60"), shell("b", "true")))
    process = start("run", path, data=data)
    execution = until(lambda: data.exists() and latest(data), 20)
    until(lambda: "begun" in penstock("executions", "logs", execution, data=data).out, 20)
    begun = time.monotonic()
    assert penstock("executions", "kill", execution, data=data).code == 0
    assert process.wait(20) == 5
    assert time.monotonic() - begun < 8
    process.communicate()
    assert task_states(record(data, execution)) == [("a", "KILLED")]
    again = penstock("executions", "kill", execution, data=data)
    assert again.code == 2
    assert "over" in again.err


def test_a_run_is_paused_and_resumed_from_another_terminal(tmp_path: Path) -> None:
    data = tmp_path / "d"
    flag = tmp_path / "flag"
    path = flow_file(tmp_path, flow(shell("a", f"while [ ! -e {flag} ]; do sleep 0.05; done"), shell("b", "true")))
    process = start("run", path, data=data)
    execution = until(lambda: data.exists() and latest(data), 20)
    until(lambda: "RUNNING" in str(record(data, execution)["taskRunList"]), 20)
    assert penstock("executions", "pause", execution, data=data).code == 0
    flag.touch()
    until(lambda: task_states(record(data, execution)) == [("a", "SUCCESS")], 20)
    assert state(data, execution) == "PAUSED"
    assert penstock("executions", "resume", execution, data=data).code == 0
    assert process.wait(20) == 0
    process.communicate()
    assert task_states(record(data, execution)) == [("a", "SUCCESS"), ("b", "SUCCESS")]


def test_lines_can_be_followed_from_another_terminal(tmp_path: Path) -> None:
    data = tmp_path / "d"
    path = flow_file(tmp_path, flow(shell("a", "for n in 1 2 3; do echo line $n; sleep 0.2; done")))
    process = start("run", path, data=data)
    execution = until(lambda: data.exists() and latest(data), 20)
    followed = penstock("executions", "logs", "-f", execution, data=data)
    assert [line.rpartition("| ")[2] for line in followed.out.splitlines()] == ["line 1", "line 2", "line 3"]
    assert process.wait(20) == 0
    process.communicate()


# ── signals and crashes ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_kills_the_execution(number: signal.Signals, code: int, tmp_path: Path) -> None:
    data = tmp_path / "d"
    path = flow_file(tmp_path, flow(shell("a", "sleep 60")))
    process = start("run", path, data=data)
    execution = until(lambda: data.exists() and latest(data), 20)
    until(lambda: "RUNNING" in str(record(data, execution)["taskRunList"]), 20)
    process.send_signal(number)
    assert process.wait(20) == code
    process.communicate()
    assert state(data, execution) == "KILLED"


COUNT = (
    "n=0; while [ $n -lt 30 ]; do n=$((n+1)); echo line $n; sleep 0.05;"
    " while [ $n -eq 10 -a ! -e {flag} ]; do sleep 0.02; done; done; exit 7"
)


def test_the_task_goes_on_after_kill_9_and_resume_has_every_line_once(tmp_path: Path) -> None:
    data, flag = tmp_path / "d", tmp_path / "flag"
    path = flow_file(tmp_path, flow(shell("a", COUNT.format(flag=flag))))
    process = start("run", path, data=data)
    execution = until(lambda: data.exists() and latest(data), 20)
    until(lambda: "line 5" in penstock("executions", "logs", execution, data=data).out, 20)
    process.kill()
    process.wait()
    process.communicate()
    assert state(data, execution) == "RUNNING"
    flag.touch()
    done = penstock("run", "--resume", execution, "-o", "json", data=data)
    assert done.code == 1
    assert done.json["taskRunList"][0]["attempts"][0]["exitCode"] == 7
    assert len(done.json["taskRunList"][0]["attempts"]) == 1
    lines = penstock("executions", "logs", execution, data=data).out.splitlines()
    assert [line.rpartition("| ")[2] for line in lines if "| line" in line] == [f"line {n}" for n in range(1, 31)]


def test_a_task_that_ended_while_nobody_ran_is_read_to_its_end(tmp_path: Path) -> None:
    data, flag = tmp_path / "d", tmp_path / "flag"
    wait = f"echo before; while [ ! -e {flag} ]; do sleep 0.02; done; echo after; touch {flag}.done; exit 4"
    path = flow_file(tmp_path, flow(shell("a", wait)))
    process = start("run", path, data=data)
    execution = until(lambda: data.exists() and latest(data), 20)
    until(lambda: "before" in penstock("executions", "logs", execution, data=data).out, 20)
    process.kill()
    process.wait()
    process.communicate()
    flag.touch()
    until(lambda: (tmp_path / "flag.done").exists(), 20)
    done = penstock("run", "--resume", execution, "-o", "json", data=data)
    assert done.json["taskRunList"][0]["attempts"][0]["exitCode"] == 4
    lines = penstock("executions", "logs", execution, data=data).out
    assert (lines.count("| before"), lines.count("| after")) == (1, 1)


def test_an_execution_that_is_held_cannot_be_resumed_by_another(tmp_path: Path) -> None:
    data = tmp_path / "d"
    path = flow_file(tmp_path, flow(shell("a", "sleep 60")))
    process = start("run", path, data=data)
    execution = until(lambda: data.exists() and latest(data), 20)
    refused = penstock("run", "--resume", execution, data=data)
    assert refused.code == 2
    assert "held by a live process" in refused.err
    process.terminate()
    process.wait(20)
    process.communicate()


# ── bad worlds ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_missing_file_and_a_missing_interpreter_are_told(tmp_path: Path) -> None:
    missing = penstock("run", tmp_path / "none.yaml", data=tmp_path / "d")
    assert missing.code == 2
    assert "none.yaml" in missing.err
    text = flow(shell("a", "true", interpreter="[/no/such/interpreter, -c]"))
    done = penstock("run", flow_file(tmp_path, text), data=tmp_path / "d")
    assert done.code == 1
    assert "/no/such/interpreter" in done.err


def test_a_data_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    done = penstock("run", flow_file(tmp_path, flow(shell("a", "true"))), data=blocked / "d")
    assert done.code == 2
    assert str(blocked) in done.err
    assert "Traceback" not in done.err


def test_a_full_disk_is_told_and_what_was_acknowledged_is_there_afterwards(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", "6m") as data:
        first = flow_file(tmp_path, flow(shell("a", "echo kept")), "first.yaml")
        assert penstock("run", first, data=data).code == 0
        kept = latest(data)
        big = flow_file(tmp_path, flow(shell("a", "head -c 30000000 /dev/zero | tr '\\0' x")), "big.yaml")
        done = penstock("run", big, data=data)
        assert done.code in (1, 2)
        assert "full" in done.err or "No space" in done.err
        assert "Traceback" not in done.err
        for heap in (*data.glob("logs/*"), *data.glob("work/*")):
            subprocess.run(["rm", "-rf", str(heap)], check=True)
        assert state(data, kept) == "SUCCESS"
        assert penstock("run", first, data=data).code == 0


def test_a_store_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    data = tmp_path / "d"
    path = flow_file(tmp_path, flow(shell("a", "true")))
    assert penstock("run", path, data=data).code == 0
    code = f"import apsw; apsw.Connection({str(data / 'store.db')!r}).execute('pragma user_version = 999')"
    subprocess.run([sys.executable, "-c", code], check=True)
    done = penstock("run", path, data=data)
    assert done.code == 2
    assert "later version" in done.err


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    path = flow_file(tmp_path, flow(shell("a", "true")))
    assert penstock("run", path, data=tmp_path / "d").code == 0
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "penstock_cli", "executions", "list", "--data", str(tmp_path / "d"), "-o", "json"],
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")
