"""What can go wrong, by what whoever hears of it can do about it.

PenstockError
├── UserError      the input or the call is wrong: change it; a message, never a traceback
│   ├── NotFound      what was named does not exist
│   ├── Refused       it exists, but its state does not allow this; says which state and what would
│   └── Unauthorised  whoever asks is not known there, or not allowed this
├── Retryable      the world is wrong for now: try again after `.after`
├── Stalled        a human must act; whoever asks in a loop stops asking
└── Conflict       somebody else was faster: read again and decide again

Anything else that escapes is a bug of ours: the program says so, prints a report to paste and exits with 70.
Findings about files are diagnostics (see `penstock.diagnostic`): collected, not raised.
"""

from __future__ import annotations

from datetime import timedelta


class PenstockError(Exception):
    """The root. `code` is stable and documented; `help` says what to do next, in one sentence."""

    code: str = "PEN000"

    def __init__(self, message: str, *, help: str | None = None, code: str | None = None) -> None:  # noqa: A002
        super().__init__(message)
        self.message = message
        self.help = help
        if code is not None:
            self.code = code


class UserError(PenstockError):
    """The input is wrong. Exit code 2 on the command line unless the command's table says otherwise."""

    code = "PEN001"


class NotFound(UserError):
    """What was named does not exist."""

    code = "PEN002"


class Refused(UserError):
    """It exists, but its present state does not allow this."""

    code = "PEN003"


class Unauthorised(UserError):
    """Whoever asks is not known there, or not allowed this. Exit code 4 on the command line."""

    code = "PEN006"


class Retryable(PenstockError):
    """The world is wrong for now. `after` is when it makes sense to ask again."""

    code = "PEN010"

    def __init__(
        self,
        message: str,
        *,
        after: timedelta = timedelta(seconds=1),
        help: str | None = None,  # noqa: A002
    ) -> None:
        super().__init__(message, help=help)
        self.after = after


class Stalled(PenstockError):
    """A human must act: a disk is full, a store is from the future, a key is missing. Asking again is no use."""

    code = "PEN020"


class Conflict(PenstockError):
    """A conditional append lost a race: the sequence that was read is no longer the last one."""

    code = "PEN030"
