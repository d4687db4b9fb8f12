"""Schemas of other people, judged so that it always ends: patterns by RE2, and so many references, not more.

A schema without references takes time in proportion to itself and the value. With them it may double at every step:
a value is not judged on when more of them would have to be followed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from penstock.flow.judging.schema import Check, Unsupported, compile_check
from penstock.flow.judging.validators import compiled

MOST_REFERENCES = 50_000
MOST_TOLD = 3_000
"""The same for jsonschema, which tells what is wrong, and takes a hundred times as long."""


class _Exhausted(Exception):
    """More references than one judgement may follow."""


class Guard:
    """Judges by one schema. The count is of the judgement that began last: threads that share a guard share it."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema
        self._left = 0
        self._validator: Any = None
        try:
            self._check: Check = compile_check(schema, search=_search, follow=self._follow)
        except Unsupported:
            self._check = lambda value: next(self._errors(value), None) is None

    def check(self, value: Any) -> bool:
        """Whether the value fits, as far as it was judged."""
        self._left = MOST_REFERENCES
        try:
            return self._check(value)
        except _Exhausted:
            return True

    def iter_errors(self, value: Any) -> Iterator[Any]:
        """The errors of jsonschema, as its validators give them."""
        self._left = MOST_TOLD
        try:
            yield from self._errors(value)
        except _Exhausted:
            return

    def _follow(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise _Exhausted

    def _errors(self, value: Any) -> Iterator[Any]:
        if self._validator is None:
            self._validator = self._made()
        errors: Iterator[Any] = self._validator.iter_errors(value)
        return errors

    def _made(self) -> Any:
        from jsonschema import validators
        from jsonschema.exceptions import ValidationError

        extend: Any = validators.extend
        plain = validators.Draft202012Validator.VALIDATORS["$ref"]

        def reference(validator: Any, ref: str, instance: Any, schema: Any) -> Iterator[Any]:
            self._follow()
            yield from plain(validator, ref, instance, schema) or ()

        def pattern(_: Any, wanted: str, instance: Any, __: Any) -> Iterator[Any]:
            if isinstance(instance, str) and not _search(wanted)(instance):
                yield ValidationError(f"{instance!r} does not match {wanted!r}")

        return extend(validators.Draft202012Validator, {"$ref": reference, "pattern": pattern})(self._schema)


def _search(pattern: str) -> Callable[[str], object]:
    """What RE2 does not read is a pattern of our own, of what every task may have: those of others are left out."""
    try:
        search: Callable[[str], object] = compiled(pattern).search
    except ValueError:
        return re.compile(pattern).search
    return search
