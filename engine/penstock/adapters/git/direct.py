"""The same git, started without GitPython: importing that takes longer than all that is asked here."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

from penstock.adapters.git.command import INSTALL, NO_GIT, GitCommand, withheld_names
from penstock.errors import Retryable, Stalled


class DirectGit(GitCommand):
    """For readers whom a person waits for (`diff`, `validate --at`, the hooks); an agent has long imported everything.

    What is switched off, withheld and bounded is the same.
    """

    def _start(self, args: Sequence[str], stdin: int) -> subprocess.Popen[bytes]:
        withheld = withheld_names(os.environ)
        inherited = {name: value for name, value in os.environ.items() if name not in withheld}
        try:
            return subprocess.Popen(
                self.words(args),
                cwd=self.folder.parent,
                env={**inherited, **self.environment()},
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            if not self.folder.parent.is_dir():
                raise Retryable(f"git {args[0]}: there is no folder {self.folder.parent}") from error
            raise Stalled(NO_GIT, help=INSTALL) from error
        except OSError as error:
            raise Retryable(f"git {args[0]}: it cannot be started: {error.strerror}") from error
