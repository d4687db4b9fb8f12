"""The reconciler over a real store and a remote in memory: only what changed is read, and nothing good is lost."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fakes.git import MemoryHost, MemoryMirror
from penstock.adapters.sqlite import SqliteStore
from penstock.agent.reconciler import Reconciled, Reconciler
from penstock.diagnostic import FlowName
from penstock.errors import Retryable, Stalled, UserError
from penstock.flow.model import Dialect
from penstock.ports.clock import HeldClock
from penstock.ports.git import Blob, Change
from penstock.reconcile.status import status

A, B, C = (FlowName("team", name) for name in "abc")
LOG = "io.kestra.plugin.core.log.Log"


def text(name: str, message: str = "hello", more: str = "") -> bytes:
    body = f"id: {name}\nnamespace: team\ntasks:\n  - id: say\n    type: {LOG}\n    message: {message}\n{more}"
    return body.encode()


@dataclass
class CountingMirror(MemoryMirror):
    """What was asked of it."""

    reads: list[str] = field(default_factory=list)
    listings: int = 0
    fetches: int = 0
    cannot_compare: bool = False

    def fetch(self) -> str:
        self.fetches += 1
        return super().fetch()

    def blobs(self, commit: str, prefix: str = "") -> list[Blob]:
        self.listings += 1
        return super().blobs(commit, prefix)

    def changes(self, before: str, after: str) -> list[Change]:
        if self.cannot_compare:
            raise Retryable("the commit before is gone")
        old, new = ({b.path: b for b in super(CountingMirror, self).blobs(c)} for c in (before, after))
        return [Change(path, new.get(path)) for path in sorted({*old, *new}) if old.get(path) != new.get(path)]

    def read(self, blobs: Iterable[Blob]) -> Iterator[tuple[Blob, bytes]]:
        for blob, content in super().read(blobs):
            self.reads.append(blob.path)
            yield blob, content


@dataclass
class Bench:
    folder: Path
    host: MemoryHost = field(default_factory=MemoryHost)
    clock: HeldClock = field(default_factory=HeldClock)

    def __post_init__(self) -> None:
        self.store = SqliteStore(self.folder / "store.db")
        self.mirror = CountingMirror(self.host, "main")
        self.restart()

    def restart(self, *, prefix: str = "", dialect: Dialect = Dialect.AUTO) -> None:
        self.reconciler = Reconciler(self.mirror, self.store, self.clock, "repo", prefix, dialect)

    def push(self, files: Mapping[str, bytes | None], **more: bool) -> str:
        commit = self.host.commit({path: content for path, content in files.items() if content is not None}, **more)
        gone = [path for path, content in files.items() if content is None]
        if gone:
            kept = {path: content for path, content in self.host.commits[commit].files.items() if path not in gone}
            commit = self.host.branches["main"] = self.host.add(commit, kept, "remove", "Ada")
        return commit

    def step(self) -> Reconciled | None:
        self.mirror.reads.clear()
        self.mirror.listings = self.mirror.fetches = 0
        return self.reconciler.step()

    def health(self) -> dict[str, str]:
        return {each.name: each.health for each in status(self.store, sinks=(), now=self.clock.now()).flows}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.store.close()


def test_a_head_that_has_not_moved_costs_a_question(bench: Bench) -> None:
    bench.push({"flows/a.yaml": text("a")})
    bench.step()
    seen = bench.store.observation("repo")
    bench.clock.advance(seen.at - seen.at)
    assert bench.step() is None
    assert (bench.mirror.fetches, bench.mirror.listings, bench.mirror.reads) == (0, 0, [])


def test_of_many_flows_the_one_that_changed_is_read(bench: Bench) -> None:
    bench.push({f"flows/{n}.yaml": text(f"f{n}") for n in range(50)})
    bench.step()
    assert len(bench.mirror.reads) == 50
    commit = bench.push({"flows/7.yaml": text("f7", "other")})
    found = bench.step()
    assert found is not None
    assert (bench.mirror.reads, found.read, bench.mirror.listings) == (["flows/7.yaml"], 1, 0)
    deployed = bench.store.deployed()[FlowName("team", "f7")]
    assert (deployed.revision, deployed.commit, deployed.generation) == (2, commit, 2)
    assert bench.store.text(deployed.source_digest) == text("f7", "other")


def test_a_restart_reads_nothing_again(bench: Bench) -> None:
    bench.push({f"flows/{n}.yaml": text(f"f{n}") for n in range(5)})
    bench.step()
    bench.restart()
    assert bench.step() is None
    assert (bench.mirror.fetches, bench.mirror.reads) == (0, [])
    bench.push({"flows/3.yaml": text("f3", "other")})
    bench.restart()
    assert bench.step() is not None
    assert bench.mirror.reads == ["flows/3.yaml"]


def test_when_the_last_commit_is_gone_files_that_differ_are_read(bench: Bench) -> None:
    bench.push({f"flows/{n}.yaml": text(f"f{n}") for n in range(5)})
    bench.step()
    bench.mirror.cannot_compare = True
    bench.push({"flows/3.yaml": text("f3", "other"), "flows/4.yaml": None})
    bench.step()
    assert bench.mirror.reads == ["flows/3.yaml"]
    assert FlowName("team", "f4") not in bench.store.deployed()


def generation(bench: Bench) -> tuple[int, str]:
    found = bench.store.generation()
    assert found is not None
    return found.number, found.commit


def test_files_of_namespaces_begin_a_generation_and_other_files_do_not(bench: Bench) -> None:
    first = bench.push({"flows/a.yaml": text("a"), "_files/a.sql": b"1"})
    bench.step()
    bench.push({"README.md": b"hello"})
    bench.step()
    assert generation(bench) == (1, first)
    second = bench.push({"_files/a.sql": b"2"})
    bench.step()
    third = bench.push({"team/files/a.sql": b"3"})
    bench.step()
    assert generation(bench) == (3, third)
    bench.restart()
    fourth = bench.push({"_files/a.sql": None})
    bench.step()
    assert generation(bench) == (4, fourth)
    assert bench.mirror.kept() == {first, fourth}
    assert second not in bench.mirror.kept()


@pytest.mark.parametrize("how", ["restart", "cannot compare", "steering"])
def test_where_trees_cannot_be_compared_files_are_looked_at(how: str, bench: Bench) -> None:
    first = bench.push({"flows/a.yaml": text("a"), "_files/a.sql": b"1"})
    bench.step()
    if how == "restart":
        bench.restart()
    bench.mirror.cannot_compare = how == "cannot compare"
    steering = {".penstockignore": b"x\n"} if how == "steering" else {}
    bench.push({"README.md": b"hello", **steering})
    bench.step()
    assert generation(bench) == (1, first)
    if how == "restart":
        bench.restart()
    last = bench.push({"_files/a.sql": b"2", **dict.fromkeys(steering, b"y\n")})
    bench.step()
    assert generation(bench) == (2, last)


def test_another_rule_for_files_of_namespaces_begins_a_generation(bench: Bench) -> None:
    bench.push({"flows/a.yaml": text("a"), "sql/a.sql": b"1"})
    bench.step()
    second = bench.push({"penstock.yaml": b"files: {team: [sql/**]}\n"})
    bench.step()
    assert generation(bench) == (2, second)


def test_a_broken_file_keeps_its_last_good_revision_through_restarts(bench: Bench) -> None:
    first = bench.push({"flows/a.yaml": text("a"), "flows/b.yaml": text("b")})
    bench.step()
    bench.push({"flows/a.yaml": text("a").replace(b"message", b"mesage"), "flows/b.yaml": text("b", "new")})
    found = bench.step()
    assert found is not None
    assert {"flows/a.yaml"} == set(found.texts)
    for _ in range(2):
        assert bench.health() == {"team/a": "degraded", "team/b": "ok"}
        assert bench.store.deployed()[A].commit == first
        assert "flows/a.yaml:4:5" in str(bench.store.deployed()[A].problem)
        bench.restart()
        assert bench.step() is None
    bench.push({"flows/a.yaml": b"\tno: yaml"})
    bench.step()
    assert bench.health()["team/a"] == "degraded"
    assert "flows/a.yaml:1:1" in str(bench.store.deployed()[A].problem)
    bench.push({"flows/a.yaml": text("a", "mended")})
    bench.step()
    assert (bench.health()["team/a"], bench.store.deployed()[A].revision) == ("ok", 2)


def test_an_expression_past_a_bound_is_a_problem_of_its_own_file_alone(bench: Bench) -> None:
    deep = text("a", message=f"'{{{{ {'(' * 60}1{')' * 60} }}}}'")
    bench.push({"flows/a.yaml": deep, "flows/b.yaml": text("b")})
    found = bench.step()
    assert found is not None
    assert set(found.texts) == {"flows/a.yaml"}
    assert bench.health() == {"team/a": "invalid", "team/b": "ok"}
    assert set(bench.store.deployed()) == {B}


def test_what_never_was_valid_is_told_with_its_place(bench: Bench) -> None:
    bench.push(
        {"flows/a.yaml": b"id: a\nnamespace: team\n", "flows/b.yaml": b"{", "flows/note.yaml": b"just: a note\n"}
    )
    bench.step()
    assert bench.health() == {"flows/b.yaml": "invalid", "team/a": "invalid"}
    assert bench.store.deployed() == {}


def test_a_name_that_two_files_claim_goes_on_as_it_was_and_is_free_again_later(bench: Bench) -> None:
    bench.push({"flows/a.yaml": text("a")})
    bench.step()
    bench.push({"flows/twin.yaml": text("a", "twin"), "flows/b.yaml": text("b")})
    bench.step()
    assert bench.health() == {"team/a": "degraded", "team/b": "ok"}
    bench.push({"flows/a.yaml": None})
    bench.step()
    deployed = bench.store.deployed()[A]
    assert (deployed.path, deployed.revision, deployed.problem) == ("flows/twin.yaml", 2, None)
    assert bench.mirror.reads == ["flows/twin.yaml"]


def test_a_flow_that_comes_back_goes_on_counting_its_revisions(bench: Bench) -> None:
    bench.push({"flows/a.yaml": text("a"), "flows/b.yaml": text("b")})
    bench.step()
    bench.push({"flows/a.yaml": None})
    bench.step()
    assert list(bench.store.deployed()) == [B]
    bench.push({"flows/a.yaml": text("a")})
    bench.step()
    assert bench.store.deployed()[A].revision == 2
    assert [each.revision for each in bench.store.revisions(A)] == [2, 1]


def test_formatting_makes_no_revision(bench: Bench) -> None:
    bench.push({"flows/a.yaml": text("a")})
    bench.step()
    bench.push({"flows/a.yaml": b"# a comment\n" + text("a")})
    found = bench.step()
    assert found is not None
    assert [step.action.value for step in found.plan.steps] == ["refile"]
    assert bench.store.deployed()[A].revision == 1


def test_how_files_are_chosen_is_read_from_the_tree(bench: Bench) -> None:
    bench.push({"flows/a.yaml": text("a"), "jobs/b.yaml": text("b")})
    bench.step()
    assert list(bench.store.deployed()) == [A]
    bench.push({"penstock.yaml": b"flows: [jobs]\n"})
    bench.step()
    assert list(bench.store.deployed()) == [B]
    bench.push({".penstockignore": b"jobs/b.yaml\n", "jobs/c.yaml": text("c")})
    bench.step()
    assert list(bench.store.deployed()) == [C]


def test_a_repository_that_asks_for_another_version_keeps_what_is_in_force(bench: Bench) -> None:
    bench.push({"flows/a.yaml": text("a")})
    bench.step()
    bench.push({"penstock.yaml": b"requires: '>=99'\n", "flows/a.yaml": text("a", "new")})
    for _ in range(2):
        with pytest.raises(Stalled, match="asks for Penstock >=99"):
            bench.step()
    assert bench.store.deployed()[A].revision == 1
    assert "asks for Penstock" in str(bench.store.observation("repo"))
    bench.push({"penstock.yaml": None})
    bench.step()
    assert bench.store.deployed()[A].revision == 2


def test_plugin_defaults_of_the_repository_are_pinned_with_the_flow(bench: Bench) -> None:
    bare = text("a").replace(b"    message: hello\n", b"")
    defaults = b"defaults:\n  - type: io.kestra.plugin.core.log.Log\n    values: {message: from the repository}\n"
    bench.push({"flows/a.yaml": bare, "penstock.yaml": defaults})
    bench.step()
    assert bench.health() == {"team/a": "ok"}
    pinned = bench.store.text(bench.store.deployed()[A].source_digest)
    assert pinned is not None
    assert pinned.endswith(bare)
    assert b"from the repository" in pinned
    bench.push({"penstock.yaml": defaults.replace(b"from the", b"of the")})
    bench.step()
    assert bench.store.deployed()[A].revision == 2


OWN = b'{"properties": {"type": {"const": "com.acme.Load"}, "table": {"type": "string"}}, "required": ["table"]}'


def test_types_of_the_repositorys_catalogues_are_known_and_hold_their_flow_back(bench: Bench) -> None:
    loading = text("a").replace(LOG.encode(), b"com.acme.Load").replace(b"message: hello", b"table: t")
    bench.push({"flows/a.yaml": loading, "schemas/load.json": OWN, "flows/b.yaml": text("b")})
    bench.step()
    assert bench.health() == {"team/a": "invalid", "team/b": "ok"}
    bench.push({"penstock.yaml": b"catalogs: schemas\n"})
    bench.step()
    assert bench.health() == {"team/a": "blocked", "team/b": "ok"}
    bench.push({"flows/b.yaml": text("b", "other")})
    bench.step()
    assert bench.mirror.reads == ["flows/b.yaml"]
    bench.push({"schemas/load.json": OWN.replace(b"table", b"rows")})
    bench.step()
    assert bench.health() == {"team/a": "degraded", "team/b": "ok"}
    bench.restart()
    assert bench.step() is None


@pytest.mark.parametrize(
    ("catalogs", "files", "told"),
    [
        (b"catalogs: schemas\n", {}, "there is no catalogue `schemas`"),
        (b"catalogs: ../schemas\n", {}, "the catalogue `../schemas` leads out of the repository"),
        (b"catalogs: /etc\n", {}, "the catalogue `/etc` leads out of the repository"),
        (b"catalogs: s.json\n", {"s.json": b"{"}, "s.json:1:2: is not JSON"),
        (b"catalogs: s.json\n", {"s.json": b" " * (16 * 1024 * 1024 + 1)}, "s.json: is larger than 16 MiB"),
    ],
)
def test_a_catalogue_that_cannot_be_read_keeps_what_is_in_force(
    bench: Bench, catalogs: bytes, files: dict[str, bytes | None], told: str
) -> None:
    bench.push({"flows/a.yaml": text("a")})
    bench.step()
    bench.push({"penstock.yaml": catalogs, "flows/a.yaml": text("a", "new")} | files)
    with pytest.raises(Stalled, match=re.escape(told)):
        bench.step()
    assert bench.store.deployed()[A].revision == 1


def test_unknown_types_are_what_the_repository_says(bench: Bench) -> None:
    bench.push({"flows/a.yaml": text("a").replace(LOG.encode(), b"com.acme.Load")})
    bench.step()
    assert bench.health() == {"team/a": "invalid"}
    bench.push({"penstock.yaml": b"unknownTypes: warning\n"})
    bench.step()
    assert bench.health() == {"team/a": "blocked"}


def test_rewritten_history_and_a_vanished_branch(bench: Bench) -> None:
    bench.push({"flows/a.yaml": text("a"), "flows/b.yaml": text("b")})
    bench.step()
    bench.push({"flows/b.yaml": text("b", "rewritten")}, orphan=True)
    bench.step()
    assert {name: each.revision for name, each in bench.store.deployed().items()} == {B: 2}
    head = bench.host.branches.pop("main")
    with pytest.raises(UserError):
        bench.step()
    assert list(bench.store.deployed()) == [B]
    seen = bench.store.observation("repo")
    assert seen is not None
    assert seen.commit == head
    assert "remote ref" in str(seen.problem)


def test_an_empty_tree_removes_nothing(bench: Bench) -> None:
    bench.push({"flows/a.yaml": text("a")})
    bench.step()
    bench.push({"flows/a.yaml": None, "README.md": b"moved\n"})
    bench.step()
    assert list(bench.store.deployed()) == [A]


def test_only_what_is_needed_stays_pinned_in_the_mirror(bench: Bench) -> None:
    for n in range(5):
        last = bench.push({"flows/a.yaml": text("a", f"number {n}")})
        bench.step()
    assert bench.mirror.kept() == {last}
