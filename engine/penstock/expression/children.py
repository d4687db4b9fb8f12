"""What is asked of a child process, so that what cannot be bounded within this one is bounded by killing it."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.expression.errors import ExpressionError


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work: `work` names what the child does, `content` is what it does it to, in that work's own form."""

    work: str
    content: bytes


def ask(job: Job, *, deadline_s: float, memory_bytes: int) -> bytes:  # noqa: ARG001 - nothing is started yet
    """What the child answers, in the form of its work. The child has an empty environment, no file and no network.

    Thread-safe; blocks for `deadline_s` at most. Raises BudgetExceeded when time or memory is not enough (the child is
    killed then), ExpressionError with the child's own sentence when it refuses, or when no child can be started.
    """
    raise ExpressionError(f"`{job.work}` needs a child process, which is not available yet")
