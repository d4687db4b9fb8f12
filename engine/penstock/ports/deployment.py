"""What is deployed, and from where: flows in force, the tree they are from, triggers and how far they have come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from penstock.diagnostic import FlowName
from penstock.execution.event import Instant
from penstock.flow.model import Trigger, nothing


@dataclass(frozen=True, slots=True)
class Deployed:
    """A flow in force. `problem` is set while its file at the head is not valid: the last good revision stays.

    `blocked` names the types that cannot run here. `blob` and `commit` are Git object ids; `generation` is the one
    that this revision came with. `revision` counts the accepted changes of the canonical digest, also beyond a removal.
    """

    flow: FlowName
    revision: int
    canonical_digest: str
    source_digest: str
    path: str
    blob: str
    commit: str
    accepted: Instant
    generation: int = 0
    disabled: bool = False
    problem: str | None = None
    blocked: tuple[str, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    dialect: str = "auto"


@dataclass(frozen=True, slots=True)
class Generation:
    """What is in force from `at` on: every flow as it was accepted by then, and the namespace files of `commit`, the
    head it came with. `source` is `<url>#<branch>:<folder>`."""

    number: int
    source: str
    commit: str
    at: Instant

    @property
    def folder(self) -> str:
        """The folder of the repository that is looked into; empty where that is all of it."""
        return self.source.rpartition("#")[2].partition(":")[2].strip("/")


@dataclass(frozen=True, slots=True)
class TreeFile:
    """What one file of the mirrored tree came to. `flow` is None where it names none, `canonical_digest` where it is
    not valid: then `problem` is its first error, with its place, and `errors` says how many there are."""

    path: str
    blob: str
    flow: FlowName | None
    canonical_digest: str | None
    problem: str | None = None
    errors: int = 0


@dataclass(frozen=True, slots=True)
class TreeMark:
    """The commit that the kept files of a source are of; `rules` is a digest of how they were chosen and read: where
    it is another one, all of them are read again."""

    source: str
    commit: str
    rules: str


@dataclass(frozen=True, slots=True)
class Publication:
    """A generation on its way into the store: all of it or nothing. `texts` are sources of flows by their digest.

    `generation` is None where nothing that is in force changes: only what is known of the tree does.
    """

    generation: Generation | None
    accepted: tuple[Deployed, ...] = ()
    removed: tuple[FlowName, ...] = ()
    texts: Mapping[str, bytes] = field(default_factory=dict)
    mark: TreeMark | None = None
    files: tuple[TreeFile, ...] = ()
    gone: tuple[str, ...] = ()
    is_whole: bool = False
    """Whether `files` are all that there are: what was kept before goes."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What the reconciler saw last of a source: `commit` at `at`, and what went wrong, if anything did.

    `reached` is when the source could be asked the last time.
    """

    source: str
    commit: str | None
    at: Instant
    problem: str | None = None
    reached: Instant | None = None


SCHEDULED = "schedule"
"""The origin of a slot that its own schedule has fired."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One due date of one trigger: at most one execution for each (P4). `origin` is `schedule` or a backfill's id.

    `alone`: not while an execution that the trigger's own schedule has fired goes on.
    """

    flow: FlowName
    trigger: str
    date: Instant
    origin: str = SCHEDULED
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a trigger has come: every slot up to and including `reached` is dealt with. `fingerprint` is of what
    defines its slots (cron, zone): when that changes, the cursor begins anew."""

    flow: FlowName
    trigger: str
    reached: Instant
    fingerprint: str
    disabled: bool = False


class BackfillState(StrEnum):
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    CANCELLED = "CANCELLED"
    DONE = "DONE"


@dataclass(frozen=True, slots=True)
class Backfill:
    """A range of slots that is run by a person's wish. `reached` is the last slot dealt with, `started` how many
    executions came of it, `missing_only` that slots which ran already are left out."""

    id: str
    flow: FlowName
    trigger: str
    start: Instant
    end: Instant
    created: Instant
    missing_only: bool = False
    state: BackfillState = BackfillState.RUNNING
    reached: Instant | None = None
    started: int = 0
    failed: str | None = None
    inputs: Mapping[str, Any] = field(default_factory=nothing)
    labels: Mapping[str, str] = field(default_factory=nothing)
