"""Where flows are deployed to, as a person names it: a target of `penstock.yaml`, a URL, or a folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from penstock.adapters.folder_target import FolderTarget
from penstock.adapters.git import GitReading
from penstock.diagnostic import did_you_mean
from penstock.errors import NotFound, UserError
from penstock.ports.target import Target
from penstock.settings import Settings
from penstock.settings.load import Origin

_OF_OWNER = re.compile(r"[^\w./@:+-]+")


@dataclass(frozen=True, slots=True)
class Destination:
    """`namespaces` are those that may be written there, None for all. While `hold` lasts nobody else deploys there, as
    far as the place itself can know. `close` lets go of connections."""

    target: Target
    namespaces: tuple[str, ...] | None = None
    hold: Callable[[], AbstractContextManager[None]] = nullcontext
    close: Callable[[], None] = lambda: None


def destination(
    named: str | None, settings: Settings, environ: Mapping[str, str], *, tenant: str | None = None
) -> Destination:
    """Raises NotFound for a name that is none, UserError where a credential is missing or stands in a URL."""
    known = settings.targets
    if named is None:
        if len(known) == 1:
            named = next(iter(known))
        elif settings.server.url is not None and not known:
            named = settings.server.url
        else:
            raise UserError("where to deploy to is not said", help=_names(known) or "--target URL, or --target FOLDER")
    if named in known:
        return _of_settings(named, known[named], settings, environ, tenant)
    if "://" in named:
        return _server(named, settings, tenant, {}, environ)
    if "/" in named or named in (".", "..") or Path(named).is_dir():
        return _folder(Path(named).absolute(), None)
    raise NotFound(
        f"there is no target `{named}`",
        help=did_you_mean(named, known) or _names(known) or "a folder has a slash: `./out`",
    )


def owner_of(given: str | None, folder: Path) -> str:
    """Whose flows these are: what was said, else the path of the Git remote `origin`, else the name of the folder."""
    found = given or _origin_path(folder) or folder.resolve().name
    owner = _OF_OWNER.sub("-", found).strip("-")[:200]
    if not owner:
        raise UserError("whose flows these are is not known", help="say it with --owner NAME")
    return owner


def _origin_path(folder: Path) -> str | None:
    """`team/flows`, however the remote is reached."""
    try:
        url = GitReading(folder).origin()
    except NotFound:
        return None
    if url is None:
        return None
    path = urlsplit(url).path if "://" in url else url.partition(":")[2] or url
    return "/".join(path.strip("/").removesuffix(".git").split("/")[-2:]) or None


def _names(known: Mapping[str, Any]) -> str:
    return f"--target {' or '.join(known)}" if known else ""


def _of_settings(
    name: str, told: Mapping[str, Any], settings: Settings, environ: Mapping[str, str], tenant: str | None
) -> Destination:
    url = str(told["url"])
    namespaces = tuple(told["namespaces"]) if told.get("namespaces") else None
    if "://" in url:
        auth = told.get("auth") or {}
        lacking = [variable for variable in auth.values() if not environ.get(variable)]
        if lacking:
            raise UserError(
                f"target `{name}` wants the variable {lacking[0]}, which is not set", help=f"export {lacking[0]}=…"
            )
        return replace(_server(url, settings, tenant or told.get("tenant"), auth, environ), namespaces=namespaces)
    root = settings.project.parent if settings.project is not None else Path.cwd()
    return _folder(root / url, namespaces)


def _folder(root: Path, namespaces: tuple[str, ...] | None) -> Destination:
    target = FolderTarget(root)
    return Destination(target, namespaces, target.held)


def _server(
    url: str, settings: Settings, tenant: str | None, auth: Mapping[str, str], environ: Mapping[str, str]
) -> Destination:
    """A company's own server may lie in its own network: whoever deploys has named it."""
    from penstock.adapters.http import GuardedHttp, Reach, system_proxy
    from penstock.adapters.kestra.api import Api, Credentials
    from penstock.adapters.kestra.target import KestraTarget

    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UserError(f"`{parts.scheme}://…` is no server", help="it is http:// or https://")
    if parts.username is not None or parts.password is not None:
        raise UserError(
            "a URL with a password would stand in logs",
            help="set PENSTOCK_USER and PENSTOCK_PASSWORD, or PENSTOCK_TOKEN",
        )
    if auth:
        credentials = Credentials(
            environ.get(auth.get("userVariable", "")),
            environ.get(auth.get("passwordVariable", "")),
            environ.get(auth.get("tokenVariable", "")),
        )
    else:
        own = settings.server
        credentials = Credentials(own.user or None, own.password, own.token)
    asked = tenant or (
        settings.server.tenant if settings.sources["server.tenant"].origin is not Origin.DEFAULT else None
    )
    http = GuardedHttp(Reach(private=True), proxy=system_proxy)
    return Destination(KestraTarget(Api(http, url.rstrip("/"), credentials, asked)), close=http.close)
