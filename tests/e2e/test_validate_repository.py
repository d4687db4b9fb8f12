"""`penstock validate` over a whole repository: what is kept, revisions of Git, and files that change."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from program import Outcome, environment, penstock, start
from terminal import Terminal
from until import until

LOG = "io.kestra.plugin.core.log.Log"
SUBFLOW = "io.kestra.plugin.core.flow.Subflow"
CALLER = (
    "id: nightly\nnamespace: team\ntasks:\n"
    f"  - id: go\n    type: {SUBFLOW}\n    namespace: team\n    flowId: load\n    inputs: {{day: monday}}\n"
)
CALLED = (
    "id: load\nnamespace: team\ninputs:\n  - {id: day, type: STRING}\ntasks:\n"
    f"  - {{id: t, type: {LOG}, message: x}}\n"
)


class Repository:
    """A Git repository of two flows, one of which calls the other, in one commit."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "--quiet", "--initial-branch=main", ".")
        self.write("flows/nightly.yaml", CALLER)
        self.write("flows/load.yaml", CALLED)
        self.write("penstock.yaml", "rules: {PEN803: off}\n")
        self.commit("one")

    def git(self, *args: str) -> str:
        who = {
            f"GIT_{role}_{what}": "t@example.invalid" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
        }
        done = subprocess.run(
            ["git", *args], cwd=self.folder, env={**os.environ, **who}, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def write(self, path: str, text: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def commit(self, message: str) -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        return self.git("rev-parse", "HEAD")

    def validate(self, *args: str, folder: str = ".") -> Outcome:
        return penstock("validate", "-o", "concise", "-q", *args, cwd=self.folder / folder)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    folder = tmp_path / "repository"
    folder.mkdir()
    return Repository(folder)


def codes(outcome: Outcome) -> list[tuple[str, str]]:
    """File and code of each finding, in order."""
    found = [re.match(r"([^:]+):\d+:\d+: \w+\[(PEN\d+)\]", line) for line in outcome.out.splitlines()]
    return [(one[1], one[2]) for one in found if one is not None]


pytestmark = pytest.mark.needs_git


def test_files_that_call_each_other_may_come_in_one_commit_in_any_order(repository: Repository) -> None:
    assert repository.validate().out == ""
    repository.git("mv", "flows/load.yaml", "flows/a-load.yaml")
    assert repository.validate().out == ""


def test_a_single_file_is_judged_among_all_others(repository: Repository) -> None:
    repository.write("flows/load.yaml", CALLED.replace("day", "date"))
    assert codes(repository.validate("flows/nightly.yaml")) == [
        ("flows/nightly.yaml", "PEN504"), ("flows/nightly.yaml", "PEN503"),
    ]  # fmt: skip
    assert repository.validate("flows/load.yaml").out == ""
    assert codes(repository.validate("nightly.yaml", folder="flows"))[0] == ("nightly.yaml", "PEN504")


def test_what_is_kept_lies_in_the_users_folder_and_may_be_left_unused(repository: Repository, tmp_path: Path) -> None:
    def judged(*args: str, cache: Path) -> str:
        outcome = penstock("validate", "-v", *args, cwd=repository.folder, env={"PENSTOCK_CACHE": str(cache)})
        return outcome.err.strip()

    kept = tmp_path / "kept"
    assert judged(cache=kept) == "judged 2 of 2 files, verdicts are kept"
    assert judged(cache=kept) == "judged 0 of 2 files, verdicts are kept"
    assert judged("--no-cache", cache=kept) == "judged 2 of 2 files, nothing is kept"
    for sheet in kept.iterdir():
        sheet.write_bytes(b"x" + sheet.read_bytes()[1:])
    assert judged(cache=kept) == "judged 2 of 2 files, verdicts are kept; 2 damaged and made anew"
    assert repository.git("status", "--short") == ""


def test_a_revision_is_judged_as_it_is_without_a_checkout(repository: Repository) -> None:
    broken = CALLED.replace("tasks:", "taks:")
    repository.write("flows/load.yaml", broken)
    first = repository.commit("broken")
    repository.write("flows/load.yaml", CALLED)
    repository.commit("mended")
    repository.write("flows/load.yaml", "[")
    assert repository.validate("--at", "HEAD").out == ""
    found = repository.validate("--at", first)
    assert found.code == 1
    assert {file for file, _ in codes(found)} == {"flows/load.yaml"}
    assert codes(repository.validate("--at", "HEAD~1", "load.yaml", folder="flows"))[0][0] == "load.yaml"
    framed = penstock("validate", "--at", first, cwd=repository.folder).out
    assert "4 |   - {id: day, type: STRING}" in framed or "taks:" in framed
    assert repository.git("status", "--short") == "M flows/load.yaml"


def test_the_rules_of_a_revision_are_its_own(repository: Repository) -> None:
    first = repository.git("rev-parse", "HEAD")
    repository.write("penstock.yaml", "rules: {PEN803: information}\n")
    assert codes(repository.validate()) == [("flows/load.yaml", "PEN803"), ("flows/nightly.yaml", "PEN803")]
    assert repository.validate("--at", first).out == ""


def test_the_types_of_a_revision_are_its_own(repository: Repository) -> None:
    schema = '{"properties": {"type": {"const": "com.example.Mine"}}, "title": "Mine"}'
    repository.write("types/mine.json", schema)
    repository.write("penstock.yaml", "catalogs: [types]\nrules: {PEN706: off}\n")
    repository.write("flows/load.yaml", CALLED.replace(f"type: {LOG}, message: x", "type: com.example.Mine"))
    assert repository.validate().out == ""
    first = repository.commit("types of our own")
    repository.git("rm", "--quiet", "types/mine.json")
    repository.write("penstock.yaml", "rules: {PEN803: off}\n")
    assert codes(repository.validate()) == [("flows/load.yaml", "PEN210")]
    assert repository.validate("--at", first).out == ""


def test_a_bare_repository_has_revisions_too(repository: Repository, tmp_path: Path) -> None:
    repository.git("clone", "--quiet", "--bare", ".", str(tmp_path / "bare.git"))
    outcome = penstock("validate", "--at", "main", cwd=tmp_path / "bare.git")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith("Found no problems in 2 flows")


def test_a_linked_work_tree_has_revisions_too(repository: Repository, tmp_path: Path) -> None:
    repository.git("worktree", "add", "--quiet", str(tmp_path / "linked"))
    (tmp_path / "linked/flows/load.yaml").write_text(CALLED + "[\n")
    assert penstock("validate", "--at", "HEAD", cwd=tmp_path / "linked").code == 0
    outcome = penstock("validate", "--changed=HEAD", "-o", "concise", "-q", cwd=tmp_path / "linked")
    assert {file for file, _ in codes(outcome)} == {"flows/load.yaml"}


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--at", "nowhere"), "there is no revision `nowhere`"),
        (("--at", "HEAD", "flows/none.yaml"), "flows/none.yaml is not in that revision"),
        (("--at", "HEAD", "-"), "standard input is of no revision"),
        (("--at", "HEAD", "--watch"), "--watch is for files that change"),
        (("--changed", "--fix"), "--fix and --diff are for files as they are now"),
        (("--at", "--upload-pack=x"), "there is no revision"),
    ],
)
def test_what_cannot_be_is_an_error_of_use(repository: Repository, args: tuple[str, ...], said: str) -> None:
    outcome = repository.validate(*args)
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err


