"""What flows read from the stores of a namespace and nothing in the repository puts there: for information."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.diagnostic import Diagnostic, Severity
from penstock.validation.across.repository import Repository


def namespace_files_are_provided(repository: Repository) -> Iterator[Diagnostic]:
    """PEN510: someone may have uploaded it."""
    for one in repository.told:
        for read in one.facts.files_read:
            if not repository.provides(read.namespace, read.name):
                message = f"nothing here provides the file `{read.name}` of the namespace `{read.namespace}`"
                yield one.finding("PEN510", Severity.INFO, message, read.at)


def keys_are_set(repository: Repository) -> Iterator[Diagnostic]:
    """PEN511: someone may have set it by hand."""
    for one in repository.told:
        for read in one.facts.keys_read:
            if not repository.sets(read.namespace, read.name):
                message = f"nothing here sets the key `{read.name}` of the namespace `{read.namespace}`"
                yield one.finding("PEN511", Severity.INFO, message, read.at)
