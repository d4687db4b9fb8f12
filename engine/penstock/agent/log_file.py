"""A log that becomes a file of its task run (`logToFile`)."""

from __future__ import annotations

from collections.abc import Iterable
from tempfile import TemporaryFile

from penstock.tasks.base import Context


def kept_log(context: Context, text: Iterable[bytes]) -> str:
    """The URI under which the log of an attempt, masked as it is, is kept. Raises Stalled on a full disk."""
    uri = context.uri(f"attempt-{context.attempt}.log")
    with TemporaryFile() as file:
        for piece in text:
            file.write(piece)
        file.seek(0)
        context.files.name(uri, context.files.put(file))
    return uri
