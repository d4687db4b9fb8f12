"""From an order to the body that the engine is given: profile and policy of its namespace, applied and asked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from typing import Any, TypeVar

from penstock.adapters.docker.engine import Engine
from penstock.adapters.docker.metadata import GOOGLE, cloud
from penstock.adapters.docker.policy import Policy, judge
from penstock.adapters.docker.spec import Share, resolved
from penstock.errors import Refused
from penstock.ports.runner import Order

N = TypeVar("N", int, float)


class Rules:
    """One policy on one engine. Thread-safe."""

    def __init__(self, engine: Engine, policy: Policy) -> None:
        self._engine = engine
        self._policy = policy

    def body(self, order: Order, *, mounts: list[Mapping[str, Any]], labels: Mapping[str, str]) -> dict[str, Any]:
        """The body of `POST /containers/create`. Raises Refused for what the policy does not allow, UserError."""
        wish = order.container
        assert wish is not None
        grants = self._policy.grants(order.namespace)
        if wish.host is not None and wish.host != self._engine.address.text:
            raise self._other_engine(wish.host, order.namespace)
        half = self._machine_memory // 2 or None
        share = Share(
            memory_bytes=_least(grants.memory or half, grants.most_memory),
            cpus=_least(grants.cpus, grants.most_cpus),
            processes=grants.processes,
            open_files=grants.open_files,
            user=grants.users[0] if grants.users else None,
            capabilities=grants.capabilities,
        )
        body = resolved(order, wish, grants.profile, share, network=grants.network, mounts=mounts, labels=labels)
        judge(body, grants, self._policy, order.namespace, followed=self._followed)
        return body

    def _followed(self, path: str) -> str:
        """Where a path leads on this machine, which the engine's usually is."""
        return os.path.realpath(path) if self._engine.address.text.startswith("unix:") else path

    @cached_property
    def closes_metadata(self) -> bool:
        """Whether containers are kept from a cloud's metadata address."""
        if self._policy.metadata != "auto":
            return self._policy.metadata == "always"
        return self._engine.address.text.startswith("unix:") and cloud() not in (None, GOOGLE)

    @cached_property
    def _machine_memory(self) -> int:
        return int(self._engine.ask(lambda api: api.info()).get("MemTotal") or 0)

    def _other_engine(self, host: str, namespace: str) -> Refused:
        return Refused(
            f"the container wants the engine `{host}`, and no policy allows that in `{namespace}`",
            help=f"leave out `host`: this agent works with `{self._engine.address.text}`; another engine gets an agent "
            "of its own (`--engine ADDRESS`)",
            code="PEN052",
        )


def _least(*bounds: N | None) -> N | None:
    return min((bound for bound in bounds if bound is not None), default=None)
