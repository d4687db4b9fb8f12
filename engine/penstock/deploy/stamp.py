"""The inventory of flows: a last line in the text of each that says who has deployed it, and as what.

It is a comment, and both Kestra and a folder keep a flow's text as it is given (Kestra core, FlowWithSource, 1.x and
2.0). So a flow and the record that it is ours are written at once, nothing else can be lost or be out of step, and the
flow means what it meant: a label would be inherited by all of its executions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256

_MARK = "# penstock.deployed "
_LINE = re.compile(r"# penstock\.deployed by=(?P<owner>\S+) sha256=(?P<digest>[0-9a-f]{64})\s*\Z")


@dataclass(frozen=True, slots=True)
class Stamp:
    """`digest` is of the text that was deployed."""

    owner: str
    digest: str


def stamped(text: str, owner: str) -> str:
    """The text as it is deployed."""
    body, _ = unstamped(text)
    lead = body if body.endswith("\n") or not body else body + "\n"
    return f"{lead}# penstock.deployed by={owner} sha256={digest(body)}\n"


def unstamped(text: str) -> tuple[str, Stamp | None]:
    """The flow's own text, and what the line says where there is one."""
    start = text.rfind(_MARK)
    found = _LINE.match(text, start) if start >= 0 and text[start - 1 : start] in ("", "\n") else None
    if found is None:
        return text, None
    return text[:start], Stamp(found["owner"], found["digest"])


def digest(body: str) -> str:
    """Of a text, however its lines end and whatever empty ones it ends with: servers differ in both."""
    return sha256(body.replace("\r\n", "\n").rstrip().encode("utf-8", "surrogatepass")).hexdigest()
