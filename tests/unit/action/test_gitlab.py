"""The GitLab component: it fits GitLab's schema, and its script does what it says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import ROOT
from program import environment
from pull_request import BROKEN, GOOD, installed

pytestmark = pytest.mark.skipif(os.name == "nt", reason="programs of POSIX")

TEMPLATE = ROOT / "action" / "gitlab" / "templates" / "validate.yml"


def filled(**given: str) -> dict[str, Any]:
    """The one job, its inputs filled in as GitLab does it: into the texts of YAML that has been read."""
    head, body = yaml.safe_load_all(TEMPLATE.read_text(encoding="utf-8"))
    inputs = head["spec"]["inputs"]
    assert set(given) <= set(inputs)
    values = {name: given.get(name, str(said["default"])) for name, said in inputs.items()}

    def within(value: Any) -> Any:
        match value:
            case str():
                text = re.sub(r"\$\[\[ inputs\.([\w-]+) \]\]", lambda found: values[found[1]], value)
                assert "$[[" not in text
                return text
            case list():
                return [within(each) for each in value]
            case dict():
                return {within(name): within(each) for name, each in value.items()}
        return value

    (job,) = within(body).values()
    return dict(job)


def test_it_fits_the_schema_of_gitlab(tmp_path: Path) -> None:
    path = tmp_path / ".gitlab-ci.yml"
    path.write_text(yaml.safe_dump({"penstock": filled()}), encoding="utf-8")
    check = Path(sys.executable).parent / "check-jsonschema"
    done = subprocess.run(
        [check, "--builtin-schema", "vendor.gitlab-ci", path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_it_stays_away_from_branches_of_results() -> None:
    assert filled()["rules"][0] == {"if": "$CI_COMMIT_BRANCH =~ /^penstock\\//", "when": "never"}


def run(folder: Path, **given: str) -> subprocess.CompletedProcess[str]:
    """The script of the job, with the installation left out and every variable set as GitLab sets it."""
    job = filled(**given)
    programs = folder / ".programs"
    installed(programs / "penstock")
    (programs / "python").symlink_to("/bin/true")
    environ = environment(folder / ".data", {**job["variables"], "PATH": f"{programs}:{os.environ['PATH']}"})
    script = "\n".join(job["script"])
    return subprocess.run(["sh", "-ec", script], cwd=folder, env=environ, capture_output=True, text=True, check=False)


def flows(folder: Path, **texts: str) -> None:
    (folder / "flows").mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / "flows" / f"{name}.yaml").write_text(text, encoding="utf-8")


def test_findings_are_a_report_of_code_quality_and_fail_the_job(tmp_path: Path) -> None:
    flows(tmp_path, good=GOOD, broken=BROKEN.replace("etl", "broken"))
    done = run(tmp_path)
    assert done.returncode == 1, done.stderr
    (found,) = json.loads((tmp_path / "gl-code-quality-report.json").read_text())
    assert found["location"]["path"] == "flows/broken.yaml"
    assert "unknown property `levl`" in done.stdout
    assert "<testsuite" in (tmp_path / "penstock-junit.xml").read_text()


def test_paths_are_paths_whatever_is_in_them(tmp_path: Path) -> None:
    flows(tmp_path, good=GOOD, broken=BROKEN.replace("etl", "broken"))
    (tmp_path / "flows" / "$(touch owned) *.yaml").write_text(GOOD.replace("etl", "x"))
    done = run(tmp_path, paths="flows/good.yaml\nflows/$(touch owned) *.yaml")
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.glob("**/owned"))