def test_outside_of_git_there_are_no_revisions(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    outcome = penstock("validate", "--changed", cwd=tmp_path)
    assert outcome.code == 2
    assert "lies in no Git repository" in outcome.err


def test_changed_tells_of_files_that_differ_and_of_what_they_broke(repository: Repository) -> None:
    old = CALLED.replace("id: load", "id: old").replace("message", "massage")
    repository.write("flows/old.yaml", old)
    base = repository.commit("with an old fault")
    assert {file for file, _ in codes(repository.validate())} == {"flows/old.yaml"}
    assert repository.validate(f"--changed={base}").out == ""
    repository.write("flows/load.yaml", CALLED.replace("day", "date"))
    repository.write("flows/new.yaml", CALLED.replace("id: load", "id: new").replace("type: STRING", "type: STRNG"))
    assert codes(repository.validate(f"--changed={base}")) == [
        ("flows/new.yaml", "PEN205"), ("flows/nightly.yaml", "PEN504"), ("flows/nightly.yaml", "PEN503"),
    ]  # fmt: skip
    head = repository.commit("breaks")
    assert repository.validate(f"--changed={head}").out == ""
    assert len(codes(repository.validate("--at", head, f"--changed={base}"))) == 3
    repository.write("flows/old.yaml", old + "# touched\n")
    assert {file for file, _ in codes(repository.validate(f"--changed={head}"))} == {"flows/old.yaml"}


def test_changed_alone_means_since_the_default_branch(repository: Repository) -> None:
    repository.git("switch", "--quiet", "--create", "topic")
    repository.write("flows/load.yaml", CALLED.replace("day", "date"))
    repository.commit("breaks")
    repository.git("switch", "--quiet", "main")
    repository.write("flows/other.yaml", CALLED.replace("id: load", "id: other").replace("STRING", "STRNG"))
    repository.commit("meanwhile")
    repository.git("switch", "--quiet", "topic")
    assert {file for file, _ in codes(repository.validate("--changed"))} == {"flows/nightly.yaml"}


def test_other_line_ends_are_no_change(repository: Repository) -> None:
    old = CALLED.replace("message", "massage")
    repository.write("flows/load.yaml", old)
    base = repository.commit("an old fault")
    (repository.folder / "flows/load.yaml").write_bytes(old.replace("\n", "\r\n").encode())
    assert repository.validate(f"--changed={base}").out == ""


def test_watching_tells_what_was_mended_and_what_is_new(repository: Repository, tmp_path: Path) -> None:
    process = start("validate", "--watch", "-o", "concise", data=tmp_path / "data", cwd=repository.folder)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("Found no problems in 2 flows")
    repository.write("flows/nightly.yaml", CALLER.replace("flowId: load", "flowId: lode"))
    assert process.stdout.readline() == "\n"
    assert "[PEN502]" in process.stdout.readline()
    assert process.stdout.readline().startswith("Found 1 error")
    assert process.stdout.readline() == "0 fixed, 1 new\n"
    repository.write("flows/lode.yaml", CALLED.replace("id: load", "id: lode"))
    assert [process.stdout.readline() for _ in range(3)][2] == "1 fixed, 0 new\n"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130


def test_watching_outlives_a_penstock_yaml_that_is_half_written(repository: Repository, tmp_path: Path) -> None:
    process = start("validate", "--watch", "-o", "concise", data=tmp_path / "data", cwd=repository.folder)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("Found no problems")
    repository.write("penstock.yaml", "rules: [\n")
    assert process.stdout.readline() == "\n"
    assert "penstock.yaml" in process.stdout.readline()
    repository.write("penstock.yaml", "rules: {PEN803: warning}\n")
    assert process.stdout.readline() == "\n"
    assert "warning[PEN803]" in process.stdout.readline()
    process.terminate()
    process.communicate(timeout=30)


def test_a_terminal_shows_the_last_report_alone(repository: Repository, tmp_path: Path) -> None:
    terminal = Terminal("-C", str(repository.folder), "validate", "--watch", data=tmp_path / "data")
    until(lambda: "Watching for changes" in terminal.text, 30)
    repository.write("flows/nightly.yaml", CALLER.replace("flowId: load", "flowId: lode"))
    until(lambda: "0 fixed, 1 new" in terminal.text, 30)
    assert terminal.raw.count("\x1b[H\x1b[2J") == 2
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.ended() == 130


def test_a_look_reads_nothing_while_nothing_changes(repository: Repository, tmp_path: Path) -> None:
    process = start("validate", "--watch", "-o", "concise", data=tmp_path / "data", cwd=repository.folder)
    assert process.stdout is not None
    process.stdout.readline()
    os.utime(repository.folder / "flows/load.yaml", (1, 1))
    assert process.stdout.readline() == "\n"
    assert process.stdout.readline().startswith("Found no problems")
    assert process.stdout.readline() == "0 fixed, 0 new\n"
    process.terminate()
    assert process.communicate(timeout=30)[0] == ""
    assert environment()["XDG_CACHE_HOME"] not in str(repository.folder)
