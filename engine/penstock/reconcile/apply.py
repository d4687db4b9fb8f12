"""Carrying a plan out: one transaction that publishes the generation, all of it or nothing."""

from __future__ import annotations

from datetime import datetime

from penstock.ports.store import Observation, Store
from penstock.reconcile.plan import Action, Plan


def apply_plan(plan: Plan, store: Store, *, source: str, at: datetime, problem: str | None = None) -> int:
    """Deploy what the plan says; how many flows it changed. May be called again: then it changes nothing."""
    changed = [step for step in plan.steps if step.action is not Action.UNCHANGED]
    store.deploy(
        accepted=[step.after for step in changed if step.after is not None],
        removed=[step.flow for step in changed if step.action is Action.REMOVE],
        observation=Observation(source, plan.commit, at, problem),
    )
    return len(changed)
