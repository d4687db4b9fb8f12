"""Two sets of flows to their difference: which flow is which, what of each differs, and whom that touches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from penstock.diagnostic import FlowName
from penstock.difference.blast import touched_by, touched_from
from penstock.difference.classes import Class, classes_of, in_order, of_part
from penstock.difference.compare import differences, value_changes
from penstock.difference.interface import InterfaceChange, Turn, interface_changes
from penstock.difference.known import Neighbours
from penstock.difference.leaf import plain, same
from penstock.difference.likeness import ALIKE, best_pairs, likeness_of_models
from penstock.difference.normal import Kind
from penstock.difference.operations import Operation, Rename
from penstock.difference.parts import leaf_differences, part_differences
from penstock.difference.report import (
    Action,
    DefaultsDifference,
    FileDifference,
    FlowDifference,
    Report,
    Status,
)
from penstock.difference.schedules import herds, schedule_differences
from penstock.difference.sides import Found, Side, Texts, Types
from penstock.difference.tree import NOTHING, ROOT, Model, Part
from penstock.flow.catalogue.catalog import Catalog
from penstock.flow.defaults import PROPERTIES, Default


@dataclass(frozen=True, slots=True)
class Comparison:
    """`neighbours` are all flows of the head. `now` and `zone` (of schedules that name none) decide on fire times."""

    base: Side
    head: Side
    texts: Texts
    types: Types
    neighbours: Neighbours
    catalog: Catalog
    now: datetime
    zone: str

    def report(self, is_asked: Callable[[str], bool] = bool) -> Report:
        """`is_asked` says of which files it is to tell; whom they touch may be anywhere."""
        flows = [flow for flow in self._flows() if is_asked(flow.path) or is_asked(flow.old_path or flow.path)]
        flows.sort(key=lambda one: (_RANK[one.status], str(one.name)))
        moved = [(flow.name, schedule) for flow in flows for schedule in flow.schedules]
        timers = [(one.name, timer) for one in self.neighbours.known for timer in one.timers]
        return Report(
            self.base.label,
            self.head.label,
            tuple(flows),
            tuple(file for file in self._files() if is_asked(file.path)),
            self._defaults(),
            herds(moved, timers, self.zone),
            zone=self.zone,
        )

    def _flows(self) -> list[FlowDifference]:
        old, new = self._read()
        found = [self._unreadable(one, old.get(path)) for path, one in new.items() if one.problem is not None]
        before, after = _by_name(old), _by_name(new)
        pairs = [(before.get(name), one) for name, one in after.items() if name in before]
        gone = [one for name, one in before.items() if name not in after]
        gone = [one for one in gone if (new.get(one.path) or one).problem is None]
        came = [one for name, one in after.items() if name not in before]
        for was, is_ in self._renamed(gone, came):
            gone.remove(was)
            came.remove(is_)
            pairs.append((was, is_))
        found += [self._difference(was, is_) for was, is_ in pairs]
        found += [self._difference(None, one) for one in came]
        found += [self._difference(one, None) for one in gone]
        return found

    def _read(self) -> tuple[dict[str, Found], dict[str, Found]]:
        """The files that differ, by path, on each side."""
        old, new = self.base.flows, self.head.flows
        paths = sorted({path for path, id_ in [*old.items(), *new.items()] if old.get(path) != new.get(path)})
        wanted = {side[path] for side in (old, new) for path in paths if path in side}
        texts = self.texts(sorted(wanted))
        paths = [path for path in paths if not _reads_the_same(texts, old.get(path), new.get(path))]
        return (
            {path: Found.of(path, texts[old[path]]) for path in paths if path in old},
            {path: Found.of(path, texts[new[path]]) for path in paths if path in new},
        )

    def _unreadable(self, one: Found, was: Found | None) -> FlowDifference:
        name = was.name if was is not None and was.name is not None else FlowName("", one.path)
        return FlowDifference(
            name, Status.UNREADABLE, one.path, classes=(Class.BREAKING, Class.BEHAVIOUR), problem=one.problem
        )  # fmt: skip

    def _renamed(self, gone: Sequence[Found], came: Sequence[Found]) -> list[tuple[Found, Found]]:
        """A flow that is in the same file still is looked for there first: a namespace may be renamed as a whole."""
        if not gone or not came:
            return []
        models = {one.path: one.model(self.catalog, frozenset()) for one in gone}
        newer = {one.path: one.model(self.catalog, frozenset()) for one in came}

        def likeness(was: Found, is_: Found) -> float:
            return likeness_of_models(models[was.path], newer[is_.path])

        at_home = {one.path: one for one in came}
        pairs = [
            (was, at_home[was.path])
            for was in gone
            if was.path in at_home and likeness(was, at_home[was.path]) >= ALIKE
        ]
        known = {one.path for one, _ in pairs}
        rest = [[one for one in side if one.path not in known] for side in (gone, came)]
        return pairs + best_pairs(rest[0], rest[1], likeness, ALIKE)

    def _difference(self, was: Found | None, is_: Found | None) -> FlowDifference:
        one = is_ or was
        assert one is not None, "it is on one side at least"
        assert one.name is not None, "files that name no flow are left out"
        sides = [side for side in (was, is_) if side is not None]
        defaulted = frozenset[str]().union(*(side.default_types for side in sides), self._default_types())
        before = was.model(self.catalog, defaulted) if was is not None else NOTHING
        after = is_.model(self.catalog, defaulted) if is_ is not None else NOTHING
        operations = differences(before, after)
        old_name = was.name if was is not None and was.name != one.name else None
        old_path = was.path if was is not None and was.path != one.path else None
        found = FlowDifference(
            one.name, _status(was, is_, operations, old_name), one.path, old_name, old_path,
            before=before if was is not None else None, after=after if is_ is not None else None,
        )  # fmt: skip
        return self._told(found, before, after, operations)

    def _told(
        self, flow: FlowDifference, before: Model, after: Model, operations: tuple[Operation, ...]
    ) -> FlowDifference:
        if flow.status is Status.FORMATTING:
            return flow
        names = {one.key: one.new for one in operations if isinstance(one, Rename)}
        interface = self._interface(flow)
        if flow.status is Status.CHANGED:
            interface += interface_changes(before, after, names, flow.name, self.neighbours)
        triggers = {key.id: new.id for key, new in names.items() if key.kind is Kind.TRIGGER}
        schedules = schedule_differences(before, after, triggers, self.now, self.zone)
        parts = part_differences(before, after, operations, interface)
        if flow.status is not Status.CHANGED:
            action = Action.ADDED if flow.status is Status.ADDED else Action.REMOVED
            parts = tuple(replace(part, actions=(action,)) if part.kind is Kind.FLOW else part for part in parts)
        classes = {one for part in parts for one in part.classes}
        if flow.status is not Status.CHANGED:
            classes = {Class.BEHAVIOUR, *_classes_of_whole(after if flow.after is not None else before)}
            if flow.status is Status.REMOVED:
                classes -= {Class.SECURITY}
        if schedules:
            classes.add(Class.SCHEDULE)
        if any(change.is_breaking for change in interface):
            classes.add(Class.BREAKING)
        touched = touched_by({flow.name, flow.old_name or flow.name}, self.neighbours)
        defaulted = _defaulted(before, after) if flow.status is Status.CHANGED else ()
        return replace(
            flow, parts=parts, classes=in_order(classes), schedules=schedules, interface=interface,
            touched=touched if classes - {Class.COSMETIC} else (), defaulted=defaulted,
        )  # fmt: skip

    def _interface(self, flow: FlowDifference) -> tuple[InterfaceChange, ...]:
        """A flow that is not there any more under its name."""
        lost = flow.name if flow.status is Status.REMOVED else flow.old_name
        if lost is None:
            return ()
        callers = [one.name for one, _ in self.neighbours.callers(lost)]
        breaks = tuple(dict.fromkeys([*callers, *(one.name for one in self.neighbours.waiting(lost))]))
        if flow.status is Status.REMOVED:
            return (InterfaceChange(Kind.FLOW, str(lost), Turn.REMOVED, True, breaks=breaks),)
        new = str(flow.name)
        return (InterfaceChange(Kind.FLOW, new, Turn.RENAMED, True, str(lost), new, breaks),)

    def _default_types(self) -> frozenset[str]:
        return frozenset(default.type for side in (self.base, self.head) for default in side.defaults)

    def _files(self) -> list[FileDifference]:
        old, new = self.base.files, self.head.files
        paths = sorted({path for path in [*old, *new] if old.get(path) != new.get(path)})
        if not paths:
            return []
        namespaces = {one.name.namespace for one in self.neighbours.known}
        called: dict[str, dict[str, list[str]]] = {}
        for namespace in sorted(namespaces):
            for layout in (self.base.layout, self.head.layout):
                for name, path in layout.files(namespace, paths).items():
                    called.setdefault(path, {}).setdefault(namespace, []).append(name)
        found = []
        for path in paths:
            action = Action.ADDED if path not in old else Action.REMOVED if path not in new else Action.CHANGED
            readers = dict.fromkeys(self.neighbours.readers(called.get(path, {})), "reads")
            found.append(FileDifference(path, action, touched_from(readers, self.neighbours)))
        return found

    def _defaults(self) -> DefaultsDifference | None:
        old, new = _as_values(self.base.defaults), _as_values(self.head.defaults)
        before, after = Part(ROOT, None, old), Part(ROOT, None, new)
        changes = value_changes(ROOT, old, new)
        if not changes:
            return None
        found = tuple(leaf_differences(before, after, changes))
        types = {change.path[0] for change in changes}
        differing = tuple({one.type for one in (*self.base.defaults, *self.head.defaults) if one.type in types})
        touched = {
            name: f"takes defaults for {', '.join(fitting)} from"
            for name, known in self.types().items()
            if (fitting := sorted(type_ for type_ in known if type_.startswith(differing)))
        }
        classes = [classes_of(Kind.TASK, change.path, plain(change.old), plain(change.new)) for change in changes]
        return DefaultsDifference(
            found,
            touched_from(touched, self.neighbours),
            in_order(one for found_classes in classes for one in found_classes),
        )


_RANK = {
    Status.UNREADABLE: 0, Status.REMOVED: 1, Status.CHANGED: 2, Status.ADDED: 3, Status.FORMATTING: 4,
}  # fmt: skip


def _reads_the_same(texts: Mapping[str, bytes], old: str | None, new: str | None) -> bool:
    """Whether only the ends of lines differ, which a checkout of Git may have changed; or not even those."""
    if old is None or new is None:
        return False
    return texts[old].replace(b"\r\n", b"\n") == texts[new].replace(b"\r\n", b"\n")


def _by_name(files: Mapping[str, Found]) -> dict[FlowName, Found]:
    """Of files that claim the same flow the first; that they do is a finding of `validate`."""
    found: dict[FlowName, Found] = {}
    for one in files.values():
        if one.name is not None:
            found.setdefault(one.name, one)
    return found


def _status(
    was: Found | None, is_: Found | None, operations: tuple[Operation, ...], old_name: FlowName | None
) -> Status:
    if was is None:
        return Status.ADDED
    if is_ is None:
        return Status.REMOVED
    return Status.CHANGED if operations or old_name is not None else Status.FORMATTING


def _classes_of_whole(model: Model) -> set[Class]:
    return {one for part in model.parts.values() if part.key != ROOT for one in of_part(part.key.kind, dict(part.body))}


def _defaulted(before: Model, after: Model) -> tuple[str, ...]:
    """The tasks and triggers that plugin defaults of the flow are for, where those differ."""
    types: set[str] = set()
    for name in PROPERTIES:
        old, new = (_entries(side.parts[ROOT].body.get(name)) for side in (before, after))
        types |= {str(one.get("type")) for one in old if not any(same(one, other) for other in new)}
        types |= {str(one.get("type")) for one in new if not any(same(one, other) for other in old)}
    prefixes = tuple(types)
    return tuple(part.key.id for part in after.walk() if types and part.type and part.type.startswith(prefixes))


def _entries(defaults: Any) -> list[dict[str, Any]]:
    return [one for one in defaults if isinstance(one, dict)] if isinstance(defaults, list) else []


def _as_values(defaults: Sequence[Default]) -> dict[str, Any]:
    """Plugin defaults by type. Of several for one type each has its number, for their order counts."""
    found: dict[str, Any] = {}
    for default in defaults:
        entry = {**plain(default.values), **({"forced": True} if default.forced else {})}
        name, number = default.type, 2
        while name in found:
            name, number = f"{default.type} ({number})", number + 1
        found[name] = entry
    return found
