"""What this machine says of itself: variables that flows may see, and its time zone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """`envs`: variables that begin with ENV_ (Kestra since 0.23) or KESTRA_ (before), lower case, without prefix."""
    found: dict[str, str] = {}
    for prefix in ("KESTRA_", "ENV_"):
        found |= {
            name.removeprefix(prefix).lower(): value for name, value in environ.items() if name.startswith(prefix)
        }
    return found


def local_zone(environ: Mapping[str, str]) -> str:
    """The name of the zone of this machine: of schedules that name none (P4)."""
    named = environ.get("TZ", "").lstrip(":")
    if named and not named.startswith("/"):
        return named
    link = Path("/etc/localtime")
    parts = link.resolve().parts if link.exists() else ()
    if "zoneinfo" in parts:
        return "/".join(parts[parts.index("zoneinfo") + 1 :])
    return "UTC"
