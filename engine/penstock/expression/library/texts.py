"""Filters of texts, and the text of a block."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from penstock.expression.errors import ExpressionError
from penstock.expression.library import arguments
from penstock.expression.regex import patterns
from penstock.expression.registry import filter_, function
from penstock.expression.scope import Scope
from penstock.expression.stringify import is_list, kind_of

_ESCAPES = {"single": ("'", "\\'"), "double": ('"', '\\"'), "shell": ("'", "'\\''")}


@filter_(
    "upper",
    says="A text in capital letters.",
    example="{{ 'penstock' | upper }}",
)
def _upper(scope: Scope, value: object) -> str:
    return arguments.as_text(scope, value).upper()


@filter_(
    "lower",
    says="A text in small letters.",
    example="{{ 'PENSTOCK' | lower }}",
)
def _lower(scope: Scope, value: object) -> str:
    return arguments.as_text(scope, value).lower()


@filter_(
    "trim",
    says="A text without the white space at its ends.",
    example="{{ '  both  ' | trim }}",
)
def _trim(scope: Scope, value: object) -> str:
    return arguments.as_text(scope, value).strip()


@filter_(
    "capitalize",
    says="A text with a capital first letter; the rest stays as it is.",
    example="{{ 'every day' | capitalize }}",
)
def _capitalize(scope: Scope, value: object) -> str:
    """The first letter large; the rest, unlike Python's, stays as it is."""
    text = arguments.as_text(scope, value)
    start = len(text) - len(text.lstrip())
    return text[:start] + text[start : start + 1].title() + text[start + 1 :]


@filter_(
    "title",
    says="A text with a capital first letter for every word.",
    example="{{ 'every day' | title }}",
)
def _title(scope: Scope, value: object) -> str:
    """The first letter of each word large; a word goes from space to space."""
    pieces = re.split(r"(\s+)", arguments.as_text(scope, value))
    return "".join(piece[:1].title() + piece[1:] for piece in pieces)


@filter_(
    "abbreviate",
    "length",
    says="A text cut to a length, three dots at its end included.",
    example="{{ 'a long sentence' | abbreviate(9) }}",
)
def _abbreviate(scope: Scope, value: object, length: object) -> str:
    text, width = arguments.as_text(scope, value), arguments.whole(length, "the length")
    if width < 0:
        raise ExpressionError("the length of `abbreviate` must be greater than zero")
    if len(text) < width or len(text) <= 3:
        return text
    return text[:width] if width <= 3 else text[: width - 3] + "..."


@filter_(
    "split",
    "delimiter",
    ("limit", 0),
    says="A text cut into a list at each match of a regular expression.",
    example="{{ 'a, b,c' | split(', *') }}",
)
def _split(scope: Scope, value: object, delimiter: object, limit: object) -> object:
    most = 0 if limit is None else arguments.whole(limit, "the limit")
    text = arguments.text(value, "what is split")
    return patterns.split(text, arguments.text(delimiter, "the delimiter"), most, scope.meter)


@filter_(
    "replace",
    "replace_pairs",
    ("regexp", False),
    says="A text, or every text of a list or map, with the keys of a map replaced by its values.",
    example="{{ 'a-b-c' | replace({'-': '/'}) }}",
)
def _replace(scope: Scope, value: object, pairs: object, regexp: object) -> object:
    """In texts, and in every text of a list or map (Kestra's ReplaceFilter); pairs one after the other."""
    changes = arguments.entries(pairs, "the argument `replace_pairs`")
    by_pattern = arguments.flag(regexp, "the argument `regexp`")
    wanted = [(arguments.as_text(scope, key), arguments.as_text(scope, changes[key])) for key in changes]

    def change(text: str) -> str:
        for old, new in wanted:
            if by_pattern:
                text = patterns.replace_all(text, old, new, scope.meter)
            else:
                scope.meter.made_text(len(text) + text.count(old) * max(len(new) - len(old), 0))
                text = text.replace(old, new)
        return text

    return _each_text(scope, value, change, scope.meter.budget.depth)


