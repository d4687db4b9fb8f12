"""Images: fetched when a task wants them, once for all who wait for the same one; and who their programs run as."""

from __future__ import annotations

import io
import posixpath
import re
import tarfile
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from penstock.adapters.docker.archive import Owner
from penstock.adapters.docker.engine import Away, Engine, told
from penstock.duration import humane
from penstock.errors import NotFound, UserError
from penstock.ports.container import Container, Credentials, Pull
from penstock.ports.runner import Halt, Tell

TRIES = 4
_FIRST_WAIT_S = 1.0
_MOST_ACCOUNTS = 1 << 20
_HUB = "docker.io"


class PullFailed(UserError):
    """The image could not be fetched: nothing was started."""

    code = "PEN051"


class Images:
    """The images of one engine. Thread-safe."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._fetching: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self._lock = threading.Lock()
        self._owners: dict[tuple[str, str], Owner] = {}

    # ── fetching ──

    def ensure(self, wish: Container, halt: Halt | None, tell: Tell | None = None) -> None:
        """See that the image is there, as the wish says. `tell` hears of a fetching. Raises PullFailed, Away."""
        image = _tagged(wish.image)
        if wish.pull is not Pull.ALWAYS and self._has(image):
            return
        if wish.pull is Pull.NEVER:
            raise PullFailed(
                f"the image `{image}` is not there, and `pullPolicy: NEVER` forbids to fetch it",
                help="load it into the engine, or allow IF_NOT_PRESENT",
            )
        with self._lock:
            lock = self._fetching[image]
        with lock:
            if wish.pull is not Pull.ALWAYS and self._has(image):
                return  # somebody else has fetched it meanwhile
            told_ = tell or _nobody
            told_(f"Fetching the image {image}")
            begun = time.monotonic()
            self._fetch(image, wish, halt, told_)
            told_(f"The image {image} is there after {humane(timedelta(seconds=time.monotonic() - begun))}")

    def _has(self, image: str) -> bool:
        try:
            self._engine.ask(lambda api: api.inspect_image(image))
        except NotFound:
            return False
        return True

    def _fetch(self, image: str, wish: Container, halt: Halt | None, tell: Tell) -> None:
        wait = _FIRST_WAIT_S
        for left in reversed(range(TRIES)):
            try:
                self._fetch_once(image, wish, halt)
            except (_Hindered, Away) as error:
                stopped = halt is not None and halt.requested
                if stopped or not left:
                    reason = error.message if isinstance(error, Away) else str(error)
                    raise PullFailed(f"the image `{image}` could not be fetched: {reason}") from error
                tell(f"The image {image} could not be fetched: {error}; it is tried again in {wait:g} s")
                if halt is not None:
                    halt.wait(wait)
                else:
                    threading.Event().wait(wait)
                wait *= 2
            else:
                return

    def _fetch_once(self, image: str, wish: Container, halt: Halt | None) -> None:
        proof = _proof(image, wish)
        try:
            progress = self._engine.ask(lambda api: api.pull(image, stream=True, decode=True, auth_config=proof))
        except UserError as error:
            raise _fault(image, error.message.removeprefix("the container engine refused: ")) from error
        with told():
            for line in progress:
                if (fault := line.get("error")) is not None:
                    raise _fault(image, str(fault))
                if halt is not None and halt.requested:
                    raise _Hindered("it was stopped")

    # ── who ──

    def owner(self, container: str, found: Mapping[str, Any]) -> Owner:
        """Whom the programs of a made container run as. `found` is what the engine tells of it.

        Raises UserError for a user that its image does not know.
        """
        user = str(found["Config"].get("User") or "")
        name, _, group = user.partition(":")
        if not name or (name.isdigit() and (not group or group.isdigit())):
            return Owner(int(name or 0), int(group or 0))
        key = (str(found["Image"]), user)
        if (known := self._owners.get(key)) is None:
            known = self._owners[key] = self._looked_up(container, user, name, group)
        return known

    def _looked_up(self, container: str, user: str, name: str, group: str) -> Owner:
        accounts = self._table(container, "/etc/passwd")
        entry = next((row for row in accounts if name in (row[0], row[2])), None)
        if entry is None and not name.isdigit():
            raise UserError(
                f"the container's image has no user `{name}`, which it is to run as (`{user}`)",
                help="name a user of the image, or a number such as 1000:1000",
            )
        uid = int(entry[2]) if entry is not None else int(name)
        if not group:
            return Owner(uid, int(entry[3]) if entry is not None else 0)
        if group.isdigit():
            return Owner(uid, int(group))
        gid = next((int(row[2]) for row in self._table(container, "/etc/group") if row[0] == group), None)
        if gid is None:
            raise UserError(f"the container's image has no group `{group}`, which it is to run as (`{user}`)")
        return Owner(uid, gid)

    def _table(self, container: str, path: str) -> list[list[str]]:
        """The rows of a file of accounts; none where there is no such file."""
        try:
            chunks, _ = self._engine.ask(lambda api: api.get_archive(container, path))
        except NotFound:
            return []
        with told():
            data = b"".join(chunk for _, chunk in zip(range(_MOST_ACCOUNTS // 1024), chunks, strict=False))
        try:
            with tarfile.open(fileobj=io.BytesIO(data)) as archive:
                member = archive.getmember(posixpath.basename(path))
                file = archive.extractfile(member) if member.isreg() else None
                text = file.read(_MOST_ACCOUNTS).decode(errors="replace") if file is not None else ""
        except (tarfile.TarError, KeyError):
            return []
        rows = [line.split(":") for line in text.splitlines()]
        return [
            row
            for row in rows
            if len(row) >= 3 and row[2].isdigit() and (len(row) < 4 or row[3].isdigit() or path.endswith("group"))
        ]


def _nobody(_: str) -> None:
    """Nobody listens."""


class _Hindered(Exception):
    """It may go better another time: the registry is busy, or cannot be reached."""


_PASSING = ("toomanyrequests", "timeout", "timed out", "connection", "eof", "tls", "no such host", "dial ")
_BUSY = re.compile(r"(?<![:.\d])(429|50[0234])(?!\d)")
"""The status of a registry that may answer another time; no part of an address."""

_DENIED = ("denied", "unauthorized", "authentication required", "no basic auth")
_ABSENT = ("manifest unknown", "not found", "no such image")


def _fault(image: str, said: str) -> Exception:
    low = said.lower()
    if any(sign in low for sign in _DENIED):
        return PullFailed(
            f"the image `{image}` could not be fetched: {said}",
            help="check its name, and the `credentials` of the task runner",
        )
    if any(sign in low for sign in _PASSING) or _BUSY.search(low):
        return _Hindered(said)
    if any(sign in low for sign in _ABSENT):
        return PullFailed(f"there is no image `{image}`: {said}", help="check its name and its tag")
    return PullFailed(f"the image `{image}` could not be fetched: {said}")


def _tagged(image: str) -> str:
    """`image` with the tag that is meant when none is written: docker-py would fetch all of them."""
    last = image.rpartition("/")[2]
    return image if ":" in last or "@" in image else f"{image}:latest"


def _proof(image: str, wish: Container) -> dict[str, str] | None:
    """What the engine shows to the registry; None: what it knows itself."""
    registry = registry_of(image)
    if wish.credentials is not None and wish.credentials.registry in (None, "", registry):
        return _of_credentials(wish.credentials)
    auths = wish.config.get("auths") or {}
    for name, entry in auths.items():
        if _host(str(name)) == registry or (registry == _HUB and "docker.io" in str(name)):
            return _of_entry(entry)
    return None


def registry_of(image: str) -> str:
    """The host that an image is fetched from."""
    first, slash, _ = image.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else _HUB


def _host(name: str) -> str:
    return name.removeprefix("https://").removeprefix("http://").partition("/")[0]


def _of_credentials(given: Credentials) -> dict[str, str]:
    told_ = {
        "username": given.username,
        "password": given.password,
        "registrytoken": given.registry_token,
        "identitytoken": given.identity_token,
    }
    found = {name: value for name, value in told_.items() if value}
    return found or _of_entry({"auth": given.auth}) or {}


def _of_entry(entry: Mapping[str, Any]) -> dict[str, str] | None:
    """An entry of a client's config.json: user and password, or both in base64."""
    import base64
    import binascii

    if entry.get("identitytoken"):
        return {"identitytoken": str(entry["identitytoken"])}
    if entry.get("registrytoken"):
        return {"registrytoken": str(entry["registrytoken"])}
    if entry.get("username"):
        return {"username": str(entry["username"]), "password": str(entry.get("password") or "")}
    try:
        user, separator, password = (
            base64.b64decode(str(entry.get("auth") or ""), validate=True).decode().partition(":")
        )
    except (binascii.Error, UnicodeDecodeError) as error:
        raise UserError("the `auth` of the credentials is not base64 of `user:password`") from error
    return {"username": user, "password": password} if separator else None
