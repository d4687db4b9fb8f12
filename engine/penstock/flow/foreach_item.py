"""ForEachItem as the three tasks that it is made of: one cuts a file into batches, one calls a flow for each of them,
one joins what these have put out (Kestra core, ForEachItem.getTasks)."""

from __future__ import annotations

from penstock.flow.model import Kind, Task

FOR_EACH_ITEM = "io.kestra.plugin.core.flow.ForEachItem"
SPLIT = FOR_EACH_ITEM + "$ForEachItemSplit"
ITEMS = FOR_EACH_ITEM + "$ForEachItemExecutable"
MERGE = FOR_EACH_ITEM + "$ForEachItemMergeOutputs"

PARTS = ("_split", "_items", "_merge")
"""What the ids of the three tasks end with."""

BATCHES = "batches"
"""What the second task asks first: how many batches there are."""

SPLITS = "splits"
"""The output of the first task: where a list of the batches is, a URI on each line, all of one length. The last line
has no end (kestra core, ForEachItem.ForEachItemSplit)."""

_OF_SPLIT = ("items", "batch")


def split_of(items: str) -> str:
    """The id of the task that cuts, of the one that calls."""
    return items.removesuffix("_items") + "_split"


def items_of(merge: str) -> str:
    """The id of the task that calls, of the one that joins."""
    return merge.removesuffix("_merge") + "_items"


def tasks_of(task: Task) -> tuple[Task, ...]:
    """The three tasks of a ForEachItem. They have its place, and nothing of its own behaviour: it alone is allowed to
    fail, is tried again, or is left out."""
    cut = {name: value for name, value in task.properties.items() if name in _OF_SPLIT}
    call = {name: value for name, value in task.properties.items() if name not in _OF_SPLIT}
    return (
        Task(f"{task.id}_split", SPLIT, Kind.WORKER, cut, log_level=task.log_level, range=task.range),
        Task(f"{task.id}_items", ITEMS, Kind.EXECUTABLE, call, log_level=task.log_level, range=task.range),
        Task(f"{task.id}_merge", MERGE, Kind.WORKER, log_level=task.log_level, range=task.range),
    )


def outputs_name(index: int) -> str:
    """Where the outputs of the execution of a batch lie, below the files of the task that has called it."""
    return f"{index}/outputs.ion"
