"""The guide to triggers and schedules (PEN4xx)."""

from __future__ import annotations

from penstock.validation.guide.entry import Guide, flow


def _schedule(more: str, before: str = "") -> str:
    trigger = f"triggers:\n  - id: nightly\n    type: io.kestra.plugin.core.trigger.Schedule\n{more}"
    return flow(before + trigger)


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
)
