"""A process that was forked with its imports done is, to whoever looks at it, the program."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from program import PENSTOCK, environment, flow_file
from warm import Warm

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forked on Linux only")

FLOW = """\
id: speaks
namespace: warm
inputs:
  - id: word
    type: STRING
tasks:
  - id: say
    type: io.kestra.plugin.core.log.Log
    message: "{{ inputs.word }} {{ envs.said }}"
"""


@pytest.fixture(scope="module")
def warm() -> Warm:
    return Warm(environment())


@pytest.mark.parametrize(
    ("args", "stdin"),
    [
        (("--version",), ""),
        (("nonsense",), ""),
        (("validate", "-"), "id: lonely\n"),
        (("validate", "flow.yaml"), ""),
        (("run", "flow.yaml"), ""),
        (("run", "flow.yaml", "-i", "word=hello", "--data", "there", "--format", "json", "--quiet"), ""),
    ],
)
def test_it_answers_as_the_installed_program(tmp_path: Path, warm: Warm, args: tuple[str, ...], stdin: str) -> None:
    flow_file(tmp_path, FLOW)
    env = environment(tmp_path / "data", {"ENV_SAID": "world"})
    cold = subprocess.run(
        [*PENSTOCK, *args], cwd=tmp_path, env=env, input=stdin, capture_output=True, text=True, check=False, timeout=60
    )
    code, out, err = warm.call(args, cwd=str(tmp_path), env=env, stdin=stdin, within=60)
    assert code == cold.returncode
    assert (not out, not err) == (not cold.stdout, not cold.stderr)
    if "run" not in args:
        assert (out.partition("(checked")[0], err) == (cold.stdout.partition("(checked")[0], cold.stderr)


def test_many_are_called_at_once_and_each_gets_its_own(tmp_path: Path, warm: Warm) -> None:
    def asked(number: int) -> tuple[int, str, str]:
        template = f"{{{{ {number} + 1 }}}}"
        return warm.call(["eval", template], cwd=str(tmp_path), env=environment(), stdin="", within=60)

    with ThreadPoolExecutor(4) as pool:
        assert [(code, out.strip()) for code, out, _ in pool.map(asked, range(6))] == [
            (0, str(n + 1)) for n in range(6)
        ]


def test_one_that_takes_too_long_is_killed(tmp_path: Path, warm: Warm) -> None:
    data = tmp_path / "data"
    flow = flow_file(
        tmp_path, "id: s\nnamespace: w\ntasks: [{id: s, type: io.kestra.plugin.core.flow.Sleep, duration: PT1M}]\n"
    )
    with pytest.raises(subprocess.TimeoutExpired):
        warm.call(["run", str(flow)], cwd=str(tmp_path), env=environment(data), stdin="", within=0.5)
    assert warm.call(["--version"], cwd=str(tmp_path), env=environment(), stdin="", within=60)[0] == 0
