"""What an execution leaves behind: its record, what its tasks said, its files, as the contents of one folder.

Everything in it is bounded: what is too large, or not the execution's own, is told by a pointer. Names of tasks and
files are whatever somebody has written; the paths made of them are plain, and two names never share one.
"""

from __future__ import annotations

import gzip
import io
import json
import math
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import Any

from penstock.errors import UserError
from penstock.execution.model import Attempt, Execution, TaskRun
from penstock.execution.record import as_record
from penstock.execution.state import State
from penstock.execution.variables import iso
from penstock.operations.transcript import has_lost_some, said, those_that_left, untold
from penstock.ports.files import SCHEME, Files
from penstock.ports.logs import LogKey, Logs
from penstock.ports.storage import execution_files
from penstock.ports.store import Iterations, Query, Store, Summary

SMALL_FILE = 1024 * 1024
"""A file of outputs up to this size goes along; a larger one stays where it is, and its pointer goes."""

MOST_FILES = 1_000
"""So many files of one execution go along or are pointed to; all of them are in `execution.json`."""

MOST_BYTES = 32 * 1024 * 1024
"""Logs and files of one execution hold at most so much together; the rest goes by pointer."""

LOG_HEAD = 3 * 1024 * 1024
LOG_TAIL = 1024 * 1024
"""Of a very long log its beginning (bytes when compressed) and its end (bytes of text) go along."""

MOST_READ = 256 * 1024 * 1024
"""A log of more bytes is not read to its end: at 12 MB a second the other results would wait for too long."""

MOST_BESIDE = 2_000
"""So many logs lie in one folder; further ones in folders below it. Git hosts ask for less than 3,000 entries."""

MOST_LISTED = 10_000
"""So many iterations of a Loop are listed, a line each."""

MOST_TOLD = 100
"""So many iterations that did not end well are told whole: with their tasks, logs and files."""

MOST_LEFT = 2_000
"""The logs of so many task runs that have left an execution go along, the latest: a loop may go round for days."""

MOST_EVENTS = 500_000
"""An execution with more events than that is not read anew for those that have left it."""

LONGEST_NAME = 150

_UNWELL = tuple(state for state in State if state not in (State.SUCCESS, State.SKIPPED))

_PLAIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_BLOCK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Result:
    """The files of one execution by path. `failed_task` is the first task that failed, `failed_log` where it spoke."""

    execution: Execution
    folder: str
    files: Mapping[str, bytes]
    failed_task: str | None = None
    failed_log: str | None = None

    @property
    def bytes(self) -> int:
        return sum(map(len, self.files.values()))


@dataclass(slots=True)
class _Making:
    """What has been gathered of a result. `left` is how many bytes of logs and files may follow, `told` how many
    iterations were told whole."""

    folder: str
    files: dict[str, bytes] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)
    left: int = MOST_BYTES
    log_count: int = 0
    file_count: int = 0
    told: int = 0

    def below(self, folder: str) -> _Making:
        """The same for what lies in a folder of it."""
        return _Making(f"{self.folder}/{folder}", self.files, left=self.left, told=self.told)

    def add(self, name: str, content: bytes) -> str:
        path = f"{self.folder}/{name}"
        self.files[path] = content
        return path


