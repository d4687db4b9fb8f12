"""Takes executions that are over to where results are kept: a branch of a Git repository.

What has not arrived is a query, so a crash between any two steps costs a repetition; that a result is there once is
proved by its path, which is looked up before it is added.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from penstock.execution.model import Execution, TaskRun
from penstock.execution.record import as_record
from penstock.execution.variables import iso
from penstock.operations.transcript import said
from penstock.ports.clock import Clock
from penstock.ports.files import SCHEME, Files
from penstock.ports.git import ResultsBranch
from penstock.ports.logs import LogKey, Logs
from penstock.ports.store import Store

MOST_RESULTS = 100
"""One commit holds at most so many results."""

SMALL_FILE = 1024 * 1024
"""A file of outputs up to this size goes along; a larger one stays where it is, and its pointer goes."""

GIT_SINK = "git"

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def folder_of(execution: Execution) -> str:
    """Where its results lie: `<yyyy>/<mm>/<dd>/<HH>/<namespace>/<flow>/<execution id>`, by its creation."""
    at = execution.created
    return f"{at:%Y/%m/%d/%H}/{execution.flow.namespace}/{execution.flow.id}/{execution.id}"


@dataclass(slots=True)
class Recorder:
    """One sink, the results branch: of what agents have run, whichever session it was. One thread at a time."""

    store: Store
    logs: Logs
    files: Files
    branch: ResultsBranch
    clock: Clock

    def step(self) -> int:
        """Take what waits, up to a hundred results, to the branch; how many arrived. Raises Retryable."""
        ids = self.store.unrecorded(GIT_SINK, limit=MOST_RESULTS, kind="agent")
        if not ids:
            return 0
        executions = [execution for id_ in ids if (execution := self.store.load(id_)) is not None]
        missing = [execution for execution in executions if not self.branch.has(folder_of(execution))]
        place = ""
        if missing:
            files: dict[str, bytes] = {}
            for execution in missing:
                files.update(self.result(execution))
            place = self.branch.add([(message_of(missing), files)])
        self.store.mark_recorded(GIT_SINK, ids, place=place, at=self.clock.now())
        return len(ids)

    def result(self, execution: Execution) -> dict[str, bytes]:
        """The files of one execution's results by path."""
        folder = folder_of(execution)
        record = as_record(execution)
        files = {f"{folder}/execution.json": _json(record)}
        if record["outputs"]:
            files[f"{folder}/outputs.json"] = _json(record["outputs"])
        for run in execution.in_order():
            for name, content in self._of_run(execution, run):
                files[f"{folder}/{name}"] = content
        return files

    def _of_run(self, execution: Execution, run: TaskRun) -> Iterator[tuple[str, bytes]]:
        name = _UNSAFE.sub("_", run.task) if run.value is None else f"{_UNSAFE.sub('_', run.task)}-{run.iteration}"
        spoken = "".join(f"{iso(line.at)} {line.level.value} {line.text}\n" for line in said(execution.id, run))
        if spoken:
            yield f"logs/{run.ordinal:05d}-{name}.log.gz", gzip.compress(spoken.encode(), mtime=0)
        for attempt in run.attempts:
            if attempt.log.get("lines"):
                text = b"".join(self.logs.export(LogKey(execution.id, run.id, attempt.number)))
                yield f"logs/{run.ordinal:05d}-{name}.{attempt.number}.log.gz", gzip.compress(text, mtime=0)
        yield from self._files(run, name)

    def _files(self, run: TaskRun, name: str) -> Iterator[tuple[str, bytes]]:
        produced = (run.outputs or {}).get("outputFiles")
        if not isinstance(produced, Mapping):
            return
        for path, uri in sorted(produced.items()):
            if not isinstance(uri, str) or not uri.startswith(SCHEME):
                continue
            safe = "/".join(
                _UNSAFE.sub("_", part) or "_" for part in str(path).split("/") if part not in ("", ".", "..")
            )
            digest = self.files.resolve(uri)
            size = self.files.size(uri)
            where = f"files/{run.ordinal:05d}-{name}/{safe}"
            if size > SMALL_FILE:
                yield f"{where}.pointer.json", _json({"uri": uri, "sha256": digest, "bytes": size})
            else:
                with self.files.open(digest) as file:
                    yield where, file.read()


def message_of(executions: list[Execution]) -> str:
    """The commit message: what ran and how it ended, a trailer for each execution, and no CI of its own."""
    if len(executions) == 1:
        only = executions[0]
        subject = f"{only.flow}: {only.state.value} [skip ci]"
    else:
        subject = f"{len(executions)} results [skip ci]"
    trailers: list[str] = []
    for execution in executions:
        trailers.append(f"Execution-Id: {execution.id}")
        source = execution.source
        if source.get("blob"):
            trailers.append(f"Flow-Blob: {source['blob']}")
        if source.get("commit"):
            trailers.append(f"Flow-Commit: {source['commit']}")
    return subject + "\n\n" + "\n".join(trailers) + "\n"


def _json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode()
