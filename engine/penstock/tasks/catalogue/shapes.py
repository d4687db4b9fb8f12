"""Shapes that several families share: lists that may be JSON text, selections of namespaces, time zones."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from penstock.execution.state import State
from penstock.tasks.base import Properties
from penstock.tasks.common_models import Label
from penstock.tasks.markers import Dynamic, Scalars, Text

Texts = list[Text] | str
"""A list of texts, or text that is one: a JSON array."""

Mapping = dict[str, Any] | str
"""A mapping, or text that is one: a JSON object."""

States = list[State] | str
"""A list of states, or text that is one."""

GivenLabels = Scalars | list[Label] | str
"""Labels as a mapping, as a list of `key` and `value`, or as text that is one of them."""


class OfAnExecution(Properties):
    """Which execution is meant."""

    namespace: Dynamic[Text | None] = Field(None, description="Namespace of the execution's flow")
    flow_id: Dynamic[Text | None] = Field(None, description="Flow of the execution")
    execution_id: Dynamic[Text | None] = Field(None, description="The execution; the one that is running without")


class WithinDates(Properties):
    """What is of a flow or namespace, and old enough."""

    namespace: Dynamic[Text | None] = Field(
        None, description="Namespace of the flow; without a flow, all namespaces that begin so"
    )
    flow_id: Dynamic[Text | None] = Field(None, description="The flow, where it is about one")
    start_date: Dynamic[Text | None] = Field(None, description="Nothing from before this moment")
    end_date: Dynamic[Text] = Field(description="Nothing from after this moment")


class OfNamespaces(Properties):
    """Which namespaces are cleared."""

    namespaces: Dynamic[Texts | None] = Field(None, description="The namespaces; all of them without")
    namespace_pattern: Dynamic[Text | None] = Field(None, description="A glob of namespaces, instead of naming them")
    include_child_namespaces: Dynamic[bool | None] = Field(
        None, description="Whether namespaces below them are cleared too, which is done by default"
    )
