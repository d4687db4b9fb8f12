"""Where a flow that is called is found: among what is deployed, as it was when the caller began (P5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from penstock.agent.calling import Callee
from penstock.diagnostic import FlowName
from penstock.errors import NotFound
from penstock.execution.model import Execution
from penstock.flow.model import Flow
from penstock.ports.deployment import Deployed
from penstock.ports.store import Store

PINNED = ("repository", "files", "within")
"""What a child has from its caller: the repository, the tree of the namespace files, the generation in force."""


@dataclass(frozen=True, slots=True)
class DeployedCallees:
    """`flow_of` gives the flow of a deployed revision. Thread-safe."""

    store: Store
    flow_of: Callable[[Deployed], Flow]

    def callee(self, caller: Execution, name: FlowName, revision: int | None) -> Callee:
        found = self._revision(caller, name, revision)
        if found is None:
            raise NotFound(
                f"the flow {name} is not deployed" + (f" as revision {revision}" if revision is not None else ""),
                help="`penstock agent status` lists what is",
            )
        source = {
            "commit": found.commit,
            "path": found.path,
            "blob": found.blob,
            "dirty": False,
            "generation": found.generation,
            **{key: caller.source[key] for key in PINNED if key in caller.source},
        }
        return Callee(self.flow_of(found), found.source_digest, found.revision, source)

    def _revision(self, caller: Execution, name: FlowName, revision: int | None) -> Deployed | None:
        """The named revision; else the one that was in force when the first of the callers began."""
        if revision is not None:
            return next((each for each in self.store.revisions(name) if each.revision == revision), None)
        within, now = caller.source.get("within"), self.store.generation()
        if within is None or now is None or now.number == within:
            return self.store.deployed_flow(name)
        return next((each for each in self.store.revisions(name) if each.generation <= within), None)
