"""Every function, filter and test has a text for whoever writes a flow, and an example that renders."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from penstock.expression import FILTERS, FUNCTIONS, TESTS, Spec, parse

KINDS = {"function": FUNCTIONS, "filter": FILTERS, "test": TESTS}


def registered() -> Iterator[tuple[str, Spec]]:
    for kind, specs in KINDS.items():
        for spec in specs.values():
            yield kind, spec


WITHIN_A_FLOW = {
    "flow": {"id": "etl", "namespace": "company.team", "revision": 1},
    "execution": {"id": "5ZqvNLDfVR4mOkqjTyE1Gc", "startDate": "2026-06-01T08:00:00Z", "state": "RUNNING"},
}


def test_what_is_registered_has_a_sentence_and_an_example() -> None:
    lacking = [f"{kind}:{spec.name}" for kind, spec in registered() if not (spec.says and spec.example)]
    assert lacking == []


def test_a_sentence_is_one_and_plain() -> None:
    for kind, spec in registered():
        if spec.says:
            assert spec.says[0].isupper(), (kind, spec.name)
            assert spec.says.endswith("."), (kind, spec.name)


def test_an_example_shows_what_it_is_of_and_renders_where_it_is_pure() -> None:
    for kind, spec in registered():
        if not spec.example:
            continue
        template = parse(spec.example)
        assert (kind, spec.name) in {(call.kind, call.name) for call in template.reads.calls}, spec.name
        if template.is_pure and not template.is_slow and not template.reads.paths:
            assert isinstance(template.render(WITHIN_A_FLOW), str), spec.name


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_deprecated_names_what_takes_its_place(kind: str) -> None:
    for spec in KINDS[kind].values():
        if spec.instead is not None:
            assert spec.instead.strip(), spec.name
            assert spec.instead != spec.name or kind == "function", spec.name
