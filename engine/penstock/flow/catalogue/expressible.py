"""Where text with an expression may stand in the place of a value: what a JSON Schema says then."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

Schema = dict[str, Any]

EXPRESSION: Schema = {"type": "string", "pattern": r"\{\{|\{%"}
"""Text that holds an expression: what any rendered property accepts in the place of its value."""


def accepts_text(schema: Mapping[str, Any], about: Collection[str]) -> bool:
    """Whether any text is accepted anyway. `about` are the keywords that only describe."""
    if "anyOf" in schema:
        return any(accepts_text(part, about) for part in schema["anyOf"])
    if schema.keys() <= set(about):
        return True
    kinds = schema.get("type", ())
    bound = "pattern" in schema or "enum" in schema or "format" in schema
    return not bound and ("string" in kinds if isinstance(kinds, list) else kinds == "string")


def or_expression(schema: Schema, about: Collection[str]) -> Schema:
    """The same, or text that holds an expression. What describes the property (`about`) stays outside."""
    told = {key: schema[key] for key in about if key in schema}
    plain = {key: value for key, value in schema.items() if key not in told}
    parts = plain["anyOf"] if plain.keys() == {"anyOf"} else [plain]
    return {"anyOf": [*parts, EXPRESSION]} | told
