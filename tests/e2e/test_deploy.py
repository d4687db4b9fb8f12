"""`penstock plan` and `penstock deploy` against a server's double and a folder: what is there afterwards, and said."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fakes.small_disk import small_disk
from kestra_api.server import Fault, KestraApi, serving
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


@pytest.mark.parametrize(
    ("token", "user", "variables"),
    [
        ("t0ken", None, {"PENSTOCK_TOKEN": "t0ken"}),
        ("t0ken", None, {"KESTRA_API_TOKEN": "t0ken"}),
        ("t0ken", None, {"PENSTOCK_TOKEN": "t0ken", "PENSTOCK_USER": "ada", "PENSTOCK_PASSWORD": "s"}),
        (None, ("ada", "s:3cret"), {"PENSTOCK_USER": "ada", "PENSTOCK_PASSWORD": "s:3cret"}),
        (None, ("ada", "s:3cret"), {"KESTRA_USER": "ada", "KESTRA_PASSWORD": "s:3cret"}),
    ],
)
def test_credentials_are_in_the_environment(
    scene: Scene,
    monkeypatch: pytest.MonkeyPatch,
    token: str | None,
    user: tuple[str, str] | None,
    variables: dict[str, str],
) -> None:
    scene.api.token, scene.api.user = token, user
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    answer = scene.plan()

    assert answer.exit_code == 0, answer.stderr
    assert not any(value in answer.stdout + answer.stderr for value in ("t0ken", "s:3cret"))


@pytest.mark.parametrize("where", ["server", "folder"])
def test_files_of_a_namespace_that_left_the_source_are_found_and_pruned(
    scene: Scene, tmp_path: Path, where: str
) -> None:
    target = scene.api.url if where == "server" else str(tmp_path / "out")
    scene.write("flows/x.yaml", LOAD.replace("namespace: sales", "namespace: ops"))
    scene.write("ops/files/gone.sql", "select 0")
    scene.call("deploy", target=target)
    (scene.folder / "flows/x.yaml").unlink()
    (scene.folder / "ops/files/gone.sql").unlink()

    left = scene.call("plan", "-o", "json", target=target).json["summary"]
    pruned = scene.call("deploy", "--prune", "-o", "json", target=target).json["summary"]
    again = scene.call("plan", "--prune", "--detailed-exitcode", target=target)

    assert (left["delete"], pruned["delete"], again.exit_code) == (0, 2, 0)


def test_defaults_of_the_repository_are_told_not_to_come_along(scene: Scene) -> None:
    scene.write("penstock.yaml", f"flows: [flows/**]\ndefaults: [{{type: {LOG}, values: {{level: WARN}}}}]\n")

    answer = scene.deploy()

    assert answer.exit_code == 0
    assert "`defaults` of penstock.yaml are not deployed" in answer.stderr
    assert scene.bodies()["sales/load"] == LOAD


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


def test_one_fault_that_passes_is_tried_over(scene: Scene) -> None:
    scene.api.fault = Fault(1, 503, of_writes=True)

    assert scene.deploy().exit_code == 0


def test_a_server_that_stays_away_stops_it_and_says_that_it_is_partly_done(scene: Scene) -> None:
    scene.api.fault = Fault(4, 503, times=99, of_writes=True)

    answer = scene.deploy("-o", "json")

    assert answer.exit_code == 7
    assert answer.json["outcome"] == "partly"


def test_a_flow_whose_callee_is_refused_is_skipped(scene: Scene) -> None:
    scene.api.refused.add("load")

    answer = scene.deploy("-o", "json")

    outcomes = {one["id"] or one["file"]: one["outcome"] for one in answer.json["results"]}
    assert outcomes == {"q.sql": "done", "load": "failed", "a-report": "skipped"}
    assert answer.exit_code == 7


@pytest.mark.parametrize(
    ("where", "point", "number", "done"),
    [
        ("server", Failpoint.DEPLOYMENT_BEGUN, 1, 0),
        ("server", Failpoint.CHANGE_CARRIED_OUT, 1, 1),
        ("server", Failpoint.CHANGE_CARRIED_OUT, 3, 3),
        ("server", Failpoint.CHANGES_CARRIED_OUT, 1, 4),
        ("folder", Failpoint.CHANGE_CARRIED_OUT, 2, 2),
        ("folder", Failpoint.CHANGES_CARRIED_OUT, 1, 4),
    ],
)
def test_killed_in_the_middle_it_is_told_and_a_second_run_converges(
    scene: Scene, tmp_path: Path, where: str, point: Failpoint, number: int, done: int
) -> None:
    target = scene.api.url if where == "server" else str(tmp_path / "out")
    scene.call("deploy", target=target)
    scene.write("flows/load.yaml", LOAD.replace("loaded", "anew"))
    scene.write("sales/files/q.sql", "select 2")
    (scene.folder / "flows/report.yaml").rename(scene.folder / "flows/other.yaml")
    scene.write("flows/other.yaml", CALLER.replace("a-report", "other"))
    armed = {**environment(), **os.environ, VARIABLE: f"{point}:{number}"}
    died = subprocess.run(
        [*PENSTOCK, "deploy", "--prune", "--target", target], cwd=scene.folder, env=armed, capture_output=True
    )

    second = scene.call("deploy", "--prune", target=target)

    assert died.returncode == -signal.SIGKILL
    assert f"was broken off after {done} of 4 changes" in second.stderr
    assert second.exit_code == 0
    third = scene.call("deploy", "--prune", target=target)
    assert third.stdout == f"{target}: 3 unchanged\n"
    assert "broken off" not in third.stderr
    if where == "server":
        assert set(scene.bodies()) == {"sales/other", "sales/load"}
        assert scene.api.files["sales"]["q.sql"] == b"select 2"


@pytest.mark.parametrize("where", ["server", "folder"])
def test_while_one_deployment_runs_another_is_refused(scene: Scene, tmp_path: Path, where: str) -> None:
    target = scene.api.url if where == "server" else str(tmp_path / "out")
    slow = {**environment(), **os.environ, VARIABLE: f"{Failpoint.CHANGE_CARRIED_OUT}:1:delay"}
    first = subprocess.Popen(
        [*PENSTOCK, "deploy", "--target", target], cwd=scene.folder, env=slow, stderr=subprocess.PIPE, text=True
    )
    assert first.stderr is not None
    with first.stderr:
        assert "q.sql created" in first.stderr.readline()
        second = scene.call("deploy", target=target)
        planned = scene.call("plan", target=target)
        first.kill()
    first.wait()

    assert (second.exit_code, planned.exit_code) == (1, 0)
    assert f"another deployment to {target} runs" in second.stderr
    assert scene.call("deploy", target=target).exit_code == 0, "the lock has died with its holder"


def test_without_a_place_for_its_journal_nothing_is_deployed(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    (scene.folder / "taken").write_text("")
    monkeypatch.setenv("PENSTOCK_DATA", str(scene.folder / "taken"))

    answer = scene.deploy()

    assert answer.exit_code != 0
    assert "the data folder" in answer.stderr
    assert "cannot be written" in answer.stderr
    assert scene.api.asked == []


def test_a_full_disk_under_the_journal_is_told_before_anything_is_changed(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with small_disk(tmp_path / "disk", "64k") as disk:
        monkeypatch.setenv("PENSTOCK_DATA", str(disk / "data"))
        monkeypatch.setenv("PENSTOCK_CACHE", str(disk / "cache"))
        with pytest.raises(OSError, match="No space left"):
            (disk / "ballast").write_bytes(b"x" * 1_000_000)

        full = scene.deploy()
        (disk / "ballast").unlink()
        roomy = scene.deploy()

    assert full.exit_code != 0
    assert "No space left on device" in full.stderr
    assert "nothing was deployed" in full.stderr
    assert "Traceback" not in full.stderr
    assert (roomy.exit_code, roomy.stderr.count("broken off")) == (0, 0)


LIMITED = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_a_disk_that_fills_up_meanwhile_ends_no_deployment(scene: Scene, tmp_path: Path) -> None:
    """No file of this machine may grow beyond 100 bytes: neither the journal nor what is kept of verdicts."""
    cache = tmp_path / "cache"
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, *PENSTOCK, "deploy", "--target", scene.api.url],
        cwd=scene.folder, env={**environment(), **os.environ, "PENSTOCK_CACHE": str(cache)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "warning: the deployment could not be noted here: File too large" in done.stderr
    assert set(scene.bodies()) == {"sales/a-report", "sales/load"}
    assert [file for file in cache.rglob("*") if file.is_file()] == []
