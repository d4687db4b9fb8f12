"""Named places at which a harness has the program die, fail or wait: how a test shows what a crash there costs.

Nothing is armed unless PENSTOCK_FAILPOINT says so, as `NAME:N[:ACTION]`: at the N-th time the place is reached the
process kills itself (`kill`, the default), raises Failed (`raise`), or waits for five seconds (`delay`).
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

VARIABLE = "PENSTOCK_FAILPOINT"
DELAY_S = 5.0


class Failpoint(StrEnum):
    """Each has a test; a test holds that."""

    INTENT_RECORDED = "intent-recorded"  # the claim of an attempt is committed, nothing was started
    TASK_LAUNCHED = "task-launched"  # its program was launched, and nothing in our memory or files says so yet
    TASK_ENDED = "task-ended"  # the end of an attempt is known, and was not appended
    SETTLED = "settled"  # one append of an execution is committed, the next is not decided
    SLOT_STARTED = "slot-started"  # the execution of a slot is committed, nothing of it has begun
    DEPLOYED = "deployed"  # a generation is committed, nobody was told
    DEPLOYMENT_BEGUN = "deployment-begun"  # a deployment is noted on this machine, and nothing of it is at the target
    CHANGE_CARRIED_OUT = "change-carried-out"  # one flow or file of a deployment is at the target, others are not
    CHANGES_CARRIED_OUT = "changes-carried-out"  # all of them are, and the lists of files do not say so
    RESULT_COMMITTED = "result-committed"  # results are commits of ours, and were not pushed
    RESULT_PUSHED = "result-pushed"  # the push arrived, and the store does not know
    RESULT_POSTED = "result-posted"  # the POST was acknowledged, and the store does not know


class Failed(Exception):
    """What an armed failpoint raises when it is told to raise."""


@dataclass(slots=True)
class _Armed:
    point: str
    left: int
    action: str
    lock: threading.Lock = field(default_factory=threading.Lock)

    def hit(self) -> None:
        with self.lock:
            self.left -= 1
            if self.left != 0:
                return
        if self.action == "raise":
            raise Failed(f"failpoint {self.point}")
        if self.action == "delay":
            threading.Event().wait(DELAY_S)
            return
        os.kill(os.getpid(), signal.SIGKILL)


def _armed_by(environ: Mapping[str, str]) -> _Armed | None:
    name, _, rest = environ.get(VARIABLE, "").partition(":")
    if not name:
        return None
    count, _, action = rest.partition(":")
    return _Armed(name, int(count or 1), action or "kill")


_armed = _armed_by(os.environ)


def reached(point: Failpoint) -> None:
    """The program is at `point`. Costs a comparison when nothing is armed."""
    if _armed is not None and _armed.point == point:
        _armed.hit()
