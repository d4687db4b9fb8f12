"""Forms of several parts, as `http.Request` sends them: fields, and files by their URI."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from penstock.errors import UserError
from penstock.ports.files import SCHEME
from penstock.ports.storage import namespace_file
from penstock.tasks.base import Context
from penstock.tasks.markers import text_of
from penstock.tasks.stored import own_file

MOST_CONTENT = 64 * 1024 * 1024
"""A form is made in memory (bytes)."""

_TYPE = "multipart/form-data"


def is_multipart(content_type: str | None) -> bool:
    return (content_type or "").partition(";")[0].strip().lower() == _TYPE


def multipart(fields: Mapping[str, Any], context: Context) -> tuple[bytes, str]:
    """The body, and its media type with the boundary. Raises UserError, NotFound.

    A field is text, the `kestra:///` or `nsfile:///` URI of a file, or `{name, content}`: a file under a name of its
    own.
    """
    boundary = "penstock-" + sha256(f"{context.idempotency_key}/{context.attempt}".encode()).hexdigest()[:32]
    body = bytearray()
    for field, value in fields.items():
        name, content = _part(value, context)
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(field)}"'.encode()
        if name is not None:
            body += f'; filename="{_quoted(name)}"\r\nContent-Type: application/octet-stream'.encode()
        body += b"\r\n\r\n" + content + b"\r\n"
        if len(body) > MOST_CONTENT:
            raise UserError(f"the form is larger than {MOST_CONTENT} bytes", help="send large files one by one")
    body += f"--{boundary}--\r\n".encode()
    return bytes(body), f"{_TYPE}; boundary={boundary}"


def _part(value: Any, context: Context) -> tuple[str | None, bytes]:
    """The file name, where the part is a file, and the content."""
    if isinstance(value, Mapping) and value.keys() == {"name", "content"}:
        return str(value["name"]), _part(value["content"], context)[1]
    if isinstance(value, str) and (found := namespace_file(value, context.flow.namespace)) is not None:
        with context.namespace_files.open(*found) as file:
            return value.rpartition("/")[2], file.read()
    if isinstance(value, str) and value.startswith(SCHEME):
        own_file(value, context)  # that it may be read
        if context.files.size(value) > MOST_CONTENT:
            raise UserError(f"`{value}` is larger than {MOST_CONTENT} bytes")
        with context.files.open(context.files.resolve(value)) as file:
            return value.rpartition("/")[2], file.read()
    if isinstance(value, dict | list):
        return None, json.dumps(value, ensure_ascii=False).encode()
    return None, str(text_of(value)).encode()


def _quoted(text: str) -> str:
    """As browsers write names within a header."""
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
