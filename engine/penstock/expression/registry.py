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
    """

    name: str
    call: Call
    parameters: tuple[Parameter, ...] = ()
    takes_null: bool = False
    variadic: bool = False
    impure: bool = False
    borrows: bool = False


FUNCTIONS: dict[str, Spec] = {}
FILTERS: dict[str, Spec] = {}
TESTS: dict[str, Spec] = {}

# Kestra has them, we do not yet: they parse, and say so when they are evaluated.
LATER_FUNCTIONS: frozenset[str] = frozenset(
    {
        "kv", "http", "fromIon", "yaml", "encrypt", "decrypt", "env", "credential", "appLink", "subflow",
        "fileSize", "fileExists", "isFileEmpty", "fileEmpty", "iterationOutput", "parentOutput", "loopOutputs",
        "isWeekend", "isPublicHoliday", "isDayWeekInMonth", "isLastWorkingDay", "dayOfWeek", "dayOfMonth",
        "hourOfDay", "monthOfYear", "isDateBefore", "isDateAfter", "isDateBetween",
    }
)  # fmt: skip
LATER_FILTERS: frozenset[str] = frozenset({"jq", "toIon", "yaml"})
KNOWN_LATER: frozenset[str] = LATER_FUNCTIONS | LATER_FILTERS

# Not known before it is evaluated what their text reads or calls.
OPAQUE: frozenset[str] = frozenset({"render", "renderOnce"})

IMPURE: frozenset[str] = frozenset(
    {
        "secret", "read", "kv", "http", "now", "uuid", "id", "ksuid", "nanoId", "randomInt", "randomPort",
        "fileSize", "fileExists", "isFileEmpty", "fileEmpty", "errorLogs", "env", "credential", "appLink",
        "subflow", "encrypt", "isPublicHoliday",
    }
)  # fmt: skip

_Given = str | tuple[str, object]


def function(
    name: str, *parameters: _Given, variadic: bool = False, impure: bool = False, borrows: bool = False
) -> Callable[[Call], Call]:
    """Register `call(scope, *arguments)` as a function. A parameter is a name, or a name with its default."""

    def register(call: Call) -> Call:
        FUNCTIONS[name] = Spec(name, call, _parameters(parameters), variadic=variadic, impure=impure, borrows=borrows)
        return call

    return register


def filter_(name: str, *parameters: _Given, takes_null: bool = False, borrows: bool = False) -> Callable[[Call], Call]:
    """Register `call(scope, value, *arguments)` as a filter."""

    def register(call: Call) -> Call:
        FILTERS[name] = Spec(name, call, _parameters(parameters), takes_null=takes_null, borrows=borrows)
        return call

    return register


def test(name: str, *parameters: _Given) -> Callable[[Call], Call]:
    """Register `call(scope, value, *arguments)` as a test behind `is`."""

    def register(call: Call) -> Call:
        TESTS[name] = Spec(name, call, _parameters(parameters), takes_null=True)
        return call

    return register


def _parameters(given: tuple[_Given, ...]) -> tuple[Parameter, ...]:
    return tuple(Parameter(one) if isinstance(one, str) else Parameter(*one) for one in given)
