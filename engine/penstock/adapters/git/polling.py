"""The head of a remote branch, asked for in the cheapest way that its transport allows.

A repository on this machine is asked by reading its ref: no process. Over HTTP one `ls-refs` is posted: 65 bytes of
answer, where `git ls-remote` would download every ref. What neither serves (ssh, git://, an old server, a ref that is
stored otherwise) is asked by a fetch with the full name of the ref.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from penstock.adapters.git.address import Credentials, Remote
from penstock.adapters.git.refs import head_of

if TYPE_CHECKING:
    from penstock.adapters.git.ls_refs import LsRefs

_FILE = "file://"


class Poller:
    """Of one branch of one remote. One thread at a time."""

    def __init__(self, remote: Remote, credentials: Credentials, branch: str) -> None:
        self._ref = f"refs/heads/{branch}"
        self._path = _path_of(remote.url) if remote.protocols == "file" else None
        self._over_http: LsRefs | None = None
        if remote.protocols.startswith("http"):
            from penstock.adapters.git.ls_refs import LsRefs  # sockets and TLS, for whoever speaks over a network

            self._over_http = LsRefs(remote, credentials, self._ref)

    def head(self) -> str | None:
        """The commit id of the branch's head; None where only a fetch can tell. Raises UserError where the branch is
        not there, Stalled where the credentials are refused, Retryable where nobody answers."""
        if self._path is not None:
            return head_of(self._path, self._ref)
        if self._over_http is not None:
            return self._over_http.head()
        return None


def _path_of(url: str) -> Path:
    """The folder that git opens for a path or a `file://` URL, whose host it passes over."""
    if not url.lower().startswith(_FILE):
        return Path(url)
    return Path("/" + unquote(url[len(_FILE) :]).partition("/")[2])
