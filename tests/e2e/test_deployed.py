"""What is deployed, seen and steered from outside: `flows`, `triggers`, `trigger`, `backfill`."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from e2e.test_agent_stays import SCHEDULE, Agent, every_second, flow
from e2e.test_terminal import Terminal
from program import Outcome, columns, environment, penstock, start
from until import until

KV = "io.kestra.plugin.core.kv.Delete"
PAUSE = "io.kestra.plugin.core.flow.Pause"
PAUSED_LONG = f"id: a\nnamespace: team\ntasks:\n  - id: ask\n    type: {PAUSE}\n"


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    made = Agent(tmp_path)
    yield made
    if not made.is_gone():
        made.stop(signal.SIGKILL)


def scheduled(cron: str, *, zone: str = "Europe/Berlin", more: str = "") -> str:
    return f"triggers:\n  - id: tick\n    type: {SCHEDULE}\n    cron: '{cron}'\n    timezone: {zone}\n{more}"


def once(agent: Agent, *more: str) -> Outcome:
    """A round of the agent, which is gone afterwards."""
    argv = ("agent", "--repo", agent.bare, "--once", "--name", "box", "--record", "none", "--runner", "process")
    return penstock(*argv, "--data", agent.data, *more)


def call(agent: Agent, *args: str) -> Outcome:
    return penstock(*args, data=agent.data)


def items(agent: Agent, *args: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = call(agent, *args, "-o", "json").json["items"]
    return found


def executions(agent: Agent, name: str = "a") -> list[dict[str, Any]]:
    return [agent.show(id_) for id_ in call(agent, "executions", "list", f"team/{name}", "-o", "name").out.split()]


def days_ago(days: int) -> str:
    return f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%d}"


# ── which agent, which flow ──


def test_an_agent_is_named_by_its_folder_or_by_its_repository(agent: Agent, tmp_path: Path) -> None:
    agent.push(a=flow("a"))
    state = {"XDG_STATE_HOME": str(tmp_path / "state")}
    told = penstock("agent", "--repo", agent.bare, "--path", "flows", "--once", "--record", "none", env=state)
    assert told.code == 0, told.err
    assert penstock("flows", "list", "--repo", agent.bare, "--path", "flows", "-o", "name", env=state).out == "team/a\n"
    other = penstock("flows", "list", "--repo", agent.bare, "-o", "name", env=state)
    assert (other.code, other.out) == (2, "")
    assert "no agent has worked in" in other.err
    nothing = penstock("triggers", "list", env=state)
    assert nothing.code == 2
    assert nothing.err.startswith("error[PEN001]: name the agent's data folder with --data DIR, or its repository")


def test_a_flow_is_named_with_a_dot_where_one_reading_is_known(agent: Agent) -> None:
    apart = flow("b").replace("namespace: team", "namespace: team.a")
    agent.push(one=flow("a.b"), two=flow("c"), other=apart, bad=flow("bad").replace("message", "mesage"))
    once(agent)
    assert call(agent, "flows", "show", "team.c", "-o", "name").out == "team/c\n"
    both = call(agent, "flows", "show", "team.a.b")
    assert both.code == 2
    assert "`team.a.b` is `team/a.b` or `team.a/b`" in both.err
    slip = call(agent, "trigger", "team/cc")
    assert slip.code == 2
    assert "the flow `team/cc` is not deployed\n  = help: did you mean `team/c`?" in slip.err
    never = call(agent, "trigger", "team/bad")
    assert never.code == 2
    assert "its file was never valid: flows/bad.yaml:4:5" in never.err


# ── what is deployed ──


def test_flows_and_triggers_are_listed_when_no_agent_runs(agent: Agent) -> None:
    agent.push(
        a=flow("a", rest=scheduled("0 3 * * *")),
        b=flow("b", rest=scheduled("0 4 * * *", more="    disabled: true\n")),
        c=flow("c", rest=scheduled("0 5 * * *")).replace(
            "io.kestra.plugin.core.log.Log\n    message: hello", f"{KV}\n    key: k"
        ),
        bad=flow("bad").replace("message", "mesage"),
    )
    once(agent, "--start", "team/a")
    flows = items(agent, "flows", "list")
    assert columns(flows, "flow") == ["team/a", "team/b", "team/bad", "team/c"]
    assert columns(flows, "health") == ["ok", "ok", "invalid", "blocked"]
    assert columns(flows, "revision") == [1, 1, None, 1]
    assert columns(flows, "state") == ["SUCCESS", None, None, None]
    triggers = items(agent, "triggers", "list")
    assert columns(triggers, "flow") == ["team/a", "team/b", "team/c"]
    assert columns(triggers, "state") == ["enabled", "disabled", "held"]
    assert columns(triggers, "zone") == ["Europe/Berlin"] * 3
    following = datetime.fromisoformat(triggers[0]["next"])
    assert timedelta(0) < following - datetime.now(UTC) <= timedelta(days=1, hours=1)
    assert (following.hour, following.minute) == (3, 0)
    assert columns(flows, "next") == [triggers[0]["next"], None, None, None]
    assert columns(triggers, "next")[1:] == [None, None]
    assert call(agent, "triggers", "list", "team/b", "-o", "name").out == "team/b tick\n"
    assert call(agent, "flows", "list").out.splitlines()[0].split() == [
        "FLOW", "REVISION", "HEALTH", "COMMIT", "ACCEPTED", "LAST", "STATE", "NEXT",
    ]  # fmt: skip


def test_one_flow_is_shown_with_its_revisions_and_its_text(agent: Agent) -> None:
    first = agent.push(a=flow("a"))
    once(agent)
    text = flow("a", rest=scheduled("0 3 * * *")) + "# as it is written\n"
    second = agent.push(a=text)
    once(agent, "--start", "team/a")
    agent.push(a=text.replace("message", "mesage"))
    once(agent)
    whole = call(agent, "flows", "show", "team/a", "-o", "json").json
    assert (whole["flow"], whole["revision"], whole["health"]) == ("team/a", 2, "degraded")
    assert whole["problem"].startswith("flows/a.yaml:4:5")
    assert (whole["commit"], whole["path"]) == (second, "flows/a.yaml")
    assert [(each["revision"], each["commit"]) for each in whole["revisions"]] == [(2, second), (1, first)]
    assert columns(whole["executions"], "state") == ["SUCCESS"]
    assert len(whole["triggers"][0]["next"]) == 5
    assert call(agent, "flows", "show", "team/a", "--source").out == text
    shown = call(agent, "flows", "show", "team/a").out
    assert shown.count("    next  ") == 5
    assert whole["executions"][0]["id"] in shown


# ── trigger ──


def test_what_is_started_while_no_agent_runs_is_durable_and_runs_later(agent: Agent) -> None:
    commit = agent.push(a=flow("a", head="inputs:\n  - id: who\n    type: STRING\n"))
    once(agent)
    told = call(agent, "trigger", "team/a", "-i", "who=ada", "--label", "by:hand")
    assert (told.code, told.err) == (0, "no agent runs: it starts when one does\n")
    waited = call(agent, "trigger", "team/a", "-i", "who=bob", "--wait")
    assert waited.code == 8
    assert f"penstock executions watch {waited.out.strip()} --data {agent.data}" in waited.err
    assert [each["state"]["current"] for each in executions(agent)] == ["CREATED", "CREATED"]
    assert once(agent).code == 0
    first = agent.show(told.out.strip())
    assert first["state"]["current"] == "SUCCESS"
    assert first["inputs"] == {"who": "ada"}
    assert {"key": "by", "value": "hand"} in first["labels"]
    assert first["source"]["commit"] == commit
    assert first["source"]["repository"] == str(agent.bare)
    assert agent.show(waited.out.strip())["state"]["current"] == "SUCCESS"


def test_waiting_follows_it_and_exits_as_run_does(agent: Agent) -> None:
    agent.push(a=flow("a", "echo from the task"), b=flow("b", "exit 3"))
    agent.start()
    agent.deployed()
    good = call(agent, "trigger", "team/a", "--wait", "-o", "json")
    assert good.code == 0, good.err
    assert good.json["state"]["current"] == "SUCCESS"
    assert "from the task" in good.err
    bad = call(agent, "trigger", "team/b", "--wait")
    assert bad.code == 1
    assert agent.show(bad.out.strip())["state"]["current"] == "FAILED"


RETRIED = flow(
    "a",
    "echo by {{ execution.id }}",
    '[ "{{ execution.id }}" != "{{ execution.originalId }}" ]',
    head="retry: {type: constant, interval: PT1H, maxAttempts: 3, behavior: CREATE_NEW_EXECUTION}\n",
)
ONE_AT_A_TIME = f"id: b\nnamespace: team\nconcurrency: {{limit: 1}}\ntasks:\n  - id: ask\n    type: {PAUSE}\n"


def test_what_tries_again_is_followed_to_the_last_execution(agent: Agent) -> None:
    agent.push(a=RETRIED)
    agent.start()
    agent.deployed()
    waiting = start("trigger", "team/a", "--wait", "-o", "json", data=agent.data)

    def found() -> dict[str, str]:
        return {row["state"]: row["id"] for row in items(agent, "executions", "list")}

    listed = until(lambda: each if len(each := found()) == 2 else None, 20)
    first, last = listed["RETRIED"], listed["CREATED"]
    assert call(agent, "executions", "force-run", last).code == 0  # it would wait for an hour
    out, err = waiting.communicate(timeout=20)
    told = json.loads(out)
    assert (waiting.returncode, told["id"], told["state"]["current"]) == (0, last, "SUCCESS"), err
    before, again, after = err.partition(f"tried again by {last} (attempt 2)")
    assert again
    assert f"by {first}" in before
    assert f"by {last}" in after
    watched = call(agent, "executions", "watch", first)
    assert (watched.code, f"tried again by {last}" in watched.err) == (0, True)
    refused = call(agent, "run", "--resume", first)
    assert (refused.code, f"it was tried again, last by {last}" in refused.err) == (2, True)


def test_what_waits_in_a_queue_is_taken_out_or_forced_to_run(agent: Agent) -> None:
    agent.push(b=ONE_AT_A_TIME)
    agent.start()
    agent.deployed()
    runs, unqueued, forced, ended = (agent.trigger("b") for _ in range(4))
    last = call(agent, "trigger", "team/b")
    waits = last.out.strip()
    assert f"it is QUEUED: as many of team/b go on as may; penstock executions unqueue {waits}" in last.err

    def are(**wanted: str) -> bool:
        named = {"runs": runs, "unqueued": unqueued, "forced": forced, "ended": ended, "waits": waits}
        states = {row["id"]: row["state"] for row in items(agent, "executions", "list")}
        return all(states[named[name]] == state for name, state in wanted.items())

    until(lambda: are(runs="PAUSED", unqueued="QUEUED", forced="QUEUED", ended="QUEUED", waits="QUEUED"), 20)
    words = [("unqueue", unqueued), ("force-run", forced), ("unqueue", "--to", "CANCELLED", ended)]
    assert [call(agent, "executions", *word).code for word in words] == [0, 0, 0]
    until(lambda: are(unqueued="PAUSED", forced="PAUSED", ended="CANCELLED", waits="QUEUED"), 20)
    again = call(agent, "executions", "unqueue", ended)
    assert again.code == 2
    assert "Execution must be queued to be unqueued, current state is 'CANCELLED' !" in again.err

    call(agent, "executions", "kill", runs, unqueued, "--wait")
    assert are(runs="KILLED", unqueued="KILLED", forced="PAUSED", waits="QUEUED")  # the one that was forced counts
    resumed = call(agent, "executions", "resume", "--flow", "team/b", "--state", "PAUSED", "-o", "name")
    assert (resumed.code, resumed.out.split()) == (0, [forced])
    until(lambda: are(forced="SUCCESS", waits="PAUSED"), 20)


def test_ctrl_c_ends_the_waiting_and_not_the_execution(agent: Agent, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    agent.push(a=flow("a", f"while [ ! -e {flag} ]; do sleep 0.02; done"))
    agent.start()
    agent.deployed()
    waiting = start("trigger", "team/a", "--wait", data=agent.data)
    until(lambda: agent.lines("execution.started"), 20)
    assert waiting.stderr is not None
    assert "start" in waiting.stderr.readline()
    waiting.send_signal(signal.SIGINT)
    out, err = waiting.communicate(timeout=20)
    assert waiting.returncode == 130
    assert f"it goes on without you; follow it again with\n  penstock executions watch {out.strip()}" in err
    flag.touch()
    until(lambda: agent.show(out.strip())["state"]["current"] == "SUCCESS", 20)


@pytest.mark.parametrize(
    ("text", "args", "said"),
    [
        (flow("a", head="disabled: true\n"), [], "the flow team/a is disabled"),
        (f"id: a\nnamespace: team\ntasks:\n  - id: x\n    type: {KV}\n    key: k\n", [], "kv.Delete"),
        (flow("a", head="inputs:\n  - id: n\n    type: INT\n"), ["-i", "n=x"], "Invalid input for `n`"),
        (flow("a"), ["--label", "system.x:y"], "System labels"),
        (flow("a"), ["--inputs", "not-there.yaml"], "cannot read not-there.yaml"),
    ],
)  # fmt: skip
def test_what_cannot_start_is_refused_and_leaves_nothing(
    text: str, args: Sequence[str], said: str, agent: Agent
) -> None:
    agent.push(a=text)
    once(agent)
    told = call(agent, "trigger", "team/a", *args)
    assert (told.code, told.out) == (2, "")
    assert said in told.err
    assert executions(agent) == []


# ── enable and disable ──


def test_a_disabled_trigger_stops_firing_at_once_and_stays_so_when_deployed_anew(agent: Agent) -> None:
    agent.push(a=every_second("a"), b=every_second("b"))
    agent.start()

    def fired(name: str) -> int:
        return len(agent.lines("trigger.fired", flow=f"team/{name}"))

    def two_seconds_of_b() -> None:
        before = fired("b")
        until(lambda: fired("b") >= before + 2, 20)

    until(lambda: fired("a") and fired("b"), 20)
    told = call(agent, "triggers", "disable", "team/a", "tick")
    assert (told.code, told.out, told.err) == (0, "", "`tick` of team/a is disabled\n")
    assert "already" in call(agent, "triggers", "disable", "team/a", "tick").err
    two_seconds_of_b()
    before = fired("a")
    two_seconds_of_b()
    agent.push(a=every_second("a") + "    inputs:\n      x: y\n")
    assert call(agent, "agent", "poke", "--data", str(agent.data)).code == 0
    agent.deployed(update=1)
    two_seconds_of_b()
    assert fired("a") == before
    [row] = items(agent, "triggers", "list", "team/a")
    assert (row["state"], row["next"]) == ("disabled", None)
    assert call(agent, "triggers", "enable", "team/a", "tick").code == 0
    enabled = datetime.now(UTC)
    until(lambda: fired("a") > before, 20)
    again = agent.lines("trigger.fired", flow="team/a")[before]
    assert datetime.fromisoformat(again["slot"]) >= enabled - timedelta(seconds=2)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["enable", "team/a", "tick"], "is disabled in its file"),
        (["disable", "team/a", "tikc"], "did you mean `tick`?"),
        (["disable", "team/b", "tick"], "did you mean `team/a`?"),
    ],
)
def test_a_word_to_a_trigger_that_cannot_be_is_refused(args: Sequence[str], said: str, agent: Agent) -> None:
    agent.push(a=flow("a", rest=scheduled("0 3 * * *", more="    disabled: true\n")))
    once(agent)
    told = call(agent, "triggers", *args)
    assert told.code == 2
    assert said in told.err


# ── backfill ──


def test_a_backfill_runs_every_slot_and_with_missing_only_what_is_left(agent: Agent) -> None:
    agent.push(a=flow("a", rest=scheduled("0 3 * * *")))
    agent.start()
    agent.deployed()
    half = call(agent, "backfill", "team/a", "tick", "--start", days_ago(3), "--end", days_ago(2))
    assert half.code == 0, half.err
    assert half.err.splitlines()[-1] == "done: 2 executions started"
    assert "2 of 2 slots, 2 started, done" in half.err
    rest = call(agent, "backfill", "team/a", "tick", "--start", days_ago(5), "--end", days_ago(2), "--missing-only")
    assert rest.err.splitlines()[-1] == "done: 2 executions started"
    dates = [each["scheduleDate"] for each in executions(agent)]
    assert len(dates) == len(set(dates)) == 4
    again = call(agent, "backfill", "team/a", "tick", "--start", days_ago(5), "--end", days_ago(2), "-q", "-o", "json")
    [row] = again.json["items"]
    assert (again.err, row["state"], row["started"]) == ("", "DONE", 4)
    assert len(executions(agent)) == 8


def test_a_backfill_goes_on_without_its_watcher_and_is_paused_resumed_and_cancelled(agent: Agent) -> None:
    agent.push(a=PAUSED_LONG + scheduled("*/5 * * * *", zone="UTC"))
    agent.start()
    agent.deployed()
    watcher = start("backfill", "team/a", "tick", "--start", days_ago(3), "--end", days_ago(2), data=agent.data)
    assert watcher.stdout is not None
    id_ = watcher.stdout.readline().strip()

    def row() -> dict[str, Any]:
        [found] = items(agent, "backfill", "--list")
        return found

    until(lambda: row()["started"] == 100, 20)
    assert (row()["id"], row()["state"], row()["slots"]) == (id_, "RUNNING", 576)
    watcher.send_signal(signal.SIGINT)
    _, err = watcher.communicate(timeout=20)
    assert watcher.returncode == 130
    assert f"penstock backfill --pause {id_}" in err
    assert row()["state"] == "RUNNING"
    assert call(agent, "backfill", "--pause", id_[:8]).code == 0
    assert row()["state"] == "PAUSED"
    refused = call(agent, "backfill", "--pause", id_)
    assert refused.code == 2
    assert "its state is PAUSED" in refused.err
    watcher = start("backfill", "--resume", id_, data=agent.data)
    until(lambda: row()["state"] == "RUNNING", 20)
    assert call(agent, "backfill", "--cancel", id_).code == 0
    _, err = watcher.communicate(timeout=20)
    assert watcher.returncode == 7
    assert "cancelled: 100 executions started, which go on" in err


def test_a_backfill_without_an_agent_begins_with_the_next_one(agent: Agent) -> None:
    agent.push(a=flow("a", rest=scheduled("0 3 * * *")))
    once(agent)
    asked = ("backfill", "team/a", "tick", "--start", days_ago(3), "--end", days_ago(2))
    told = call(agent, *asked, "--no-wait")
    assert (told.code, told.err) == (0, "no agent runs: it begins when one does\n")
    twice = call(agent, *asked)
    assert twice.code == 2
    assert f"penstock backfill --cancel {told.out.strip()}" in twice.err
    assert once(agent).code == 0
    assert len(executions(agent)) == 2
    assert {each["state"]["current"] for each in executions(agent)} == {"SUCCESS"}


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["team/a", "tick", "--start", "2026-01-01"], "and the range with --start DATE and --end DATE"),
        (["team/a", "tick", "--list"], "stand alone"),
        (["--pause", "x", "--cancel", "x"], "stand alone"),
        (["--pause", "x"], "there is no backfill `x`"),
        (["team/a", "tick", "--start", "soon", "--end", "later"], "--start: `soon` is no ISO-8601 date"),
        (["team/a", "tick", "--start", "2026-01-01T04:00", "--end", "2026-01-01T05:00"], "has no slot"),
        (["team/a", "tock", "--start", "2026-01-01", "--end", "2026-01-02"], "did you mean `tick`?"),
    ],
)
def test_a_backfill_that_cannot_be_is_refused(args: Sequence[str], said: str, agent: Agent) -> None:
    agent.push(a=flow("a", rest=scheduled("0 3 * * *")))
    once(agent)
    told = call(agent, "backfill", *args)
    assert (told.code, told.out) == (2, "")
    assert said in told.err


def test_a_person_sees_a_bar(agent: Agent) -> None:
    agent.push(a=flow("a", rest=scheduled("0 3 * * *")))
    agent.start()
    agent.deployed()
    terminal = Terminal("backfill", "team/a", "tick", "--start", days_ago(9), "--end", days_ago(2), data=agent.data)
    assert terminal.ended() == 0
    assert "team/a tick ━" in terminal.shown
    assert "8 of 8 slots, 8 started, done" in terminal.shown


# ── price ──


@pytest.mark.parametrize("name", ["flows", "triggers", "trigger", "backfill"])
def test_help_costs_nothing_of_the_engine(name: str, tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "penstock_cli", name, "--help"],
        env=environment(tmp_path), capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    imported = {line.rpartition("|")[2].strip() for line in told.stderr.splitlines() if line.startswith("import time:")}
    heavy = {"apsw", "croniter", "pydantic", "httpx", "rich", "penstock.wiring", "penstock.execution.model"}
    assert imported & heavy == set()
    assert told.stdout.startswith(f"Usage: penstock {name}")


def test_what_renders_nothing_does_not_import_the_expressions(agent: Agent) -> None:
    agent.push(a=flow("a", rest=scheduled("0 3 * * *")))
    once(agent)
    data = f"--data={agent.data}"
    commands = [("executions", "list"), ("flows", "list"), ("triggers", "list"), ("agent", "status")]
    called = {}
    for args in (*((*command, data) for command in commands), ("graph", str(agent.work / "flows" / "a.yaml"))):
        told = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "penstock_cli", *args],
            env=environment(), capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert "import time:" in told.stderr
        called[args[0]] = told.returncode, "penstock.expression" in told.stderr
    assert called == dict.fromkeys(["executions", "flows", "triggers", "agent", "graph"], (0, False))
