"""Schedules seen from one moment: which meet, which are over, which meet a change of the clocks."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from penstock.diagnostic import Severity
from penstock.flow.catalogue.catalog import load_catalog
from penstock.flow.parse import parse_flow
from penstock.validation.across.firing import judge_schedules
from penstock.validation.schedule_facts import ScheduleFacts, schedules_of

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
GIVEN = "inputs: {a: 1}"
TRIGGER = "io.kestra.plugin.core.trigger"
HEAD = "id: f\nnamespace: n\ntasks:\n  - {id: t, type: io.kestra.plugin.core.log.Log, message: x}\ntriggers:\n"


def flow(*triggers: str) -> str:
    """The first trigger stands in line 6."""
    return HEAD + "".join(f"  - {{id: s{n}, {one}}}\n" for n, one in enumerate(triggers))


def cron(cron: str, more: str = "", zone: str = "Europe/Paris") -> str:
    return f"type: {TRIGGER}.Schedule, cron: '{cron}', timezone: {zone}{', ' if more else ''}{more}"


def dates(*dates: str, more: str = "") -> str:
    named = ", ".join(f"'{one}'" for one in dates)
    return f"type: {TRIGGER}.ScheduleOnDates, dates: [{named}]{', ' if more else ''}{more}"


def facts(source: str) -> tuple[ScheduleFacts, ...]:
    survey = parse_flow(source, "f.yaml", catalog=load_catalog()).survey
    assert survey is not None
    return schedules_of(survey)


def told(*triggers: str, now: datetime = NOW, next_fires: bool = False) -> list[tuple[str, int, int, str]]:
    found = judge_schedules(facts(flow(*triggers)), now, next_fires=next_fires)
    return [(one.code, one.range.start.line, one.range.start.column, one.message) for one in found]


@pytest.mark.parametrize(
    ("first", "second", "moment"),
    [
        (cron("0 9 * * *"), cron("0 9 * * MON"), "Mon 2026-11-30 09:00 (Europe/Paris)"),
        (cron("*/15 * * * *"), cron("30 9 * * *"), "Sun 2026-11-29 09:30 (Europe/Paris)"),
        (cron("@daily"), cron("0 0 1 * *"), "Tue 2026-12-01 00:00 (Europe/Paris)"),
        (cron("0 9 1 * *"), cron("0 9 * * 1"), "Mon 2027-02-01 09:00 (Europe/Paris)"),
        (cron("0 9 * * *"), cron("0 8 * * *", zone="UTC"), "Sun 2026-11-29 08:00 (UTC)"),
        (cron("0 9 * * *", GIVEN), cron("0 9 * * *", GIVEN), "Sun 2026-11-29 09:00 (Europe/Paris)"),
    ],
)
def test_two_schedules_that_meet(first: str, second: str, moment: str) -> None:
    column = flow(first, second).splitlines()[6].index("cron: ") + len("cron: ") + 1
    assert told(first, second) == [("PEN404", 7, column, f"`s1` and `s0` both start the flow at {moment}")]


def test_the_label_says_where_the_other_stands_and_when_it_fires_next() -> None:
    (found,) = judge_schedules(facts(flow(cron("0 9 * * *"), cron("0 9 * * MON"))), NOW)
    assert found.severity is Severity.WARNING
    assert found.label == "`s0` stands in line 6; next: Mon 2026-11-30 09:00 (Europe/Paris)"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (cron("0 9 * * *"), cron("5 9 * * *")),
        (cron("*/5 * * * *"), cron("1-59/5 * * * *")),
        (cron("0 9 * * MON-FRI"), cron("0 9 * * SAT,SUN")),
        (cron("0 9 1 1 *"), cron("0 9 1 2 *")),
        (cron("0 9 * * *"), cron("0 9 * * *", zone="UTC")),
        (cron("0 9 * * *", GIVEN), cron("0 9 * * *", "inputs: {a: 2}")),
        (cron("0 9 * * *"), cron("0 9 * * *", "disabled: true")),
        (cron("0 9 * * *"), cron("0 9 * * *", f"conditions: [{{type: {TRIGGER[:-8]}.condition.Weekend}}]")),
        (cron("0 9 * * *"), cron("0 {{ vars.hour }} * * *")),
        (cron("0 0 9 * * *", "withSeconds: true"), cron("30 0 9 * * *", "withSeconds: true")),
        (cron("0 9 * * *"), f"type: {TRIGGER}.Schedule, cron: '0 9 * * *'"),
    ],
)
def test_two_schedules_that_do_not_meet(first: str, second: str) -> None:
    assert told(first, second) == []


@pytest.mark.parametrize(
    ("trigger", "message"),
    [
        (
            dates("2026-01-01T09:00:00Z", "2026-06-01T09:00:00+02:00"),
            "all 2 dates of `s0` have passed, the last on Mon 2026-06-01 07:00 (UTC): it never fires again",
        ),
        (
            dates("2026-01-01T09:00:00", more="timezone: Europe/Paris"),
            "the date of `s0` has passed, the last on Thu 2026-01-01 09:00 (Europe/Paris): it never fires again",
        ),
        (
            cron(
                "0 9 * * *",
                f"conditions: [{{type: {TRIGGER[:-8]}.condition.DateTimeBetween, before: '2026-02-01T00:00:00Z'}}]",
            ),
            "`s0` never fires again: its conditions let nothing through since Sun 2026-02-01 01:00 (Europe/Paris)",
        ),
    ],
)
def test_a_schedule_that_is_over(trigger: str, message: str) -> None:
    ((code, line, _, said),) = told(trigger)
    assert (code, line, said) == ("PEN405", 6, message)


@pytest.mark.parametrize(
    "trigger",
    [
        dates("2026-01-01T09:00:00Z", "2027-01-01T09:00:00Z"),
        dates("{{ vars.day }}"),
        dates("2026-01-01T09:00:00Z", more="disabled: true"),
        dates("soon"),
    ],
)
def test_a_schedule_that_is_not_over(trigger: str) -> None:
    assert told(trigger) == []


@pytest.mark.parametrize(
    ("trigger", "messages"),
    [
        (
            cron("30 2 * * *"),
            [
                (
                    "the clocks of Europe/Paris change, and 02:30 does not come on 2027-03-28: "
                    "it runs at 03:30, or not at all in some versions"
                ),
                (
                    "the clocks of Europe/Paris change, and 02:30 comes twice on 2027-10-31: "
                    "it runs the first time, in some versions both times"
                ),
            ],
        ),
        (
            cron("0 2 * * SUN", zone="America/New_York"),
            [
                (
                    "the clocks of America/New_York change, and 02:00 does not come on 2027-03-14: "
                    "it runs at 03:00, or not at all in some versions"
                ),
            ],
        ),
        (
            cron("15 1 * * *", zone="America/New_York"),
            [
                (
                    "the clocks of America/New_York change, and 01:15 comes twice on 2027-11-07: "
                    "it runs the first time, in some versions both times"
                ),
            ],
        ),
        (cron("30 2 * * MON"), []),
        (cron("30 2 1 1 *"), []),
        (cron("0 3 * * *"), []),
        (cron("0 * * * *"), []),
        (cron("*/10 2 * * *"), []),
        (cron("30 2 * * *", zone="UTC"), []),
        (cron("30 2 * * *", zone="Asia/Tokyo"), []),
        (cron("30 2 * * *", zone="'+02:00'"), []),
    ],
)
def test_a_change_of_the_clocks(trigger: str, messages: list[str]) -> None:
    assert [message for _, _, _, message in told(trigger)] == messages


def test_when_a_schedule_fires_next_is_told_where_it_is_asked_for() -> None:
    given = (cron("0 9 * * MON"), dates("2027-01-01T09:00:00Z"), f"type: {TRIGGER}.Schedule, cron: '@hourly'")
    assert [message for _, _, _, message in told(*given, next_fires=True)] == [
        "`s0` fires next at Mon 2026-11-30 09:00 (Europe/Paris)",
        "`s1` fires next at Fri 2027-01-01 09:00 (UTC)",
        "`s2` fires next at Sat 2026-11-28 13:00 (UTC)",
    ]


def test_facts_survive_json() -> None:
    seconds = cron("0 0 9 L * FRI#2", f"withSeconds: true, conditions: [{{type: {TRIGGER[:-8]}.condition.Weekend}}]")
    for one in facts(flow(seconds, cron("*/5 1,3 1-7 * MON"), dates("2027-01-01T09:00:00Z"))):
        assert ScheduleFacts.from_data(json.loads(json.dumps(one.to_data())), "f.yaml") == one
