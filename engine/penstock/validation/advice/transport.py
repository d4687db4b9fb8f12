"""Addresses: whether what is sent can be read on the way."""

from __future__ import annotations

import re

from penstock.diagnostic import Edit, Severity
from penstock.flow.survey import Survey
from penstock.validation.advice.scalars import Scalar, scalars, vocabulary

_CLEAR = r"(?i)\s*(http)://(?:[^/\s?#@]*@)?(\[[^\]]*\]|[^/\s:?#]*)"
_ADDRESS = r"(?i)(?:ur[il]|endpoint|registry|host|server|address|webhook)s?$"
_LISTED = frozenset({"tasks", "errors", "finally", "afterExecution", "listeners", "triggers", "pluginDefaults"})
_NEAR = r"""(?ix)localhost | .*\.(?:localhost|local|internal|lan|home\.arpa|svc|test) | .*\.svc\.cluster\.local
      | 127(?:\.\d+){3} | 10(?:\.\d+){3} | 192\.168(?:\.\d+){2} | 172\.(?:1[6-9]|2\d|3[01])(?:\.\d+){2}
      | 169\.254(?:\.\d+){2} | 0\.0\.0\.0 | \[.*\] | [^.]*"""
"""What does not leave the machine, or a network of one's own: names without a dot are those of services."""


def addresses_use_tls(survey: Survey) -> None:
    """PEN605: an address beyond one's own network begins with https."""
    if "http://" not in survey.once(vocabulary).folded:
        return
    for scalar in survey.once(scalars):
        if not isinstance(scalar.value, str) or scalar.path[0] not in _LISTED or not _is_address(scalar):
            continue
        match = re.match(_CLEAR, scalar.value)
        if match is None or "{" in match[2] or re.fullmatch(_NEAR, match[2]):
            continue
        where = survey.document.within(scalar.place, scalar.value, match.start(1), len("http"))
        survey.report(
            "PEN605", f"what is exchanged with {match[2]} can be read on the way", scalar.path, where=where,
            severity=Severity.WARNING, fix=Edit(where, "https", safe=False),
        )  # fmt: skip


def _is_address(scalar: Scalar) -> bool:
    key = scalar.key
    return key is not None and re.search(_ADDRESS, key) is not None
