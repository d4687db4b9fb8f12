"""The types that call executions: each says how many, and what their ends amount to. Nothing else differs."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.execution.executable.base import Call, Executable, Outcome
from penstock.execution.executable.items import ForEachItemExecutable
from penstock.execution.executable.loop import Loop
from penstock.execution.executable.subflow import Subflow
from penstock.flow.foreach_item import ITEMS

EXECUTABLES: Mapping[str, Executable] = {
    "io.kestra.plugin.core.flow.Subflow": Subflow(),
    ITEMS: ForEachItemExecutable(),
    "io.kestra.plugin.core.flow.Loop": Loop(),
}
"""Every executable type that can be decided, by its canonical name."""

__all__ = ["EXECUTABLES", "Call", "Executable", "Outcome"]
