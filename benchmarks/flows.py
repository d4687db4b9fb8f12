"""Flows for measurements, made from nothing but numbers."""

from __future__ import annotations

from pathlib import Path

RETURN = "io.kestra.plugin.core.debug.Return"
COMMANDS = "io.kestra.plugin.scripts.shell.Commands"


def sequential_true(count: int) -> str:
    """`count` process tasks in a row, each `true`."""
    tasks = "".join(f"  - id: t{n}\n    type: {COMMANDS}\n    commands: ['true']\n" for n in range(count))
    return f"id: sequential\nnamespace: bench\ntasks:\n{tasks}"


def parallel_true(count: int) -> str:
    """`count` process tasks side by side, each `true`."""
    tasks = "".join(f"      - id: t{n}\n        type: {COMMANDS}\n        commands: ['true']\n" for n in range(count))
    return (
        "id: parallel\nnamespace: bench\ntasks:\n"
        f"  - id: all\n    type: io.kestra.plugin.core.flow.Parallel\n    tasks:\n{tasks}"
    )


def one_command(command: str) -> str:
    """One process task that runs a shell command."""
    return f"id: one\nnamespace: bench\ntasks:\n  - id: it\n    type: {COMMANDS}\n    commands: ['{command}']\n"


def sequential_noop(count: int) -> str:
    """`count` tasks in a row that need no process."""
    tasks = "".join(f"  - id: t{n}\n    type: {RETURN}\n    format: '{{{{ task.id }}}}'\n" for n in range(count))
    return f"id: noop\nnamespace: bench\ntasks:\n{tasks}"


def parallels_noop(count: int, width: int) -> str:
    """`count` tasks without a process, side by side in Parallels of `width`, one Parallel after the other."""
    text = "id: side\nnamespace: bench\ntasks:\n"
    for n in range(0, count, width):
        text += f"  - id: p{n}\n    type: io.kestra.plugin.core.flow.Parallel\n    tasks:\n"
        text += "".join(
            f"      - {{id: t{n + m}, type: {RETURN}, format: '{{{{ task.id }}}}'}}\n" for m in range(width)
        )
    return text


def loop_noop(count: int) -> str:
    """A ForEach over `count` values, one task without a process each."""
    values = ", ".join(str(n) for n in range(count))
    return (
        "id: loop\nnamespace: bench\ntasks:\n  - id: each\n    type: io.kestra.plugin.core.flow.ForEach\n"
        f"    values: [{values}]\n    tasks:\n      - id: one\n        type: {RETURN}\n"
        "        format: '{{ taskrun.value }}'\n"
    )


def called_noop() -> str:
    """A flow of one task without a process, for others to call."""
    return f"id: called\nnamespace: bench\ntasks:\n  - id: one\n    type: {RETURN}\n    format: x\n"


def loop_of_calls(count: int) -> str:
    """A ForEach that calls it `count` times, one call after the other."""
    values = ", ".join(str(n) for n in range(count))
    return (
        "id: calls\nnamespace: bench\ntasks:\n  - id: each\n    type: io.kestra.plugin.core.flow.ForEach\n"
        f"    values: [{values}]\n    tasks:\n      - id: call\n        type: io.kestra.plugin.core.flow.Subflow\n"
        "        namespace: bench\n        flowId: called\n        wait: true\n"
    )


def repository(folder: Path, flows: int, tasks: int = 20) -> int:
    """`flows` files of `tasks` tasks, about 8 kB each, two expressions a task; the bytes written."""
    folder.mkdir(parents=True, exist_ok=True)
    written = 0
    for number in range(flows):
        lines = [
            f"id: flow-{number:04d}",
            f"namespace: bench.team{number % 17}",
            f"description: Number {number} of a generated set, made to be read by a benchmark.",
            "labels:",
            f"  team: team{number % 17}",
            "inputs:",
            "  - {id: day, type: STRING, defaults: today}",
            "  - {id: limit, type: INT, defaults: 100, min: 1}",
            "tasks:",
        ]
        for n in range(tasks):
            before = f"outputs.task-{n - 1:02d}" if n else "inputs"
            lines += [
                f"  - id: task-{n:02d}",
                "    type: io.kestra.plugin.scripts.shell.Commands",
                f"    description: Step {n} takes what the step before it left and passes it on, unchanged.",
                "    timeout: PT10M",
                "    retry: {type: constant, interval: PT5S, maxAttempts: 3}",
                "    env:",
                "      DAY: \"{{ inputs.day | default('today') }}\"",
                f'      STEP: "{n}"',
                "    commands:",
                f"      - echo 'working on step {n} of flow {number}, with enough words to make it a real line'",
                f"      - echo \"{{{{ flow['id'] ?? flow.{before[:6]} ?? 'none' }}}}\"",
                "      - 'true'",
            ]
        text = "\n".join(lines) + "\n"
        written += len(text)
        (folder / f"flow-{number:04d}.yaml").write_text(text, encoding="utf-8")
    return written
