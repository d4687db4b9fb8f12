"""A template that has been parsed, and the ways to render it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from penstock.expression.budget import DEFAULT, Budget, Meter, too_deep
from penstock.expression.errors import BudgetExceeded, ExpressionError, ExpressionSyntaxError
from penstock.expression.grammar.notes import Notes
from penstock.expression.grammar.tags import Parser
from penstock.expression.names import IMPURE, LATER_FUNCTIONS, OPAQUE
from penstock.expression.numbers import as_data
from penstock.expression.reads import Reads
from penstock.expression.registry import FILTERS, FUNCTIONS
from penstock.expression.scope import Scope
from penstock.expression.solitary import SOLITARY
from penstock.expression.statements import Body, Macro, Output, Sink, Statement, Text, TypedSink
from penstock.expression.stringify import is_list, to_text
from penstock.expression.world import World

_UNPREDICTABLE = IMPURE | OPAQUE | LATER_FUNCTIONS
_SLOW_FUNCTIONS = OPAQUE | {name for name, spec in FUNCTIONS.items() if spec.slow}
_SLOW_FILTERS = frozenset(name for name, spec in FILTERS.items() if spec.slow)
_CACHED_TEMPLATES = 4096
_CACHED_LENGTH = 8192


class Template:
    """A parsed source; immutable, may be rendered any number of times and by several threads at once.

    is_literal  it holds no expression: it renders to its text
    single      it is exactly one `{{ }}` and nothing else
    is_pure     it consults nothing but the variables (`render` may hide anything, so it is not pure)
    is_slow     it may wait for a network or a child process (`render` may hide that too)
    """

    __slots__ = ("_notes", "_reads", "blocks", "body", "is_literal", "is_pure", "is_slow", "macros", "single", "source")

    def __init__(
        self, source: str, body: Body, notes: Notes, macros: dict[str, Macro], blocks: dict[str, Body]
    ) -> None:
        self.source = source
        self.body = body
        self._notes = notes
        self._reads: Reads | None = None
        self.macros = macros
        self.blocks = blocks
        statements: tuple[Statement, ...] = body.statements
        self.single = len(statements) == 1 and isinstance(statements[0], Output)
        self.is_literal = not self.single and all(isinstance(statement, Text) for statement in statements)
        self.is_pure = notes.functions.isdisjoint(_UNPREDICTABLE)
        self.is_slow = not (notes.functions.isdisjoint(_SLOW_FUNCTIONS) and notes.filters.isdisjoint(_SLOW_FILTERS))

    @property
    def reads(self) -> Reads:
        """What it reads and calls."""
        if self._reads is None:
            self._reads = self._notes.reads()
        return self._reads

    @staticmethod
    def parse(source: str) -> Template:
        """Another template, as `render` within this one needs it (the library stands below and cannot import it)."""
        return parse(source)

    def render(
        self,
        variables: Mapping[str, object],
        *,
        typed: bool = False,
        world: World | None = None,
        budget: Budget = DEFAULT,
    ) -> object:
        """The text; with `typed` the value. Raises ExpressionError, and what `world` and lazy variables raise."""
        return self.evaluate(Scope(self, variables, Meter(budget), world or SOLITARY), typed=typed)

    def evaluate(self, scope: Scope, *, typed: bool = False) -> object:
        """As `render`, on a meter that may be running already."""
        try:
            if self.single:
                statement = self.body.statements[0]
                assert isinstance(statement, Output)
                value = statement.node.evaluate(scope)
                if typed:
                    return as_data(value)
                text = value if type(value) is str else to_text(value, scope.meter)
                if len(text) > scope.meter.budget.output:
                    scope.meter.made_text(len(text))
                return text
            sink = TypedSink(scope.meter) if typed else Sink(scope.meter)
            self.body.write(scope, sink)
            return sink.result()
        except ExpressionError as error:
            error.within(self.source)
            raise
        except RecursionError:
            # macros and data nested in one another can outgrow Python's stack before a single bound is passed
            deep = too_deep(scope.meter.budget.depth)
            deep.within(self.source)
            raise deep from None
        except MemoryError:
            raise BudgetExceeded("the expression needs more memory than there is") from None


def parse(source: str) -> Template:
    """The template. Cached. Raises ExpressionSyntaxError with its offset, BudgetExceeded when it nests too deep."""
    return _cached(source) if len(source) <= _CACHED_LENGTH else parse_afresh(source)


def reads(template: str | Template) -> Reads:
    """The variables, functions and filters that a template uses, found without evaluating it."""
    return (parse(template) if isinstance(template, str) else template).reads


def render(
    template: str,
    variables: Mapping[str, object],
    *,
    typed: bool = False,
    world: World | None = None,
    budget: Budget = DEFAULT,
) -> object:
    """What `template` says over `variables`: a text; with `typed` the value, if it is exactly one expression.

    Variables are plain data: None, bool, int, float, str, datetime, and Mapping and Sequence of those (lazy views
    too). Nothing is rendered twice (Kestra since 0.14); `render(x)` within a template does that. Raises
    ExpressionError and its subclasses. Without a `world` there are a clock and chance, but no secrets, files, network.
    May be called at once by threads.
    """
    if "{" not in template:
        return template
    return parse(template).render(variables, typed=typed, world=world, budget=budget)


def render_value(
    value: object,
    variables: Mapping[str, object],
    *,
    world: World | None = None,
    budget: Budget = DEFAULT,
) -> object:
    """`value` with every text in it rendered, in lists and maps of any shape, keys too; the first of two equal
    keys wins. What is no text stays as it is. Each text has a budget of its own. Raises as `render`."""
    return each_text(value, lambda text: render(text, variables, world=world, budget=budget), budget.depth)


def is_slow(value: object) -> bool:
    """Whether rendering `value` with `render_value` may wait for a network or a child process. What cannot be parsed
    fails at once, so it is not."""
    if isinstance(value, str):
        try:
            return "{" in value and parse(value).is_slow
        except ExpressionError:
            return False
    if isinstance(value, Mapping):
        return any(is_slow(key) or is_slow(value[key]) for key in value)
    return isinstance(value, Sequence) and is_list(value) and any(is_slow(item) for item in value)


def each_text(value: object, rendered: Callable[[str], object], depth: int) -> object:
    """`value` with `rendered(text)` in the place of each of its texts. Raises BudgetExceeded beyond `depth`."""

    def made(value: object, room: int) -> object:
        if isinstance(value, str):
            return rendered(value)
        if room <= 0:
            raise too_deep(depth)
        if isinstance(value, Mapping):
            found: dict[object, object] = {}
            for key in value:
                name = rendered(key) if isinstance(key, str) else key
                if name not in found:
                    found[name] = made(value[key], room - 1)
            return found
        if isinstance(value, Sequence) and is_list(value):
            return [made(item, room - 1) for item in value]
        return value

    return made(value, depth)


def parse_afresh(source: str) -> Template:
    if "{" not in source:
        return Template(source, Body([Text(source)] if source else []), Notes(), {}, {})
    if len(source) > DEFAULT.output:
        raise BudgetExceeded(f"a template is longer than the output bound of {DEFAULT.output:,} characters")
    try:
        parser = Parser(source)
        body = parser.template()
    except ExpressionSyntaxError as error:
        error.within(source)
        raise
    except RecursionError:
        # brackets at every level of precedence can outgrow Python's stack before the depth bound is passed
        raise too_deep(DEFAULT.depth) from None
    return Template(source, body, parser.notes, parser.found_macros, parser.blocks)


_cached = lru_cache(maxsize=_CACHED_TEMPLATES)(parse_afresh)
