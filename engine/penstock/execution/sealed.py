"""Values that hold a secret: ciphertext where they are kept, stars where they are shown, clear in expressions only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

PREFIX = "penstock:sealed:"
STARS = "******"


def is_sealed(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(PREFIX)


def over_texts(value: Any, change: Callable[[str], str]) -> Any:
    """`value` with `change` applied to every text in it that is no key. The same object if nothing changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        changed = {key: over_texts(each, change) for key, each in value.items()}
        return changed if any(changed[key] is not value[key] for key in changed) else value
    if isinstance(value, list | tuple):
        items = [over_texts(each, change) for each in value]
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    return value


def conceal(value: Any) -> Any:
    """What a person sees: stars instead of ciphertext."""
    return over_texts(value, lambda text: STARS if text.startswith(PREFIX) else text)


def unseal(value: Any, open_: Callable[[str], str]) -> Any:
    """What an expression sees."""
    return over_texts(value, lambda text: open_(text.removeprefix(PREFIX)) if text.startswith(PREFIX) else text)
