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

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

from penstock.adapters.docker.binds import Bind, Followed, objection
from penstock.adapters.docker.reference import is_among, is_pinned, may_be_an_id, registry_of
from penstock.adapters.docker.spec import CAPABILITIES, NO_NEW_PRIVILEGES, NOBODY, Profile
from penstock.adapters.docker.volumes import MOUNT
from penstock.errors import Refused


@dataclass(frozen=True, slots=True)
class Grants:
    """What is allowed. None: whatever a task wants (`images`, `registries`, `users`, `networks` but the host's).

    `volumes` are sources that may be bound; `:ro` behind one allows it for reading only. `capabilities` are given on
    top of the profile's. `users[0]` is who a task runs as that names nobody; under `strict` it must be listed to be
    allowed at all. The `most_` are ceilings; `memory` and `cpus` are what a task gets that says nothing, `processes`
    and `open_files` what every task gets.
    """

    profile: Profile = Profile.COMPATIBLE
    images: tuple[str, ...] | None = None
    registries: tuple[str, ...] | None = None
    digests: bool = False
    networks: tuple[str, ...] | None = None
    network: str = "bridge"
    ports: bool = False
    volumes: tuple[str, ...] = ()
    devices: bool = False
    privileged: bool = False
    oom_kill_disable: bool = False
    extra_hosts: bool = True
    capabilities: tuple[str, ...] = ()
    users: tuple[str, ...] | None = None
    memory: int | None = None
    most_memory: int | None = None
    cpus: float | None = None
    most_cpus: float | None = None
    processes: int = 512
    open_files: int | None = None


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

    def volumes(self) -> Iterator[str]:
        """What may be bound anywhere."""
        yield from self.everywhere.volumes
        for grants in self.namespaces.values():
            yield from grants.get("volumes", ())


def _itself(path: str) -> str:
    return path


def judge(
    body: Mapping[str, Any], grants: Grants, policy: Policy, namespace: str, *, followed: Followed = _itself
) -> None:
    """Nothing where the container may be as it is. Raises Refused, with the line that would allow it."""

    def refuse(what: str, line: str | None, why: str = "") -> NoReturn:
        where = policy.shown or "the administrator's policy file (`--policy FILE`)"
        raise Refused(
            f"{what}, and no policy allows that in `{namespace}`",
            help=f"no policy can allow it: {why}"
            if line is None
            else f"whoever runs the agent may allow it: `{line}` in {where}",
            code="PEN052",
        )

    for rule in (_isolation, _image, _user, _network, _amounts):
        rule(body, body["HostConfig"], grants, refuse)
    for text in _binds(body["HostConfig"]):
        _bind(text, grants, policy, followed, refuse)


Refuse = Callable[..., NoReturn]
Body = Mapping[str, Any]

_NEVER = ("Devices", "DeviceCgroupRules", "VolumesFrom", "Links", "GroupAdd", "Sysctls", "CgroupParent", "Runtime")
"""What no property of a task asks for: it is not there."""


def _isolation(_: Body, host: Body, grants: Grants, refuse: Refuse) -> None:
    if host.get("Privileged"):
        if not grants.privileged:
            refuse("the container wants to be privileged", "privileged: true")
        return
    for name in _NEVER:
        if host.get(name):
            refuse(f"the container wants `{name}`", "privileged: true")
    for name in ("PidMode", "IpcMode", "UTSMode", "UsernsMode", "CgroupnsMode"):
        mode = str(host.get(name) or "private")
        if mode != "private":
            refuse(f"the container wants {name} `{mode}`", "privileged: true")
    if list(host.get("CapDrop") or ()) != ["ALL"] or list(host.get("SecurityOpt") or ()) != [NO_NEW_PRIVILEGES]:
        refuse("the container wants to keep what containers are not given", "privileged: true")
    kept = CAPABILITIES if grants.profile is Profile.COMPATIBLE else ()
    added = sorted(set(host.get("CapAdd") or ()) - {*kept, *grants.capabilities})
    if added:
        refuse(f"the container wants {', '.join(added)}", f"capabilities: [{', '.join(added)}]")
    if grants.profile is Profile.STRICT and not host.get("ReadonlyRootfs"):
        refuse("the container wants to write to its root", "profile: compatible")
    if host.get("DeviceRequests") and not grants.devices:
        refuse("the container wants devices of the machine", "devices: true")
    if host.get("OomKillDisable") and not grants.oom_kill_disable:
        refuse("the container wants to be spared when memory runs out", "oomKillDisable: true")
    if host.get("ExtraHosts") and not grants.extra_hosts:
        refuse("the container wants `extraHosts`", "extraHosts: true")


