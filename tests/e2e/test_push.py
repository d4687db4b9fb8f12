"""`git push` as the deploy button: real pushes over a path, HTTP and ssh to a repository with Penstock's hooks."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fakes.git import IDENTITY, HttpGit, git
from fakes.inetd import SshServer
from penstock.wiring.presence import poke_agent
from program import PENSTOCK, Outcome, environment, penstock
from until import until

LOG = "io.kestra.plugin.core.log.Log"
ESCAPE = "\x1b]0;owned\x07\x1b[2J"


def flow(name: str, message: str = "hello", *, key: str = "message") -> str:
    return f"id: {name}\nnamespace: team\ntasks:\n  - id: say\n    type: {LOG}\n    {key}: {json.dumps(message)}\n"


INVALID = flow("a", key="mesage")


@dataclass
class Bed:
    """A bare repository with hooks, in a folder whose name has blanks and quotes; a clone; an agent's data folder."""

    folder: Path
    data: Path

    @property
    def bare(self) -> Path:
        return self.folder / "it's a host" / "flows.git"

    @property
    def work(self) -> Path:
        return self.folder / "work"

    def make(self, *more: str) -> Bed:
        self.bare.parent.mkdir()
        git("init", "-q", "--bare", "-b", "main", str(self.bare), cwd=self.folder)
        git("init", "-q", "-b", "main", str(self.work), cwd=self.folder)
        for name, value in (("http.receivepack", "true"), ("receive.advertisePushOptions", "true")):
            git("config", name, value, cwd=self.bare)
        done = penstock("hook", "install", self.bare, "--data", self.data, *more)
        assert done.code == 0, done.err
        return self

    def commit(self, files: Mapping[str, str | None]) -> str:
        for name, text in files.items():
            path = self.work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                path.unlink()
            else:
                path.write_text(text, encoding="utf-8")
        git("add", "--all", cwd=self.work)
        git("commit", "-q", "--allow-empty", "-m", "change", cwd=self.work)
        return git("rev-parse", "HEAD", cwd=self.work)

    def push(self, *refs: str, to: str | None = None, env: Mapping[str, str] | None = None) -> Outcome:
        """What the pusher sees."""
        argv = ["git", "push", to or f"file://{self.bare}", *(refs or ("HEAD:main",))]
        done = subprocess.run(
            argv, cwd=self.work, env={**environment(), **IDENTITY, **(env or {})}, capture_output=True, check=False
        )
        return Outcome(done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8"))

    def refs(self) -> dict[str, str]:
        lines = git("for-each-ref", "--format=%(refname) %(objectname)", cwd=self.bare).splitlines()
        return dict(line.split(" ") for line in lines)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Bed:
    folder = tmp_path_factory.mktemp("made")
    return Bed(folder, folder / "nobody here").make()


@pytest.fixture
def bed(made: Bed, tmp_path: Path) -> Bed:
    """One of its own, with the hooks that were installed once."""
    for name in ("it's a host", "work"):
        shutil.copytree(made.folder / name, tmp_path / name)
    return Bed(tmp_path, made.data)


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """An agent on the bed's repository, which never polls by itself while the test runs; what it has told."""
    log = tmp_path / "agent.log"
    argv = [*PENSTOCK, "agent", "--repo", str(tmp_path / "it's a host" / "flows.git"), "--data", str(tmp_path / "data")]
    argv += ["--name", "box", "--interval", "1h", "--record", "none", "--log-format", "json"]

    def lines() -> list[dict[str, Any]]:
        return [json.loads(line) for line in log.read_text().splitlines(keepends=True) if line.endswith("\n")]

    Bed(tmp_path, tmp_path / "data").make()
    with log.open("wb") as stream:
        process = subprocess.Popen(argv, env=environment(), stdin=subprocess.DEVNULL, stdout=stream, stderr=stream)
    try:
        until(lambda: poke_agent(tmp_path / "data"), 20)
        yield lines
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def shown(done: Outcome) -> str:
    """What the hooks have said, without what git puts before it and behind it."""
    lines = [line for line in done.err.split("\n") if line.startswith("remote:")]
    return "\n".join(re.sub(r"^remote: ?", "", line).rstrip() for line in lines)


# ── deployed ──


def test_a_push_is_deployed_at_once_and_an_invalid_one_changes_nothing(
    listening: Callable[[], list[dict[str, Any]]], tmp_path: Path
) -> None:
    bed = Bed(tmp_path, tmp_path / "data")

    def deployed(commit: str) -> dict[str, Any]:
        return until(
            lambda: [one for one in listening() if one["event"] == "flows.deployed" and one["commit"] == commit], 20
        )[-1]

    first = bed.commit({"flows/a.yaml": flow("a")})
    done = bed.push()
    assert (done.code, shown(done)) == (0, "penstock: no errors in 1 flow\npenstock: the agent looks now")
    assert deployed(first)["create"] == 1
    bed.commit({"flows/a.yaml": INVALID})
    assert bed.push().code == 1
    assert bed.refs() == {"refs/heads/main": first}
    mended = bed.commit({"flows/a.yaml": flow("a", "bye"), "flows/b.yaml": flow("b")})
    assert bed.push().code == 0
    line = deployed(mended)
    assert (line["create"], line["update"]) == (1, 1)
    assert [one["commit"] for one in listening() if one["event"] == "flows.deployed"] == [first, mended]
    git("reset", "-q", "--hard", first, cwd=bed.work)
    other = bed.commit({"flows/c.yaml": flow("c")})
    assert bed.push("+HEAD:main").code == 0
    assert deployed(other)["create"] == 1


def test_a_push_without_flows_or_an_agent_is_let_in_and_says_so(bed: Bed) -> None:
    commit = bed.commit({"README.md": "nothing yet"})
    done = bed.push()
    assert (done.code, shown(done).startswith("penstock: no agent listens")) == (0, True)
    assert bed.refs() == {"refs/heads/main": commit}


# ── refused ──


def test_the_first_push_is_refused_with_what_is_wrong_and_where(bed: Bed) -> None:
    bed.commit({"flows/a.yaml": INVALID, "README.md": "x"})
    done = bed.push()
    assert done.code == 1
    told = shown(done)
    assert "error[PEN202]: unknown property `mesage`\n --> flows/a.yaml:6:5\n" in told
    assert '6 |     mesage: "hello"\n  |     ^^^^^^\n  = help: did you mean `message`?' in told
    assert told.endswith("penstock: 2 errors in 1 flow\npenstock: the push is refused, and `main` stays as it was")
    assert "\x1b" not in done.err
    assert bed.refs() == {}
    assert not list((bed.bare / "objects").glob("*/*")), "what was refused has left objects"


def test_flows_are_judged_together_and_by_their_own_penstock_yaml(bed: Bed) -> None:
    calls = flow("b").replace(f"type: {LOG}\n    message: \"hello\"", "type: io.kestra.plugin.core.flow.Subflow\n"
                              "    namespace: team\n    flowId: gone")  # fmt: skip
    bed.commit({"flows/a.yaml": flow("a"), "flows/b.yaml": calls})
    assert "error[PEN502]" in shown(bed.push())
    bed.commit({"penstock.yaml": "rules:\n  PEN502: warning\n"})
    done = bed.push()
    assert done.code == 0, done.err
    assert "no errors in 2 flows (and " in shown(done)
    bed.commit({"penstock.yaml": "requires: '>=999'\n"})
    done = bed.push()
    assert done.code == 1
    assert "999" in shown(done)


def test_of_many_errors_some_are_shown_and_the_rest_counted(bed: Bed) -> None:
    bed.commit({f"flows/f{n}.yaml": flow(f"f{n}", "x" * 9_000, key="mesage") for n in range(40)})
    done = bed.push()
    assert done.code == 1
    assert shown(done).count("error[") == 20
    assert "... and 60 more errors" in shown(done)
    assert max(map(len, done.err.splitlines())) < 500


def test_texts_and_names_of_files_cannot_steer_the_terminal(bed: Bed) -> None:
    bidi = "\u202egnihton"
    hostile = flow("a").replace("say", f"say{bidi}") + json.dumps(f"{ESCAPE}{bidi}") + ": 1\n"
    bed.commit({f"flows/{ESCAPE}\n{bidi}.yaml": hostile, f"flows/b{ESCAPE}.yaml": f"{ESCAPE}: [\n"})
    done = bed.push()
    assert done.code == 1
    assert "error[" in shown(done)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2066-\u2069]", shown(done))


