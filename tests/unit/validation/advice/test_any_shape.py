"""Whatever stands where in a flow, every advice has its say, and falls over nothing."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from tests.unit.flow.test_any_shape import broken, flows
from tests.unit.validation.advice.samples import CORE, DOCKER, PYTHON, SHELL

from penstock.flow.catalogue.catalog import load_catalog
from penstock.flow.model import Dialect
from penstock.flow.parse import parse_flow
from penstock.validation.across.firing import judge_schedules
from penstock.validation.advice import ADVICE, ASKED
from penstock.validation.schedule_facts import schedules_of

NOW = datetime(2026, 6, 1, tzinfo=UTC)
RICH = f"""
id: f
namespace: n
labels: [{{key: a, value: 3.10}}, {{key: token, value: abc}}]
variables: {{password: hunter2, uri: "http://bob:hunter2@example.com", go: yes, at: 12:30, anchored: &unused 1}}
workerGroup: {{key: x}}
inputs:
  - {{id: name, type: STRING, defaults: 010}}
  - {{id: pw, type: SECRET, defaults: abc}}
  - {{id: one, type: SELECT, values: [yes, no], allowCustomValue: true}}
pluginDefaults:
  - {{type: io.kestra.plugin.scripts, values: {{containerImage: alpine, env: {{A: 0x1F}}}}}}
tasks:
  - id: a-b
    type: {SHELL}
    taskRunner: {{type: {DOCKER}, privileged: true, networkMode: host, volumes: [/:/x]}}
    commands: ["echo {{{{ inputs.name }}}}", "echo {{{{ secret('X') }}}}", "curl -u bob:hunter2 http://example.com"]
  - id: c_d
    type: {PYTHON}
    script: "print('{{{{ inputs.pw }}}}')"
    retry: {{type: constant, interval: PT1S, maxAttempt: 3}}
  - {{id: h, type: {CORE}.http.Request, uri: http://example.com, headers: {{Authorization: Bearer abcdef}}}}
  - {{id: l, type: {CORE}.log.Log, message: "{{{{ secret('X') }}}} {{{{ inputs.pw }}}}", version: 1.2.0}}
triggers:
  - {{id: s, type: {CORE}.trigger.Schedule, cron: '0 9 * * *', conditions: [{{type: {CORE}.condition.DateTimeBetween,
     before: '2026-01-01T00:00:00Z'}}], timezone: Europe/Paris}}
  - {{id: t, type: {CORE}.trigger.ScheduleOnDates, dates: ['2026-01-01T00:00:00Z', '2027-01-01']}}
  - {{id: w, type: {CORE}.trigger.Webhook, key: abcdef}}
"""


@pytest.mark.parametrize("seed", range(6))
def test_a_flow_of_any_shape_is_advised(seed: int) -> None:
    chance, catalog, advised = random.Random(seed), load_catalog(), 0
    known: list[Any] = [yaml.safe_load(RICH), *flows()]
    for _ in range(60):
        text = yaml.safe_dump(broken(known[0] if chance.random() < 0.6 else chance.choice(known), chance))
        survey = parse_flow(text, "f.yaml", catalog=catalog, dialect=chance.choice(list(Dialect))).survey
        if survey is not None:
            for advice in (*ADVICE, *ASKED.values()):
                advice(survey)
            found = [*survey.found, *judge_schedules(schedules_of(survey), NOW, next_fires=True)]
            advised += all(one.range.start.line >= 1 for one in found)
    assert advised > 40


def test_the_rich_flow_gives_every_advice_that_looks_at_one_flow() -> None:
    survey = parse_flow(RICH, "f.yaml", catalog=load_catalog()).survey
    assert survey is not None
    survey.found.clear()
    for advice in (*ADVICE, *ASKED.values()):
        advice(survey)
    assert {one.code for one in survey.found} >= {
        "PEN114", "PEN115", "PEN601", "PEN602", "PEN603", "PEN604", "PEN605", "PEN606", "PEN705", "PEN706", "PEN802",
        "PEN803",
    }  # fmt: skip
