"""What a setting's value may be: a kind judges plain data, reads the text of a variable, and knows its JSON schema.

Every command reads settings: these are plain classes because a dataclass takes a millisecond to make.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from penstock.diagnostic import did_you_mean, suggest

Path = tuple[str | int, ...]
"""Where a value lies within a document: keys and indices from the root."""


class Complaint:
    """Why a value is refused, and where within what was judged. `unknown` marks a key that nobody knows."""

    __slots__ = ("help", "message", "path", "unknown")

    def __init__(self, path: Path, message: str, help_: str | None = None, *, unknown: bool = False) -> None:
        self.path = path
        self.message = message
        self.help = help_
        self.unknown = unknown


class Kind(ABC):
    """A kind of value. `read` gives the value as the program wants it, and collects what is wrong with it."""

    @abstractmethod
    def read(self, data: Any, path: Path, complaints: list[Complaint]) -> Any:
        """The value; None where a complaint was made."""

    @abstractmethod
    def schema(self) -> dict[str, Any]:
        """JSON schema, draft 2020-12."""

    def from_text(self, text: str) -> Any:
        """The plain data that the text of a variable or flag stands for; `read` judges it."""
        return text


class Text(Kind):
    """A text that is not empty."""

    def read(self, data: Any, path: Path, complaints: list[Complaint]) -> str | None:
        if isinstance(data, str) and data:
            return data
        complaints.append(Complaint(path, f"{_told(data)} is not a text"))
        return None

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1}


class Choice(Kind):
    """One of some words. A number that reads as one of them is meant as it (`dialect: 0.21`)."""

    def __init__(self, words: tuple[str, ...]) -> None:
        self.words = words

    def read(self, data: Any, path: Path, complaints: list[Complaint]) -> str | None:
        if isinstance(data, str | int | float) and str(data) in self.words:
            return str(data)
        hint = did_you_mean(data, self.words) if isinstance(data, str) else None
        listed = ", ".join(self.words)
        complaints.append(Complaint(path, f"{_told(data)} is none of {listed}", hint))
        return None

    def schema(self) -> dict[str, Any]:
        numbers = [float(word) if "." in word else int(word) for word in self.words if _NUMBER.fullmatch(word)]
        return {"enum": [*self.words, *numbers]}


class Flag(Kind):
    """Yes or no."""

    def read(self, data: Any, path: Path, complaints: list[Complaint]) -> bool | None:
        if isinstance(data, bool):
            return data
        complaints.append(Complaint(path, f"{_told(data)} is neither true nor false"))
        return None

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}

    def from_text(self, text: str) -> Any:
        return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(text.lower(), text)


class Number(Kind):
    """A whole number within bounds, both included."""

    def __init__(self, least: int, most: int) -> None:
        self.least = least
        self.most = most

    def read(self, data: Any, path: Path, complaints: list[Complaint]) -> int | None:
        if isinstance(data, int) and not isinstance(data, bool) and self.least <= data <= self.most:
            return data
        complaints.append(Complaint(path, f"{_told(data)} is not a whole number from {self.least} to {self.most}"))
        return None

    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}

    def from_text(self, text: str) -> Any:
        return int(text) if re.fullmatch(r"[-+]?[0-9]{1,18}", text) else text


class Length(Kind):
    """A length of time above zero: `30s`, `5m`, `1h30m`, `1d`, or ISO-8601 as `PT30S`."""

    def read(self, data: Any, path: Path, complaints: list[Complaint]) -> timedelta | None:
        if isinstance(data, str):
            try:
                length = parse_length(data)
            except ValueError as error:
                complaints.append(Complaint(path, str(error)))
                return None
            if length > timedelta():
                return length
        complaints.append(Complaint(path, f"{_told(data)} is not a length of time", "write it as 30s, 5m or PT30S"))
        return None

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^(?:{_LENGTH}|[Pp][0-9.,TtWwDdHhMmSs]+)$"}


class Range(Kind):
    """Versions of Penstock: `>=0.1,<0.3`."""

    def read(self, data: Any, path: Path, complaints: list[Complaint]) -> str | None:
        if not isinstance(data, str):
            complaints.append(Complaint(path, f"{_told(data)} is not a range of versions", "write it as '>=0.1,<1'"))
            return None
        from penstock.settings.version import Requirement

        try:
            Requirement.parse(data)
        except ValueError as error:
            complaints.append(Complaint(path, str(error), "write it as '>=0.1,<1'"))
            return None
        return data

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": r"^\s*(?:~=|==|!=|<=|>=|<|>)", "examples": [">=0.1,<1"]}


class Day(Kind):
    """A day, as 2026-12-31."""

    def read(self, data: Any, path: Path, complaints: list[Complaint]) -> date | None:
        if isinstance(data, str) and re.fullmatch(_DAY, data):
            try:
                return date.fromisoformat(data)
            except ValueError:
                complaints.append(Complaint(path, f"{_told(data)} is not in the calendar"))
                return None
        complaints.append(Complaint(path, f"{_told(data)} is not a day", "write it as 2026-12-31"))
        return None

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "date", "pattern": f"^{_DAY}$"}


class Either(Kind):
    """A single value, or a map that says more; a map is read as `more`, anything else as `plain`."""

    def __init__(self, plain: Kind, more: Record) -> None:
        self.plain = plain
        self.more = more

    def read(self, data: Any, path: Path, complaints: list[Complaint]) -> Any:
        kind: Kind = self.more if isinstance(data, dict) else self.plain
        return kind.read(data, path, complaints)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [self.plain.schema(), self.more.schema()]}


class ListOf(Kind):
    """Values of one kind; a single value stands for a list of one."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind

    def read(self, data: Any, path: Path, complaints: list[Complaint]) -> tuple[Any, ...]:
        if not isinstance(data, list):
            return (self.kind.read(data, path, complaints),)
        return tuple(self.kind.read(each, (*path, at), complaints) for at, each in enumerate(data))

    def schema(self) -> dict[str, Any]:
        one = self.kind.schema()
        return {"anyOf": [one, {"type": "array", "items": one}]}

    def from_text(self, text: str) -> Any:
        return [self.kind.from_text(part.strip()) for part in text.split(",") if part.strip()]


