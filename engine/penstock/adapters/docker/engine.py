"""The container engine: asked by docker-py, and asked again while it does not answer, until a deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from penstock.adapters.docker.address import Address
from penstock.errors import Conflict, NotFound, Retryable, UserError

if TYPE_CHECKING:
    from docker import APIClient

T = TypeVar("T")

LEAST_API = (1, 41)
"""What Docker 20.10 speaks; Podman's compatible socket speaks it too."""

ANSWER_WITHIN_S = 60
"""An engine that takes longer over one call is taken for one that does not answer."""

PATIENCE = timedelta(minutes=10)
"""So long an engine may stay away before anything is concluded from it."""

_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.05, 5.0


class Away(Retryable):
    """The engine does not answer: nothing is known of its containers."""

    code = "PEN050"


class Engine:
    """One engine. Thread-safe; connects when it is first asked."""

    def __init__(self, address: Address, *, patience: timedelta = PATIENCE, answer_within: float = ANSWER_WITHIN_S):
        self.address = address
        self.patience = patience
        self._answer_within = answer_within
        self._connecting = threading.Lock()
        self._client: APIClient | None = None

    # ── asking ──

    def ask(self, question: Callable[[APIClient], T], *, patience: timedelta | None = None) -> T:
        """The answer, asked for again while the engine is away, for so long as it has patience.

        Raises Away, NotFound, Conflict (it exists already, or is in a state that does not allow it), UserError.
        """
        deadline = time.monotonic() + (self.patience if patience is None else patience).total_seconds()
        wait = _FIRST_WAIT_S
        while True:
            try:
                return self.ask_once(question)
            except Away:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise
                threading.Event().wait(min(wait, left))
                wait = min(wait * 2, _LONGEST_WAIT_S)

    def ask_once(self, question: Callable[[APIClient], T]) -> T:
        """The answer, or what went wrong. Raises Away, NotFound, Conflict, UserError."""
        with told():
            return question(self._connected())

    def _connected(self) -> APIClient:
        if self._client is None:
            with self._connecting:
                if self._client is None:
                    self._client = self._connect()
        return self._client

    def _connect(self) -> APIClient:
        from docker import APIClient
        from docker.tls import TLSConfig

        tls: Any = False
        if (proof := self.address.tls) is not None:
            pair = (proof.certificate, proof.key) if proof.certificate and proof.key else None
            tls = TLSConfig(client_cert=pair, ca_cert=proof.ca, verify=proof.verify)
        client = APIClient(
            base_url=self.address.text, version="auto", timeout=int(self._answer_within), tls=tls, num_pools=64
        )
        if tuple(int(part) for part in client.api_version.split(".")) < LEAST_API:
            raise UserError(
                f"the container engine at {self.address.text} speaks version {client.api_version} of Docker's API",
                help="version 1.41 is needed: Docker 20.10 or later, or Podman 4",
            )
        return client

    @cached_property
    def _said(self) -> Mapping[str, Any]:
        """What the engine says of itself."""
        said: Mapping[str, Any] = self.ask(lambda api: api.version(api_version=False))
        return said

    @property
    def product(self) -> str:
        """`Docker 20.10.24, API 1.41`, with the newest API that it speaks. Raises Away, UserError (one too old)."""
        name = "Podman" if self.is_podman else "Docker"
        return f"{name} {self._said.get('Version', 'of no known version')}, API {self.api_version}"

    @cached_property
    def is_podman(self) -> bool:
        components = self._said.get("Components") or ()
        return any("podman" in str(component.get("Name", "")).lower() for component in components)

    @cached_property
    def logging(self) -> Mapping[str, Any]:
        """How the output of containers is kept until it is read: whole. It goes with the container.

        Nothing is rotated away, for what was not read yet would be lost. Docker's quicker driver, `local`, forgets the
        end of a line of more than 16 KiB (seen with 20.10), and so is not used.
        """
        return {"Type": "k8s-file" if self.is_podman else "json-file", "Config": {}}

    @property
    def api_version(self) -> str:
        version: str = self.ask(lambda api: api.api_version)
        return version

    def close(self) -> None:
        if self._client is not None:
            self._client.close()


@contextmanager
def told() -> Iterator[None]:
    """What docker-py and what is under it raise, in our words."""
    import requests
    from docker.errors import APIError, DockerException

    try:
        yield
    except APIError as error:
        raise _refused(error) from error
    except (requests.exceptions.ConnectionError, requests.exceptions.Timeout) as error:
        raise Away(f"the container engine does not answer: {_root(error)}") from error
    except requests.exceptions.ChunkedEncodingError as error:
        raise Away("the container engine broke off its answer") from error
    except DockerException as error:
        # Its first call, which asks for the version, wraps whatever went wrong.
        raise Away(f"the container engine does not answer: {_root(error)}") from error
    except OSError as error:
        raise Away(f"the container engine does not answer: {error}") from error


def _refused(error: Any) -> Exception:
    said = str(error.explanation or error).strip()
    match error.status_code:
        case 404:
            return NotFound(said)
        case 409:
            return Conflict(said)
        case 500 if "already in use" in said or "already exists" in said:  # as Podman puts it
            return Conflict(said)
        case status if status is not None and status >= 500 and _is_stopping(said):
            return Away(f"the container engine does not answer: {said}")
        case _:
            has_no_init = "container-init" in said or "docker-init" in said
            help_ = "install the init that it runs containers with: `catatonit` for Podman, `tini` for Docker"
            return UserError(f"the container engine refused: {said}", help=help_ if has_no_init else None)


def _is_stopping(said: str) -> bool:
    """An engine that is about to stop, or has lost its own parts, refuses what it could do a moment ago. What it says
    of a registry, which it reaches over a network, is not about itself."""
    signs = ("shutting down", "containerd", "connection refused", "context canceled", "transport is closing")
    return "/v2/" not in said and any(sign in said for sign in signs)


def _root(error: BaseException) -> str:
    """The innermost words: docker-py and requests wrap them several times."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__
