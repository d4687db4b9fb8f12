"""The Action's own installer: where Penstock goes, by what a cache finds it, and what it does when it is there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from conftest import ROOT

pytestmark = pytest.mark.skipif(os.name == "nt", reason="programs of POSIX")

INSTALLER = ROOT / "action" / "install.py"


def installer(what: str, temp: Path, version: str = "", script: Path = INSTALLER) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "RUNNER_TEMP": str(temp), "GITHUB_OUTPUT": str(temp / "out"), "ACTION_VERSION": version}
    return subprocess.run([sys.executable, str(script), what], env=environ, capture_output=True, text=True, check=False)


def placed(temp: Path, version: str = "", script: Path = INSTALLER) -> Mapping[str, str]:
    temp.mkdir()
    assert installer("place", temp, version, script).returncode == 0
    return dict(line.split("=", 1) for line in (temp / "out").read_text().splitlines())


def test_a_release_is_cached_by_its_number_and_a_checkout_by_what_is_in_it(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    for name in ("engine", "cli", "schemas", "action"):
        (copy / name).mkdir(parents=True)
    shutil.copy(INSTALLER, copy / "action")
    (copy / "engine" / "a.py").write_text("a")
    script = copy / "action" / "install.py"
    release = placed(tmp_path / "1", "0.1.0", script)
    assert release["key"].endswith("-0.1.0")
    assert release["home"] == str(tmp_path / "1" / "penstock-home")
    first = placed(tmp_path / "2", script=script)["key"]
    (copy / "engine" / "__pycache__").mkdir()
    (copy / "engine" / "__pycache__" / "a.pyc").write_text("a")
    assert placed(tmp_path / "3", script=script)["key"] == first
    (copy / "engine" / "a.py").write_text("b")
    assert placed(tmp_path / "4", script=script)["key"] != first


@pytest.mark.parametrize("version", ["latest", "0.1.0 --pre", "-e .", "http://x/y.whl", "1.0\n::set-env name=A::b"])
def test_a_version_is_a_number(version: str, tmp_path: Path) -> None:
    done = installer("install", tmp_path, version)
    assert done.returncode == 1
    assert re.fullmatch(r"::error title=penstock::the input `version` is no version: [\w.+?-]+\n", done.stderr)
    assert not (tmp_path / "penstock-home").exists()


def test_what_came_from_the_cache_is_used_when_it_works(tmp_path: Path) -> None:
    program = tmp_path / "penstock-home" / "bin" / "penstock"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho penstock 0.1.0\n")
    program.chmod(0o755)
    done = installer("install", tmp_path)
    assert (done.returncode, done.stdout) == (0, "penstock 0.1.0\nPenstock is here already\n")


@pytest.mark.long
def test_a_cold_install_works_and_is_found_the_next_time(tmp_path: Path) -> None:
    """Needs the package registry."""
    first = installer("install", tmp_path)
    assert first.returncode == 0, first.stderr
    again = installer("install", tmp_path)
    assert "Penstock is here already" in again.stdout


def test_the_constraints_have_each_dependency_in_a_version_that_fits() -> None:
    lines = [line.split(";")[0].strip() for line in (ROOT / "action/constraints.txt").read_text().splitlines()]
    pinned = dict(line.split("==") for line in lines)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [Requirement(text) for text in project["dependencies"]]
    assert [str(each) for each in wanted if not each.specifier.contains(pinned[each.name.lower()])] == []
