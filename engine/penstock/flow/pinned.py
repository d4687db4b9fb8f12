"""The text that executions are pinned to: a flow's source, and what the repository decides for all flows with it.

A repository without plugin defaults has the source itself pinned, byte for byte. With defaults, a first line, a YAML
comment, carries them: so that the same text is read the same way for as long as an execution needs it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from penstock.flow.defaults import Default, outside_defaults

_HEAD = b"# penstock-defaults: "


@dataclass(frozen=True, slots=True)
class PinnedText:
    """`digest` is the SHA-256 of `content`, in hexadecimal."""

    content: bytes
    digest: str


def pinned_text(source: bytes, defaults: Sequence[Default]) -> PinnedText:
    """`source` with the defaults that are in force for it."""
    content = source
    if defaults:
        entries = [{"type": each.type, "values": dict(each.values), "forced": each.forced} for each in defaults]
        content = _HEAD + json.dumps(entries).encode() + b"\n" + source
    return PinnedText(content, sha256(content).hexdigest())


def unpinned(content: bytes) -> tuple[bytes, tuple[Default, ...]]:
    """The source and the defaults of a pinned text."""
    if not content.startswith(_HEAD):
        return content, ()
    head, _, source = content.partition(b"\n")
    return source, outside_defaults(json.loads(head.removeprefix(_HEAD)))
