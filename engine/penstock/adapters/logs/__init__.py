"""What tasks said, as framed files that other processes read while they grow."""

from __future__ import annotations

from penstock.adapters.logs.reading import FrameTail
from penstock.adapters.logs.store import FrameLogs
from penstock.adapters.logs.writing import FrameWriter

__all__ = ["FrameLogs", "FrameTail", "FrameWriter"]
