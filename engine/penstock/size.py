"""Amounts of bytes, as people write them: `512MB`, `2GiB`, `1g`, `4096`."""

from __future__ import annotations

import re

_SIZE = re.compile(r"\s*([0-9]{1,30})(?:\.([0-9]{1,30}))?\s*([kmgtp]?)(i?)(b?)\s*", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_MOST = 1 << 60


def parse_size(text: str | int) -> int:
    """Bytes. A unit counts in 1,024s, as container engines do, with or without its `i`. Part of a byte is
    left out. Raises ValueError."""
    if isinstance(text, int):
        size = text
    else:
        match = _SIZE.fullmatch(text)
        if match is None or (match[4] and not match[3]):
            raise ValueError(f"`{text}` is no amount of bytes: write it as 512MB, 2GiB or 4096")
        part = match[2] or ""  # in whole numbers, for a float forgets the last bytes of a large amount
        size = int(match[1] + part) * 1024 ** _POWERS[match[3].lower()] // 10 ** len(part)
    if not 0 <= size <= _MOST:
        raise ValueError(f"`{text}` is no amount of bytes that a machine can have")
    return size
