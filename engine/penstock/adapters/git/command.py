"""The one place that calls git for the agent: arguments as lists, a neutral environment, no prompt, no hook.

GitPython's command runner does the calling; never a `Repo`, which keeps children and handles open. Everything that a
repository or a user could have configured (hooks, filters, fsmonitor, remote helpers, submodules) is switched off.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from penstock.errors import Retryable, Stalled, UserError

OBJECT_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_CREDENTIALS_IN_URL = re.compile(r"(?<=://)[^/@\s]+@")

FETCH_TIMEOUT_S = 120

_NEUTRAL = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.sshCommand=",
    "protocol.ext.allow=never",
    "fetch.recurseSubmodules=no",
    "submodule.recurse=false",
    "transfer.fsckObjects=true",
    "gc.auto=0",
    "maintenance.auto=false",
    "credential.helper=",
    "safe.bareRepository=all",
    "safe.directory=*",
    "uploadpack.packObjectsHook=",
)

_REFUSED = ("Permission denied", "Authentication failed", "could not read Username", "Host key verification failed")
_BRANCH_GONE = ("couldn't find remote ref", "unknown revision", "Needed a single revision")


@dataclass(frozen=True, slots=True)
class Credentials:
    """How a remote is told who asks. Neither is ever an argument of a process, nor in a message."""

    token_file: Path | None = None
    ssh_key: Path | None = None

    def environment(self) -> dict[str, str]:
        """Raises UserError when a file cannot be read."""
        env: dict[str, str] = {}
        ssh = ["ssh", "-oBatchMode=yes", "-oConnectTimeout=20"]
        if self.ssh_key is not None:
            if re.search(r"[^\w./@+-]", str(self.ssh_key)):
                raise UserError(f"the path of the SSH key has characters that a shell would read: {self.ssh_key}")
            ssh += ["-oIdentitiesOnly=yes", "-i", str(self.ssh_key)]
        env["GIT_SSH_COMMAND"] = " ".join(ssh)
        if self.token_file is not None:
            try:
                token = self.token_file.read_text(encoding="utf-8").strip()
            except OSError as error:
                raise UserError(f"cannot read the token file {self.token_file}: {error.strerror}") from error
            import base64

            header = base64.b64encode(f"x-access-token:{token}".encode()).decode()
            env |= {
                "GIT_CONFIG_COUNT": "1",
                "GIT_CONFIG_KEY_0": "http.extraHeader",
                "GIT_CONFIG_VALUE_0": f"Authorization: Basic {header}",
            }
        return env


@dataclass(slots=True)
class GitCommand:
    """git on one bare repository."""

    folder: Path
    credentials: Credentials = field(default_factory=Credentials)
    identity: str = "Penstock"

    def run(
        self, *args: str, stdin: bytes | None = None, timeout_s: int = FETCH_TIMEOUT_S, check: bool = True
    ) -> bytes:
        """What git put out. Raises UserError, Retryable or Stalled by what it said, its words without credentials."""
        code, out, err = self.call(args, stdin=stdin, timeout_s=timeout_s)
        if code and check:
            raise failure(args, err)
        return out

    def call(
        self, args: Sequence[str], *, stdin: bytes | None = None, timeout_s: int = FETCH_TIMEOUT_S
    ) -> tuple[int, bytes, str]:
        """Exit code, output, and what was said on stderr."""
        from git.cmd import Git
        from git.exc import GitCommandNotFound

        with tempfile.TemporaryFile() as given:
            given.write(stdin or b"")
            given.seek(0)
            try:
                code, out, err = Git(str(self.folder.parent)).execute(
                    self.argv(args),
                    istream=given,
                    with_extended_output=True,
                    with_exceptions=False,
                    stdout_as_string=False,
                    strip_newline_in_stdout=False,
                    kill_after_timeout=timedelta(seconds=timeout_s).total_seconds(),
                    env=self.environment(),
                )
            except GitCommandNotFound as error:
                raise Stalled("git is not on the PATH", help="install git 2.30 or later") from error
        return int(code), _bytes(out), _bytes(err).decode("utf-8", "replace")

    def argv(self, args: Sequence[str]) -> list[str]:
        neutral = [word for setting in _NEUTRAL for word in ("-c", setting)]
        return ["git", *neutral, f"--git-dir={self.folder}", *args]

    def environment(self) -> dict[str, str]:
        """What overrides whatever the agent's own environment says to git."""
        who = self.identity
        return {
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_COUNT": "0",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "true",
            "SSH_ASKPASS": "true",
            "GIT_LFS_SKIP_SMUDGE": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_OBJECT_DIRECTORY": str(self.folder / "objects"),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": "",
            "GIT_PROTOCOL_FROM_USER": "0",
            "GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh",
            "GIT_AUTHOR_NAME": who,
            "GIT_AUTHOR_EMAIL": "agent@penstock.invalid",
            "GIT_COMMITTER_NAME": who,
            "GIT_COMMITTER_EMAIL": "agent@penstock.invalid",
            "LC_ALL": "C",
            **self.credentials.environment(),
        }


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def object_id(text: str) -> str:
    """`text` as an object id, and nothing else. Raises UserError."""
    if OBJECT_ID.fullmatch(text) is None:
        raise UserError(f"`{text[:80]}` is no object id")
    return text


def failure(args: Sequence[str], err: str) -> UserError | Retryable | Stalled:
    """git's refusal as ours, by what can be done about it."""
    words = redacted(err).strip() or "no reason given"
    what = f"git {args[0] if args else ''}: {words}"
    if any(phrase in err for phrase in _BRANCH_GONE):
        return UserError(what, help="check --branch; what was deployed stays in force")
    if any(phrase in err for phrase in _REFUSED):
        return Stalled(what, help="check the credentials: --git-token-file, --ssh-key")
    return Retryable(what, after=timedelta(seconds=10))


def redacted(text: str) -> str:
    """`text` without the user and password of any URL."""
    return _CREDENTIALS_IN_URL.sub("", text)


def checked_branch(branch: str) -> str:
    """A branch name that git takes as one, and that cannot be an option or a pattern. Raises UserError."""
    bad = (
        not branch
        or branch.startswith(("-", "/", "."))
        or branch.endswith(("/", ".", ".lock"))
        or any(part in branch for part in ("..", "//", "@{", "/."))
        or re.search(r"[\x00-\x20\x7f~^:?*\[\\]", branch) is not None
    )
    if bad:
        raise UserError(f"`{branch}` is no name of a branch")
    return branch


def checked_url(url: str) -> str:
    """A URL or path that git takes as one, and that cannot be an option or a remote helper. Raises UserError."""
    if not url or url.startswith("-") or "\x00" in url or "\n" in url or "::" in url.partition("/")[0]:
        raise UserError(f"`{redacted(url)}` is no URL of a Git repository")
    return url


def environment_of(given: Mapping[str, str]) -> dict[str, str]:
    """A copy without what would have git read another repository."""
    return {name: value for name, value in given.items() if not name.startswith("GIT_")}
