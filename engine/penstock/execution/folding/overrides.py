"""What events change by which people speak over the engine's head."""

from __future__ import annotations

from penstock.execution.draft import Draft
from penstock.execution.event import LabelsSet, RunForced, StatusChanged, Unqueued
from penstock.execution.folding.whole import end, go_on, move

Override = LabelsSet | RunForced | StatusChanged | Unqueued


def fold_override(draft: Draft, event: Override) -> None:
    match event:
        case RunForced():
            if draft.held:
                go_on(draft, event.at)
            draft.held, draft.queued, draft.forced = False, False, True
        case Unqueued():
            draft.queued = False
            if event.state.is_terminal:
                end(draft, event.at, event.state)
        case StatusChanged():
            move(draft, event.at, event.state)
            draft.outcome += 1
        case LabelsSet():
            draft.labels = event.labels
