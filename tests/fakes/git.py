"""Git without git: a remote, a mirror and a branch of results in memory; and a real host, over a path or HTTP."""

from __future__ import annotations

import gzip
import os
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from penstock.adapters.git.address import checked_branch
from penstock.errors import Retryable, UserError
from penstock.ports.git import Blob, Change, CommitInfo, Mirror, ResultsBranch

IDENTITY = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.invalid",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.invalid",
}


def git(*args: str, cwd: Path, stdin: bytes = b"") -> str:
    """A git of the test's own. Raises CalledProcessError."""
    done = subprocess.run(
        ["git", *args], cwd=cwd, env={**os.environ, **IDENTITY}, input=stdin, capture_output=True, check=True
    )
    return done.stdout.decode().strip()


@dataclass(frozen=True)
class MemoryCommit:
    id: str
    files: Mapping[str, bytes]
    subject: str
    author: str
    at: datetime
    parent: str | None


@dataclass
class MemoryHost:
    """A remote in memory. `rejection` are the words with which it refuses every push."""

    branches: dict[str, str] = field(default_factory=dict)
    commits: dict[str, MemoryCommit] = field(default_factory=dict)
    is_away: bool = False
    rejection: str | None = None

    def commit(
        self, files: Mapping[str, bytes], message: str = "change", *, branch: str = "main", orphan: bool = False
    ) -> str:
        parent = None if orphan else self.branches.get(branch)
        before = self.commits[parent].files if parent is not None else {}
        self.branches[branch] = self.add(parent, {**before, **files}, message, "Ada")
        return self.branches[branch]

    def add(self, parent: str | None, files: Mapping[str, bytes], message: str, author: str) -> str:
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=len(self.commits))
        id_ = sha1(repr((parent, sorted(files.items()), message, author, at)).encode()).hexdigest()
        subject = message.strip().partition("\n")[0]
        self.commits[id_] = MemoryCommit(id_, dict(files), subject, author, at, parent)
        return id_

    def delete(self, branch: str) -> None:
        del self.branches[branch]

    @contextmanager
    def away(self) -> Iterator[None]:
        self.is_away = True
        yield
        self.is_away = False

    @contextmanager
    def rejecting(self, words: str) -> Iterator[None]:
        self.rejection = words
        yield
        self.rejection = None

    def log(self, branch: str) -> list[str]:
        lines, at = [], self.branches.get(branch)
        while at is not None:
            commit = self.commits[at]
            lines.append(f"{commit.author}|{commit.subject}")
            at = commit.parent
        return lines

    def reach(self) -> None:
        if self.is_away:
            raise Retryable("the remote cannot be reached")

    def mirror(self, folder: Path, branch: str = "main") -> Mirror:
        return MemoryMirror(self, checked_branch(branch))

    def results(self, folder: Path, branch: str) -> ResultsBranch:
        return MemoryResultsBranch(self, checked_branch(branch), "Penstock demo")


@dataclass
class MemoryMirror(Mirror):
    host: MemoryHost
    branch: str
    last: str | None = None
    pins: set[str] = field(default_factory=set)

    def poll(self) -> str:
        self.host.reach()
        if self.branch not in self.host.branches:
            raise UserError(f"the branch `{self.branch}` is not there: couldn't find remote ref")
        return self.host.branches[self.branch]

    def fetch(self) -> str:
        self.host.reach()
        if self.branch not in self.host.branches:
            raise UserError(f"the branch `{self.branch}` is not there: couldn't find remote ref")
        self.last = self.host.branches[self.branch]
        return self.last

    def head(self) -> str | None:
        return self.last

    def blobs(self, commit: str, prefix: str = "") -> list[Blob]:
        below = prefix.strip("/") + "/" if prefix.strip("/") else ""
        files = self._of(commit).files
        return [
            Blob(path, _blob_id(content), len(content))
            for path, content in sorted(files.items())
            if path.startswith(below)
        ]

    def read(self, blobs: Iterable[Blob]) -> Iterator[tuple[Blob, bytes]]:
        known = {
            _blob_id(content): content for commit in self.host.commits.values() for content in commit.files.values()
        }
        for blob in list(blobs):
            if blob.id not in known:
                raise Retryable(f"the object {blob.id} of {blob.path} cannot be read")
            yield blob, known[blob.id]

    def commit(self, id: str) -> CommitInfo:  # noqa: A002 - as the protocol names it
        found = self._of(id)
        return CommitInfo(found.id, found.subject, found.author, found.at)

    def _of(self, id_: str) -> MemoryCommit:
        if id_ not in self.host.commits:
            raise Retryable(f"the mirror has no commit {id_}")
        return self.host.commits[id_]

    def keep(self, commit: str) -> None:
        self.pins.add(commit)

    def release(self, commit: str) -> None:
        self.pins.discard(commit)

    def kept(self) -> set[str]:
        return set(self.pins)

    def changes(self, before: str, after: str) -> list[Change]:
        old = {blob.path: blob for blob in self.blobs(before)}
        new = {blob.path: blob for blob in self.blobs(after)}
        return [Change(path, new.get(path)) for path in sorted({*old, *new}) if old.get(path) != new.get(path)]