def test_colour_is_for_whoever_asks(bed: Bed) -> None:
    bed.commit({"flows/a.yaml": INVALID})
    hook = bed.bare / "hooks" / "pre-receive"
    hook.write_text(hook.read_text().replace(" hook pre-receive", " --color always hook pre-receive"))
    assert "\x1b[1;31merror[PEN202]" in bed.push(env={"NO_COLOR": ""}).err


def test_what_keeps_penstock_from_judging_refuses(bed: Bed) -> None:
    commit = bed.commit({"flows/a.yaml": flow("a")})
    hook = bed.bare / "hooks" / "pre-receive"
    script = hook.read_text()
    hook.write_text(script.rstrip() + " --within 1ms\n")
    done = bed.push()
    assert done.code == 1
    assert "penstock: the flows were not judged within 0.001 s\npenstock: the push is refused" in shown(done)
    hook.write_text(re.sub(r"(\[ ! -x |exec )\S+", r"\1/nowhere/penstock", script))
    done = bed.push()
    assert done.code == 1
    assert "penstock is not where the hook" in shown(done)
    hook.write_text(script)
    assert bed.push().code == 0
    unread = penstock("hook", "pre-receive", cwd=bed.bare, stdin=f"{'0' * 40} {'1' * 40} refs/heads/main\n")
    assert (unread.code, "the push is refused" in unread.err) == (1, True)
    other = penstock("hook", "pre-receive", cwd=bed.bare, stdin="what\n")
    assert (other.code, "no update of a ref" in other.err) == (1, True)
    assert bed.refs() == {"refs/heads/main": commit}


