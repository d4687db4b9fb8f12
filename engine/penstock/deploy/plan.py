"""What a deployment would change: what is wanted, held against what is there and what was deployed last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from penstock.deploy.inventory import FOLDER, Inventory, inventory_path, read_inventory
from penstock.deploy.order import Needs, in_order
from penstock.deploy.reasons import what_differs
from penstock.deploy.stamp import digest, stamped, unstamped
from penstock.diagnostic import FlowName
from penstock.errors import Refused
from penstock.flow.catalogue.catalog import Catalog


class Action(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    DRIFTED = "drifted"
    """It was changed there since we deployed it; it becomes again what is wanted."""
    DELETE = "delete"
    UNCHANGED = "unchanged"
    LEFT = "left"
    """It is ours, and wanted no more; without leave to delete it stays."""


WRITES = (Action.CREATE, Action.UPDATE, Action.DRIFTED)


@dataclass(frozen=True, slots=True)
class Change:
    """One flow (`file` None) or one namespace file. `path` is where it is read from, None where it is not wanted.
    `text` or `content` is what is put there."""

    action: Action
    namespace: str
    flow: str | None = None
    file: str | None = None
    path: str | None = None
    reason: str = ""
    text: str = field(default="", repr=False)
    content: bytes = field(default=b"", repr=False)
    needs: tuple[FlowName, ...] = ()
    """The flows that must be there before this one is put there."""

    @property
    def name(self) -> str:
        return f"{self.namespace}/{self.flow}" if self.flow is not None else f"{self.namespace}:{self.file}"

    @property
    def flow_name(self) -> FlowName:
        assert self.flow is not None, "it is a namespace file"
        return FlowName(self.namespace, self.flow)

    @property
    def is_write(self) -> bool:
        return self.action in WRITES

    @property
    def is_change(self) -> bool:
        return self.is_write or self.action is Action.DELETE


@dataclass(frozen=True, slots=True)
class Wanted:
    """`flows` are texts and paths by name; `needs` who must be there before whom; `files` contents and paths by
    namespace. `staying` are flows that are wanted too, and not looked at this time."""

    flows: Mapping[FlowName, tuple[str, str]]
    files: Mapping[str, Mapping[str, tuple[bytes, str]]] = field(default_factory=dict)
    needs: Needs = field(default_factory=dict)
    staying: frozenset[FlowName] = frozenset()

    @property
    def is_empty(self) -> bool:
        return not (self.flows or self.staying or any(self.files.values()))


@dataclass(frozen=True, slots=True)
class There:
    """What a target has: texts of flows, and the files of the namespaces that were looked at."""

    flows: Mapping[FlowName, str]
    files: Mapping[str, Mapping[str, bytes]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """`changes` are in the order in which they are carried out; `inventories` are of the namespaces with files."""

    target: str
    owner: str
    changes: tuple[Change, ...]
    inventories: Mapping[str, Inventory] = field(default_factory=dict)

    def count(self, action: Action) -> int:
        return sum(change.action is action for change in self.changes)

    @property
    def is_empty(self) -> bool:
        return not any(change.is_change for change in self.changes)


def make_plan(
    wanted: Wanted, there: There, *, target: str, owner: str, prune: bool, most_deletes: int, catalog: Catalog
) -> Plan:
    """Raises Refused for what must not be done: to flows of another owner, too many deletions, or all of them."""
    writes = [_flow_change(name, wanted, there, owner, catalog) for name in in_order(wanted.flows, wanted.needs)]
    gone = [
        Change(
            Action.DELETE if prune else Action.LEFT, name.namespace, name.id,
            reason="deployed from here, and no longer in the source",
        )
        for name in sorted(owned(there.flows, owner), key=str)
        if name not in wanted.flows and name not in wanted.staying
    ]  # fmt: skip
    lists = {namespace: files.get(inventory_path(owner)) for namespace, files in there.files.items()}
    inventories = {namespace: read_inventory(content) for namespace, content in lists.items()}
    puts, drops = _file_changes(wanted, there, inventories, prune)
    plan = Plan(target, owner, (*puts, *writes, *gone, *drops), inventories)
    _refuse_deletions(plan, most_deletes, is_empty=wanted.is_empty)
    return plan


def owned(flows: Mapping[FlowName, str], owner: str) -> Iterator[FlowName]:
    """Those of the flows that are there which the owner has deployed."""
    for name, text in flows.items():
        stamp = unstamped(text)[1]
        if stamp is not None and stamp.owner == owner:
            yield name


def _flow_change(name: FlowName, wanted: Wanted, there: There, owner: str, catalog: Catalog) -> Change:
    given, path = wanted.flows[name]
    text, old = stamped(given, owner), there.flows.get(name)
    needs = tuple(sorted(wanted.needs.get(name, ()), key=str))

    def change(action: Action, reason: str) -> Change:
        return Change(action, name.namespace, name.id, None, path, reason, text, needs=needs)

    if old is None:
        return change(Action.CREATE, "it is not there")
    if old == text:
        return change(Action.UNCHANGED, "")
    body, stamp = unstamped(old)
    if stamp is not None and stamp.owner != owner:
        raise Refused(
            f"flow `{name}` was deployed to the target by `{stamp.owner}`",
            help="two repositories cannot both own a flow: take it out of one of them",
        )
    differs = what_differs(body, given, catalog)
    if stamp is None:
        taken = "it was put there by somebody else, and is taken over"
        return change(Action.UPDATE, f"{taken}: {differs}" if differs else taken)
    if not differs:
        return change(Action.UNCHANGED, "only its formatting differs")
    if digest(body) != stamp.digest:
        return change(Action.DRIFTED, f"it was changed there: {differs}")
    return change(Action.UPDATE, differs)


def _file_changes(
    wanted: Wanted, there: There, inventories: Mapping[str, Inventory], prune: bool
) -> tuple[list[Change], list[Change]]:
    """What is put, and what goes or is left."""
    puts: list[Change] = []
    drops: list[Change] = []
    for namespace in sorted({*wanted.files, *there.files}):
        files, old = wanted.files.get(namespace, {}), there.files.get(namespace, {})
        inventory = inventories.get(namespace, Inventory())
        for file, (content, path) in sorted(files.items()):
            action, reason = _file_action(file, content, old.get(file), inventory)
            puts.append(Change(action, namespace, None, file, path, reason, content=content))
        drops += [
            Change(
                Action.DELETE if prune else Action.LEFT, namespace, None, file,
                reason="deployed from here, and no longer in the source",
            )
            for file in sorted(old)
            if inventory.owns(file) and file not in files and not file.startswith(f"{FOLDER}/")
        ]  # fmt: skip
    return puts, drops


def _file_action(file: str, content: bytes, old: bytes | None, inventory: Inventory) -> tuple[Action, str]:
    if old is None:
        return Action.CREATE, "it is not there"
    if old == content:
        return Action.UNCHANGED, ""
    if not inventory.owns(file):
        return Action.UPDATE, "it was put there by somebody else, and is taken over"
    if not inventory.knows(file, old):
        return Action.DRIFTED, "it was changed there"
    return Action.UPDATE, "its content differs"


def _refuse_deletions(plan: Plan, most: int, *, is_empty: bool) -> None:
    count = plan.count(Action.DELETE)
    if count and is_empty:
        raise Refused(
            f"the source is empty, and {count} would be deleted",
            help="if that is meant, delete them by hand",
        )
    if count > most:
        raise Refused(
            f"{count} would be deleted, and --max-deletes allows {most}",
            help=f"look at `penstock plan --prune --max-deletes {count}`, then allow as many",
        )
