"""What is made of an execution that is over, and the page of the branch: plain, bounded, never more than text."""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from penstock.agent.results import (
    LOG_HEAD,
    LOG_TAIL,
    MOST_BESIDE,
    MOST_FILES,
    MOST_READ,
    Result,
    Results,
    folder_of,
    json_bytes,
    message_of,
    plain,
)
from penstock.agent.sinks.page import (
    INDEX,
    MOST_RUNS,
    README,
    Index,
    PageHead,
    Run,
    escaped,
    read_index,
    readme,
    run_of,
    written,
)
from penstock.execution.record import as_record
from penstock.execution.state import State
from recording import COMMIT, SECOND, START, A, Desk, desk, ended
from stage.stage import stage

HEAD = PageHead("box", "https://github.com/team/flows.git", "penstock/results/box/2026-11", START)
OWN = "kestra:///team/a/executions/e1/tasks/load/e1-0"


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as made:
        yield made


def result(at: Desk, **how: Any) -> Result:
    execution, _ = ended("e1", A, **how)
    return at.results().of(execution, folder_of(execution))


def names(made: Result) -> list[str]:
    return sorted(path.removeprefix(made.folder + "/") for path in made.files)


# ── one result ──


def test_a_result_is_the_record_the_outputs_and_what_was_said(at: Desk) -> None:
    log = at.log("e1", "hello", "world")
    made = result(at, tasks=("load",), log=log, outputs={"rows": 3}, state=State.FAILED)
    assert made.folder == "2026/11/23/12/team/a/e1"
    assert names(made) == ["execution.json", "logs/00000-load.1.log.gz", "outputs.json"]
    assert json.loads(made.files[f"{made.folder}/execution.json"]) == as_record(made.execution)
    assert json.loads(made.files[f"{made.folder}/outputs.json"]) == {"rows": 3}
    text = gzip.decompress(made.files[f"{made.folder}/logs/00000-load.1.log.gz"]).decode()
    assert [line.split(" ", 1)[1] for line in text.splitlines()] == ["INFO hello", "INFO world"]
    assert (made.failed_task, made.failed_log) == ("load", f"{made.folder}/logs/00000-load.1.log.gz")


def test_the_same_execution_gives_the_same_bytes(at: Desk) -> None:
    log = at.log("e1", *map(str, range(1000)))
    assert result(at, tasks=("load",), log=log).files == result(at, tasks=("load",), log=log).files


def test_a_small_file_goes_along_and_a_large_one_by_pointer(at: Desk) -> None:
    small, large = b"a,b\n", b"x" * (1 << 20) + b"x"
    for name, content in (("small.csv", small), ("large.bin", large)):
        at.files.name(f"{OWN}/{name}", at.files.put(content))
    produced = {name: f"{OWN}/{name}" for name in ("small.csv", "large.bin", "gone.txt")}
    made = result(at, tasks=("load",), task_outputs={"outputFiles": produced})
    assert names(made) == [
        "execution.json",
        "files/00000-load/gone.txt.pointer.json",
        "files/00000-load/large.bin.pointer.json",
        "files/00000-load/small.csv",
    ]
    assert made.files[f"{made.folder}/files/00000-load/small.csv"] == small
    pointer = json.loads(made.files[f"{made.folder}/files/00000-load/large.bin.pointer.json"])
    assert pointer == {"uri": f"{OWN}/large.bin", "sha256": sha256(large).hexdigest(), "bytes": len(large)}


@pytest.mark.parametrize(
    "uri",
    [
        "kestra:///other/flow/executions/e2/tasks/t/r/secret.txt",
        "kestra:///team/a/executions/e10/tasks/t/r/secret.txt",
        "kestra:///team/a/executions/e1/../e2/tasks/t/r/secret.txt",
        "kestra:///",
    ],
)
def test_a_task_cannot_have_the_file_of_another_one_recorded(uri: str, at: Desk) -> None:
    if ".." not in uri and uri != "kestra:///":
        at.files.name(uri, at.files.put(b"hush"))
    made = result(at, tasks=("load",), task_outputs={"outputFiles": {"x": uri}})
    assert names(made) == ["execution.json", "files/00000-load/x.pointer.json"]
    assert not any(b"hush" in content for content in made.files.values())


def test_files_beyond_a_thousand_are_counted(at: Desk) -> None:
    at.files.name(f"{OWN}/x", at.files.put(b"x"))
    produced = {f"f{n}": f"{OWN}/x" for n in range(MOST_FILES + 7)}
    made = result(at, tasks=("load",), task_outputs={"outputFiles": produced})
    assert len(names(made)) == MOST_FILES + 2
    assert json.loads(made.files[f"{made.folder}/files/left-out.json"])["leftOut"] == 7


