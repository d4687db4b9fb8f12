"""The administrator's policy, read from its file: YAML, every complaint with its place and its line."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from penstock.adapters.docker.policy import Grants, Policy
from penstock.adapters.docker.spec import Profile
from penstock.diagnostic import did_you_mean
from penstock.errors import UserError
from penstock.settings.document import SettingsFile, read_settings_file
from penstock.settings.kinds import Choice, Complaint, Flag, Kind, ListOf, Number, Text
from penstock.settings.kinds import Path as Place
from penstock.size import parse_size

METADATA = ("auto", "always", "never")


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
        complaints.append(Complaint(path, f"{data!r} is no amount of bytes", "write it as 512MB, 2GiB or 4096"))
        return None

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [{"type": "string"}, {"type": "integer", "minimum": 1}]}


@dataclass(frozen=True, slots=True)
class Processors(Kind):
    """A number of processors, with parts: 0.5."""

    def read(self, data: Any, path: Place, complaints: list[Complaint]) -> float | None:
        if isinstance(data, int | float) and not isinstance(data, bool) and 0 < data <= 4096:
            return float(data)
        complaints.append(Complaint(path, f"{data!r} is no number of processors", "write it as 2 or 0.5"))
        return None

    def schema(self) -> dict[str, Any]:
        return {"type": "number", "exclusiveMinimum": 0, "maximum": 4096}


GRANTS: dict[str, tuple[str, Kind]] = {
    "profile": ("profile", Choice(tuple(Profile))),
    "images": ("images", ListOf(Text())),
    "digests": ("digests", Flag()),
    "networks": ("networks", ListOf(Text())),
    "network": ("network", Text()),
    "volumes": ("volumes", ListOf(Text())),
    "devices": ("devices", Flag()),
    "privileged": ("privileged", Flag()),
    "oomKillDisable": ("oom_kill_disable", Flag()),
    "extraHosts": ("extra_hosts", Flag()),
    "capabilities": ("capabilities", ListOf(Text())),
    "users": ("users", ListOf(Text())),
    "engines": ("engines", ListOf(Text())),
    "memory": ("memory", Size()),
    "mostMemory": ("most_memory", Size()),
    "cpus": ("cpus", Processors()),
    "mostCpus": ("most_cpus", Processors()),
    "processes": ("processes", Number(1, 1_000_000)),
}
"""The keys of the file, with the field of `Grants` that each fills."""

_TOP = (*GRANTS, "metadata", "namespaces")


def read_policy(file: Path) -> Policy:
    """Raises UserError: with `file:line:col`, the line and what is wrong with it, all complaints at once."""
    found = read_settings_file(file, str(file))
    complaints: list[Complaint] = []
    if not found.diagnostics:
        policy = _policy(found, str(file), complaints)
        if not complaints:
            return policy
    raise UserError(
        "\n".join([f"the policy of containers cannot be read: {file}", *_told(found, complaints, file)]),
        help="nothing is run by a policy that is not understood; docs/containers.md describes it",
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
            if not isinstance(data, dict):
                complaints.append(Complaint(place, f"`{name}` is a map of what the namespace may"))
                continue
            each[name] = _grants(data, place, complaints, tuple(GRANTS))
    told = METADATA[0]
    if metadata is not None:
        told = Choice(METADATA).read(metadata, ("metadata",), complaints) or told
    return Policy(everywhere, each, told, shown)


def _grants(data: dict[str, Any], place: Place, complaints: list[Complaint], known: tuple[str, ...]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in data.items():
        if key not in GRANTS:
            complaints.append(Complaint((*place, key), f"`{key}` is no key of a policy", did_you_mean(key, known)))
            continue
        name, kind = GRANTS[key]
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
    told += [(found.range_of(each.path, key=False).start, each.message, each.help) for each in complaints]
    shown: list[str] = []
    for place, message, hint in told:
        shown.append(f"{file}:{place.line}:{place.column}: {message}" + (f" ({hint})" if hint else ""))
        if 0 < place.line <= len(lines):
            shown.append(f"    {lines[place.line - 1]}")
    return shown
