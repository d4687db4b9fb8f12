"""Models of the types that this version knows and cannot run: what may stand in a flow, family by family.

A type that learns to run takes its model along: it moves from `KNOWN` to the tables of `penstock.tasks.registry`.
"""

from __future__ import annotations

KNOWN: dict[str, str] = {}
"""By name, the model of a type's properties as `module:Class`."""
