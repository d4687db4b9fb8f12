"""What would be better in a flow that is fit to run: one function, one code each. Only `validate` asks.

Like the rules of `penstock.flow.rules` they read a survey and report to it. None of them knows what time it is.
"""

from __future__ import annotations

from collections.abc import Callable

from penstock.flow.survey import Survey

Advice = Callable[[Survey], None]

ADVICE: tuple[Advice, ...] = ()
