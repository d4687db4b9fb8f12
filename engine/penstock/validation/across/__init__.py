"""What must hold between the flows of a repository: one function, one code each, over the facts of all files.

They are pure, know no order of files, and cost about as much as there are facts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from penstock.diagnostic import Diagnostic
from penstock.validation.across import circles, interface, names, stores
from penstock.validation.across.repository import NamespaceTree, Repository, Told

Rule = Callable[[Repository], Iterator[Diagnostic]]

ACROSS: tuple[Rule, ...] = (
    names.one_file_for_a_flow,
    names.called_flows_exist,
    interface.inputs_are_declared,
    interface.needed_inputs_are_given,
    interface.read_outputs_are_declared,
    interface.revisions_can_be_known,
    circles.calls_end,
    names.awaited_flows_exist,
    interface.awaited_outputs_are_declared,
    stores.namespace_files_are_provided,
    stores.keys_are_set,
    circles.triggers_end,
)

__all__ = ["ACROSS", "NamespaceTree", "Repository", "Rule", "Told", "held_against_one_another"]


def held_against_one_another(repository: Repository) -> list[Diagnostic]:
    """What all rules find, each once."""
    return list(dict.fromkeys(found for rule in ACROSS for found in rule(repository)))
