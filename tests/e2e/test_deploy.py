"""`penstock plan` and `penstock deploy` against a server's double and a folder: what is there afterwards, and said."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kestra_api.server import KestraApi, serving
from penstock.deploy.stamp import unstamped
from penstock.failpoint import VARIABLE, Failpoint
from penstock_cli.main import main
from program import PENSTOCK, environment

LOG, SUBFLOW = "io.kestra.plugin.core.log.Log", "io.kestra.plugin.core.flow.Subflow"
LOAD = f"id: load\nnamespace: sales\ntasks:\n  - id: say\n    type: {LOG}\n    message: loaded\n"
CALLER = (
    "id: a-report\nnamespace: sales\ntasks:\n"
    f"  - id: load\n    type: {SUBFLOW}\n    namespace: sales\n    flowId: load\n"
)
FOREIGN = LOAD.replace("id: load", "id: by-hand")


@dataclass(frozen=True)
class Answer:
    exit_code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


class Scene:
    """A repository with two flows, one of which calls the other, and a namespace file; and a server."""

    def __init__(self, folder: Path, api: KestraApi, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.api, self._capsys = folder, api, capsys
        self.write("penstock.yaml", "flows: [flows/**]\n")
        self.write("flows/load.yaml", LOAD)
        self.write("flows/report.yaml", CALLER)
        self.write("sales/files/q.sql", "select 1")

    def write(self, path: str, text: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def call(self, command: str, *arguments: str, target: str | None = None) -> Answer:
        with pytest.raises(SystemExit) as left:
            main([command, "--target", target or self.api.url, *arguments])
        assert isinstance(left.value.code, int)
        return Answer(left.value.code, *self._capsys.readouterr())

    def plan(self, *arguments: str) -> Answer:
        return self.call("plan", *arguments)

    def deploy(self, *arguments: str) -> Answer:
        return self.call("deploy", *arguments)

    def actions(self, *arguments: str) -> dict[str, str]:
        changes = self.plan("-o", "json", *arguments).json["changes"]
        return {str(one["id"] or one["file"]): one["action"] for one in changes}

    def bodies(self) -> dict[str, str]:
        return {name: unstamped(text)[0] for name, text in self.api.sources().items()}


@pytest.fixture
def scene(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    folder = tmp_path / "flows-of-sales"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PENSTOCK_DATA", str(tmp_path / "data"))
    with serving(KestraApi()) as api:
        yield Scene(folder, api, capsys)


def test_a_first_deployment_creates_everything_and_a_second_changes_nothing(scene: Scene) -> None:
    first = scene.deploy()

    assert first.exit_code == 0
    assert first.stdout == f"{scene.api.url}: 3 created\n"
    assert scene.bodies() == {"sales/a-report": CALLER, "sales/load": LOAD}
    assert scene.api.files["sales"]["q.sql"] == b"select 1"
    count = len(scene.api.writes)
    assert scene.deploy().stdout == f"{scene.api.url}: 3 unchanged\n"
    assert len(scene.api.writes) == count


def test_a_flow_comes_behind_those_that_it_calls_and_goes_before_them(scene: Scene) -> None:
    scene.deploy()
    created = [one.body.split(b"\n")[0] for one in scene.api.asked if one.line == "POST flows"]
    scene.write("flows/load.yaml", LOAD.replace("id: load", "id: other"))
    (scene.folder / "flows/report.yaml").unlink()

    scene.deploy("--prune")

    assert created == [b"id: load", b"id: a-report"]
    deleted = [line for line in scene.api.writes if line.startswith("DELETE")]
    assert deleted == ["DELETE flows/sales/a-report", "DELETE flows/sales/load"]


def test_a_plan_tells_why_and_changes_nothing(scene: Scene) -> None:
    scene.deploy()
    count = len(scene.api.writes)
    scene.write("flows/load.yaml", LOAD.replace("loaded", "done"))
    scene.write("flows/report.yaml", "# a comment\n" + CALLER)
    scene.write("sales/files/q.sql", "select 2")

    answer = scene.plan()

    assert answer.exit_code == 0
    assert answer.stdout == (
        "~ sales:q.sql  its content differs\n"
        "~ sales/load  `message` of task `say`\n"
        f"{scene.api.url}: 2 to update, 1 unchanged\n"
    )
    assert len(scene.api.writes) == count


def test_what_was_changed_there_has_drifted_and_is_put_right(scene: Scene) -> None:
    scene.deploy()
    flow = scene.api.flows["sales", "load"]
    flow.source = flow.source.replace("loaded", "by hand")
    scene.api.files["sales"]["q.sql"] = b"by hand"

    assert scene.actions() == {"q.sql": "drifted", "load": "drifted", "a-report": "unchanged"}
    scene.deploy()

    assert scene.bodies()["sales/load"] == LOAD
    assert scene.api.files["sales"]["q.sql"] == b"select 1"


def test_only_what_we_deployed_is_ever_deleted_and_only_with_prune(scene: Scene) -> None:
    scene.api.put(FOREIGN)
    scene.api.files["sales"] = {"by-hand.sql": b"keep"}
    scene.deploy()
    (scene.folder / "flows/report.yaml").unlink()
    (scene.folder / "sales/files/q.sql").unlink()

    scene.deploy()
    assert set(scene.api.sources()) == {"sales/a-report", "sales/by-hand", "sales/load"}
    scene.deploy("--prune")

    assert scene.api.sources()["sales/by-hand"] == FOREIGN
    assert set(scene.api.sources()) == {"sales/by-hand", "sales/load"}
    assert [path for path in scene.api.files["sales"] if not path.startswith("_penstock/")] == ["by-hand.sql"]
    assert "delete" not in scene.actions("--prune").values()


def test_more_deletions_than_allowed_and_an_empty_source_are_refused(scene: Scene) -> None:
    scene.deploy()
    (scene.folder / "flows/report.yaml").unlink()
    count = len(scene.api.writes)

    too_many = scene.deploy("--prune", "--max-deletes", "0")
    (scene.folder / "flows/load.yaml").unlink()
    (scene.folder / "sales/files/q.sql").unlink()
    empty = scene.deploy("--prune")

    assert (too_many.exit_code, empty.exit_code) == (1, 1)
    assert "--max-deletes allows 0" in too_many.stderr
    assert "the source is empty" in empty.stderr
    assert len(scene.api.writes) == count


def test_with_a_path_the_other_flows_of_the_repository_stay(scene: Scene) -> None:
    scene.deploy()

    answer = scene.deploy("flows/load.yaml", "--prune")

    assert (answer.exit_code, set(scene.api.sources())) == (0, {"sales/a-report", "sales/load"})


def test_the_flow_of_another_repository_is_refused(scene: Scene) -> None:
    scene.deploy("--owner", "team/other")

    answer = scene.deploy()

    assert answer.exit_code == 1
    assert "was deployed to the target by `team/other`" in answer.stderr


def test_a_flow_that_was_there_before_is_taken_over(scene: Scene) -> None:
    scene.api.put(LOAD)

    assert scene.actions()["load"] == "update"
    scene.deploy()

    assert scene.actions()["load"] == "unchanged"


def test_one_invalid_flow_refuses_all_before_anything_is_asked(scene: Scene) -> None:
    scene.write("flows/wrong.yaml", "id: wrong\nnamespace: sales\ntasks: []\n")

    answer = scene.deploy("flows/load.yaml")

    assert answer.exit_code == 1
    assert "flows/wrong.yaml" in answer.stderr
    assert scene.api.asked == []


def test_exit_codes_of_a_plan_are_those_of_terraform_where_asked(scene: Scene) -> None:
    assert scene.plan("--detailed-exitcode").exit_code == 2
    scene.deploy()
    assert scene.plan("--detailed-exitcode").exit_code == 0
    assert scene.call("plan", "--detailed-exitcode", target="nowhere").exit_code == 1


def test_a_server_that_is_not_there_is_3(scene: Scene) -> None:
    assert scene.call("deploy", target="http://127.0.0.1:9").exit_code == 3


def test_whoever_is_not_known_or_not_allowed_is_4(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.api.token = "right"
    monkeypatch.setenv("PENSTOCK_TOKEN", "wrong-token")
    unknown = scene.deploy()
    monkeypatch.setenv("PENSTOCK_TOKEN", "right")
    scene.api.is_forbidden = True
    forbidden = scene.plan()

    assert (unknown.exit_code, forbidden.exit_code) == (4, 4)
    assert "wrong-token" not in unknown.stderr + unknown.stdout


def test_a_target_of_the_settings_names_its_variables(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.api.user, scene.api.tenant = ("ada", "secret"), "eu"
    scene.write(
        "penstock.yaml",
        f"flows: [flows/**]\ntargets:\n  prod:\n    url: {scene.api.url}\n    tenant: eu\n"
        "    auth: {userVariable: WHO, passwordVariable: HOW}\n",
    )
    monkeypatch.setenv("WHO", "ada")
    lacking = scene.call("deploy", target="prod")
    monkeypatch.setenv("HOW", "secret")

    assert lacking.exit_code == 2
    assert scene.call("deploy", target="prod").exit_code == 0


def test_a_password_in_a_url_is_refused(scene: Scene) -> None:
    answer = scene.call("plan", target="http://ada:secret@localhost:9")

    assert answer.exit_code == 2
    assert "secret" not in answer.stderr


def test_a_namespace_that_may_not_be_written_is_refused(scene: Scene) -> None:
    assert scene.deploy("--namespace", "other").exit_code == 2


def test_a_folder_is_a_target_too(scene: Scene, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.joinpath("sales/flows").mkdir(parents=True)
    out.joinpath("sales/flows/mine.yaml").write_text(FOREIGN)

    assert scene.call("deploy", target=str(out)).exit_code == 0
    (scene.folder / "flows/report.yaml").unlink()
    assert scene.call("deploy", "--prune", target=str(out)).exit_code == 0

    files = sorted(file.relative_to(out).as_posix() for file in out.rglob("*") if file.is_file())
    assert [file for file in files if "_penstock" not in file] == [
        "sales/files/q.sql", "sales/flows/load.yaml", "sales/flows/mine.yaml",
    ]  # fmt: skip


def test_files_of_every_namespace_are_of_those_that_there_are(scene: Scene) -> None:
    scene.write("_files/files/common.sql", "select 0")
    answer = scene.deploy()
    assert (answer.exit_code, set(scene.api.files)) == (0, {"sales"})
    assert scene.api.files["sales"]["files/common.sql"] == b"select 0"


def test_the_files_of_a_folder_are_deployed_alone(scene: Scene) -> None:
    scene.api.files["sales"] = {"there.sql": b"keep"}

    answer = scene.deploy("--files-from", "sales/files", "--namespace", "sales", "--to", "/lib", "--prune")

    assert answer.exit_code == 0
    assert scene.api.flows == {}
    assert scene.api.files["sales"]["lib/q.sql"] == b"select 1"
    assert scene.api.files["sales"]["there.sql"] == b"keep"


@pytest.mark.parametrize("status", [400, 503, 0])
@pytest.mark.parametrize("after", [False, True])
def test_whichever_call_fails_it_is_told_and_a_second_run_converges(scene: Scene, status: int, after: bool) -> None:
    scene.deploy()
    whole = len(scene.api.writes)
    wanted = scene.api.sources(), scene.api.files["sales"]
    for number in range(1, whole + 1):
        with serving(KestraApi(fail_at=number, status=status, after=after)) as api:
            api.put(FOREIGN)
            first = scene.call("deploy", "-o", "json", target=api.url)
            api.fail_at = 0
            second = scene.call("deploy", target=api.url)

            assert second.exit_code == 0, second.stderr
            assert api.sources() == {**wanted[0], "sales/by-hand": FOREIGN}
            assert api.files["sales"] == wanted[1]
            if status == 400:
                assert first.exit_code in (1, 7)
                assert first.json["failed"] + len(re.findall("told to fail", first.stderr)) >= 1
            else:
                assert first.exit_code == 0, "one fault that passes is tried over"


def test_a_server_that_stays_away_stops_it_and_says_that_it_is_partly_done(scene: Scene) -> None:
    scene.api.fail_at, scene.api.status, scene.api.times = 4, 503, 99

    answer = scene.deploy("-o", "json")

    assert answer.exit_code == 7
    assert answer.json["outcome"] == "partly"


def test_a_flow_whose_callee_is_refused_is_skipped(scene: Scene) -> None:
    scene.api.refused.add("load")

    answer = scene.deploy("-o", "json")

    outcomes = {one["id"] or one["file"]: one["outcome"] for one in answer.json["results"]}
    assert outcomes == {"q.sql": "done", "load": "failed", "a-report": "skipped"}
    assert answer.exit_code == 7


@pytest.mark.parametrize("number", [1, 2, 3])
def test_killed_in_the_middle_it_is_told_and_a_second_run_converges(scene: Scene, number: int) -> None:
    armed = {**environment(), **os.environ, VARIABLE: f"{Failpoint.CHANGE_CARRIED_OUT}:{number}"}
    died = subprocess.run(
        [*PENSTOCK, "deploy", "--target", scene.api.url], cwd=scene.folder, env=armed, capture_output=True, check=False
    )

    second = scene.deploy()

    assert died.returncode == -signal.SIGKILL
    assert f"was broken off after {number} of 3 changes" in second.stderr
    assert second.exit_code == 0
    assert scene.bodies() == {"sales/a-report": CALLER, "sales/load": LOAD}
    assert "broken off" not in scene.deploy().stderr
