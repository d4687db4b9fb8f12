"""One converter for each type of input: any given value to the value that expressions see, or ValueError."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timezone
from typing import Any

from penstock.duration import format_duration, parse_duration
from penstock.flow.words import InputType

_EMAIL = re.compile(r"[a-zA-Z0-9_!#$%&\u2019*+/=?`{|}~^.-]+@[a-zA-Z0-9.-]+")
_URI = re.compile(r"[a-z]+://(?:www\.)?[-a-zA-Z0-9@:%._+~#=]{1,256}\.[a-zA-Z0-9()]{1,6}\b[-a-zA-Z0-9()@:%_+.~#?&/=]*")
"""A host with a dot in it: FlowInputOutput.URI_PATTERN."""
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_INTEGER = re.compile(r"[-+]?[0-9]{1,19}")
_INT = range(-(2**31), 2**31)
"""A java.lang.Integer."""


class NotOfType(ValueError):
    """The value is refused; the message is what stands between Kestra's `Invalid input for …` and `but received`."""


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file on the machine of whoever gives it, by its path: what an input of type FILE is before it is kept."""

    path: str

    def __str__(self) -> str:
        return self.path


def _string(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise NotOfType("Expected `STRING` but received a list or a mapping")


def _int(value: Any) -> int:
    whole = _whole(value)
    if whole is None or whole not in _INT:
        raise ValueError(f'For input string: "{value}"')
    return whole


def _whole(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return int(value) if isinstance(value, str) and _INTEGER.fullmatch(value.strip()) else None


def _float(value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return float(value)
    raise ValueError(f'For input string: "{value}"')


def _boolean(value: Any) -> bool:
    """Only `true`, in any case, is true (java.lang.Boolean.valueOf)."""
    return value if isinstance(value, bool) else str(value).casefold() == "true"


def instant(value: Any) -> datetime:
    """A moment with its offset. Raises ValueError."""
    text = str(value).strip()
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"Text '{text}' has no time zone: write it as in 2026-01-31T08:00:00Z")
    return moment.astimezone(timezone.utc)  # noqa: UP017


def _datetime(value: Any) -> str:
    """As java.time.Instant prints it: UTC, `Z`, a fraction of 3 or 6 digits where there is one."""
    moment = instant(value)
    text = moment.strftime("%Y-%m-%dT%H:%M:%S") if moment.year >= 1000 else moment.isoformat()[:19]
    return f"{text}{_fraction(moment.microsecond)}Z"


def _fraction(micros: int) -> str:
    if not micros:
        return ""
    return f".{micros // 1000:03d}" if micros % 1000 == 0 else f".{micros:06d}"


def _date(value: Any) -> str:
    return date.fromisoformat(str(value).strip()).isoformat()


def _time(value: Any) -> str:
    """As java.time.LocalTime prints it: without seconds when they are zero."""
    moment = time.fromisoformat(str(value).strip())
    if moment.tzinfo is not None:
        raise ValueError(f"Text '{value}' has a time zone, and a TIME has none")
    if moment.second == 0 and moment.microsecond == 0:
        return moment.strftime("%H:%M")
    return moment.strftime("%H:%M:%S") + _fraction(moment.microsecond)


def _duration(value: Any) -> str:
    return format_duration(parse_duration(str(value)))


def _json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _yaml(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    from penstock.flow.reading.document import read_document

    document = read_document(value, "input")
    for found in document.diagnostics:
        if found.is_error:
            raise ValueError(f"line {found.range.start.line}: {found.message}")
    return document.value


def _uri(value: Any) -> str:
    text = str(value)
    if _URI.fullmatch(text) is None:
        raise NotOfType(f"Expected `URI` but received `{text}`")
    return text


def _email(value: Any) -> str:
    text = str(value)
    if text and _EMAIL.fullmatch(text) is None:
        raise NotOfType("The input must be a valid email")
    return text


def _file(value: Any) -> LocalFile | str:
    """A file that is to be kept, or the URI of one that is."""
    if isinstance(value, LocalFile):
        return value
    if isinstance(value, str) and value.startswith(("kestra:///", "nsfile://")):
        return value
    raise NotOfType(f"Expected `FILE` but received `{value}`")


CONVERTERS: dict[InputType, Callable[[Any], Any]] = {
    InputType.STRING: _string,
    InputType.SECRET: _string,
    InputType.EMAIL: _email,
    InputType.INT: _int,
    InputType.FLOAT: _float,
    InputType.BOOLEAN: _boolean,
    InputType.BOOL: _boolean,
    InputType.DATETIME: _datetime,
    InputType.DATE: _date,
    InputType.TIME: _time,
    InputType.DURATION: _duration,
    InputType.JSON: _json,
    InputType.YAML: _yaml,
    InputType.URI: _uri,
    InputType.FILE: _file,
}
