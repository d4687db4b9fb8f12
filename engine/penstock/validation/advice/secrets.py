"""Secrets in clear: by the name they stand under, by their form, and in the text of scripts and addresses.

No message holds any of a secret. The range of a finding covers the secret and nothing else: whoever shows the line
hides those characters (`penstock.validation.veil`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Any

from penstock.diagnostic import Position, Range, Severity
from penstock.flow.survey import Path, Survey
from penstock.validation.advice.scalars import Scalar, scalars, vocabulary
from penstock.validation.secret_shapes import (
    after_scheme,
    is_placeholder,
    is_prose,
    is_secret_name,
    is_weak_name,
    looks_random,
)
from penstock.validation.secret_texts import has_hint, may_hold_token, secrets_in

_WEBHOOK = "io.kestra.plugin.core.trigger.Webhook"
_SEALED = "a SECRET input"


def no_secrets_in_clear(survey: Survey) -> None:
    """PEN601: a secret is kept apart from the flow, which everybody may read who may read the repository."""
    words = survey.once(vocabulary)
    names = has_hint(words.folded)
    if not names and not may_hold_token(words.text):
        return
    starts: list[Position] = []
    covered = 0
    for start, end, sentence in sorted(secrets_in(survey.document.text), key=lambda one: (one[0], -one[1])):
        if start >= covered:
            covered = end
            where = survey.document.span(start, end)
            starts.append(where.start)
            _report(survey, sentence, where)
    for where, sentence in _under_names(survey) if names else ():
        following = bisect_left(starts, where.start)
        if following == len(starts) or starts[following] >= where.end:
            _report(survey, sentence, where)


def _report(survey: Survey, sentence: str, where: Range) -> None:
    survey.report("PEN601", sentence, (), where=where, severity=Severity.WARNING)


def _under_names(survey: Survey) -> Iterator[tuple[Range, str]]:
    """Values whose key, or whose name beside them, says that they are secrets."""
    webhooks = {site.path for site in survey.triggers if site.type == _WEBHOOK}
    for scalar in survey.once(scalars):
        value, name = scalar.value, _name_of(survey, scalar)
        if name is None or value is None or isinstance(value, bool):
            continue
        if scalar.path[-1] == "key" and scalar.path[:-1] in webhooks:
            if isinstance(value, str) and not is_placeholder(value):
                yield _range(survey, scalar, 0), "the key is all that guards this webhook, and stands here in clear"
            continue
        if not isinstance(value, str):
            if is_secret_name(name) and name.lower().endswith(("password", "passwd", "pwd")):
                yield survey.document.value_range(scalar.place), f"`{name}` holds a secret in clear"
            continue
        offset = after_scheme(value)
        bare = value[offset:].strip()
        if is_placeholder(bare) or is_prose(bare):
            continue
        if name == _SEALED:
            yield _range(survey, scalar, 0), "the default of a SECRET input stands here in clear"
            continue
        if is_secret_name(name) or (is_weak_name(name) and looks_random(bare, least=20, bits=3.5)):
            yield _range(survey, scalar, offset), f"`{name}` holds a secret in clear"


def _name_of(survey: Survey, scalar: Scalar) -> str | None:
    """What a value goes by: its key; beside a `value` or `defaults` the name of the header, variable or input."""
    key = scalar.key
    if key not in ("value", "defaults", "default") or scalar.path[-1] != key:
        return key
    around = _at(survey.flow, scalar.path[:-1])
    if not isinstance(around, dict):
        return key
    if key != "value" and around.get("type") == "SECRET":
        return _SEALED
    named = next((around[one] for one in ("key", "name", "id") if isinstance(around.get(one), str)), key)
    return named if isinstance(named, str) else key


def _at(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value


def _range(survey: Survey, scalar: Scalar, offset: int) -> Range:
    """The value without its quotes, and without what stands before `offset`."""
    value = scalar.value
    lead = offset + len(value[offset:]) - len(value[offset:].lstrip())
    width = len(value[offset:].strip())
    return survey.document.within(scalar.place, value, lead, width)
