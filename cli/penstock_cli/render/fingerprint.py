"""What a finding is known by from one run to the next: lines may move, and a report must still see the same one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256

from penstock.diagnostic import Diagnostic

_NUMBERS = re.compile(r"(?<=:)\d+|(?<=\bline )\d+")


def fingerprints(findings: Iterable[Diagnostic]) -> list[str]:
    """One for each finding, in their order, all of them different.

    They are made of the code, the file, the flow and the message without its line numbers; of findings that are alike
    in all of that, it counts which of them it is. Nothing of the source is in them.
    """
    seen: dict[str, int] = {}
    found = []
    for one in findings:
        said = "\0".join([one.code, one.file, str(one.flow or ""), _NUMBERS.sub("", one.message)])
        nth = seen[said] = seen.get(said, 0) + 1
        found.append(sha256(f"{said}\0{nth}".encode("utf-8", "surrogatepass")).hexdigest())
    return found
