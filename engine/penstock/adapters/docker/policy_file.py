"""The administrator's policy, read from its file: YAML, every complaint with its place and its line; and its schema."""

from __future__ import annotations

import json
import os
import re
import stat
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from penstock.adapters.docker.binds import Grant
from penstock.adapters.docker.policy import Grants, Policy
from penstock.adapters.docker.spec import Profile
from penstock.diagnostic import did_you_mean
from penstock.errors import UserError
from penstock.settings.document import SettingsFile, read_settings_file
from penstock.settings.kinds import Choice, Complaint, Flag, Kind, ListOf, Number, Text
from penstock.settings.kinds import Path as Place
from penstock.size import parse_size

METADATA = ("auto", "always", "never")

FILE = "v1/policy.json"
"""Where its schema lies among `penstock_schemas`."""

_NAMESPACE = r"[a-z0-9][a-z0-9._-]*"

_CAPABILITIES = (
    "AUDIT_CONTROL", "AUDIT_READ", "AUDIT_WRITE", "BLOCK_SUSPEND", "BPF", "CHECKPOINT_RESTORE", "CHOWN",
    "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "IPC_LOCK", "IPC_OWNER", "KILL", "LEASE",
    "LINUX_IMMUTABLE", "MAC_ADMIN", "MAC_OVERRIDE", "MKNOD", "NET_ADMIN", "NET_BIND_SERVICE", "NET_BROADCAST",
    "NET_RAW", "PERFMON", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYSLOG", "SYS_ADMIN", "SYS_BOOT", "SYS_CHROOT",
    "SYS_MODULE", "SYS_NICE", "SYS_PACCT", "SYS_PTRACE", "SYS_RAWIO", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG",
    "WAKE_ALARM",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Size(Kind):
    """Bytes: `2GiB`."""

    def read(self, data: Any, path: Place, complaints: list[Complaint]) -> int | None:
        try:
            if isinstance(data, str | int) and not isinstance(data, bool) and parse_size(data) > 0:
                return parse_size(data)
        except ValueError as error:
            complaints.append(Complaint(path, str(error)))
            return None
        complaints.append(Complaint(path, f"`{data}` is no amount of bytes", "write it as 512MB, 2GiB or 4096"))
        return None

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [{"type": "string", "minLength": 1}, {"type": "integer", "minimum": 1}]}


@dataclass(frozen=True, slots=True)
class Processors(Kind):
    """A number of processors, with parts: 0.5."""

    def read(self, data: Any, path: Place, complaints: list[Complaint]) -> float | None:
        if isinstance(data, int | float) and not isinstance(data, bool) and 0 < data <= 4096:
            return float(data)
        complaints.append(Complaint(path, f"`{data}` is no number of processors", "write it as 2 or 0.5"))
        return None

    def schema(self) -> dict[str, Any]:
        return {"type": "number", "exclusiveMinimum": 0, "maximum": 4096}


@dataclass(frozen=True, slots=True)
class Source(Kind):
    """What may be bound: `/srv/rates`, `/srv/rates:ro`, or the name of a volume."""

    def read(self, data: Any, path: Place, complaints: list[Complaint]) -> str | None:
        if isinstance(data, str):
            try:
                source = Grant.read(data).source
            except ValueError as error:
                complaints.append(Complaint(path, str(error)))
                return None
            if source and ":" not in source and not source.startswith((".", "~")):
                return data
        complaints.append(
            Complaint(path, f"`{data}` is nothing that can be bound", "write it as /srv/rates, /srv/rates:ro or a name")
        )
        return None

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1}


GRANTS: dict[str, tuple[str, Kind, str]] = {
    "profile": (
        "profile",
        Choice(tuple(Profile)),
        "`compatible`: the image's user, a root that can be written; `strict`: nobody, a root that cannot, no rights.",
    ),
    "images": ("images", ListOf(Text()), "Patterns of the images that may be run; all of them by default."),
    "registries": ("registries", ListOf(Text()), "The registries that images may come from; all of them by default."),
    "digests": ("digests", Flag(), "Whether images must be named with their digest."),
    "networks": (
        "networks",
        ListOf(Text()),
        "The networks that a task may name; by default all that are not the machine's own. `host` must be named.",
    ),
    "network": ("network", Text(), "The network of a task that names none: bridge."),
    "ports": ("ports", Flag(), "Whether a task may publish ports of the machine."),
    "volumes": (
        "volumes",
        ListOf(Source()),
        "Sources that may be bound; with `:ro` for reading only. None by default.",
    ),
    "devices": ("devices", Flag(), "Whether a task may ask for devices, such as GPUs."),
    "privileged": ("privileged", Flag(), "Whether a task may have all rights on the machine."),
    "oomKillDisable": ("oom_kill_disable", Flag(), "Whether a task may be spared when memory runs out."),
    "extraHosts": ("extra_hosts", Flag(), "Whether a task may give names to addresses; it may by default."),
    "capabilities": ("capabilities", ListOf(Choice(_CAPABILITIES)), "Rights of root that are given beside the usual."),
    "users": (
        "users",
        ListOf(Text()),
        "The users that tasks may run as; the first is the one of a task that names none. By default any.",
    ),
    "memory": ("memory", Size(), "The memory of a task that names none: half of the machine's."),
    "mostMemory": ("most_memory", Size(), "The most memory and swap that a task may have."),
    "cpus": ("cpus", Processors(), "The processors of a task that names none: all."),
    "mostCpus": ("most_cpus", Processors(), "The most processors that a task may have."),
    "processes": ("processes", Number(1, 1_000_000), "The most processes of a task: 512."),
    "openFiles": ("open_files", Number(16, 1_000_000), "The most open files of a process; by default the engine's."),
}
"""The keys of the file, with the field of `Grants` that each fills, and what it says."""