# ── what passes ──


def test_other_refs_pass_and_several_at_once_stand_or_fall_together(bed: Bed) -> None:
    bed.commit({"flows/a.yaml": INVALID})
    git("tag", "v1", cwd=bed.work)
    done = bed.push("HEAD:draft", "HEAD:refs/heads/penstock/results/box/2026-11", "v1", "HEAD:refs/notes/x")
    assert (done.code, shown(done)) == (0, "")
    before = bed.refs()
    assert len(before) == 4
    assert bed.push("HEAD:main", "HEAD:second").code == 1
    assert bed.refs() == before
    assert (bed.push(":draft").code, "refs/heads/draft" in bed.refs()) == (0, False)
    bed.commit({"flows/a.yaml": flow("a")})
    assert bed.push("HEAD:main", "HEAD:second", "v1").code == 0
    git("config", "receive.denyDeleteCurrent", "ignore", cwd=bed.bare)
    done = bed.push(":main", "HEAD:third")
    assert (done.code, "refs/heads/main" in bed.refs(), "refs/heads/third" in bed.refs()) == (0, False, True)


def test_the_check_is_left_out_where_the_owner_lets_it(bed: Bed) -> None:
    commit = bed.commit({"flows/a.yaml": INVALID})
    done = bed.push("-o", "penstock.skip", "HEAD:main")
    assert done.code == 1
    assert "lets nobody skip" in shown(done)
    git("config", "penstock.allowSkip", "yes", cwd=bed.bare)
    assert bed.push("-o", "another", "HEAD:main").code == 1
    done = bed.push("-o", "penstock.skip", "HEAD:main")
    assert (done.code, "penstock: not checked, as you asked" in shown(done)) == (0, True)
    assert bed.refs() == {"refs/heads/main": commit}


# ── over the network ──


def test_a_push_over_http_is_judged(bed: Bed) -> None:
    with HttpGit(bed.bare.parent).serving() as server:
        bed.commit({"flows/a.yaml": INVALID})
        done = bed.push(to=server.url_of(bed.bare))
        assert done.code == 1
        assert "error[PEN202]: unknown property `mesage`\n --> flows/a.yaml:6:5" in shown(done)
        commit = bed.commit({"flows/a.yaml": flow("a")})
        done = bed.push(to=server.url_of(bed.bare))
        assert done.code == 0, done.err
    assert bed.refs() == {"refs/heads/main": commit}


