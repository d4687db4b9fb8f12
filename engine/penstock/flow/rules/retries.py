"""Retries and other lengths of time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from penstock.diagnostic import did_you_mean
from penstock.duration import format_duration, parse_duration
from penstock.flow.mends import iso_length, replacing
from penstock.flow.survey import Path, Survey

_FLOW = "io.kestra.plugin.core.flow."
_DURATIONS: dict[str, tuple[str, ...]] = {
    _FLOW + "Pause": ("pauseDuration", "delay"),
    _FLOW + "Sleep": ("duration",),
}
_NEEDS = {
    "constant": ("interval",),
    "exponential": ("interval", "maxInterval"),
    "random": ("minInterval", "maxInterval"),
}
_HAS = {
    "constant": ("interval",),
    "exponential": ("interval", "maxInterval", "delayFactor"),
    "random": ("minInterval", "maxInterval"),
}
"""The properties that not every type of retry has (kestra core/src/.../tasks/retrys, as of 0.21)."""
_RETRY_DURATIONS = ("interval", "minInterval", "maxInterval", "maxDuration")


def holders(survey: Survey) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every `retry` that is a mapping: the flow's and each task's."""
    if isinstance(survey.flow.get("retry"), dict):
        yield ("retry",), survey.flow["retry"]
    for site in survey.tasks:
        if isinstance(site.raw.get("retry"), dict):
            yield (*site.path, "retry"), site.raw["retry"]


def retries_are_consistent(survey: Survey) -> None:
    """PEN220: a retry has what its type needs, and its intervals fit into one another."""
    for path, retry in holders(survey):
        if not survey.is_faulty(path):
            _judge(survey, path, retry)


def _judge(survey: Survey, path: Path, retry: dict[str, Any]) -> None:
    kind = retry.get("type")
    if not isinstance(kind, str) or kind not in _NEEDS:
        near = did_you_mean(str(kind), _NEEDS) or "one of constant, exponential, random"
        where = (*path, "type") if "type" in retry else path
        survey.report("PEN220", f"`{kind}` is no type of retry", where, at_key="type" not in retry, hint=near)
        return
    _judge_own(survey, path, retry, kind)
    lengths: dict[str, timedelta] = {}
    for name in _RETRY_DURATIONS:
        if retry.get(name) is None:
            if name in _NEEDS[kind]:
                survey.report(
                    "PEN220", f"{_a(kind)} retry needs `{name}`", path, at_key=True, hint=f"add `{name}: PT30S`"
                )
            continue
        length = _length(survey, (*path, name), retry[name])
        if length is not None:
            lengths[name] = length
    attempts = retry.get("maxAttempts", retry.get("maxAttempt"))
    if isinstance(attempts, int) and not isinstance(attempts, bool) and attempts < 1:
        name = "maxAttempts" if "maxAttempts" in retry else "maxAttempt"
        survey.report("PEN220", "must be greater than or equal to 1", (*path, name))
    order = (("interval", "maxDuration"), ("interval", "maxInterval"), ("minInterval", "maxDuration"),
             ("maxInterval", "maxDuration"), ("minInterval", "maxInterval"))  # fmt: skip
    for low, high in order:
        if (low, high) == ("maxInterval", "maxDuration") and kind != "random":
            continue
        if low in lengths and high in lengths and lengths[low] >= lengths[high]:
            shown = format_duration(lengths[low])
            survey.report("PEN220", f"'{low}' must be less than '{high}' but is {shown}", (*path, low))
            return


def _judge_own(survey: Survey, path: Path, retry: dict[str, Any], kind: str) -> None:
    """A property of another type of retry is unknown to this one."""
    for name in ("interval", "minInterval", "maxInterval", "delayFactor"):
        if retry.get(name) is not None and name not in _HAS[kind]:
            fitting = ", ".join(f"`{one}`" for one in _HAS[kind])
            survey.report(
                "PEN220", f"{_a(kind)} retry has no `{name}`", (*path, name), at_key=True,
                hint=f"leave it out: it has {fitting}",
            )  # fmt: skip
    factor = retry.get("delayFactor")
    if isinstance(factor, int | float) and factor < 0:
        survey.report(
            "PEN220", f"'delayFactor' must not be less than 0 but is {factor}", (*path, "delayFactor"),
            hint="leave it out for 2",
        )  # fmt: skip


def _a(kind: str) -> str:
    return f"an {kind}" if kind.startswith("e") else f"a {kind}"


def durations_can_be_read(survey: Survey) -> None:
    """PEN208: timeouts, pauses and intervals are ISO-8601 durations, where they are no expressions."""
    for site in survey.tasks:
        for name in ("timeout", *_DURATIONS.get(site.type, ())):
            _length(survey, (*site.path, name), site.raw.get(name))
    for site in survey.triggers:
        for name in ("interval", "lateMaximumDelay"):
            _length(survey, (*site.path, name), site.raw.get(name))


def _length(survey: Survey, path: Path, value: Any) -> timedelta | None:
    """The length that a property says; None when it is absent, an expression, or refused and reported."""
    if value is None or (isinstance(value, str) and "{{" in value) or survey.is_faulty(path):
        return None
    try:
        return parse_duration(str(value))
    except ValueError as error:
        text = str(value)
        length = iso_length(text)
        fix = replacing(survey.document, survey.where(path), text, length) if length else None
        survey.report("PEN208", str(error), path, hint=f"write {length or 'PT30S, PT5M, PT1H or P1D'}", fix=fix)
        return None