def test_no_folder_of_a_wide_run_holds_too_many_logs(at: Desk) -> None:
    said = {"said": [["2026-11-23T12:00:00Z", "INFO", "x"]]}
    made = result(at, tasks=tuple(f"t{n}" for n in range(MOST_BESIDE + 5)), log=said)
    folders = [path.rpartition("/")[0] for path in names(made)]
    assert {folder: folders.count(folder) for folder in set(folders)} == {"": 1, "logs": MOST_BESIDE, "logs/1": 5}


def test_of_a_very_long_log_the_beginning_and_the_end_go_along(at: Desk) -> None:
    noise = [random.Random(n).randbytes(30_000).hex() for n in range(250)]
    made = result(at, tasks=("load",), log=at.log("e1", *noise))
    packed = made.files[f"{made.folder}/logs/00000-load.1.log.gz"]
    lines = gzip.decompress(packed).decode().splitlines()
    assert len(packed) < LOG_HEAD + 2 * LOG_TAIL
    assert lines[0].endswith(noise[0])
    assert lines[-1].endswith(noise[-1])
    [cut] = [line for line in lines if "left out" in line]
    missing = int(re.findall(r"\d+", cut)[0])
    whole = sum(len(piece) for piece in at.logs.export(at.log_key("e1")))
    assert sum(len(line) + 1 for line in lines) - len(cut) - 1 + missing == pytest.approx(whole, abs=2)


def test_what_json_cannot_hold_is_written_all_the_same() -> None:
    assert json.loads(json_bytes({"a": float("nan"), "b": [float("-inf")], "c": "\ud800", "d": "ü"})) == {
        "a": "NaN",
        "b": ["-Infinity"],
        "c": "\ud800",
        "d": "ü",
    }


def test_of_a_log_that_takes_too_long_to_read_the_beginning_alone_goes_along(at: Desk) -> None:
    noise = [random.Random(n).randbytes(30_000).hex() for n in range(150)]
    told = {**at.log("e1", *noise), "bytes": MOST_READ + 1}
    made = result(at, tasks=("load",), log=told)
    lines = gzip.decompress(made.files[f"{made.folder}/logs/00000-load.1.log.gz"]).decode().splitlines()
    assert lines[0].endswith(noise[0])
    assert lines[-1].startswith("... the rest is left out here")


@given(st.text(), st.text())
def test_a_name_becomes_a_plain_part_of_a_path_and_stays_itself_alone(one: str, other: str) -> None:
    made = plain(one)
    assert re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,160}", made)
    assert not made.endswith(".")
    assert (plain(other) == made) == (other == one)


@pytest.mark.parametrize("name", [".git", ".GIT", ".gitmodules", "..", ".", "", "git~1", "a/b", "a\nb", "-" * 300])
def test_names_that_mean_something_to_git_are_written_differently(name: str) -> None:
    assert plain(name) != name
    assert plain("load-1.csv") == "load-1.csv"


def test_a_message_names_each_execution_and_wants_no_build() -> None:
    one, two = ended("e1")[0], ended("e2", state=State.FAILED)[0]
    assert message_of([two], "box").splitlines()[0] == "team/a: FAILED [skip ci]"
    message = message_of([one, two], "box\nEvil: 1")
    assert message.splitlines()[:3] == ["2 results [skip ci]", "", "Agent: box Evil: 1"]
    assert message.count("Execution-Id: ") == 2
    assert f"Flow-Commit: {COMMIT}" in message


# ── the page ──


def run(**how: Any) -> Run:
    return replace(
        Run(
            "e1", "team/a", State.SUCCESS, START, START + 2 * SECOND, "2026/11/23/12/team/a/e1", HEAD.repository, COMMIT
        ),
        **how,
    )


def parsed(page: bytes) -> list[Token]:
    """As GitHub does: CommonMark with tables, addresses that become links, HTML that is not taken out."""
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(page.decode())


def skeleton(tokens: list[Token]) -> list[str]:
    """What the page is made of, without its texts."""
    found = []
    for token in tokens:
        inner = token.children if token.children is not None else [token]
        found += [each.type for each in inner if each.type not in ("text", "text_special")]
    return found


def links(tokens: list[Token]) -> list[str]:
    inner = [each for token in tokens for each in token.children or ()]
    return [str(each.attrs["href"]) for each in inner if each.type == "link_open"]


def cells(tokens: list[Token]) -> list[str]:
    """What stands in the row of the run that is shown last."""
    [*_, table] = [n for n, token in enumerate(tokens) if token.type == "table_close"][:2]
    inner = [token.children or () for token in tokens[:table] if token.type == "inline"]
    return ["".join(each.content for each in children) for children in inner]


