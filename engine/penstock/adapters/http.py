"""HTTP by httpx, behind the one guard that decides which addresses a flow may reach.

A name is resolved once, every address it leads to is judged, and the connection goes to the address that was judged:
a name that changes its mind between check and use reaches nothing. Each redirect is judged anew.
"""

from __future__ import annotations

import io
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from threading import Lock, Timer
from time import monotonic
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urljoin, urlsplit

from penstock.errors import Retryable, UserError
from penstock.ports.http import Http, Incoming, Request, Response

if TYPE_CHECKING:
    import httpx

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolver = Callable[[str, int], list[str]]

MOST_REDIRECTS = 20
MOST_DRAINED = 64 * 1024
_BUFFER = 256 * 1024
_CREDENTIALS = frozenset({"authorization", "cookie", "proxy-authorization"})

_NEVER = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "169.254.0.0/16",  # link-local; the metadata services of AWS, GCP, Azure, OpenStack
        "100.100.100.200/32",  # Alibaba's metadata service
        "192.0.0.192/32",  # Oracle's
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/128",
        "fe80::/10",
        "fd00:ec2::254/128",  # AWS's metadata service on IPv6
        "ff00::/8",
    )
)


@dataclass(frozen=True, slots=True)
class Reach:
    """Where requests may go: everywhere public; private and loopback addresses by `private`, or where `allow` says.

    Link-local, metadata, multicast and reserved addresses are denied whatever else is said.
    """

    private: bool = False
    allow: tuple[Network, ...] = ()

    @classmethod
    def of(cls, allow: Iterable[str]) -> Reach:
        """From the networks or addresses of `agent.http.allow`. Raises UserError."""
        try:
            return cls(allow=tuple(ip_network(text, strict=False) for text in allow))
        except ValueError as error:
            raise UserError(f"agent.http.allow: {error}") from error

    def refusal(self, text: str) -> str | None:
        """Why the address may not be reached; None when it may."""
        address = _unwrapped(ip_address(text))
        if any(address in network for network in _NEVER if network.version == address.version):
            return "link-local, metadata and reserved addresses are never reached"
        if any(address in network for network in self.allow if network.version == address.version):
            return None
        if not self.private and not address.is_global:
            return "private and loopback addresses are reached only where `agent.http.allow` names them"
        return None


def _unwrapped(address: Address) -> Address:
    """An IPv4 address that travels as IPv6 is judged as what it is."""
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or address.sixtofour or address
    return address


