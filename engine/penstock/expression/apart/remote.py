"""Rendering in a child process, which has more time and can be killed; its world is this one, asked over the pipe.

    render(template, variables, world=world)         # here, if that is quick; else in a child
    render_value(properties, variables, world=world)  # the same of every text within

On a thread of the agent a rendering has 250 ms of wall time, which a single call into C may pass: 10 MB of JSON take
half a second. So what reads more than a million characters goes to a child at once, and what runs out of time here is
begun again there. What may speak to the outside in a way that must not happen twice has the longer time here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple, fields, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from penstock.errors import PenstockError
from penstock.expression.apart.children import Job, ask
from penstock.expression.apart.parcel import pack, unpack
from penstock.expression.budget import DEFAULT, Budget
from penstock.expression.errors import ExpressionError, WallTimeExceeded
from penstock.expression.names import OPAQUE
from penstock.expression.reads import Path
from penstock.expression.solitary import SOLITARY
from penstock.expression.stringify import is_list
from penstock.expression.template import Template, each_text, parse
from penstock.expression.world import WebAnswer, WebCall, World

if TYPE_CHECKING:  # only for speed: `random` costs 3 ms to import
    from random import Random

CHILD = replace(DEFAULT, wall_s=2.0)
"""The bounds in a child: as on a thread of this process, but for the time."""

LARGE = 1_000_000
"""Characters that a template reads (eight for each item of a list or map) from which on a child renders it."""

_OUTSIDE = OPAQUE | {"http"}
"""What may do something outside, or hide what does: it is not begun again."""
_SPARE_S = 0.5
_SEED_BITS = 256


def render(
    template: str | Template,
    variables: Mapping[str, object],
    *,
    typed: bool = False,
    world: World | None = None,
    here: Budget = DEFAULT,
    there: Budget = CHILD,
) -> object:
    """As `penstock.expression.render`, with the time of a child where that of this thread is not enough.

    May block for `there.wall_s`, for what the world takes, and until a child is free: not for threads that others wait
    for.
    """
    if isinstance(template, str):
        if "{" not in template:
            return template
        template = parse(template)
    if reads_much(template, variables):
        return render_in_child(template, variables, typed=typed, world=world, budget=there)
    if not template.reads.functions.isdisjoint(_OUTSIDE):
        return template.render(variables, typed=typed, world=world, budget=there)
    try:
        return template.render(variables, typed=typed, world=world, budget=here)
    except WallTimeExceeded:
        return render_in_child(template, variables, typed=typed, world=world, budget=there)


def render_value(value: object, variables: Mapping[str, object], *, world: World | None = None) -> object:
    """As `penstock.expression.render_value`, each text as `render` here does it. May block as that may."""
    return each_text(value, lambda text: render(text, variables, world=world), DEFAULT.depth)


def render_in_child(
    template: str | Template,
    variables: Mapping[str, object],
    *,
    typed: bool = False,
    world: World | None = None,
    budget: Budget = CHILD,
) -> object:
    """As `penstock.expression.render`, in a child process. Raises the same errors, those of the world too."""
    if isinstance(template, str):
        template = parse(template)
    desk = _Desk(world or SOLITARY, variables)
    seed = desk.world.random().getrandbits(_SEED_BITS)
    content = pack((template.source, list(variables), typed, astuple(budget), desk.world.dialect, seed))
    try:
        return unpack(ask(Job("render", content), deadline_s=budget.wall_s + _SPARE_S, answer=desk.answer))
    except ExpressionError:
        if desk.raised is None:
            raise
        if isinstance(desk.raised, ExpressionError):
            desk.raised.within(template.source)
        raise desk.raised from None


def reads_much(template: Template, variables: Mapping[str, object]) -> bool:
    """Whether what a template reads is large, as far as that is seen at once."""
    left = LARGE - len(template.source)
    for path in template.reads.paths:
        left -= _weight(_found(path, variables))
    return left < 0


def serve(content: bytes, call: Callable[[bytes], bytes]) -> bytes:
    """The child's side: the value of the template, packed."""
    source, names, typed, budget, dialect, seed = unpack(content)
    parent = _Parent(call)
    world = _Remote(parent, dialect, seed)
    return pack(parse(source).render(_Variables(parent, names), typed=typed, world=world, budget=Budget(*budget)))