@dataclass
class MemoryResultsBranch(ResultsBranch):
    host: MemoryHost
    branch: str
    author: str

    def has(self, folder: str) -> bool:
        self.host.reach()
        return any(path == folder or path.startswith(folder + "/") for path in self._files())

    def add(
        self, commits: Sequence[tuple[str, Mapping[str, bytes]]], *, anew: Mapping[str, bytes] | None = None
    ) -> str:
        self.host.reach()
        for path in {path for _, files in commits for path in files}:
            if any(part in ("", ".", "..", ".git") for part in path.split("/")) or "\n" in path:
                raise UserError(f"`{path}` cannot be a path of results")
        if self.host.rejection is not None:
            raise Retryable(f"git push: {self.host.rejection}")
        news = [(message, files) for message, files in commits if files.keys() - self._files().keys()]
        for at, (message, files) in enumerate(news):
            held = self._files()
            fresh = {path: content for path, content in files.items() if path not in held}
            written = {**held, **fresh, **((anew or {}) if at == len(news) - 1 else {})}
            if fresh:
                head = self.host.add(self.host.branches.get(self.branch), written, message, self.author)
                self.host.branches[self.branch] = head
        return self.host.branches[self.branch]

    def show(self, path: str) -> bytes | None:
        return self._files().get(path)

    def _files(self) -> Mapping[str, bytes]:
        head = self.host.branches.get(self.branch)
        return self.host.commits[head].files if head is not None else {}


def _blob_id(content: bytes) -> str:
    return sha1(b"blob %d\0" % len(content) + content).hexdigest()


