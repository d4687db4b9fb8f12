"""What jsonschema found, as findings in plain words: where in the value, what, and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from penstock.diagnostic import did_you_mean
from penstock.flow.mends import iso_length, meant


@dataclass(frozen=True, slots=True)
class Violation:
    """One fault of a value against its schema. `path` leads to the value; `at_key` wants its key, not the value.

    `meant` is what must have been meant in its place, `is_text` says that quotes make the value what it must be.
    `is_bare` says the same of taking them away. `missing` is the property that the mapping at `path` lacks, where that
    is the fault.
    """

    code: str
    path: tuple[str | int, ...]
    message: str
    help: str | None = None
    at_key: bool = False
    meant: str | None = None
    is_text: bool = False
    is_bare: bool = False
    missing: str | None = None


_NAMES = {
    "string": "text", "integer": "a whole number", "number": "a number", "boolean": "true or false",
    "null": "nothing", "array": "a list", "object": "a mapping",
}  # fmt: skip
MAX_VIOLATIONS = 200
_FEW = 16
"""So many properties are listed where another is written; of more, `penstock explain` tells."""
_ISO = "a duration such as PT30S, PT5M or P1D"


def violations(validator: Any, value: Any) -> list[Violation]:
    """The faults of `value` by a jsonschema validator, one each, the inner before the outer; MAX_VIOLATIONS at most."""
    found: dict[tuple[Any, ...], Violation] = {}
    faults = (fault for error in validator.iter_errors(value) for fault in _explain(error))
    for fault in islice(faults, MAX_VIOLATIONS):
        found.setdefault((fault.path, fault.code, fault.at_key, fault.message), fault)
    return sorted(found.values(), key=lambda fault: -len(fault.path))


def _explain(error: Any) -> Iterator[Violation]:
    path = tuple(error.absolute_path)
    wanted, value = error.validator_value, error.instance
    match error.validator:
        case "required":
            missing = _missing(error)
            mend = _required_help(error, missing)
            yield Violation("PEN201", path, f"`{missing}` is missing", mend, at_key=True, missing=missing)
        case "additionalProperties" | "unevaluatedProperties" if isinstance(value, dict):
            yield from _unknown(error, path)
        case "anyOf" | "oneOf":
            yield from _alternatives(error, path)
        case "type":
            yield _type(path, value, wanted, is_length=_is_length(error.schema))
        case "enum":
            names = [str(one) for one in wanted if one is not None]
            listed = ", ".join(f"`{name}`" for name in names[:12]) + (", …" if len(names) > 12 else "")
            near = did_you_mean(value, names) if isinstance(value, str) else None
            likely = meant(value, names) if isinstance(value, str) else None
            yield Violation("PEN205", path, f"{shown(value)} is not one of {listed}", near, meant=likely)
        case "const":
            yield Violation("PEN205", path, f"expected `{wanted}`, got {shown(value)}")
        case "pattern":
            yield _pattern(path, value, wanted, error.schema)
        case "minItems" | "minProperties" | "minLength" if not value:
            yield Violation("PEN206", path, "must not be empty")
        case "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties":
            than = "fewer" if error.validator.startswith("min") else "more"
            unit = {"L": "characters", "I": "items", "P": "properties"}[error.validator[3]]
            message = f"has {len(value)} {unit}, and may not have {than} than {wanted}"
            yield Violation("PEN206", path, message)
        case "minimum" | "exclusiveMinimum":
            more = "greater than" if "ex" in error.validator else "at least"
            yield Violation("PEN207", path, f"{shown(value)} must be {more} {wanted}")
        case "maximum" | "exclusiveMaximum":
            less = "less than" if "ex" in error.validator else "at most"
            yield Violation("PEN207", path, f"{shown(value)} must be {less} {wanted}")
        case "propertyNames" | "if" | "allOf" if error.context:
            for inner in error.context:
                yield from _explain(inner)
        case "uniqueItems":
            yield Violation("PEN206", path, "holds the same item twice")
        case "not" | None:
            yield Violation("PEN203", path, f"{shown(value)} is not allowed here")
        case _:
            yield Violation("PEN203", path, _plain(error.message))


def _missing(error: Any) -> str:
    """jsonschema reports one error a missing property, and names it only in its message."""
    match = re.match(r"'(.+)' is a required property", error.message)
    if match is not None:
        return match[1]
    return str(next(name for name in error.validator_value if name not in error.instance))


def _required_help(error: Any, missing: str) -> str | None:
    properties = error.schema.get("properties", {})
    described = properties.get(missing, {})
    text = described.get("description") if isinstance(described, Mapping) else None
    if isinstance(text, str) and text:
        return f"`{missing}`: {text.splitlines()[0].rstrip('.')}"
    return f"add `{missing}:`"


def _unknown(error: Any, path: tuple[str | int, ...]) -> Iterator[Violation]:
    known = list(error.schema.get("properties", {}))
    patterns = [re.compile(pattern) for pattern in error.schema.get("patternProperties", {})]
    for name in error.instance:
        if name in known or any(pattern.search(name) for pattern in patterns):
            continue
        near = did_you_mean(name, known)
        if near is None and 0 < len(known) <= _FEW:
            near = "known are " + ", ".join(f"`{one}`" for one in known)
        likely = meant(name, known)
        if likely in error.instance:
            likely = None
        yield Violation("PEN202", (*path, name), f"unknown property `{name}`", near, at_key=True, meant=likely)


def _alternatives(error: Any, path: tuple[str | int, ...]) -> Iterator[Violation]:
    """The faults of the alternative that was meant; where none was, what would have been accepted."""
    if not error.context:  # oneOf, and more than one fits
        yield Violation("PEN203", path, "fits more than one of the alternatives, and must fit one")
        return
    branches: dict[int, list[Any]] = {}
    for inner in error.context:
        branches.setdefault(inner.schema_path[0], []).append(inner)
    meant = [
        inner for inner in branches.values()
        if not any(one.validator in ("type", "const", "enum") and not one.path for one in inner)
        and not _wants_expression(inner)
    ]  # fmt: skip
    if meant:
        best = min(
            meant, key=lambda inner: (any(not one.path and one.validator == "required" for one in inner), len(inner))
        )
        for one in best:
            yield from _explain(one)
        return
    choices = [inner for inner in branches.values() if not _wants_expression(inner)]
    enums = [one for inner in choices for one in inner if one.validator == "enum" and not one.path]
    types = [
        one.validator_value for inner in choices for one in inner if one.validator == "type" and not one.path
    ]  # fmt: skip
    if enums and (isinstance(error.instance, str) or not types):
        yield from _explain(enums[0])
    elif types:
        flat = [name for kind in types for name in ([kind] if isinstance(kind, str) else kind)]
        yield _type(path, error.instance, flat, is_length=any(_is_length(one.schema) for one in error.context))
    else:
        for one in next(iter(branches.values())):
            yield from _explain(one)


def _wants_expression(errors: Iterable[Any]) -> bool:
    """The alternative that our generator adds to every renderable property: text with `{{` in it."""
    return any("{{" in str(one.schema.get("pattern", "")).replace("\\", "") for one in errors)


def _type(path: tuple[str | int, ...], value: Any, wanted: str | list[str], *, is_length: bool) -> Violation:
    if is_length and isinstance(value, int | float) and not isinstance(value, bool):
        lengths = f"write PT{value}S for seconds, PT{value}M for minutes"
        return Violation("PEN208", path, f"{shown(value)} is not a duration", lengths)
    is_bare = _is_bare(value, wanted)
    got = f"the text {shown(value)}" if is_bare else shown(value)
    mend = "take the quotes away" if is_bare else _type_help(value, wanted)
    message = f"expected {kinds(wanted)}, got {got}"
    return Violation("PEN203", path, message, mend, is_text=_is_text(value, wanted), is_bare=is_bare)


def _is_length(schema: Any) -> bool:
    """Whether the value is to be a duration."""
    return isinstance(schema, Mapping) and (
        schema.get("format") == "duration" or str(schema.get("pattern", "")).startswith(("^P", "^[-+]?P", "^-?P"))
    )


def _is_bare(value: Any, wanted: str | list[str]) -> bool:
    """Whether it is text that without its quotes is what is wanted."""
    names = [wanted] if isinstance(wanted, str) else wanted
    if not isinstance(value, str) or "string" in names:
        return False
    if value in ("true", "false"):
        return "boolean" in names
    whole, number = re.fullmatch(r"-?[0-9]{1,18}", value), re.fullmatch(r"-?[0-9]{1,18}\.[0-9]{1,18}", value)
    return (whole is not None and ("integer" in names or "number" in names)) or (
        number is not None and "number" in names
    )


def _is_text(value: Any, wanted: str | list[str]) -> bool:
    names = [wanted] if isinstance(wanted, str) else wanted
    return "string" in names and isinstance(value, bool | int | float)


def _pattern(path: tuple[str | int, ...], value: Any, pattern: str, schema: Mapping[str, Any]) -> Violation:
    if _is_length(schema):
        length = iso_length(value) if isinstance(value, str) else None
        return Violation("PEN208", path, f"{shown(value)} is not a duration", f"write {length or _ISO}", meant=length)
    return Violation("PEN206", path, f'{shown(value)} must match "{pattern}"', _pattern_help(value))


def _pattern_help(value: Any) -> str | None:
    odd = sorted({char for char in str(value) if not (char.isalnum() or char in "._-")})
    if odd and len(str(value)) <= 150:
        return "not allowed here: " + ", ".join("a space" if char == " " else f"`{char}`" for char in odd[:6])
    return None


def kinds(wanted: str | Iterable[str]) -> str:
    """`a list or a mapping`: the schema's types in words."""
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    words = list(dict.fromkeys(_NAMES.get(name, name) for name in names if name != "null" or len(names) == 1))
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def shown(value: Any) -> str:
    """A value as a sentence can hold it."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "`true`" if value else "`false`"
        case str():
            flat = " ".join(value.split())
            return f"`{flat[:57]}…`" if len(flat) > 60 else f"`{flat}`" if flat else "empty text"
        case dict():
            return "a mapping"
        case list():
            return "a list"
    return f"`{value}`"


def _type_help(value: Any, wanted: str | Iterable[str]) -> str | None:
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    if _is_text(value, names):
        return "put it in quotes to make it text"
    if names == ["boolean"] and isinstance(value, str | int | float):
        return "write `true` or `false`"
    if "array" in names and isinstance(value, str | dict):
        return "begin each item with `- `"
    if isinstance(value, dict) and len(value) == 1 and next(iter(value.values())) is None:
        return 'an expression needs quotes: "{{ … }}"'
    return None


def _plain(message: str) -> str:
    text = " ".join(str(message).split()).rstrip(".")
    return text if len(text) <= 200 else text[:197] + "…"
