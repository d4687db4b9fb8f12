"""Every workflow and action file of the project, by the judges that GitHub's users have, and by rules of our own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import ROOT
from penstock_cli.scaffold import workflow_files
from penstock_cli.scaffold.release import action_pin

ACTIONS = sorted((ROOT / "action").glob("**/action.yml"))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PROGRAMS = Path(sys.executable).parent
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The workflows that `penstock init --github` writes."""
    folder = tmp_path_factory.mktemp("written")
    paths = []
    for file in workflow_files(action_pin(f"penstock/penstock/action@{COMMIT}")):
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.text, encoding="utf-8")
        paths.append(path)
    return paths


def judged(*arguments: str | Path) -> None:
    program, *rest = map(str, arguments)
    done = subprocess.run([PROGRAMS / program, *rest], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_zizmor_finds_nothing(written: list[Path]) -> None:
    judged(
        "zizmor", "--offline", "--no-progress", "--config", ROOT / ".github/zizmor.yml", *ACTIONS, *WORKFLOWS, *written
    )


def test_they_fit_the_schemas_of_github(written: list[Path]) -> None:
    judged("check-jsonschema", "--builtin-schema", "vendor.github-actions", *ACTIONS)
    judged("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *WORKFLOWS, *written)


def uses(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("uses"), str):
            yield value["uses"]
        for each in value.values():
            yield from uses(each)
    elif isinstance(value, list):
        for each in value:
            yield from uses(each)


def test_each_action_of_others_is_one_commit_wherever_it_is_used(written: list[Path]) -> None:
    found: dict[str, set[str]] = {}
    for path in (*ACTIONS, *WORKFLOWS, *written):
        for each in uses(yaml.safe_load(path.read_text(encoding="utf-8"))):
            name, _, commit = each.partition("@")
            if not name.startswith("./"):
                found.setdefault(name, set()).add(commit)
                assert len(commit) == 40, each
    assert {name: len(commits) for name, commits in found.items()} == dict.fromkeys(found, 1)


@pytest.mark.parametrize("path", ACTIONS, ids=lambda path: path.parent.name)
def test_no_script_has_an_expression_and_each_input_goes_through_the_environment(path: Path) -> None:
    action = yaml.safe_load(path.read_text(encoding="utf-8"))
    steps = action["runs"]["steps"]
    assert not [step for step in steps if "${{" in step.get("run", "")]
    handed = {name for step in steps for name in step.get("env", {})}
    current = {name for name, said in action["inputs"].items() if "deprecationMessage" not in said}
    assert {f"INPUT_{name.upper().replace('-', '_')}" for name in current - {"version"}} <= handed
    assert all("description" in said for said in (*action["inputs"].values(), *action["outputs"].values()))


def test_all_of_them_install_in_the_same_way() -> None:
    """A composite action cannot use a neighbour where it is itself used from elsewhere: its steps are written out."""
    first, *others = [yaml.safe_load(path.read_text(encoding="utf-8"))["runs"]["steps"][:-1] for path in ACTIONS]
    plain = [{**step, "run": step.get("run", "").replace("/../", "/")} for step in first]
    for steps in others:
        assert [{**step, "run": step.get("run", "").replace("/../", "/")} for step in steps] == plain


def test_results_do_not_start_workflows(written: list[Path]) -> None:
    for path in (*WORKFLOWS, *written):
        said = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
        push = said["on"].get("push")
        if push is not None and "tags" not in push:
            assert push["branches-ignore"] == ["penstock/**"], path


def test_no_workflow_has_rights_that_it_does_not_name(written: list[Path]) -> None:
    for path in (*WORKFLOWS, *written):
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert said["permissions"] in ({}, {"contents": "read"}), path


def test_the_page_names_every_input_and_output() -> None:
    page = (ROOT / "docs" / "action.md").read_text(encoding="utf-8")
    for path in ACTIONS:
        action = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert [name for name in (*action["inputs"], *action["outputs"]) if f"`{name}`" not in page] == []