def test_a_push_over_ssh_is_judged(bed: Bed, tmp_path: Path) -> None:
    sshd = SshServer(tmp_path / "sshd")
    with sshd.service.serving():
        short = tmp_path / "short.git"
        short.symlink_to(bed.bare)
        ssh = f"ssh -i {sshd.client_key} -o IdentitiesOnly=yes -o UserKnownHostsFile={sshd.known_hosts()}"
        bed.commit({"flows/a.yaml": INVALID})
        done = bed.push(to=sshd.url_of(short), env={"GIT_SSH_COMMAND": ssh})
        assert done.code == 1
        assert "error[PEN202]: unknown property `mesage`\n --> flows/a.yaml:6:5" in shown(done)
        commit = bed.commit({"flows/a.yaml": flow("a")})
        done = bed.push(to=sshd.url_of(short), env={"GIT_SSH_COMMAND": ssh})
        assert done.code == 0, done.err
    assert bed.refs() == {"refs/heads/main": commit}


# ── install ──


def test_hooks_are_written_once_and_those_of_others_stay(bed: Bed) -> None:
    hooks = bed.bare / "hooks"
    before = {path.name: path.read_bytes() for path in hooks.iterdir()}
    again = penstock("hook", "install", "--data", bed.data, cwd=bed.bare)
    assert again.code == 0
    assert [line.split(" ")[0] for line in again.out.splitlines()] == ["kept", "kept", "pushes"]
    assert {path.name: path.read_bytes() for path in hooks.iterdir()} == before
    moved = penstock("hook", "install", bed.bare, "--data", bed.data, "--branch", "live")
    assert moved.out.startswith("wrote ")
    foreign = "#!/bin/sh\nexit 0\n"
    (hooks / "post-receive").write_text(foreign)
    refused = penstock("hook", "install", bed.bare, "--data", bed.data)
    assert (refused.code, "--force" in refused.err) == (2, True)
    assert (hooks / "post-receive").read_text() == foreign
    assert "--branch live" in (hooks / "pre-receive").read_text(), "one of two was written"
    forced = penstock("hook", "install", bed.bare, "--data", bed.data, "--force")
    assert (forced.code, "post-receive.replaced" in forced.out) == (0, True)
    gone = penstock("hook", "uninstall", bed.bare)
    assert [line.split(" ")[0] for line in gone.out.splitlines()] == ["removed", "restored"]
    assert (hooks / "post-receive").read_text() == foreign
    assert not (hooks / "pre-receive").exists()
    assert penstock("hook", "uninstall", bed.bare).out == "there is no hook of Penstock\n"


def test_where_hooks_cannot_work_none_are_written(bed: Bed) -> None:
    work = penstock("hook", "install", bed.work)
    assert (work.code, "no bare repository" in work.err) == (2, True)
    results = penstock("hook", "install", bed.bare, "--branch", "penstock/results/x")
    assert (results.code, "for results" in results.err) == (2, True)
    git("config", "core.hooksPath", "/elsewhere", cwd=bed.bare)
    elsewhere = penstock("hook", "install", bed.bare, "--force")
    assert (elsewhere.code, "core.hooksPath" in elsewhere.err) == (2, True)


def test_without_data_it_is_the_folder_of_the_agent_of_that_repository(bed: Bed, tmp_path: Path) -> None:
    env = {"XDG_STATE_HOME": str(tmp_path / "state"), "HOME": os.fspath(tmp_path)}
    told = penstock("hook", "install", bed.bare, env=env).out.splitlines()[-1].rpartition(" ")[2].rstrip()
    once = penstock("agent", "--repo", bed.bare.resolve(), "--once", "--record", "none", env=env)
    assert once.code != 0, "there is no branch yet"
    assert Path(told).is_dir(), "the agent has worked elsewhere"


def test_only_the_folder_that_is_deployed_is_judged_and_in_its_dialect(tmp_path: Path) -> None:
    bed = Bed(tmp_path, tmp_path / "data").make("--path", "eu", "--dialect", "2")
    hook = (bed.bare / "hooks/pre-receive").read_text(encoding="utf-8")
    assert "--path eu --dialect 2" in hook
    bed.commit({"us/flows/broken.yaml": INVALID, "eu/flows/a.yaml": flow("b")})
    elsewhere = bed.push()
    bed.commit({"eu/flows/a.yaml": flow("b").replace("log.Log", "flow.EachSequential")})
    within = bed.push()

    assert elsewhere.code == 0, elsewhere.err
    assert "no errors in 1 flow" in elsewhere.err
    assert within.code != 0
    assert "eu/flows/a.yaml" in within.err
    assert "us/flows" not in within.err
