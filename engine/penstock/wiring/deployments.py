"""A repository of flows and where they are deployed to: judged as a whole, then held against what is there."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Self

from penstock.adapters.deploy_journal import BrokenOff, DeployJournal
from penstock.deploy.carry_out import Carried, Result, carry_out
from penstock.deploy.inventory import inventory_path
from penstock.deploy.order import Needs, needs_of
from penstock.deploy.plan import Action, Plan, There, Wanted, make_plan, owned
from penstock.deploy.stamp import stamped
from penstock.diagnostic import FlowName
from penstock.errors import NotFound, UserError
from penstock.failpoint import Failpoint, reached
from penstock.flow.catalogue.plugin_files import catalog_of
from penstock.flow.layout.flow_layout import COMMON_FILES, OWN_FILES
from penstock.flow.layout.namespace_layout import NamespaceLayout
from penstock.flow.reading.heading import name_in
from penstock.settings import Settings
from penstock.settings.folder import data_folder
from penstock.validation.cache import Cache
from penstock.validation.check import Report, check
from penstock.validation.facts import Facts
from penstock.validation.folder import sources_in
from penstock.validation.kept import Shelf
from penstock.validation.options import options_of
from penstock.validation.sources import Contents, Sources
from penstock.validation.verdicts import verdicts_for
from penstock.wiring.destinations import Destination


@dataclass(frozen=True, slots=True)
class Asked:
    """`paths` limit what is deployed, `namespaces` where to. `files_from` is a folder whose files alone are deployed,
    into the folder `to` of the one namespace that is given."""

    paths: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    files_from: Path | None = None
    to: str = "/"
    prune: bool = False
    most_deletes: int = 10


@dataclass(slots=True)
class Deployments:
    """What is asked of one repository and one destination."""

    folder: Path
    settings: Settings
    cache: Cache
    asked: Asked
    destination: Destination
    owner: str
    unnoted: OSError | None = None
    """Why this machine could not keep what was done, so that it could have been told had it died."""
    _needs: Needs = field(default_factory=dict)
    _sources: Sources | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.destination.close()

    def judged(self) -> Report | None:
        """All flows of the repository, not only those that are deployed; None where only files are.

        Raises NotFound where there are none.
        """
        if self.asked.files_from is not None:
            return None
        sources = sources_in(self.folder, self.asked.paths, self.settings)
        self._sources = sources
        whole = replace(sources, given=(*sources.given, *sources.around), around=())
        return check(whole, catalog_of(self.settings), options_of(self.settings), cache=self.cache)

    def plan(self) -> Plan:
        """Raises what a target raises, Refused for what must not be done. Nothing is changed."""
        wanted = self._wanted_files_alone() if self.asked.files_from is not None else self._wanted()
        there = self._there(wanted)
        wanted = replace(wanted, needs=self._needs_of(wanted, there))
        plan = make_plan(
            wanted, there, target=self.destination.target.label, owner=self.owner,
            prune=self.asked.prune, most_deletes=self.asked.most_deletes, catalog=catalog_of(self.settings),
        )  # fmt: skip
        gone = [change.flow_name for change in plan.changes if change.flow and change.action is Action.DELETE]
        self._needs = {**wanted.needs, **self._needs_there({name: there.flows[name] for name in gone})}
        return plan

    def _needs_there(self, texts: Mapping[FlowName, str]) -> Needs:
        """Of flows that are wanted no more: what they need is said by what is there."""
        from penstock.validation.judging import judge

        catalog, options = catalog_of(self.settings), options_of(self.settings)
        verdicts = (judge(text.encode("utf-8", "surrogatepass"), catalog, options) for text in texts.values())
        return needs_of(verdict.facts for verdict in verdicts if verdict.facts is not None)

    def broken_off(self) -> BrokenOff | None:
        """The deployment before this one, where it has died, as far as this machine knows."""
        return self._journal().broken_off()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While this lasts, neither another deployment from here to there runs, nor any into the same folder.

        Raises Refused where one does. What is planned within is carried out as it was planned.
        """
        with self._journal().held(), self.destination.hold():
            yield

    def carry_out(self, plan: Plan, *, fail_fast: bool, told: Callable[[Result], None]) -> Carried:
        journal = self._journal()
        count = sum(change.is_change for change in plan.changes)
        if count:
            journal.begin(datetime.now(UTC), count)
            reached(Failpoint.DEPLOYMENT_BEGUN)

        def noted(result: Result) -> None:
            journal.note(result.change.name, result.outcome.value)
            told(result)

        carried = carry_out(plan, self.destination.target, needs=self._needs, fail_fast=fail_fast, told=noted)
        journal.end()
        self.unnoted = journal.fault
        return carried

    def _journal(self) -> DeployJournal:
        return DeployJournal(data_folder(folder=self.folder), self.destination.target.label, self.owner)

    def _wanted(self) -> Wanted:
        assert self._sources is not None, "what is not judged is not deployed"
        contents = Contents(self._sources)
        texts = dict(zip(contents.ids, map(_text, contents.of(list(contents.ids))), strict=True))
        names = {file: name for file, text in texts.items() if (name := name_in(text)) is not None}
        given = [file.shown for file in self._sources.given if file.shown in names]
        flows = {names[file]: (texts[file], file) for file in given}
        self._refuse_elsewhere(flows)
        staying = frozenset(names.values()) - flows.keys()
        return Wanted(flows, self._files(flows, staying), staying=staying)

    def _needs_of(self, wanted: Wanted, there: There) -> Needs:
        """Asked of what `validate` keeps, and only where a flow changes: else there is nothing to put in order."""
        is_same = all(there.flows.get(name) == stamped(text, self.owner) for name, (text, _) in wanted.flows.items())
        if is_same or self._sources is None:
            return {}
        return needs_of(self._facts(self._sources, Contents(self._sources)).values())

    def _facts(self, sources: Sources, contents: Contents) -> Mapping[str, Facts]:
        """By file what `validate` keeps of it."""
        options, now = options_of(self.settings), datetime.now(UTC)
        catalog = catalog_of(self.settings)
        shelf = Shelf(self.cache, sources, contents, catalog, options, now)
        verdicts, _ = verdicts_for(shelf, contents, catalog, options, None)
        told = {file: verdicts[id_].facts for file, id_ in contents.ids.items()}
        return {file: facts for file, facts in told.items() if facts is not None}

    def _files(self, flows: Iterable[FlowName], staying: Iterable[FlowName]) -> dict[str, dict[str, tuple[bytes, str]]]:
        """The namespace files of the repository; none where only some paths are deployed."""
        sources = self._sources
        if sources is None or self.asked.paths or not sources.namespace_files:
            return {}
        layout, root = NamespaceLayout(self.settings.files), Path(sources.root)
        places = [path.split("/", 2)[:2] for path in sources.namespace_files]
        own = {place[0] for place in places if place[1:] == [OWN_FILES] and place[0] != COMMON_FILES}
        namespaces = {name.namespace for name in (*flows, *staying)} | own | set(self.settings.files)
        found: dict[str, dict[str, tuple[bytes, str]]] = {}
        for namespace in sorted(filter(self._is_allowed, namespaces)):
            files = layout.files(namespace, sources.namespace_files)
            taken = {name: (_bytes(root, path), path) for name, path in files.items() if _is_file(root, path)}
            if taken:
                found[namespace] = taken
        return found

    def _wanted_files_alone(self) -> Wanted:
        root, namespaces = self.asked.files_from, self.asked.namespaces
        if len(namespaces) != 1:
            raise UserError("files go into one namespace", help="say which: --namespace NAMESPACE")
        if root is None or not root.is_dir():
            raise NotFound(f"there is no folder {root}")
        self._refuse_elsewhere([FlowName(namespaces[0], "")])
        lead = self.asked.to.strip("/")
        found: dict[str, tuple[bytes, str]] = {}
        for here, folders, names in os.walk(root):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                path = Path(here, name).relative_to(root).as_posix()
                if not name.startswith(".") and _is_file(root, path):
                    found[str(PurePosixPath(lead, path))] = (_bytes(root, path), f"{root.as_posix()}/{path}")
        return Wanted({}, {namespaces[0]: found} if found else {})

    def _there(self, wanted: Wanted) -> There:
        """Where files may be deleted, every namespace of the flows is looked at, it may have had some; and every one
        that has left the source, and has flows of ours still, or files as far as the target can tell."""
        target = self.destination.target
        looked = set(wanted.files)
        if self.asked.files_from is not None:
            looked |= set(self.asked.namespaces)
            return There({}, {namespace: self._below_to(target.files(namespace)) for namespace in sorted(looked)})
        flows = {name: text for name, text in target.flows().items() if self._is_allowed(name.namespace)}
        if self.asked.prune and not self.asked.paths:
            looked |= {name.namespace for name in wanted.flows}
            looked |= {name.namespace for name in owned(flows, self.owner)}
            looked |= set(filter(self._is_allowed, target.namespaces()))
        return There(flows, {namespace: target.files(namespace) for namespace in sorted(looked)})

    def _below_to(self, files: Mapping[str, bytes]) -> dict[str, bytes]:
        """Only what lies where the folder goes is compared with it."""
        lead, inventory = self.asked.to.strip("/"), inventory_path(self.owner)
        return {
            path: content
            for path, content in files.items()
            if path == inventory or not lead or path.startswith(f"{lead}/")
        }

    def _is_allowed(self, namespace: str) -> bool:
        allowed = self.destination.namespaces
        return (not self.asked.namespaces or namespace in self.asked.namespaces) and (
            allowed is None or namespace in allowed
        )

    def _refuse_elsewhere(self, flows: Iterable[FlowName]) -> None:
        elsewhere = sorted({name.namespace for name in flows if not self._is_allowed(name.namespace)})
        if elsewhere:
            allowed = self.asked.namespaces or self.destination.namespaces or ()
            raise UserError(
                f"there are flows of the namespace {elsewhere[0]}, and only {', '.join(allowed)} may be written",
                help="name the files or folders that are to be deployed",
            )


def _text(content: bytes) -> str:
    is_wide = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    return content.decode("utf-16" if is_wide else "utf-8-sig", "replace")


def _is_file(root: Path, path: str) -> bool:
    """No link, and not reached through one below the root."""
    at = root
    for part in PurePosixPath(path).parts:
        at /= part
        if at.is_symlink():
            return False
    return at.is_file()


def _bytes(root: Path, path: str) -> bytes:
    try:
        return (root / path).read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {root / path}: {error.strerror or error}") from error