def test_the_page_tells_counts_and_the_latest_runs_with_links() -> None:
    log = "2026/11/23/12/team/a/e2/logs/00000-load.1.log.gz"
    failed = run(id="e2", state=State.FAILED, created=START + SECOND, ended=START + 5 * SECOND, task="load", log=log)
    index = Index({State.SUCCESS: 7}).with_runs([run(), failed])
    page = readme(index, HEAD).decode()
    assert "| ✅ SUCCESS | ❌ FAILED |\n| ---: | ---: |\n| 8 | 1 |" in page
    rows = [line for line in page.splitlines() if "team/a |" in line]
    commit = f"[`{COMMIT[:7]}`](https://github.com/team/flows/commit/{COMMIT})"
    results = "[results](2026/11/23/12/team/a/e1)"
    assert rows == [
        f"| ❌ FAILED | team/a | 2026-11-23 12:00:01 | 4.0 s | {commit} | {results}, [log of load]({log}) |",
        f"| ✅ SUCCESS | team/a | 2026-11-23 12:00:00 | 2.0 s | {commit} | {results} |",
    ]
    assert [token.type for token in parsed(page.encode())].count("table_open") == 3


@pytest.mark.parametrize(
    ("repository", "link"),
    [
        ("https://gitlab.example.com/g/flows.git", f"https://gitlab.example.com/g/flows/-/commit/{COMMIT}"),
        ("https://user:pw@github.com/g/flows", f"https://github.com/g/flows/commit/{COMMIT}"),
        ("https://codeberg.org:8443/g/a b(c).git/", f"https://codeberg.org:8443/g/a%20b%28c%29/commit/{COMMIT}"),
        ("git@github.com:g/flows.git", None),
        ("/srv/flows.git", None),
        ("javascript:alert(1)", None),
        ("https://[::1", None),
    ],
)
def test_a_commit_leads_to_its_host_where_there_is_one(repository: str, link: str | None) -> None:
    found = links(parsed(readme(Index({}, (run(repository=repository),)), replace(HEAD, repository=""))))
    assert [href for href in found if COMMIT in href] == ([link] if link else [])


HOSTILE = st.one_of(
    st.text(max_size=120),
    st.text(alphabet="|`[]()<>*_~#!&;@\\\n\r\t -=+$:{}^'\"wh.tps/x1\u202e\u200b", max_size=120),
    st.sampled_from(("<script>x</script>", "[x](javascript:y)", "![x](http://y)", "@ada", "www.example.com", "<!--")),
    st.sampled_from(("~~x~~", "`|`", "https://example.com", "a|b|c", "\n\n# x", "&lt;", "\\|", "| --- |", "\ud800")),
)


@given(agent=HOSTILE, flow=HOSTILE, task=HOSTILE, repository=HOSTILE, path=HOSTILE)
def test_whatever_is_named_is_text_on_the_page(agent: str, flow: str, task: str, repository: str, path: str) -> None:
    hostile = run(flow=flow, task=task, log=f"{path}?", folder=f"{path}?", repository=repository, commit=repository)
    harmless = replace(hostile, flow="f", task="t", log="?", folder="?", repository="", commit="")
    page = readme(Index({State.SUCCESS: 1}, (hostile,)), replace(HEAD, agent=agent, repository=repository))
    tokens = parsed(page)
    tame = parsed(readme(Index({State.SUCCESS: 1}, (harmless,)), replace(HEAD, agent="a", repository="")))
    found = links(tokens)
    assert found in ([INDEX], [*filter(None, found[:1]), INDEX])
    assert all(href.startswith("https://") for href in found[:-1])
    assert [each for each in skeleton(tokens) if "link" not in each] == [
        each for each in skeleton(tame) if "link" not in each
    ]
    assert cells(tokens)[-1].startswith("results, log of")  # nothing is shifted out of its row
    texts = "".join(each.content for token in tokens for each in token.children or ())
    assert not re.search(r"www\.|(?<!\\)://", re.sub(r"\]\([^)]*\)", "", page.decode()), re.IGNORECASE)  # no autolink
    assert not re.search(r"@\w|[\x00-\x1f\u202a-\u202e\ud800-\udfff]", texts)


@given(st.text(alphabet="|`[]()<>*_~#!&;\\\t -=+$:{}^'\".wpsh/x1", max_size=60))
def test_an_escaped_text_reads_as_it_was(text: str) -> None:
    [paragraph] = [token for token in parsed(f"> - x {escaped(text)} x".encode()) if token.type == "inline"]
    assert {each.type for each in paragraph.children or ()} <= {"text", "text_special"}
    read = "".join(each.content for each in paragraph.children or ())
    assert read == f"x {' '.join(text.split()) or '-'} x"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["counts", "runs", "id", "flow", "state", "startDate", "endDate", "folder", "SUCCESS"]),
                inner,
            )
        ),
    )
)
def test_whatever_lies_on_the_branch_is_read_without_a_fault(value: Any) -> None:
    index = read_index(json.dumps(value).encode())
    assert len(readme(index.with_runs([run()]), HEAD)) < 100_000


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"\xff",
        b"[" * 100_000,
        b'{"counts": {"SUCCESS": 1e999}}',
        b'{"counts": {"SUCCESS": true}, "runs": 3}',
    ],
)
def test_an_index_that_is_none_is_empty(content: bytes | None) -> None:
    assert read_index(content) == Index({})


