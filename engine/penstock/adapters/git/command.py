"""The one way git is called: arguments as lists, a neutral environment, no prompt, no hook.

GitPython's command runner does the calling for the agent, `direct` for whom a person waits for; never a `Repo`, which
keeps children and handles open. Everything that a repository or a user could have configured (hooks, filters,
fsmonitor, remote helpers, submodules) is switched off, and every call has a deadline, at which git goes with all that
it has started.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import IO

from penstock.adapters.git.address import Credentials, Remote, redacted
from penstock.errors import Retryable, Stalled, UserError

OBJECT_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")

LOCAL_TIMEOUT_S = 120
FETCH_TIMEOUT_S = 120
CLONE_TIMEOUT_S = 3600
"""A silent remote is noticed after 30 s (`http.lowSpeedTime`, `ServerAliveInterval`); this is for a busy one."""
MOST_PACKS = 50
"""A repository that has gathered more packs than this is packed anew."""

_NEUTRAL = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.sshCommand=",
    "protocol.ext.allow=never",
    "fetch.recurseSubmodules=no",
    "submodule.recurse=false",
    "transfer.fsckObjects=true",
    "fetch.unpackLimit=1",
    "fastimport.unpackLimit=1",
    "http.lowSpeedLimit=100",
    "http.lowSpeedTime=30",
    "gc.auto=0",
    "gc.packRefs=false",  # a ref in a file of its own is read without a process, and outlives its neighbours
    "maintenance.auto=false",
    "credential.helper=",
    "safe.bareRepository=all",
    "safe.directory=*",
    "uploadpack.packObjectsHook=",
)
_INHERITED = re.compile(r"GIT_TRACE\w*|GIT_SSL_\w+|GIT_PROXY_SSL_\w+|GIT_HTTP_\w+")
_WITHHELD = ("GIT_", "SECRET_", "PENSTOCK_", "SSH_ASKPASS")

_REFUSED = (
    "Permission denied",
    "Authentication failed",
    "could not read Username",
    "could not read Password",
    "returned error: 401",
    "returned error: 403",
)
_HOST_UNKNOWN = "Host key verification failed"
_REMOTE = (
    "Could not resolve host",
    "couldn't find remote ref",
    "Could not read from remote repository",
    "Failed to connect",
    "Connection refused",
    "Connection timed out",
    "unable to access",
    "unable to connect",
    "returned error:",
    "[remote rejected]",
    "no end within",
)
_LOCAL = ("corrupt", "bad object", "missing blob", "missing tree", "did not send all necessary objects")
_BRANCH_GONE = ("couldn't find remote ref", "unknown revision", "Needed a single revision")
NO_GIT, INSTALL = "git is not on the PATH", "install git 2.30 or later"
_WORDS_KEPT = 2_000
_GRACE_S = 1.0


@dataclass(slots=True)
class GitCommand:
    """git on one bare repository. `remote` is what it may speak to; `identity` is who commits; `objects` are variables
    that say where objects lie that the repository does not hold yet (see `quarantine`)."""

    folder: Path
    remote: Remote | None = None
    credentials: Credentials = field(default_factory=Credentials)
    identity: str = "Penstock"
    objects: Mapping[str, str] = field(default_factory=dict)

    def run(self, *args: str, stdin: bytes | None = None, timeout_s: float = LOCAL_TIMEOUT_S) -> bytes:
        """What git put out. Raises UserError, Retryable or Stalled by what it said, its words without credentials."""
        code, out, err = self.call(args, stdin=stdin, timeout_s=timeout_s)
        if code:
            raise failure(args, err)
        return out

    def call(
        self, args: Sequence[str], *, stdin: bytes | None = None, timeout_s: float = LOCAL_TIMEOUT_S
    ) -> tuple[int, bytes, str]:
        """Exit code, output, and what was said on stderr. Raises Retryable at the deadline, Stalled without a git."""
        process = self._start(args, subprocess.DEVNULL if stdin is None else subprocess.PIPE)
        try:
            out, err = process.communicate(stdin, timeout=timeout_s)
        except subprocess.TimeoutExpired as error:
            _end(process)
            raise Retryable(f"git {args[0]}: no end within {timeout_s:g} s", after=timedelta(seconds=10)) from error
        except BaseException:
            _end(process)
            raise
        return process.returncode, out, err.decode("utf-8", "replace")

    def is_sound(self) -> bool:
        """Whether all that the repository should hold is there, byte for byte."""
        try:
            return self.call(("fsck", "--full", "--no-dangling", "--no-progress"), timeout_s=CLONE_TIMEOUT_S)[0] == 0
        except Retryable:
            return False

    @contextmanager
    def conversation(self, *args: str) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
        """One git that is asked and answers, line by line; it has ended when the block has."""
        process = self._start(args, subprocess.PIPE)
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        unheard = threading.Thread(target=process.stderr.read, daemon=True)  # or git would wait for a full pipe
        unheard.start()
        try:
            yield process.stdin, process.stdout
        finally:
            _end(process, unheard)

    def _start(self, args: Sequence[str], stdin: int) -> subprocess.Popen[bytes]:
        try:
            from git.cmd import Git
            from git.exc import GitCommandNotFound

            environment = self.environment()
            running = Git(str(self.folder.parent)).execute(
                self.argv(args, environment),
                istream=stdin,
                as_process=True,
                env=environment,
                start_new_session=True,
            )
        except ImportError as error:  # GitPython looks for git when it is imported
            raise Stalled(NO_GIT, help=INSTALL) from error
        except GitCommandNotFound as error:  # which it also says where the folder to start in is not there
            if not self.folder.parent.is_dir():
                raise Retryable(f"git {args[0]}: there is no folder {self.folder.parent}") from error
            raise Stalled(NO_GIT, help=INSTALL) from error
        except OSError as error:
            raise Retryable(f"git {args[0]}: it cannot be started: {error.strerror}") from error
        assert isinstance(running, Git.AutoInterrupt)
        process = running.proc
        assert process is not None
        running.proc = None  # GitPython would end it when its wrapper is collected; here its end is awaited
        return process

    def argv(self, args: Sequence[str], ours: Mapping[str, str]) -> list[str]:
        """The command, without what the environment holds that git is not to have; `ours` is what we give it."""
        withheld = [word for name in withheld_names(os.environ) if name not in ours for word in ("-u", name)]
        return [*(["env", *withheld] if withheld else []), *self.words(args)]

    def words(self, args: Sequence[str]) -> list[str]:
        """git, all that is switched off, the repository, and what is asked."""
        neutral = [word for setting in _NEUTRAL for word in ("-c", setting)]
        return ["git", *neutral, f"--git-dir={self.folder}", *args]

    @property
    def who(self) -> str:
        """`identity` as git takes the name of a committer."""
        return re.sub(r"[<>\x00-\x1f\x7f]", "", self.identity).strip() or "Penstock"

    def environment(self) -> dict[str, str]:
        """What overrides whatever the agent's own environment says to git."""
        reach = self.remote.environment(self.credentials) if self.remote is not None else {"GIT_ALLOW_PROTOCOL": "file"}
        return {
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_COUNT": "0",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "true",
            "SSH_ASKPASS": "true",
            "GIT_LFS_SKIP_SMUDGE": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_LITERAL_PATHSPECS": "1",
            "GIT_PROTOCOL_FROM_USER": "0",
            "GIT_AUTHOR_NAME": self.who,
            "GIT_AUTHOR_EMAIL": "agent@penstock.invalid",
            "GIT_COMMITTER_NAME": self.who,
            "GIT_COMMITTER_EMAIL": "agent@penstock.invalid",
            "LC_ALL": "C",
            **reach,
            **self.objects,
        }


