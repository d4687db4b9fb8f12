"""The flows of the harness: every shape whose crash is worth trying. Each task notes its start and its end."""

from __future__ import annotations

from pathlib import Path

SHELL = "io.kestra.plugin.scripts.shell.Commands"
CORE = "io.kestra.plugin.core"

RETRY = "\n    retry:\n      type: constant\n      interval: PT0.2S\n      maxAttempts: 3"
NOTE = 'printf "%s %s %s %s\\n" {word} "$PENSTOCK_IDEMPOTENCY_KEY" $$ "$(cut -d" " -f1 /proc/uptime)" >> {journal}'
"""`start|end|fail <idempotency key> <pid> <seconds since the machine's boot>`: appended in one write."""


def task(name: str, journal: Path, seconds: float, *, end: str = "end", then: str = "", indent: int = 2) -> str:
    start = NOTE.format(word="start", journal=journal)
    over = NOTE.format(word=end, journal=journal)
    lines = [
        f"- id: {name}",
        f"  type: {SHELL}",
        "  commands:",
        f"    - '{start}'",
        f"    - sleep {seconds:g}",
        f"    - '{over}'",
        *([f"    - '{then}'"] if then else []),
    ]
    return "\n".join(" " * indent + line for line in lines)


def flows(journal: Path) -> dict[str, str]:
    """The texts by id."""

    def flow(name: str, body: str, rest: str = "") -> str:
        return f"id: {name}\nnamespace: kill\ntasks:\n{body}\n{rest}"

    retried = task("tried", journal, 0.05, end="fail", then="test -e again && exit 0; exit 1")
    return {
        "sequential": flow("sequential", "\n".join(task(f"s{n}", journal, 0.15) for n in range(3))),
        "parallel": flow(
            "parallel",
            f"  - id: both\n    type: {CORE}.flow.Parallel\n    tasks:\n"
            + "\n".join(task(f"p{n}", journal, 0.3, indent=6) for n in range(3)),
        ),
        "foreach": flow(
            "foreach",
            f"  - id: each\n    type: {CORE}.flow.ForEach\n    concurrencyLimit: 2\n"
            "    values: ['x', 'y', 'z', 'w']\n    tasks:\n" + task("one", journal, 0.1, indent=6),
        ),
        "retry": flow(
            "retry", retried + "\n    retry:\n      type: constant\n      interval: PT0.2S\n      maxAttempts: 3"
        ),
        "errors": flow(
            "errors",
            task("fails", journal, 0.1, end="fail", then="exit 3"),
            "errors:\n" + task("after", journal, 0.1),
        ),
        "waits": flow(
            "waits",
            task("before", journal, 0.05)
            + f"\n  - id: wait\n    type: {CORE}.flow.Pause\n    pauseDuration: PT0.7S\n"
            + task("afterwards", journal, 0.05),
        ),
        "long": flow("long", task("slow", journal, 2.0)),
        "clock": flow(
            "clock",
            task("tick", journal, 0.1),
            f"triggers:\n  - id: tick\n    type: {CORE}.trigger.Schedule\n    cron: '*/3 * * * * *'\n"
            "    withSeconds: true\n    timezone: UTC\n",
        ),
    }