@dataclass(frozen=True, slots=True)
class Results:
    """Makes results of executions that are over. Thread-safe, as its ports are.

    Iterations of a Loop are told with their execution: each in a line of a list, and whole where it did not end well.
    """

    logs: Logs
    files: Files
    store: Store
    most_left: int = MOST_LEFT
    most_events: int = MOST_EVENTS

    def of(self, execution: Execution, folder: str) -> Result:
        """The files of one execution, to lie in `folder`. Raises Stalled when the disk cannot be read."""
        making = _Making(folder)
        self._gather(execution, making)
        failed = [run for run in execution.in_order() if run.state is State.FAILED]
        if not failed:
            return Result(execution, folder, making.files)
        first = min(failed, key=lambda run: (run.id not in making.logs, not run.attempts, run.ordinal))
        return Result(execution, folder, making.files, first.task, making.logs.get(first.id))

    def _gather(self, execution: Execution, making: _Making) -> None:
        record = as_record(execution)
        making.add("execution.json", json_bytes(record))
        if record["outputs"]:
            making.add("outputs.json", json_bytes(record["outputs"]))
        for run in execution.in_order():
            self._add_logs(execution, run, making)
            self._add_files(execution, run, making)
        self._add_earlier_logs(execution, making)
        if making.file_count > MOST_FILES:
            note = {"leftOut": making.file_count - MOST_FILES, "why": f"a result holds at most {MOST_FILES} files"}
            making.add("files/left-out.json", json_bytes(note))
        for run in execution.in_order():
            if run.family is not None:
                self._add_iterations(execution, run, making)

    def _add_iterations(self, execution: Execution, run: TaskRun, making: _Making) -> None:
        asked = Query(caller=execution.id, caller_run=run.id, iterations=Iterations.ALONE)
        found = self.store.summaries(replace(asked, limit=MOST_LISTED))
        if not found:
            return
        lines: list[bytes] = []
        for each in sorted(found, key=index_of):
            lines.append(json.dumps(_line_of(each), ensure_ascii=True).encode() + b"\n")
            making.left -= len(lines[-1])
            if making.left <= 0:
                break
        name = f"iterations/{run.ordinal:05d}-{_name_of(run)}"
        making.add(f"{name}.ndjson", b"".join(lines))
        total = self.store.count(asked)
        if total > len(lines):
            making.add(f"{name}.left-out.json", json_bytes({"leftOut": total - len(lines)}))
        unwell = replace(asked, states=_UNWELL, limit=max(MOST_TOLD - making.told, 0))
        for each in sorted(self.store.summaries(unwell), key=index_of):
            iteration = self.store.load(each.id)
            if iteration is not None and making.left > 0:
                inner = making.below(f"{name}/{index_of(each)}")
                inner.told += 1
                self._gather(iteration, inner)
                making.left, making.told = inner.left, inner.told

    def _add_earlier_logs(self, execution: Execution, making: _Making) -> None:
        """What was said by task runs that are not in the record any more: those of earlier rounds of a loop, and those
        that a restart has done anew. They come after the others, which have the room first."""
        if not has_lost_some(execution):
            return
        if execution.seq > self.most_events:
            why = f"an execution of more than {self.most_events} events is not read anew for its earlier rounds"
            making.add("logs/left-out.json", json_bytes({"why": why}))
            return
        kept: deque[TaskRun] = deque(maxlen=self.most_left)
        count = 0
        for run in those_that_left(self.store.events(execution.id)):
            kept.append(run)
            count += 1
        for run in kept:
            self._add_logs(execution, run, making)
        if count > len(kept):
            why = f"a result holds the logs of the latest {self.most_left} task runs that have left their execution"
            making.add("logs/left-out.json", json_bytes({"leftOut": count - len(kept), "why": why}))

    def _add_logs(self, execution: Execution, run: TaskRun, making: _Making) -> None:
        lines = (*said(execution.id, run), *untold(execution.id, run))
        spoken = "".join(f"{iso(line.at)} {line.level.value} {line.text}\n" for line in lines)
        if spoken:
            self._add_log(run, "", [spoken.encode(errors="replace")], {"bytes": len(spoken)}, making)
        for attempt in run.attempts:
            if attempt.log.get("lines"):
                pieces = self.logs.export(LogKey(execution.id, run.id, attempt.number))
                self._add_log(run, f".{attempt.number}", pieces, _told(attempt), making)

    def _add_log(
        self, run: TaskRun, which: str, pieces: Iterable[bytes], told: Mapping[str, Any], making: _Making
    ) -> None:
        beside = making.log_count // MOST_BESIDE
        making.log_count += 1
        where = f"logs/{beside}/" if beside else "logs/"
        name = f"{where}{run.ordinal:05d}-{_name_of(run)}{which}.log"
        packed = _packed(pieces, is_endless=told.get("bytes", 0) > MOST_READ) if making.left > 0 else None
        if packed is None or len(packed) > making.left:
            making.add(f"{name}.pointer.json", json_bytes({**told, "run": run.id}))
            making.left = 0
            return
        making.left -= len(packed)
        making.logs[run.id] = making.add(f"{name}.gz", packed)

    def _add_files(self, execution: Execution, run: TaskRun, making: _Making) -> None:
        produced = (run.outputs or {}).get("outputFiles")
        if not isinstance(produced, Mapping):
            return
        for path, uri in sorted(produced.items()):
            if not isinstance(uri, str) or not uri.startswith(SCHEME):
                continue
            making.file_count += 1
            if making.file_count <= MOST_FILES:
                name = f"files/{run.ordinal:05d}-{_name_of(run)}/{_path_of(str(path))}"
                self._add_file(execution, name, uri, making)

    def _add_file(self, execution: Execution, name: str, uri: str, making: _Making) -> None:
        """The content, where it is small and the execution's own: a task may write any URI into its outputs."""
        pointer: dict[str, Any] = {"uri": uri}
        if uri.startswith(execution_files(execution.flow, execution.id)):
            try:
                digest, size = self.files.resolve(uri), self.files.size(uri)
                pointer |= {"sha256": digest, "bytes": size}
                if size <= min(SMALL_FILE, making.left):
                    with self.files.open(digest) as file:
                        making.add(name, file.read())
                    making.left -= size
                    return
            except UserError as error:  # it was deleted meanwhile, or never was a file of ours
                pointer["error"] = error.message
        making.add(f"{name}.pointer.json", json_bytes(pointer))


def index_of(iteration: Summary) -> int:
    """Which of the values it is of."""
    return int((iteration.item or {}).get("index", 0))


