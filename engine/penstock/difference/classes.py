"""What kind of change a change is, so that a reviewer knows where to look: the mildest reading is never assumed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from penstock.difference.leaf import ABSENT, Path, leaves, plain
from penstock.difference.normal import Kind


class Class(StrEnum):
    """From the one that asks least of a reviewer to the one that asks most."""

    COSMETIC = "cosmetic"
    BEHAVIOUR = "behaviour"
    SCHEDULE = "schedule"
    BREAKING = "interface-breaking"
    SECURITY = "security"


_SHOWN_ONLY = frozenset({"description", "displayName"})
_OF_TIMES = frozenset(
    {
        "type", "cron", "timezone", "withSeconds", "disabled", "conditions", "when", "lateMaximumDelay", "dates",
        "recoverMissedSchedules", "stopAfter", "allowConcurrent", "interval", "backfill", "preconditions", "dependsOn",
    }
)  # fmt: skip
_GUARDED = frozenset(
    {
        "containerImage", "image", "taskRunner", "docker", "runner", "privileged", "volumes", "networkMode", "user",
        "capAdd", "devices", "credentials", "authorization", "auth", "serviceAccount", "insecureTrustAllCertificates",
        "forced", "ssl", "tls",
    }
)  # fmt: skip
"""Properties that decide what a program may do, what it is, or whom it is trusted by."""
_SECRET = re.compile(r"\bsecret\(\s*(?:\w+\s*=\s*)?['\"]([^'\"]+)['\"]")


def classes_of(kind: Kind, path: Path, old: Any, new: Any) -> frozenset[Class]:
    """Of a value that differs. Whether inputs and outputs break anybody is known elsewhere (see `interface`)."""
    found: set[Class] = set()
    steps = [step for step in path if isinstance(step, str)]
    if secrets_in(new) - secrets_in(old) or _GUARDED & {*steps, *_names(old), *_names(new)}:
        found.add(Class.SECURITY)
    if _opens_plain_http(old, new):
        found.add(Class.SECURITY)
    if kind is Kind.TRIGGER and steps and steps[0] in _OF_TIMES:
        found.add(Class.SCHEDULE)
    elif kind is Kind.FLOW and steps and steps[0] == "disabled":
        found |= {Class.SCHEDULE, Class.BEHAVIOUR}
    elif (steps and steps[0] in _SHOWN_ONLY) or _is_white_space(old, new):
        found.add(Class.COSMETIC)
    else:
        found.add(Class.BEHAVIOUR)
    return frozenset(found)


def of_part(kind: Kind, body: Any) -> frozenset[Class]:
    """Of a part that has come or gone, whatever it holds."""
    found = {Class.SCHEDULE if kind is Kind.TRIGGER else Class.BEHAVIOUR}
    if secrets_in(body) or _GUARDED & set(_names(body)):
        found.add(Class.SECURITY)
    return frozenset(found)


def in_order(found: Iterable[Class]) -> tuple[Class, ...]:
    """The gravest first; what is merely cosmetic is not told beside others."""
    known = set(found)
    if len(known) > 1:
        known.discard(Class.COSMETIC)
    return tuple(one for one in reversed(Class) if one in known)


def secrets_in(value: Any) -> frozenset[str]:
    """The names of the secrets that expressions within a value ask for."""
    if value is ABSENT:
        return frozenset()
    texts = [leaf for _, leaf in leaves(plain(value)) if isinstance(leaf, str)]
    return frozenset(name for text in texts for name in _SECRET.findall(text))


def _names(value: Any) -> Iterable[str]:
    if value is not ABSENT:
        for path, _ in leaves(value):
            yield from (step for step in path if isinstance(step, str))


def _opens_plain_http(old: Any, new: Any) -> bool:
    return isinstance(new, str) and "http://" in new and not (isinstance(old, str) and "http://" in old)


def _is_white_space(old: Any, new: Any) -> bool:
    """Only blanks at the ends of lines, or empty lines at the end, differ."""
    if not isinstance(old, str) or not isinstance(new, str):
        return False
    return [line.rstrip() for line in old.rstrip().splitlines()] == [
        line.rstrip() for line in new.rstrip().splitlines()
    ] and old.strip() != ""
