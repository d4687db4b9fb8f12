"""Prints, at the end of a test run, what the simulator has exercised: also when the tests ran in several processes."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: Any) -> None:
    exercised: Counter[str] = Counter()
    lines: list[str] = []
    for report in [each for reports in terminalreporter.stats.values() for each in reports]:
        for name, value in getattr(report, "user_properties", ()):
            if name == "exercised" and report.when == "call":
                exercised.update(value)
            elif name in ("planted bug", "seeds") and report.when == "call":
                lines.append(f"{name}: {value}")
    if exercised:
        terminalreporter.section("simulator: what was exercised")
        for kind, times in sorted(exercised.items()):
            terminalreporter.line(f"{times:8} {kind}")
    for line in lines:
        terminalreporter.line(line)