class MapOf(Kind):
    """Values of one kind by name; `names` is what a name must look like."""

    def __init__(self, kind: Kind, names: str = r".+") -> None:
        self.kind = kind
        self.names = names

    def read(self, data: Any, path: Path, complaints: list[Complaint]) -> dict[str, Any] | None:
        if not isinstance(data, dict):
            complaints.append(Complaint(path, f"{_told(data)} is not a map"))
            return None
        found = {}
        for name, value in data.items():
            if not re.fullmatch(self.names, name):
                complaints.append(Complaint((*path, name), f"`{name}` cannot be a name here", unknown=True))
                continue
            found[name] = self.kind.read(value, (*path, name), complaints)
        return found

    def schema(self) -> dict[str, Any]:
        return {"type": "object", "propertyNames": {"pattern": f"^(?:{self.names})$"},
                "additionalProperties": self.kind.schema()}  # fmt: skip


class Record(Kind):
    """A map with known keys; `required` of them must be there. An absent key is absent from what is read."""

    def __init__(self, fields: Mapping[str, tuple[Kind, str]], required: tuple[str, ...] = ()) -> None:
        self.fields = fields
        self.required = required

    def read(self, data: Any, path: Path, complaints: list[Complaint]) -> dict[str, Any] | None:
        if not isinstance(data, dict):
            complaints.append(Complaint(path, f"{_told(data)} is not a map", f"its keys are {', '.join(self.fields)}"))
            return None
        complaints += [unknown_key(key, (*path, key), self.fields) for key in data if key not in self.fields]
        complaints += [Complaint(path, f"`{key}` is missing") for key in self.required if data.get(key) is None]
        return {
            key: kind.read(data[key], (*path, key), complaints)
            for key, (kind, _) in self.fields.items()
            if data.get(key) is not None
        }

    def schema(self) -> dict[str, Any]:
        properties: dict[str, Any] = {}
        for key, (kind, told) in self.fields.items():
            absent = [] if key in self.required else [{"type": "null"}]
            properties[key] = {"description": told, "anyOf": [kind.schema(), *absent]}
        more = {"required": list(self.required)} if self.required else {}
        return {"type": "object", "properties": properties, "additionalProperties": False, **more}


class AnyMap(Kind):
    """A map whose values are not judged here."""

    def read(self, data: Any, path: Path, complaints: list[Complaint]) -> dict[str, Any] | None:
        if isinstance(data, dict):
            return data
        complaints.append(Complaint(path, f"{_told(data)} is not a map"))
        return None

    def schema(self) -> dict[str, Any]:
        return {"type": "object"}


def unknown_key(key: str, path: Path, known: Mapping[str, Any]) -> Complaint:
    """The complaint about a key that nobody knows, with the one that may have been meant."""
    near = suggest(key, known, most=1)
    hint = f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(known)}"
    return Complaint(path, f"there is no setting `{'.'.join(str(part) for part in path)}`", hint, unknown=True)


def parse_length(text: str) -> timedelta:
    """`30s`, `1h30m`, `500ms`, or ISO-8601. Raises ValueError with a sentence."""
    if re.fullmatch(_LENGTH, text):
        units = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
        parts = re.findall(r"([0-9.]+)(ms|[smhd])", text)
        try:
            return sum((timedelta(**{units[unit]: float(number)}) for number, unit in parts), timedelta())
        except OverflowError as error:
            raise ValueError(f"`{text}` is longer than can be counted") from error
    from penstock.duration import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise ValueError(f"`{text}` is not a length of time such as 30s, 5m, 1h30m or PT30S") from error


_LENGTH = r"(?:[0-9]+(?:\.[0-9]+)?(?:ms|[smhd]))+"
_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")


def _told(data: Any) -> str:
    """A value in a message: short, and one that cannot be mistaken for prose."""
    if data is None:
        return "nothing"
    if isinstance(data, dict):
        return "a map"
    if isinstance(data, list):
        return "a list"
    text = str(data).lower() if isinstance(data, bool) else str(data)
    return f"`{text if len(text) <= 60 else text[:59] + '…'}`"
