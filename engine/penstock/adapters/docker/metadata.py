"""Keeps containers from the metadata address of a cloud, which hands credentials of the machine to whoever asks.

A container gets a second network, one that leads nowhere and to which that address belongs: so it is not asked by way
of the first. That is done with the engine's API alone, wherever the engine is, and costs the time of one more network
for each container; where no cloud is to be seen it is left out. In Google's cloud that address answers names as well:
there nothing could be reached any more, so it is left open, and `penstock doctor` says so.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from penstock.adapters.docker.engine import Engine
from penstock.errors import Conflict, NotFound, UserError

ADDRESS = "169.254.169.254"
NETWORK = "penstock-dead-end"
GOOGLE = "Google Cloud"
_SUBNET, _GATEWAY = "169.254.168.0/22", "169.254.168.1"  # with the credentials of ECS and EKS, at 169.254.170.x

_DMI = Path("/sys/class/dmi/id")
_TELLING = ("sys_vendor", "product_name", "bios_vendor", "chassis_asset_tag", "board_vendor")
_CLOUDS = {
    "amazon": "AWS",
    "google": GOOGLE,
    "7783-7084-3265-9085-8269-3286-77": "Azure",  # the asset tag of its machines
    "digitalocean": "DigitalOcean",
    "hetzner": "Hetzner",
    "oraclecloud": "Oracle Cloud",
    "alibaba": "Alibaba Cloud",
    "openstack": "OpenStack",
    "scaleway": "Scaleway",
    "vultr": "Vultr",
    "exoscale": "Exoscale",
}


def cloud(dmi: Path = _DMI) -> str | None:
    """The cloud that this machine says it belongs to; None when it names none."""
    said = ""
    for name in _TELLING:
        with suppress(OSError):
            said += (dmi / name).read_text(encoding="utf-8", errors="replace").strip().lower() + "\n"
    return next((name for sign, name in _CLOUDS.items() if sign in said), None)


class DeadEnd:
    """The network that leads nowhere, on one engine. Thread-safe."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._is_there = False

    def attach(self, container: str, body: dict[str, Any]) -> None:
        """To a container that is made and not started, unless it has no network, or the host's.

        Raises UserError where the engine cannot: the container must not be started then.
        """
        mode = str(body["HostConfig"].get("NetworkMode") or "bridge")
        if mode in ("none", "host") or mode.startswith("container:"):
            return
        for _ in range(2):
            self._see_to_it()
            with suppress(NotFound):  # somebody has pruned it
                self._engine.ask(lambda api: api.connect_container_to_network(container, NETWORK))
                return
            self._is_there = False
        raise UserError(f"the metadata address {ADDRESS} could not be closed off: its network vanishes")

    def _see_to_it(self) -> None:
        with self._lock:
            if self._is_there:
                return
            found = self._engine.ask(lambda api: api.networks(names=[NETWORK]))
            if not any(network["Name"] == NETWORK for network in found):
                with suppress(Conflict):  # another agent was faster
                    self._make()
            self._is_there = True

    def _make(self) -> None:
        from docker.types import IPAMConfig, IPAMPool

        self._engine.ask(
            lambda api: api.create_network(
                NETWORK,
                driver="bridge",
                internal=True,
                check_duplicate=True,
                ipam=IPAMConfig(pool_configs=[IPAMPool(subnet=_SUBNET, gateway=_GATEWAY)]),
                options={"com.docker.network.bridge.enable_icc": "false"},
                labels={"penstock.network": "dead-end"},
            )
        )