@dataclass
class RealHost:
    """A bare repository in `folder`; `url_of` says by which URL it is reached."""

    folder: Path
    url_of: Callable[[Path], str]
    object_format: str = "sha1"

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        git(
            "init",
            "-q",
            "--bare",
            "-b",
            "main",
            f"--object-format={self.object_format}",
            str(self.bare),
            cwd=self.folder,
        )
        git("config", "http.receivepack", "true", cwd=self.bare)

    @property
    def bare(self) -> Path:
        return self.folder / "remote.git"

    @property
    def url(self) -> str:
        return self.url_of(self.bare)

    def commit(
        self,
        files: Mapping[str, bytes],
        message: str = "change",
        *,
        branch: str = "main",
        orphan: bool = False,
        entries: Sequence[tuple[str, str, str]] = (),
    ) -> str:
        """`entries` are further ones: mode, object id or the target of a link, path."""
        parent = "" if orphan or not self._has(branch) else git("rev-parse", f"refs/heads/{branch}", cwd=self.bare)
        stream = b"commit refs/heads/penstock-test\ncommitter Ada <ada@example.invalid> now\n"
        stream += b"data %d\n%s\n" % (len(message.encode()), message.encode())
        stream += b"from %s\n" % parent.encode() if parent else b""
        for path, content in files.items():
            stream += b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(content), content)
        for mode, target, path in entries:
            if mode == "120000":
                stream += b"M 120000 inline %s\ndata %d\n%s\n" % (path.encode(), len(target), target.encode())
            else:
                stream += b"M %s %s %s\n" % (mode.encode(), target.encode(), path.encode())
        git("update-ref", "-d", "refs/heads/penstock-test", cwd=self.bare)
        git("fast-import", "--quiet", "--force", "--date-format=now", cwd=self.bare, stdin=stream)
        made = git("rev-parse", "refs/heads/penstock-test", cwd=self.bare)
        git("update-ref", f"refs/heads/{branch}", made, cwd=self.bare)
        git("update-ref", "-d", "refs/heads/penstock-test", cwd=self.bare)
        return made

    def _has(self, branch: str) -> bool:
        return bool(git("for-each-ref", f"refs/heads/{branch}", cwd=self.bare))

    def delete(self, branch: str) -> None:
        git("update-ref", "-d", f"refs/heads/{branch}", cwd=self.bare)

    @contextmanager
    def away(self) -> Iterator[None]:
        elsewhere = self.folder / "away.git"
        self.bare.rename(elsewhere)
        yield
        elsewhere.rename(self.bare)

    @contextmanager
    def rejecting(self, words: str) -> Iterator[None]:
        hook = self.bare / "hooks" / "pre-receive"
        hook.write_text(f"#!/bin/sh\necho '{words}' >&2\nexit 1\n")
        hook.chmod(0o755)
        yield
        hook.unlink()

    def log(self, branch: str) -> list[str]:
        return git("log", "--format=%an|%s", branch, cwd=self.bare).splitlines()

    def mirror(self, folder: Path, branch: str = "main") -> Mirror:
        from penstock.adapters.git import GitMirror

        return GitMirror(self.url, branch, folder / "mirror.git")

    def results(self, folder: Path, branch: str) -> ResultsBranch:
        from penstock.adapters.git import GitResultsBranch

        return GitResultsBranch(self.url, branch, folder / "results.git", author="Penstock demo")


@dataclass
class HttpGit:
    """`git http-backend` behind a loopback server. `token` is what it asks for; `answer` a status for everything;
    `moved_to` where it redirects; `seen` the Authorization of each request; `tls` makes it an HTTPS server."""

    root: Path
    token: str | None = None
    answer: int | None = None
    moved_to: str | None = None
    speaks_v2: bool = True
    tls: ssl.SSLContext | None = None
    seen: list[str | None] = field(default_factory=list)
    port: int = 0

    def url_of(self, bare: Path) -> str:
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}/{bare.relative_to(self.root)}"

    @contextmanager
    def serving(self) -> Iterator[HttpGit]:
        served = self

        class Handler(_Backend):
            host = served

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            self.port = server.server_address[1]
            if self.tls is not None:
                server.socket = self.tls.wrap_socket(server.socket, server_side=True)
            thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01), daemon=True)
            thread.start()
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()


class _Backend(BaseHTTPRequestHandler):
    host: HttpGit
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._pass_on(b"")

    def do_POST(self) -> None:
        self._pass_on(self._body())

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        else:
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def _pass_on(self, body: bytes) -> None:
        import base64

        login = self.headers.get("Authorization")
        self.host.seen.append(login)
        if self.host.moved_to is not None:
            self._answer(302, {"Location": self.host.moved_to + self.path})
        elif self.host.answer is not None:
            self._answer(self.host.answer)
        elif self.host.token is not None and (
            login is None or base64.b64decode(login.removeprefix("Basic ")).decode() != self.host.token
        ):
            self._answer(401, {"WWW-Authenticate": 'Basic realm="git"'})
        else:
            self._backend(body)

    def _backend(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        env = {
            **os.environ,
            **IDENTITY,
            "GIT_PROJECT_ROOT": str(self.host.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", "") if self.host.speaks_v2 else "",
            "REMOTE_USER": "ada",
        }
        done = subprocess.run(["git", "http-backend"], env=env, input=body, capture_output=True, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        self._answer(int(headers.pop("Status", "200").split()[0]), headers, content)

    def _answer(self, status: int, headers: Mapping[str, str] | None = None, content: bytes = b"") -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base
        """Nothing: a test says itself what went wrong."""
