"""Types of the family `flow` that do not run here: templates, and the housekeeping of a server."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from penstock.tasks.base import Properties
from penstock.tasks.catalogue.shapes import OfNamespaces
from penstock.tasks.markers import Dynamic, Tasks, Text


class Template(Properties):
    """Runs the tasks of a template, which the server keeps."""

    namespace: Dynamic[Text] = Field(description="Namespace of the template")
    template_id: Dynamic[Text] = Field(description="Name of the template")
    args: Dynamic[dict[str, Any] | None] = Field(None, description="What the template sees as `parent.outputs.args`")
    errors: Tasks | None = Field(None, description="What is done when a task within has failed")
    tenant_id: Text | None = Field(None, description="Kept by the server")


# ── housekeeping ──


class OldRevisions(Properties):
    """Which revisions of a flow are old. The latest never is."""

    type: str = Field(pattern="^version$", description="`version`")
    before: Text | None = Field(None, description="Those from before this moment")
    keep_amount: int | None = Field(None, ge=0, description="All but so many of the latest")


class PurgeFlows(OfNamespaces):
    """Deletes old revisions of flows."""

    flow_pattern: Dynamic[Text | None] = Field(None, description="A glob of flows by name")
    behavior: Dynamic[OldRevisions | None] = Field(None, description="Which revisions are old; all but one by default")
