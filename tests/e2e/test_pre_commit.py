"""The hooks for pre-commit: what they are started for, what they find, and how the real pre-commit runs them."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
LOG = "io.kestra.plugin.core.log.Log"
GOOD = f"id: a\nnamespace: company.team\ntasks:\n  - id: t\n    type: {LOG}\n    message: x\n"
OLD = GOOD.replace("plugin.core.log", "core.tasks.log")
WRONG = GOOD + "    level: LOUD\n"


def hooks() -> dict[str, dict[str, Any]]:
    loaded = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    return {hook["id"]: hook for hook in loaded}


def test_both_hooks_say_what_pre_commit_needs() -> None:
    found = hooks()
    assert found.keys() == {"penstock-validate", "penstock-fix"}
    for hook in found.values():
        assert hook["language"] == "python"
        assert hook["entry"].startswith("penstock validate")
        assert hook["require_serial"] is True


@pytest.mark.parametrize(
    ("path", "validated", "fixed"),
    [
        ("flows/a.yaml", True, True),
        ("_flows/team/a.yml", True, True),
        ("company.team/flows/a.yaml", True, True),
        ("penstock.yaml", True, False),
        (".penstockignore", True, False),
        ("docs/a.yaml", False, False),
        ("flows/a.py", False, False),
        ("myflows/a.yaml", False, False),
    ],
)
def test_the_files_that_start_a_hook(path: str, validated: bool, fixed: bool) -> None:
    found = hooks()
    assert bool(re.search(found["penstock-validate"]["files"], path)) is validated
    assert bool(re.search(found["penstock-fix"]["files"], path)) is fixed


def repository(folder: Path) -> Path:
    (folder / "flows").mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    return folder


def git(folder: Path, *arguments: str) -> str:
    names = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "protocol.file.allow=always"]
    done = subprocess.run(["git", *names, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def started(folder: Path, hook: dict[str, Any], *files: str) -> subprocess.CompletedProcess[str]:
    """What pre-commit does with a hook of language `python`, without an environment of its own."""
    program, *arguments = shlex.split(hook["entry"])
    assert program == "penstock"
    named = files if hook["pass_filenames"] else ()
    return subprocess.run(
        [sys.executable, "-m", "penstock_cli", *arguments, *named],
        cwd=folder, capture_output=True, text=True, check=False, timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(str(ROOT / name) for name in ("engine", "cli", "schemas"))},
    )  # fmt: skip


def test_validate_judges_the_whole_repository_for_one_file(tmp_path: Path) -> None:
    folder = repository(tmp_path / "flows-repository")
    (folder / "flows" / "a.yaml").write_text(GOOD)
    (folder / "flows" / "b.yaml").write_text(WRONG.replace("id: a", "id: b"))
    done = started(folder, hooks()["penstock-validate"], "flows/a.yaml")
    assert done.returncode == 1
    assert "error[PEN205]" in done.stdout
    (folder / "flows" / "b.yaml").unlink()
    assert started(folder, hooks()["penstock-validate"], "flows/a.yaml").returncode == 0


def test_fix_mends_the_files_that_are_named_and_leaves_the_rest_to_validate(tmp_path: Path) -> None:
    folder = repository(tmp_path / "flows-repository")
    for name, text in (("a", OLD), ("b", OLD.replace("id: a", "id: b")), ("c", WRONG.replace("id: a", "id: c"))):
        (folder / "flows" / f"{name}.yaml").write_text(text)
    done = started(folder, hooks()["penstock-fix"], "flows/a.yaml", "flows/c.yaml")
    assert done.returncode == 0
    assert (folder / "flows" / "a.yaml").read_text() == GOOD
    assert (folder / "flows" / "b.yaml").read_text() == OLD.replace("id: a", "id: b")


@pytest.mark.long
@pytest.mark.needs_git
def test_the_real_pre_commit_installs_and_runs_the_hooks(tmp_path: Path) -> None:
    """It builds an environment of its own from a clone of this tree, which takes the package registry."""
    clone, folder = tmp_path / "penstock", repository(tmp_path / "flows-repository")
    tracked = git(ROOT, "ls-files", "-z").split("\0")
    for name in (*filter(None, tracked), ".pre-commit-hooks.yaml"):
        if name.startswith(("tests/", "docs/", "benchmarks/")) or not (ROOT / name).is_file():
            continue
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, clone / name)
    git(clone, "init", "--quiet", "--initial-branch=main")
    git(clone, "add", "--all", "--force")
    git(clone, "commit", "--quiet", "--message", "all")
    rev = git(clone, "rev-parse", "HEAD")
    config = {
        "repos": [{"repo": str(clone), "rev": rev, "hooks": [{"id": "penstock-fix"}, {"id": "penstock-validate"}]}]
    }
    (folder / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config))
    (folder / "flows" / "a.yaml").write_text(OLD)
    git(folder, "add", "--all")

    def run() -> subprocess.CompletedProcess[str]:
        environ = {**os.environ, "PRE_COMMIT_HOME": str(tmp_path / "home"), "PRE_COMMIT_COLOR": "never"}
        command = [sys.executable, "-m", "pre_commit", "run", "--all-files"]
        return subprocess.run(
            command, cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=600
        )

    first = run()
    assert first.returncode == 1, first.stdout + first.stderr
    assert "files were modified by this hook" in first.stdout
    assert (folder / "flows" / "a.yaml").read_text() == GOOD
    assert run().returncode == 0
    (folder / "flows" / "b.yaml").write_text(WRONG.replace("id: a", "id: b"))
    git(folder, "add", "--all")
    second = run()
    assert second.returncode == 1
    assert "error[PEN205]" in second.stdout
