"""The names of images: in full, as engines understand them, and the patterns by which an administrator allows some."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable

HUB = "docker.io"
_HUBS = frozenset({HUB, "index.docker.io", "registry-1.docker.io"})
_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
_ID = re.compile(r"(?:sha256:)?[0-9a-f]{1,64}")


def in_full(image: str) -> str:
    """`ubuntu` as `docker.io/library/ubuntu:latest`. A pattern that begins with `*` is for any registry, and stays."""
    if image.startswith("*"):
        return image
    name, at, digest = image.partition("@")
    first, slash, rest = name.partition("/")
    # Newer engines take a first part with a capital for a machine's name as well: no path has one.
    if slash and ("." in first or ":" in first or first == "localhost" or first != first.lower()):
        registry, path = (HUB if first in _HUBS else first), rest
    else:
        registry, path = HUB, name
    if registry == HUB and "/" not in path:
        path = f"library/{path}"
    last = path.rpartition("/")[2]
    if at:
        return f"{registry}/{path}@{digest}"
    return f"{registry}/{path}" if ":" in last or last.endswith("*") else f"{registry}/{path}:latest"


def registry_of(image: str) -> str:
    """The registry that an image comes from."""
    return in_full(image).partition("/")[0]


def is_among(image: str, patterns: Iterable[str]) -> bool:
    """Whether a pattern names the image. `*` stands for anything, slashes too; without a tag `latest` is meant."""
    name = in_full(image)
    return any(fnmatch.fnmatchcase(name, in_full(pattern)) for pattern in patterns)


def is_pinned(image: str) -> bool:
    """Whether the name says which content it is."""
    return _DIGEST.search(image) is not None


def may_be_an_id(image: str) -> bool:
    """Whether an engine may take it for the id of an image that it has, wherever that came from."""
    return _ID.fullmatch(image) is not None
