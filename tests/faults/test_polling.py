"""Polls of servers that refuse, stall, lie and redirect, and of folders that are stored in unusual ways."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from fakes.git import HttpGit, RealHost, git
from fakes.talk import RESULT, Talk, answer, speaking
from penstock.adapters.git import Credentials, GitMirror
from penstock.adapters.git.refs import head_of
from penstock.errors import Retryable, Stalled, UserError
from until import until


@pytest.fixture
def server(tmp_path: Path) -> Iterator[HttpGit]:
    with HttpGit(tmp_path / "host").serving() as serving:
        yield serving


@pytest.fixture
def host(server: HttpGit, tmp_path: Path) -> RealHost:
    return RealHost(tmp_path / "host", server.url_of)


def line(text: str) -> bytes:
    return b"%04x" % (len(text) + 4) + text.encode()


def commands(trace: Path) -> list[str]:
    """The commands of git that ran, by its own trace."""
    return trace.read_text(encoding="utf-8").splitlines() if trace.exists() else []


# ── what a poll costs ──


@pytest.mark.parametrize("transport", ["path", "file", "http"])
def test_a_head_that_has_not_moved_starts_no_git(
    transport: str, host: RealHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls = {"path": str(host.bare), "file": f"file://{host.bare}", "http": host.url}
    commit = host.commit({"a": b"1"})
    git("pack-refs", "--all", cwd=host.bare)
    mirror = GitMirror(urls[transport], "main", tmp_path / "mirror.git")
    mirror.fetch()
    trace = tmp_path / "trace"
    server_too = transport == "http"  # the server is a git of the test's own, which would be traced as well
    if not server_too:
        monkeypatch.setenv("GIT_TRACE", str(trace))
    before = resource_of_children()
    assert [mirror.poll() for _ in range(20)] == [commit] * 20
    assert commands(trace) == []
    if not server_too:
        assert resource_of_children() == before
        monkeypatch.delenv("GIT_TRACE")


def resource_of_children() -> float:
    times = os.times()
    return times.children_user + times.children_system


@pytest.mark.parametrize("is_packed", [False, True])
def test_a_poll_of_a_folder_costs_under_a_millisecond(is_packed: bool, tmp_path: Path) -> None:
    host = RealHost(tmp_path / "host", str)
    commit = host.commit({"a": b"1"})
    refs = "".join(f"create refs/heads/b{n} {commit}\n" for n in range(2_000))
    git("update-ref", "--stdin", cwd=host.bare, stdin=refs.encode())
    if is_packed:
        git("pack-refs", "--all", cwd=host.bare)
    mirror = host.mirror(tmp_path)
    mirror.fetch()
    begun = time.process_time()
    for _ in range(200):
        assert mirror.poll() == commit
    assert (time.process_time() - begun) / 200 < 0.001


def test_one_connection_serves_many_polls_and_a_new_one_where_it_ended(tmp_path: Path) -> None:
    opened: list[int] = []
    ends = threading.Event()

    def speak(talk: Talk) -> None:
        opened.append(1)
        said = answer(line(f"{len(opened):040d} refs/heads/main\n") + b"0000")
        talk.say(said)
        while talk.next():
            talk.say(said)
            if ends.is_set():
                ends.clear()
                return

    with speaking(speak) as url:
        mirror = GitMirror(url, "main", tmp_path / "mirror.git")
        assert [mirror.poll() for _ in range(50)] == [f"{1:040d}"] * 50
        ends.set()
        assert mirror.poll() == f"{1:040d}"
        until(lambda: not ends.is_set())
        assert mirror.poll() == f"{2:040d}"
        assert len(opened) == 2


def test_a_connection_that_ends_while_it_is_asked_is_replaced(tmp_path: Path) -> None:
    opened: list[int] = []

    def speak(talk: Talk) -> None:
        opened.append(1)
        talk.say(answer(line(f"{len(opened):040d} refs/heads/main\n") + b"0000"))
        talk.next()  # asked again, and gone without a word

    with speaking(speak) as url:
        mirror = GitMirror(url, "main", tmp_path / "mirror.git")
        assert [mirror.poll() for _ in range(3)] == [f"{1:040d}", f"{2:040d}", f"{3:040d}"]


# ── what servers say ──


def test_the_login_is_read_anew_for_each_question(server: HttpGit, host: RealHost, tmp_path: Path) -> None:
    commit = host.commit({"a": b"1"})
    server.token = "x-access-token:first"
    token = tmp_path / "token"
    token.write_text("first\n")
    mirror = GitMirror(host.url, "main", tmp_path / "mirror.git", credentials=Credentials(token))
    assert mirror.poll() == commit
    server.token = "x-access-token:second"
    with pytest.raises(Stalled, match="401"):
        mirror.poll()
    token.write_text("second\n")
    assert mirror.poll() == commit


@pytest.mark.parametrize(
    ("status", "more", "error", "after"),
    [
        ("401 Unauthorized", "", Stalled, None),
        ("403 Forbidden", "", Stalled, None),
        ("403 Forbidden", "Retry-After: 60\r\n", Retryable, timedelta(seconds=60)),
        ("403 Forbidden", "X-RateLimit-Remaining: 0\r\n", Retryable, timedelta(seconds=10)),
        ("429 Too Many Requests", "Retry-After: 42\r\n", Retryable, timedelta(seconds=42)),
        ("429 Too Many Requests", "Retry-After: 99999\r\n", Retryable, timedelta(minutes=5)),
        ("429 Too Many Requests", "Retry-After: Wed, 21 Oct 2026 07:28:00 GMT\r\n", Retryable, timedelta(seconds=10)),
        ("500 Oh", "", Retryable, timedelta(seconds=10)),
        ("503 Away", "Retry-After: 7\r\n", Retryable, timedelta(seconds=7)),
    ],
)
def test_a_refusal_says_what_can_be_done_about_it(
    status: str, more: str, error: type[Exception], after: timedelta | None, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("hush-hush")
    with speaking(lambda talk: talk.say(answer(b"", status, more))) as url:
        mirror = GitMirror(url, "main", tmp_path / "mirror.git", credentials=Credentials(token))
        with pytest.raises(error, match=status[:3]) as caught:
            mirror.poll()
    assert "hush-hush" not in str(caught.value)
    assert getattr(caught.value, "after", None) == after


def test_a_login_goes_nowhere_else(server: HttpGit, host: RealHost, tmp_path: Path) -> None:
    host.commit({"a": b"1"})
    token = tmp_path / "token"
    token.write_text("hush-hush")
    with HttpGit(tmp_path / "elsewhere").serving() as elsewhere:
        server.moved_to = elsewhere.url_of(elsewhere.root)
        mirror = GitMirror(host.url, "main", tmp_path / "mirror.git", credentials=Credentials(token))
        with pytest.raises(Retryable):
            mirror.poll()
        assert elsewhere.seen == []
    assert any(login is not None for login in server.seen)


def test_a_server_of_an_older_protocol_is_fetched_from_for_good(
    server: HttpGit, host: RealHost, tmp_path: Path
) -> None:
    server.speaks_v2 = False
    first = host.commit({"a": b"1"})
    mirror = host.mirror(tmp_path)
    assert mirror.poll() == first
    second = host.commit({"a": b"2"})
    asked = len(server.seen)
    assert mirror.poll() == second == mirror.head()
    after_poll = len(server.seen)
    assert mirror.fetch() == second
    assert len(server.seen) == after_poll, "a fetch right after a poll that had to fetch is a second one"
    assert after_poll - asked == 2, "a fetch is a look at the refs and a request for objects"
    host.delete("main")
    with pytest.raises(UserError, match="remote ref"):
        mirror.poll()


def test_a_remote_of_sha256_is_polled_too(server: HttpGit, tmp_path: Path) -> None:
    host = RealHost(tmp_path / "host", server.url_of, object_format="sha256")
    mirror = host.mirror(tmp_path)
    for content in (b"1", b"2"):
        commit = host.commit({"a": content})
        assert len(commit) == 64
        assert mirror.poll() == commit == mirror.fetch()


GOOD = line(f"{1:040d} refs/heads/main\n")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        GOOD,
        b"0000" + GOOD,
        GOOD[:-5],
        GOOD + b"0001",
        line("ERR we are closed\n") + b"0000",
        b"00zz" + GOOD + b"0000",
        b"0003" + b"0000",
        line(f"{1:039d} refs/heads/main\n") + b"0000",
        b"<html>hello</html>",
        GOOD * 2000 + b"0000",
    ],
)
def test_an_answer_that_is_none_is_not_believed(body: bytes, tmp_path: Path) -> None:
    """git is asked then, and it cannot make sense of this server either."""
    with speaking(lambda talk: talk.say(answer(body))) as url:
        mirror = GitMirror(url, "main", tmp_path / "mirror.git")
        with pytest.raises(Retryable, match="git fetch"):
            mirror.poll()


@pytest.mark.parametrize("other", ["refs/heads/main2", "refs/heads/main/x", "refs/heads/Main", "refs/tags/main"])
def test_a_name_that_only_begins_alike_is_another_branch(other: str, tmp_path: Path) -> None:
    body = line(f"{1:040d} {other}\n") + b"0000"
    with speaking(lambda talk: talk.say(answer(body))) as url:
        mirror = GitMirror(url, "main", tmp_path / "mirror.git")
        with pytest.raises(UserError, match="remote ref refs/heads/main"):
            mirror.poll()


def _silence(talk: Talk) -> None:
    talk.next()


def _drip(talk: Talk) -> None:
    talk.say(b"HTTP/1.1 200 OK\r\n")
    pause = threading.Event()
    while not pause.wait(0.05):
        talk.say(b"X-A: b\r\n")


def _drip_body(talk: Talk) -> None:
    talk.say(f"HTTP/1.1 200 OK\r\nContent-Type: {RESULT}\r\nContent-Length: 60000\r\n\r\n".encode())
    pause = threading.Event()
    while not pause.wait(0.05):
        talk.say(b"0")


@pytest.mark.parametrize("speak", [_silence, _drip, _drip_body])
def test_a_server_that_stalls_or_drips_is_given_up(
    speak: Callable[[Talk], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with speaking(speak) as url, monkeypatch.context() as patch:
        patch.setenv("GIT_HTTP_LOW_SPEED_TIME", "1")
        mirror = GitMirror(url, "main", tmp_path / "mirror.git")
        begun = time.monotonic()
        with pytest.raises(Retryable):
            mirror.poll()
        assert 0.9 < time.monotonic() - begun < 4


def test_nobody_there_can_be_asked_again(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    mirror = GitMirror(f"http://127.0.0.1:{port}/x.git", "main", tmp_path / "mirror.git")
    for _ in range(2):
        with pytest.raises(Retryable, match="refused"):
            mirror.poll()


@pytest.mark.parametrize("proxy", ["nonsense://127.0.0.1:9", "127.0.0.1:9", "http://[::1"])
def test_a_proxy_that_only_git_understands_is_left_to_git(
    proxy: str, host: RealHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.commit({"a": b"1"})
    with monkeypatch.context() as patch:
        patch.setenv("HTTP_PROXY", proxy)
        patch.setenv("http_proxy", proxy)
        with pytest.raises(Retryable):
            host.mirror(tmp_path).poll()


# ── what folders hold ──


def test_a_work_tree_and_a_linked_one_are_polled_by_their_path(tmp_path: Path) -> None:
    work, linked = tmp_path / "work", tmp_path / "linked"
    git("init", "-q", "-b", "main", str(work), cwd=tmp_path)
    git("commit", "-q", "--allow-empty", "-m", "one", cwd=work)
    git("worktree", "add", "-q", "-b", "other", str(linked), cwd=work)
    git("commit", "-q", "--allow-empty", "-m", "two", cwd=linked)
    heads = {name: git("rev-parse", name, cwd=work) for name in ("main", "other")}
    for at, path in enumerate((work, linked, work / ".git")):
        for branch, head in heads.items():
            mirror = GitMirror(str(path), branch, tmp_path / f"mirror-{at}-{branch}.git")
            assert mirror.poll() == head
            assert mirror.head() is None, "it was fetched from"


def test_a_path_without_its_ending_is_the_one_git_takes(tmp_path: Path) -> None:
    host = RealHost(tmp_path / "a b#c%", lambda bare: str(bare.with_suffix("")))
    commit = host.commit({"a": b"1"})
    for url in (host.url, "file://" + host.url.replace("%", "%25").replace(" ", "%20"), f"file://localhost{host.bare}"):
        url = url if "localhost" not in url else url.replace("%", "%25")
        mirror = GitMirror(url, "main", tmp_path / "mirror.git")
        assert mirror.poll() == commit
        assert mirror.fetch() == commit


@pytest.mark.parametrize("stored", ["symbolic", "empty", "garbage", "folder"])
def test_a_ref_that_is_stored_otherwise_is_left_to_git(stored: str, tmp_path: Path) -> None:
    host = RealHost(tmp_path / "host", str)
    commit = host.commit({"a": b"1"})
    host.commit({"a": b"1"}, branch="other")
    mirror = host.mirror(tmp_path)
    mirror.fetch()
    ref = host.bare / "refs/heads/main"
    if stored == "symbolic":
        git("update-ref", "refs/heads/real", commit, cwd=host.bare)
        ref.write_text("ref: refs/heads/real\n")
        assert mirror.poll() == commit
        return
    ref.unlink()
    if stored == "folder":
        ref.mkdir()
        (ref / "x").write_text(commit)
    else:
        ref.write_bytes(b"" if stored == "empty" else b"\xff\x00" * 30)
    with pytest.raises((Retryable, UserError)):
        mirror.poll()
    assert mirror.head() == commit


def test_a_pipe_in_the_place_of_a_ref_is_not_waited_for(tmp_path: Path) -> None:
    host = RealHost(tmp_path / "host", str)
    os.mkfifo(host.bare / "refs/heads/main")
    assert head_of(host.bare, "refs/heads/main") is None


def test_packed_refs_of_all_shapes_are_read_as_git_reads_them(tmp_path: Path) -> None:
    host = RealHost(tmp_path / "host", str)
    heads = {}
    for name in ("main", "a/main", "main-2", "MAIN", "x/refs/heads/main"):
        heads[name] = host.commit({"a": name.encode()}, branch=name, orphan=True)
    git("tag", "-a", "-m", "t", "main", heads["main"], cwd=host.bare)
    git("pack-refs", "--all", cwd=host.bare)
    for at, (name, head) in enumerate(heads.items()):
        assert GitMirror(str(host.bare), name, tmp_path / f"{at}.git").poll() == head
    newer = host.commit({"a": b"newer"})
    assert GitMirror(str(host.bare), "main", tmp_path / "m.git").poll() == newer, (
        "a loose ref stands above a packed one"
    )
