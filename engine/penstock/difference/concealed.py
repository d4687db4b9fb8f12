"""Secrets out of what is shown: a value that goes by the name of a secret, and what looks like one within a text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.difference.leaf import ABSENT, Absent, Path, plain
from penstock.difference.normal import Kind
from penstock.difference.tree import Part
from penstock.validation.secret_shapes import after_scheme, is_placeholder, is_prose, is_secret_name
from penstock.validation.secret_texts import secrets_in

HIDDEN = "(hidden)"
HIDDEN_ANEW = "(hidden, another value)"
_VALUES = ("value", "defaults", "default", "prefill")
_WEBHOOK = "io.kestra.plugin.core.trigger.Webhook"


def shown(part: Part, path: Path, value: Any | Absent) -> Any | Absent:
    """A value of a part as it may be shown, in JSON's kinds."""
    if value is ABSENT:
        return ABSENT
    return _concealed(plain(value), _name_of(part, path))


def shown_pair(before: Part, after: Part, path: Path, old: Any, new: Any) -> tuple[Any, Any]:
    """An old and a new value that differ, and still can be told apart when both are hidden."""
    was, is_ = shown(before, path, old), shown(after, path, new)
    if was is not ABSENT and is_ is not ABSENT and was == is_ and type(was) is type(is_):
        is_ = HIDDEN_ANEW if is_ == HIDDEN else f"{is_} {HIDDEN_ANEW}"
    return was, is_


def _concealed(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        named = value.get("key", value.get("name"))
        return {
            key: _concealed(item, named if key == "value" and isinstance(named, str) else str(key))
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_concealed(item, name) for item in value]
    if not isinstance(value, str):
        return HIDDEN if isinstance(value, int | float) and not isinstance(value, bool) and _is_code(name) else value
    bare = value[after_scheme(value) :].strip()
    if is_secret_name(name) and bare and "{{" not in bare and not is_placeholder(bare) and not is_prose(bare):
        return HIDDEN
    return without_secrets(value)


def without_secrets(text: str) -> str:
    """A text without what looks like a secret in it."""
    found = sorted((start, end) for start, end, _ in secrets_in(text))
    pieces, at = [], 0
    for start, end in found:
        if end <= at:
            continue
        pieces += [text[at : max(start, at)], HIDDEN]
        at = end
    return "".join([*pieces, text[at:]])


def _is_code(name: str) -> bool:
    return is_secret_name(name) and name.lower().endswith(("password", "passwd", "pwd", "pin"))


def _name_of(part: Part, path: Path) -> str:
    """What a value goes by: its key; beside a `value` or `defaults` the name of the header, variable or input."""
    names = [step for step in path if isinstance(step, str)]
    last = names[-1] if names else ""
    if len(path) == 1 and last in _VALUES and part.key.kind is Kind.INPUT and part.body.get("type") == "SECRET":
        return "secret"
    if part.type == _WEBHOOK and path == ("key",):
        return "secret"
    if last not in _VALUES or path[-1] != last:
        return last
    if len(path) == 1:
        return part.key.id
    around: Any = dict(part.body)
    for step in path[:-1]:
        around = _within(around, step)
    named = around.get("key", around.get("name")) if isinstance(around, Mapping) else None
    return named if isinstance(named, str) else last


def _within(value: Any, step: str | int) -> Any:
    if isinstance(value, Mapping):
        return value.get(str(step))
    if isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value):
        return value[step]
    return None
