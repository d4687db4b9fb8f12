"""Where the objects of a push lie while a `pre-receive` hook is asked: git tells the hook by variables.

Until the hook has agreed they are in a folder of their own, which reads the repository's objects as alternates
(git-receive-pack, "Quarantine environment"). All other variables of a hook's environment stay withheld.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

_NAMES = ("GIT_QUARANTINE_PATH", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES")


def quarantine(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables that lead a reader to the objects of the push; none outside of `pre-receive`."""
    return {name: environ[name] for name in _NAMES if environ.get(name)} if environ.get(_NAMES[0]) else {}