class _Desk:
    """Answers what a child asks. Keeps what the world raised, to raise it here as it was."""

    def __init__(self, world: World, variables: Mapping[str, object]) -> None:
        self.world = world
        self.variables = variables
        self.raised: PenstockError | None = None

    def answer(self, question: bytes) -> bytes:
        name, given = unpack(question)
        doors: dict[str, Callable[..., object]] = {
            "variable": self.variables.__getitem__,
            "secret": self.world.secret, "kv": self.world.kv, "read": self.world.read,
            "file_size": self.world.file_size, "file_exists": self.world.file_exists,
            "file_is_empty": self.world.file_is_empty, "call": self._call, "learn": self.world.learn,
            "now": self.world.now, "new_id": self.world.new_id, "error_logs": self.world.error_logs,
        }  # fmt: skip
        try:
            return pack((True, doors[name](*given)))
        except PenstockError as error:
            self.raised = error
            return pack((False, error.message))

    def _call(self, *request: Any) -> tuple[object, ...]:
        answer = self.world.call(WebCall(*request))
        return answer.status, answer.reason, answer.content_type, answer.content


class _Parent:
    """The process that waits for this one, which knows what is asked here."""

    def __init__(self, call: Callable[[bytes], bytes]) -> None:
        self._call = call

    def value(self, name: str, *given: object) -> Any:
        fine, value = unpack(self._call(pack((name, given))))
        if not fine:
            raise PenstockError(value)  # the parent keeps the error itself, and raises that
        return value


class _Variables(Mapping[str, object]):
    """The parent's variables, each fetched when it is first read."""

    def __init__(self, parent: _Parent, names: Sequence[str]) -> None:
        self._parent = parent
        self._names = dict.fromkeys(names)
        self._read: dict[str, object] = {}

    def __getitem__(self, name: str) -> object:
        if name not in self._names:
            raise KeyError(name)
        if name not in self._read:
            self._read[name] = self._parent.value("variable", name)
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class _Remote(World):
    """The parent's world, from within the child."""

    def __init__(self, parent: _Parent, dialect: str, seed: int) -> None:
        self._parent = parent
        self._dialect = dialect
        self._seed = seed
        self._random: Random | None = None

    @property
    def dialect(self) -> str:
        return self._dialect

    def secret(self, name: str, namespace: str | None, subkey: str | None) -> str:
        return self._text("secret", name, namespace, subkey)

    def kv(self, key: str, namespace: str | None, error_on_missing: bool | None) -> object:
        return self._value("kv", key, namespace, error_on_missing)

    def read(self, uri_or_path: str, namespace: str | None) -> str:
        return self._text("read", uri_or_path, namespace)

    def file_size(self, uri_or_path: str, namespace: str | None) -> int:
        return int(self._value("file_size", uri_or_path, namespace))

    def file_exists(self, uri_or_path: str, namespace: str | None) -> bool:
        return bool(self._value("file_exists", uri_or_path, namespace))

    def file_is_empty(self, uri_or_path: str, namespace: str | None) -> bool:
        return bool(self._value("file_is_empty", uri_or_path, namespace))

    def call(self, request: WebCall) -> WebAnswer:
        return WebAnswer(*self._value("call", *(getattr(request, field.name) for field in fields(request))))

    def learn(self, value: str) -> None:
        self._value("learn", value)

    def now(self) -> datetime:
        moment = self._value("now")
        assert isinstance(moment, datetime)
        return moment

    def random(self) -> Random:
        """Drawn here, from a seed that the parent's chance gave."""
        if self._random is None:
            from random import Random

            self._random = Random(self._seed)  # noqa: S311 - the seed has as many bits as a key
        return self._random

    def new_id(self) -> str:
        return self._text("new_id")

    def error_logs(self) -> Sequence[Mapping[str, object]]:
        return list(self._value("error_logs"))

    def _text(self, name: str, *given: object) -> str:
        return str(self._value(name, *given))

    def _value(self, name: str, *given: object) -> Any:
        return self._parent.value(name, *given)


def _found(path: Path, variables: Mapping[str, object]) -> object:
    """As far as the path goes down by constants; None where its variable is not there."""
    name, *parts = path.parts
    if name not in variables:
        return None
    value = variables[str(name)]
    for part in parts:
        if not isinstance(value, Mapping) or part not in value:
            break  # a place in a list, something computed, or something that is not there
        value = value[part]
    return value


def _weight(value: object) -> int:
    """Characters of a text, or eight for each item. What lies deeper is walked in steps, each of which is counted."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping) or (isinstance(value, Sequence) and is_list(value)):
        return 8 * len(value)
    return 0
