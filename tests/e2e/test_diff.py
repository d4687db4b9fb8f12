"""`penstock diff` in a real repository: revisions, paths, exit codes, and branches that are merged to look."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from penstock_cli.main import main

LOG, SUBFLOW = "io.kestra.plugin.core.log.Log", "io.kestra.plugin.core.flow.Subflow"
LOAD = f"id: load\nnamespace: sales\ntasks:\n  - id: say\n    type: {LOG}\n    message: loaded\n"
NEEDY = LOAD.replace("tasks:", "inputs:\n  - id: day\n    type: DATE\ntasks:")
CALLER = (
    f"id: report\nnamespace: sales\ntasks:\n  - id: load\n    type: {SUBFLOW}\n    namespace: sales\n    flowId: load\n"
)


@dataclass(frozen=True)
class Answer:
    exit_code: int
    stdout: str
    stderr: str


class Repository:
    """A folder with a Git repository, `main` its default branch, and one flow in it."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit("flows/load.yaml", LOAD)

    def git(self, *arguments: str) -> str:
        who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false"]
        told = subprocess.run(["git", *who, *arguments], cwd=self.folder, check=True, capture_output=True, text=True)
        return told.stdout.strip()

    def write(self, path: str, text: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def commit(self, path: str, text: str | None) -> str:
        if text is None:
            (self.folder / path).unlink()
        else:
            self.write(path, text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", path)
        return self.git("rev-parse", "HEAD")

    def diff(self, *arguments: str) -> Answer:
        with pytest.raises(SystemExit) as left:
            main(["diff", *arguments])
        assert isinstance(left.value.code, int)
        return Answer(left.value.code, *self._capsys.readouterr())


@pytest.fixture
def repository(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.chdir(tmp_path)
    return Repository(tmp_path, capsys)


def test_by_default_the_working_tree_is_compared_with_where_the_branch_began(repository: Repository) -> None:
    repository.git("switch", "--quiet", "--create", "feature")
    repository.commit("flows/report.yaml", CALLER)
    repository.git("switch", "--quiet", "main")
    repository.commit("flows/other.yaml", LOAD.replace("id: load", "id: other"))
    repository.git("switch", "--quiet", "feature")
    repository.write("flows/load.yaml", LOAD.replace("message: loaded", "message: done"))

    answer = repository.diff()

    assert answer.exit_code == 0
    assert answer.stdout.startswith("2 flows: 1 changed, 1 added [behaviour]\n")
    assert "task `say`: message loaded → done" in answer.stdout
    assert "sales/other" not in answer.stdout, "what came to main since is not of this branch"


def test_two_revisions_are_compared_and_nothing_is_checked_out(repository: Repository) -> None:
    first = repository.git("rev-parse", "HEAD")
    repository.commit("flows/load.yaml", NEEDY)
    repository.write("flows/load.yaml", "not: committed\n")
    before = repository.git("status", "--porcelain", "--branch")

    answer = repository.diff(f"{first}..HEAD", "--format", "json")

    told = json.loads(answer.stdout)
    assert (answer.exit_code, told["outcome"], told["head"]) == (0, "changed", "HEAD")
    assert told["flows"][0]["interface"] == [
        {
            "kind": "input", "id": "day", "turn": "added, required", "isBreaking": True, "old": None, "new": "DATE",
            "breaks": [],
        }
    ]  # fmt: skip
    assert repository.git("status", "--porcelain", "--branch") == before


def test_one_revision_is_compared_with_the_working_tree(repository: Repository) -> None:
    repository.write("flows/load.yaml", LOAD.replace("id: say", "id: tell"))

    answer = repository.diff("HEAD")

    assert "task `say` is renamed to `tell`" in answer.stdout


def test_three_dots_compare_with_the_common_ancestor(repository: Repository) -> None:
    repository.git("switch", "--quiet", "--create", "feature")
    repository.commit("flows/report.yaml", CALLER)
    repository.git("switch", "--quiet", "main")
    repository.commit("flows/load.yaml", None)

    assert (
        "1 removed" in repository.diff("main..feature").stdout or "2 flows" in repository.diff("main..feature").stdout
    )
    assert repository.diff("main...feature").stdout.startswith("1 flow: 1 added")


def test_paths_limit_what_is_told_and_not_whom_it_touches(repository: Repository) -> None:
    repository.commit("flows/report.yaml", CALLER)
    repository.write("flows/load.yaml", NEEDY)
    repository.write("flows/report.yaml", CALLER + "description: x\n")

    answer = repository.diff("HEAD", "flows/load.yaml")

    assert answer.stdout.startswith("1 flow: 1 changed")
    assert "breaks `sales/report`" in answer.stdout


def test_formatting_is_counted_and_no_difference(repository: Repository) -> None:
    repository.write("flows/load.yaml", "# a word\n" + LOAD.replace("message: loaded", "message: 'loaded'"))

    answer = repository.diff("--exit-code")

    assert (answer.exit_code, answer.stdout) == (
        0, "no flow has changed; 1 formatting only\n\nformatting only: flows/load.yaml\n",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "same", "other", "error"),
    [((), 0, 0, 2), (("--exit-code",), 0, 1, 2), (("--detailed-exitcode",), 0, 2, 1)],
)
def test_exit_codes(repository: Repository, arguments: tuple[str, ...], same: int, other: int, error: int) -> None:
    codes = [repository.diff("HEAD", *arguments).exit_code]
    repository.write("flows/load.yaml", NEEDY)
    codes += [repository.diff("HEAD", *arguments).exit_code, repository.diff("nowhere", *arguments).exit_code]

    assert codes == [same, other, error]


def test_text_shows_lines(repository: Repository) -> None:
    repository.write("flows/load.yaml", LOAD.replace("loaded", "done"))

    answer = repository.diff("--text", "--exit-code")

    assert answer.exit_code == 1
    assert answer.stdout.startswith("--- a/flows/load.yaml\n+++ b/flows/load.yaml\n@@")
    assert "-    message: loaded\n+    message: done\n" in answer.stdout


def test_what_is_a_revision_and_a_path_is_refused(repository: Repository) -> None:
    repository.git("branch", "flows")

    answer = repository.diff("flows")

    assert answer.exit_code == 2
    assert "is a revision and a path" in answer.stderr


def test_outside_of_a_repository_there_is_nothing_to_compare(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SystemExit) as left:
        main(["diff"])

    assert left.value.code == 2
    assert "lies in no Git repository" in capsys.readouterr().err


def test_two_branches_that_are_right_alone_and_wrong_together(repository: Repository) -> None:
    repository.git("switch", "--quiet", "--create", "needy")
    repository.commit("flows/load.yaml", NEEDY)
    repository.git("switch", "--quiet", "--create", "caller", "main")
    repository.commit("flows/report.yaml", CALLER)
    head = repository.git("rev-parse", "HEAD")

    alone, together = repository.diff("main..caller"), repository.diff("--with", "needy")

    assert alone.exit_code == 0
    assert together.exit_code == 1
    assert "breaks `sales/report`" in together.stdout
    assert "error[PEN504] flow `sales/load` requires the input `day`" in together.stdout
    assert repository.git("rev-parse", "HEAD") == head
    assert repository.git("status", "--porcelain") == ""


def test_branches_that_are_right_together(repository: Repository) -> None:
    repository.git("switch", "--quiet", "--create", "one")
    repository.commit("flows/one.yaml", LOAD.replace("id: load", "id: one"))
    repository.git("switch", "--quiet", "--create", "two", "main")
    repository.commit("flows/two.yaml", LOAD.replace("id: load", "id: two"))

    answer = repository.diff("--with", "one", "--format", "json")

    told = json.loads(answer.stdout)
    assert (answer.exit_code, told["outcome"], told["findings"]) == (0, "changed", [])
    assert {flow["id"] for flow in told["flows"]} == {"one", "two"}


def test_branches_that_git_cannot_merge(repository: Repository) -> None:
    repository.git("switch", "--quiet", "--create", "one")
    repository.commit("flows/load.yaml", LOAD.replace("loaded", "one"))
    repository.git("switch", "--quiet", "--create", "two", "main")
    repository.commit("flows/load.yaml", LOAD.replace("loaded", "two"))

    answer = repository.diff("--with", "one")

    assert answer.exit_code == 1
    assert "conflict: flows/load.yaml cannot be merged" in answer.stdout


def test_nothing_is_kept_where_nobody_wants_it(repository: Repository, tmp_path: Path) -> None:
    repository.write("flows/load.yaml", NEEDY)
    kept = Path(os.environ["XDG_CACHE_HOME"])

    before = sorted(kept.rglob("*"))
    repository.diff("--no-cache")

    assert sorted(kept.rglob("*")) == before


def test_a_project_within_the_repository_is_compared_from_within(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = "io.kestra.plugin.scripts.shell.Commands"
    run = (
        f"id: run\nnamespace: sales\ntasks:\n  - id: it\n    type: {script}\n    commands: [sh a.sh]\n"
        "    namespaceFiles: {enabled: true, include: [a.sh]}\n"
    )
    settings = (
        "flows: [jobs/**]\nfiles:\n  sales: [lib/*]\n"
        f"defaults:\n  - type: {script}\n    values: {{warningOnStdErr: false}}\n"
    )
    repository.write("data/penstock.yaml", settings)
    repository.write("data/lib/a.sh", "echo 1\n")
    base = repository.commit("data/jobs/run.yaml", run)
    repository.write("data/penstock.yaml", settings.replace("false", "true"))
    repository.write("data/lib/a.sh", "echo 2\n")
    monkeypatch.chdir(repository.folder / "data")
    in_tree = repository.diff(base, "--format", "json")
    repository.commit("data/jobs/more.yaml", run.replace("id: run", "id: more"))

    in_git = repository.diff(f"{base}..HEAD", "--format", "json")

    for answer, flows in ((in_tree, []), (in_git, ["jobs/more.yaml"])):
        told = json.loads(answer.stdout)
        assert [flow["path"] for flow in told["flows"]] == flows
        assert told["files"][0]["path"] == "lib/a.sh"
        assert "sales/run" in told["files"][0]["readers"]
        assert told["defaults"]["changes"][0]["new"] is True
        assert "sales/run" in [one["flow"] for one in told["defaults"]["touched"]]


def test_the_flows_may_all_be_gone(repository: Repository) -> None:
    (repository.folder / "flows" / "load.yaml").unlink()
    (repository.folder / "flows").rmdir()

    assert repository.diff().stdout.startswith("1 flow: 1 removed [interface-breaking")
