"""The scheduler over a real store: each slot at most once, through restarts, holds and a person's word."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from penstock.agent.news import Topic
from penstock.diagnostic import FlowName
from penstock.ports.deployment import Backfill, BackfillState
from unit.agent.bench import NOON, Bench, bench, flow, waiting_for
from until import until

A = FlowName("team", "a")
MINUTE = timedelta(minutes=1)
EVERY_MINUTE = "* * * * *"


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path) as made:
        yield made


def test_nothing_before_a_trigger_was_accepted_was_missed(agent: Bench) -> None:
    agent.deploy({"a": flow("a", cron=EVERY_MINUTE)})
    assert agent.to(NOON) == []
    assert agent.to(NOON + MINUTE) == ["12:01:00"]
    assert agent.to(NOON + MINUTE) == []
    [execution] = agent.executions()
    assert execution.trigger is not None
    assert execution.trigger["variables"]["next"] == "2026-06-01T12:02:00+00:00"
    assert execution.source["generation"] == 1


def test_a_restart_goes_on_where_the_cursor_is(tmp_path: Path) -> None:
    with bench(tmp_path) as first:
        first.deploy({"a": flow("a", cron=EVERY_MINUTE)})
        assert first.to(NOON + MINUTE) == ["12:01:00"]
        host = first.host
    with bench(tmp_path, host, at=NOON + 4 * MINUTE) as second:
        assert second.to(NOON + 4 * MINUTE) == ["12:02:00"]  # one after the other
        second.until_over()
        assert second.to(NOON + 4 * MINUTE) == ["12:03:00"]
        second.until_over()
        assert second.to(NOON + 4 * MINUTE) == ["12:04:00"]
        assert second.to(NOON + 4 * MINUTE) == []


@pytest.mark.parametrize(("policy", "expected"), [("LAST", ["12:30:00"]), ("NONE", [])])
def test_what_was_missed_follows_the_policy(policy: str, expected: list[str], tmp_path: Path) -> None:
    with bench(tmp_path) as first:
        first.deploy({"a": flow("a", cron="*/10 * * * *", trigger=f"    recoverMissedSchedules: {policy}\n")})
        first.to(NOON)
        host = first.host
    with bench(tmp_path, host, at=NOON + 35 * MINUTE) as second:
        assert second.to(NOON + 35 * MINUTE) == expected
        second.until_over()
        assert second.to(NOON + 40 * MINUTE) == ["12:40:00"]


def test_one_start_makes_up_for_a_hundred_and_offers_a_backfill_of_the_rest(tmp_path: Path) -> None:
    with bench(tmp_path) as first:
        first.deploy({"a": flow("a", cron=EVERY_MINUTE, trigger="    allowConcurrent: true\n")})
        first.to(NOON)
        host = first.host
    with bench(tmp_path, host, at=NOON + 200.5 * MINUTE) as second:
        fired = second.to(NOON + 200.5 * MINUTE)
        assert (fired[0], fired[99], fired[-1], len(fired)) == ("12:01:00", "13:40:00", "15:20:00", 101)
        [told] = [each for each in second.news if each.topic is Topic.PASSED_OVER]
        assert "99 more slots" in told.text
        assert "penstock backfill team/a tick --start 2026-06-01T13:41:00" in told.text
        assert second.to(NOON + 201 * MINUTE) == ["15:21:00"]


def test_a_trigger_is_held_while_its_execution_goes_on(agent: Bench, tmp_path: Path) -> None:
    go = tmp_path / "go"
    agent.deploy({"a": flow("a", cron=EVERY_MINUTE, task=waiting_for(go))})
    assert agent.to(NOON + MINUTE) == ["12:01:00"]
    assert agent.to(NOON + 2 * MINUTE) == []
    assert agent.to(NOON + 3 * MINUTE) == []
    go.touch()
    agent.until_over()
    assert until(lambda: agent.to(NOON + 3 * MINUTE), 10) == ["12:02:00"]  # the scheduler hears of it after the store
    agent.until_over()
    assert until(lambda: agent.to(NOON + 3 * MINUTE), 10) == ["12:03:00"]


def test_a_concurrent_trigger_is_not_held(agent: Bench, tmp_path: Path) -> None:
    go = tmp_path / "go"
    agent.deploy({"a": flow("a", cron=EVERY_MINUTE, task=waiting_for(go), trigger="    allowConcurrent: true\n")})
    assert agent.to(NOON + MINUTE) == ["12:01:00"]
    assert agent.to(NOON + 2 * MINUTE) == ["12:02:00"]
    go.touch()
    agent.until_over()


def test_an_execution_that_outlived_its_agent_holds_the_trigger_still(tmp_path: Path) -> None:
    go = tmp_path / "go"
    with bench(tmp_path) as first:
        first.deploy({"a": flow("a", cron=EVERY_MINUTE, task=waiting_for(go))})
        assert first.to(NOON + MINUTE) == ["12:01:00"]
        until(lambda: first.executions()[0].running, 10)
        host = first.host
    with bench(tmp_path, host, at=NOON + 2 * MINUTE) as second:
        assert second.to(NOON + 2 * MINUTE) == []
        go.touch()
        second.until_over()
        assert second.to(NOON + 2 * MINUTE) == ["12:02:00"]
        second.until_over()
        assert len(second.executions()[0].in_order().__next__().attempts) == 1


def test_what_is_held_begins_anew_when_it_is_enabled_again(agent: Bench) -> None:
    agent.deploy({"a": flow("a", cron=EVERY_MINUTE)})
    agent.deploy({"a": flow("a", cron=EVERY_MINUTE, more="disabled: true\n")})
    assert agent.to(NOON + 5 * MINUTE) == []
    agent.deploy({"a": flow("a", cron=EVERY_MINUTE, more="description: back\n")})
    assert agent.to(NOON + 5.5 * MINUTE) == []
    assert agent.to(NOON + 6 * MINUTE) == ["12:06:00"]


def test_a_persons_word_is_kept_through_a_deployment(agent: Bench) -> None:
    agent.deploy({"a": flow("a", cron=EVERY_MINUTE)})
    [cursor] = agent.place.store.cursors()
    agent.place.store.set_cursors([replace(cursor, disabled=True)])
    agent.scheduler.is_stale = True
    assert agent.to(NOON + MINUTE) == []
    agent.deploy({"a": flow("a", cron="*/2 * * * *")})
    assert agent.to(NOON + 2 * MINUTE) == []
    [cursor] = agent.place.store.cursors()
    agent.place.store.set_cursors([replace(cursor, disabled=False, reached=agent.clock.now())])
    agent.scheduler.is_stale = True
    assert agent.to(NOON + 4 * MINUTE) == ["12:04:00"]


def test_a_slot_that_cannot_start_is_told_and_the_next_one_comes(agent: Bench) -> None:
    agent.deploy({"a": flow("a", cron=EVERY_MINUTE, more="inputs:\n  - id: who\n    type: STRING\n")})
    assert agent.to(NOON + MINUTE) == []
    assert agent.to(NOON + 2 * MINUTE) == []
    told = [each.text for each in agent.news if each.topic is Topic.TRIGGER_FAULT]
    assert len(told) == 2
    assert "12:01:00" in told[0]
    assert "who" in told[0]
    [cursor] = agent.place.store.cursors()
    assert cursor.reached == NOON + 2 * MINUTE


def test_inputs_are_rendered_with_the_slot(agent: Bench) -> None:
    inputs = "    inputs:\n      day: '{{ trigger.date | date(\"yyyy-MM-dd\") }}'\n"
    agent.deploy({"a": flow("a", cron=EVERY_MINUTE, more="inputs:\n  - id: day\n    type: STRING\n", trigger=inputs)})
    agent.to(NOON + MINUTE)
    assert agent.executions()[0].inputs == {"day": "2026-06-01"}


def test_stop_after_disables_the_trigger(agent: Bench) -> None:
    task = "  - id: no\n    type: io.kestra.plugin.core.execution.Fail\n"
    agent.deploy({"a": flow("a", cron=EVERY_MINUTE, task=task, trigger="    stopAfter: [FAILED]\n")})
    assert agent.to(NOON + MINUTE) == ["12:01:00"]
    agent.until_over()
    assert agent.to(NOON + 2 * MINUTE) == []
    assert [each.disabled for each in agent.place.store.cursors()] == [True]


def test_a_clock_that_is_set_back_fires_nothing_twice(agent: Bench) -> None:
    agent.deploy({"a": flow("a", cron=EVERY_MINUTE)})
    assert agent.to(NOON + MINUTE) == ["12:01:00"]
    agent.until_over()
    for moment in (NOON, NOON + 0.5 * MINUTE, NOON + MINUTE):
        assert agent.to(moment) == []
    assert agent.to(NOON + 2 * MINUTE) == ["12:02:00"]


# ── a flow's limit ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_flow_with_a_limit_queues_what_is_too_much_and_lets_it_in_in_order(agent: Bench, tmp_path: Path) -> None:
    go = tmp_path / "go"
    agent.deploy({"a": flow("a", task=waiting_for(go), more="concurrency:\n  limit: 2\n")})
    started = []
    for n in range(5):
        agent.clock.advance(timedelta(seconds=1))
        started.append(agent.starter.start_named(A).id)
        agent.live.worker.fill()
        del n
    assert agent.states() == ["RUNNING", "RUNNING", "QUEUED", "QUEUED", "QUEUED"]
    go.touch()
    agent.until_over()
    assert agent.states() == ["SUCCESS"] * 5
    runs = [next(each.in_order()) for each in agent.executions()]
    assert [each.id for each in agent.executions()] == started
    for execution in agent.executions()[2:]:
        assert [state.value for state, _ in execution.histories] == ["CREATED", "QUEUED", "RUNNING", "SUCCESS"]
    assert all(len(run.attempts) == 1 for run in runs)


@pytest.mark.parametrize(("behavior", "state"), [("CANCEL", "CANCELLED"), ("FAIL", "FAILED")])
def test_a_limit_may_cancel_or_fail_what_is_too_much(agent: Bench, tmp_path: Path, behavior: str, state: str) -> None:
    go = tmp_path / "go"
    more = f"concurrency:\n  limit: 1\n  behavior: {behavior}\n"
    agent.deploy({"a": flow("a", task=waiting_for(go), more=more)})
    agent.starter.start_named(A)
    refused = agent.starter.start_named(A)
    assert (refused.state.value, refused.is_over, len(refused.runs)) == (state, True, 0)
    if behavior == "FAIL":
        assert refused.error == "Flow is FAILED due to concurrency limit exceeded"
    go.touch()
    agent.until_over()


def test_what_is_queued_is_let_in_after_a_restart(tmp_path: Path) -> None:
    go = tmp_path / "go"
    with bench(tmp_path) as first:
        first.deploy({"a": flow("a", task=waiting_for(go), more="concurrency:\n  limit: 1\n")})
        for _ in range(3):
            first.clock.advance(timedelta(seconds=1))
            first.starter.start_named(A)
        first.live.worker.fill()
        host = first.host
    go.touch()
    with bench(tmp_path, host) as second:
        second.until_over()
        assert second.states() == ["SUCCESS"] * 3


# ── backfills ────────────────────────────────────────────────────────────────────────────────────────────────


def work_off(agent: Bench, backfill: str) -> Backfill:
    def done() -> Backfill | None:
        agent.backfills.step()
        found = next(each for each in agent.place.store.backfills(open_only=False) if each.id == backfill)
        return found if found.state is not BackfillState.RUNNING else None

    return until(done, 30)


def test_a_backfill_runs_every_slot_of_its_range_also_those_that_ran(agent: Bench) -> None:
    agent.deploy({"a": flow("a", cron=EVERY_MINUTE)})
    agent.to(NOON + MINUTE)
    wanted = Backfill("b1", A, "tick", NOON - 150 * MINUTE, NOON + MINUTE, agent.clock.now())
    agent.place.store.put_backfill(wanted)
    found = work_off(agent, "b1")
    assert (found.state, found.started) == (BackfillState.DONE, 152)
    agent.until_over()
    assert len(agent.executions()) == 153
    assert agent.to(NOON + 2 * MINUTE) == ["12:02:00"]  # the schedule's own cursor was not moved


def test_a_backfill_may_leave_out_what_ran(agent: Bench) -> None:
    agent.deploy({"a": flow("a", cron=EVERY_MINUTE)})
    agent.to(NOON + MINUTE)
    wanted = Backfill("b1", A, "tick", NOON - MINUTE, NOON + MINUTE, agent.clock.now(), missing_only=True)
    agent.place.store.put_backfill(wanted)
    assert work_off(agent, "b1").started == 2


def test_a_backfill_that_is_begun_twice_runs_each_slot_once(tmp_path: Path) -> None:
    with bench(tmp_path) as first:
        first.deploy({"a": flow("a", cron=EVERY_MINUTE)})
        wanted = Backfill("b1", A, "tick", NOON - 30 * MINUTE, NOON, NOON)
        first.place.store.put_backfill(wanted)
        first.backfills.step()
        first.place.store.put_backfill(wanted)  # as after a crash before its progress was written
        host = first.host
    with bench(tmp_path, host) as second:
        assert work_off(second, "b1").state is BackfillState.DONE
        second.until_over()
        assert len(second.executions()) == 31


def test_a_persons_pause_of_a_backfill_is_kept(agent: Bench) -> None:
    agent.deploy({"a": flow("a", cron=EVERY_MINUTE)})
    wanted = Backfill("b1", A, "tick", NOON - 500 * MINUTE, NOON, NOON)
    agent.place.store.put_backfill(wanted)
    agent.backfills.step()
    [now] = agent.place.store.backfills()
    agent.place.store.put_backfill(replace(now, state=BackfillState.PAUSED))
    assert agent.backfills.step() == 0
    assert 0 < now.started < 501
    agent.place.store.put_backfill(replace(now, state=BackfillState.RUNNING))
    assert work_off(agent, "b1").started == 501


def test_a_backfill_of_a_trigger_that_is_gone_says_so(agent: Bench) -> None:
    agent.deploy({"a": flow("a")})
    agent.place.store.put_backfill(Backfill("b1", A, "tick", NOON, NOON + MINUTE, NOON))
    found = work_off(agent, "b1")
    assert found.state is BackfillState.PAUSED
    assert "not deployed any more" in str(found.failed)


def test_a_change_of_another_part_of_the_flow_drops_no_slot(agent: Bench, tmp_path: Path) -> None:
    go = tmp_path / "go"
    task = waiting_for(go)
    agent.deploy({"a": flow("a", cron=EVERY_MINUTE, task=task)})
    assert agent.to(NOON + MINUTE) == ["12:01:00"]
    assert agent.to(NOON + 3 * MINUTE) == []
    agent.deploy({"a": flow("a", cron=EVERY_MINUTE, task=task, more="description: new\n")})
    assert agent.to(NOON + 3 * MINUTE) == []  # it is held still
    go.touch()
    for slot in ("12:02:00", "12:03:00"):
        agent.until_over()
        assert agent.to(NOON + 3 * MINUTE) == [slot]


def test_a_trigger_that_is_taken_out_of_its_flow_fires_no_more(agent: Bench) -> None:
    agent.deploy({"a": flow("a", cron=EVERY_MINUTE), "b": flow("b", cron=EVERY_MINUTE)})
    agent.deploy({"a": flow("a")})
    assert agent.to(NOON + MINUTE) == []
    assert len(agent.executions("b")) == 1
