"""The standard library's `dataclass`, where a class costs little until it is used.

A command imports hundreds of data classes and makes instances of some. The standard library writes and compiles up to
nine methods of each while it is imported; here each is written when it is first looked up. Instances are alike, and
those of a frozen class are made faster, by the setters of its slots. `field`, `replace` and the others are the standard
library's own, and to a type checker so is `dataclass`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, FrozenInstanceError, fields
from dataclasses import dataclass as standard
from functools import partial
from reprlib import recursive_repr
from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any, TypeVar

T = TypeVar("T")

_ORDER = {"__lt__": "<", "__le__": "<=", "__gt__": ">", "__ge__": ">="}


def _dataclass(
    cls: type[T] | None = None,
    /,
    *,
    frozen: bool = False,
    slots: bool = False,
    kw_only: bool = False,
    eq: bool = True,
    order: bool = False,
) -> Any:
    """The class with its methods; without one, what gives them."""

    def given(cls: type[T]) -> type[T]:
        own = {name for name, value in vars(cls).items() if name != "__hash__" or value is not None}
        made = standard(init=False, repr=False, eq=False, slots=slots, kw_only=kw_only)(cls)
        methods: dict[str, Any] = {"__init__": _Later(made, "__init__", partial(_init, frozen)), "__repr__": _repr}
        if eq:
            methods["__eq__"] = _Later(made, "__eq__", partial(_comparison, "=="))
            methods["__hash__"] = _Later(made, "__hash__", _hash) if frozen else None
        if order:
            methods |= {name: _Later(made, name, partial(_comparison, sign)) for name, sign in _ORDER.items()}
        if frozen:
            methods |= {"__setattr__": _refuse_set, "__delattr__": _refuse_delete}
        if frozen and slots:
            methods |= {"__getstate__": _state, "__setstate__": _set_state}
        for name, method in methods.items():
            if name not in own:
                setattr(made, name, method)
        return made

    return given if cls is None else given(cls)


if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:
    dataclass = _dataclass


class _Later:
    """A method until it is first looked up: then it is written, and takes this one's place."""

    __slots__ = ("_cls", "_name", "_write")

    def __init__(self, cls: type[Any], name: str, write: Callable[[type[Any], str], Any]) -> None:
        self._cls = cls
        self._name = name
        self._write = write

    def __get__(self, instance: object, owner: type[Any] | None = None) -> Any:
        method = self._write(self._cls, self._name)
        setattr(self._cls, self._name, method)
        return method.__get__(instance, owner)


# ── what is written for each class ───────────────────────────────────────────────────────────────────────────


class _Factory:
    """The default of an argument that is made anew for each instance."""

    def __repr__(self) -> str:
        return "<factory>"


_ANEW = _Factory()


def _init(frozen: bool, cls: type[Any], name: str) -> Any:
    known: dict[str, Any] = {"anew_": _ANEW, "set_": object.__setattr__}
    lines = []
    for each in fields(cls):
        value = _initial(each, known)
        if value is None:
            continue
        if not frozen:
            lines.append(f"self.{each.name} = {value}")
        elif isinstance(slot := getattr(cls, each.name, None), MemberDescriptorType):
            known[f"set_{each.name}_"] = slot.__set__
            lines.append(f"set_{each.name}_(self, {value})")
        else:
            lines.append(f"set_(self, {each.name!r}, {value})")
    if hasattr(cls, "__post_init__"):
        lines.append("self.__post_init__()")
    told = [each for each in fields(cls) if each.init]
    named = [_parameter(each) for each in told if each.kw_only]
    parameters = ["self", *(_parameter(each) for each in told if not each.kw_only), *(["*", *named] if named else [])]
    method = _written(cls, name, parameters, lines or ["pass"], known)
    method.__annotations__ = {each.name: each.type for each in told} | {"return": None}
    return method


def _initial(each: Field[Any], known: dict[str, Any]) -> str | None:
    """What a field is set to, as an expression over the parameters and what is `known`; None: it is not set."""
    if each.default_factory is not MISSING:
        known[f"make_{each.name}_"] = each.default_factory
        made = f"make_{each.name}_()"
        return f"{made} if {each.name} is anew_ else {each.name}" if each.init else made
    if each.default is not MISSING:
        known[f"default_{each.name}_"] = each.default
        return each.name if each.init else f"default_{each.name}_"
    return each.name if each.init else None


def _parameter(each: Field[Any]) -> str:
    if each.default_factory is not MISSING:
        return f"{each.name}=anew_"
    return each.name if each.default is MISSING else f"{each.name}=default_{each.name}_"


def _comparison(sign: str, cls: type[Any], name: str) -> Any:
    compared = [each for each in fields(cls) if each.compare]
    lines = [
        "if other.__class__ is self.__class__:",
        f" return {_values('self', compared)} {sign} {_values('other', compared)}",
        "return NotImplemented",
    ]
    return _written(cls, name, ["self", "other"], lines, {})


def _hash(cls: type[Any], name: str) -> Any:
    counted = [each for each in fields(cls) if (each.compare if each.hash is None else each.hash)]
    return _written(cls, name, ["self"], [f"return hash({_values('self', counted)})"], {})


def _values(owner: str, of: list[Field[Any]]) -> str:
    return f"({''.join(f'{owner}.{each.name},' for each in of)})"


def _written(cls: type[Any], name: str, parameters: list[str], lines: list[str], known: Mapping[str, Any]) -> Any:
    """The method of that text, which sees what is `known`; its module is the class's, as its annotations need it."""
    body = "".join(f"  {line}\n" for line in lines)
    text = f"def write({', '.join(known)}):\n def {name}({', '.join(parameters)}):\n{body} return {name}"
    found: dict[str, Any] = {}
    exec(text, vars(sys.modules[cls.__module__]), found)  # noqa: S102 - names of fields, which are our own
    method = found["write"](**known)
    method.__qualname__ = f"{cls.__qualname__}.{name}"
    return method


# ── what all classes share ───────────────────────────────────────────────────────────────────────────────────


@recursive_repr()
def _repr(self: Any) -> str:
    shown = ", ".join(f"{each.name}={getattr(self, each.name)!r}" for each in fields(self) if each.repr)
    return f"{type(self).__qualname__}({shown})"


def _refuse_set(_self: Any, name: str, _value: object) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_delete(_self: Any, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[Any]:
    return [getattr(self, each.name) for each in fields(self)]


def _set_state(self: Any, state: list[Any]) -> None:
    for each, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, each.name, value)
