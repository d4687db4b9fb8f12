"""Brings what is deployed to what the branch's head wants. Whatever fails, the last good state stays in force (P6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from penstock.errors import PenstockError
from penstock.flow.catalog import load_catalog
from penstock.flow.model import Dialect, Flow
from penstock.ports.clock import Clock
from penstock.ports.git import Mirror
from penstock.ports.store import Observation, Store
from penstock.reconcile.apply import apply_plan
from penstock.reconcile.desired import Desired, SourceFile, desire
from penstock.reconcile.layout import is_flow_path
from penstock.reconcile.plan import Action, Plan, make_plan


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What one reconciliation saw and did."""

    desired: Desired
    plan: Plan
    changed: int


@dataclass(slots=True)
class Reconciler:
    """`source` names the repository and branch in the store; `pin` keeps the text of a flow that is accepted."""

    mirror: Mirror
    store: Store
    clock: Clock
    source: str
    prefix: str
    dialect: Dialect
    pin: Callable[[Flow, bytes], str]

    def step(self) -> Reconciled:
        """Fetch, read, plan, apply. Raises what the mirror raises, after noting it as the last observation."""
        try:
            commit = self.mirror.fetch()
        except PenstockError as error:
            last = self.store.observation(self.source)
            seen = last.commit if last is not None else None
            self.store.observe(Observation(self.source, seen, self.clock.now(), error.message))
            raise
        blobs = [blob for blob in self.mirror.blobs(commit) if is_flow_path(blob.path, self.prefix)]
        files = [SourceFile(blob.path, blob.id, content) for blob, content in self.mirror.read(blobs)]
        desired = desire(files, load_catalog(), self.dialect)
        now = self.clock.now()
        plan = make_plan(desired, self.store.deployed(), commit=commit, now=now)
        for step in plan.steps:
            if step.action in (Action.CREATE, Action.UPDATE) and step.flow in desired.flows:
                wanted = desired.flows[step.flow]
                self.pin(wanted.flow, wanted.source)
        self.mirror.keep(commit)
        invalid = sum(each.is_error for each in desired.diagnostics)
        problem = f"{invalid} errors in its files" if invalid else None
        changed = apply_plan(plan, self.store, source=self.source, at=now, problem=problem)
        return Reconciled(desired, plan, changed)
