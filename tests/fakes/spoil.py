"""What disks, power losses and people do to files."""

from __future__ import annotations

import random
from pathlib import Path


def spoil(path: Path, draw: random.Random) -> str:
    """Do something of that to a file; what it was."""
    content = path.read_bytes()
    at = draw.randrange(len(content) + 1)
    deed = draw.choice(["cut", "flip", "zero", "empty", "remove", "garbage"])
    path.chmod(0o644)
    if deed == "remove":
        path.unlink()
    else:
        flipped = bytearray(content)
        if content:
            flipped[at % len(content)] ^= 1 << draw.randrange(8)
        path.write_bytes(
            {
                "cut": content[:at],
                "flip": bytes(flipped),
                "zero": content[:at] + bytes(len(content) - at),
                "empty": b"",
                "garbage": draw.randbytes(200),
            }[deed]
        )
    return f"{deed} {path.name} at {at}"