@filter_(
    "regexMatch",
    "regex",
    says="Whether a regular expression matches somewhere in a text.",
    example="{{ 'build-42' | regexMatch('[0-9]+$') }}",
    since="1.0",
)
def _regex_match(scope: Scope, value: object, regex: object) -> bool:
    pattern = patterns.compiled(arguments.text(regex, "the pattern"))
    return pattern.search(arguments.as_text(scope, value)) is not None


@filter_(
    "regexReplace",
    "regex",
    "replacement",
    says="A text with every match of a regular expression replaced; `$1` is its first group.",
    example="{{ '2024-07-02' | regexReplace('(\\d+)-(\\d+)-(\\d+)', '$3.$2.$1') }}",
    since="1.0",
)
def _regex_replace(scope: Scope, value: object, regex: object, replacement: object) -> str:
    text = arguments.as_text(scope, value)
    pattern = arguments.text(regex, "the pattern")
    return patterns.replace_all(text, pattern, arguments.text(replacement, "the replacement"), scope.meter)


@filter_(
    "regexExtract",
    "regex",
    ("group", 0),
    says="The first match of a regular expression, or one of its groups; null where nothing matches.",
    example="{{ 'build-42' | regexExtract('build-([0-9]+)', 1) }}",
    since="1.0",
)
def _regex_extract(scope: Scope, value: object, regex: object, group: object) -> object:
    """The first match, or one of its groups; null when nothing matches."""
    pattern = patterns.compiled(arguments.text(regex, "the pattern"))
    index = arguments.whole(group, "the group")
    if not 0 <= index <= pattern.groups:
        raise ExpressionError(f"the pattern has {pattern.groups} groups, not {index}")
    found = pattern.search(arguments.as_text(scope, value))
    return None if found is None else found.group(index)


@filter_(
    "startsWith",
    "value",
    says="Whether a text begins with another.",
    example="{{ 'kestra:///a' | startsWith('kestra:') }}",
)
def _starts_with(scope: Scope, value: object, start: object) -> bool:
    return arguments.as_text(scope, value).startswith(arguments.text(start, "the start"))


@filter_(
    "endsWith",
    "value",
    says="Whether a text ends with another.",
    example="{{ 'rows.csv' | endsWith('.csv') }}",
)
def _ends_with(scope: Scope, value: object, end: object) -> bool:
    return arguments.as_text(scope, value).endswith(arguments.text(end, "the end"))


@filter_(
    "substringBefore",
    "separator",
    says="A text up to the first place of a separator.",
    example="{{ 'a.b.c' | substringBefore('.') }}",
)
def _before(scope: Scope, value: object, separator: object) -> str:
    text, mark = arguments.as_text(scope, value), arguments.text(separator, "the separator")
    return text.partition(mark)[0] if mark else ""


@filter_(
    "substringBeforeLast",
    "separator",
    says="A text up to the last place of a separator.",
    example="{{ 'a.b.c' | substringBeforeLast('.') }}",
)
def _before_last(scope: Scope, value: object, separator: object) -> str:
    text, mark = arguments.as_text(scope, value), arguments.text(separator, "the separator")
    return text.rpartition(mark)[0] if mark and mark in text else text


@filter_(
    "substringAfter",
    "separator",
    says="A text from behind the first place of a separator.",
    example="{{ 'a.b.c' | substringAfter('.') }}",
)
def _after(scope: Scope, value: object, separator: object) -> str:
    text, mark = arguments.as_text(scope, value), arguments.text(separator, "the separator")
    return text.partition(mark)[2] if mark else text


@filter_(
    "substringAfterLast",
    "separator",
    says="A text from behind the last place of a separator.",
    example="{{ 'a.b.c' | substringAfterLast('.') }}",
)
def _after_last(scope: Scope, value: object, separator: object) -> str:
    text, mark = arguments.as_text(scope, value), arguments.text(separator, "the separator")
    return text.rpartition(mark)[2] if mark and mark in text else ""


