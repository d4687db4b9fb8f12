"""What is told of one code beside its title and its mend: why it matters, and how it looks wrong and right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Example = str | Mapping[str, str]
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
