"""What a runner hears in the output of a step: its workflow commands, and the lines that are none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_COMMAND = re.compile(r"^\s*::([a-zA-Z][\w-]*)(?: (.*?))?::(.*)$")
_OLD = re.compile(r"^\s*##\[([a-zA-Z][\w-]*)[^\]]*\](.*)$")
_HARMLESS = {"debug", "notice", "warning", "error", "group", "endgroup", "add-mask", "stop-commands"}


@dataclass(frozen=True)
class Annotation:
    """What is shown beside a line of the pull request."""

    severity: str
    message: str
    properties: Mapping[str, str]


@dataclass
class Log:
    """`lines` is what a person reads; `forbidden` are commands that would change the job."""

    lines: list[str] = field(default_factory=list)
    annotations: list[Annotation] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    masks: list[str] = field(default_factory=list)
    forbidden: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def hear(self, output: str) -> None:
        """One step's whole output. Commands between `stop-commands` and its token are lines."""
        stopped = ""
        for line in re.split(r"\r\n|\r|\n", output.removesuffix("\n")) if output else ():
            if stopped:
                if line.strip() == f"::{stopped}::":
                    stopped = ""
                else:
                    self.lines.append(line)
                continue
            stopped = self._line(line)

    def _line(self, line: str) -> str:
        """The token that commands are stopped by, when the line stops them."""
        old = _OLD.match(line)
        command = _COMMAND.match(line)
        if old is not None:
            self.forbidden.append(line)
        if command is None:
            self.lines.append(line)
            return ""
        name, data = command[1].lower(), _unescaped(command[3])
        if name == "stop-commands":
            return command[3].strip()
        if name not in _HARMLESS:
            self.forbidden.append(line)
        elif name == "group":
            self.groups.append(data)
        elif name == "add-mask":
            self.masks.append(data)
        elif name in ("notice", "warning", "error"):
            self.annotations.append(Annotation(name, data, _properties(command[2] or "")))
        return ""


def _properties(text: str) -> dict[str, str]:
    found = {}
    for pair in text.strip().split(","):
        name, _, value = pair.partition("=")
        if name:
            found[name] = _unescaped(value).replace("%3A", ":").replace("%2C", ",")
    return found


def _unescaped(text: str) -> str:
    return text.replace("%0D", "\r").replace("%0A", "\n").replace("%3A", ":").replace("%2C", ",").replace("%25", "%")
