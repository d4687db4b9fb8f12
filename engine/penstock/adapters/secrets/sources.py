"""Where secrets come from: the environment, as in Kestra's open edition, and a file that a person keeps."""

from __future__ import annotations

import base64
import binascii
import json
import re
import stat
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from penstock.errors import NotFound, Stalled, UserError
from penstock.ports.secrets import Secrets

PREFIX = "SECRET_"
_MOST_BYTES = 4 << 20
_ASSIGNMENT = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*=\s*(.*)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$"}


def not_found(name: str, looked: str) -> NotFound:
    """In Kestra's words, with where it was looked for."""
    return NotFound(f"Cannot find secret for key '{name}'.", help=f"looked in {looked}")


class EnvSecrets(Secrets):
    """`SECRET_<NAME>`, the name in upper case, the value in Base64 (Kestra docs, Secrets, OSS)."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def get(self, name: str, *, namespace: str) -> str:
        variable = PREFIX + name.upper()
        raw = self._environ.get(variable)
        if raw is None:
            raise not_found(name, f"the environment variable {variable} (Base64)")
        try:
            return base64.b64decode("".join(raw.split()), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise UserError(
                f"the environment variable {variable} does not hold Base64 of UTF-8 text",
                help=f"set it so: export {variable}=$(printf %s 'the value' | base64 -w0)",
            ) from error

    def names(self) -> Iterable[str]:
        return sorted(name.removeprefix(PREFIX) for name in self._environ if name.startswith(PREFIX))


class FileSecrets(Secrets):
    """Plain values in one file: a map in YAML or JSON by its suffix, lines `NAME=value` else. Case of names is ignored.

    It is read again when it has changed, so a new value needs no new start.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._values: dict[str, str] = {}

    def get(self, name: str, *, namespace: str) -> str:
        value = self._read().get(name.upper())
        if value is None:
            raise not_found(name, f"the file {self._path}")
        return value

    def names(self) -> Iterable[str]:
        return sorted(self._read())

    def warnings(self) -> list[str]:
        """What a careful person would change about the file."""
        try:
            mode = stat.S_IMODE(self._path.stat().st_mode)
        except OSError:
            return []
        if mode & 0o077:
            return [f"{self._path} can be read by others (mode {mode:04o}): chmod 600 {self._path}"]
        return []

    def _read(self) -> dict[str, str]:
        with self._lock:
            try:
                status = self._path.stat()
                seen = (status.st_mtime_ns, status.st_size, status.st_ino)
                if seen == self._seen:
                    return self._values
                if status.st_size > _MOST_BYTES:
                    raise UserError(f"the secrets file {self._path} is larger than {_MOST_BYTES >> 20} MiB")
                text = self._path.read_text("utf-8-sig")
            except FileNotFoundError as error:
                raise UserError(f"the secrets file {self._path} does not exist") from error
            except UnicodeDecodeError as error:
                raise UserError(f"the secrets file {self._path} is not UTF-8") from error
            except OSError as error:
                raise Stalled(f"the secrets file {self._path} cannot be read: {error.strerror}") from error
            self._values = {name.upper(): value for name, value in self._parse(text).items()}
            self._seen = seen
            return self._values

    def _parse(self, text: str) -> dict[str, str]:
        match self._path.suffix.lower():
            case ".yaml" | ".yml":
                return _yaml_map(text, self._path)
            case ".json":
                return _json_map(text, self._path)
            case _:
                return _lines(text, self._path)


class ChainedSecrets(Secrets):
    """The first of several that has it."""

    def __init__(self, sources: Sequence[Secrets]) -> None:
        self._sources = tuple(sources)

    def get(self, name: str, *, namespace: str) -> str:
        looked: list[str] = []
        for source in self._sources:
            try:
                return source.get(name, namespace=namespace)
            except NotFound as error:
                looked.append((error.help or "").removeprefix("looked in "))
        raise not_found(name, ", then ".join(looked) or "no place: none is configured")

    def names(self) -> Iterable[str]:
        return sorted({name for source in self._sources for name in source.names()})


def _lines(text: str, path: Path) -> dict[str, str]:
    """`NAME=value` lines as dotenv knows them: comments, `export`, quotes; a double-quoted value may go over lines."""
    values: dict[str, str] = {}
    lines = iter(enumerate(text.splitlines(), 1))
    for number, line in lines:
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = _ASSIGNMENT.fullmatch(stripped)
        if match is None:
            raise UserError(f"{path}:{number}: not a line `NAME=value`")
        name, value = match[1], match[2]
        if value[:1] in ("'", '"'):
            quote = value[0]
            while (end := _closing(value, quote)) is None:
                _, more = next(lines, (0, None))
                if more is None:
                    raise UserError(f"{path}:{number}: the quote of {name} is not closed")
                value = f"{value}\n{more}"
            inner = value[1:end]
            values[name] = re.sub(r"\\(.)", _escape, inner) if quote == '"' else inner
        else:
            values[name] = re.split(r"\s+#", value, maxsplit=1)[0].rstrip()
    return values


def _closing(value: str, quote: str) -> int | None:
    position = 1
    while position < len(value):
        if value[position] == "\\" and quote == '"':
            position += 1
        elif value[position] == quote:
            return position
        position += 1
    return None


def _escape(match: re.Match[str]) -> str:
    return _ESCAPES.get(match[1], match[0])


def _json_map(text: str, path: Path) -> dict[str, str]:
    try:
        loaded = json.loads(text, parse_int=str, parse_float=str)
    except (ValueError, RecursionError) as error:
        raise UserError(f"the secrets file {path} is not JSON: {_where(error)}") from None
    if not isinstance(loaded, dict):
        raise UserError(f"the secrets file {path} must hold one map of names to values")
    return {name: _plain(name, value, path) for name, value in loaded.items()}


def _where(error: BaseException) -> str:
    """Where, and never what: the text around it is secret."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at {error.lineno}:{error.colno}"
    return "it is nested too deeply"


def _plain(name: str, value: Any, path: Path) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        raise UserError(f"{path}: the value of `{name}` is neither text nor a number")
    return value


def _yaml_map(text: str, path: Path) -> dict[str, str]:
    """One flat map; each scalar is the text that stands there. Read by events: no recursion, no aliases, no types."""
    import yaml

    values: dict[str, str] = {}
    name: str | None = None
    depth = 0
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            match event:
                case yaml.MappingStartEvent() if depth == 0:
                    depth = 1
                case yaml.MappingEndEvent():
                    depth = 0
                case yaml.ScalarEvent() if depth == 1 and name is None:
                    name = str(event.value)
                    if name in values:
                        raise UserError(f"{path}:{_line(event)}: `{name}` stands there twice")
                case yaml.ScalarEvent() if depth == 1 and name is not None:
                    values[name] = str(event.value)
                    name = None
                case yaml.ScalarEvent() if event.value == "":
                    continue  # an empty document
                case yaml.NodeEvent():
                    raise UserError(f"{path}:{_line(event)}: secrets are one flat map of names to values")
                case _:
                    continue
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        at = f":{mark.line + 1}" if mark is not None else ""
        raise UserError(f"the secrets file {path}{at} is not YAML") from None  # its text would quote the secret
    return values


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1
