"""ISO-8601 durations (`PT10S`, `P1DT2H`), as Kestra writes every interval, delay and timeout."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import lru_cache

_NUMBER = r"[-+]?\d+(?:[.,]\d+)?"
_ISO = re.compile(
    rf"(?P<sign>[-+])?P(?:(?P<weeks>{_NUMBER})W)?(?:(?P<days>{_NUMBER})D)?"
    rf"(?P<time>T(?:(?P<hours>{_NUMBER})H)?(?:(?P<minutes>{_NUMBER})M)?(?:(?P<seconds>{_NUMBER})S)?)?",
    re.IGNORECASE,
)
_UNITS = ("weeks", "days", "hours", "minutes", "seconds")


@lru_cache(maxsize=1024)  # the same few lengths stand in every flow
def parse_duration(text: str) -> timedelta:
    """The length that `text` says. Raises ValueError with a sentence when it is not an ISO-8601 duration.

    Years and months are refused, as java.time.Duration refuses them: they have no fixed length.
    """
    match = _ISO.fullmatch(text.strip())
    if match is None or not any(match[unit] for unit in _UNITS) or (match["time"] or "").upper() == "T":
        raise ValueError(f"`{text}` is not an ISO-8601 duration such as PT30S, PT5M or P1D")
    parts = {unit: float(match[unit].replace(",", ".")) for unit in _UNITS if match[unit]}
    try:
        length = timedelta(**parts)
        return -length if match["sign"] == "-" else length
    except OverflowError as error:
        raise ValueError(f"`{text}` is longer than can be counted") from error


def format_duration(length: timedelta) -> str:
    """The shortest ISO-8601 text in hours, minutes and seconds, as Java prints it: `PT1H30M`, `PT0.25S`, `PT0S`."""
    micros = length // timedelta(microseconds=1)
    if micros == 0:
        return "PT0S"
    sign, micros = ("-", -micros) if micros < 0 else ("", micros)
    seconds, fraction = divmod(micros, 1_000_000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    text = "PT"
    if hours:
        text += f"{sign}{hours}H"
    if minutes:
        text += f"{sign}{minutes}M"
    if seconds or fraction:
        decimals = f".{fraction:06d}".rstrip("0") if fraction else ""
        text += f"{sign}{seconds}{decimals}S"
    return text


def humane(length: timedelta) -> str:
    """For a person at a glance: `0.4 s`, `12 s`, `3 min 05 s`, `2 h 10 min`."""
    seconds = length.total_seconds()
    if seconds < 0:
        return "-" + humane(-length)
    if seconds < 10:
        return f"{seconds:.1f} s" if seconds >= 0.1 else f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02d} min"
    return f"{hours // 24} d {hours % 24} h"
