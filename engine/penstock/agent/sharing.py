"""Who shares a working directory with whom: the children of the nearest WorkingDirectory around them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath

from penstock.errors import NotFound, UserError
from penstock.execution.model import ROOT, Execution, TaskRun
from penstock.flow.model import Flow, Kind, Task
from penstock.ports.runner import Runners
from penstock.tasks.placement import WORKING_DIRECTORY, named_runner, programs_within


class LateFiles(Mapping[PurePosixPath, bytes | str]):
    """Files that are put together when a runner looks at them: only the first launch lays them. Used by one thread."""

    def __init__(self, make: Callable[[], Mapping[PurePosixPath, bytes | str]]) -> None:
        self._make = make
        self._made: Mapping[PurePosixPath, bytes | str] | None = None

    def _all(self) -> Mapping[PurePosixPath, bytes | str]:
        if self._made is None:
            try:
                self._made = self._make()
            except NotFound as error:  # to a runner that would be something of its own
                raise UserError(error.message, help=error.help) from error
        return self._made

    def __getitem__(self, path: PurePosixPath) -> bytes | str:
        return self._all()[path]

    def __iter__(self) -> Iterator[PurePosixPath]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())


def holder_of(flow: Flow, execution: Execution, run: TaskRun) -> TaskRun | None:
    """The task run whose working directory `run` works in; a WorkingDirectory works in its own."""
    above = (run, *execution.lineage(run)) if run.kind is Kind.FLOWABLE else execution.lineage(run)
    return next((each for each in above if flow.by_id[each.task].type == WORKING_DIRECTORY), None)


def live_holders(execution: Execution) -> Iterator[str]:
    """The task runs whose children may share a working directory now: whatever is a flowable and goes on."""
    yield from (key for key in execution.scopes if key != ROOT)
    yield from (key for key in (*execution.ready, *execution.running) if execution.runs[key].kind is Kind.FLOWABLE)


def refuse_mixture(holder: Task, chosen: str, runners: Runners) -> None:
    """Raises UserError where another kind of runner than `chosen` has the working directory: that of its first
    program."""
    first = next(programs_within(holder), None)
    theirs = runners.kind(named_runner(first)) if first is not None else chosen
    if first is not None and theirs != chosen:
        raise UserError(
            f"`{holder.id}` is one working directory for all its tasks, and cannot be shared by two kinds of runner: "
            f"`{first.id}` runs in `{theirs}`, this task in `{chosen}`",
            help="name the same task runner for all of them",
        )
