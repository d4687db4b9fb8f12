"""The shell of the command line through the real program: streams, colours, exit codes, what is imported."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = [sys.executable, "-m", "penstock_cli"]
NEVER = (
    "pydantic", "docker", "git", "httpx", "jinja2", "importlib.metadata", "croniter", "rich", "yaml", "jsonschema",
    "apsw", "cryptography", "re2",
)  # fmt: skip
FLOW = """\
id: nested
namespace: demo
tasks:
  - id: each
    type: io.kestra.plugin.core.flow.ForEach
    values: [a, b]
    tasks:
      - id: choose
        type: io.kestra.plugin.core.flow.If
        condition: "{{ taskrun.value == 'a' }}"
        then:
          - {id: said, type: io.kestra.plugin.core.log.Log, message: "<a> & b"}
        else:
          - {id: other, type: io.kestra.plugin.core.log.Log, message: b}
  - {id: last, type: io.kestra.plugin.core.log.Log, message: done}
"""

Shell = Callable[..., subprocess.CompletedProcess[str]]


def environment(home: Path, **more: str) -> dict[str, str]:
    path = os.pathsep.join(str(ROOT / part) for part in ("engine", "cli", "schemas"))
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "LANG") if name in os.environ}
    return {**kept, "HOME": str(home), "PYTHONPATH": path, **more}


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """The program in a folder of its own, with a home of its own."""

    def run(*arguments: str, cwd: Path = tmp_path, text: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*PROGRAM, *arguments],
            cwd=cwd,
            env=environment(tmp_path, **more),
            input=text,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )

    return run


# ── help and its price ──


def test_help_lists_the_commands_on_stdout_and_costs_no_heavy_module(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "penstock_cli", "--help"],
        env=environment(tmp_path), capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    for name in ("validate", "run", "executions", "graph", "config", "doctor", "completion"):
        assert f"\n  {name} " in told.stdout
    imported = {line.rpartition("|")[2].strip() for line in told.stderr.splitlines() if line.startswith("import time:")}
    heavy = {name for name in imported if any(name == never or name.startswith(f"{never}.") for never in NEVER)}
    assert heavy == set()
    assert {name for name in imported if name.startswith("penstock_cli.commands.")} == set()


def test_without_arguments_the_help_goes_to_stderr(shell: Shell) -> None:
    told = shell()
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.startswith("Usage: penstock [OPTIONS] COMMAND")


@pytest.mark.parametrize("arguments", [["--version"], ["doctor", "--version"], ["config", "view", "--version"]])
def test_the_version_is_told_before_and_after_a_command(shell: Shell, arguments: list[str]) -> None:
    told = shell(*arguments)
    assert (told.returncode, told.stdout, told.stderr) == (0, "penstock 0.1.0\n", "")


# ── wrong usage ──


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["doctr"], "error[PEN001]: there is no command `doctr`\n  = help: did you mean `doctor`?\n"),
        (["xyz"], "error[PEN001]: there is no command `xyz`\n  = help: `penstock --help` lists the commands\n"),
        (["config", "vieww"], "error[PEN001]: No such command 'vieww'\n  = help: did you mean `view`?\n"),
        (["doctor", "--out"], "error[PEN001]: No such option '--out'\n  = help: did you mean `--output`?\n"),
        (["doctor", "-x"], "error[PEN001]: No such option '-x'\n  = help: `penstock doctor --help` tells what"),
        (["completion"], "error[PEN001]: Missing argument '{bash|zsh|fish}'"),
        (["-C", "not-there", "doctor"], "error[PEN001]: Invalid value for '-C': cannot go to not-there: "),
        (["doctor", "-C", "not-there"], "error[PEN001]: Invalid value for '-C': cannot go to not-there: "),
    ],
)  # fmt: skip
def test_wrong_usage_is_told_on_stderr_with_its_mend(shell: Shell, arguments: list[str], said: str) -> None:
    told = shell(*arguments)
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.startswith(said)


# ── common options ──


def test_a_folder_is_entered_before_and_after_the_command(shell: Shell, tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (inner / "penstock.yaml").write_text("dialect: 2\n")
    for arguments in (
        ["-C", "a/b", "config", "view"],
        ["-C", "a", "-C", "b", "config", "view"],
        ["-C", "a", "config", "-C", "b", "view"],
        ["config", "view", "-C", "a/b"],
    ):
        assert json.loads(shell(*arguments, "-o", "json").stdout)["settings"]["dialect"] == "2"


@pytest.mark.parametrize(
    ("arguments", "environ", "coloured"),
    [
        ([], {}, False),
        ([], {"FORCE_COLOR": "1"}, True),
        ([], {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (["--color", "always"], {"NO_COLOR": "1"}, True),
        (["--color", "never"], {"FORCE_COLOR": "1"}, False),
        ([], {"PENSTOCK_COLOR": "always"}, True),
    ],
)
def test_colour_follows_flag_then_variables(
    shell: Shell, arguments: list[str], environ: dict[str, str], coloured: bool
) -> None:
    before = shell(*arguments, "doctor", **environ)
    after = shell("doctor", *arguments, **environ)
    assert ("\x1b[" in before.stdout) is coloured
    assert ("\x1b[" in after.stdout) is coloured


@pytest.mark.skipif(os.name != "posix", reason="a pseudo-terminal is POSIX")
@pytest.mark.parametrize(
    ("environ", "coloured"),
    [({"TERM": "xterm"}, True), ({"TERM": "dumb"}, False), ({"TERM": "xterm", "NO_COLOR": "1"}, False)],
)
def test_a_terminal_gets_colours_unless_it_is_told_otherwise(
    tmp_path: Path, environ: dict[str, str], coloured: bool
) -> None:
    import pty

    outer, inner = pty.openpty()
    with subprocess.Popen(
        [*PROGRAM, "nothing"], cwd=tmp_path, env=environment(tmp_path, **environ), stdout=inner, stderr=inner
    ) as child:
        os.close(inner)
        told = b""
        while chunk := _read_terminal(outer):
            told += chunk
    os.close(outer)
    assert child.returncode == 2
    assert b"there is no command `nothing`" in told
    assert (b"\x1b[" in told) is coloured


def _read_terminal(number: int) -> bytes:
    try:
        return os.read(number, 65536)
    except OSError:  # Linux says EIO when the other end is closed
        return b""


# ── readers, signals, disks ──


@pytest.mark.skipif(os.name != "posix", reason="pipes and signals of POSIX")
def test_a_reader_that_is_gone_is_no_error(tmp_path: Path) -> None:
    for arguments in (["--help"], ["config", "view"], ["doctor", "-o", "json"], ["completion", "zsh"]):
        reader, writer = os.pipe()
        os.close(reader)
        told = subprocess.run(
            [*PROGRAM, *arguments], cwd=tmp_path, env=environment(tmp_path),
            stdout=writer, stderr=subprocess.PIPE, timeout=60, check=False,
        )  # fmt: skip
        os.close(writer)
        assert (told.returncode, told.stderr) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_below_stdout_is_told(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        told = subprocess.run(
            [*PROGRAM, "--help"], cwd=tmp_path, env=environment(tmp_path),
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert told.returncode == 2
    assert told.stderr.startswith("error[PEN005]: cannot read or write No space left on device\n")
    assert "Exception ignored" not in told.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells when the program waits")
@pytest.mark.parametrize(
    ("number", "code", "said"),
    [(signal.SIGTERM, 143, ""), (signal.SIGINT, 130, "interrupted: stopped as you asked\n")],
)
def test_a_signal_ends_the_program_with_its_own_code(tmp_path: Path, number: int, code: int, said: str) -> None:
    with subprocess.Popen(
        [*PROGRAM, "graph", "-"], cwd=tmp_path, env=environment(tmp_path),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as child:  # fmt: skip
        assert child.stdin is not None
        child.stdin.write("#" * (1 << 20))  # more than a pipe holds: when this returns the program reads
        child.stdin.flush()
        _until_it_waits(child)
        child.send_signal(number)
        child.wait(timeout=60)
        assert child.stderr is not None
        assert (child.returncode, child.stderr.read()) == (code, said)


def _until_it_waits(child: subprocess.Popen[str]) -> None:
    """Until a child has read all that was written and sleeps: between two reads CPython would not see a signal."""
    import fcntl
    import termios

    assert child.stdin is not None
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        unread = int.from_bytes(fcntl.ioctl(child.stdin, termios.FIONREAD, bytes(4)), sys.byteorder)
        state = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[0]
        if unread == 0 and state == "S":
            return
        os.sched_yield()
    raise TimeoutError("the program never waited for more")


# ── config ──


def test_config_view_tells_who_won(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "penstock.yaml").write_text("dialect: 2\nagent:\n  interval: 10s\n")
    environ = {"PENSTOCK_DIALECT": "1", "KESTRA_HOSTNAME": "http://localhost:8080", "KESTRA_API_TOKEN": "tok-en"}
    told = shell("config", "view", "--show-source", "--color", "never", **environ)
    rows = {line.split()[0]: line.split()[1:] for line in told.stdout.splitlines()}
    assert told.returncode == 0
    assert rows["dialect"] == ["1", "PENSTOCK_DIALECT"]
    assert rows["agent.interval"] == ["PT10S", "penstock.yaml:3:3"]
    assert rows["server.url"] == ["http://localhost:8080", "KESTRA_HOSTNAME"]
    assert rows["server.token"] == ["***", "KESTRA_API_TOKEN"]
    assert rows["color"] == ["never", "flag"]
    assert "tok-en" not in told.stdout + told.stderr


def test_config_view_frames_what_is_wrong(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "penstock.yaml").write_text("flow: [a]\ndialect: 9\n")
    told = shell("config", "view", "-o", "name")
    assert told.returncode == 1
    assert "dialect" in told.stdout.splitlines()
    assert "warning[PEN290]: there is no setting `flow`\n --> penstock.yaml:1:1\n" in told.stderr
    assert "2 | dialect: 9\n  |          ^\n" in told.stderr


def test_a_wrong_setting_or_version_refuses_commands_but_those_that_explain_it(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text(FLOW)
    (tmp_path / "penstock.yaml").write_text("requires: '>=99'\n")
    told = shell("graph", "flow.yaml")
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr == (
        "error[PEN292]: this repository asks for Penstock >=99, this is 0.1.0 (penstock.yaml:1:1)\n"
        '  = help: pip install "penstock>=99"\n'
    )
    assert shell("config", "view").returncode == 0
    (tmp_path / "penstock.yaml").write_text("dialect: 9\n")
    told = shell("graph", "flow.yaml")
    said = "error[PEN291]: penstock.yaml:1:10: `9` is none of auto, 0.21, 1, 2\n"
    assert (told.returncode, told.stdout, told.stderr) == (2, "", said)


def test_a_key_that_means_nothing_is_told_and_does_not_stop(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text(FLOW)
    (tmp_path / "penstock.yaml").write_text("flow: [a]\n")
    told = shell("graph", "flow.yaml")
    assert told.returncode == 0
    assert told.stderr == "warning[PEN290]: penstock.yaml:1:1: there is no setting `flow`; did you mean `flows`?\n"
    assert shell("-q", "graph", "flow.yaml").stderr == ""


# ── doctor ──


def test_doctor_answers_in_json_and_leaves_nothing_behind(shell: Shell, tmp_path: Path) -> None:
    told = shell("doctor", "-o", "json", "--data", str(tmp_path / "state"))
    found = json.loads(told.stdout)
    names = [check["name"] for check in found["checks"]]
    assert (told.returncode, found["schemaVersion"], found["outcome"]) == (0, 1, "passed")
    assert {"git", "container engine", "clock", "data folder", "disk", "seal key", "sqlite", "re2", "cgroups"} <= {
        *names
    }
    assert all(check["help"] for check in found["checks"] if check["state"] != "ok")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_doctor_says_the_mend_of_what_is_wrong(shell: Shell, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    state.chmod(0o777)
    key = state / "seal.key"
    key.write_bytes(b"x" * 32)
    key.chmod(0o644)
    told = shell("doctor", "--data", str(state))
    assert told.returncode == 1
    assert f"others may write to {state}" in told.stdout
    assert f"= help: chmod 700 {state}" in told.stdout
    assert f"= help: chmod 600 {key}" in told.stdout


# ── completion ──


@pytest.mark.parametrize(
    ("name", "marker"),
    [("bash", "complete -o nosort -F"), ("zsh", "#compdef penstock"), ("fish", "complete --no-files")],
)
def test_completion_prints_the_script_of_a_shell(shell: Shell, name: str, marker: str) -> None:
    told = shell("completion", name)
    assert told.returncode == 0
    assert marker in told.stdout
    assert "_PENSTOCK_COMPLETE" in told.stdout


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("penstock do", ["plain,doctor"]),
        ("penstock config v", ["plain,view"]),
        ("penstock completion ", ["plain,bash", "plain,fish", "plain,zsh"]),
        ("penstock doctor --no-", ["plain,--no-input"]),
    ],
)
def test_what_the_script_asks_is_answered(shell: Shell, words: str, expected: list[str]) -> None:
    at = len(words.split(" ")) - 1
    told = shell(_PENSTOCK_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(at))
    assert sorted(told.stdout.split()) == expected


# ── graph ──


def test_graph_draws_a_flow_in_four_languages(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text(FLOW)
    text = shell("graph", "flow.yaml")
    assert (text.returncode, text.stdout.splitlines()[0], text.stderr) == (0, "demo/nested", "")
    assert shell("graph", "-", "-o", "mermaid", text=FLOW).stdout.startswith("flowchart TD\n")
    assert json.loads(shell("graph", "flow.yaml", "--format", "json").stdout)["flow"] == "demo/nested"
    picture = ET.fromstring(shell("graph", "flow.yaml", "-o", "svg").stdout)
    boxes = [_box(each) for each in picture.iter("{http://www.w3.org/2000/svg}rect")]
    words = [each.text for each in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert {"each", "choose", "said", "other", "last", "tasks, each value", "then", "else"} <= {*words}
    assert all(_apart_or_within(one, other) for at, one in enumerate(boxes) for other in boxes[:at])
    width, height = float(picture.attrib["width"]), float(picture.attrib["height"])
    assert all(left >= 0 and right <= width and top >= 0 and bottom <= height for left, top, right, bottom in boxes)


def _box(rect: ET.Element) -> tuple[float, float, float, float]:
    x, y, width, height = (float(rect.attrib[name]) for name in ("x", "y", "width", "height"))
    return x, y, x + width, y + height


def _apart_or_within(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
    return apart or _within(one, other) or _within(other, one)


def _within(inner: tuple[float, ...], outer: tuple[float, ...]) -> bool:
    return inner[0] >= outer[0] and inner[1] >= outer[1] and inner[2] <= outer[2] and inner[3] <= outer[3]


def test_graph_of_what_is_not_there_is_told(shell: Shell) -> None:
    told = shell("graph", "nothing.yaml")
    assert (told.returncode, told.stdout, told.stderr) == (2, "", "error[PEN002]: there is no file nothing.yaml\n")
