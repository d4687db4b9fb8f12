"""Images of containers: whether their name says what will run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from penstock.diagnostic import Severity
from penstock.flow.survey import Path, Site, Survey
from penstock.validation.advice.scalars import vocabulary

_PROCESS = "io.kestra.plugin.core.runner.Process"
_IN = ("taskRunner", "docker")


def images_are_pinned(survey: Survey) -> None:
    """PEN602: an image is named with a version or a digest. The default images of types are left to us."""
    if "image" not in survey.once(vocabulary).folded:
        return
    told = set[tuple[int, int]]()
    for site in survey.tasks:
        for path, image in _images(site):
            why = unpinned(image)
            if why is None or survey.is_faulty(path):
                continue
            place = survey.document.find(path)
            if place is None or (place[0], place[1]) in told:
                continue  # a default that several tasks share is told of once
            told.add((place[0], place[1]))
            survey.report("PEN602", f"`{image.strip()}` {why}", path, severity=Severity.WARNING)


def unpinned(image: str) -> str | None:
    """Why the name of an image does not say which one it is; None where it does, or where an expression decides."""
    name = image.strip()
    if not name or "{{" in name or "{%" in name or "@sha256:" in name:
        return None
    _, colon, tag = name.rpartition("/")[2].partition(":")
    if not colon:
        return "names no version: whatever is `latest` will run"
    return "is another image whenever somebody publishes one" if tag == "latest" else None


def _images(site: Site) -> Iterator[tuple[Path, str]]:
    runner = site.raw.get("taskRunner")
    is_process = isinstance(runner, dict) and runner.get("type") == _PROCESS
    places: list[tuple[Path, Any]] = [((*site.path, "containerImage"), site.raw.get("containerImage"))]
    for name in _IN:
        options = site.raw.get(name)
        if isinstance(options, dict) and "image" in options:
            places.append(((*site.path, name, "image"), options["image"]))
    for path, image in places:
        if isinstance(image, str) and not is_process:
            yield path, image
