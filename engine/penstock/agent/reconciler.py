"""Brings what is deployed to what the branch's head wants. Whatever fails, the last good state stays in force (P6).

A head that has not moved costs a question. One that has costs what changed: the trees are compared by object id, and
only files that differ are read. What every file came to is kept in the store, so a restart reads nothing again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from penstock import failpoint
from penstock.collector import collector_paused
from penstock.diagnostic import Diagnostic, FlowName
from penstock.errors import PenstockError, Retryable, Stalled, UserError
from penstock.failpoint import Failpoint
from penstock.flow.catalogue.plugins import CatalogFile, refuse_too_large
from penstock.flow.layout.namespace_layout import NamespaceLayout
from penstock.flow.model import Dialect
from penstock.ports.clock import Clock
from penstock.ports.deployment import Deployed, Observation, TreeFile, TreeMark
from penstock.ports.git import Blob, Change, Mirror
from penstock.ports.store import Store
from penstock.reconcile.apply import Standing, publication
from penstock.reconcile.desired import Acceptable, ReadFile, Tree, read_flow_file
from penstock.reconcile.plan import Plan, make_plan
from penstock.reconcile.selection import Selection, steers

MOST_SHOWN = 2 * 1024 * 1024
"""So many bytes of texts that have errors go along with a report, for the frames around them."""


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What one reconciliation saw and did. `read` is how many files were read, `errors` how many there are in all,
    `apply_s` the seconds from the fetched commit to the published generation."""

    plan: Plan
    diagnostics: tuple[Diagnostic, ...]
    texts: dict[str, str]
    read: int
    errors: int
    generation: int | None
    apply_s: float


@dataclass(slots=True)
class _Known:
    """What is remembered between two looks. `selection` is None until a change asks for it."""

    mark: TreeMark | None
    tree: Tree
    deployed: dict[FlowName, Deployed]
    selection: Selection | None = None
    must_reread: bool = False


@dataclass(frozen=True, slots=True)
class _Looked:
    """What a look at a commit finds: how its files are chosen, what differs, whether that is all there is, and whether
    files of namespaces differ from those in force."""

    selection: Selection
    changes: Sequence[Change]
    is_whole: bool = False
    has_other_files: bool = False


