"""Where an engine answers, and a bare connection to it."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from penstock.errors import UserError

PING_S = 2.0
"""An engine that is there says so within this time (seconds)."""

_USUAL = "unix:///var/run/docker.sock"
_PLAIN_PORT, _TLS_PORT = 2375, 2376


@dataclass(frozen=True, slots=True)
class Tls:
    """The files that a connection is proved with. `verify` False takes any certificate of the other side."""

    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    verify: bool = True

    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.ca)
        if self.certificate is not None:
            context.load_cert_chain(self.certificate, self.key)
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


@dataclass(frozen=True, slots=True)
class Address:
    """`text` is `unix:///path` or `tcp://host:port`."""

    text: str
    tls: Tls | None = None

    def connect(self, timeout: float) -> socket.socket:
        """A connection of its own. Raises OSError."""
        parts = urlsplit(self.text)
        if parts.scheme == "unix":
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                connection.settimeout(timeout)
                connection.connect(self.path)
            except BaseException:
                connection.close()
                raise
            return connection
        host = parts.hostname or "localhost"
        plain = socket.create_connection((host, parts.port or (_TLS_PORT if self.tls else _PLAIN_PORT)), timeout)
        return self.tls.context().wrap_socket(plain, server_hostname=host) if self.tls is not None else plain

    @property
    def path(self) -> str:
        """The path of a Unix socket."""
        return self.text.removeprefix("unix://")


def address_of(text: str, environ: Mapping[str, str]) -> Address:
    """The address that a person wrote. Raises UserError for a kind of connection that is not there."""
    scheme = urlsplit(text).scheme
    if scheme == "unix" or text.startswith("/"):
        return Address(text if scheme else f"unix://{text}")
    if scheme in ("tcp", "http", "https"):
        wants_tls = scheme == "https" or bool(environ.get("DOCKER_TLS_VERIFY"))
        return Address("tcp" + text[len(scheme) :], _tls(environ) if wants_tls else None)
    raise UserError(
        f"the container engine `{text}` cannot be reached: `{scheme or text}` is no kind of connection known here",
        help="give unix:///path/of/the/socket or tcp://host:port, in DOCKER_HOST or as the agent's setting",
    )


def _tls(environ: Mapping[str, str]) -> Tls:
    folder = Path(environ.get("DOCKER_CERT_PATH") or Path.home() / ".docker")
    files = {name: str(folder / f"{name}.pem") for name in ("ca", "cert", "key") if (folder / f"{name}.pem").is_file()}
    return Tls(files.get("ca"), files.get("cert"), files.get("key"))


def usual_addresses(environ: Mapping[str, str]) -> Iterator[str]:
    """Where an engine is looked for when nobody says where it is: Docker, then Podman, the system's and one's own."""
    if given := environ.get("DOCKER_HOST"):
        yield given
        return
    own = environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid() if hasattr(os, 'getuid') else 0}"
    for path in (
        "/var/run/docker.sock",
        f"{own}/docker.sock",
        "/run/podman/podman.sock",
        f"{own}/podman/podman.sock",
    ):
        if Path(path).exists():
            yield f"unix://{path}"


def answering(environ: Mapping[str, str], host: str | None = None, within: float = PING_S) -> Address | None:
    """Where an engine answers now: at `host`, or at the first usual place; None where none does.

    Asked without docker-py, whose import takes longer than the answer.
    """
    for text in [host] if host is not None else usual_addresses(environ):
        address = address_of(text, environ)
        with suppress(OSError), address.connect(within) as connection:
            connection.sendall(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
            if connection.recv(64).split(b" ")[1:2] == [b"200"]:
                return address
    return None


def wanted(environ: Mapping[str, str], host: str | None = None) -> Address:
    """Where an engine is to be asked, whether it answers now or not."""
    text = host or next(usual_addresses(environ), _USUAL)
    return address_of(text, environ)
