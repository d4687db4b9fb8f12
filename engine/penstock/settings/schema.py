"""The JSON schema of penstock.yaml, made from the table of settings: for editors, and for whoever reads without us."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from penstock.settings.table import PROJECT, TABLE, Key, nested

FILE = "v1/penstock.json"
"""Where it lies among `penstock_schemas`."""

_ID = "https://penstock.dev/schemas/v1/penstock.json"


def penstock_yaml_schema() -> dict[str, Any]:
    """JSON schema, draft 2020-12. A key with no value stands for an absent one, as the reading has it."""
    keys = {key.name: key for key in TABLE if PROJECT in key.files}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": _ID,
        "title": "penstock.yaml",
        "description": "The settings of a repository of flows. All of them are optional.",
        **_object(nested(keys)),
    }


def schema_text() -> str:
    """The schema as it is committed."""
    return json.dumps(penstock_yaml_schema(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def publish(schemas: Path) -> Path:
    """Write the schema below the folder of `penstock_schemas`; the file."""
    path = schemas / FILE
    path.write_text(schema_text(), encoding="utf-8", newline="\n")
    return path


def _object(shape: dict[str, Any]) -> dict[str, Any]:
    properties = {name: _property(one) if isinstance(one, Key) else _object(one) for name, one in shape.items()}
    return {"type": ["object", "null"], "properties": properties, "additionalProperties": False}


def _property(key: Key) -> dict[str, Any]:
    return {"description": key.help, "anyOf": [key.kind.schema(), {"type": "null"}]}
