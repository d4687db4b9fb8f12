"""What is deployed, triggers and results, in memory: the other half of the store's fake."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from penstock.diagnostic import FlowName
from penstock.errors import Conflict
from penstock.execution.event import Instant
from penstock.execution.model import Execution
from penstock.ports.deployment import (
    Backfill,
    BackfillState,
    Cursor,
    Deployed,
    Generation,
    Observation,
    Publication,
    Slot,
    TreeFile,
    TreeMark,
)

_OPEN = (BackfillState.RUNNING, BackfillState.PAUSED)


@dataclass
class MemoryDeployment:
    """What is deployed, and how far each trigger has come."""

    _deployed: dict[FlowName, Deployed] = field(default_factory=dict)
    _revisions: dict[tuple[FlowName, int], Deployed] = field(default_factory=dict)
    _generations: list[Generation] = field(default_factory=list)
    _texts: dict[str, bytes] = field(default_factory=dict)
    _tree: dict[str, dict[str, TreeFile]] = field(default_factory=dict)
    _marks: dict[str, TreeMark] = field(default_factory=dict)
    _observations: dict[str, Observation] = field(default_factory=dict)
    _cursors: dict[tuple[FlowName, str], Cursor] = field(default_factory=dict)
    _slots: dict[Slot, str] = field(default_factory=dict)
    _backfills: dict[str, Backfill] = field(default_factory=dict)
    _commits: int = 0

    def _open_executions(self) -> Iterable[Execution]:
        raise NotImplementedError

    # ── what is deployed ──

    def publish(self, publication: Publication, observation: Observation) -> None:
        new, now = publication.generation, self.generation()
        if new is not None:
            if now is not None and now.number >= new.number:
                raise Conflict(f"the generation {now.number} is in force: {new.number} cannot follow it")
            self._generations.append(new)
        self._texts = {**publication.texts, **self._texts}
        for each in publication.accepted:
            self._deployed[each.flow] = self._revisions[each.flow, each.revision] = each
        for name in publication.removed:
            self._deployed.pop(name, None)
            self._cursors = {key: cursor for key, cursor in self._cursors.items() if key[0] != name}
            self._backfills = {
                id_: each for id_, each in self._backfills.items() if each.flow != name or each.state not in _OPEN
            }
        mark = publication.mark
        if mark is not None:
            files = {} if publication.is_whole else self._tree.get(mark.source, {})
            files = {**files, **{file.path: file for file in publication.files}}
            self._tree[mark.source] = {path: file for path, file in files.items() if path not in publication.gone}
            self._marks[mark.source] = mark
        self.observe(observation)

    def generation(self) -> Generation | None:
        return self._generations[-1] if self._generations else None

    def pinned_commits(self) -> set[str]:
        found = {each.pinned_commit for each in self._open_executions() if each.pinned_commit is not None}
        return found | ({self._generations[-1].commit} if self._generations else set())

    def deployed(self) -> dict[FlowName, Deployed]:
        return dict(sorted(self._deployed.items(), key=lambda item: (item[0].namespace, item[0].id)))

    def deployed_flow(self, flow: FlowName) -> Deployed | None:
        return self._deployed.get(flow)

    def revisions(self, flow: FlowName) -> list[Deployed]:
        found = [each for (name, _), each in self._revisions.items() if name == flow]
        return sorted(found, key=lambda each: -each.revision)

    def last_revisions(self, flows: Iterable[FlowName]) -> dict[FlowName, int]:
        return {flow: found[0].revision for flow in flows if (found := self.revisions(flow))}

    def text(self, digest: str) -> bytes | None:
        return self._texts.get(digest)

    def tree(self, source: str) -> tuple[TreeMark | None, list[TreeFile]]:
        files = self._tree.get(source, {})
        return self._marks.get(source), [files[path] for path in sorted(files)]

    def observe(self, observation: Observation) -> None:
        self._observations[observation.source] = observation
        self._commits += 1

    def observation(self, source: str) -> Observation | None:
        return self._observations.get(source)

    def observations(self) -> list[Observation]:
        return [self._observations[source] for source in sorted(self._observations)]

    # ── triggers ──

    def cursors(self) -> list[Cursor]:
        return [
            self._cursors[key] for key in sorted(self._cursors, key=lambda key: (key[0].namespace, key[0].id, key[1]))
        ]

    def set_cursors(self, cursors: Iterable[Cursor]) -> None:
        self._cursors |= {(each.flow, each.trigger): each for each in cursors}
        self._commits += 1

    def begin_cursors(self, cursors: Iterable[Cursor]) -> None:
        for each in cursors:
            known = self._cursors.get((each.flow, each.trigger))
            disabled = known.disabled if known is not None else each.disabled
            self._cursors[each.flow, each.trigger] = replace(each, disabled=disabled)
        self._commits += 1

    def advance_cursors(self, cursors: Iterable[Cursor]) -> None:
        for each in cursors:
            known = self._cursors.get((each.flow, each.trigger))
            if known is not None:
                self._cursors[each.flow, each.trigger] = replace(known, reached=max(known.reached, each.reached))
        self._commits += 1

    def fired_last(self) -> dict[tuple[FlowName, str], tuple[Instant, str]]:
        found: dict[tuple[FlowName, str], tuple[Instant, str]] = {}
        for slot, execution in sorted(self._slots.items(), key=lambda item: (item[0].date, item[0].origin)):
            found[slot.flow, slot.trigger] = (slot.date, execution)
        return found

    def slot_dates(self, flow: FlowName, trigger: str, *, start: Instant, end: Instant) -> set[Instant]:
        mine = [slot.date for slot in self._slots if (slot.flow, slot.trigger) == (flow, trigger)]
        return {date for date in mine if start <= date <= end}

    def put_backfill(self, backfill: Backfill) -> None:
        self._backfills[backfill.id] = backfill
        self._commits += 1

    def change_backfill(self, id_: str, change: Callable[[Backfill], Backfill]) -> Backfill | None:
        known = self._backfills.get(id_)
        if known is not None:
            self.put_backfill(change(known))
        return self._backfills.get(id_)

    def backfills(self, *, open_only: bool = True) -> list[Backfill]:
        found = [each for each in self._backfills.values() if not open_only or each.state in _OPEN]
        return sorted(found, key=lambda each: (each.created, each.id))


@dataclass
class MemoryOutbox:
    """Which results have not arrived where they are to be."""

    _outbox: dict[str, Instant] = field(default_factory=dict)
    _recorded: dict[str, dict[str, str]] = field(default_factory=dict)
    _put_off: dict[tuple[str, str], tuple[int, Instant | None, str]] = field(default_factory=dict)

    def unrecorded(self, sink: str, *, limit: int, now: Instant) -> list[str]:
        def waits(execution: str) -> bool:
            off = self._put_off.get((sink, execution))
            return off is None or (off[1] is not None and off[1] <= now)

        found = [id_ for id_ in self._waiting(sink) if waits(id_)]
        return sorted(found, key=lambda id_: (self._outbox[id_], id_))[:limit]

    def _waiting(self, sink: str) -> list[str]:
        return [id_ for id_ in self._outbox if id_ not in self._recorded.get(sink, {})]

    def count_unrecorded(self, sink: str) -> int:
        return sum(self._put_off.get((sink, id_), (0, True, ""))[1] is not None for id_ in self._waiting(sink))

    def knows_sink(self, sink: str) -> bool:
        return bool(self._recorded.get(sink)) or any(name == sink for name, _ in self._put_off)

    def mark_recorded(self, sink: str, executions: Iterable[str], *, place: str, at: Instant) -> None:
        del at
        for execution in executions:
            self._recorded.setdefault(sink, {}).setdefault(execution, place)
            self._put_off.pop((sink, execution), None)

    def put_off(self, sink: str, execution: str, *, until: Instant | None, error: str) -> int:
        tries = self._put_off.get((sink, execution), (0, None, ""))[0] + 1
        self._put_off[sink, execution] = (tries, until, error)
        return tries

    def given_up(self, sink: str) -> list[tuple[str, str]]:
        found = [(id_, off[2]) for (name, id_), off in self._put_off.items() if name == sink and off[1] is None]
        return sorted(found)

    def forget_recorded(self, sinks: Iterable[str]) -> None:
        names = list(sinks)

        def is_done(execution: str, sink: str) -> bool:
            off = self._put_off.get((sink, execution))
            return execution in self._recorded.get(sink, {}) or (off is not None and off[1] is None)

        for execution in [id_ for id_ in self._outbox if all(is_done(id_, sink) for sink in names)]:
            del self._outbox[execution]
