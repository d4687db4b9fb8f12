"""What the product says, step by step."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

from penstock.triggers.cron import Cron, next_after


def all_between(cron: Cron, zone: tzinfo, start: datetime, end: datetime) -> list[datetime]:
    """Every instant after `start` and until `end`, step by step."""
    found, moment = [], next_after(cron, zone, start)
    while moment is not None and moment <= end:
        found.append(moment)
        moment = next_after(cron, zone, moment)
    return found


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
