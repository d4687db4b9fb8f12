"""The agent and its mirror over every transport: HTTPS with a certificate of one's own, tokens, ssh, git://."""

from __future__ import annotations

import json
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from fakes.git import HttpGit, RealHost, git
from fakes.inetd import Service, SshServer
from penstock.adapters.git import Credentials, GitMirror, GitResultsBranch
from penstock.errors import Retryable, Stalled
from program import Outcome, penstock

TOKEN = "s3cr3t-t0ken"
FLOW = b"id: a\nnamespace: team\ntasks:\n  - id: say\n    type: io.kestra.plugin.core.log.Log\n    message: hello\n"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `cert.pem`, for 127.0.0.1 and signed by itself, and its `key.pem`."""
    folder = tmp_path_factory.mktemp("tls")
    argv = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    argv += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem"), "-days", "2"]
    argv += ["-subj", "/CN=penstock test", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(argv, check=True, capture_output=True)
    return folder


def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    return context


@contextmanager
def variables(patch: pytest.MonkeyPatch, values: Mapping[str, str]) -> Iterator[None]:
    with patch.context() as inner:
        for name, value in values.items():
            inner.setenv(name, value)
        yield


def agent(host: RealHost, data: Path, env: Mapping[str, str], *more: str | Path) -> Outcome:
    argv = ["agent", "--repo", host.url, "--once", "--name", "box", "--data", data, "--start", "team/a", *more]
    return penstock(*argv, env=env)


def states(host: RealHost) -> list[str]:
    """Of the executions on the results branch."""
    [branch] = git("for-each-ref", "--format=%(refname)", "refs/heads/penstock/", cwd=host.bare).split()
    paths = git("ls-tree", "-r", "--name-only", branch, cwd=host.bare).splitlines()
    texts = [git("cat-file", "blob", f"{branch}:{path}", cwd=host.bare) for path in paths if path.endswith("n.json")]
    return [json.loads(text)["state"]["current"] for text in texts]


def whole_life(host: RealHost, folder: Path, credentials: Credentials | None = None) -> None:
    """All that is done with a remote, once."""
    before = host.commit({"a": b"1", "b": b"1"})
    mirror = GitMirror(host.url, "main", folder / "mirror.git", credentials=credentials)
    assert mirror.poll() == before == mirror.fetch()
    after = host.commit({"a": b"2"})
    assert mirror.poll() == after == mirror.fetch()
    [change] = mirror.changes(before, after)
    assert change.blob is not None
    assert [content for _, content in mirror.read([change.blob])] == [b"2"]
    results = GitResultsBranch(host.url, "penstock/results/x/2026-11", folder / "results.git", credentials=credentials)
    results.add([("one", {"x/execution.json": b"{}"})])
    assert host.log("penstock/results/x/2026-11") == ["Penstock|one"]


# ── HTTPS ──


def test_https_with_a_certificate_that_is_named(
    certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HttpGit(tmp_path / "host", tls=tls(certificate)).serving() as server:
        host = RealHost(tmp_path / "host", server.url_of)
        with variables(monkeypatch, {"GIT_SSL_CAINFO": str(certificate / "cert.pem")}):
            whole_life(host, tmp_path)


def test_https_with_a_certificate_that_nobody_vouches_for_is_not_spoken_to(certificate: Path, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(TOKEN)
    with HttpGit(tmp_path / "host", tls=tls(certificate)).serving() as server:
        host = RealHost(tmp_path / "host", server.url_of)
        host.commit({"a": b"1"})
        mirror = GitMirror(host.url, "main", tmp_path / "mirror.git", credentials=Credentials(token))
        for look in (mirror.poll, mirror.fetch):
            with pytest.raises(Retryable, match="certificate"):
                look()
        assert server.seen == [], "something was said to a server that nobody vouches for"


def test_a_certificate_of_another_host_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    argv = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    argv += ["-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem"), "-days", "2", "-subj", "/CN=x"]
    subprocess.run([*argv, "-addext", "subjectAltName=DNS:elsewhere.invalid"], check=True, capture_output=True)
    with HttpGit(tmp_path / "host", tls=tls(tmp_path)).serving() as server:
        host = RealHost(tmp_path / "host", server.url_of)
        host.commit({"a": b"1"})
        with variables(monkeypatch, {"GIT_SSL_CAINFO": str(tmp_path / "cert.pem")}), pytest.raises(Retryable):
            host.mirror(tmp_path).poll()
        assert server.seen == []


def test_verification_that_is_switched_off_is_off_for_the_poll_as_well(
    certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HttpGit(tmp_path / "host", tls=tls(certificate)).serving() as server:
        host = RealHost(tmp_path / "host", server.url_of)
        head = host.commit({"a": b"1"})
        with variables(monkeypatch, {"GIT_SSL_NO_VERIFY": "1"}):
            mirror = host.mirror(tmp_path)
            assert mirror.poll() == head
            assert len(server.seen) == 1
            assert mirror.fetch() == head


def test_the_agent_works_over_https_with_a_token_that_shows_nowhere(certificate: Path, tmp_path: Path) -> None:
    token, data, trace = tmp_path / "token", tmp_path / "data", tmp_path / "trace"
    token.write_text(TOKEN + "\n")
    server = HttpGit(tmp_path / "host", token=f"x-access-token:{TOKEN}", tls=tls(certificate))
    with server.serving():
        host = RealHost(tmp_path / "host", server.url_of)
        host.commit({"flows/a.yaml": FLOW})
        env = {"GIT_SSL_CAINFO": str(certificate / "cert.pem"), "GIT_TRACE2_EVENT": str(trace)}
        done = agent(host, data, env, "--git-token-file", token, "--record", "git")
        assert done.code == 0, done.err
        assert states(host) == ["SUCCESS"]
        wrong = tmp_path / "wrong"
        wrong.write_text("another")
        refused = agent(host, tmp_path / "data2", env, "--git-token-file", wrong)
    assert refused.code != 0
    assert "credentials" in refused.err
    found = [done.out, done.err, refused.out, refused.err, trace.read_text(encoding="utf-8")]
    found += [path.read_bytes().decode("latin-1") for path in data.rglob("*") if path.is_file()]
    assert "push" in trace.read_text(encoding="utf-8")
    for secret in (TOKEN, "eC1hY2Nlc3MtdG9rZW46czNjcjN0"):  # and as it stands in a header
        assert [text[:80] for text in found if secret in text] == []


def test_a_password_in_the_address_is_used_and_shows_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = tmp_path / "trace"
    with HttpGit(tmp_path / "host", token="ada:s3cr3t:p@ss").serving() as server:
        host = RealHost(tmp_path / "host", server.url_of)
        host.url_of = lambda bare: server.url_of(bare).replace("://", "://ada:s3cr3t%3Ap%40ss@")
        with variables(monkeypatch, {"GIT_TRACE2_EVENT": str(trace)}):
            whole_life(host, tmp_path)
        server.token = "ada:changed"
        mirror = GitMirror(host.url, "main", tmp_path / "mirror.git")
        told = []
        for look in (mirror.poll, mirror.fetch):
            with pytest.raises(Stalled) as caught:
                look()
            told.append(str(caught.value))
    kept = [path.read_bytes() for path in (tmp_path / "mirror.git").rglob("*") if path.is_file()]
    for text in (*told, trace.read_text(encoding="utf-8"), *(content.decode("latin-1") for content in kept)):
        assert "s3cr3t" not in text


# ── ssh ──


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[SshServer]:
    server = SshServer(tmp_path / "sshd")
    with server.service.serving():
        yield server


def test_ssh_with_a_deploy_key_and_known_hosts(sshd: SshServer, tmp_path: Path) -> None:
    host = RealHost(tmp_path / "host", sshd.url_of)
    whole_life(host, tmp_path, Credentials(None, sshd.client_key, sshd.known_hosts()))


def test_a_push_costs_one_connection_to_see_and_to_fetch(sshd: SshServer, tmp_path: Path) -> None:
    host = RealHost(tmp_path / "host", sshd.url_of)
    credentials = Credentials(None, sshd.client_key, sshd.known_hosts())
    mirror = GitMirror(host.url, "main", tmp_path / "mirror.git", credentials=credentials)
    for version in range(3):
        head = host.commit({"a": b"%d" % version})
        assert mirror.poll() == head == mirror.fetch()
        assert len(sshd.service.served) == version + 1


def test_a_host_that_is_not_known_is_not_spoken_to(sshd: SshServer, tmp_path: Path) -> None:
    host = RealHost(tmp_path / "host", sshd.url_of)
    host.commit({"a": b"1"})
    nobody = tmp_path / "nobody"
    nobody.write_text("")
    for known in (nobody, None):
        mirror = GitMirror(
            host.url, "main", tmp_path / "mirror.git", credentials=Credentials(None, sshd.client_key, known)
        )
        for look in (mirror.poll, mirror.fetch):
            with pytest.raises(Stalled, match="Host key verification failed") as caught:
                look()
            assert "known" in str(caught.value.help)
    assert nobody.read_text() == "", "the key was learnt by itself"


def test_a_host_key_that_has_changed_is_a_hard_stop(sshd: SshServer, tmp_path: Path) -> None:
    host = RealHost(tmp_path / "host", sshd.url_of)
    before = host.commit({"a": b"1"})
    credentials = Credentials(None, sshd.client_key, sshd.known_hosts())
    mirror = GitMirror(host.url, "main", tmp_path / "mirror.git", credentials=credentials)
    mirror.fetch()
    after = host.commit({"a": b"2"})
    sshd.change_host_key()
    for look in (mirror.poll, mirror.fetch):
        with pytest.raises(Stalled, match="HOST IDENTIFICATION HAS CHANGED"):
            look()
    assert mirror.head() == before
    assert [content for _, content in mirror.read(mirror.blobs(before))] == [b"1"]
    trusting = Credentials(None, sshd.client_key, sshd.known_hosts("other"))
    assert GitMirror(host.url, "main", tmp_path / "mirror.git", credentials=trusting).poll() == after


def test_a_key_that_is_not_let_in_is_told(sshd: SshServer, tmp_path: Path) -> None:
    host = RealHost(tmp_path / "host", sshd.url_of)
    host.commit({"a": b"1"})
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "stranger")]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
    credentials = Credentials(None, tmp_path / "stranger", sshd.known_hosts())
    with pytest.raises(Stalled, match="Permission denied"):
        GitMirror(host.url, "main", tmp_path / "mirror.git", credentials=credentials).poll()


def test_a_key_with_a_passphrase_is_not_asked_for(sshd: SshServer, tmp_path: Path) -> None:
    host = RealHost(tmp_path / "host", sshd.url_of)
    host.commit({"a": b"1"})
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "open sesame", "-f", str(tmp_path / "locked")]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
    credentials = Credentials(None, tmp_path / "locked", sshd.known_hosts())
    with pytest.raises(Stalled, match="Permission denied"):
        GitMirror(host.url, "main", tmp_path / "mirror.git", credentials=credentials).poll()


def test_the_agent_works_over_ssh(sshd: SshServer, tmp_path: Path) -> None:
    host = RealHost(tmp_path / "host", sshd.url_of)
    host.commit({"flows/a.yaml": FLOW})
    env = {"PENSTOCK_GIT_KNOWN_HOSTS": str(sshd.known_hosts())}
    done = agent(host, tmp_path / "data", env, "--ssh-key", sshd.client_key, "--record", "git")
    assert done.code == 0, done.err
    assert states(host) == ["SUCCESS"]
    (tmp_path / "empty").write_text("")
    stranger = {"PENSTOCK_GIT_KNOWN_HOSTS": str(tmp_path / "empty")}
    refused = agent(host, tmp_path / "data2", stranger, "--ssh-key", sshd.client_key)
    assert refused.code != 0
    assert "Host key verification failed" in refused.err


# ── git:// ──


def test_git_daemon(tmp_path: Path) -> None:
    argv = ["git", "daemon", "--inetd", "--export-all", "--enable=receive-pack", f"--base-path={tmp_path / 'host'}"]
    with Service(argv, tmp_path / "log").serving() as daemon:
        host = RealHost(tmp_path / "host", lambda bare: f"git://127.0.0.1:{daemon.port}/{bare.name}")
        whole_life(host, tmp_path)
