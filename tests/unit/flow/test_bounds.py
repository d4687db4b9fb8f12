"""The largest files that are read, in their worst shapes: each is judged in two seconds, in bounded memory.

What would take longer is refused by a bound, which tells where it was passed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from conftest import ROOT
from penstock.compose import MAX_VALUES
from penstock.diagnostic import Position
from penstock.flow.catalogue.catalog import load_catalog
from penstock.flow.parse import parse_flow
from penstock.flow.reading.document import MAX_BYTES
from penstock.flow.survey import MAX_FINDINGS

WITHIN_S = 2.0
"""Of a processor, whatever else the machine does."""
WITHIN_KIB = 256 * 1024
ROOM = MAX_BYTES - 1_000
LOG = "io.kestra.plugin.core.log.Log"
SCHEDULE = "io.kestra.plugin.core.trigger.Schedule"
HEAD = "id: f\nnamespace: n\n"
TASK = f"tasks:\n  - id: t\n    type: {LOG}\n    message: "


def filled(unit: str, room: int = ROOM) -> str:
    return unit * (room // len(unit.encode()))


def counted(line: Callable[[int], str], room: int = ROOM) -> str:
    """Lines made of their numbers, until the room is full."""
    lines, size = [], 0
    while size < room:
        lines.append(line(len(lines)))
        size += len(lines[-1])
    return "".join(lines[:-1])


def task(number: int, message: str = "x") -> str:
    return f'  - id: t{number}\n    type: {LOG}\n    message: "{message}"\n'


SCHEDULED = HEAD + TASK + f"x\ntriggers:\n  - id: s\n    type: {SCHEDULE}\n    cron: '"
BELOW = 15_000
"""Characters of a file that stays below the bounds of its kind, to see what the rules take."""

SHAPES: dict[str, Callable[[], str]] = {
    "brackets": lambda: filled("["),
    "dashes": lambda: filled("- "),
    "an open quote": lambda: 'a: "' + filled("x\n "),
    "a block of text": lambda: HEAD + TASK + "|\n" + filled("      some text\n"),
    "keys": lambda: counted(lambda n: f"k{n}: v\n"),
    "one key": lambda: filled("k: v\n"),
    "aliases": lambda: "- &a x\n" + filled("- *a\n"),
    "a bomb": lambda: "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40)),
    "documents": lambda: filled("---\n"),
    "tasks": lambda: HEAD + "tasks:\n" + counted(task),
    "no tasks": lambda: HEAD + "tasks:\n" + filled("  - x\n"),
    "tags": lambda: HEAD + TASK + "'" + filled("{{ a }}") + "'\n",
    "open tags": lambda: HEAD + TASK + "'" + filled("{{ ") + "'\n",
    "one long expression": lambda: HEAD + TASK + "'{{ 1" + filled("+1") + " }}'\n",
    "a long cron": lambda: SCHEDULED + filled("1,") + "1 * * * *'\n",
    "a long zone": lambda: SCHEDULED + "@daily'\n    timezone: " + filled("Europe/") + "\n",
    "a long type": lambda: HEAD + "tasks:\n  - id: t\n    type: " + filled("a.") + "\n",
    "a long pattern": lambda: HEAD + "inputs:\n  - {id: i, type: STRING, validator: '" + filled("(a*)*") + "'}\n",
    "ignored findings": lambda: HEAD + TASK + "x\n" + filled("k: v # penstock: ignore[PEN202]\n"),
    "tasks that use the next": lambda: (
        HEAD + "tasks:\n" + counted(lambda n: task(n, f"{{{{ outputs.t{n + 1}.value }}}}"), 8 * BELOW)
    ),
    "tasks without a type": lambda: HEAD + "tasks:\n" + filled("  - id: t\n    tpye: x\n", 8 * BELOW),
    "inputs that are used": lambda: (
        HEAD + "inputs:\n" + counted(lambda n: f"  - {{id: i{n}, type: STRING}}\n", 8 * BELOW)
        + TASK + "|\n" + counted(lambda n: f"      {{{{ inputs.j{n} }}}}\n", 3 * BELOW)
    ),
    "inputs that need the next": lambda: (
        HEAD + "inputs:\n"
        + counted(lambda n: f"  - {{id: i{n}, type: INT, dependsOn: {{inputs: [i{n + 1}]}}}}\n", 8 * BELOW)
    ),
    "a chain of dashes": lambda: HEAD + TASK + "'{{ inputs.a" + filled("-a", 4 * BELOW) + " }}'\n",
    "a sum": lambda: HEAD + TASK + "'{{ 1" + filled("+1", 4 * BELOW) + " }}'\n",
    "nulls": lambda: HEAD + f"tasks:\n  - id: t\n    type: {LOG}\n" + counted(lambda n: f"    k{n}:\n", 8 * BELOW),
}  # fmt: skip

CHILD = """
import json, sys
from time import process_time
from unit.flow.test_bounds import CATALOG, SHAPES, parse_flow
for name in sys.argv[1:]:
    text = SHAPES[name]().encode()
    began = process_time()
    parsed = parse_flow(text, "f", catalog=CATALOG)
    took = process_time() - began
    most = int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
    print(json.dumps([name, len(text), took, most, len(parsed.diagnostics)]), flush=True)
