"""The parts of a ForEachItem that a worker does: a file is cut into batches, and what they have put out is joined.

Nothing of it is in memory but a line (kestra core, StorageService.split, ForEachItem.ForEachItemMergeOutputs).
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import PurePosixPath
from tempfile import SpooledTemporaryFile
from typing import IO, Any, BinaryIO

from pydantic import Field

from penstock.errors import UserError
from penstock.expression.regex.patterns import Program, compiled
from penstock.flow.foreach_item import MERGE, SPLIT, SPLITS, items_of
from penstock.ports.files import SCHEME, Files
from penstock.size import parse_size
from penstock.tasks.base import Context, Properties, Result, TaskFailed, TaskType
from penstock.tasks.calls import Batch
from penstock.tasks.markers import Dynamic, Text
from penstock.tasks.pieces import as_file
from penstock.tasks.stored import own_file

IN_MEMORY = 1 << 20
"""A batch that is larger lies in a temporary file until it is kept."""

LONGEST_LINE = 64 << 20
"""A line is in memory as a whole."""

MOST_PARTITIONS = 256
"""So many files are open at once, each with a sixteenth of that in memory."""

MOST_BATCHES = 1_000_000
"""Their numbers have as many digits."""


class SplitProperties(Properties):
    """Cuts a file into batches of lines."""

    items: Dynamic[Text] = Field(description="URI of the file")
    batch: Dynamic[Batch | None] = Field(None, description="How it is cut; line by line without")


class Split(TaskType):
    """Cuts a file into batches."""

    type = SPLIT
    properties = SplitProperties

    def run(self, properties: SplitProperties, context: Context) -> Result:
        uri = properties.items
        if not uri.startswith(SCHEME):
            raise TaskFailed(f"Unable to split the items from {uri}, this is not an internal storage URI!")
        batch = properties.batch or Batch.model_validate({})
        ending = PurePosixPath(uri).suffix or ".tmp"
        splits = context.uri("splits.txt")
        with ExitStack() as stack:
            source = stack.enter_context(context.files.open(context.files.resolve(own_file(uri, context))))
            listed = stack.enter_context(SpooledTemporaryFile(max_size=IN_MEMORY))
            context.files.put_each(_named(_batches(source, batch, stack), ending, context, listed))
            listed.seek(0)
            context.files.name(splits, context.files.put(as_file(_read(listed))))
        return Result({SPLITS: splits})


def _named(
    batches: Iterator[BinaryIO], ending: str, context: Context, listed: IO[bytes]
) -> Iterator[tuple[str, BinaryIO]]:
    """Each batch with its URI, which is written to the list."""
    for number, batch in enumerate(batches):
        if number == MOST_BATCHES:
            raise TaskFailed(f"the file has more than {MOST_BATCHES} batches")
        uri = context.uri(f"{number:06}{ending}")
        listed.write(f"\n{uri}".encode() if number else uri.encode())
        yield uri, batch


def _batches(source: BinaryIO, batch: Batch, stack: ExitStack) -> Iterator[BinaryIO]:
    """Each batch, to be read before the next is asked for. Raises UserError."""
    separator = "\n" if batch.separator is None else batch.separator
    lines = _lines(source)
    rows = (f"{line}{separator}".encode() for line in lines)
    if batch.regex_pattern is not None:
        yield from _grouped(lines, separator, compiled(batch.regex_pattern), stack)
    elif batch.bytes is not None:
        try:
            limit = parse_size(batch.bytes)
        except ValueError as error:
            raise UserError(str(error)) from error
        yield from _cut(rows, 1 << 62, limit)
    elif batch.partitions is not None:
        yield from _dealt(rows, batch.partitions, stack)
    else:
        yield from _cut(rows, 1 if batch.rows is None else batch.rows, 1 << 62)


def _lines(source: BinaryIO) -> Iterator[str]:
    text = io.TextIOWrapper(source, encoding="utf-8", errors="replace")
    for line in iter(lambda: text.readline(LONGEST_LINE), ""):
        if len(line) == LONGEST_LINE and not line.endswith("\n"):
            raise UserError(f"the file has a line of more than {LONGEST_LINE >> 20} million characters")
        yield line.removesuffix("\n")


def _cut(rows: Iterator[bytes], most_rows: int, most_bytes: int) -> Iterator[BinaryIO]:
    """A batch is over with the row by which it has enough."""
    for first in rows:
        with SpooledTemporaryFile(max_size=IN_MEMORY) as part:
            size, count = part.write(first), 1
            while size < most_bytes and count < most_rows and (row := next(rows, None)) is not None:
                size += part.write(row)
                count += 1
            part.seek(0)
            yield as_file(_read(part))


def _dealt(rows: Iterator[bytes], partitions: int, stack: ExitStack) -> Iterator[BinaryIO]:
    """The rows in turn, as cards are dealt; a batch that has got none is left out."""
    if not 1 <= partitions <= MOST_PARTITIONS:
        raise UserError(f"`partitions` is a number from 1 to {MOST_PARTITIONS}, not {partitions}")
    parts = [_part(stack) for _ in range(partitions)]
    for number, row in enumerate(rows):
        parts[number % partitions].write(row)
    yield from _filled(parts)


def _grouped(lines: Iterator[str], separator: str, pattern: Program, stack: ExitStack) -> Iterator[BinaryIO]:
    """The lines with the same first group, in the order in which groups came; those that do not match are left out
    (kestra core, StorageService.splitByRegex)."""
    parts: dict[str, IO[bytes]] = {}
    for line in lines:
        if not pattern.groups or (found := pattern.search(line)) is None:
            continue
        key = found.group(1) or ""
        if key not in parts:
            if len(parts) == MOST_PARTITIONS:
                raise UserError(f"`regexPattern` finds more than {MOST_PARTITIONS} different groups")
            parts[key] = _part(stack)
        parts[key].write(f"{line}{separator}".encode())
    yield from _filled(parts.values())


def _part(stack: ExitStack) -> IO[bytes]:
    return stack.enter_context(SpooledTemporaryFile(max_size=IN_MEMORY // 16))


def _filled(parts: Iterable[IO[bytes]]) -> Iterator[BinaryIO]:
    for part in parts:
        if part.tell():
            part.seek(0)
            yield as_file(_read(part))


def _read(file: IO[bytes]) -> Iterator[bytes]:
    yield from iter(lambda: file.read(IN_MEMORY), b"")


class MergeProperties(Properties):
    """Joins what the executions of the batches have put out."""


class MergeOutputs(TaskType):
    """Joins the outputs of the batches, in their order, into one file."""

    type = MERGE
    properties = MergeProperties

    def run(self, properties: MergeProperties, context: Context) -> Result:
        base = _base(context)
        kept = (
            []
            if base is None
            else sorted(context.files.list(base), key=lambda uri: int(uri[len(base) :].split("/")[0]))
        )
        if not kept:
            return Result()
        joined = as_file(_pieces(context.files, kept))
        uri = context.uri("outputs.ion")
        context.files.name(uri, context.files.put(joined))
        return Result({"subflowOutputs": uri})


def _pieces(files: Files, uris: list[str]) -> Iterator[bytes]:
    for uri in uris:
        with files.open(files.resolve(uri)) as file:
            yield from _read(file)


def _base(context: Context) -> str | None:
    """The folder in which the outputs lie, as the task before says; None where there was no batch."""
    found: Any = context.variables["outputs"].get(items_of(context.task.id))
    for parent in reversed(context.variables.get("parents", ())):
        value = parent["taskrun"].get("value")
        if value is not None and isinstance(found, Mapping):
            found = found.get(value)
    path = found.get("subflowOutputsBaseUri") if isinstance(found, Mapping) else None
    return None if path is None else SCHEME + str(path).strip("/") + "/"
