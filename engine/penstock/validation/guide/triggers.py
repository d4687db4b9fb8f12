"""The guide to triggers and schedules (PEN4xx)."""

from __future__ import annotations

from penstock.validation.guide.entry import Guide, flow


def _schedule(more: str, before: str = "") -> str:
    trigger = f"triggers:\n  - id: nightly\n    type: io.kestra.plugin.core.trigger.Schedule\n{more}"
    return flow(before + trigger)


def _two(first: str, second: str) -> str:
    kind = "io.kestra.plugin.core.trigger.Schedule"
    return flow(f"triggers:\n  - {{id: first, type: {kind}, cron: '{first}'}}\n"
                f"  - {{id: second, type: {kind}, cron: '{second}'}}\n")  # fmt: skip


GUIDES: tuple[Guide, ...] = (
    Guide(
        "PEN401",
        "A schedule has five fields, minute first; six, seconds first, with `withSeconds: true`. What cannot be read "
        "never starts the flow, and nobody is told that nothing happened.",
        _schedule("    cron: '0 25 * * *'\n"),
        _schedule("    cron: '0 23 * * *'\n"),
    ),
    Guide(
        "PEN402",
        "The names of time zones are those of the IANA database, or an offset such as `+02:00`. A schedule in a zone "
        "that does not exist is refused.",
        _schedule("    cron: '0 9 * * *'\n    timezone: Europe/Pari\n"),
        _schedule("    cron: '0 9 * * *'\n    timezone: Europe/Paris\n"),
    ),
    Guide(
        "PEN403",
        "Nobody is there to give an input when a schedule fires. Kestra 1 fails each such execution, Kestra 2 refuses "
        "the flow.",
        _schedule("    cron: '0 9 * * *'\n", "inputs:\n  - id: day\n    type: STRING\n"),
        _schedule(
            "    cron: '0 9 * * *'\n    inputs:\n      day: monday\n", "inputs:\n  - id: day\n    type: STRING\n"
        ),
    ),
    Guide(
        "PEN404",
        "Both schedules name the same moment, and both give an execution the same: the flow runs twice, side by side, "
        "over the same day. Most often one of them was meant to replace the other. Schedules whose inputs or "
        "conditions differ are taken to mean it. The message tells the next moment at which they meet.",
        _two("0 9 * * *", "0 9 * * MON"),
        _two("0 9 * * TUE-SUN", "0 8 * * MON"),
    ),
    Guide(
        "PEN405",
        "No calendar has a 30 February: such a schedule is deployed, shown as active, and never starts "
        "anything. Of a schedule whose dates have all passed, or whose conditions let nothing through any more, it is "
        "a warning.",
        _schedule("    cron: '0 9 30 2 *'\n"),
        _schedule("    cron: '0 9 L 2 *'\n"),
    ),
    Guide(
        "PEN406",
        "Where clocks are changed, one night in spring has no 02:30, and one in autumn has it twice. Penstock runs "
        "such a schedule once in both nights: in spring as much later as the clock was set forward, in autumn the "
        "first time. Other schedulers leave it out, or run it twice, and so do versions of Kestra.",
        _schedule("    cron: '30 2 * * *'\n    timezone: Europe/Paris\n"),
        _schedule("    cron: '30 4 * * *'\n    timezone: Europe/Paris\n"),
    ),
    Guide(
        "PEN407",
        "Tells of each schedule when it fires next, in its own zone: the quickest proof that a cron expression says "
        "what was meant. Turn it on for a look with `rules: {PEN407: information}`.",
        _schedule("    cron: '0 9 * * MON#1'\n    timezone: Europe/Paris\n"),
        flow("description: Without a schedule"),
        asked=True,
    ),
)
