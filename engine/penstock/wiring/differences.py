"""The sides of a comparison, from Git objects and from the working tree, and what is known of all flows around it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from penstock.adapters.git import GitReading
from penstock.diagnostic import FlowName
from penstock.difference.changes import Comparison
from penstock.difference.known import Known, Neighbours
from penstock.difference.sides import Found, Side
from penstock.errors import NotFound, UserError
from penstock.flow.catalogue.catalog import Catalog
from penstock.flow.catalogue.plugin_files import catalog_of
from penstock.flow.defaults import outside_defaults
from penstock.flow.layout.namespace_layout import NamespaceLayout
from penstock.settings import Settings
from penstock.validation.cache import Cache
from penstock.validation.folder import sources_in
from penstock.validation.kept import Shelf
from penstock.validation.options import options_of
from penstock.validation.sources import Contents, Sources, blob_id
from penstock.validation.verdicts import verdicts_for
from penstock.wiring.revisions import Revisions


@dataclass(slots=True)
class Stand:
    """A set of flows as it stands somewhere: in a revision, or in the working tree (`revision` None)."""

    label: str
    sources: Sources
    settings: Settings
    catalog: Catalog
    revision: str | None
    contents: Contents = field(init=False)

    def __post_init__(self) -> None:
        self.contents = Contents(self.sources)


class Differences:
    """Comparisons in the repository around a folder. Nothing is checked out, nothing is run."""

    def __init__(self, folder: Path, settings: Settings, cache: Cache) -> None:
        """Raises NotFound outside of a Git repository."""
        self._folder, self._settings, self._cache = folder, settings, cache
        self._git = GitReading(folder)
        self._revisions = Revisions(folder)

    def commit(self, revision: str) -> str:
        """The commit that a person means. Raises NotFound."""
        return self._git.commit(revision)

    def is_revision(self, text: str) -> bool:
        """Whether a person may mean a revision by it."""
        try:
            self._git.commit(text)
        except UserError:
            return False
        return True

    def fork_point(self, revision: str) -> str:
        """Where a revision has left the default branch. Raises NotFound."""
        return self._git.fork_point(self._git.commit(revision))

    def common(self, one: str, other: str) -> str:
        """The best common ancestor of two revisions. Raises NotFound."""
        return self._git.common_ancestor(self._git.commit(one), self._git.commit(other))

    def default_branch(self) -> str | None:
        """The commit of the default branch, as far as it is known here."""
        return self._git.default_branch()

    def merged(self, revisions: Sequence[str]) -> tuple[str, tuple[str, ...]]:
        """A commit, of no branch, in which they are merged one after the other; or the files that Git cannot merge."""
        return self._git.merged([self._git.commit(revision) for revision in revisions])

    def at(self, revision: str, label: str) -> Stand:
        """The flows of a revision. Raises NotFound, and UserError where its `penstock.yaml` is wrong."""
        found = self._revisions.sources(revision, (), may_lack=True)
        return Stand(label, found.sources, found.settings, found.catalog, revision)

    def working_tree(self) -> Stand:
        """The flows as they lie there; there may be none any more."""
        try:
            sources = sources_in(self._folder, (), self._settings)
        except NotFound:
            sources = Sources((), root=str(self._folder.resolve()))
        return Stand("the working tree", sources, self._settings, catalog_of(self._settings), None)

    def comparison(self, base: Stand, head: Stand, now: datetime, zone: str) -> Comparison:
        """All that the difference of the two is made of. Both are read with the types that the head knows."""
        files = {id_: (stand, file) for stand in (base, head) for file, id_ in stand.contents.ids.items()}

        def texts(ids: Iterable[str]) -> Mapping[str, bytes]:
            found: dict[str, bytes] = {}
            for stand in (base, head):
                wanted = [(id_, files[id_][1]) for id_ in ids if files[id_][0] is stand]
                contents = stand.contents.of([file for _, file in wanted])
                found.update(zip([id_ for id_, _ in wanted], contents, strict=True))
            return found

        return Comparison(
            self._side(base), self._side(head), texts, lambda: self._types(head), Neighbours(self._known(head)),
            head.catalog, now, zone,
        )  # fmt: skip

    def _side(self, stand: Stand) -> Side:
        return Side(
            stand.label,
            dict(stand.contents.ids),
            self._files(stand),
            NamespaceLayout(stand.settings.files),
            outside_defaults(stand.settings.defaults),
        )

    def _files(self, stand: Stand) -> dict[str, str]:
        """The namespace files by their paths from the root of the repository of flows on, with the ids of contents."""
        paths = stand.sources.namespace_files or ()
        if not paths:
            return {}
        root = Path(stand.sources.root)
        if stand.revision is None:
            return {path: blob_id((root / path).read_bytes()) for path in paths if (root / path).is_file()}
        lead = root.relative_to(self._git.root).as_posix()
        lead = "" if lead == "." else lead + "/"
        blobs = {blob.path: blob.id for blob in self._git.blobs(self._git.commit(stand.revision))}
        return {path: blobs[lead + path] for path in paths if lead + path in blobs}

    def _known(self, stand: Stand) -> list[Known]:
        """Of every flow: what `validate` keeps of it."""
        options, now = options_of(stand.settings), datetime.now(UTC)
        shelf = Shelf(self._cache, stand.sources, stand.contents, stand.catalog, options, now)
        verdicts, _ = verdicts_for(shelf, stand.contents, stand.catalog, options, None)
        told = [(file, verdicts[id_]) for file, id_ in stand.contents.ids.items()]
        return [
            Known.of(file, verdict.facts, verdict.schedules) for file, verdict in told if verdict.facts is not None
        ]  # fmt: skip

    def _types(self, stand: Stand) -> Mapping[FlowName, frozenset[str]]:
        """Of all parts of every flow: each file is read for it."""
        files = list(stand.contents.ids)
        found = {}
        for file, data in zip(files, stand.contents.of(files), strict=True):
            one = Found.of(file, data)
            if one.name is not None:
                found[one.name] = one.model(stand.catalog, frozenset()).types
        return found
