"""A program that writes faster than anybody can read: all of it is kept and shown, and little of it is held."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from program import PENSTOCK, environment, flow_file, penstock

MOST_MORE_KB = 20 * 1024

# From a small process: a child's peak begins with what the process held that started it.
MEASURE = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[2:], stderr=open(sys.argv[1], "wb"), stdout=subprocess.DEVNULL).returncode
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def burst(folder: Path, lines: int) -> Path:
    command = f"seq -f 'line %.0f of a burst that is as long as lines of programs are, some eighty characters' {lines}"
    return flow_file(
        folder,
        "id: burst\nnamespace: team\ntasks:\n  - id: a\n    type: io.kestra.plugin.scripts.shell.Commands\n"
        f'    commands: ["{command}"]\n',
    )


def peak_kb(folder: Path, lines: int, *options: str) -> int:
    """The most memory that a run held which showed so many lines; all of them must have been shown."""
    folder.mkdir()
    shown = folder / "shown"
    call = [*PENSTOCK, *options, "run", str(burst(folder, lines))]
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(shown), *call],
        env=environment(folder / "d"),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    code, peak = map(int, done.stdout.split())
    numbers = [line.split("line ")[1].split()[0] for line in shown.read_text().splitlines() if " | line " in line]
    assert (code, numbers) == (0, [] if options else [str(number) for number in range(1, lines + 1)])
    return peak


@pytest.mark.parametrize("options", [pytest.param((), marks=pytest.mark.long), ("-q",)])
def test_a_burst_is_shown_whole_and_held_in_portions(tmp_path: Path, options: tuple[str, ...]) -> None:
    idle = peak_kb(tmp_path / "idle", 1, *options)
    assert peak_kb(tmp_path / "burst", 300_000, *options) - idle <= MOST_MORE_KB


def test_a_burst_is_shown_whole_to_who_looks_afterwards(tmp_path: Path) -> None:
    data, count = tmp_path / "d", 25_000
    assert penstock("-q", "run", burst(tmp_path, count), data=data).code == 0
    execution = penstock("executions", "list", "-o", "name", data=data).out.strip()
    for shown in (
        penstock("executions", "logs", "-f", execution, data=data).out,
        penstock("executions", "watch", execution, data=data).err,
    ):
        numbers = [int(line.split("line ")[1].split()[0]) for line in shown.splitlines() if " | line " in line]
        assert numbers == list(range(1, count + 1))