@dataclass(slots=True)
class Reconciler:
    """`source` names the repository and branch in the store; `prefix` is the folder that is looked into.

    `dialect` AUTO leaves it to the repository. One thread at a time.
    """

    mirror: Mirror
    store: Store
    clock: Clock
    source: str
    prefix: str
    dialect: Dialect
    _known: _Known | None = field(default=None, init=False)

    def step(self) -> Reconciled | None:
        """Ask for the head; where it has moved: fetch, read what differs, plan, publish. None where nothing is new.

        Raises what the mirror raises, and Stalled where the repository may not be read (its `penstock.yaml` is wrong,
        or asks for another version), after noting it as the last observation.
        """
        known = self._recall()
        try:
            head = self.mirror.poll()
            if known.mark is not None and head == known.mark.commit and not known.must_reread:
                self._observe(known, None)
                return None
            return self._take(known, self.mirror.fetch())
        except PenstockError as error:
            self._observe(known, error)
            raise

    def _recall(self) -> _Known:
        if self._known is None:
            mark, files = self.store.tree(self.source)
            own = Selection.base(self.prefix, self.dialect)
            is_other = mark is not None and not mark.rules.startswith(own)
            self._known = _Known(mark, Tree(files), self.store.deployed(), must_reread=is_other)
        return self._known

    def _observe(self, known: _Known, error: PenstockError | None) -> None:
        now = self.clock.now()
        commit = known.mark.commit if known.mark is not None else None
        if error is None:
            self.store.observe(Observation(self.source, commit, now, _problem(known.tree), now))
        else:
            last = self.store.observation(self.source)
            reached = last.reached if last is not None else None
            self.store.observe(Observation(self.source, commit, now, error.message, reached))

    # ── a head that is new ──

    def _take(self, known: _Known, commit: str) -> Reconciled | None:
        begun = self.clock.monotonic()
        looked = self._changes(known, commit)
        selection, changes, is_whole = looked.selection, looked.changes, looked.is_whole
        if selection.problem is not None:
            raise Stalled(
                f"the repository cannot be read: {selection.problem}", help="what was deployed stays in force"
            )
        mark = TreeMark(self.source, commit, selection.digest)
        if mark == known.mark and not changes and not is_whole and not looked.has_other_files:
            known.must_reread, known.selection = False, selection
            self._observe(known, None)
            return None
        wanted = [change.blob for change in changes if change.blob is not None and selection.takes(change.path)]
        with collector_paused():
            read = {file.file.path: file for file in self._read(wanted, selection)}
        gone = tuple(change.path for change in changes if change.path not in read and known.tree.get(change.path))
        files = tuple(file.file for file in read.values())
        tree = Tree() if is_whole else known.tree
        concerned = {*known.tree.names(), *known.deployed} if is_whole else set()
        concerned |= tree.update(files, gone)
        if nameless := {file.path for file in files if file.flow is None}:
            concerned |= {name for name, standing in known.deployed.items() if standing.path in nameless}
        plan = make_plan(tree, known.deployed, commit=commit, names=concerned)
        standing = Standing(known.deployed, self.store.last_revisions(concerned), self.store.generation())
        now = self.clock.now()
        try:
            published = publication(
                plan,
                standing,
                lambda file: self._acceptable(file, read, selection),
                mark=mark,
                files=files,
                gone=gone,
                is_whole=is_whole,
                at=now,
                has_other_files=looked.has_other_files,
            )
            if published.generation is not None:
                self.mirror.keep(commit)
            self.store.publish(published, Observation(self.source, commit, now, _problem(tree), now))
        except BaseException:
            self._known = None  # the tree in memory is ahead of the store: it is recalled before the next look
            raise
        failpoint.reached(Failpoint.DEPLOYED)
        spent = self.clock.monotonic() - begun
        self._known = _Known(mark, tree, known.deployed, selection)
        known.deployed.update({each.flow: each for each in published.accepted})
        for name in published.removed:
            known.deployed.pop(name, None)
        if published.generation is not None:
            self._release_what_nobody_needs(known)
        number = published.generation.number if published.generation is not None else None
        return Reconciled(plan, *_shown(read.values(), selection), len(read), tree.errors, number, spent)

    def _release_what_nobody_needs(self, known: _Known) -> None:
        """Of the commits that are pinned in the mirror those stay that a flow in force or an open execution is from."""
        needed = self.store.pinned_commits() | {each.commit for each in known.deployed.values()}
        for commit in self.mirror.kept() - needed:
            self.mirror.release(commit)

    def _changes(self, known: _Known, commit: str) -> _Looked:
        """How files are chosen at `commit`, and what differs from what is known."""
        if known.mark is not None and known.selection is not None:
            changes = self._difference(known.mark.commit, commit)
            describes = known.selection.describes
            if changes is not None and not any(steers(change.path) or describes(change.path) for change in changes):
                concerns = known.selection.namespace_files.concerns
                has_other_files = any(concerns(change.path) for change in changes)
                return _Looked(known.selection, changes, has_other_files=has_other_files)
        blobs = self.mirror.blobs(commit)
        selection = self._selection(blobs)
        has_other_files = self._has_other_files(selection, blobs)
        if known.mark is not None and known.mark.rules == selection.digest:
            changes = _difference_of(known.tree, blobs, selection)
            return _Looked(selection, changes, has_other_files=has_other_files)
        changes = [Change(blob.path, blob) for blob in blobs]
        return _Looked(selection, changes, is_whole=True, has_other_files=has_other_files)

    def _selection(self, blobs: Sequence[Blob]) -> Selection:
        steering = {blob.path: content for blob, content in self.mirror.read(b for b in blobs if steers(b.path))}
        selection = Selection.of(steering, prefix=self.prefix, dialect=self.dialect)
        if not selection.catalogs or selection.problem is not None:
            return selection
        there = {blob.path: blob for blob in blobs if selection.describes(blob.path)}
        try:
            wanted = [there[path] for path in selection.catalog_paths(there)]
            refuse_too_large({blob.path: blob.size for blob in wanted})
            return selection.knowing([CatalogFile(blob.path, data) for blob, data in self.mirror.read(wanted)])
        except UserError as error:
            return replace(selection, problem=error.message)

    def _has_other_files(self, selection: Selection, blobs: Sequence[Blob]) -> bool:
        """Whether the files of namespaces, or the rule by which they are chosen, differ from the generation's."""
        generation = self.store.generation()
        if generation is None:
            return False
        try:
            before = self.mirror.blobs(generation.commit)
            rule = self._selection(before).namespace_files
        except Retryable:
            return True
        return (rule, _namespace_files(rule, before)) != (
            selection.namespace_files,
            _namespace_files(selection.namespace_files, blobs),
        )

    def _difference(self, before: str, after: str) -> list[Change] | None:
        try:
            return self.mirror.changes(before, after)
        except Retryable:
            return None  # the commit before is gone from the mirror: all files are looked at instead

    def _read(self, blobs: Iterable[Blob], selection: Selection) -> Iterator[ReadFile]:
        for blob, content in self.mirror.read(blobs):
            yield read_flow_file(blob.path, blob.id, content, selection=selection)

    def _acceptable(self, file: TreeFile, read: dict[str, ReadFile], selection: Selection) -> Acceptable:
        """What is kept of a file that is taken: read now, or earlier and held back until now by another one."""
        found = read.get(file.path)
        if found is None:
            found = next(self._read([Blob(file.path, file.blob, -1)], selection))
        if found.acceptable is None:
            raise Retryable(f"{file.path} was valid, and is not any more: this version reads it differently")
        return found.acceptable


def _namespace_files(rule: NamespaceLayout, blobs: Iterable[Blob]) -> dict[str, str]:
    return {blob.path: blob.id for blob in blobs if rule.concerns(blob.path)}


def _difference_of(tree: Tree, blobs: Sequence[Blob], selection: Selection) -> list[Change]:
    """What differs between the files that are known and those that are there."""
    there = {blob.path: blob for blob in blobs if selection.takes(blob.path)}
    gone = [Change(path, None) for path in tree.paths() if path not in there]
    new = [
        Change(path, blob) for path, blob in there.items() if (known := tree.get(path)) is None or known.blob != blob.id
    ]
    return [*gone, *new]


def _problem(tree: Tree) -> str | None:
    errors = tree.errors
    return f"{errors} {'error' if errors == 1 else 'errors'} in its files" if errors else None


def _shown(read: Iterable[ReadFile], selection: Selection) -> tuple[tuple[Diagnostic, ...], dict[str, str]]:
    """Every finding, and the texts that the errors are shown in, as far as they fit."""
    diagnostics, texts, left = list(selection.diagnostics), {}, MOST_SHOWN
    for file in read:
        diagnostics += file.diagnostics
        if file.shown is not None and len(file.shown) <= left:
            texts[file.file.path] = file.shown
            left -= len(file.shown)
    return tuple(diagnostics), texts
