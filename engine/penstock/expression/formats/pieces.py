"""A text that is written piece by piece, under the meter."""

from __future__ import annotations

from penstock.expression.budget import Meter, too_deep


class Pieces:
    """What has been written so far. `room` is how many levels of lists and maps may still be opened."""

    __slots__ = ("meter", "room", "size", "texts")

    def __init__(self, meter: Meter) -> None:
        self.meter = meter
        self.room = meter.budget.depth
        self.size = 0
        self.texts: list[str] = []

    def add(self, text: str) -> None:
        self.size += len(text)
        if self.size > self.meter.budget.output:
            self.meter.made_text(self.size)
        self.texts.append(text)

    def enter(self) -> None:
        """One list or map deeper. Whoever enters leaves."""
        self.room -= 1
        if self.room < 0:
            raise too_deep(self.meter.budget.depth)

    def leave(self) -> None:
        self.room += 1

    def text(self) -> str:
        return "".join(self.texts)
