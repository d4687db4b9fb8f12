"""From the beginning of an id to the id."""

from __future__ import annotations

from penstock.errors import NotFound, UserError
from penstock.ports.store import Store


def full_id(store: Store, prefix: str) -> str:
    """The one execution whose id begins with `prefix`. Raises NotFound, UserError when there are several."""
    found = store.find(prefix) if prefix else []
    if prefix in found:
        return prefix
    if len(found) > 1:
        raise UserError(f"`{prefix}` begins the ids of {len(found)} executions", help=", ".join(found[:4]))
    if not found:
        raise NotFound(f"there is no execution `{prefix}`", help="`penstock executions list` shows them")
    return found[0]
