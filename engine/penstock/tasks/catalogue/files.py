"""Tasks about files: those that executions keep, and those of namespaces."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from penstock.tasks.base import Properties
from penstock.tasks.calls import Batch
from penstock.tasks.catalogue.keys import OldVersions
from penstock.tasks.catalogue.shapes import Mapping, OfNamespaces, Texts, WithinDates
from penstock.tasks.markers import Dynamic, Sees, Text, told


class Concat(Properties):
    """Joins files into one."""

    files: Dynamic[Texts] = Field(description="URIs of the files: a list, or JSON text")
    separator: Dynamic[str | None] = Field(None, description="What is written after each; nothing without")
    extension: Dynamic[str] = Field(".tmp", description="Ending of the name of the new file")


class FromFile(Properties):
    """Which file is read."""

    from_: Dynamic[Text] = Field(alias="from", description="URI of the file")


class Split(Batch, FromFile):
    """Splits a file at ends of lines."""


class Reverse(FromFile):
    """Writes the lines of a file in reverse order."""

    separator: Dynamic[str] = Field("\n", description="What ends a line")
    charset: Dynamic[str] = Field("UTF-8", description="How the text is encoded")


class Size(Properties):
    """Tells how many bytes a file has."""

    uri: Dynamic[Text] = Field(description="URI of the file")


class Delete(Size):
    """Deletes a file."""

    error_on_missing: Dynamic[bool] = Field(False, description="Fail when there is none")


class Write(Properties):
    """Writes a text into a file."""

    content: Dynamic[Text] = Field(description="The text")
    extension: Dynamic[str | None] = Field(None, description="Ending of the name of the file")


class DeduplicateItems(FromFile):
    """Keeps the last of all rows of a file that have the same key."""

    expr: Annotated[Dynamic[Text], Sees(("*",))] = Field(
        description="An expression that gives the key of a row from its fields"
    )


class FilterType(StrEnum):
    INCLUDE = "INCLUDE"
    EXCLUDE = "EXCLUDE"


class ErrorOrNullBehavior(StrEnum):
    FAIL = "FAIL"
    INCLUDE = "INCLUDE"
    EXCLUDE = "EXCLUDE"


class FilterItems(FromFile):
    """Keeps the rows of a file that fulfil an expression, or drops them."""

    filter_condition: Annotated[Dynamic[Text], Sees(("*",))] = Field(
        description="An expression over the fields of a row"
    )
    filter_type: Dynamic[FilterType] = Field(FilterType.INCLUDE, description="Whether such rows are kept or dropped")
    error_or_null_behavior: Dynamic[ErrorOrNullBehavior] = Field(
        ErrorOrNullBehavior.FAIL, description="What is done with a row for which the expression gives nothing"
    )


class LocalFiles(Properties):
    """Puts files into a working directory, and keeps files from there."""

    inputs: Dynamic[Mapping | None] = Field(None, description="Path to text or URI, or that as JSON text")
    outputs: Dynamic[Texts | None] = Field(None, description="Globs of the files that are kept")


class PurgeCurrentExecutionFiles(Properties):
    """Deletes the files that this execution has kept."""


class PurgeStorage(WithinDates):
    """Deletes old files of executions, whether their executions are still known or not."""

    dry_run: Dynamic[bool] = Field(True, description="Only count them; nothing is deleted unless this is false")


# ── of namespaces ──


class Conflict(StrEnum):
    OVERWRITE = "OVERWRITE"
    ERROR = "ERROR"
    SKIP = "SKIP"


class UploadFiles(Properties):
    """Puts files into a namespace."""

    namespace: Dynamic[Text] = Field(description="The namespace")
    files: Dynamic[list[Text] | dict[str, Text] | str | None] = Field(
        None, description="Globs and URIs in a list, or the path in the namespace to the URI of each"
    )
    files_map: Dynamic[Mapping | None] = Field(None, description="Path in the namespace to the URI of each")
    destination: Dynamic[Text] = Field("/", description="The folder in which the files of a list are put")
    conflict: Dynamic[Conflict] = Field(Conflict.OVERWRITE, description="What is done about a file that is there")


class DownloadFiles(Properties):
    """Gets files of a namespace."""

    namespace: Dynamic[Text] = Field(description="The namespace")
    files: Dynamic[Texts] = Field(description="Globs and paths: a list, or one")
    destination: Dynamic[Text] = Field("", description="The folder that their paths begin with")


class DeleteFiles(Properties):
    """Deletes files of a namespace."""

    namespace: Dynamic[Text] = Field(description="The namespace")
    files: Dynamic[Texts] = Field(description="Globs and paths: a list, or one")
    delete_parent_folder: Dynamic[bool] = Field(
        False, description="Delete folders that are empty then", json_schema_extra=told(since="1.0")
    )


class PurgeFiles(OfNamespaces):
    """Deletes old versions of the files of namespaces."""

    file_pattern: Dynamic[Text | None] = Field(None, description="A glob of paths")
    behavior: Dynamic[OldVersions | None] = Field(None, description="Which versions are old; all but one by default")
