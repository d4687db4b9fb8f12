"""The rules that an input may carry beside its type: pattern, bounds, choices; with Kestra's messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, time
from functools import lru_cache
from typing import Any

from penstock.duration import parse_duration
from penstock.flow.convert import instant
from penstock.flow.words import InputType


def broken_rule(kind: InputType, value: Any, rules: Mapping[str, Any], required: bool) -> str | None:
    """Kestra's sentence for the first rule that `value` breaks, or None. Bounds are inclusive.

    A bound that is itself no value of the type binds nothing here: validation of the flow reports it.
    """
    if not rules:
        return None
    match kind:
        case InputType.STRING | InputType.SECRET:
            pattern = rules.get("validator")
            if isinstance(pattern, str):
                return _matches(pattern, value)
        case InputType.SELECT | InputType.ENUM | InputType.MULTISELECT:
            return _chosen(kind, value, rules, required)
        case InputType.FILE:
            return _ends_as(str(value), rules)
    bounds = BOUNDS.get(kind)
    return _between(bounds, value, rules) if bounds is not None else None


def _ends_as(name: str, rules: Mapping[str, Any]) -> str | None:
    allowed = rules.get("allowedFileExtensions")
    endings = tuple(str(each) for each in allowed) if isinstance(allowed, list) else ()
    if not endings or name.lower().endswith(tuple(ending.lower() for ending in endings)):
        return None
    return f"File type not allowed. Accepted extensions: {', '.join(endings)}"


def _matches(pattern: str, value: str) -> str | None:
    try:
        return None if full_match(pattern, value) else f"it must match the pattern `{pattern}`"
    except ValueError as error:
        return f"invalid pattern [{pattern}]: {error}"


def _clock(value: Any) -> time:
    moment = time.fromisoformat(value)
    if moment.tzinfo is not None:
        raise ValueError(f"Text '{value}' has a time zone")
    return moment


@dataclass(frozen=True, slots=True)
class Bounds:
    """Between what the values of a type may lie: the properties that say it, how they are read, and the sentences."""

    low: str
    high: str
    read: Callable[[Any], Any]
    more: str
    less: str
    example: str

    def bound(self, rules: Mapping[str, Any], name: str) -> Any:
        """A bound as a value; None where there is none. Raises ValueError for what is no value of the type."""
        raw = rules.get(name)
        if raw is None or isinstance(raw, bool):
            return None
        return self.read(raw if isinstance(raw, int | float) and self.read is float else str(raw))


_NUMBERS = Bounds("min", "max", float, "it must be more than", "it must be less than", "10")
_AFTER, _BEFORE = "it must be after", "it must be before"

BOUNDS: dict[InputType, Bounds] = {
    InputType.INT: _NUMBERS,
    InputType.FLOAT: _NUMBERS,
    InputType.DURATION: Bounds("min", "max", parse_duration, "It must be more than", "It must be less than", "PT5M"),
    InputType.DATETIME: Bounds("after", "before", instant, _AFTER, _BEFORE, "2026-01-31T08:00:00Z"),
    InputType.DATE: Bounds("after", "before", date.fromisoformat, _AFTER, _BEFORE, "2026-01-31"),
    InputType.TIME: Bounds("after", "before", _clock, _AFTER, _BEFORE, "08:00:00"),
}


def _between(bounds: Bounds, value: Any, rules: Mapping[str, Any]) -> str | None:
    low, high = _readable(bounds, rules, bounds.low), _readable(bounds, rules, bounds.high)
    given = value if bounds.read is float else bounds.read(value)
    if low is not None and given < low:
        return f"{bounds.more} `{rules[bounds.low]}`"
    if high is not None and given > high:
        return f"{bounds.less} `{rules[bounds.high]}`"
    return None


def _readable(bounds: Bounds, rules: Mapping[str, Any], name: str) -> Any:
    try:
        return bounds.bound(rules, name)
    except ValueError:
        return None


def _chosen(kind: InputType, value: Any, rules: Mapping[str, Any], required: bool) -> str | None:
    """An optional SELECT or ENUM takes anything (SelectInput.validate); a MULTISELECT does not."""
    values = rules.get("values") or rules.get("options")
    if not isinstance(values, list) or rules.get("allowCustomValue") is True:
        return None
    if not required and kind is not InputType.MULTISELECT:
        return None
    known = ["true" if one is True else "false" if one is False else str(one) for one in values]
    given = value if isinstance(value, list) else [value]
    if all(str(one) in known for one in given):
        return None
    return f"it must match the values `[{', '.join(known)}]`"


def full_match(pattern: str, text: str) -> bool:
    """Whether the whole text matches, as java.util.regex's `matches`. Raises ValueError for a pattern that cannot be
    read."""
    from penstock.expression.regex.patterns import matches_whole

    fault = pattern_fault(pattern)
    if fault is not None:
        raise ValueError(fault)
    return matches_whole(text, pattern)


def pattern_fault(pattern: str) -> str | None:
    """Why a pattern of Java cannot be read; None when it can."""
    from penstock.expression import ExpressionError
    from penstock.expression.regex.patterns import compiled as java_pattern

    try:
        java_pattern(pattern)
    except ExpressionError as error:
        return error.message.removeprefix(f"the regular expression `{pattern}` ")
    return None


MAX_PATTERN = 10_000


@lru_cache(maxsize=256)
def compiled(pattern: str) -> Any:
    """A pattern for RE2, whose time is linear in the text. Raises ValueError with its reason."""
    if len(pattern) > MAX_PATTERN:
        raise ValueError(f"it has more than {MAX_PATTERN:,} characters")
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else error
        raise ValueError(reason.decode() if isinstance(reason, bytes) else str(reason)) from error
