"""What `penstock explain CODE` and the pages of docs/rules say of every code."""

from __future__ import annotations

from penstock.validation.guide import (
    between,
    expressions,
    portability,
    reading,
    security,
    settings,
    structure,
    style,
    triggers,
)
from penstock.validation.guide.entry import Guide

GUIDES: dict[str, Guide] = {
    guide.code: guide
    for room in (reading, structure, settings, expressions, triggers, between, security, portability, style)
    for guide in room.GUIDES
}
