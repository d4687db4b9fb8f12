"""Files that go into a program's working directory: given in the flow, or kept by earlier tasks."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from penstock.errors import UserError
from penstock.ports.files import SCHEME
from penstock.ports.runner import WORKING_DIR_MARK
from penstock.ports.storage import NAMESPACE_FILE, namespace_file
from penstock.tasks.base import Context
from penstock.tasks.markers import text_of
from penstock.tasks.stored import own_file

OWN = ".penstock"
"""The folder, within the working directory, of files that are ours: never collected as outputs."""

SCRIPT = "penstock-script"
"""The name, without its ending, of the file that a script lies in."""

Laid = dict[PurePosixPath, bytes | str]
"""What a runner lays into a working directory: bytes, or the path of a local file to be copied."""

_GLOB = frozenset("*?[{")
_URI = re.compile(rf"(?:{re.escape(SCHEME)}|{NAMESPACE_FILE}[-\w.]*/)[-\w%.+~#=/@:]*[-\w%+~#=/@]")


def input_files(given: Any, context: Context) -> Laid:
    """`inputFiles`: a mapping from path to text or URI, or JSON text of one. Raises UserError, NotFound."""
    if isinstance(given, str):
        try:
            given = json.loads(given) if given.strip() else {}
        except ValueError as error:
            raise UserError(f"`inputFiles` is text that is not JSON: {error}") from error
    if not isinstance(given, Mapping):
        raise UserError("`inputFiles` must be a mapping from paths to contents")
    laid: Laid = {}
    for name, content in given.items():
        if content is not None:
            laid[inside(str(name), "inputFiles")] = _content(str(name), content, context)
    return laid


def localised(text: str, context: Context, laid: Laid) -> str:
    """`text` with every `kestra:///…` and `nsfile:///…` replaced by the path of a copy, which is added to `laid`."""

    def local(found: re.Match[str]) -> str:
        uri = found[0]
        path = PurePosixPath(OWN, "files", str(len(laid)), PurePosixPath(uri).name)
        laid[path] = stored(uri, context)
        return f"{WORKING_DIR_MARK}/{path}"

    return _URI.sub(local, text) if SCHEME in text or NAMESPACE_FILE in text else text


def is_ours(path: PurePosixPath) -> bool:
    """Whether a file of a working directory is one that we have laid there for ourselves."""
    return path.parts[0] == OWN or str(path).startswith(f"{SCRIPT}.")


def is_plain_path(pattern: str) -> bool:
    """Whether a glob names one file."""
    return not _GLOB & set(pattern)


def stored(uri: str, context: Context) -> bytes | str:
    """A file of this execution, of the one that has called it, or of a namespace: the path where it lies on this
    machine as it is, else its bytes.

    Raises UserError, NotFound.
    """
    if (found := namespace_file(uri, context.flow.namespace)) is not None:
        with context.namespace_files.open(*found) as file:
            return file.read()
    return kept_aside(context.files.resolve(own_file(uri, context)), context)


def kept_aside(digest: str, context: Context) -> bytes | str:
    """A content of the storage: the path where it lies on this machine as it is, else its bytes. Raises NotFound."""
    with context.files.open(digest) as file:
        is_plain = isinstance(file, io.BufferedReader) and isinstance(file.raw, io.FileIO)
        name = getattr(file, "name", None)
        return name if is_plain and isinstance(name, str) else file.read()


def _content(name: str, content: Any, context: Context) -> bytes | str:
    if isinstance(content, dict | list):
        return json.dumps(content, ensure_ascii=False).encode()
    text = str(text_of(content))
    if text.startswith((SCHEME, NAMESPACE_FILE)):
        return stored(text.strip(), context)
    if text.startswith("file://"):
        raise UserError(
            f"`inputFiles`: `{name}` is `file://…`, a file of the machine, which no flow can read",
            help="write the content itself, or the URI of a file that an earlier task has kept",
        )
    return text.encode("utf-8", "surrogatepass")


def inside(name: str, what: str) -> PurePosixPath:
    """A path within the working directory, as the property `what` gives it. Raises UserError for one that leads out of
    it, or into what is ours."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in name:
        raise UserError(
            f"`{what}`: `{name}` leads out of the working directory", help="use a relative path without `..`"
        )
    if path.parts[0] == OWN:
        raise UserError(f"`{what}`: `{OWN}` is a folder of Penstock's own", help="choose another name")
    return path
