"""What the answer to a posted result means: taken, later, refused."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum

from penstock.agent.sinks.pace import LONGEST_ASKED
from penstock.execution.event import Instant

CONFLICT = 409
_NOT_NOW = frozenset({408, 425, 429})
_OVERLOADED = frozenset({429, 503})
_NOT_HERE = frozenset({401, 403, 404, 405, 407, 410, 421})


class Answer(StrEnum):
    TAKEN = "taken"  # acknowledged, now or by an earlier try under the same key
    LATER = "later"  # the receiver is in trouble: soon again
    OVERLOADED = "overloaded"  # it asks for a rest
    ELSEWHERE = "elsewhere"  # the address or the credentials are wrong, so for all results
    REFUSED = "refused"  # this result is not wanted as it is


def answer_of(status: int) -> Answer:
    if 200 <= status < 300 or status == CONFLICT:
        return Answer.TAKEN
    if status in _OVERLOADED:
        return Answer.OVERLOADED
    if status in _NOT_NOW or status >= 500 or status < 200:
        return Answer.LATER
    if status in _NOT_HERE or 300 <= status < 400:
        return Answer.ELSEWHERE
    return Answer.REFUSED


def retry_after(headers: Mapping[str, tuple[str, ...]], now: Instant) -> timedelta | None:
    """The rest that the receiver asks for, by `Retry-After` in seconds or as a date; at most an hour. None when it
    asks for none, or cannot be understood."""
    told = headers.get("retry-after", ("",))[0].strip()
    if told.isascii() and told.isdigit():
        return min(timedelta(seconds=int(told[:9])), LONGEST_ASKED)
    try:
        date = parsedate_to_datetime(told)
    except (ValueError, TypeError, OverflowError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return min(max(date - now, timedelta(0)), LONGEST_ASKED)
