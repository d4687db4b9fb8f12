"""Programs as processes of this machine: they outlive the agent, are found again, and end as a whole tree."""

from __future__ import annotations

from penstock.adapters.process.cgroup import delegated_group
from penstock.adapters.process.runner import ProcessRunner

__all__ = ["ProcessRunner", "delegated_group"]
