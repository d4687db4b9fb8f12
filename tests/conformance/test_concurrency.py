"""Kestra's own cases about a flow's limit, on the real executor: the second execution while the first goes on."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from penstock.diagnostic import FlowName
from unit.agent.bench import bench
from until import until

FOLDER = "flows/valids"


def test_the_second_is_cancelled_while_the_first_pauses(conformance: Path, tmp_path: Path) -> None:
    source = (conformance / FOLDER / "flow-concurrency-cancel-pause.yml").read_bytes()
    name = FlowName("io.kestra.tests", "flow-concurrency-cancel-pause")
    with bench(tmp_path) as agent:
        agent.deploy({"limited": source})
        first = agent.starter.start_named(name)
        until(lambda: agent.place.store.load(first.id).state.value == "PAUSED", 10)  # type: ignore[union-attr]
        second = agent.starter.start_named(name)
        assert [state.value for state, _ in second.histories] == ["CREATED", "CANCELLED"]
        agent.clock.advance(timedelta(seconds=2))
        agent.live.supervisor.poke("executor")
        until(lambda: agent.place.store.load(first.id).state.value == "SUCCESS", 10)  # type: ignore[union-attr]