def folder_of(execution: Execution) -> str:
    """Where its results lie: `<yyyy>/<mm>/<dd>/<HH>/<namespace>/<flow>/<execution id>`, by its creation.

    A later outcome of an execution lies beside the earlier, as `<execution id>.2` and so on.
    """
    names = (execution.flow.namespace, execution.flow.id, execution.result_id)
    return f"{hour_of(execution.created)}/{'/'.join(map(plain, names))}"


def hour_of(at: datetime) -> str:
    return f"{at:%Y/%m/%d/%H}"


def plain(name: str) -> str:
    """`name` as one part of a path, the same where that is harmless; else what is left of it, and a digest."""
    if _PLAIN.fullmatch(name) and len(name) <= LONGEST_NAME and not name.endswith("."):
        return name
    left = _UNSAFE.sub("_", name).strip(".")[:LONGEST_NAME]
    return f"{left or '_'}-{sha256(name.encode(errors='surrogatepass')).hexdigest()[:8]}"


def json_bytes(value: Any) -> bytes:
    """JSON that every reader takes: UTF-8 without halves of a surrogate pair, and no NaN, which becomes text."""
    try:
        return _dumped(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return _dumped(value, ensure_ascii=True).encode()


def message_of(executions: Sequence[Execution], agent: str) -> str:
    """The commit message: what ran and how it ended, a trailer for each execution, and no CI of its own."""
    if len(executions) == 1:
        only = executions[0]
        subject = f"{only.flow}: {only.state.value} [skip ci]"
    else:
        subject = f"{len(executions)} results [skip ci]"
    trailers = [f"Agent: {' '.join(agent.split())}"]
    for execution in executions:
        trailers.append(f"Execution-Id: {execution.id}")
        for name, key in (("Flow-Blob", "blob"), ("Flow-Commit", "commit")):
            if value := execution.source.get(key):
                trailers.append(f"{name}: {' '.join(str(value).split())}")
    return subject + "\n\n" + "\n".join(trailers) + "\n"


# ── private ──


def _dumped(value: Any, *, ensure_ascii: bool) -> str:
    try:
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=2, allow_nan=False) + "\n"
    except ValueError:
        return json.dumps(_finite(value), ensure_ascii=ensure_ascii, indent=2) + "\n"


def _finite(value: Any) -> Any:
    """`value` with what JSON has no number for as Jackson writes it: "NaN", "Infinity", "-Infinity"."""
    match value:
        case float() if math.isnan(value):
            return "NaN"
        case float() if math.isinf(value):
            return "Infinity" if value > 0 else "-Infinity"
        case dict():
            return {key: _finite(each) for key, each in value.items()}
        case list():
            return [_finite(each) for each in value]
        case _:
            return value


def _line_of(iteration: Summary) -> dict[str, Any]:
    item = iteration.item or {}
    return {
        "index": item.get("index"),
        **({"key": item["key"]} if "key" in item else {}),
        "value": item.get("value"),
        "id": iteration.id,
        "state": iteration.state.value,
        "startDate": iso(iteration.created),
        "endDate": iso(iteration.ended) if iteration.ended is not None else None,
    }


def _name_of(run: TaskRun) -> str:
    return plain(run.task) if run.value is None else f"{plain(run.task)}-{run.iteration}"


def _path_of(path: str) -> str:
    return "/".join(plain(part) for part in path.split("/") if part not in ("", ".", "..")) or "_"


def _told(attempt: Attempt) -> dict[str, Any]:
    """What the attempt's end says of its log: bytes, digest, lines."""
    return {str(key): attempt.log[key] for key in ("bytes", "digest", "lines") if key in attempt.log}


def _packed(pieces: Iterable[bytes], *, is_endless: bool) -> bytes:
    """The text compressed, never whole in memory; of a very long one the beginning and, unless it is endless, the
    end."""
    packed = io.BytesIO()
    blocks = _blocks(pieces)
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0) as file:
        read = 0
        for block in blocks:
            file.write(block)
            read += len(block)
            if packed.tell() > LOG_HEAD or read > MOST_READ:
                break
        if is_endless and next(blocks, None) is not None:
            file.write(b"\n... the rest is left out here: the agent keeps the whole log\n")
            blocks = iter(())
        end: deque[bytes] = deque()
        kept = skipped = 0
        for block in blocks:
            end.append(block)
            kept += len(block)
            while kept > LOG_TAIL:
                out = end.popleft()
                kept -= len(out)
                skipped += len(out)
        if skipped:
            file.write(b"\n... %d bytes are left out here: the agent keeps the whole log\n" % skipped)
        for block in end:
            file.write(block)
    return packed.getvalue()


def _blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    block = bytearray()
    for piece in pieces:
        block += piece
        if len(block) >= _BLOCK:
            yield bytes(block)
            block.clear()
    if block:
        yield bytes(block)
