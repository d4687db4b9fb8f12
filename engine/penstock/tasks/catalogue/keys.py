"""Tasks about what is kept between executions: keys with values, and states, which are older."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from penstock.tasks.base import Properties
from penstock.tasks.catalogue.shapes import Mapping, OfNamespaces
from penstock.tasks.markers import Duration, Dynamic, Text, told


class Key(Properties):
    """Which key."""

    key: Dynamic[Text] = Field(description="The key")
    namespace: Dynamic[Text | None] = Field(None, description="Its namespace; that of the flow without")


class KvType(StrEnum):
    STRING = "STRING"
    NUMBER = "NUMBER"
    BOOLEAN = "BOOLEAN"
    DATETIME = "DATETIME"
    DATE = "DATE"
    DURATION = "DURATION"
    JSON = "JSON"


class SetKey(Key):
    """Keeps a value under a key."""

    value: Dynamic[Any] = Field(description="The value")
    overwrite: Dynamic[bool] = Field(True, description="Replace a value that is there; otherwise it fails the task")
    ttl: Dynamic[Duration | None] = Field(None, description="How long it is kept; for good without")
    kv_type: Dynamic[KvType | None] = Field(None, description="What the value is kept as; text without")
    kv_description: Dynamic[str | None] = Field(None, description="What the value is for")


class GetKey(Key):
    """Gets the value of a key."""

    error_on_missing: Dynamic[bool] = Field(False, description="Fail when there is none")


class DeleteKey(GetKey):
    """Deletes a key with its value."""


class GetKeys(Properties):
    """Lists keys."""

    prefix: Dynamic[Text | None] = Field(None, description="What they begin with")
    namespace: Dynamic[Text | None] = Field(None, description="Their namespace; that of the flow without")


class Versions(Properties):
    """Old versions of what has several. The last one is never old by its date."""

    before: Dynamic[Text | None] = Field(None, description="Versions from before this moment")
    keep_amount: Dynamic[int | None] = Field(None, ge=0, description="All but so many of the latest")


class OldVersions(Versions):
    """Have old versions deleted."""

    type: Literal["version"] = Field(description="`version`")


class WholeKeys(Properties):
    """Have whole keys deleted."""

    type: Literal["key"] = Field(description="`key`")
    expired_only: Dynamic[bool] = Field(True, description="Only those whose time is over")


class PurgeKeys(OfNamespaces):
    """Deletes keys, or old versions of their values."""

    key_pattern: Dynamic[Text | None] = Field(None, description="A glob of keys")
    behavior: Dynamic[WholeKeys | OldVersions | None] = Field(
        None, description="What is deleted; expired keys by default", json_schema_extra=told(since="1.3")
    )
    expired_only: Dynamic[bool | None] = Field(
        None,
        description="Older spelling of `behavior` with `type: key`",
        json_schema_extra=told(old=True),
    )


# ── states ──


class State(Properties):
    """Which state."""

    name: Dynamic[Text] = Field("default", description="Its name")
    namespace: Dynamic[bool] = Field(False, description="Share it among the flows of the namespace")
    taskrun_value: Dynamic[bool] = Field(True, description="In a loop, keep one for each value")


class SetState(State):
    """Keeps values, merged into those that are kept."""

    data: Dynamic[Mapping | None] = Field(None, description="The values by name")


class GetState(State):
    """Gets the values that are kept."""

    error_on_missing: Dynamic[bool] = Field(False, description="Fail when there is none")


class DeleteState(State):
    """Deletes the values that are kept."""

    error_on_missing: Dynamic[bool] = Field(False, description="Fail when there is none")
