"""HTTP for what an operator's environment names: a flow has no say in where it goes."""

from __future__ import annotations

from penstock.ports.http import Http


def trusted_http() -> Http:
    """Reaches private addresses too, for a company's own GitHub lies in its network; by the environment's proxies."""
    from penstock.adapters.http import GuardedHttp, Reach, system_proxy

    return GuardedHttp(Reach(private=True), proxy=system_proxy)
