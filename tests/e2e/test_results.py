"""Results as people meet them: the program, a repository, a receiver, and a branch that is pleasant to browse."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from fakes.git import RealHost, git
from program import Outcome, penstock, start
from recording import Receiver, on_branch, shown
from until import until

SHELL = "io.kestra.plugin.scripts.shell.Commands"
FLOW = f"""id: load
namespace: team.data
tasks:
  - id: make
    type: {SHELL}
    outputFiles: ["out.csv"]
    commands:
      - 'echo "loading"; echo "a,b" > out.csv'
      - 'exit {{code}}'
outputs:
  - id: rows
    type: INT
    value: 3
"""


@pytest.fixture
def host(tmp_path: Path) -> RealHost:
    made = RealHost(tmp_path / "host", str)
    made.commit({"flows/load.yaml": FLOW.format(code=0).encode(), "flows/fail.yaml": failing()}, "flows")
    return made


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver().serving() as made:
        yield made


def failing() -> bytes:
    return FLOW.format(code=3).replace("id: load", "id: fail").encode()


def once(host: RealHost, data: Path, *more: str) -> Outcome:
    argv = ("agent", "--repo", str(host.bare), "--once", "--name", "box", "--runner", "process", *more)
    return penstock(*argv, data=data, env={"PENSTOCK_HTTP_ALLOW": "127.0.0.1"})


def branch_of(host: RealHost) -> str:
    [ref] = git("for-each-ref", "--format=%(refname:short)", "refs/heads/penstock/", cwd=host.bare).splitlines()
    return ref


def test_one_round_leaves_commits_a_page_and_posts(host: RealHost, receiver: Receiver, tmp_path: Path) -> None:
    url = ("--record", "git", "--record", "api", "--record-url", receiver.url)
    done = once(host, tmp_path / "data", "--start", "team.data/load", "--start", "team.data/fail", *url)
    assert done.code == 1, done.err  # as one of them fails
    assert "recorded 4 results" in done.err
    branch = branch_of(host)
    assert re.fullmatch(r"penstock/results/box/\d{4}-\d\d", branch)
    assert on_branch(host, branch) == dict.fromkeys(receiver.keys, 1)
    paths = git("ls-tree", "-r", "--name-only", branch, cwd=host.bare).splitlines()
    records = {json.loads(shown(host, path, branch))["id"]: path for path in paths if path.endswith("execution.json")}
    for post in receiver.posts:
        assert post.body == json.loads(shown(host, records[post.key], branch))
        assert post.headers["Content-Type"] == "application/json"
    failed = next(post.body for post in receiver.posts if post.body["flowId"] == "fail")
    folder = records[failed["id"]].rpartition("/")[0]
    assert [path.removeprefix(folder + "/") for path in paths if path.startswith(folder)] == [
        "execution.json",
        "files/00000-make/out.csv",
        "logs/00000-make.1.log.gz",
        *(["outputs.json"] if failed["outputs"] else []),
    ]
    assert shown(host, f"{folder}/files/00000-make/out.csv", branch) == "a,b"
    message = git("log", "-1", "--format=%B", branch, cwd=host.bare)
    assert message.splitlines()[0].endswith("[skip ci]")
    assert "Agent: box" in message
    assert f"Flow-Commit: {git('rev-parse', 'main', cwd=host.bare)}" in message


def test_the_page_leads_to_what_is_there(host: RealHost, tmp_path: Path) -> None:
    once(host, tmp_path / "data", "--start", "team.data/load", "--start", "team.data/fail")
    once(host, tmp_path / "data", "--start", "team.data/load")
    branch = branch_of(host)
    page = shown(host, "README.md", branch)
    tokens = MarkdownIt("commonmark").enable("table").parse(page)
    links = [str(each.attrs["href"]) for token in tokens for each in token.children or () if each.type == "link_open"]
    assert len([link for link in links if link.endswith(".log.gz")]) == 1
    for link in links:
        assert git("cat-file", "-t", f"{branch}:{link}", cwd=host.bare) in ("blob", "tree"), link
    assert "✅ SUCCESS | ❌ FAILED" in page
    assert re.search(r"\| 2 \| 1 \|", page)
    assert page.count("| team.data/load |") == 2
    [log] = [link for link in links if link.endswith(".log.gz")]
    packed = subprocess.check_output(["git", "cat-file", "blob", f"{branch}:{log}"], cwd=host.bare)
    assert b"INFO loading" in gzip.decompress(packed)


def test_a_page_goes_on_where_the_data_folder_is_new(host: RealHost, tmp_path: Path) -> None:
    """As in a CI job that keeps nothing."""
    for n in range(3):
        assert once(host, tmp_path / f"data{n}", "--start", "team.data/load").code == 0
    branch = branch_of(host)
    assert len(on_branch(host, branch)) == 3
    assert shown(host, "README.md", branch).count("| team.data/load |") == 3


def test_results_go_to_a_repository_of_their_own(host: RealHost, tmp_path: Path) -> None:
    other = RealHost(tmp_path / "other", str)
    assert once(host, tmp_path / "data", "--start", "team.data/load", "--results-repo", other.url).code == 0
    assert git("for-each-ref", "refs/heads/penstock/", cwd=host.bare) == ""
    assert len(on_branch(other, branch_of(other))) == 1


def test_a_branch_of_results_is_no_branch_of_flows(host: RealHost, tmp_path: Path) -> None:
    once(host, tmp_path / "data", "--start", "team.data/load")
    done = once(host, tmp_path / "other", "--branch", branch_of(host))
    assert done.code == 2
    assert "is one of results" in done.err


def test_what_could_not_be_recorded_waits_for_the_next_round(
    host: RealHost, receiver: Receiver, tmp_path: Path
) -> None:
    receiver.behave = lambda post: "drop"
    url = ("--record", "git", "--record", "api", "--record-url", receiver.url)
    with host.rejecting("quota exceeded"):
        done = once(host, tmp_path / "data", "--start", "team.data/load", *url)
    assert done.code == 3
    assert "quota exceeded" in done.err
    assert "token=hush" not in done.err
    receiver.behave = lambda post: (200, {})
    until(lambda: once(host, tmp_path / "data", *url).code == 0 and receiver.acknowledged, 30)
    assert on_branch(host, branch_of(host)) == dict.fromkeys(set(receiver.keys), 1)


def test_an_agent_is_not_moved_by_its_own_results(host: RealHost, tmp_path: Path) -> None:
    """The commits of results lie in the repository that it polls: nothing is deployed or started by them (G13)."""
    schedule = "io.kestra.plugin.core.trigger.Schedule"
    tick = f"triggers:\n  - id: tick\n    type: {schedule}\n    cron: '* * * * * *'\n    withSeconds: true\n"
    host.commit({"flows/load.yaml": (FLOW.format(code=0) + tick).encode()}, "each second")
    argv = ("agent", "--repo", str(host.bare), "--name", "box", "--runner", "process", "--interval", "200ms")
    agent = start(*argv, "--record-every", "200ms", "--log-format", "json", data=tmp_path / "data")
    try:
        until(lambda: "penstock/results" in git("for-each-ref", cwd=host.bare), 30)
        branch = branch_of(host)
        until(lambda: len(git("log", "--format=%h", branch, cwd=host.bare).splitlines()) >= 3, 30)
    finally:
        agent.terminate()
        out, err = agent.communicate(timeout=30)
    events = [json.loads(line)["event"] for line in (out + err).splitlines() if line.startswith("{")]
    assert events.count("flows.deployed") == 1
    assert events.count("execution.started") <= events.count("trigger.fired")


def test_a_result_of_a_hostile_flow_is_only_text(host: RealHost, tmp_path: Path) -> None:
    make = 'mkdir -p .git "a|b"; echo x > .git/config; echo y > "a|b/[x](y)"; echo z > .gitmodules; exit 1'
    task = f"  - id: t\n    type: {SHELL}\n    outputFiles: ['**']\n    commands: [{json.dumps(make)}]\n"
    evil = f"id: evil\nnamespace: team\ndescription: '<script>'\ntasks:\n{task}"
    host.commit({"flows/evil.yaml": evil.encode()}, "evil")
    once(host, tmp_path / "data", "--start", "team/evil")
    branch = branch_of(host)
    paths = git("ls-tree", "-r", "--name-only", branch, cwd=host.bare).splitlines()
    kept = [path for path in paths if "/files/" in path]
    assert len(kept) == 3
    assert all(re.fullmatch(r"[A-Za-z0-9_-][\w./-]*", path) and "/.git" not in path for path in kept)
    git("fsck", "--strict", cwd=host.bare)
