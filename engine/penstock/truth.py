"""Whether a rendered condition holds."""

from __future__ import annotations

_FALSE = frozenset({"", "false", "0", "-0"})


def is_truthy(text: str) -> bool:
    """Kestra's rule for a rendered condition: false are `false`, `0`, `-0` and blank; everything else is true."""
    return text.strip() != "" and text not in _FALSE
