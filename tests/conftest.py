"""What every test gets: this repository, a clean environment, derandomized properties, no silent skips."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

pytest_plugins = ["docker_engine.fixtures"]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in a shell's background: every program that a test starts and interrupts would ignore it as well.
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parent.parent
CONFORMANCE = ROOT.parent / "shared" / "conformance"
ABSENT = "the conformance folder is absent"

# A property that fails is told at once, with what makes it fail again; to make that small may take five minutes, and is
# for whoever looks into it: `--hypothesis-profile=shrink`.
settings.register_profile(
    "shrink", derandomize=True, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "suite", settings.get_profile("shrink"), phases=[phase for phase in Phase if phase is not Phase.shrink]
)
settings.load_profile("suite")


@pytest.fixture(scope="session", autouse=True)
def _nothing_is_kept_at_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What programs keep to be faster goes into a folder of this run, theirs that tests start too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def conformance() -> Path:
    """The folder of flows and expressions with known outcomes; the test is skipped where it is absent."""
    if not CONFORMANCE.is_dir():
        pytest.skip(ABSENT)
    return CONFORMANCE


@pytest.fixture(autouse=True)
def _environment_is_left_as_it_was() -> Iterator[None]:
    before = dict(os.environ)
    folder = Path.cwd()
    yield
    after = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    before.pop("PYTEST_CURRENT_TEST", None)
    assert after == before, "the test has left the environment changed"
    assert Path.cwd() == folder, "the test has left the working directory changed"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Where the suite must be whole, a skip is a failure, but for the conformance folder."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if report.skipped and os.environ.get("PENSTOCK_TESTS_MAY_SKIP") == "no" and not hasattr(report, "wasxfail"):
        reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if ABSENT not in reason:
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid} was skipped where nothing may be: {reason}"
    marker = item.get_closest_marker("conformance")
    if marker is not None and report.when == "call":
        report.user_properties.append(("conformance", [marker.args[0], int(report.passed), 1]))


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """The suite's last line: how many of the cases with known outcomes came out so, by kind."""
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        return
    passed: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for report in [each for reports in reporter.stats.values() for each in reports]:
        for name, value in getattr(report, "user_properties", ()):
            if name == "conformance" and report.when == "call":
                kind, good, all_ = value
                passed[kind] += good
                total[kind] += all_
    if total:
        parts = [f"{passed[kind]} of {total[kind]} {kind}" for kind in sorted(total, reverse=True)]
        reporter.write_line(f"conformance: {', '.join(parts)}")
