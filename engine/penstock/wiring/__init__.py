"""Settings to adapters to services: the only place that builds adapters, each when it is first used.

Its rooms are opened when something of theirs is first asked for: whoever compares two revisions needs no agent.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from penstock.agent.live import LiveSession as LiveSession
    from penstock.agent.once import Round as Round
    from penstock.agent.service import AgentService as AgentService
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
    from penstock.wiring.outgoing import trusted_http
    from penstock.wiring.surroundings import environment, local_zone
    from penstock.wiring.workplaces import (
        DEFAULT_SLOTS,
        Allowance,
        Rehearsing,
        Workplace,
        new_execution_id,
        source_of,
        workplace,
    )

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
    "trusted_http",
    "workplace",
]

_ROOMS = {
    "agent": ("AgentSetup", "Recording", "Repository", "agent_name", "agent_service", "one_round", "tell_of_engine"),
    "choice": ("RunnerChoice", "choose_for_agent", "choose_for_run"),
    "containers": ("ContainerSetup", "EngineReport", "look_at_engine"),
    "health": ("health_server",),
    "outgoing": ("trusted_http",),
    "surroundings": ("environment", "local_zone"),
    "workplaces": (
        "DEFAULT_SLOTS", "Allowance", "Rehearsing", "Workplace", "new_execution_id", "source_of", "workplace",
    ),
}  # fmt: skip
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}


def __getattr__(name: str) -> Any:
    """What is asked for here by its name, from the room that it lives in."""
    room = _ROOM_OF.get(name)
    if room is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{room}"), name)
