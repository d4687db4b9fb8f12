"""A person's word to triggers: whether they fire, and what ranges of theirs are run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.diagnostic import FlowName
from penstock.errors import NotFound, Refused, UserError
from penstock.operations.schedules import (
    BackfillWish,
    Standing,
    TriggerStatus,
    begin_backfill,
    cancel_backfill,
    disable,
    enable,
    pause_backfill,
    resume_backfill,
    trigger_statuses,
)
from penstock.ports.deployment import Backfill, BackfillState, Deployed
from penstock.wiring import workplace
from unit.agent.bench import NOON, Bench, bench, flow

A = FlowName("team", "a")
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
EVERY_MINUTE = "* * * * *"
CONCURRENT = "    allowConcurrent: true\n"
KV = "  - id: drop\n    type: io.kestra.plugin.core.kv.Delete\n    key: k\n"
COUNTED = "inputs:\n  - id: n\n    type: INT\n    required: false\n"


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path) as made:
        yield made


def deployed(agent: Bench) -> Deployed:
    found = agent.place.store.deployed_flow(A)
    assert found is not None
    return found


def say(agent: Bench, operation: object, id_: str = "tick") -> bool:
    """What `penstock triggers enable|disable` does, poke and all."""
    assert callable(operation)
    changed: bool = operation(agent.place.store, deployed(agent), id_, zone="UTC", at=agent.clock.now())
    agent.scheduler.is_stale = True
    return changed


def status(agent: Bench) -> TriggerStatus:
    [found] = trigger_statuses(agent.place.store, [deployed(agent)], zone="UTC")
    return found


def wish(start: datetime, end: datetime, trigger: str = "tick", **more: object) -> BackfillWish:
    return replace(BackfillWish(trigger, start, end), **more)  # type: ignore[arg-type]


def begin(agent: Bench, wanted: BackfillWish, id_: str = "b1") -> Backfill:
    found = deployed(agent)
    return begin_backfill(
        agent.place.store,
        found,
        agent.place.deployed_flow(found),
        wanted,
        id_=id_,
        zone="UTC",
        at=agent.clock.now(),
        intake=agent.place.intake,
    )


# ── enable and disable ──


def test_a_disabled_trigger_does_not_fire_and_nothing_of_that_time_was_missed(agent: Bench) -> None:
    agent.deploy({"a": flow("a", cron=EVERY_MINUTE)})
    assert say(agent, disable) is True
    assert say(agent, disable) is False
    assert agent.to(NOON + 3 * MINUTE) == []
    assert say(agent, enable) is True
    assert say(agent, enable) is False
    assert agent.to(NOON + 4 * MINUTE) == ["12:04:00"]


def test_it_stays_disabled_when_its_flow_is_deployed_anew_with_another_cron(agent: Bench) -> None:
    agent.deploy({"a": flow("a", cron=EVERY_MINUTE)})
    say(agent, disable)
    agent.deploy({"a": flow("a", cron="*/2 * * * *")})
    assert agent.to(NOON + 4 * MINUTE) == []
    assert status(agent).standing is Standing.DISABLED


def test_enabling_counts_from_then_on_though_no_agent_runs(tmp_path: Path) -> None:
    with bench(tmp_path) as first:
        first.deploy({"a": flow("a", cron=EVERY_MINUTE, trigger=CONCURRENT)})
        say(first, disable)
        host = first.host
    with workplace(tmp_path / "data") as place:
        there = place.store.deployed_flow(A)
        assert there is not None
        assert enable(place.store, there, "tick", zone="UTC", at=NOON + 10 * MINUTE)
    with bench(tmp_path, host, at=NOON + 13 * MINUTE) as second:
        assert second.to(NOON + 13 * MINUTE) == ["12:11:00", "12:12:00", "12:13:00"]


def test_a_trigger_is_disabled_before_any_scheduler_has_seen_it(agent: Bench) -> None:
    agent.host.commit({"flows/a.yaml": flow("a", cron=EVERY_MINUTE)})
    agent.reconciler.step()
    assert agent.place.store.cursors() == []
    say(agent, disable)
    assert agent.to(NOON + MINUTE) == []


@settings(max_examples=12)
@given(st.lists(st.one_of(st.just("enable"), st.just("disable"), st.integers(1, 4)), max_size=8))
def test_what_fires_is_what_came_while_it_was_enabled(words: list[str | int]) -> None:
    with TemporaryDirectory() as folder, bench(Path(folder)) as agent:
        agent.deploy({"a": flow("a", cron=EVERY_MINUTE, trigger=CONCURRENT)})
        now, is_on, expected = NOON, True, set[str]()
        for word in words:
            if isinstance(word, int):
                for _ in range(word):
                    now += MINUTE
                    expected |= {f"{now:%H:%M:%S}"} if is_on else set()
                    agent.to(now)
            else:
                is_on = word == "enable"
                say(agent, enable if is_on else disable)
        assert set(agent.slots()) == expected


def test_a_trigger_that_its_file_disables_is_not_enabled_by_a_word(agent: Bench) -> None:
    agent.deploy({"a": flow("a", cron=EVERY_MINUTE, trigger="    disabled: true\n")})
    with pytest.raises(Refused, match="disabled in its file"):
        say(agent, enable)
    assert agent.to(NOON + MINUTE) == []


def test_an_unknown_trigger_is_refused_with_a_guess(agent: Bench) -> None:
    agent.deploy({"a": flow("a", cron=EVERY_MINUTE)})
    with pytest.raises(NotFound, match="has no trigger `tikc`") as told:
        say(agent, disable, "tikc")
    assert told.value.help == "did you mean `tick`?"


# ── how they stand ──


@pytest.mark.parametrize(
    ("text", "standing", "reason"),
    [
        (flow("a", cron=EVERY_MINUTE), Standing.ENABLED, ""),
        (flow("a", cron=EVERY_MINUTE, trigger="    disabled: true\n"), Standing.DISABLED, "in its file"),
        (flow("a", cron=EVERY_MINUTE, more="disabled: true\n"), Standing.HELD, "the flow is disabled"),
        (flow("a", task=KV, cron=EVERY_MINUTE), Standing.HELD, "kv.Delete"),
    ],
)
def test_a_trigger_says_whether_it_fires_and_why_not(
    text: bytes, standing: Standing, reason: str, agent: Bench
) -> None:
    agent.deploy({"a": text})
    found = status(agent)
    assert found.standing is standing
    assert reason in found.reason
    assert bool(found.reason) == (standing is not Standing.ENABLED)
    assert bool(next(found.coming(NOON), None)) == (standing is Standing.ENABLED)


def test_times_are_in_the_triggers_own_zone_and_the_last_slot_is_known(agent: Bench) -> None:
    text = flow("a", cron="30 14 * * *").replace(b"timezone: UTC", b"timezone: Europe/Berlin")
    agent.deploy({"a": text})
    agent.to(NOON + 30 * MINUTE)
    found, [execution] = status(agent), agent.executions()
    assert found.last == (NOON + 30 * MINUTE, execution.id)
    assert next(found.coming(agent.clock.now())).isoformat() == "2026-06-02T14:30:00+02:00"


def test_who_disabled_it_is_told(agent: Bench) -> None:
    agent.deploy({"a": flow("a", cron=EVERY_MINUTE)})
    say(agent, disable)
    assert status(agent).reason == "by `penstock triggers disable`"


# ── backfills ──


def test_a_backfill_runs_every_slot_of_its_range_once(agent: Bench) -> None:
    agent.deploy({"a": flow("a", cron="0 3 * * *", more=COUNTED)})
    begin(agent, wish(NOON - 3 * DAY, NOON, inputs={"n": "7"}, labels={"by": "hand"}))
    while agent.backfills.step():
        agent.until_over()
    [done] = agent.place.store.backfills(open_only=False)
    assert (done.state, done.started) == (BackfillState.DONE, 3)
    found = agent.executions()
    assert {each.schedule_date for each in found} == {NOON.replace(hour=3) - DAY * back for back in (2, 1, 0)}
    assert len(found) == 3
    assert {each.inputs["n"] for each in found} == {7}
    assert {each.labels["by"] for each in found} == {"hand"}


def test_both_ends_of_the_range_are_in_it_and_the_future_is_not(agent: Bench) -> None:
    agent.deploy({"a": flow("a", cron="0 * * * *")})
    begun = begin(agent, wish(NOON - timedelta(hours=2), NOON + DAY))
    assert begun.end == NOON
    agent.backfills.step()
    assert agent.slots() == ["10:00:00", "11:00:00", "12:00:00"]


@pytest.mark.parametrize(
    ("wanted", "error", "said"),
    [
        (wish(NOON, NOON - DAY), UserError, "after its end"),
        (wish(NOON + DAY, NOON + 2 * DAY), Refused, "in the future"),
        (wish(NOON - MINUTE, NOON - MINUTE), Refused, "has no slot"),
        (wish(NOON.replace(year=1900), NOON), UserError, "before 1972"),
        (wish(NOON - DAY, NOON, "tikc"), NotFound, "no trigger `tikc`"),
        (wish(NOON - DAY, NOON, inputs={"n": "x"}), UserError, "Invalid input for `n`"),
        (wish(NOON - DAY, NOON), Refused, "already"),
    ],
)
def test_a_backfill_that_cannot_be_is_refused(
    wanted: BackfillWish, error: type[UserError], said: str, agent: Bench
) -> None:
    agent.deploy({"a": flow("a", cron="0 3 * * *", more=COUNTED)})
    if said == "already":
        begin(agent, wanted, "b0")
    with pytest.raises(error, match=said):
        begin(agent, wanted)
    assert "b1" not in {each.id for each in agent.place.store.backfills(open_only=False)}


@pytest.mark.parametrize(("more", "task"), [("disabled: true\n", None), ("", KV)])
def test_a_flow_that_cannot_start_has_no_backfill(more: str, task: str | None, agent: Bench) -> None:
    agent.deploy({"a": flow("a", cron="0 3 * * *", more=more, task=task)})
    with pytest.raises(Refused, match="team/a"):
        begin(agent, wish(NOON - DAY, NOON))


def test_an_empty_range_is_told_with_the_next_slot(agent: Bench) -> None:
    agent.deploy({"a": flow("a", cron="0 3 * * *")})
    with pytest.raises(Refused) as told:
        begin(agent, wish(NOON - MINUTE, NOON))
    assert told.value.help == "the next one is 2026-06-02T03:00:00+00:00 (UTC)"


def test_two_backfills_of_one_trigger_may_run_apart(agent: Bench) -> None:
    agent.deploy({"a": flow("a", cron="0 3 * * *")})
    begin(agent, wish(NOON - 4 * DAY, NOON - 2 * DAY), "b1")
    begin(agent, wish(NOON - DAY, NOON), "b2")
    agent.backfills.step()
    assert len(agent.executions()) == 3


def test_a_paused_backfill_goes_on_where_it_was_and_a_cancelled_one_does_not(agent: Bench) -> None:
    agent.deploy({"a": flow("a", cron="0 3 * * *")})
    begin(agent, wish(NOON - 2 * DAY, NOON))
    store = agent.place.store
    assert pause_backfill(store, "b").state is BackfillState.PAUSED
    assert agent.backfills.step() == 0
    with pytest.raises(Refused, match="cannot be paused"):
        pause_backfill(store, "b1")
    assert resume_backfill(store, "b1").state is BackfillState.RUNNING
    agent.backfills.step()
    assert len(agent.executions()) == 2
    assert cancel_backfill(store, "b1").started == 2
    assert agent.backfills.step() == 0
    with pytest.raises(Refused, match="cannot be resumed"):
        resume_backfill(store, "b1")


def test_a_backfill_is_named_by_the_beginning_of_its_id(agent: Bench) -> None:
    agent.deploy({"a": flow("a", cron="0 3 * * *")})
    begin(agent, wish(NOON - 4 * DAY, NOON - 3 * DAY), "b1")
    begin(agent, wish(NOON - DAY, NOON), "b1x")
    store = agent.place.store
    with pytest.raises(UserError, match="begins the ids of 2 backfills"):
        cancel_backfill(store, "b")
    assert cancel_backfill(store, "b1").id == "b1"
    with pytest.raises(NotFound, match="no backfill `c`"):
        cancel_backfill(store, "c")
