"""Mends what has one right answer: edits of findings applied to the text, every other byte kept, until none is left."""

from __future__ import annotations

import os
import stat
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from penstock.diagnostic import Diagnostic, Edit, Position
from penstock.errors import UserError
from penstock.flow.layout.tree import FlowFile
from penstock.flow.reading.document import line_starts, read_document
from penstock.settings import git_root
from penstock.validation.check import Report

MOST_ROUNDS = 10
"""A mend may show what was hidden behind a fault, and that is mended in the next round."""

_BOM = b"\xef\xbb\xbf"

Judge = Callable[[Sequence[FlowFile]], Report]
"""What a repository's files come to: `check_files` with its catalogue and options."""


@dataclass(frozen=True, slots=True)
class Mended:
    """What has become of the files: `files` holds those that changed, before and after; `report` is what is left."""

    files: tuple[tuple[FlowFile, bytes, bytes], ...]
    count: int
    report: Report

    @property
    def sentence(self) -> str:
        return f"{_counted(self.count, 'problem')} in {_counted(len(self.files), 'file')}"


def mend(files: Sequence[FlowFile], judge: Judge, *, unsafe: bool = False) -> Mended:
    """Applies the edits of all findings, judges anew, and so on until nothing can be mended. Writes nothing.

    `unsafe` takes edits too that may not be what was meant. Raises UserError when a file cannot be read.
    """
    before = {file.shown: file.read() for file in files}
    now = dict(before)
    spoilt: set[str] = set()
    count = 0
    report = judge(files)
    for _ in range(MOST_ROUNDS):
        changed = _round(report.diagnostics, now, spoilt, unsafe=unsafe)
        if not changed:
            break
        for shown, (data, applied) in changed.items():
            now[shown] = data
            count += applied
        report = judge([replace(file, data=now[file.shown]) for file in files])
    touched = tuple(
        (file, before[file.shown], now[file.shown]) for file in files if now[file.shown] != before[file.shown]
    )
    return Mended(touched, count, report)


def _round(
    found: Iterable[Diagnostic], now: Mapping[str, bytes], spoilt: set[str], *, unsafe: bool
) -> dict[str, tuple[bytes, int]]:
    """The files that change, and how many findings are mended in each."""
    edits: dict[str, list[Edit]] = {}
    for one in found:
        if one.fix is not None and (one.fix.safe or unsafe) and one.file in now and one.file not in spoilt:
            edits.setdefault(one.file, []).append(one.fix)
    changed = {}
    for shown, wanted in edits.items():
        data, applied = mended_bytes(now[shown], wanted)
        if data == now[shown]:
            continue
        if _spoils(now[shown], data, shown):
            spoilt.add(shown)
        else:
            changed[shown] = (data, applied)
    return changed


def _spoils(before: bytes, after: bytes, shown: str) -> bool:
    """Whether a file that could be read cannot be read any more: then an edit was wrong, and none is kept."""
    return read_document(before, shown).is_sound and not read_document(after, shown).is_sound


def mended_bytes(data: bytes, edits: Iterable[Edit]) -> tuple[bytes, int]:
    """A file with edits applied, and how many findings that mends; as it was where it is not UTF-8."""
    body = data.removeprefix(_BOM)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return data, 0
    text, applied = applied_to(text, edits)
    return data[: len(data) - len(body)] + text.encode("utf-8"), applied


def applied_to(text: str, edits: Iterable[Edit]) -> tuple[str, int]:
    """A text with edits applied, and how many findings that mends.

    Of edits that overlap the first counts, and equal ones are one. New lines end as the text's do.
    """
    starts = line_starts(text)
    wanted = Counter(
        (_offset(starts, text, edit.range.start), _offset(starts, text, edit.range.end), edit.text) for edit in edits
    )
    line_break = "\r\n" if "\r\n" in text else "\n"
    parts: list[str] = []
    here, applied, last = 0, 0, -1
    for (start, end, new), times in sorted(wanted.items()):
        if start < here or start == last or end < start:
            continue
        parts += [text[here:start], new.replace("\r\n", "\n").replace("\n", line_break)]
        here, applied, last = end, applied + times, start
    return "".join([*parts, text[here:]]), applied


def _offset(starts: Sequence[int], text: str, position: Position) -> int:
    if position.line > len(starts):
        return len(text)
    return min(starts[position.line - 1] + position.column - 1, len(text))


# ── on disk ──


def write(mended: Mended) -> None:
    """Puts the mended files into place, each at once, with the mode that it had.

    Raises UserError, before any is written, where one has changed meanwhile or is a link out of its tree.
    """
    targets = [(_target(file), before, after) for file, before, after in mended.files]
    for target, before, _ in targets:
        if _read(target) != before:
            raise UserError(f"{target} has changed meanwhile", help="nothing was written: ask again")
    for target, _, after in targets:
        _replace(target, after)


def _target(file: FlowFile) -> Path:
    """The file itself: of a link what it leads to, which must lie in the tree that the link lies in."""
    path = Path(os.path.abspath(file.path))  # noqa: PTH100 - Path.resolve() would follow the link too early
    real, tree = path.resolve(), git_root(Path.cwd()) or Path.cwd()
    if not path.is_relative_to(tree):
        tree = path.parent.resolve()
    if not real.is_relative_to(tree):
        raise UserError(f"{file.shown} is a link that leads out of {tree}", help="nothing was written: mend it there")
    return real


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error


def _replace(path: Path, data: bytes) -> None:
    try:
        was = path.stat()
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            Path(name).chmod(stat.S_IMODE(was.st_mode))
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