def system_resolver(host: str, port: int) -> list[str]:
    """The addresses that the machine's resolver gives, in its order. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def system_proxy(url: str) -> str | None:
    """The proxy that the environment names for a URL (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY), unless NO_PROXY has it."""
    from urllib.request import getproxies, proxy_bypass

    known, parts = getproxies(), urlsplit(url)
    found = known.get(parts.scheme) or known.get("all")
    if not found or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    return found if "://" in found else f"http://{found}"


class GuardedHttp(Http):
    """Thread-safe; connections are pooled by address.

    `proxy` says by which proxy a URL is asked for. Then it is the proxy that resolves the name, and its reach that
    counts: it is for requests whose URLs no flow has a say in.
    """

    def __init__(
        self, reach: Reach, *, resolve: Resolver = system_resolver, proxy: Callable[[str], str | None] | None = None
    ) -> None:
        self._reach = reach
        self._resolve = resolve
        self._proxy = proxy or (lambda _: None)
        self._clients: dict[tuple[bool, str | None], httpx.Client] = {}
        self._lock = Lock()

    def send(self, request: Request) -> Response:
        if request.deadline is None:
            return self._send(request, None)
        with _Watch(request.deadline) as watch:
            try:
                return self._send(request, watch)
            except Retryable as error:
                if not watch.is_over:
                    raise
                waited = f"{request.deadline.total_seconds():g} s"
                message = f"{request.method} {_shown(request.url)}: no whole answer within {waited}"
                raise Retryable(message, after=timedelta(seconds=5)) from error

    def _send(self, request: Request, watch: _Watch | None) -> Response:
        url, method, answer = self._answer(request, watch)
        with closing(answer), _telling(method, url):
            if not request.wants_content:
                _drain(answer)
                return Response(url, answer.status_code, _headers(answer), b"")
            body = bytearray()
            for piece in answer.iter_bytes():
                body += piece
                if len(body) > request.max_content:
                    raise _too_long(method, url, request.max_content, "; or use http.Download, which keeps a file")
        return Response(url, answer.status_code, _headers(answer), bytes(body))

    @contextmanager
    def stream(self, request: Request) -> Iterator[Incoming]:
        url, method, answer = self._answer(request)
        with closing(answer):
            told = answer.headers.get("content-length", "")
            length = int(told) if told.isdigit() and "content-encoding" not in answer.headers else None
            if length is not None and length > request.max_content:
                raise _too_long(method, url, request.max_content)
            body = _Body(answer, method, url, request.max_content, length)
            with io.BufferedReader(body, _BUFFER) as buffered:
                yield Incoming(url, answer.status_code, _headers(answer), length, buffered)

    def _answer(self, request: Request, watch: _Watch | None = None) -> tuple[str, str, httpx.Response]:
        """The URL after all redirects, the method that it was asked by, and the answer, its body still to be read."""
        url, asked = request.url, _Asked(request)
        for _ in range(MOST_REDIRECTS + 1):
            proxy = self._proxy(url)
            pinned, host = self.pin(url) if proxy is None else (url, urlsplit(url).netloc)
            with _telling(asked.method, url):
                answer = self._ask(request, asked, pinned, host, watch, proxy)
            target = answer.headers.get("location")
            if not (request.follow_redirects and answer.is_redirect and target):
                return url, asked.method, answer
            with closing(answer):
                _drain(answer)
            onward = urljoin(url, target)
            asked.go_on(answer.status_code, is_elsewhere=urlsplit(onward)[:2] != urlsplit(url)[:2])
            url = onward
        raise UserError(f"{request.method} {_shown(request.url)}: more than {MOST_REDIRECTS} redirects")

    def pin(self, url: str) -> tuple[str, str]:
        """The URL with the judged address in place of the name, and the name for Host and TLS.

        Raises UserError for a URL that is none, or an address that may not be reached; Retryable for a name that
        does not resolve.
        """
        try:
            parts = urlsplit(url)
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError as error:
            raise UserError(f"`{url}` is no URL: {error}") from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UserError(f"`{_shown(url)}` is no http or https URL")
        host = parts.hostname
        try:
            addresses = self._resolve(host, port)
        except OSError as error:
            raise Retryable(f"the name `{host}` does not resolve: {error}", after=timedelta(seconds=5)) from error
        for address in addresses:
            refusal = self._reach.refusal(address)
            if refusal is not None:
                line = f"agent: {{http: {{allow: [{address}]}}}}"
                raise UserError(f"`{host}` leads to {address}: {refusal}", help=f"in penstock.yaml: {line}")
        if not addresses:
            raise Retryable(f"the name `{host}` has no address", after=timedelta(seconds=5))
        literal = f"[{addresses[0]}]" if ":" in addresses[0] else addresses[0]
        shown_port = f":{parts.port}" if parts.port else ""
        pinned = parts._replace(netloc=f"{literal}{shown_port}", fragment="").geturl()
        return pinned, host if not parts.port else f"{host}:{parts.port}"

    def _ask(
        self, request: Request, asked: _Asked, pinned: str, host: str, watch: _Watch | None, proxy: str | None
    ) -> httpx.Response:
        import httpx

        read, connect = request.read_timeout.total_seconds(), request.connect_timeout.total_seconds()
        if watch is not None:
            read, connect = min(read, watch.left_s), min(connect, watch.left_s)
        timeout = httpx.Timeout(read, connect=connect)
        name = host.rsplit(":", 1)[0] if host.count(":") == 1 else host
        client = self._pool(watch is not None, proxy)
        watched = {"trace": watch.trace} if watch is not None else {}
        built = client.build_request(
            asked.method,
            pinned,
            headers={**asked.headers, "Host": host},
            content=asked.content,
            data=dict(asked.form) if asked.form is not None else None,
            timeout=timeout,
            extensions={"sni_hostname": name, "timeout": timeout.as_dict(), **watched},
        )
        return client.send(built, stream=True, auth=asked.auth or httpx.USE_CLIENT_DEFAULT)

    def _pool(self, is_watched: bool, proxy: str | None) -> httpx.Client:
        """Requests with a deadline have connections of their own, which can be broken off."""
        from http.cookiejar import CookieJar, DefaultCookiePolicy  # with TLS and all: only where something is asked

        import httpx

        with self._lock:
            client = self._clients.get((is_watched, proxy))
            if client is None:
                forgetful = CookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))
                limits = httpx.Limits(max_keepalive_connections=0 if is_watched else 20, max_connections=100)
                client = httpx.Client(
                    follow_redirects=False, trust_env=False, cookies=forgetful, limits=limits, proxy=proxy
                )
                self._clients[is_watched, proxy] = client
            return client

    def close(self) -> None:
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()


class _Watch:
    """Breaks off the connections of one request when its time is over, wherever the other side has got to: a trickle of
    bytes, each in time, would hold it for ever."""

    def __init__(self, deadline: timedelta) -> None:
        self._ends = monotonic() + deadline.total_seconds()
        self._timer = Timer(deadline.total_seconds(), self._break_off)
        self._timer.daemon = True
        self._sockets: list[socket.socket] = []
        self._lock = Lock()
        self.is_over = False

    @property
    def left_s(self) -> float:
        return max(self._ends - monotonic(), 0.001)

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Told by the client of all that it does."""
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            opened = info["return_value"].get_extra_info("socket")
            with self._lock:
                self._sockets.append(opened)
                if self.is_over:
                    _shut(opened)

    def _break_off(self) -> None:
        with self._lock:
            self.is_over = True
            for opened in self._sockets:
                _shut(opened)

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._timer.cancel()


