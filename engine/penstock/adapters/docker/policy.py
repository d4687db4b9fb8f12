"""What an administrator lets containers do, judged on the resolved container, after everything else has had its say.

The file lies outside the repositories of flows: who may merge a flow must not be able to widen it. Without a file
nothing dangerous is allowed, and everything else is.

    profile: strict
    memory: 2GiB
    namespaces:
      company.team:
        networks: [bridge, warehouse]
        volumes: ["/srv/reference:ro"]
"""

from __future__ import annotations

import fnmatch
import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from penstock.adapters.docker.spec import CAPABILITIES, Profile
from penstock.errors import Refused

SOCKETS = ("docker.sock", "podman.sock", "containerd.sock", "crio.sock")


@dataclass(frozen=True, slots=True)
class Grants:
    """What is allowed. None: whatever a task wants (`images`, `networks` beside the host's, `registries`, `users`).

    `volumes` are sources that may be bound, with all below them; `:ro` behind one allows it for reading only. `engines`
    are other engines than the agent's own. The `most_` are ceilings; `memory`, `cpus`, `processes` what a task gets
    that says nothing.
    """

    profile: Profile = Profile.COMPATIBLE
    images: tuple[str, ...] | None = None
    digests: bool = False
    networks: tuple[str, ...] | None = None
    network: str = "bridge"
    volumes: tuple[str, ...] = ()
    devices: bool = False
    privileged: bool = False
    oom_kill_disable: bool = False
    extra_hosts: bool = True
    capabilities: tuple[str, ...] = ()
    users: tuple[str, ...] | None = None
    engines: tuple[str, ...] = ()
    memory: int | None = None
    most_memory: int | None = None
    cpus: float | None = None
    most_cpus: float | None = None
    processes: int = 512


@dataclass(frozen=True, slots=True)
class Policy:
    """`everywhere` holds for all; of `namespaces`, by prefix on dot boundaries, each more exact one wins key by key.

    `metadata` says whether a cloud's metadata address is closed off: `auto` where this machine names a cloud.
    """

    everywhere: Grants = Grants()
    namespaces: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    metadata: str = "auto"
    shown: str | None = None

    def grants(self, namespace: str) -> Grants:
        """What is allowed in a namespace."""
        found = self.everywhere
        parts = namespace.split(".")
        for count in range(1, len(parts) + 1):
            found = replace(found, **self.namespaces.get(".".join(parts[:count]), {}))
        return found


KEYS = tuple(each.name for each in fields(Grants))


def judge(body: Mapping[str, Any], grants: Grants, policy: Policy, namespace: str) -> None:
    """Nothing where the container may be as it is. Raises Refused, with the line that would allow it."""

    def refuse(what: str, line: str) -> None:
        where = policy.shown or "the administrator's policy file (`--policy FILE`)"
        raise Refused(
            f"{what}, and no policy allows that in `{namespace}`",
            help=f"whoever runs the agent may allow it: `{line}` in {where}",
            code="PEN052",
        )

    for rule in (_isolation, _image, _user, _network, _binds, _amounts):
        rule(body, body["HostConfig"], grants, refuse)


Refuse = Callable[[str, str], None]
Body = Mapping[str, Any]


def _isolation(_: Body, host: Body, grants: Grants, refuse: Refuse) -> None:
    if host.get("Privileged") and not grants.privileged:
        refuse("the container wants to be privileged", "privileged: true")
    if (host.get("DeviceRequests") or host.get("Devices")) and not grants.devices:
        refuse("the container wants devices of the machine", "devices: true")
    added = set(host.get("CapAdd") or ()) - set(CAPABILITIES) - set(grants.capabilities)
    if added:
        refuse(f"the container wants {', '.join(sorted(added))}", f"capabilities: [{', '.join(sorted(added))}]")
    for name in ("PidMode", "IpcMode", "UTSMode", "UsernsMode", "CgroupnsMode"):
        mode = str(host.get(name) or "")
        if mode == "host" or mode.startswith("container:"):
            refuse(f"the container wants {name} `{mode}`", "privileged: true")
    if host.get("OomKillDisable") and not grants.oom_kill_disable:
        refuse("the container wants to be spared when memory runs out", "oomKillDisable: true")
    if host.get("ExtraHosts") and not grants.extra_hosts:
        refuse("the container wants `extraHosts`", "extraHosts: true")


