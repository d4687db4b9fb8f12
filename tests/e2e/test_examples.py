"""Every example flow is run, and what it leaves is compared: outputs and files, not its state alone."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from conftest import ROOT
from program import Outcome, penstock, task_states

FLOWS = ROOT / "examples" / "flows"
RUN_HERE = {
    "git-log-report",
    "clean-and-load",
    "fan-out-and-merge",
    "each-file",
    "alert-on-failure",
    "typed-inputs",
    "retry-with-backoff",
    "ask-before-release",
    "heartbeat",
    "route-by-kind",
    "files",
}


RUN_IN_CONTAINERS = {"container", "container-before-commands", "container-limits", "working-directory"}
"""Those of test_containers.py and test_working_directory.py."""


def run(name: str, data: Path, *more: str | Path) -> Outcome:
    return penstock("run", FLOWS / f"{name}.yaml", "-o", "json", *more, data=data)


def record_of(name: str, data: Path, *more: str | Path) -> dict[str, Any]:
    done = run(name, data, *more)
    assert done.code == 0, done.err
    record: dict[str, Any] = done.json
    return record


def stored(data: Path, uri: str) -> bytes:
    """The content behind a `kestra:///` URI, read through the public door of the engine."""
    from penstock.wiring import workplace

    with workplace(data) as place, place.files.open(place.files.resolve(uri)) as file:
        return file.read()


def output_file(record: dict[str, Any], data: Path, task: str, name: str) -> bytes:
    produced = next(run["outputs"]["outputFiles"] for run in record["taskRunList"] if run["taskId"] == task)
    return stored(data, produced[name])


def test_every_example_is_run_by_a_test() -> None:
    assert {path.stem for path in FLOWS.glob("*.yaml")} == RUN_HERE | RUN_IN_CONTAINERS


def test_every_example_is_valid_and_described() -> None:
    done = penstock("validate", FLOWS)
    assert done.code == 0, done.out + done.err
    assert all("\ndescription:" in path.read_text(encoding="utf-8") for path in FLOWS.glob("*.yaml"))


def test_the_git_log_becomes_a_table_and_a_chart(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    for command in (
        ["git", "init", "-q", "."],
        ["git", "-c", "user.name=Ada", "-c", "user.email=a@e", "commit", "-q", "--allow-empty", "-m", "one"],
        ["git", "-c", "user.name=Ada", "-c", "user.email=a@e", "commit", "-q", "--allow-empty", "-m", "two"],
        ["git", "-c", "user.name=Grace", "-c", "user.email=g@e", "commit", "-q", "--allow-empty", "-m", "three"],
    ):
        subprocess.run(command, cwd=repository, check=True)
    data = tmp_path / "data"
    record = record_of("git-log-report", data, "-i", f"repository={repository}")
    assert (record["outputs"]["commits"], record["outputs"]["authors"]) == (3, 2)
    rows = list(csv.reader(io.StringIO(output_file(record, data, "summarise", "report.csv").decode())))
    assert rows[:3] == [["kind", "name", "commits"], ["author", "Ada", "2"], ["author", "Grace", "1"]]
    assert output_file(record, data, "summarise", "chart.svg").startswith(b"<svg")


def test_the_river_levels_are_cleaned_and_loaded(tmp_path: Path) -> None:
    data = tmp_path / "data"
    record = record_of("clean-and-load", data)
    assert record["outputs"] == {"highest_station": "Carlswehr", "rows": 9}
    database = tmp_path / "levels.db"
    database.write_bytes(output_file(record, data, "load", "levels.db"))
    connection = sqlite3.connect(database)
    assert connection.execute("select count(*), min(level_cm), max(level_cm) from level").fetchone() == (9, 54, 203)
    connection.close()


def test_too_few_good_rows_load_nothing(tmp_path: Path) -> None:
    done = run("clean-and-load", tmp_path, "-i", "minimum_rows=50")
    assert done.code == 1
    assert task_states(done.json) == [("clean", "SUCCESS"), ("enough", "FAILED"), ("too-few", "FAILED")]
    assert done.json["taskRunList"][2]["error"] == "only 9 good rows, 50 are wanted"


def test_three_sources_are_merged(tmp_path: Path) -> None:
    assert record_of("fan-out-and-merge", tmp_path)["outputs"] == {"net": 300.5, "rate": 0.267}


def test_a_loop_takes_each_file(tmp_path: Path) -> None:
    record = record_of("each-file", tmp_path)
    assert record["outputs"] == {"words": 19, "files": 3}
    values = [run["value"] for run in record["taskRunList"] if run["taskId"] == "count"]
    assert sorted(values) == ["parts/gate.txt", "parts/river.txt", "parts/wheel.txt"]


def test_files_go_from_git_and_from_inputs_through_tasks(tmp_path: Path) -> None:
    record = record_of("files", tmp_path)
    assert record["outputs"] == {"countries": 3, "totals": "de,42\nfr,22\npl,31\n"}
    assert output_file(record, tmp_path, "split", "by-country/de.csv") == b"1001,40\n1003,2\n"
    (tmp_path / "own.csv").write_text("1,se,5\n")
    record = record_of("files", tmp_path, "-i", f"orders=@{tmp_path}/own.csv")
    assert record["outputs"] == {"countries": 1, "totals": "se,5\n"}


class Receiver(BaseHTTPRequestHandler):
    received: ClassVar[list[tuple[str, Any]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append((self.path, json.loads(body)))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        return


@pytest.fixture
def webhook() -> Iterator[str]:
    Receiver.received.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/alerts"
    server.shutdown()
    server.server_close()


def test_a_failure_is_posted_to_the_webhook(tmp_path: Path, webhook: str) -> None:
    done = run("alert-on-failure", tmp_path, "-i", f"webhook={webhook}")
    assert done.code == 1
    assert task_states(done.json) == [("nightly-copy", "FAILED"), ("alert", "SUCCESS"), ("tidy-up", "SUCCESS")]
    [(path, alert)] = Receiver.received
    assert path == "/alerts"
    assert alert == {
        "flow": "examples.patterns.alert-on-failure",
        "execution": done.json["id"],
        "task": "nightly-copy",
        "message": "Command failed with exit code 3",
    }


def test_inputs_and_outputs_keep_their_types(tmp_path: Path) -> None:
    record = record_of("typed-inputs", tmp_path, "-i", "copies=4", "-i", "customer=FR-0007")
    assert record["outputs"] == {
        "line": "4 × medium for FR-0007",
        "total": 38.0,
        "gift": True,
        "deliver": "2026-05-04",
    }
    assert record["inputs"]["extras"] == {"gift": True, "lines": ["with", "love"]}


def test_an_input_that_breaks_its_rule_starts_nothing(tmp_path: Path) -> None:
    done = run("typed-inputs", tmp_path, "-i", "copies=11")
    assert done.code == 2
    assert "copies" in done.err
    assert "10" in done.err
    assert penstock("executions", "list", "-o", "name", data=tmp_path).out == ""


def test_the_third_attempt_succeeds(tmp_path: Path) -> None:
    record = record_of("retry-with-backoff", tmp_path)
    assert record["outputs"] == {"attempts": 3}
    assert [attempt["exitCode"] for attempt in record["taskRunList"][0]["attempts"]] == [1, 1, 0]


def test_nobody_to_ask_means_waiting_and_the_answer_lets_it_go_on(tmp_path: Path) -> None:
    waiting = run("ask-before-release", tmp_path)
    assert waiting.code == 8
    execution = waiting.json["id"]
    assert f"penstock executions resume {execution}" in waiting.err
    wrong = penstock("executions", "resume", execution, data=tmp_path)
    assert wrong.code == 2
    assert "approved" in wrong.err
    answer = ("-i", "approved=true", "-i", "reason=looks good")
    assert penstock("executions", "resume", execution, *answer, data=tmp_path).code == 0
    done = penstock("run", "--resume", execution, "-o", "json", data=tmp_path)
    assert done.code == 0, done.err
    assert done.json["outputs"] == {"released": True}
    assert "released release 1.4.0: looks good" in penstock("executions", "logs", execution, data=tmp_path).out


def test_the_heartbeat_says_that_it_was_started_by_hand(tmp_path: Path) -> None:
    record = record_of("heartbeat", tmp_path)
    assert "started by hand" in penstock("executions", "logs", record["id"], data=tmp_path).out
    assert record["outputs"]["load"]


@pytest.mark.parametrize(
    ("kind", "done"), [("invoice", "booked by book"), ("letter", "answered by answer"), ("other", "filed, other")]
)
def test_a_switch_sends_the_work_one_way(tmp_path: Path, kind: str, done: str) -> None:
    assert record_of("route-by-kind", tmp_path, "-i", f"kind={kind}")["outputs"] == {"done": done}
