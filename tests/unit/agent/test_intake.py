"""What executions are given passes the intake: defaults are rendered, schedules see the world, secrets are sealed."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from penstock.diagnostic import FlowName
from penstock.errors import Refused, UserError
from penstock.execution.model import Execution
from penstock.execution.sealed import is_sealed
from penstock.execution.variables import variables
from penstock.operations import request
from penstock.operations.schedules import BackfillWish, begin_backfill
from penstock.operations.start import Start, prepare
from penstock.ports.kv import KvType
from penstock.settings import load_settings
from penstock.wiring import workplace
from unit.agent.bench import NOON, Bench, bench, flow
from until import until

MINUTE = timedelta(minutes=1)
SECRET = "inputs:\n  - id: token\n    type: SECRET\n    required: false\n"


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setenv("SECRET_KEY", base64.b64encode(b"k3y-of-the-house").decode())
    monkeypatch.setenv("ENV_REGION", "north")
    told = "variables: {globals: {team: blue}, environment: test, url: 'https://flows.example'}\n"
    (tmp_path / "penstock.yaml").write_text(told)
    with bench(tmp_path, settings=load_settings(folder=tmp_path, environ={})) as made:
        yield made


def started(agent: Bench, text: bytes, given: dict[str, Any] | None = None) -> Execution:
    agent.deploy({"a": text})
    execution = agent.starter.start_named(FlowName("team", "a"), given)
    agent.until_over()
    return agent.executions()[0] if agent.executions() else execution


def seen(agent: Bench, execution: Execution) -> dict[str, Any]:
    return variables(agent.place.flow_of(execution), execution, None, agent.place.around)


def test_a_default_is_rendered_over_the_world_and_the_inputs_before_it(agent: Bench) -> None:
    agent.place.kv.put("team", "limit", 7, type=KvType.NUMBER, now=NOON)
    inputs = (
        "inputs:\n"
        "  - {id: n, type: INT, defaults: \"{{ kv('limit') + 1 }}\"}\n"
        "  - {id: day, type: DATE, defaults: \"{{ now() | date('yyyy-MM-dd') }}\"}\n"
        '  - {id: place, type: STRING, defaults: "{{ envs.region }}/{{ globals.team }}/{{ kestra.environment }}"}\n'
        '  - {id: twice, type: INT, defaults: "{{ inputs.n * 2 }}"}\n'
    )
    execution = started(agent, flow("a", more=inputs))
    day = f"{agent.clock.now():%Y-%m-%d}"
    assert execution.inputs == {"n": 8, "day": day, "place": "north/blue/test", "twice": 16}


def test_what_was_given_is_taken_as_it_is(agent: Bench) -> None:
    inputs = 'inputs:\n  - {id: text, type: STRING, defaults: "{{ 1 + 1 }}"}\n'
    assert started(agent, flow("a", more=inputs), {"text": "{{ 2 + 2 }}"}).inputs == {"text": "{{ 2 + 2 }}"}


def test_a_default_that_cannot_be_rendered_starts_nothing(agent: Bench) -> None:
    inputs = 'inputs:\n  - {id: text, type: STRING, defaults: "{{ nothing.there }}"}\n'
    agent.deploy({"a": flow("a", more=inputs)})
    with pytest.raises(UserError, match="nothing"):
        agent.starter.start_named(FlowName("team", "a"))
    assert agent.executions() == []


def test_a_default_asks_no_address(agent: Bench) -> None:
    inputs = "inputs:\n  - {id: text, type: STRING, defaults: \"{{ http('https://example.org') }}\"}\n"
    agent.deploy({"a": flow("a", more=inputs)})
    with pytest.raises(UserError, match="before the execution has begun"):
        agent.starter.start_named(FlowName("team", "a"))


def test_a_secret_is_sealed_in_the_store_seen_by_expressions_and_hidden_from_people(agent: Bench) -> None:
    say = "  - {id: say, type: io.kestra.plugin.core.debug.Return, format: 'it is {{ inputs.token }}'}\n"
    execution = started(agent, flow("a", task=say, more=SECRET), {"token": "s3cret-word"})

    assert is_sealed(execution.inputs["token"])
    assert seen(agent, execution)["inputs"]["token"] == "s3cret-word"
    [run] = execution.in_order()
    assert run.outputs is not None
    assert is_sealed(run.outputs["value"])
    assert seen(agent, execution)["outputs"]["say"]["value"] == "it is s3cret-word"


def test_a_later_process_hides_the_secrets_that_it_opens(agent: Bench, tmp_path: Path) -> None:
    execution = started(agent, flow("a", more=SECRET), {"token": "s3cret-word"})
    with workplace(tmp_path / "data") as later:
        assert later.mask.text("the s3cret-word") == "the s3cret-word"
        variables(later.flow_of(execution), execution, None, later.around)
        assert later.mask.text("the s3cret-word") == "the ******"


def test_a_text_that_holds_a_secret_is_sealed_whatever_its_type(agent: Bench) -> None:
    inputs = "inputs:\n  - {id: url, type: STRING, defaults: \"https://x/{{ secret('KEY') }}\"}\n"
    execution = started(agent, flow("a", more=inputs))
    assert is_sealed(execution.inputs["url"])
    assert seen(agent, execution)["inputs"]["url"] == "https://x/k3y-of-the-house"


def test_without_a_seal_a_secret_is_refused(agent: Bench) -> None:
    agent.deploy({"a": flow("a", more=SECRET)})
    deployed = agent.place.store.deployed_flow(FlowName("team", "a"))
    assert deployed is not None
    wanted = Start("x", agent.place.deployed_flow(deployed), deployed.source_digest, inputs={"token": "t"})
    with pytest.raises(Refused, match="encryption is not configured"):
        prepare(wanted, at=NOON)


def test_inputs_of_a_schedule_see_the_world(agent: Bench) -> None:
    agent.place.kv.put("team", "limit", 7, type=KvType.NUMBER, now=NOON)
    more = "inputs:\n" + "".join(f"  - {{id: {name}, type: STRING}}\n" for name in ("a", "b", "c"))
    more = "labels:\n  owner: ada\n" + more
    given = (
        "    inputs:\n"
        "      a: \"{{ secret('KEY') }}\"\n"
        "      b: \"{{ kv('limit') }} {{ envs.region }} {{ globals.team }} {{ labels.owner }} {{ flow.id }}\"\n"
        "      c: \"{{ trigger.date }} {{ schedule.date == trigger.date }} {{ now() | date('yyyy') }}\"\n"
    )
    agent.deploy({"a": flow("a", cron="* * * * *", more=more, trigger=given)})
    agent.to(NOON)
    agent.to(NOON + MINUTE)
    agent.until_over()
    assert [news.text for news in agent.news if news.is_trouble] == []
    [execution] = agent.executions()
    inputs = seen(agent, execution)["inputs"]
    assert is_sealed(execution.inputs["a"])
    assert inputs["a"] == "k3y-of-the-house"
    assert inputs["b"] == "7 north blue ada a"
    assert inputs["c"] == "2026-06-01T12:01:00+00:00 true 2026"


def test_a_secret_that_a_person_answers_with_is_sealed_too(agent: Bench) -> None:
    pause = (
        "  - id: ask\n    type: io.kestra.plugin.core.flow.Pause\n    onResume: [{id: code, type: SECRET}]\n"
        "  - {id: say, type: io.kestra.plugin.core.debug.Return, format: '{{ outputs.ask.onResume.code | length }}'}\n"
    )
    agent.deploy({"a": flow("a", task=pause)})
    started = agent.starter.start_named(FlowName("team", "a"))
    place, execution = agent.place, until(lambda: paused(agent, started.id))
    told: dict[str, Any] = {
        "by": "ada",
        "at": NOON,
        "store": place.store,
        "presence": place.presence,
        "flow": place.flow_of(execution),
    }
    with pytest.raises(Refused, match="encryption is not configured"):
        request.resume(execution.id, values={"code": "s3cret-word"}, **told)

    request.resume(execution.id, values={"code": "s3cret-word"}, intake=place.intake, **told)
    agent.live.executor.catch_up()
    agent.until_over()

    [ask, say] = agent.executions()[0].in_order()
    assert ask.outputs is not None
    assert is_sealed(ask.outputs["onResume"]["code"])
    assert say.outputs == {"value": "11"}


def paused(agent: Bench, id_: str) -> Execution | None:
    loaded = agent.place.store.load(id_)
    return loaded if loaded is not None and request.waiting(loaded) is not None else None


def test_a_backfill_keeps_no_secret(agent: Bench) -> None:
    agent.deploy({"a": flow("a", cron="* * * * *", more=SECRET)})
    deployed = agent.place.store.deployed_flow(FlowName("team", "a"))
    assert deployed is not None
    wish = BackfillWish("tick", NOON - 3 * MINUTE, NOON, inputs={"token": "s3cret-word"})
    with pytest.raises(Refused, match="a backfill would keep it in clear"):
        begin_backfill(
            agent.place.store,
            deployed,
            agent.place.deployed_flow(deployed),
            wish,
            id_="b1",
            zone="UTC",
            at=NOON,
            intake=agent.place.intake,
        )
    assert agent.place.store.backfills() == []


def test_labels_of_a_trigger_are_rendered_and_those_of_the_system_stay_with_the_flow(agent: Bench) -> None:
    given = "    labels:\n      year: \"{{ trigger.date | date('yyyy') }}\"\n"
    more = "labels:\n  - {key: owner, value: ada}\n  - {key: system.readOnly, value: 'true'}\n"
    agent.deploy({"a": flow("a", cron="* * * * *", more=more, trigger=given)})
    agent.to(NOON)
    agent.to(NOON + MINUTE)
    agent.until_over()
    [execution] = agent.executions()
    assert execution.labels == {"owner": "ada", "year": "2026", "system.correlationId": execution.id}