_TOP = (*GRANTS, "metadata", "namespaces")
_METADATA_HELP = "Whether the metadata address of a cloud is closed off; `auto`: where the machine names a cloud."


def read_policy(file: Path) -> Policy:
    """Raises UserError: with `file:line:col`, the line and what is wrong with it, all complaints at once."""
    found = read_settings_file(file, str(file))
    complaints: list[Complaint] = []
    if not found.diagnostics:
        _refuse_open(file)
        policy = _policy(found, str(file), complaints)
        if not complaints:
            return policy
    raise _fault(file, _told(found, complaints, file))


def _fault(file: Path, told: list[str]) -> UserError:
    return UserError(
        "\n".join([f"the policy of containers cannot be read: {file}", *told]),
        help="nothing is run by a policy that is not understood; docs/containers.md describes it",
        code="PEN053",
    )


def _refuse_open(file: Path) -> None:
    """A file that anybody may write says nothing about what an administrator allows."""
    if os.name == "posix" and stat.S_IMODE(file.stat().st_mode) & stat.S_IWOTH:
        raise UserError(
            f"the policy of containers is not used: anybody may write to {file}",
            help=f"chmod o-w {file}",
            code="PEN053",
        )


def refuse_within(file: Path, *places: Path) -> None:
    """Who may merge a flow must not be able to widen what flows may. Raises UserError for a file in one of `places`."""
    real = file.resolve()
    for place in places:
        if real.is_relative_to(place.resolve()):
            raise UserError(
                f"the policy of containers is not used: {file} lies in {place}, where flows are",
                help="keep it where only an administrator writes, such as /etc/penstock/policy.yaml",
                code="PEN053",
            )


def _policy(found: SettingsFile, shown: str, complaints: list[Complaint]) -> Policy:
    top = dict(found.data)
    namespaces, metadata = top.pop("namespaces", None), top.pop("metadata", None)
    everywhere = replace(Grants(), **_grants(top, (), complaints, _TOP))
    each: dict[str, dict[str, Any]] = {}
    if namespaces is not None and not isinstance(namespaces, dict):
        complaints.append(Complaint(("namespaces",), "`namespaces` is a map from namespaces to what they may"))
    elif namespaces:
        for name, data in namespaces.items():
            place = ("namespaces", name)
            if re.fullmatch(_NAMESPACE, name) is None or name.endswith("."):
                hint = "name it without `*`: all below it count"
                complaints.append(Complaint(place, f"`{name}` is no namespace", hint, unknown=True))
            elif not isinstance(data, dict):
                complaints.append(Complaint(place, f"`{name}` is a map of what the namespace may"))
            else:
                each[name] = _grants(data, place, complaints, tuple(GRANTS))
    told = METADATA[0]
    if metadata is not None:
        told = Choice(METADATA).read(metadata, ("metadata",), complaints) or told
    return Policy(everywhere, each, told, shown)


def _grants(data: dict[str, Any], place: Place, complaints: list[Complaint], known: tuple[str, ...]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in data.items():
        if key not in GRANTS:
            complaints.append(
                Complaint((*place, key), f"`{key}` is no key of a policy", did_you_mean(key, known), unknown=True)
            )
            continue
        name, kind, _ = GRANTS[key]
        if value is None:
            continue
        read = kind.read(value, (*place, key), complaints)
        values[name] = Profile(read) if name == "profile" and read is not None else read
    return values


def _told(found: SettingsFile, complaints: list[Complaint], file: Path) -> list[str]:
    """Each with its place and the line it stands in."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    told = [(each.range.start, each.message, each.help) for each in found.diagnostics]
    told += [(found.range_of(each.path, key=each.unknown).start, each.message, each.help) for each in complaints]
    shown: list[str] = []
    for place, message, hint in told:
        shown.append(f"{file}:{place.line}:{place.column}: {message}" + (f" ({hint})" if hint else ""))
        if 0 < place.line <= len(lines):
            shown.append(f"    {lines[place.line - 1]}")
    return shown


# ── its schema ──


def policy_schema() -> dict[str, Any]:
    """JSON schema, draft 2020-12. A key with no value stands for an absent one."""
    grants = {key: _property(kind.schema(), help_) for key, (_, kind, help_) in GRANTS.items()}
    below = {
        "type": "object",
        "propertyNames": {"pattern": f"^{_NAMESPACE}$"},
        "additionalProperties": {"type": "object", "properties": grants, "additionalProperties": False},
    }
    whole = grants | {
        "metadata": _property(Choice(METADATA).schema(), _METADATA_HELP),
        "namespaces": _property(below, "What is allowed in a namespace and all below it, instead of the above."),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"https://penstock.dev/schemas/{FILE}",
        "title": "Policy of containers",
        "description": "What an administrator lets containers do. All of it is optional.",
        "type": ["object", "null"],
        "properties": whole,
        "additionalProperties": False,
    }


def schema_text() -> str:
    """The schema as it is committed."""
    return json.dumps(policy_schema(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def publish(schemas: Path) -> Path:
    """Write the schema below the folder of `penstock_schemas`; the file."""
    path = schemas / FILE
    path.write_text(schema_text(), encoding="utf-8", newline="\n")
    return path


def _property(schema: dict[str, Any], about: str) -> dict[str, Any]:
    return {"description": about, "anyOf": [schema, {"type": "null"}]}