@filter_(
    "escapeChar",
    "type",
    says="A text with its quotes escaped: `single`, `double`, or `shell`.",
    example="echo '{{ \"it's\" | escapeChar('shell') }}'",
)
def _escape_char(scope: Scope, value: object, kind: object) -> object:
    pair = _ESCAPES.get(arguments.text(kind, "the argument `type`").lower())
    if pair is None:
        raise ExpressionError("the argument `type` of `escapeChar` is one of `single`, `double` and `shell`")
    old, new = pair

    def change(text: str) -> str:
        scope.meter.made_text(len(text) + text.count(old) * (len(new) - 1))
        return text.replace(old, new)

    return _each_text(scope, value, change, scope.meter.budget.depth)


@filter_(
    "indent",
    "amount",
    ("prefix", " "),
    says="A text whose lines, but for the first, begin with a prefix so many times.",
    example='list:\n  {{ "- a\n- b" | indent(2) }}',
)
def _indent(scope: Scope, value: object, amount: object, prefix: object) -> str:
    """Every line but the first, which stands where the expression stands."""
    return _indented(scope, arguments.as_text(scope, value), amount, prefix)


@filter_(
    "nindent",
    "amount",
    ("prefix", " "),
    says="A text behind a line break, whose lines all begin with a prefix so many times.",
    example="list:{{ '- a' | nindent(2) }}",
)
def _nindent(scope: Scope, value: object, amount: object, prefix: object) -> str:
    """Every line, behind a line break."""
    text = arguments.as_text(scope, value)
    return _indented(scope, _line_end(text) + text, amount, prefix) if text else text


@filter_(
    "slugify",
    says="A text as it may stand in an address: small letters, digits and dashes.",
    example="{{ 'Été à Paris' | slugify }}",
)
def _slugify(scope: Scope, value: object) -> str:
    from unicodedata import normalize

    text = re.sub(r"[ \t\n\x0b\f\r]", "-", arguments.as_text(scope, value))
    text = re.sub(r"[^A-Za-z0-9_-]", "", normalize("NFD", text)).replace("_", "-")
    text = re.sub(r"-{2,}", "-", text)
    return text.removeprefix("-").removesuffix("-").lower()


@function(
    "block",
    "name",
    says="The text of a block of this template, once more.",
    example="{% block 'name' %}penstock{% endblock %}, {{ block('name') }}",
)
def _block(scope: Scope, name: object) -> str:
    """The text of a block of this template, once more."""
    body = scope.template.blocks.get(arguments.text(name, "the argument `name`"))
    if body is None:
        raise ExpressionError("there is no such block in this template")
    scope.meter.enter()
    try:
        return body.text(scope)
    finally:
        scope.meter.leave()


def _indented(scope: Scope, text: str, amount: object, prefix: object) -> str:
    count = arguments.whole(amount, "the argument `amount`")
    if count < 0:
        raise ExpressionError("the argument `amount` must not be negative")
    lead = arguments.text(prefix, "the argument `prefix`")
    end = _line_end(text)
    scope.meter.made_text(len(text) + text.count(end) * len(lead) * count)
    return text.replace(end, end + lead * count) if end in text else text


def _line_end(text: str) -> str:
    return next((end for end in ("\r\n", "\n\r", "\n", "\r") if end in text), "\n")


def _each_text(scope: Scope, value: object, change: patterns.Change, room: int) -> object:
    """`change` done to a text, or to every text of a list or map; other scalars become texts, null stays."""
    if isinstance(value, str):
        return change(value)
    if value is None:
        return None
    if room <= 0:
        raise ExpressionError(f"a {kind_of(value)} nested this deep cannot be changed")
    scope.meter.tick()
    if isinstance(value, Mapping):
        return {key: _each_text(scope, value[key], change, room - 1) for key in value}
    if is_list(value) and isinstance(value, Sequence):
        return [_each_text(scope, item, change, room - 1) for item in value]
    return change(arguments.as_text(scope, value))
