"""The shapes of a plan and of a deployment, wherever they are printed."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict


class ChangeRecord(TypedDict):
    """One flow, or one namespace file."""

    kind: Annotated[Literal["flow", "file"], "What it is"]
    action: Annotated[
        Literal["create", "update", "drifted", "delete", "unchanged", "left"],
        "`drifted` was changed there and is put right; `left` is wanted no more, and stays without --prune",
    ]
    namespace: str
    id: Annotated[str | None, "Of a flow"]
    file: Annotated[str | None, "The path of a namespace file"]
    source: Annotated[str | None, "The file in the repository; null for what is not wanted"]
    reason: Annotated[str, "Why; empty for what is unchanged"]


class CountsRecord(TypedDict):
    """How many of each."""

    create: int
    update: int
    drifted: int
    delete: int
    unchanged: int
    left: int


class PlanRecord(TypedDict):
    """What `penstock plan -o json` prints."""

    schemaVersion: Literal[1]
    outcome: Annotated[Literal["changed", "unchanged"], "Whether deploying would change anything"]
    target: str
    owner: Annotated[str, "Whose flows these are: only what it has deployed is ever deleted"]
    summary: CountsRecord
    changes: Annotated[list[ChangeRecord], "In the order in which they are carried out"]


class ResultRecord(ChangeRecord):
    """A change, and what came of it."""

    outcome: Annotated[Literal["done", "failed", "skipped"], "`skipped` was not tried"]
    message: Annotated[str, "What the target said, or why it was not tried"]


class DeploymentRecord(TypedDict):
    """What `penstock deploy -o json` prints."""

    schemaVersion: Literal[1]
    outcome: Annotated[
        Literal["unchanged", "deployed", "partly", "failed"], "`partly`: run it again, and it goes on where it was"
    ]
    target: str
    owner: str
    summary: Annotated[CountsRecord, "What was done; `unchanged` and `left` as the plan has them"]
    failed: int
    skipped: int
    results: Annotated[list[ResultRecord], "In the order of the plan"]
