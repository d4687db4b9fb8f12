"""The head of a remote branch, asked for in the cheapest way that its transport allows.

A repository on this machine is asked by reading its ref: no process. Over HTTP one `ls-refs` of protocol version 2 is
posted, 65 bytes of answer on a kept-alive connection, where `git ls-remote` would download every ref. What neither
serves (ssh, an old server, a ref that is stored otherwise) is asked by a fetch.
"""

from __future__ import annotations

import os
import re
import ssl
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from penstock.adapters.git.address import Credentials, Remote, redacted
from penstock.adapters.git.command import OBJECT_ID
from penstock.errors import Retryable, Stalled, UserError

if TYPE_CHECKING:
    import httpx

MOST_ANSWER = 64 * 1024
"""A server that answers one ref with more than this is not asked again this way."""

TIMEOUT_S = 30.0
LONGEST_AFTER = timedelta(minutes=5)
_FLUSH, _DELIMITER = b"0000", b"0001"
_REF_LINE = re.compile(rb"([0-9a-f]{40}(?:[0-9a-f]{24})?) (\S+)")


class NotAskable(Exception):
    """The remote cannot be asked this way: it is fetched from instead."""


class Poller:
    """Of one branch of one remote. One thread at a time."""

    def __init__(self, remote: Remote, credentials: Credentials, branch: str) -> None:
        self._remote = remote
        self._credentials = credentials
        self._ref = f"refs/heads/{branch}"
        self._branch = branch
        self._client: httpx.Client | None = None
        self._is_askable = remote.protocols == "file" or remote.protocols.startswith("http")

    def head(self) -> str | None:
        """The commit id of the branch's head; None where only a fetch can tell. Raises UserError where the branch is
        not there, Stalled where the credentials are refused, Retryable where nobody answers."""
        if not self._is_askable:
            return None
        try:
            if self._remote.protocols == "file":
                return _of_folder(_path_of(self._remote.url), self._ref)
            return self._over_http()
        except NotAskable:
            self._is_askable = self._remote.protocols == "file"  # a folder may be packed by the next time
            return None

    # ── over HTTP ──

    def _over_http(self) -> str:
        import httpx

        body = _packet(b"command=ls-refs\n") + _packet(b"agent=penstock\n") + _DELIMITER
        body += _packet(f"ref-prefix {self._ref}\n".encode()) + _FLUSH
        try:
            with self._connected().stream("POST", _service(self._remote.url), content=body, headers=_HEADERS) as answer:
                self._judge(answer)
                content = b""
                for part in answer.iter_bytes():
                    content += part
                    if len(content) > MOST_ANSWER:
                        raise NotAskable
        except httpx.TimeoutException as error:
            raise Retryable(f"git: {redacted(self._remote.url)} did not answer in time") from error
        except httpx.HTTPError as error:
            raise Retryable(f"git: {redacted(self._remote.url)}: {error}", after=timedelta(seconds=10)) from error
        for line in _lines(content):
            found = _REF_LINE.match(line)
            if found is not None and found[2] == self._ref.encode():
                return found[1].decode()
        raise UserError(
            f"git: couldn't find remote ref {self._ref}", help="check --branch; what was deployed stays in force"
        )

    def _judge(self, answer: httpx.Response) -> None:
        """Raises what the status says."""
        status, where = answer.status_code, redacted(self._remote.url)
        if status in (401, 403):
            raise Stalled(
                f"git: {where}: the server answered {status}", help="check the credentials: --git-token-file, --ssh-key"
            )
        if status == 429 or status >= 500:
            after = _retry_after(answer.headers.get("retry-after")) or timedelta(seconds=10)
            raise Retryable(f"git: {where}: the server answered {status}", after=after)
        is_git = answer.headers.get("content-type", "").startswith("application/x-git-upload-pack-result")
        if status != 200 or not is_git:
            raise NotAskable  # moved, or it does not speak version 2: git itself knows what to do, or what to say

    def _connected(self) -> httpx.Client:
        if self._client is None:
            import httpx

            login = self._remote.authorization(self._credentials)
            headers = {"User-Agent": "git/penstock", **({"Authorization": login} if login else {})}
            self._client = httpx.Client(
                headers=headers, timeout=TIMEOUT_S, follow_redirects=False, verify=_verification(os.environ)
            )
        return self._client

    def forget(self) -> None:
        """Let the connection go; the next question opens another, with the credentials as they are then."""
        if self._client is not None:
            self._client.close()
            self._client = None


_HEADERS = {
    "Git-Protocol": "version=2",
    "Content-Type": "application/x-git-upload-pack-request",
    "Accept": "application/x-git-upload-pack-result",
}


def _service(url: str) -> str:
    return url.rstrip("/") + "/git-upload-pack"


def _packet(line: bytes) -> bytes:
    return b"%04x" % (len(line) + 4) + line


def _lines(content: bytes) -> list[bytes]:
    """The lines of a packet stream. Raises NotAskable for what is none."""
    lines, at = [], 0
    while at < len(content):
        try:
            length = int(content[at : at + 4], 16)
        except ValueError as error:
            raise NotAskable from error
        if length >= 4:
            lines.append(content[at + 4 : at + length])
        at += max(length, 4)
    return lines


def _retry_after(text: str | None) -> timedelta | None:
    if text is None or not text.strip().isdecimal():
        return None
    return min(timedelta(seconds=int(text)), LONGEST_AFTER)


def _verification(environ: os._Environ[str]) -> ssl.SSLContext | bool:
    """How certificates are judged: as git is told by its variables."""
    if environ.get("GIT_SSL_NO_VERIFY", "").lower() in ("1", "true", "yes"):
        return False
    bundle = environ.get("GIT_SSL_CAINFO")
    return ssl.create_default_context(cafile=bundle) if bundle else True


# ── on this machine ──


def _path_of(url: str) -> Path:
    return Path(unquote(urlsplit(url).path)) if url.lower().startswith("file://") else Path(url)


def _of_folder(path: Path, ref: str) -> str:
    """The ref, as git has it on the disk: a file of its own, else a line of `packed-refs`."""
    folder = _git_folder(path)
    try:
        text = (folder / ref).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return _packed(folder, ref)
    except (OSError, UnicodeDecodeError) as error:
        raise NotAskable from error
    if OBJECT_ID.fullmatch(text) is None:
        raise NotAskable  # a symbolic ref, or one that is being written
    return text


def _git_folder(path: Path) -> Path:
    """Where the refs of a repository lie. Raises NotAskable for what looks otherwise."""
    for folder in (path, path / ".git", path.with_name(path.name + ".git")):
        if (folder / "HEAD").is_file() and (folder / "objects").is_dir() and not (folder / "reftable").exists():
            return folder
    raise NotAskable


def _packed(folder: Path, ref: str) -> str:
    try:
        with (folder / "packed-refs").open("rb") as lines:
            for line in lines:
                found = _REF_LINE.match(line)
                if found is not None and found[2] == ref.encode():
                    return found[1].decode()
    except OSError as error:
        raise NotAskable from error
    raise NotAskable  # it is not there, or it was moved between the two looks: git says which
