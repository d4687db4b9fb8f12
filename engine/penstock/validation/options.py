"""How the flows of a repository are judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock.diagnostic import Severity
from penstock.flow.words import Dialect

if TYPE_CHECKING:  # a repository that says nothing of either starts without them
    from penstock.flow.defaults import Default
    from penstock.settings import Settings
    from penstock.validation.decisions import Decisions


@dataclass(frozen=True, slots=True)
class Options:
    """`defaults` and `decisions` are the repository's; no decisions: it has decided nothing. A verdict depends on all
    but the decisions, and of those on what is asked for."""

    dialect: Dialect = Dialect.AUTO
    unknown_types: Severity | None = Severity.ERROR
    defaults: tuple[Default, ...] = ()
    decisions: Decisions | None = None

    @property
    def asked_for(self) -> tuple[str, ...]:
        """Codes that are off by default, and that this repository wants to be told."""
        if self.decisions is None:
            return ()
        from penstock.flow.codes import ASKED

        return tuple(code for code in sorted(ASKED) if self.decisions.is_on(code))


def options_of(settings: Settings, *, dialect: str | None = None, unknown_types: str | None = None) -> Options:
    """What the settings of a repository say, but for what a person says otherwise."""
    severities = {"error": Severity.ERROR, "warning": Severity.WARNING}
    return Options(
        Dialect(dialect or settings.dialect),
        severities.get(unknown_types or settings.unknown_types),
        _defaults(settings),
        _decisions(settings),
    )


def _defaults(settings: Settings) -> tuple[Default, ...]:
    if not settings.defaults:
        return ()
    from penstock.flow.defaults import outside_defaults

    return outside_defaults(settings.defaults)


def _decisions(settings: Settings) -> Decisions | None:
    if not settings.rules:
        return None
    from penstock.validation.decisions import decisions_of

    return decisions_of(settings)
