"""The flowables: each says what it must know, and into which lanes its children fall. Nothing else differs."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.execution.flowable.approval import Approval
from penstock.execution.flowable.base import Flowable
from penstock.execution.flowable.choice import If, Switch
from penstock.execution.flowable.loop import EachParallel, EachSequential, ForEach
from penstock.execution.flowable.pause import Pause
from penstock.execution.flowable.sequence import (
    AllowFailure,
    Dag,
    ForEachItem,
    Parallel,
    Sequential,
    WorkingDirectory,
)
from penstock.execution.flowable.until import LoopUntil

_CORE = "io.kestra.plugin.core.flow."

FLOWABLES: Mapping[str, Flowable] = {
    _CORE + "Sequential": Sequential(),
    _CORE + "AllowFailure": AllowFailure(),
    _CORE + "Parallel": Parallel(),
    _CORE + "Dag": Dag(),
    _CORE + "If": If(),
    _CORE + "Switch": Switch(),
    _CORE + "ForEach": ForEach(),
    _CORE + "ForEachItem": ForEachItem(),
    _CORE + "EachSequential": EachSequential(),
    _CORE + "EachParallel": EachParallel(),
    _CORE + "LoopUntil": LoopUntil(),
    _CORE + "Pause": Pause(),
    _CORE + "Approval": Approval(),
    _CORE + "WorkingDirectory": WorkingDirectory(),
}
"""Every flowable type that can be decided, by its canonical name."""

__all__ = ["FLOWABLES", "Flowable"]
