"""The inputs of a list as YAML gave them: those within forms by their full ids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from penstock.flow.words import InputType


@dataclass(frozen=True, slots=True)
class Leaf:
    """One input of a list as YAML gave it: where it stands in the list, what expressions name it, the form around it.

    A FORM is no input itself: those within it lie under its id (Kestra 2.0, FormInput).
    """

    path: tuple[str | int, ...]
    raw: Mapping[str, Any]
    name: str | None
    form: Mapping[str, Any] | None = None

    @property
    def is_needed(self) -> bool:
        """Whether it must be given a value, where it is asked for."""
        return self.raw.get("required") is not False and self.raw.get("defaults") is None

    @property
    def is_conditional(self) -> bool:
        """Whether it, or the form around it, depends on others."""
        return bool(self.raw.get("dependsOn")) or bool(self.form and self.form.get("dependsOn"))


def leaves(entries: Sequence[Any]) -> Iterator[Leaf]:
    """The inputs of a list, forms opened. What is no mapping is left out."""
    for at, raw in enumerate(entries):
        if not isinstance(raw, Mapping):
            continue
        name = name_of(raw)
        within = raw.get("inputs") if raw.get("type") == InputType.FORM else None
        if not isinstance(within, list):
            yield Leaf((at,), raw, name)
            continue
        for index, child in enumerate(within):
            if isinstance(child, Mapping):
                own = name_of(child)
                full = f"{name}.{own}" if name is not None and own is not None else own
                yield Leaf((at, "inputs", index), child, full, raw)


def name_of(raw: Mapping[str, Any]) -> str | None:
    """An input's id, or its older spelling `name`."""
    name = raw.get("id", raw.get("name"))
    return name if isinstance(name, str) else None