def _image(body: Body, _: Body, grants: Grants, refuse: Refuse) -> None:
    image = str(body["Image"])
    if grants.images is not None and not any(fnmatch.fnmatchcase(image, glob) for glob in grants.images):
        refuse(f"the image `{image}` is none of those that are allowed", f'images: ["{image}"]')
    if grants.digests and not re.search(r"@sha256:[0-9a-f]{64}$", image):
        refuse(f"the image `{image}` is not named by its digest", "digests: false")


def _user(body: Body, _: Body, grants: Grants, refuse: Refuse) -> None:
    user = str(body.get("User") or "")
    if user and grants.users is not None and user not in (*grants.users, "65534:65534"):
        refuse(f"the container wants to run as `{user}`", f'users: ["{user}"]')


def _network(_: Body, host: Body, grants: Grants, refuse: Refuse) -> None:
    mode = str(host.get("NetworkMode") or "default")
    name = "bridge" if mode == "default" else mode
    is_shared = name == "host" or name.startswith(("container:", "ns:"))
    allowed = grants.networks
    if (is_shared and name not in (allowed or ())) or (allowed is not None and name not in (*allowed, "none")):
        if name == grants.network and not is_shared:
            return  # what it gets when it asks for nothing
        refuse(f"the container wants the network `{name}`", f"networks: [{name}]")


def _binds(_: Body, host: Body, grants: Grants, refuse: Refuse) -> None:
    for bind in host.get("Binds") or ():
        _bind(str(bind), grants, refuse)
    for mount in host.get("Mounts") or ():
        if mount.get("Type") != "volume":
            _bind(
                f"{mount.get('Source')}:{mount.get('Target')}{':ro' if mount.get('ReadOnly') else ''}", grants, refuse
            )


def _bind(bind: str, grants: Grants, refuse: Refuse) -> None:
    source, _, rest = bind.partition(":")
    path = posixpath.normpath(source) if source.startswith("/") else source
    is_read_only = "ro" in rest.rpartition(":")[2].split(",") if rest.count(":") else False
    if ".." in source.split("/") or path.endswith(SOCKETS):
        raise Refused(
            f"the container wants the volume `{bind}`",
            help="no policy allows it: neither a path with `..` nor an engine's socket is ever bound",
            code="PEN052",
        )
    for allowed in grants.volumes:
        root = allowed.removesuffix(":ro").rstrip("/") or "/"
        lies_below = path == root or (root.startswith("/") and path.startswith(root.rstrip("/") + "/"))
        if lies_below and (is_read_only or not allowed.endswith(":ro")):
            return
    refuse(f"the container wants the volume `{bind}`", f'volumes: ["{path}{":ro" if is_read_only else ""}"]')


def _amounts(_: Body, host: Body, grants: Grants, refuse: Refuse) -> None:
    memory, swap, cpus = host.get("Memory"), host.get("MemorySwap"), host.get("NanoCpus")
    most = grants.most_memory
    if most is not None and (not memory or memory > most or (swap is not None and (swap < 0 or swap > most))):
        refuse(f"the container wants more than {most} bytes of memory", f"mostMemory: {max(memory or 0, swap or 0)}")
    if grants.most_cpus is not None and (not cpus or cpus > grants.most_cpus * 1e9):
        refuse(f"the container wants more than {grants.most_cpus:g} processors", f"mostCpus: {(cpus or 0) / 1e9:g}")
