"""Attempts to get out: template injections of other engines, reflection, reads of the host. All must stay inert."""

from __future__ import annotations

import pytest

from penstock.expression import ExpressionError, render


class Bait:
    """An object that a careless caller hands over: nothing of it may be reached."""

    secret = "leaked"

    def __str__(self) -> str:
        return "leaked"

    __repr__ = __str__

    def __getattr__(self, name: str) -> str:
        return "leaked"

    def __getitem__(self, key: object) -> str:
        return "leaked"

    def __call__(self) -> str:
        return "leaked"


CONTEXT: dict[str, object] = {
    "s": "text", "n": 5, "f": 1.5, "list": [1], "map": {"a": 1}, "none": None, "bait": Bait(), "b": True,
}  # fmt: skip

ATTEMPTS = [
    "''.__class__",
    "''.__class__.__mro__[1].__subclasses__()",
    "''['__class__']",
    "s.__class__.__base__",
    "s['__cla' ~ 'ss__']",
    "n.__class__",
    "f.__class__",
    "b.__class__",
    "none.__class__",
    "list.__class__",
    "list.__init__.__globals__",
    "list.append(1)",
    "list.pop()",
    "list.clear()",
    "list.sort()",
    "list.__len__()",
    "map.__class__",
    "map.items()",
    "map.update({'a': 2})",
    "map.pop('a')",
    "map.setdefault('x', 1)",
    "map.__getitem__('a')",
    "map['__class__']",
    "s.format(s)",
    "s.format_map(map)",
    "s.encode()",
    "s.join(list)",
    "'%s' % s",
    "s.getClass()",
    "s.class",
    "s['class']",
    "s.getClass().forName('java.lang.Runtime')",
    "s.class.forName('java.lang.Runtime').getRuntime().exec('id')",
    "list.getClass()",
    "map.getClass()",
    "s.notify()",
    "s.wait()",
    "s.hashCode()",
    "s.chars()",
    "s.describeConstable()",
    "self",
    "self.__init__.__globals__.__builtins__",
    "self._TemplateReference__context",
    "config",
    "config.items()",
    "request.application.__globals__",
    "cycler.__init__.__globals__.os.popen('id').read()",
    "lipsum.__globals__['os'].popen('id').read()",
    "get_flashed_messages.__globals__",
    "url_for.__globals__",
    "namespace.__init__",
    "loop.__class__",
    "range.__class__",
    "upper.__globals__",
    "import('os')",
    "__import__('os').system('id')",
    "eval('1')",
    "exec('1')",
    "open('/etc/passwd')",
    "getattr(s, 'upper')",
    "globals()",
    "dict(a=1)",
    "beans",
    "_context",
    "context",
    "locale",
    "template",
    "s | attr('__class__')",
    "list | map(attribute='__class__')",
    "s | raw",
    "s | escape",
    "s is instanceof('x')",
    "(1).__class__",
    "max.__self__",
    "[].__class__",
    "{}.__class__",
    "bait",
    "bait.secret",
    "bait['secret']",
    "bait()",
    "bait.secret()",
    "bait ~ ''",
    "bait | upper",
    "bait | toJson",
    "[bait]",
    "'' + bait",
    "${7*7}",
    "<%= 7*7 %>",
    "#{7*7}",
    "*{7*7}",
    "@{7*7}",
    "T(java.lang.Runtime).getRuntime().exec('id')",
    "s\n.\n__class__",
]
TAGS = [
    "{% import os %}",
    "{% include '/etc/passwd' %}",
    "{% extends '/etc/passwd' %}",
    "{% from 'x' import y %}",
    "{% autoescape false %}{% endautoescape %}",
    "{% set x = s.__class__ %}",
    "{% for c in s.__class__.__subclasses__() %}{% endfor %}",
    "{% macro m(a=s.getClass()) %}{{ a }}{% endmacro %}{{ m() }}",
    "{% filter __class__ %}{% endfilter %}",
    "{{ render('{{ s.__class__ }}') }}",
    "{{ renderOnce(\"{{ s['cl' ~ 'ass'] }}\") }}",
    '{{ "#{s.__class__}" }}',
    "{% raw %}{% endraw %}{{ s.__class__ }}",
]


@pytest.mark.parametrize("template", ["{{ " + attempt + " }}" for attempt in ATTEMPTS] + TAGS)
def test_an_attempt_to_get_out_is_an_error_of_the_expression(template: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        render(template, CONTEXT)
    assert "leaked" not in caught.value.message


@pytest.mark.parametrize("template", ["${7*7}", "<%= 7*7 %>", "#{7*7}", "{7*7}", "{ {7*7} }", "@(7*7)", "[[${7*7}]]"])
def test_the_marks_of_other_engines_are_text(template: str) -> None:
    assert render(template, CONTEXT) == template


def test_what_a_value_holds_is_not_rendered_again() -> None:
    assert render("{{ x }}", {"x": "{{ secret('K') }}{% raw %}"}) == "{{ secret('K') }}{% raw %}"


def test_no_attempt_changes_the_variables() -> None:
    assert CONTEXT["list"] == [1]
    assert CONTEXT["map"] == {"a": 1}
