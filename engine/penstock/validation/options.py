"""How the flows of a repository are judged."""

from __future__ import annotations

from dataclasses import dataclass, field

from penstock.diagnostic import Severity
from penstock.flow.codes import ASKED
from penstock.flow.defaults import Default, outside_defaults
from penstock.flow.words import Dialect
from penstock.settings import Settings
from penstock.validation.decisions import Decisions, decisions_of


@dataclass(frozen=True, slots=True)
class Options:
    """`defaults` and `decisions` are the repository's. A verdict depends on all but the decisions, and of
    those on what is asked for."""

    dialect: Dialect = Dialect.AUTO
    unknown_types: Severity | None = Severity.ERROR
    defaults: tuple[Default, ...] = ()
    decisions: Decisions = field(default_factory=Decisions)

    @property
    def asked_for(self) -> tuple[str, ...]:
        """Codes that are off by default, and that this repository wants to be told."""
        return tuple(code for code in sorted(ASKED) if self.decisions.is_on(code))


def options_of(settings: Settings, *, dialect: str | None = None, unknown_types: str | None = None) -> Options:
    """What the settings of a repository say, but for what a person says otherwise."""
    severities = {"error": Severity.ERROR, "warning": Severity.WARNING}
    return Options(
        Dialect(dialect or settings.dialect),
        severities.get(unknown_types or settings.unknown_types),
        outside_defaults(settings.defaults),
        decisions_of(settings),
    )