def _image(body: Body, _: Body, grants: Grants, refuse: Refuse) -> None:
    image = str(body["Image"])
    is_chosen = grants.images is not None or grants.registries is not None
    if is_chosen and may_be_an_id(image):
        refuse(f"the image `{image}` may be an id, and says nothing of where it is from", None, "name it by its name")
    if grants.images is not None and not is_among(image, grants.images):
        refuse(f"the image `{image}` is none of those that are allowed", f'images: ["{image}"]')
    if grants.registries is not None and registry_of(image) not in grants.registries:
        refuse(f"the image `{image}` is of no registry that is allowed", f"registries: [{registry_of(image)}]")
    if grants.digests and not is_pinned(image):
        refuse(f"the image `{image}` is not named by its digest", "digests: false")


def _user(body: Body, _: Body, grants: Grants, refuse: Refuse) -> None:
    user = str(body.get("User") or "")
    allowed = grants.users
    if grants.profile is Profile.STRICT:
        allowed = (NOBODY, *(grants.users or ()))
    if allowed is not None and user not in allowed:
        refuse(f"the container wants to run as `{user or 'the user of its image'}`", f'users: ["{user or "0:0"}"]')


_PLAIN_NETWORK = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_HOSTS_NETWORK = re.compile(r"host|slirp4netns|pasta")


def _network(body: Body, host: Body, grants: Grants, refuse: Refuse) -> None:
    mode = str(host.get("NetworkMode") or "default")
    name = "bridge" if mode == "default" else mode
    is_own = _PLAIN_NETWORK.fullmatch(name) is not None and _HOSTS_NETWORK.fullmatch(name) is None
    is_usual = is_own and name in ("none", grants.network)  # what it gets when it asks for nothing, or for less
    if not is_usual and not (is_own and grants.networks is None) and name not in (grants.networks or ()):
        refuse(f"the container wants the network `{name}`", f"networks: [{name}]")
    published = sorted({*(host.get("PortBindings") or ()), *(body.get("ExposedPorts") or ())})
    if (published or host.get("PublishAllPorts")) and not grants.ports:
        refuse(f"the container wants ports of the machine ({', '.join(published)})", "ports: true")


def _binds(host: Body) -> Iterator[str]:
    """What it wants to see of the machine; the volume that we have prepared for it is none of that."""
    yield from (str(bind) for bind in host.get("Binds") or ())
    for mount in host.get("Mounts") or ():
        is_ours = mount.get("Type") == "volume" and mount.get("Target") == MOUNT
        if not is_ours or (mount.get("VolumeOptions") or {}).get("DriverConfig"):
            yield f"{mount.get('Source')}:{mount.get('Target')}{':ro' if mount.get('ReadOnly') else ''}"


def _bind(text: str, grants: Grants, policy: Policy, followed: Followed, refuse: Refuse) -> None:
    what = f"the container wants the volume `{text}`"
    try:
        bind = Bind.read(text)
    except ValueError:
        refuse(what, None, "no path with `..` is ever bound")
    why = objection(bind, grants.volumes, policy.volumes(), followed)
    if why is not None:
        refuse(what, None if why else f'volumes: ["{bind.granted}"]', why)


def _amounts(_: Body, host: Body, grants: Grants, refuse: Refuse) -> None:
    memory, swap, cpus = host.get("Memory"), host.get("MemorySwap"), host.get("NanoCpus")
    most = grants.most_memory
    if most is not None and (not memory or memory > most or swap is None or swap < 0 or swap > most):
        refuse(f"the container wants more than {most} bytes of memory", f"mostMemory: {max(memory or 0, swap or 0)}")
    if grants.most_cpus is not None and (not cpus or cpus > grants.most_cpus * 1e9):
        refuse(f"the container wants more than {grants.most_cpus:g} processors", f"mostCpus: {(cpus or 0) / 1e9:g}")
    if (host.get("PidsLimit") or 0) < 1 or host["PidsLimit"] > grants.processes:
        refuse(f"the container wants more than {grants.processes} processes", f"processes: {host.get('PidsLimit')}")
