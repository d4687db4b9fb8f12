"""Outgoing HTTP, through the one guard that decides where a flow may reach."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import BinaryIO, Protocol


@dataclass(frozen=True, slots=True)
class Request:
    """With `wants_content` False the answer counts by its status alone: of its body no more is read than is needed
    to keep the connection, and however long it is, the request has succeeded.

    `deadline` is how long all of it may take, redirects and the whole body included (but not the resolving of names);
    without one each wait is bounded, and not their sum.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    content: bytes | None = None
    form: Mapping[str, str] | None = None
    basic_auth: tuple[str, str] | None = None
    connect_timeout: timedelta = timedelta(seconds=10)
    read_timeout: timedelta = timedelta(seconds=30)
    follow_redirects: bool = True
    max_content: int = 10 * 1024 * 1024
    wants_content: bool = True
    deadline: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """`headers` keeps every value of a repeated header. `url` is the last one after redirects."""

    url: str
    status: int
    headers: Mapping[str, tuple[str, ...]]
    content: bytes


@dataclass(frozen=True, slots=True)
class Incoming:
    """An answer whose body is still on its way: `body` reads it as it comes, once. `length` is how many bytes it will
    have, where that is known beforehand.

    Reading raises Retryable when the transfer breaks off, UserError when it exceeds the request's `max_content`.
    """

    url: str
    status: int
    headers: Mapping[str, tuple[str, ...]]
    length: int | None
    body: BinaryIO


class Http(Protocol):
    """Thread-safe, pooled. Resolves once, pins the address, checks each redirect; link-local and metadata
    addresses are always denied, loopback and private ranges by policy."""

    def send(self, request: Request) -> Response:
        """Raises UserError for an address that the policy denies (it names the line to add) or a malformed URL,
        Retryable when the other side cannot be reached or does not answer in time."""
        ...

    def stream(self, request: Request) -> AbstractContextManager[Incoming]:
        """The answer with its body as a stream: bounded memory, whatever its size. Raises what `send` raises."""
        ...