"""
CATALOG = load_catalog()


@pytest.mark.skipif(sys.platform != "linux", reason="the memory of a process is told in other units elsewhere")
def test_the_worst_files_are_judged_in_time_and_in_bounded_memory() -> None:
    path = os.pathsep.join(str(ROOT / part) for part in ("engine", "cli", "schemas", "tests"))
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *SHAPES],
        env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    told = [json.loads(line) for line in done.stdout.splitlines()]
    print(*told, sep="\n")
    assert [name for name, *_ in told] == list(SHAPES)
    assert [(name, took) for name, _, took, _, _ in told if took >= WITHIN_S] == []
    assert [(name, most) for name, _, _, most, _ in told if most >= WITHIN_KIB] == []
    assert all(size <= MAX_BYTES and count <= 2 * MAX_FINDINGS + 2 for _, size, _, _, count in told)


@pytest.mark.parametrize(
    ("text", "code", "start", "message"),
    [
        (HEAD + filled("k: v\n", 5 * MAX_VALUES + 50), "PEN107", (1, 1), "the file holds more than 20,000 values"),
        (HEAD + "labels:\n" + filled("  - v\n", 7 * MAX_VALUES), "PEN107", (4, 3), None),
        (
            HEAD + TASK + "'{{ 1" + filled("+1", 140_000) + " }}'\n", "PEN303", (6, 15),
            "the expressions of the file pass the bound of 131,072 characters",
        ),
        (SCHEDULED + "1," * 300 + "1 * * * *'\n", "PEN401", (10, 12), None),
        (
            HEAD + "inputs:\n  - {id: i, type: STRING, validator: '" + "a" * 10_001 + "'}\n" + TASK + "x\n",
            "PEN227", (4, 38), None,
        ),
    ],
)  # fmt: skip
def test_a_bound_is_told_where_it_is_passed(text: str, code: str, start: tuple[int, int], message: str | None) -> None:
    found = parse_flow(text, "f", catalog=CATALOG).diagnostics
    told = [one for one in found if one.code == code]
    assert [one.range.start for one in told] == [Position(*start)]
    assert message is None or told[0].message == message


def test_a_file_with_very_many_findings_is_judged_until_there_are_enough() -> None:
    text = HEAD + "tasks:\n" + filled("  - id: t\n    type: a.b.C\n", 26 * 2 * MAX_FINDINGS)
    parsed = parse_flow(text, "f", catalog=CATALOG)
    assert (len(parsed.diagnostics), parsed.is_valid, parsed.flow) == (MAX_FINDINGS + 1, False, None)
    assert [one.message for one in parsed.diagnostics if one.code == "PEN116"] == [
        f"the file has more than {MAX_FINDINGS} findings, and the others are not told"
    ]
    warned = parse_flow(text, "f", catalog=CATALOG, unknown_types=None)
    assert any(one.is_error for one in warned.diagnostics)
