"""Where flows are deployed to: a server or a folder, with what lies there now."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from penstock.diagnostic import FlowName


class Target(Protocol):
    """Every call may be made again: what is put is there, what is deleted is not, however often it was asked for.

    Raises Unauthorised where whoever asks is not let in, Retryable where the other side cannot be reached, and
    Refused, for that one thing, where it says no.
    """

    @property
    def label(self) -> str:
        """How a person would say which it is; without credentials."""
        ...

    def flows(self) -> Mapping[FlowName, str]:
        """All flows that are there with their texts, those of others too, in few requests however many they are."""
        ...

    def put_flow(self, name: FlowName, text: str, *, is_new: bool) -> None:
        """The flow has this text afterwards. `is_new` is what was seen last; it may have changed meanwhile."""
        ...

    def delete_flow(self, name: FlowName) -> None:
        """The flow is gone afterwards."""
        ...

    def namespaces(self) -> Collection[str]:
        """Those that have files, as far as the place can list them without a flow in each; a server cannot."""
        ...

    def files(self, namespace: str) -> Mapping[str, bytes]:
        """All files of a namespace with their contents, by their paths without a leading slash."""
        ...

    def put_file(self, namespace: str, path: str, content: bytes) -> None:
        """The file has this content afterwards."""
        ...

    def delete_file(self, namespace: str, path: str) -> None:
        """The file is gone afterwards."""
        ...
