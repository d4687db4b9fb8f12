"""YAML and Ion: texts into values, and values into texts."""

from __future__ import annotations

from collections.abc import Callable

from penstock.expression.errors import BudgetExceeded, ExpressionError
from penstock.expression.library import arguments
from penstock.expression.registry import filter_, function
from penstock.expression.scope import Scope

_LONGEST_YAML = 3 * 1024 * 1024


@function(
    "yaml",
    "yaml",
    says="Reads a YAML text into a value: a map, a list, a text, a number, a boolean or null.",
    example="{{ yaml('a: [1, 2]').a | last }}",
)
def _read_yaml(scope: Scope, text: object) -> object:
    """As Kestra's YamlFunction.java: the first document of the text; scalars by YAML 1.2."""
    return first_document(arguments.text(text, "the argument `yaml`"), scope)


@filter_(
    "yaml",
    takes_null=True,
    says="Writes a value as YAML, in blocks, with quotes only where they are needed.",
    example="{{ {'a': [1, 'x: y']} | yaml }}",
)
def _write_yaml(scope: Scope, value: object) -> str:
    from penstock.expression.formats import yamltext

    return "null" if value is None else yamltext.write(value, scope.meter)


@function(
    "fromIon",
    "ion",
    ("allRows", False),
    says="Reads an Amazon Ion text: its first value, or with `allRows` the list of all its values.",
    example="{{ fromIon('{id: 1, name: \"ada\"}').name }}",
)
def _from_ion(scope: Scope, ion: object, all_rows: object) -> object:
    from penstock.expression.formats import ion as format_

    every = arguments.flag(all_rows, "the argument `allRows`")
    if ion is None:
        return None
    text = arguments.text(ion, "the argument `ion`")
    rows = format_.read(text, scope.meter, most=None if every else 1)
    if every:
        return rows
    return rows[0] if rows else None


@filter_(
    "toIon",
    takes_null=True,
    says="Writes a value as Amazon Ion text in one line.",
    example="{{ {'id': 1, 'name': 'ada'} | toIon }}",
)
def _to_ion(scope: Scope, value: object) -> str:
    from penstock.expression.formats import iontext

    return iontext.write(value, scope.meter)


def first_document(text: str, scope: Scope) -> object:
    """The first document of a YAML text, as Jackson reads it. Raises ExpressionError."""
    from yaml import YAMLError

    from penstock.compose import Composer, Fault, event_parser

    if len(text) > _LONGEST_YAML:
        raise BudgetExceeded(f"a YAML text is longer than the bound of {_LONGEST_YAML:,} characters")
    parser = None
    try:
        parser = event_parser(text)
        composer = Composer(_until_the_second(parser.get_event, scope), most_values=_LONGEST_YAML)
        value = composer.document()[0]
    except Fault as fault:
        what = fault.message.removesuffix(" in a flow")
        raise ExpressionError(f"Invalid yaml: {what}, {_place(text, fault.start)}", help=fault.hint) from None
    except (YAMLError, UnicodeError) as error:
        raise ExpressionError(f"Invalid yaml: {_problem(error, text)}") from None
    finally:
        if parser is not None:
            parser.dispose()
    for key, start, *_ in composer.duplicates:
        raise ExpressionError(f"Invalid yaml: the key `{key[:100]}` stands there twice, {_place(text, start)}")
    return value


def _until_the_second(get: Callable[[], object], scope: Scope) -> Callable[[], object]:
    """Events as if the stream ended behind its first document, each a step."""
    from yaml import DocumentStartEvent, StreamEndEvent

    documents = 0

    def event() -> object:
        nonlocal documents
        scope.meter.tick()
        found = get()
        documents += type(found) is DocumentStartEvent
        return StreamEndEvent() if documents > 1 else found

    return event


def _problem(error: Exception, text: str) -> str:
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or "a character is not allowed in YAML"
    return f"{what}, {_place(text, mark.index)}" if mark is not None else str(what)


def _place(text: str, offset: int) -> str:
    line = text.count("\n", 0, offset) + 1
    return f"at line {line}, column {offset - text.rfind(chr(10), 0, offset)}"
