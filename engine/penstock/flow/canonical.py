"""The canonical form of a flow: what it means, without how it is written; its digest decides on revisions.

Order of keys, comments, quoting, spelling of durations and aliases of types do not count; order of lists does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import timedelta
from enum import Enum
from hashlib import sha256
from typing import Any

from penstock.duration import format_duration
from penstock.flow.model import (
    Backoff,
    Check,
    Concurrency,
    DependsOn,
    Flow,
    Input,
    Output,
    Retry,
    Sla,
    Task,
    TaskCache,
    Trigger,
    WorkerGroup,
)

Part = Flow | Task | Input | Output | Trigger | Retry | Concurrency | Sla | Check | DependsOn | TaskCache | WorkerGroup
_LEFT_OUT = frozenset({"source_digest", "runnable", "dialect"})
"""What depends on the file's bytes, on this version, or on how it was asked to read; not on the flow."""


def canonical_form(flow: Flow) -> dict[str, Any]:
    """A flow as JSON data: camelCase names, values at their defaults left out, durations as ISO-8601."""
    plain = _plain(flow)
    assert isinstance(plain, dict)
    return plain


def canonical_text(flow: Flow) -> str:
    """The canonical form as text: keys sorted, no white space; equal for equal flows on every machine."""
    return json.dumps(canonical_form(flow), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def canonical_digest(flow: Flow) -> str:
    """SHA-256 of the canonical text, in hexadecimal."""
    return sha256(canonical_text(flow).encode("utf-8", "surrogatepass")).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, Part):
        return _part(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, timedelta):
        return format_duration(value)
    return value


def _part(value: Part) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in fields(value):
        if not part.compare or part.name in _LEFT_OUT:
            continue
        item = getattr(value, part.name)
        if item is None or (part.default is not None and item == part.default) or item in ((), {}):
            continue
        found[_camel(part.name)] = _plain(item)
    if isinstance(value, Retry) and value.backoff is not Backoff.EXPONENTIAL:
        found.pop("factor", None)
    return found


def _camel(name: str) -> str:
    first, *rest = name.rstrip("_").split("_")
    return first + "".join(word.capitalize() for word in rest)
