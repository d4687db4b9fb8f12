"""Settings to adapters to services: the only place that builds adapters, each when it is first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.wiring.agent import (
    AgentSetup,
    Recording,
    Repository,
    agent_name,
    agent_service,
    one_round,
    tell_of_engine,
)
from penstock.wiring.choice import RunnerChoice, choose_for_agent, choose_for_run
from penstock.wiring.containers import ContainerSetup, EngineReport, look_at_engine
from penstock.wiring.health import health_server
from penstock.wiring.surroundings import environment, local_zone
from penstock.wiring.workplace import (
    DEFAULT_SLOTS,
    Allowance,
    Rehearsing,
    Workplace,
    new_execution_id,
    source_of,
    workplace,
)

if TYPE_CHECKING:
    from penstock.agent.live import LiveSession as LiveSession
    from penstock.agent.once import Round as Round
    from penstock.agent.service import AgentService as AgentService

__all__ = [
    "DEFAULT_SLOTS",
    "AgentSetup",
    "Allowance",
    "ContainerSetup",
    "EngineReport",
    "Recording",
    "Rehearsing",
    "Repository",
    "RunnerChoice",
    "Workplace",
    "agent_name",
    "agent_service",
    "choose_for_agent",
    "choose_for_run",
    "environment",
    "health_server",
    "local_zone",
    "look_at_engine",
    "new_execution_id",
    "one_round",
    "source_of",
    "tell_of_engine",
    "workplace",
]