def _end(process: subprocess.Popen[bytes], listener: threading.Thread | None = None) -> None:
    """End git and what it has started, and close its pipes. One that has been told all it is to do ends by itself."""
    if process.stdin is not None:
        with suppress(BrokenPipeError):
            process.stdin.close()
    if process.stdout is not None:
        process.stdout.close()
    try:
        process.wait(timeout=_GRACE_S if listener is not None else 0)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if listener is not None:
        listener.join()
    if process.stderr is not None:
        process.stderr.close()


def withheld_names(environment: Mapping[str, str]) -> list[str]:
    """The variables that would have git read another repository or another configuration, and those of others."""
    return sorted(name for name in environment if name.startswith(_WITHHELD) and not _INHERITED.fullmatch(name))


def object_id(text: str) -> str:
    """`text` as an object id, and nothing else. Raises UserError."""
    if OBJECT_ID.fullmatch(text) is None:
        raise UserError(f"`{text[:80]}` is no object id")
    return text


def failure(args: Sequence[str], err: str) -> UserError | Retryable | Stalled:
    """git's refusal as ours, by what can be done about it."""
    words = redacted(err).strip()[:_WORDS_KEPT] or "no reason given"
    what = f"git {args[0] if args else ''}: {words}"
    if any(phrase in err for phrase in _BRANCH_GONE):
        return UserError(what, help="check --branch; what was deployed stays in force")
    if _HOST_UNKNOWN in err:
        return Stalled(
            what,
            help="the host's key is not among the known hosts, or has changed: compare it with what its owner says",
        )
    if any(phrase in err for phrase in _REFUSED):
        return Stalled(what, help="check the credentials: --git-token-file, --ssh-key")
    return Retryable(what, after=timedelta(seconds=10))


def is_remote_to_blame(said: str) -> bool:
    """Whether a fetch or a push that said this has failed for want of the remote. Whatever else keeps it from ending
    well may be a repository of ours that is damaged."""
    return any(words in said for words in _REMOTE) and not any(words in said for words in _LOCAL)
