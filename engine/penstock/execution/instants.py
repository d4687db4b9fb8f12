"""An instant as text."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache


@lru_cache(maxsize=1024)
def iso(moment: datetime) -> str:
    """As Java prints an Instant: UTC, a fraction of three or six digits only where there is one."""
    text = moment.isoformat()[: 26 if moment.microsecond else 19]
    return (text[:23] if text.endswith("000") and len(text) > 19 else text) + "Z"
