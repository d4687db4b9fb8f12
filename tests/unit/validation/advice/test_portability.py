"""What other versions and editions of Kestra do not have."""

from __future__ import annotations

import pytest
from tests.unit.validation.advice.samples import CORE, LOG, advised, flow, places

from penstock.diagnostic import Severity
from penstock.flow.model import Dialect
from penstock.validation.advice.portability import no_enterprise_features, types_can_run, versions_agree


def test_what_only_the_enterprise_edition_has() -> None:
    assert advised(no_enterprise_features, flow(LOG)) == []
    source = flow(f"tasks:\n  - id: t\n    type: {CORE}.log.Log\n    message: x\n    version: 1.2.0")
    found = advised(no_enterprise_features, source)
    assert places(found) == [(7, 5, 12)]
    assert [(one.code, one.severity, one.message) for one in found] == [
        ("PEN705", Severity.INFO, "only Kestra's Enterprise Edition has `version`")
    ]


def test_a_property_that_has_no_effect_is_told_of_once() -> None:
    assert advised(no_enterprise_features, flow("quotas: [{duration: PT1H, limit: 1}]\nworkerGroup: {key: x}")) == []
    task = f"tasks:\n  - {{id: t, type: {CORE}.log.Log, message: x, workerSelector: {{tags: [gpu]}}}}"
    assert advised(no_enterprise_features, flow(task)) == []


def test_a_type_that_cannot_run_is_told_of_once() -> None:
    asleep = f"type: {CORE}.storage.Reverse, from: x"
    found = advised(types_can_run, flow(f"tasks:\n  - {{id: a, {asleep}}}\n  - {{id: b, {asleep}}}"))
    assert places(found) == [(4, 19, 56)]
    assert [(one.code, one.severity, one.message) for one in found] == [
        ("PEN706", Severity.INFO, f"`{CORE}.storage.Reverse` is known, and cannot run in this version")
    ]


def test_the_conditions_of_a_trigger_that_does_not_fire_are_not_told_of() -> None:
    listener = (
        f"type: {CORE}.trigger.Flow, conditions: [{{type: {CORE}.condition.ExecutionFlow, flowId: x, namespace: y}}]"
    )
    assert places(advised(types_can_run, flow(f"triggers:\n  - {{id: t, {listener}}}"))) == [(4, 19, 53)]


EACH = f"type: {CORE}.flow.EachSequential, value: [1], tasks: [{{id: l, type: {CORE}.log.Log, message: x}}]"
USES = flow(f"""
    inputs:
      - {{id: x, type: FORM, required: false}}
    tasks:
      - {{id: e, {EACH}}}
      - id: l
        type: {CORE}.log.Log
        message: x
        taskCache: {{enabled: true}}
""")


@pytest.mark.parametrize(
    ("dialect", "told"),
    [
        (
            Dialect.V0_21,
            [
                (4, 19, "an input of type `FORM` needs Kestra 2.0, and the flow is written for 0.21"),
                (10, 5, "`taskCache` needs Kestra 0.24, and the flow is written for 0.21"),
            ],
        ),
        (Dialect.V1, [(4, 19, "an input of type `FORM` needs Kestra 2.0, and the flow is written for 1")]),
        (Dialect.V2, [(6, 19, f"Kestra has `{CORE}.flow.EachSequential` no more since 2.0")]),
        (
            Dialect.AUTO,
            [
                (
                    4,
                    19,
                    (
                        "an input of type `FORM` needs Kestra 2.0, which has "
                        f"`{CORE}.flow.EachSequential` no more (line 6)"
                    ),
                )
            ],
        ),
    ],
)
def test_what_a_version_does_not_have(dialect: Dialect, told: list[tuple[int, int, str]]) -> None:
    found = advised(versions_agree, USES, dialect)
    assert [(one.range.start.line, one.range.start.column, one.message) for one in found] == told
    severity = Severity.ERROR if dialect is Dialect.V2 else Severity.WARNING
    assert {(one.code, one.severity) for one in found} == {("PEN707", severity)}


@pytest.mark.parametrize("dialect", list(Dialect))
def test_what_every_version_has(dialect: Dialect) -> None:
    assert advised(versions_agree, flow(LOG), dialect) == []
