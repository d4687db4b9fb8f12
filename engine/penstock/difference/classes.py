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
        "taskRunner", "docker", "runner", "privileged", "volumes", "networkMode", "user",
        "capAdd", "devices", "credentials", "authorization", "auth", "serviceAccount", "insecureTrustAllCertificates",
        "forced", "ssl", "tls",
    }
)  # fmt: skip
"""Properties that decide what a program may do, or whom it is trusted by."""
_IMAGES = frozenset({"containerImage", "image"})
_SHELLS = frozenset({"commands", "beforeCommands", "script"})
_STRANGERS = re.compile(r"\{\{[^{}]*?\b((?:inputs|trigger|outputs)\b[\w.\[\]'\"-]*)")
"""What an expression takes from whoever starts an execution, or from what a task has read."""
_SECRET = re.compile(r"\bsecret\(\s*(?:\w+\s*=\s*)?['\"]([^'\"]+)['\"]")


def classes_of(kind: Kind, path: Path, old: Any, new: Any) -> frozenset[Class]:
    """Of a value that differs. Whether inputs and outputs break anybody is known elsewhere (see `interface`)."""
    found: set[Class] = set()
    steps = [step for step in path if isinstance(step, str)]
    if secrets_in(new) - secrets_in(old) or _GUARDED & {*steps, *_names(old), *_names(new)}:
        found.add(Class.SECURITY)
    if _opens_plain_http(old, new) or (_IMAGES & set(steps) and _is_another_program(old, new)):
        found.add(Class.SECURITY)
    if _SHELLS & set(steps) and _taken_by(new) - _taken_by(old):
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
    if secrets_in(body) or _GUARDED & set(_names(body)) or any(map(_is_loose, _images(body))):
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


def _is_another_program(old: Any, new: Any) -> bool:
    """Whether more than the version of an image has changed: a bump from one tag to another is what it says."""
    before, after = plain(old), plain(new)
    if not isinstance(before, str) or not isinstance(after, str):
        return True
    return _repository(before) != _repository(after) or (_is_loose(after) and not _is_loose(before))


def _repository(image: str) -> str:
    """The image without its tag and digest; a colon before the last slash is that of a port."""
    lead, slash, name = image.partition("@")[0].rpartition("/")
    return f"{lead}{slash}{name.partition(':')[0]}"


def _is_loose(image: str) -> bool:
    """Whether what it names may be another image tomorrow: no tag, or `latest`, and no digest."""
    tag = image.rpartition("/")[2].partition(":")[2]
    return "@" not in image and tag in ("", "latest")


def _images(body: Any) -> Iterable[str]:
    return (leaf for path, leaf in leaves(plain(body)) if _IMAGES & set(path) and isinstance(leaf, str))


def _taken_by(value: Any) -> frozenset[str]:
    """What a shell is handed as a part of its own text."""
    if value is ABSENT:
        return frozenset()
    texts = [leaf for _, leaf in leaves(plain(value)) if isinstance(leaf, str)]
    return frozenset(name for text in texts for name in _STRANGERS.findall(text))


def _opens_plain_http(old: Any, new: Any) -> bool:
    return isinstance(new, str) and "http://" in new and not (isinstance(old, str) and "http://" in old)


def _is_white_space(old: Any, new: Any) -> bool:
    """Only blanks at the ends of lines, or empty lines at the end, differ."""
    if not isinstance(old, str) or not isinstance(new, str):
        return False
    return [line.rstrip() for line in old.rstrip().splitlines()] == [
        line.rstrip() for line in new.rstrip().splitlines()
    ] and old.strip() != ""
