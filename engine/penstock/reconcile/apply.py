"""From a plan to what is published: the generation as it will be in force, for one transaction. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from penstock.diagnostic import FlowName
from penstock.ports.deployment import Deployed, Generation, Publication, TreeFile, TreeMark
from penstock.reconcile.desired import Acceptable
from penstock.reconcile.plan import Action, Plan, Step

_TAKEN = (Action.CREATE, Action.UPDATE, Action.REFILE)
_MOVING = (Action.CREATE, Action.UPDATE, Action.REFILE, Action.REMOVE)


@dataclass(frozen=True, slots=True)
class Standing:
    """What the store says before: flows in force, the highest revision each name ever had, the generation."""

    deployed: Mapping[FlowName, Deployed]
    last_revisions: Mapping[FlowName, int]
    generation: Generation | None


def publication(
    plan: Plan,
    standing: Standing,
    acceptable: Callable[[TreeFile], Acceptable],
    *,
    mark: TreeMark,
    files: tuple[TreeFile, ...],
    gone: tuple[str, ...],
    is_whole: bool,
    at: datetime,
    has_other_files: bool = False,
) -> Publication:
    """All that one reconciliation changes. Only what alters what is in force begins a generation: flows, and files of
    namespaces (`has_other_files`: they differ from those of the generation before)."""
    number = (standing.generation.number if standing.generation is not None else 0) + 1
    accepted: list[Deployed] = []
    texts: dict[str, bytes] = {}
    for step in plan.steps:
        if step.action in _TAKEN and step.file is not None:
            taken = acceptable(step.file)
            texts[taken.text_digest] = taken.text
            accepted.append(_taken(step, step.file, taken, standing, plan.commit, number, at))
        elif step.action is Action.HOLD:
            last_good = standing.deployed.get(step.flow)
            if last_good is not None and last_good.problem != step.reason:
                accepted.append(replace(last_good, problem=step.reason))
    begins = has_other_files or bool(plan.of(*_MOVING))
    return Publication(
        generation=Generation(number, mark.source, plan.commit, at) if begins else None,
        accepted=tuple(accepted),
        removed=tuple(step.flow for step in plan.of(Action.REMOVE)),
        texts=texts,
        mark=mark,
        files=files,
        gone=gone,
        is_whole=is_whole,
    )


def _taken(
    step: Step, file: TreeFile, taken: Acceptable, standing: Standing, commit: str, generation: int, at: datetime
) -> Deployed:
    before = standing.deployed.get(step.flow)
    means_the_same = step.action is Action.REFILE and before is not None
    assert file.canonical_digest is not None
    return Deployed(
        flow=step.flow,
        revision=before.revision if means_the_same and before else standing.last_revisions.get(step.flow, 0) + 1,
        canonical_digest=file.canonical_digest,
        source_digest=taken.text_digest,
        path=file.path,
        blob=file.blob,
        commit=commit,
        accepted=before.accepted if means_the_same and before else at,
        generation=generation,
        disabled=taken.disabled,
        blocked=taken.blocked,
        triggers=taken.triggers,
        dialect=taken.dialect,
    )
