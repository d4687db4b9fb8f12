"""Every setting in one table: from it the files and variables are read, and the schema of penstock.yaml is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from penstock.settings.kinds import (
    AnyMap,
    Choice,
    Day,
    Either,
    Flag,
    Kind,
    Length,
    ListOf,
    MapOf,
    Number,
    Range,
    Record,
    Text,
)

PROJECT = "project"
USER = "user"
_BOTH = frozenset({PROJECT, USER})
_USER_ONLY = frozenset({USER})
_PROJECT_ONLY = frozenset({PROJECT})
_NOWHERE: frozenset[str] = frozenset()

_VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"
_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
_NAMESPACE = r"[a-z0-9][a-z0-9._-]*"


@dataclass(frozen=True, slots=True)
class Key:
    """One setting.

    `name` is its path in the files, with dots. `variable` is the PENSTOCK_* variable that sets it, `fallbacks` are
    Kestra's variables, read when nobody else says anything. `files` are the files in which it may stand: what a
    repository may not decide for whoever checks it out stands in the user's file only, a secret in none.
    """

    name: str
    kind: Kind
    help: str
    default: Any = None
    variable: str | None = None
    fallbacks: tuple[str, ...] = ()
    files: frozenset[str] = _BOTH
    secret: bool = False


_TARGET = Record(
    {
        "url": (Text(), "Where the server is, or a folder."),
        "tenant": (Text(), "Its tenant; `main` by default."),
        "namespaces": (
            ListOf(Text()),
            "The namespaces that may be written there; by default all that the flows use.",
        ),
        "auth": (
            Record(
                {
                    "tokenVariable": (Text(), "The environment variable that holds an API token."),
                    "userVariable": (Text(), "The environment variable that holds the user's name."),
                    "passwordVariable": (Text(), "The environment variable that holds the password."),
                }
            ),
            "Names of environment variables; a credential itself never stands in a file.",
        ),
    },
    required=("url",),
)

_DEFAULT = Record(
    {
        "type": (Text(), "The type, or the beginning of types, that the values are for."),
        "forced": (Flag(), "Whether the values win over what a flow says."),
        "values": (AnyMap(), "Properties and their values."),
    },
    required=("type", "values"),
)

_SEVERITY = Choice(("off", "information", "warning", "error"))
_WAIVER = Record(
    {
        "path": (Text(), "A glob of the files in which the findings are waived, from here on."),
        "reason": (Text(), "Why."),
        "until": (Day(), "The last day on which they are."),
    },
    required=("path", "reason", "until"),
)
_RULE = Record(
    {
        "severity": (_SEVERITY, "What the findings are; `off` leaves them out."),
        "paths": (MapOf(_SEVERITY), "The same for the files of a glob; of several that fit, the last counts."),
        "waivers": (ListOf(_WAIVER), "Findings that are known and let be, each with a reason and a last day."),
    }
)

TABLE: tuple[Key, ...] = (
    Key("requires", Range(), "The versions of Penstock that may work on this repository.", files=_PROJECT_ONLY),
    Key(
        "dialect",
        Choice(("auto", "0.21", "1", "2")),
        "The Kestra that the flows are written for.",
        default="auto",
        variable="PENSTOCK_DIALECT",
    ),
    Key("flows", ListOf(Text()), "Globs of the files that hold flows, from here on.", files=_PROJECT_ONLY),
    Key(
        "files",
        MapOf(ListOf(Text()), _NAMESPACE),
        "Globs of the namespace files, by namespace.",
        default={},
        files=_PROJECT_ONLY,
    ),
    Key("defaults", ListOf(_DEFAULT), "Plugin defaults for the whole repository.", default=(), files=_PROJECT_ONLY),
    Key(
        "catalogs",
        ListOf(Text()),
        "Files and folders of JSON Schemas that describe the types of other plugins, from here on.",
        default=(),
    ),
    Key(
        "unknownTypes",
        Choice(("error", "warning", "ignore")),
        "What a type is that no catalogue knows.",
        default="error",
        variable="PENSTOCK_UNKNOWN_TYPES",
    ),
    Key("targets", MapOf(_TARGET, _NAME), "Where flows are deployed to, by name.", default={}),
    Key(
        "rules",
        MapOf(Either(_SEVERITY, _RULE), r"PEN[0-9]{1,3}"),
        "What findings are in this repository: by code, or by the beginning of codes (PEN6).",
        default={},
        files=_PROJECT_ONLY,
    ),
    Key(
        "variables.globals",
        AnyMap(),
        "What expressions see as `globals`.",
        default={},
    ),
    Key("variables.environment", Text(), "What expressions see as `kestra.environment`."),
    Key("variables.url", Text(), "What expressions see as `kestra.url`."),
    Key(
        "agent.interval",
        Length(),
        "How often an agent looks at its repository.",
        default=timedelta(seconds=30),
        variable="PENSTOCK_INTERVAL",
    ),
    Key(
        "agent.record",
        ListOf(Choice(("git", "api", "none"))),
        "Where an agent leaves results.",
        default=("git",),
        variable="PENSTOCK_RECORD",
    ),
    Key(
        "agent.runner",
        Choice(("process", "docker")),
        "Where scripts run that name no runner; an agent's is docker.",
        variable="PENSTOCK_RUNNER",
        files=_USER_ONLY,
    ),
    Key(
        "agent.engine",
        Text(),
        "The container engine, as unix:///path or tcp://host:port; by default DOCKER_HOST, or the usual sockets.",
        variable="PENSTOCK_ENGINE",
        files=_USER_ONLY,
    ),
    Key(
        "agent.policy",
        Text(),
        "The administrator's file that says what containers may do.",
        variable="PENSTOCK_POLICY",
        files=_USER_ONLY,
    ),
    Key("agent.pools", ListOf(Text()), "The pools that an agent works for.", default=(), variable="PENSTOCK_POOLS"),
    Key(
        "agent.http.allow",
        ListOf(Text()),
        "Private networks and addresses that flows and results may reach, as 10.0.0.0/8.",
        default=(),
        variable="PENSTOCK_HTTP_ALLOW",
        files=_USER_ONLY,
    ),
    Key("agent.slots", Number(1, 10_000), "So many tasks at once.", variable="PENSTOCK_SLOTS", files=_USER_ONLY),
    Key("agent.name", Text(), "The agent's name; by default the host's.", variable="PENSTOCK_NAME", files=_USER_ONLY),
    Key(
        "server.url",
        Text(),
        "The server that `--server` commands talk to.",
        variable="PENSTOCK_SERVER",
        fallbacks=("KESTRA_HOSTNAME", "KESTRA_URL"),
        files=_USER_ONLY,
    ),
    Key(
        "server.tenant",
        Text(),
        "The tenant on that server.",
        default="main",
        variable="PENSTOCK_TENANT",
        fallbacks=("KESTRA_TENANT_ID",),
        files=_USER_ONLY,
    ),
    Key(
        "server.user",
        Text(),
        "The user on that server.",
        variable="PENSTOCK_USER",
        fallbacks=("KESTRA_USER", "KESTRA_USERNAME"),
        files=_USER_ONLY,
    ),
    Key(
        "server.password",
        Text(),
        "That user's password.",
        variable="PENSTOCK_PASSWORD",
        fallbacks=("KESTRA_PASSWORD",),
        files=_NOWHERE,
        secret=True,
    ),
    Key(
        "server.token",
        Text(),
        "An API token for that server.",
        variable="PENSTOCK_TOKEN",
        fallbacks=("KESTRA_API_TOKEN",),
        files=_NOWHERE,
        secret=True,
    ),
    Key("data", Text(), "The folder of the local state.", variable="PENSTOCK_DATA", files=_NOWHERE),
    Key(
        "color",
        Choice(("auto", "always", "never")),
        "When to colour.",
        default="auto",
        variable="PENSTOCK_COLOR",
        files=_USER_ONLY,
    ),
    Key("noInput", Flag(), "Never ask.", default=False, variable="PENSTOCK_NO_INPUT", files=_USER_ONLY),
)

BY_NAME: Mapping[str, Key] = {key.name: key for key in TABLE}


def nested(keys: Mapping[str, Any]) -> dict[str, Any]:
    """`{"agent.interval": x}` as `{"agent": {"interval": x}}`: the shape that the files have."""
    shaped: dict[str, Any] = {}
    for name, value in keys.items():
        *groups, last = name.split(".")
        here = shaped
        for group in groups:
            here = here.setdefault(group, {})
        here[last] = value
    return shaped
