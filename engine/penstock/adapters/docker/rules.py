"""From an order to the body that the engine is given: profile and policy of its namespace, applied and asked."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from penstock.adapters.docker.engine import Engine
from penstock.adapters.docker.metadata import GOOGLE, cloud
from penstock.adapters.docker.policy import Policy, judge
from penstock.adapters.docker.spec import Share, resolved
from penstock.errors import Refused
from penstock.ports.runner import Order


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
            self._refuse_engine(wish.host, order.namespace, grants.engines)
        half = self._machine_memory // 2 or None
        share = Share(
            memory_bytes=grants.memory or _least(grants.most_memory, half),
            cpus=grants.cpus or grants.most_cpus,
            processes=grants.processes,
        )
        body = resolved(order, wish, grants.profile, share, network=grants.network, mounts=mounts, labels=labels)
        judge(body, grants, self._policy, order.namespace)
        return body

    @cached_property
    def closes_metadata(self) -> bool:
        """Whether containers are kept from a cloud's metadata address."""
        if self._policy.metadata != "auto":
            return self._policy.metadata == "always"
        return self._engine.address.text.startswith("unix:") and cloud() not in (None, GOOGLE)

    @cached_property
    def _machine_memory(self) -> int:
        return int(self._engine.ask(lambda api: api.info()).get("MemTotal") or 0)

    def _refuse_engine(self, host: str, namespace: str, allowed: tuple[str, ...]) -> None:
        if host in allowed:
            raise Refused(
                f"the container wants the engine `{host}`, and this agent works with `{self._engine.address.text}`",
                help="let an agent of its own work with that engine: penstock agent --engine ADDRESS",
            )
        raise Refused(
            f"the container wants the engine `{host}`, and no policy allows that in `{namespace}`",
            help=f"leave out `host`: this agent works with `{self._engine.address.text}`",
            code="PEN052",
        )


def _least(*bounds: int | None) -> int | None:
    return min((bound for bound in bounds if bound is not None), default=None)
