"""What the catalogue says of versions and editions: of types, of their properties, of flows and inputs."""

from __future__ import annotations

import pytest

from penstock.flow.catalogue.catalog import Catalog
from penstock.flow.catalogue.history import PropertyFacts, facts_of
from penstock.flow.catalogue.type_info import TypeInfo
from penstock.flow.judging.schema import compile_check
from penstock.tasks.names import NAMES

CORE = "io.kestra.plugin.core."
VERSIONS = {"0.22", "0.23", "0.24", "1.0", "1.1", "1.2", "1.3", "2.0"}


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog()


def found(catalog: Catalog, name: str) -> TypeInfo:
    info = catalog.find(CORE + name)
    assert info is not None
    return info


def test_a_type_says_since_when_and_until_when_it_is_there(catalog: Catalog) -> None:
    assert (found(catalog, "flow.Loop").since, found(catalog, "flow.Loop").until) == ("2.0", None)
    assert (found(catalog, "flow.ForEach").since, found(catalog, "flow.ForEach").until) == (None, "2.0")
    assert (found(catalog, "log.Log").since, found(catalog, "log.Log").until) == (None, None)
    assert found(catalog, "condition.Weekend").until == "2.0"


def test_properties_say_the_same_by_path(catalog: Catalog) -> None:
    facts = catalog.property_facts(CORE + "trigger.Flow")
    assert facts["dependsOn"] == PropertyFacts(since="2.0")
    assert facts["preconditions"] == PropertyFacts(until="2.0")
    assert facts["preconditions.timeWindow.timezone"] == PropertyFacts(since="1.3")
    assert facts["minLogLevel"] == PropertyFacts(until="2.0", deprecated=True)
    assert facts["workerGroup"] == PropertyFacts(until="2.0", enterprise=True)
    assert "inputs" not in facts


def test_an_alias_has_the_facts_of_its_type(catalog: Catalog) -> None:
    facts = catalog.property_facts("io.kestra.core.models.triggers.types.Flow")
    assert facts is catalog.property_facts(CORE + "trigger.Flow"), "made once"
    assert catalog.property_facts("io.example.Unknown") == {}


def test_facts_within_alternatives_items_and_nested_properties(catalog: Catalog) -> None:
    assert catalog.property_facts(CORE + "http.Request")["options.auth"] == PropertyFacts(since="0.22")
    assert catalog.property_facts(CORE + "http.Request")["options.basicAuthUser"] == PropertyFacts(
        until="2.0", deprecated=True
    )
    schema = {"properties": {"a": {"items": {"anyOf": [{"properties": {"b": {"x-since": "1.0"}}}]}}}}
    assert facts_of(schema) == {"a.b": PropertyFacts(since="1.0")}
    free = {"properties": {"a": {"additionalProperties": {"properties": {"b": {"x-enterprise": True}}}}}}
    assert facts_of(free) == {"a.b": PropertyFacts(enterprise=True)}


def test_flows_and_inputs(catalog: Catalog) -> None:
    assert catalog.flow_facts()["afterExecution"] == PropertyFacts(since="0.22")
    assert catalog.flow_facts()["retry.maxAttempt"] == PropertyFacts(until="2.0", deprecated=True)
    assert catalog.flow_facts()["quotas"] == PropertyFacts(since="2.0", enterprise=True)
    assert catalog.input_facts("FORM")["type"] == PropertyFacts(since="2.0")
    assert catalog.input_facts("REUSABLE_INPUTS")["type"].enterprise
    assert catalog.input_facts("STRING") == {
        "name": PropertyFacts(until="2.0", deprecated=True), "prefill": PropertyFacts(since="1.1"),
    }  # fmt: skip


def test_a_compiled_schema_takes_no_notice_of_them() -> None:
    check = compile_check({"type": "string", "x-since": "1.0", "x-until": "2.0", "x-enterprise": True})
    assert check("text")
    assert not check(1)


def test_versions_are_ones_that_there_are(catalog: Catalog) -> None:
    told = {name.since for name in NAMES} | {name.until for name in NAMES}
    for name in NAMES:
        for facts in catalog.property_facts(name.name).values():
            told |= {facts.since, facts.until}
    assert told <= VERSIONS | {None}
