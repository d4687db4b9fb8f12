"""The difference of two sets of flows, as data that every renderer reads. No secret is in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from penstock.diagnostic import Diagnostic, FlowName
from penstock.difference.blast import Touched
from penstock.difference.classes import Class, in_order
from penstock.difference.interface import InterfaceChange
from penstock.difference.leaf import ABSENT, Absent
from penstock.difference.normal import Kind
from penstock.difference.schedules import Herd, ScheduleDifference
from penstock.difference.tree import Model


class Status(StrEnum):
    """What has become of a flow. FORMATTING: the file is written otherwise and means the same."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    FORMATTING = "formatting only"
    UNREADABLE = "unreadable"


class Action(StrEnum):
    """What has become of a part of a flow; several of them may hold of one."""

    ADDED = "added"
    REMOVED = "removed"
    RENAMED = "renamed"
    MOVED = "moved"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class LeafDifference:
    """A value that differs: its path within the part (`retry.interval`, `inputs.day`), and both values as written.

    `lines` compare texts of several lines.
    """

    path: str
    old: Any | Absent
    new: Any | Absent
    classes: tuple[Class, ...]
    lines: tuple[str, ...] = ()

    @property
    def is_added(self) -> bool:
        return self.old is ABSENT

    @property
    def is_removed(self) -> bool:
        return self.new is ABSENT


@dataclass(frozen=True, slots=True)
class PartDifference:
    """A task, trigger, input or output that differs, or the flow's own properties. `place` is where it stands now,
    `old_place` where it stood; `inner` says how many parts came or went within it."""

    kind: Kind
    id: str
    type: str
    actions: tuple[Action, ...]
    leaves: tuple[LeafDifference, ...] = ()
    classes: tuple[Class, ...] = ()
    old_id: str | None = None
    place: str = ""
    old_place: str = ""
    inner: int = 0
    is_inner: bool = False
    """It came or went with the part around it, which is told."""


@dataclass(frozen=True, slots=True)
class FlowDifference:
    """`before` and `after` are the flows themselves, None on the side where there is none."""

    name: FlowName
    status: Status
    path: str
    old_name: FlowName | None = None
    old_path: str | None = None
    parts: tuple[PartDifference, ...] = ()
    classes: tuple[Class, ...] = ()
    schedules: tuple[ScheduleDifference, ...] = ()
    interface: tuple[InterfaceChange, ...] = ()
    touched: tuple[Touched, ...] = ()
    defaulted: tuple[str, ...] = ()
    """The tasks and triggers that plugin defaults of the flow, which differ, are for."""
    problem: str | None = None
    before: Model | None = field(default=None, repr=False)
    after: Model | None = field(default=None, repr=False)

    @property
    def title(self) -> str:
        """Its name; the path of a file that tells none."""
        return str(self.name) if self.name.namespace else self.path

    @property
    def is_moved(self) -> bool:
        return self.old_path is not None

    @property
    def is_renamed(self) -> bool:
        return self.old_name is not None

    @property
    def matters(self) -> bool:
        """Whether there is anything for a reviewer to know."""
        return self.status is not Status.FORMATTING or self.is_moved

    @property
    def breaks(self) -> tuple[FlowName, ...]:
        return tuple(dict.fromkeys(name for change in self.interface for name in change.breaks))


@dataclass(frozen=True, slots=True)
class FileDifference:
    """A namespace file, by its path; the flows that read it by name, and those that depend on them."""

    path: str
    action: Action
    touched: tuple[Touched, ...]

    @property
    def readers(self) -> tuple[FlowName, ...]:
        return tuple(one.flow for one in self.touched if one.is_direct)


@dataclass(frozen=True, slots=True)
class DefaultsDifference:
    """Plugin defaults of the repository: what of them differs; the flows with parts of their types, and those that
    depend on them."""

    leaves: tuple[LeafDifference, ...]
    touched: tuple[Touched, ...]
    classes: tuple[Class, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """`base` and `head` are what was compared, as a person would say it. `findings` are of the head, where it was
    judged: what is wrong after a merge. `conflicts` are files that Git could not merge."""

    base: str
    head: str
    flows: tuple[FlowDifference, ...]
    files: tuple[FileDifference, ...] = ()
    defaults: DefaultsDifference | None = None
    herds: tuple[Herd, ...] = ()
    findings: tuple[Diagnostic, ...] = ()
    conflicts: tuple[str, ...] = ()
    is_judged: bool = False
    zone: str = "UTC"

    @property
    def shown(self) -> tuple[FlowDifference, ...]:
        return tuple(flow for flow in self.flows if flow.matters)

    @property
    def formatting(self) -> tuple[FlowDifference, ...]:
        return tuple(flow for flow in self.flows if not flow.matters)

    @property
    def is_empty(self) -> bool:
        """Nothing means anything else than before; files may be written otherwise."""
        return not (self.shown or self.files or self.defaults)

    @property
    def classes(self) -> tuple[Class, ...]:
        own = [one for flow in self.flows for one in flow.classes]
        return in_order([*own, *(self.defaults.classes if self.defaults is not None else ())])

    @property
    def touched(self) -> tuple[FlowName, ...]:
        """Flows that do not differ themselves, and depend on what does."""
        changed = {flow.name for flow in self.flows if flow.matters}
        found = [touched.flow for flow in self.flows for touched in flow.touched]
        found += [touched.flow for file in self.files for touched in file.touched]
        found += [touched.flow for touched in self.defaults.touched] if self.defaults is not None else []
        return tuple(name for name in dict.fromkeys(found) if name not in changed)

    @property
    def broken(self) -> tuple[FlowName, ...]:
        """Flows that a change of another one breaks."""
        return tuple(dict.fromkeys(name for flow in self.flows for name in flow.breaks))

    def count(self, *statuses: Status) -> int:
        return sum(flow.status in statuses for flow in self.shown)


def joined(names: Iterable[object], most: int = 3) -> str:
    """`a`, `b` and 3 more."""
    known = [f"`{name}`" for name in names]
    if len(known) > most + 1:
        return ", ".join(known[:most]) + f" and {len(known) - most} more"
    return " and ".join([", ".join(known[:-1]), known[-1]]) if len(known) > 1 else "".join(known)
