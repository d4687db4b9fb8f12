"""Whatever stands where in a flow, it is judged: no rule falls over a value that it did not expect."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from penstock.errors import UserError
from penstock.flow.catalogue.catalog import load_catalog
from penstock.flow.model import Dialect
from penstock.flow.parse import parse_flow

CORE = "io.kestra.plugin.core"
EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "flows"
OWN = (
    f"{{id: f, namespace: n, variables: {{a: 1}}, labels: {{b: c}}, inputs: [{{id: x.y, type: STRING, defaults: z}}], "
    f"tasks: [{{id: d, type: {CORE}.flow.Dag, tasks: [{{task: {{id: e, type: {CORE}.log.Log}}}}, "
    f"{{task: {{id: g, type: {CORE}.log.Log, message: '{{{{ inputs.q }}}}'}}, dependsOn: [e]}}]}}, "
    f"{{id: w, type: {CORE}.flow.Switch, value: v, cases: {{a: [{{id: h, type: {CORE}.debug.Return, format: f}}]}}}}, "
    f"{{id: l, type: {CORE}.flow.LoopUntil, condition: '{{{{ outputs.h.value }}}}', tasks: [{{id: i, type: a.b.C}}], "
    "retry: {type: constant, interval: PT1S}}], "
    f"triggers: [{{id: s, type: {CORE}.trigger.Schedule, cron: '@daily', inputs: {{x: '{{{{ trigger.date }}}}'}}}}], "
    "outputs: [{id: o, type: STRING, value: '{{ outputs.h.value }}'}]}"
)
VALUES: list[Any] = [
    None, 5, True, [], {}, "x", [1], "{{ outputs.a-b.c }}", "{{ inputs.x }}", "{{ x | up", {"{{ k }}": "{{ vars.q }}"},
    {"a": "{{ x ?? outputs.h }}"}, ["{{ outputs.h.x }}"], {"id": "h", "type": f"{CORE}.log.Log", "message": "m"},
]  # fmt: skip


def flows() -> list[Any]:
    return [yaml.safe_load(OWN), *(yaml.safe_load(path.read_text("utf-8")) for path in sorted(EXAMPLES.glob("*.yaml")))]


def spots(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of a tree: what holds it, and the key or index."""
    for key in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from spots(value[key])


def broken(flow: Any, chance: random.Random) -> Any:
    flow = copy.deepcopy(flow)
    for _ in range(chance.randint(1, 4)):
        places = list(spots(flow))
        if places:
            holder, key = chance.choice(places)
            other, at = chance.choice(places)
            holder[key] = copy.deepcopy(chance.choice([*VALUES, other[at]]))
    return flow


@pytest.mark.parametrize("seed", range(4))
def test_a_flow_of_any_shape_is_judged(seed: int) -> None:
    chance, catalog, judged = random.Random(seed), load_catalog(), 0
    known = flows()
    for _ in range(60):
        text = yaml.safe_dump(broken(chance.choice(known), chance))
        parsed = parse_flow(text, "f.yaml", catalog=catalog, dialect=chance.choice(list(Dialect)))
        judged += parsed.digest != "" and all(found.range.start.line >= 1 for found in parsed.diagnostics)
        with suppress(UserError):  # no flow at all, or none with such a task
            parsed.judge("{{ inputs.a-b }} {{ outputs.h.x }}", chance.choice([None, "g", "h", "i"]))
    assert judged == 60
