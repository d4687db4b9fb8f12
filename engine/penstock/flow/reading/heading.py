"""The name that a flow's text gives itself, without reading the rest of it where the usual lines say it."""

from __future__ import annotations

import re

from penstock.diagnostic import FlowName
from penstock.flow.reading.document import read_document

_VALUE = r"""(?:"([\w.-]+)"|'([\w.-]+)'|([\w.-]+))"""
_LINE = re.compile(rf"^(id|namespace):[ \t]+{_VALUE}[ \t]*(?:[ \t]#.*)?\r?$", re.MULTILINE)


def name_in(text: str) -> FlowName | None:
    """None where the text names no flow. Only the flow itself can have a key at the beginning of a line."""
    lines = _LINE.findall(text)
    found = {key: double or single or plain for key, double, single, plain in lines}
    if len(found) == len(lines) == 2 and not text.lstrip().startswith("{"):
        return FlowName(found["namespace"], found["id"])
    value = read_document(text.encode("utf-8", "surrogatepass"), "").value
    if not isinstance(value, dict):
        return None
    namespace, id_ = value.get("namespace"), value.get("id")
    return FlowName(namespace, id_) if isinstance(namespace, str) and isinstance(id_, str) else None
