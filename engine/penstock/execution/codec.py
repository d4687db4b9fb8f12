"""Events, headers and task runs as JSON text, and back: what the store keeps.

One encoder for each class is made once, from its fields, when it is first needed; instants are ISO text with
microseconds. An event carries its version; older ones are lifted by pure functions before they are read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from penstock.diagnostic import FlowName
from penstock.errors import Stalled
from penstock.execution import event as events
from penstock.execution.event import Caller, Event, ExecutionEvent, RunEvent
from penstock.execution.family import Family
from penstock.execution.model import Attempt, Execution, ScopeList, TaskRun

Up = Callable[[dict[str, Any]], dict[str, Any]]

UPCASTERS: dict[tuple[str, int], Up] = {}
"""From (type, version) to what makes the next version of it. Pure, and never removed."""

TYPES: dict[str, type[Event]] = {
    name: value
    for name, value in vars(events).items()
    if isinstance(value, type) and issubclass(value, Event) and value not in (Event, ExecutionEvent, RunEvent)
}

_PARTS = (ScopeList, Attempt, Family, Caller)
"""Values that stand within others."""

_ALL_FIELDS = tuple(Execution.__dataclass_fields__)
_HEADER_FIELDS = _ALL_FIELDS[: _ALL_FIELDS.index("error") + 1]


def encode_event(event: Event) -> tuple[str, int, str]:
    """The type's name, its version, and the JSON of its fields."""
    kind = type(event)
    return kind.__name__, kind.v, _dumps(_ENCODERS[kind](event))


def decode_event(name: str, version: int, body: str) -> Event:
    """Raises Stalled for an event that only a later version of Penstock knows."""
    kind = TYPES.get(name)
    if kind is None or version > kind.v:
        raise Stalled(
            f"the store holds an event `{name}` of version {version}, which this version of Penstock does not know",
            help="a later version wrote it: install that one, or a later one",
        )
    data = json.loads(body)
    while version < kind.v:
        data = UPCASTERS[name, version](data)
        version += 1
    return _DECODERS[kind](data)  # type: ignore[no-any-return]


def dump_header(execution: Execution) -> str:
    """The execution without its task runs and indexes."""
    return _dumps(_ENCODERS[Execution](execution))


def load_header(text: str) -> Execution:
    return _DECODERS[Execution](json.loads(text))  # type: ignore[no-any-return]


def dump_run(run: TaskRun) -> str:
    return _dumps(_ENCODERS[TaskRun](run))


def load_run(text: str) -> TaskRun:
    return _DECODERS[TaskRun](json.loads(text))  # type: ignore[no-any-return]


def run_data(run: TaskRun) -> dict[str, Any]:
    """A task run as plain JSON values, for an event that carries it."""
    data: dict[str, Any] = json.loads(dump_run(run))
    return data


def run_of(data: Mapping[str, Any]) -> TaskRun:
    """The task run that `run_data` made plain."""
    return _DECODERS[TaskRun](dict(data))  # type: ignore[no-any-return]


# ── values ───────────────────────────────────────────────────────────────────────────────────────────────────

Encode = Callable[[Any], Any]


def _plain(value: Any) -> Any:
    """Mappings and sequences that `json` does not know by type."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple | list):
        return list(value)
    if isinstance(value, datetime):
        return _instant_text(value)
    raise TypeError(f"{type(value).__name__} cannot be kept")


_readable = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain).encode
"""One encoder for all: `json.dumps` with these options would build one for each of four events a task run."""

_escaped = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), default=_plain).encode


def _dumps(value: Any) -> str:
    """JSON that can be written as UTF-8: half a surrogate pair, which a task's JSON may hold, stays an escape."""
    text = _readable(value)
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return _escaped(value)
    return text


@lru_cache(maxsize=1024)
def _instant_text(moment: datetime) -> str:
    """Kept: one instant stands in an event, in the task run and in its attempt."""
    return moment.isoformat(timespec="microseconds")


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _codec_of(hint: Any) -> tuple[Encode | None, Encode | None]:
    """How a value of that type becomes JSON and back; None where it is JSON already."""
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        inner = [each for each in get_args(hint) if each is not NoneType]
        encode, decode = _codec_of(inner[0]) if len(inner) == 1 else (None, None)
        return _optional(encode), _optional(decode)
    if hint is datetime:
        return _instant_text, _instant
    if isinstance(hint, type) and issubclass(hint, Enum):
        return None, hint  # every enum here is a StrEnum: json writes its value
    if hint is FlowName:
        return lambda name: [name.namespace, name.id], lambda pair: FlowName(*pair)
    if hint in _PARTS:
        return _ENCODERS[hint], _DECODERS[hint]
    if origin is tuple:
        return _tuple_codec(get_args(hint))
    return None, None


def _optional(change: Encode | None) -> Encode | None:
    if change is None:
        return None
    return lambda value: None if value is None else change(value)


def _tuple_codec(args: tuple[Any, ...]) -> tuple[Encode | None, Encode | None]:
    if len(args) == 2 and args[1] is Ellipsis:
        encode, decode = _codec_of(args[0])
        many = (lambda values: [encode(value) for value in values]) if encode is not None else None
        back = decode
        return many, (lambda values: tuple(back(each) for each in values)) if back is not None else tuple
    pairs = [_codec_of(each) for each in args]
    return (
        lambda values: [
            value if pair[0] is None else pair[0](value) for value, pair in zip(values, pairs, strict=True)
        ],
        lambda values: tuple(
            value if pair[1] is None else pair[1](value) for value, pair in zip(values, pairs, strict=True)
        ),
    )


def _encoder(kind: type[Any], names: tuple[str, ...]) -> Encode:
    """An encoder that leaves out fields which hold their default."""
    hints = get_type_hints(kind)
    steps = []
    for each in fields(kind):
        if each.name in names:
            default = each.default if each.default_factory is MISSING else each.default_factory()
            steps.append((each.name, _codec_of(hints[each.name])[0], default))

    held_of = attrgetter(*(name for name, _, _ in steps), steps[0][0])  # the first again: one alone would be no tuple

    def encode(value: Any) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for (name, change, default), held in zip(steps, held_of(value), strict=False):
            if held is default or (held == default and type(held) is type(default)):
                continue
            data[name] = held if change is None else change(held)
        return data

    return encode


def _decoder(kind: type[Any], names: tuple[str, ...]) -> Encode:
    hints = get_type_hints(kind)
    changes = {name: _codec_of(hints[name])[1] for name in names}
    plain = {name for name, change in changes.items() if change is None}

    def decode(data: dict[str, Any]) -> Any:
        given = {}
        for name, held in data.items():
            change = changes.get(name)
            given[name] = held if name in plain or change is None else change(held)
        return kind(**given)

    return decode


class _ByClass(dict[type[Any], Encode]):
    """What is made of each class, once it is first asked for: a run keeps few of the events there are."""

    def __init__(self, make: Callable[[type[Any], tuple[str, ...]], Encode]) -> None:
        self._make = make

    def __missing__(self, kind: type[Any]) -> Encode:
        names = _HEADER_FIELDS if kind is Execution else tuple(each.name for each in fields(kind))
        made = self[kind] = self._make(kind, names)
        return made


_ENCODERS = _ByClass(_encoder)
_DECODERS = _ByClass(_decoder)
