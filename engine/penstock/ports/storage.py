"""Where things lie in Kestra's internal storage: one place for its layout (reference: Kestra 1.x, internal storage).

    kestra:///<namespace with slashes>/<flow>/executions/<id>/inputs/<input>/<file>
    kestra:///<namespace with slashes>/<flow>/executions/<id>/tasks/<task>/<task run>/<file>
    kestra:///<namespace with slashes>/<flow>/<task>/cache/cache.zip
    kestra:///<namespace with slashes>/<flow>/<task>/cache/values/<digest>/cache.zip
    kestra:///<namespace with slashes>/<flow>/<task>/cache/outputs/<digest>.json
    kestra:///<namespace with slashes>/_files/<path>       a namespace file; it lies in Git, this is only its name

Flows and tasks stand there as slugs: lower case, dashes for underscores.
"""

from __future__ import annotations

import re
from hashlib import sha256
from unicodedata import normalize

from penstock.diagnostic import FlowName
from penstock.ports.files import SCHEME

MOST_NAME_BYTES = 200
"""The longest name that is made of one that somebody else has chosen."""

NAMESPACE_FILE = "nsfile://"

_NOT_IN_SLUGS = re.compile(r"[^A-Za-z0-9_-]")
_UNFIT = re.compile(r"[^-\w.+=@~]+")
_FILES = "/_files/"


def slug(text: str) -> str:
    """As Kestra's Slugify makes it."""
    kept = _NOT_IN_SLUGS.sub("", normalize("NFD", text)).replace("_", "-")
    return re.sub(r"-{2,}", "-", kept).removeprefix("-").removesuffix("-").lower()


def execution_files(flow: FlowName, execution: str) -> str:
    """The folder of all files of an execution."""
    return f"{_flow_files(flow)}executions/{execution}/"


def _flow_files(flow: FlowName) -> str:
    return f"{SCHEME}{flow.namespace.replace('.', '/')}/{slug(flow.id)}/"


def cache_file(flow: FlowName, task: str, value: str | None = None) -> str:
    """The archive that the executions of a flow hand on to one another: one for each value of a loop."""
    within = "" if value is None else f"values/{sha256(value.encode('utf-8', 'replace')).hexdigest()}/"
    return f"{_flow_files(flow)}{slug(task)}/cache/{within}cache.zip"


def task_cache_files(flow: FlowName, task: str) -> str:
    """The folder of the outputs of a task that are used again."""
    return f"{_flow_files(flow)}{slug(task)}/cache/outputs/"


def task_cache_file(flow: FlowName, task: str, digest: str) -> str:
    """Outputs of a task, by the digest of what it was to do."""
    return f"{task_cache_files(flow, task)}{digest}.json"


def task_file(flow: FlowName, execution: str, task: str, run: str, name: str) -> str:
    return f"{execution_files(flow, execution)}tasks/{slug(task)}/{run}/{name}"


def input_file(flow: FlowName, execution: str, name: str, file: str) -> str:
    return f"{execution_files(flow, execution)}inputs/{name}/{file}"


def belongs(uri: str, execution: str) -> bool:
    """Whether a file is one of that execution's own."""
    return f"/executions/{execution}/" in uri


def namespace_file(uri: str, namespace: str) -> tuple[str, str] | None:
    """Namespace and path of a namespace file, of a flow in `namespace`; None when `uri` does not name one.

    `nsfile:///path`, `nsfile://other.namespace/path`, or what `fileURI()` gives: `kestra:///<namespace>/_files/path`.
    """
    if uri.startswith(NAMESPACE_FILE):
        named, _, path = uri.removeprefix(NAMESPACE_FILE).partition("/")
        return named or namespace, path
    if uri.startswith(SCHEME):
        folder, found, path = uri.removeprefix(SCHEME).partition(_FILES)
        if found and "/executions/" not in f"/{folder}/":
            return folder.replace("/", "."), path
    return None


def plain_name(text: str) -> str:
    """The last part of a path that somebody else has chosen, as a name that fits into URIs and commands: what is no
    letter, digit or one of `-_.+=@~` becomes `_`. Empty when nothing is left of it."""
    name = _UNFIT.sub("_", re.split(r"[/\\]", text)[-1])
    while len(name.encode()) > MOST_NAME_BYTES:
        name = name[1:]
    return name if name.strip("._") else ""