def _shut(opened: socket.socket) -> None:
    with suppress(OSError):  # it is closed already
        opened.shutdown(socket.SHUT_RDWR)


class _Asked:
    """What is sent, as redirects change it."""

    def __init__(self, request: Request) -> None:
        self.method = request.method.upper()
        self.headers = dict(request.headers)
        self.content = request.content
        self.form = request.form
        self.auth = request.basic_auth

    def go_on(self, status: int, *, is_elsewhere: bool) -> None:
        """Another host gets no credentials; what was posted is asked for where the answer says so."""
        if is_elsewhere:
            self.headers = {name: value for name, value in self.headers.items() if name.lower() not in _CREDENTIALS}
            self.auth = None
        if status == 303 or (status in (301, 302) and self.method == "POST"):
            self.method, self.content, self.form = "GET", None, None


class _Body(io.RawIOBase):
    """The body of an answer, as it comes. A body that breaks off raises: its end is never taken for the end."""

    def __init__(self, answer: httpx.Response, method: str, url: str, most: int, length: int | None) -> None:
        self._pieces = answer.iter_bytes(_BUFFER)
        self._method = method
        self._url = url
        self._most = most
        self._length = length
        self._piece = memoryview(b"")
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        if not self._piece:
            so_far = f"{self._count} of {self._length} bytes had come" if self._length is not None else ""
            with _telling(self._method, self._url, so_far or f"{self._count} bytes had come"):
                self._piece = memoryview(next(self._pieces, b""))
            self._count += len(self._piece)
            if self._count > self._most:
                raise _too_long(self._method, self._url, self._most)
        size = min(len(buffer), len(self._piece))
        buffer[:size] = self._piece[:size]
        self._piece = self._piece[size:]
        return size


@contextmanager
def _telling(method: str, url: str, so_far: str = "") -> Iterator[None]:
    """What goes wrong between here and there, as a fault that may pass."""
    import httpx

    behind = f" ({so_far})" if so_far else ""
    try:
        yield
    except httpx.TimeoutException as error:
        message = f"{method} {_shown(url)}: no answer in time{behind}"
        raise Retryable(message, after=timedelta(seconds=5)) from error
    except httpx.HTTPError as error:
        raise Retryable(f"{method} {_shown(url)}: {error}{behind}", after=timedelta(seconds=5)) from error


def _too_long(method: str, url: str, most: int, more: str = "") -> UserError:
    return UserError(
        f"{method} {_shown(url)}: the answer is larger than {most} bytes",
        help=f"raise `options.maxContentLength`{more}",
    )


def _drain(response: httpx.Response) -> None:
    """Read a short body to its end, so that the connection can be used again; a long one is left, and it with it."""
    import httpx

    length = response.headers.get("content-length", "0" if response.status_code == 204 else "")
    if not length.isdigit() or int(length) > MOST_DRAINED:
        return
    try:
        for _ in response.iter_raw():
            continue
    except httpx.HTTPError:
        return  # the status has been heard, and nothing else was wanted


def _headers(response: httpx.Response) -> dict[str, tuple[str, ...]]:
    names = dict.fromkeys(name.lower() for name in response.headers)
    return {name: tuple(response.headers.get_list(name)) for name in names}


def _shown(url: str) -> str:
    """The URL without user and password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
