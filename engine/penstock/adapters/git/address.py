"""Where a remote is and how it is told who asks: URLs, branches and credentials, none of which can be an option.

A password never stands in an argument of a process, in a message, or in what lies on the disk: it is taken out of the
URL and given to git by its environment.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from penstock.errors import UserError

TOKEN_USER = "x-access-token"  # noqa: S105 - the user that GitHub wants beside a token; GitLab and Gitea take any
_CREDENTIALS_IN_URL = re.compile(r"(?<=://)[^/@\s]+@")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_SCP_LIKE = re.compile(r"(?:[\w.-]+@)?[\w.-]+:(?!//)")
_PROTOCOLS = {
    "file": "file",
    "git": "git",
    "http": "http:https",
    "https": "https",
    "ssh": "ssh",
    "git+ssh": "ssh",
    "ssh+git": "ssh",
}


KNOWN_HOSTS = "PENSTOCK_GIT_KNOWN_HOSTS"
_SSH = (
    "ssh",
    "-oBatchMode=yes",
    "-oStrictHostKeyChecking=yes",
    "-oUpdateHostKeys=no",
    "-oClearAllForwardings=yes",
    "-oForwardAgent=no",
    "-oPermitLocalCommand=no",
    "-oConnectTimeout=20",
    "-oServerAliveInterval=10",
    "-oServerAliveCountMax=3",
)


def _known_hosts() -> Path | None:
    named = os.environ.get(KNOWN_HOSTS)
    return Path(named) if named else None


@dataclass(frozen=True, slots=True)
class Credentials:
    """How a remote is told who asks, and is known to be the one that is meant.

    A token file holds a token, or `user:password`. `known_hosts` alone says which keys ssh takes; where it is not
    given (PENSTOCK_GIT_KNOWN_HOSTS), `~/.ssh/known_hosts` and `/etc/ssh/ssh_known_hosts` do. A host whose key is not
    there, or is another one, is never spoken to.
    """

    token_file: Path | None = None
    ssh_key: Path | None = None
    known_hosts: Path | None = field(default_factory=_known_hosts)


@dataclass(frozen=True, slots=True)
class Remote:
    """A remote that may be named in an argument: `url` holds no password. `protocols` are what git may speak."""

    url: str
    protocols: str
    user: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, text: str) -> Remote:
        """A URL, an `user@host:path`, or a path, which becomes absolute. Raises UserError."""
        problem = UserError(f"`{redacted(text)}` is no URL of a Git repository")
        if not text or text.startswith("-") or re.search(r"[\x00-\x1f\x7f]", text) or "::" in text.partition("/")[0]:
            raise problem
        scheme = _SCHEME.match(text)
        if scheme is None:
            if _SCP_LIKE.match(text) and not Path(text).exists():
                return cls(text, "ssh")
            return cls(str(Path(text).expanduser().absolute()), "file")
        protocols = _PROTOCOLS.get(scheme[1].lower())
        if protocols is None:
            raise UserError(problem.message, help="https, http, ssh, git, file and paths are understood")
        parts = urlsplit(text)
        if protocols != "file" and (not parts.hostname or parts.hostname.startswith("-")):
            raise problem
        if not protocols.startswith("http"):
            return cls(text, protocols)
        host = parts.netloc.rpartition("@")[2]
        url = urlunsplit((parts.scheme, host, parts.path, parts.query, parts.fragment))
        return cls(url, protocols, unquote(parts.username or ""), unquote(parts.password or ""))

    def environment(self, credentials: Credentials) -> dict[str, str]:
        """What git needs to reach it. Raises UserError when a file cannot be read."""
        ssh = list(_SSH)
        if credentials.ssh_key is not None:
            ssh += ["-oIdentitiesOnly=yes", "-i", _unquoted(credentials.ssh_key, "the SSH key")]
        if credentials.known_hosts is not None:
            known = _unquoted(credentials.known_hosts, "the known hosts")
            ssh += [f"-oUserKnownHostsFile={known}", "-oGlobalKnownHostsFile=/dev/null"]
        settings = self._login(credentials)
        env = {
            "GIT_SSH_COMMAND": " ".join(ssh),
            "GIT_ALLOW_PROTOCOL": self.protocols,
            "GIT_CONFIG_COUNT": str(len(settings)),
        }
        for n, (key, value) in enumerate(settings):
            env |= {f"GIT_CONFIG_KEY_{n}": key, f"GIT_CONFIG_VALUE_{n}": value}
        return env

    def _login(self, credentials: Credentials) -> list[tuple[str, str]]:
        """The header that logs in, and that it never follows a redirection to another host."""
        login = self.authorization(credentials)
        if login is None:
            return []
        return [("http.extraHeader", f"Authorization: {login}"), ("http.followRedirects", "false")]

    def authorization(self, credentials: Credentials) -> str | None:
        """What an HTTP server is told to log in; None where nothing is known. Raises UserError."""
        user, password = self.user, self.password
        if credentials.token_file is not None and self.protocols.startswith("http"):
            try:
                token = credentials.token_file.read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                why = error.strerror if isinstance(error, OSError) else "it is no text"
                raise UserError(f"cannot read the token file {credentials.token_file}: {why}") from error
            named, colon, rest = token.partition(":")
            user, password = (named, rest) if colon else (user or TOKEN_USER, token)
        if not user and not password:
            return None
        import base64

        return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _unquoted(path: Path, what: str) -> str:
    """A path that a shell and ssh read as it stands. Raises UserError."""
    if re.search(r"[^\w./@+-]", str(path)):
        raise UserError(f"the path of {what} has characters that a shell would read: {path}")
    return str(path)


def redacted(text: str) -> str:
    """`text` without the user and password of any URL."""
    return _CREDENTIALS_IN_URL.sub("", text)


def checked_branch(branch: str) -> str:
    """A branch name that git takes as one, and that cannot be an option or a pattern. Raises UserError."""
    bad = (
        not branch
        or branch == "@"
        or branch.startswith(("-", "/"))
        or branch.endswith(("/", "."))
        or any(part in branch for part in ("..", "//", "@{"))
        or any(part.startswith(".") or part.endswith(".lock") for part in branch.split("/"))
        or re.search(r"[\x00-\x20\x7f~^:?*\[\\]", branch) is not None
    )
    if bad:
        raise UserError(f"`{branch}` is no name of a branch")
    return branch
