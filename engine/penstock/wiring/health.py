"""What an agent's health and metrics are, from its store and its loops."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.wiring.agent import read_token
from penstock.wiring.workplaces import Workplace

if TYPE_CHECKING:
    from penstock.agent.service import AgentService
    from penstock.api.health import Health, Metric


@contextmanager
def health_server(
    place: Workplace, service: AgentService, address: str, token_file: Path | None
) -> Iterator[tuple[str, int]]:
    """Serve /healthz and /metrics within the context; where. Raises UserError, Stalled."""
    from penstock.api.health import Watch, serving

    watch = Watch(lambda: _health(service), lambda: _metrics(place, service))
    with serving(watch, address, read_token(token_file) if token_file is not None else None) as where:
        yield where


def _health(service: AgentService) -> Health:
    from penstock.api.health import Health

    return Health(service.live.supervisor.failure is None, service.troubles())


def _metrics(place: Workplace, service: AgentService) -> list[Metric]:
    from penstock.api.health import Metric

    store, worker, scheduler = place.store, service.live.worker, service.scheduler
    seen, generation = store.observation(service.reconciler.source), store.generation()
    reached = seen.reached if seen is not None else None
    age = (place.clock.now() - reached).total_seconds() if reached is not None else float("nan")

    def gauge(name: str, help_: str, value: float) -> Metric:
        return Metric(f"penstock_{name}", "gauge", help_, (({}, value),))

    def by(label: str, values: Mapping[str, float]) -> tuple[tuple[Mapping[str, str], float], ...]:
        return tuple(({label: name}, value) for name, value in sorted(values.items()))

    waiting = {sink: float(store.count_unrecorded(sink)) for sink in service.sinks}
    return [
        gauge("flows", "Flows in force.", len(store.deployed())),
        gauge("generation", "The generation in force.", generation.number if generation is not None else 0),
        gauge("repository_age_seconds", "Since the repository was reached.", age),
        gauge("tasks_running", "Attempts being made.", worker.busy),
        gauge("slots", "Attempts that may be made at once.", worker.capacity),
        gauge("schedule_lateness_seconds", "Of the slot that was started last.", scheduler.lateness),
        Metric("penstock_executions_ended_total", "counter", "Executions by end state.", by("state", service.ended)),
        Metric("penstock_slots_fired_total", "counter", "Slots that were started.", (({}, scheduler.fired),)),
        Metric("penstock_results_waiting", "gauge", "Results that a sink has not taken.", by("sink", waiting)),
        Metric("penstock_trouble", "gauge", "Parts in trouble.", by("part", dict.fromkeys(service.troubles(), 1.0))),
        Metric("penstock_commits_total", "counter", "Transactions of the store.", (({}, store.commits()),)),
    ]
