"""The agent over https with a certificate of its own, and over ssh with a real sshd; credentials by file."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from fakes.git import HttpGit, RealHost, _Backend, git
from program import Outcome, penstock
from until import until

LOG = "io.kestra.plugin.core.log.Log"
_SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
FLOW = f"id: a\nnamespace: team\ntasks:\n  - id: say\n    type: {LOG}\n    message: hello\n".encode()


def once(url: str, data: Path, *more: str | Path, **env: str) -> Outcome:
    return penstock("agent", "--repo", url, "--data", data, "--name", "box", "--once", *more, env=env)


def results(host: RealHost) -> int:
    refs = git("for-each-ref", "--format=%(refname)", "refs/heads/penstock/", cwd=host.bare).split()
    names = [git("ls-tree", "-r", "--name-only", ref, cwd=host.bare) for ref in refs]
    return sum(name.endswith("execution.json") for text in names for name in text.splitlines())


# ── https ──


@dataclass
class Https:
    host: RealHost
    url: str
    certificate: Path


@pytest.fixture
def https(tmp_path: Path) -> Iterator[Https]:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subject = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1")
    made = (
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-keyout",
        key,
        "-out",
        certificate,
    )
    subprocess.run([*map(str, made), *subject], check=True, capture_output=True)
    served = HttpGit(tmp_path / "host", token="x-access-token:s3cret")

    class Handler(_Backend):
        host = served

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        port = server.server_address[1]
        threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01), daemon=True).start()
        host = RealHost(tmp_path / "host", str)
        yield Https(host, f"https://127.0.0.1:{port}/{host.bare.relative_to(tmp_path / 'host')}", certificate)
        server.shutdown()


def test_https_with_a_token_from_a_file_and_a_certificate_of_its_own(https: Https, tmp_path: Path) -> None:
    https.host.commit({"flows/a.yaml": FLOW})
    token = tmp_path / "token"
    token.write_text("s3cret\n", encoding="utf-8")
    known, wanted = {"GIT_SSL_CAINFO": str(https.certificate)}, ("--git-token-file", token, "--start", "team/a")
    done = once(https.url, tmp_path / "data", *wanted, **known)
    assert done.code == 0, done.err
    assert results(https.host) == 1
    again = once(https.url, tmp_path / "data", "--git-token-file", token, **known)
    assert (again.code, "nothing new" in again.err) == (0, True), again.err
    token.write_text("wrong\n", encoding="utf-8")
    refused = once(https.url, tmp_path / "data", "--git-token-file", token, **known)
    assert refused.code == 2
    assert "credentials" in refused.err
    assert "s3cret" not in done.err + again.err + refused.err
    for kept in (tmp_path / "data").rglob("*"):
        assert not kept.is_file() or b"s3cret" not in kept.read_bytes(), kept


def test_https_with_an_unknown_certificate_is_not_trusted(https: Https, tmp_path: Path) -> None:
    https.host.commit({"flows/a.yaml": FLOW})
    token = tmp_path / "token"
    token.write_text("s3cret\n", encoding="utf-8")
    done = once(https.url, tmp_path / "data", "--git-token-file", token)
    assert done.code == 3
    assert "certificate" in done.err.lower()


# ── ssh ──


@dataclass
class Ssh:
    host: RealHost
    url: str
    key: Path
    known_hosts: Path
    folder: Path

    def serve(self, host_key: Path, port: int) -> subprocess.Popen[bytes]:
        config = self.folder / "sshd_config"
        config.write_text(
            f"Port {port}\nListenAddress 127.0.0.1\nHostKey {host_key}\nPidFile none\nStrictModes no\nUsePAM no\n"
            f"AuthorizedKeysFile {self.folder}/authorized\nPasswordAuthentication no\nPermitRootLogin yes\n",
            encoding="utf-8",
        )
        Path("/run/sshd").mkdir(exist_ok=True)
        server = subprocess.Popen([_SSHD or "sshd", "-D", "-e", "-f", str(config)], stderr=subprocess.DEVNULL)
        until(lambda: _answers(port), 10)
        return server


def _answers(port: int) -> bool:
    with socket.socket() as caller:
        caller.settimeout(1)
        return caller.connect_ex(("127.0.0.1", port)) == 0


def _key(path: Path) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True, capture_output=True)
    return path


@pytest.fixture
def ssh(tmp_path: Path) -> Iterator[tuple[Ssh, int]]:
    if _SSHD is None or os.geteuid() != 0:
        pytest.skip("a real sshd is needed, run as root: Debian's openssh-server")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = int(taken.getsockname()[1])
    folder = tmp_path / "ssh"
    folder.mkdir()
    key, host_key = _key(folder / "client"), _key(folder / "server")
    (folder / "authorized").write_text((folder / "client.pub").read_text(encoding="utf-8"), encoding="utf-8")
    known = folder / "known_hosts"
    known.write_text(f"[127.0.0.1]:{port} {(folder / 'server.pub').read_text(encoding='utf-8')}", encoding="utf-8")
    host = RealHost(tmp_path / "host", str)
    made = Ssh(host, f"ssh://root@127.0.0.1:{port}{host.bare}", key, known, folder)
    server = made.serve(host_key, port)
    yield made, port
    server.terminate()
    server.wait()


def test_ssh_with_a_deploy_key(ssh: tuple[Ssh, int], tmp_path: Path) -> None:
    made, _ = ssh
    made.host.commit({"flows/a.yaml": FLOW})
    known = {"PENSTOCK_GIT_KNOWN_HOSTS": str(made.known_hosts)}
    done = once(made.url, tmp_path / "data", "--ssh-key", made.key, "--start", "team/a", **known)
    assert done.code == 0, done.err
    assert results(made.host) == 1
    made.host.commit({"flows/a.yaml": FLOW.replace(b"hello", b"changed")})
    again = once(made.url, tmp_path / "data", "--ssh-key", made.key, **known)
    assert (again.code, "1 changed" in again.err) == (0, True), again.err


def test_a_host_whose_key_is_another_is_not_spoken_to(ssh: tuple[Ssh, int], tmp_path: Path) -> None:
    made, port = ssh
    made.host.commit({"flows/a.yaml": FLOW})
    _key(made.folder / "other")
    other = (made.folder / "other.pub").read_text(encoding="utf-8")
    made.known_hosts.write_text(f"[127.0.0.1]:{port} {other}", encoding="utf-8")
    known = {"PENSTOCK_GIT_KNOWN_HOSTS": str(made.known_hosts)}
    done = once(made.url, tmp_path / "data", "--ssh-key", made.key, **known)
    assert done.code == 2
    assert "Host key verification failed" in done.err


def test_a_key_that_the_host_does_not_know_is_refused(ssh: tuple[Ssh, int], tmp_path: Path) -> None:
    made, _ = ssh
    made.host.commit({"flows/a.yaml": FLOW})
    stranger = _key(made.folder / "stranger")
    known = {"PENSTOCK_GIT_KNOWN_HOSTS": str(made.known_hosts)}
    done = once(made.url, tmp_path / "data", "--ssh-key", stranger, **known)
    assert done.code == 2
    assert "Permission denied" in done.err