def test_an_index_is_read_as_it_was_written() -> None:
    failed = run(id="e2", state=State.FAILED, created=START + SECOND, task="l", log="x/y.gz")
    index = Index({State.SUCCESS: 3}).with_runs([run(), failed])
    assert read_index(written(index, HEAD)[INDEX]) == index
    assert sorted(written(index, HEAD)) == sorted([README, INDEX])


def test_a_run_that_is_known_is_counted_once_and_only_the_latest_are_shown() -> None:
    index = Index({}).with_runs([run()]).with_runs([run()])
    assert index.counts == {State.SUCCESS: 1}
    more = [run(id=f"x{n}", created=START + timedelta(seconds=n)) for n in range(MOST_RUNS + 20)]
    index = index.with_runs(more)
    assert index.counts == {State.SUCCESS: MOST_RUNS + 21}
    assert [each.id for each in index.runs] == [f"x{n}" for n in reversed(range(20, MOST_RUNS + 20))]


def test_a_page_stays_small_whatever_stands_in_it() -> None:
    worst = run(
        flow="@" * 300, task="@" * 300, log="x/" * 499 + "x", folder="x/" * 499 + "x", repository="https://" + "a" * 290
    )
    page = readme(Index({}, (worst,) * MOST_RUNS), replace(HEAD, agent="@" * 5000, repository="@" * 5000))
    assert len(page) < 100_000
    assert page.count(b"log of") >= 10


def test_a_run_is_told_as_it_was(at: Desk) -> None:
    made = result(at, tasks=("load",), log=at.log("e1", "x"), state=State.FAILED)
    log = f"{made.folder}/logs/00000-load.1.log.gz"
    assert run_of(made) == run(
        state=State.FAILED, repository="https://example.com/team/flows.git", task="load", log=log
    )


def logs_of(made: Result) -> dict[str, str]:
    """What was said, in one line, by the name of its log."""
    logs = {path: gzip.decompress(content).decode() for path, content in made.files.items() if path.endswith(".gz")}
    return {path: text.split(" ", 2)[2].strip() for path, text in sorted(logs.items())}


LOOP = """
id: flow
namespace: demo
tasks:
  - id: again
    type: io.kestra.plugin.core.flow.LoopUntil
    condition: "{{ outputs.again.iterationCount == 3 }}"
    tasks:
      - {id: say, type: io.kestra.plugin.core.log.Log, message: "round {{ outputs.again.iterationCount }}"}
      - id: work
        type: io.kestra.plugin.scripts.shell.Commands
        commands: ["echo at work"]
"""


def test_what_earlier_rounds_and_what_a_restart_has_done_anew_said_goes_along() -> None:
    after = "  - {id: fails, type: io.kestra.plugin.core.execution.Fail}\nerrors:\n"
    after += "  - {id: sorry, type: io.kestra.plugin.core.log.Log, message: sorry}\n"
    with stage() as made:
        [name] = made.deploy((LOOP + after).encode())
        id_ = made.start(name)
        made.rest()
        made.restart(id_)
        made.rest()
        execution = made.execution(id_)
        result = Results(made.logs, made.files, made.store).of(execution, "x")
        few = Results(made.logs, made.files, made.store, most_left=3).of(execution, "x")
        none = Results(made.logs, made.files, made.store, most_events=9).of(execution, "x")

    said = logs_of(result)
    assert [text for text in said.values() if text.startswith("round")] == ["round 1", "round 2", "round 3"]
    assert [text for text in said.values() if text == "at work"] == ["at work"] * 3
    assert [text for text in said.values() if text == "sorry"] == ["sorry"] * 2
    assert {path[2:].split("-")[0] for path in said} <= {f"logs/{n:05d}" for n in range(execution.next_ordinal)}
    in_record = {run["id"] for run in json.loads(result.files["x/execution.json"])["taskRunList"]}
    assert in_record == set(execution.runs)
    assert json.loads(few.files["x/logs/left-out.json"])["leftOut"] == 2
    assert [text for text in logs_of(few).values() if text.startswith("round")] == ["round 2", "round 3"]
    assert [text for text in logs_of(none).values() if text.startswith("round")] == ["round 3"]
    assert "more than 9 events" in json.loads(none.files["x/logs/left-out.json"])["why"]
