"""What a container may do to its host."""

from __future__ import annotations

import re
from typing import Any

from penstock.diagnostic import Severity
from penstock.flow.survey import Path, Survey
from penstock.validation.advice.scalars import Scalar, scalars, vocabulary

_HINTS = ("privileged", "host", ".sock", "volumes:")
_SWITCHES = {
    "privileged": "nothing of the host is held back from a privileged container",
    "hostNetwork": "the container shares the network of its host",
    "hostPID": "the container sees and may end the processes of its host",
    "hostIPC": "the container shares the memory of processes of its host",
    "allowPrivilegeEscalation": "programs in the container may become root",
}
"""Properties of the Docker runner and of pods of Kubernetes, by their own names."""
_SOCKET = r"/(?:docker|podman|containerd|crio)(?:/[\w.-]+)?\.sock\b"
_SYSTEM = r"/(?:|etc|root|proc|sys|dev|boot|var/lib/docker|var/lib/containers)"


def containers_have_no_power(survey: Survey) -> None:
    """PEN603: a container neither is privileged, nor in the host's network, nor has the engine's socket or its disk."""
    folded = survey.once(vocabulary).folded
    if not any(hint in folded for hint in _HINTS):
        return
    for scalar in survey.once(scalars):
        why = _why(scalar)
        if why is not None and not survey.is_faulty(scalar.path):
            survey.report("PEN603", why, scalar.path, severity=Severity.WARNING)


def _why(scalar: Scalar) -> str | None:
    path, value = scalar.path, scalar.value
    name: Any = path[-1] if path else None
    if path[0] not in ("tasks", "errors", "finally", "afterExecution", "triggers", "pluginDefaults", "taskDefaults"):
        return None
    if name in _SWITCHES:
        return _SWITCHES[name] if value is True else None
    if not isinstance(value, str):
        return None
    if name in ("networkMode", "pidMode", "ipcMode", "usernsMode"):
        return f"the container shares the {_SHARED[name]} of its host" if value.strip() == "host" else None
    return _mounted(path, value.strip())


_SHARED = {"networkMode": "network", "pidMode": "processes", "ipcMode": "memory", "usernsMode": "users"}


def _mounted(path: Path, value: str) -> str | None:
    """A volume, as `from:to`, or the folder of the host by the name that Kubernetes has for it."""
    is_volume = len(path) > 1 and path[-2] == "volumes" and isinstance(path[-1], int)
    is_host_path = path[-2:] == ("hostPath", "path")
    if not is_volume and not is_host_path:
        return None
    source = value.split(":")[0] if is_volume else value
    if re.search(_SOCKET, source) is not None:
        return "whoever has the socket of the engine has the host"
    if re.fullmatch(_SYSTEM, source.rstrip("/") or "/") is not None:
        return f"the container has `{source}` of its host"
    return None
