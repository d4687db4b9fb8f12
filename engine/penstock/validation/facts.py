"""What one flow says that others depend on, or that depends on others: plain values, with the places they stand at."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.diagnostic import FlowName, Range


@dataclass(frozen=True, slots=True)
class DeclaredInput:
    """An input of a flow. `is_needed`: without a value the flow does not start, whatever else is given."""

    id: str
    is_needed: bool


@dataclass(frozen=True, slots=True)
class Given:
    """A value that a call gives under a name; `below` are the names within it, where it is a mapping."""

    name: str
    at: Range
    below: tuple[Given, ...] = ()


@dataclass(frozen=True, slots=True)
class Read:
    """A name that an expression reads, and where. `is_conditional`: it is not evaluated every time."""

    name: str
    at: Range
    is_conditional: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A task that starts another flow: Subflow, or ForEachItem.

    `given` is None where only the run knows what is given, `is_open` where only the run knows whether there is more.
    `revision` is as written. `reads` are outputs of the called flow that expressions of this one use.
    """

    flow: FlowName
    namespace_at: Range
    flow_at: Range
    given: tuple[Given, ...] | None
    is_open: bool
    inputs_at: Range
    is_conditional: bool
    revision: str | None = None
    revision_at: Range | None = None
    reads: tuple[Read, ...] = ()


@dataclass(frozen=True, slots=True)
class Awaited:
    """A flow whose end a trigger waits for. `suffices`: it starts the flow without the end of any other."""

    flow: FlowName
    namespace_at: Range
    flow_at: Range
    suffices: bool


@dataclass(frozen=True, slots=True)
class FlowTrigger:
    """A trigger that waits for other flows. `is_open`: also for some that are not named."""

    id: str
    awaited: tuple[Awaited, ...]
    is_open: bool
    reads: tuple[Read, ...] = ()
    """Outputs of what it waited for that its own expressions use."""
    task_reads: tuple[Read, ...] = ()
    """Tasks of what it waited for whose outputs its own expressions use: there `outputs` is the other execution's."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A namespace file or a key of the KV store that a flow reads."""

    namespace: str
    name: str
    at: Range


@dataclass(frozen=True, slots=True)
class Kept:
    """What a flow puts into a store; None is a name, or a namespace, that only the run knows."""

    namespace: str | None
    name: str | None


@dataclass(frozen=True, slots=True)
class Facts:
    """Of one flow. `inputs` and `outputs` are None where they cannot be known: the file is broken, or they come from
    elsewhere. `at` is where its id stands."""

    name: FlowName
    at: Range
    inputs: tuple[DeclaredInput, ...] | None = None
    outputs: tuple[str, ...] | None = None
    calls: tuple[Call, ...] = ()
    triggers: tuple[FlowTrigger, ...] = ()
    trigger_reads: tuple[Read, ...] = ()
    """Outputs of whatever has triggered the flow that its tasks use; empty where other triggers may give some."""
    files_read: tuple[Stored, ...] = ()
    files_kept: tuple[Kept, ...] = ()
    keys_read: tuple[Stored, ...] = ()
    keys_kept: tuple[Kept, ...] = ()
    tasks: tuple[str, ...] | None = None
    """The ids of its tasks; None where they cannot be known."""
