"""What is told of one code beside its title and its mend: why it matters, and how it looks wrong and right."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from textwrap import dedent

EXAMPLE_FILE = "flows/example.yaml"

_OWN_TASKS = re.compile(r"^tasks:", re.MULTILINE)
_HEAD = "id: example\nnamespace: company.team\n"
_TASKS = "tasks:\n  - id: hello\n    type: io.kestra.plugin.core.log.Log\n    message: Hello\n"


@dataclass(frozen=True, slots=True)
class Made:
    """The bytes of a flow that no page could show; `told` says in one sentence what they are."""

    told: str
    make: Callable[[], bytes]


Example = str | Mapping[str, str] | Made
"""The text of one flow, or texts by path where it takes several files (`penstock.yaml` may be one of them)."""


@dataclass(frozen=True, slots=True)
class Guide:
    """`wrong` gives a finding of this code when it is validated, and `right` gives no finding but notes.

    `why` is Markdown, one paragraph or two. `asked` marks a rule that is off until a repository turns it on.
    """

    code: str
    why: str
    wrong: Example
    right: Example
    asked: bool = False


def flow(text: str) -> str:
    """A whole flow: its id and namespace, then `text`, then a task where the text names none."""
    body = dedent(text).strip("\n") + "\n" if text else ""
    return _HEAD + body + ("" if _OWN_TASKS.search(body) else _TASKS)


def files_of(example: Example) -> dict[str, bytes]:
    """The files of an example by path."""
    match example:
        case str():
            return {EXAMPLE_FILE: example.encode()}
        case Made():
            return {EXAMPLE_FILE: example.make()}
    return {path: text.encode() for path, text in example.items()}
