"""Words to executions from several processes: the last legal one wins, and everybody else hears why not."""

from __future__ import annotations

import json
from pathlib import Path

from program import penstock, start

FAILS = """
id: race
namespace: demo
tasks:
  - {id: one, type: io.kestra.plugin.core.debug.Return, format: "1"}
  - {id: two, type: io.kestra.plugin.core.log.Log, message: "{{ taskrun.attemptsCount == 1 ? 'ok' : ko }}"}
"""


def started(folder: Path) -> str:
    (folder / "race.yaml").write_text(FAILS, encoding="utf-8")
    made = penstock("run", "race.yaml", "-o", "name", data=folder / "data", cwd=folder)
    assert made.code == 1
    return made.out.strip()


def test_of_two_people_who_restart_at_once_one_is_refused(tmp_path: Path) -> None:
    id_ = started(tmp_path)
    data = tmp_path / "data"
    words = [start("executions", "restart", id_, data=data, cwd=tmp_path) for _ in range(2)]
    heard = [(word.communicate(timeout=60)[1], word.returncode) for word in words]
    told = sorted((code, words_said) for words_said, code in heard)

    assert [code for code, _ in told] == [0, 2]
    assert "is restarted" in told[0][1]
    assert "Execution must be terminated to be restarted, current state is 'RESTARTED' !" in told[1][1]
    taken = penstock("run", "--resume", id_, "-o", "json", data=tmp_path / "data", cwd=tmp_path)
    assert (taken.code, taken.json["id"], len(taken.json["taskRunList"][1]["attempts"])) == (0, id_, 2)


def test_what_a_query_finds_is_told_one_by_one(tmp_path: Path) -> None:
    first = started(tmp_path)
    assert penstock("executions", "set-status", "SUCCESS", first, data=tmp_path / "data", cwd=tmp_path).code == 0
    second = started(tmp_path)

    told = penstock("executions", "restart", "--flow", "demo/race", "-o", "json", data=tmp_path / "data", cwd=tmp_path)

    rows = {row["of"]: (row["outcome"], row["state"]) for row in json.loads(told.out)["items"]}
    assert (told.code, rows) == (0, {first: ("done", "RESTARTED"), second: ("done", "RESTARTED")})
    again = penstock("executions", "delete", "--flow", "demo/race", "--yes", data=tmp_path / "data", cwd=tmp_path)
    assert again.code == 1
    assert "0 done, 2 refused" in again.err
