"""What can be called: functions, filters and tests by name, each with its parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Call = Callable[..., object]


class _Required:
    """Stands for a parameter without a default."""

    __slots__ = ()


REQUIRED = _Required()


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument by place or by name. `default` is REQUIRED when there is none."""

    name: str
    default: object = REQUIRED


@dataclass(frozen=True, slots=True)
class Spec:
    """One callable. `call` gets the scope, for filters and tests the value, then one value per parameter.

    takes_null  it is called with null too; others give null for null (filters only)
    variadic    it takes any number of arguments by place beyond its parameters
    impure      it consults the World
    borrows     it gives what was there already, so its value does not count as made
    slow        it may wait for a network or a child process, so no thread that others wait for may call it
    says        what it does, in one sentence, for whoever writes a flow
    example     a template that shows it
    since       the version of Kestra that it came with, where that is later than 0.21
    instead     what to write in its place, where it is deprecated
    """

    name: str
    call: Call
    parameters: tuple[Parameter, ...] = ()
    takes_null: bool = False
    variadic: bool = False
    impure: bool = False
    borrows: bool = False
    slow: bool = False
    says: str = ""
    example: str = ""
    since: str | None = None
    instead: str | None = None


FUNCTIONS: dict[str, Spec] = {}
FILTERS: dict[str, Spec] = {}
TESTS: dict[str, Spec] = {}

_Given = str | tuple[str, object]


def function(
    name: str,
    *parameters: _Given,
    variadic: bool = False,
    impure: bool = False,
    borrows: bool = False,
    slow: bool = False,
    says: str = "",
    example: str = "",
    since: str | None = None,
    instead: str | None = None,
) -> Callable[[Call], Call]:
    """Register `call(scope, *arguments)` as a function. A parameter is a name, or a name with its default."""

    def register(call: Call) -> Call:
        FUNCTIONS[name] = Spec(
            name, call, _parameters(parameters), variadic=variadic, impure=impure, borrows=borrows, slow=slow,
            says=says, example=example, since=since, instead=instead,
        )  # fmt: skip
        return call

    return register


def filter_(
    name: str,
    *parameters: _Given,
    takes_null: bool = False,
    borrows: bool = False,
    slow: bool = False,
    says: str = "",
    example: str = "",
    since: str | None = None,
    instead: str | None = None,
) -> Callable[[Call], Call]:
    """Register `call(scope, value, *arguments)` as a filter."""

    def register(call: Call) -> Call:
        FILTERS[name] = Spec(
            name, call, _parameters(parameters), takes_null=takes_null, borrows=borrows, slow=slow,
            says=says, example=example, since=since, instead=instead,
        )  # fmt: skip
        return call

    return register


def check(
    name: str,
    *parameters: _Given,
    says: str = "",
    example: str = "",
    since: str | None = None,
    instead: str | None = None,
) -> Callable[[Call], Call]:
    """Register `call(scope, value, *arguments)` as a test behind `is`."""

    def register(call: Call) -> Call:
        TESTS[name] = Spec(
            name, call, _parameters(parameters), takes_null=True,
            says=says, example=example, since=since, instead=instead,
        )  # fmt: skip
        return call

    return register


def _parameters(given: tuple[_Given, ...]) -> tuple[Parameter, ...]:
    return tuple(Parameter(one) if isinstance(one, str) else Parameter(*one) for one in given)
