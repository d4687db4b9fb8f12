"""What may befall our copy of a results branch: nothing is lost, nothing is there twice, and no answer is made up."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from fakes.git import RealHost, git
from fakes.small_disk import small_disk
from fakes.spoil import spoil
from penstock.adapters.git import GitResultsBranch
from penstock.errors import PenstockError, Retryable, Stalled
from penstock.ports.git import ResultsBranch

SEED = 20261124
BRANCH = "penstock/results/demo/2026-11"


def branch_in(host: RealHost, folder: Path) -> ResultsBranch:
    return GitResultsBranch(host.url, BRANCH, folder / "results.git")


def content(name: str) -> bytes:
    return random.Random(name).randbytes(300)


def added(branch: ResultsBranch, name: str) -> None:
    """Add a result with a page beside it, as often as it takes. Fails when that is more than three times."""
    problem: PenstockError | None = None
    for _ in range(3):
        try:
            branch.add([(name, {f"{name}/execution.json": content(name)})], anew={"README.md": name.encode()})
        except PenstockError as error:
            problem = error
        else:
            return
    raise AssertionError(f"not added in three tries: {problem}")


@pytest.mark.parametrize("seed", range(25))
def test_a_copy_that_is_spoiled_never_lies_and_heals(seed: int, tmp_path: Path) -> None:
    draw = random.Random(SEED + seed)
    host = RealHost(tmp_path / "host", str)
    branch = branch_in(host, tmp_path)
    names = ["r0", "r1", "r2"]
    for name in names:
        added(branch, name)
    ours = tmp_path / "results.git"
    files = sorted(path for path in ours.rglob("*") if path.is_file())
    told = [spoil(path, draw) for path in draw.sample(files, draw.choice([1, 1, 2, 3]))]
    for name in (*names, "r9"):
        try:
            shown = branch.show(f"{name}/execution.json")
        except Retryable:
            continue
        assert shown == (content(name) if name in names else None), told
    if draw.random() < 0.5:
        branch = branch_in(host, tmp_path)
    added(branch, "r0")  # it is there already
    added(branch, "r3")
    assert git("log", "--format=%s", BRANCH, cwd=host.bare).split() == ["r3", "r2", "r1", "r0"], told
    assert git("fsck", "--full", "--no-dangling", cwd=host.bare) == ""
    fresh = branch_in(host, tmp_path / "fresh")
    assert [fresh.show(f"{name}/execution.json") for name in (*names, "r3")] == [content(n) for n in (*names, "r3")]
    assert fresh.show("README.md") == b"r3"


@pytest.mark.parametrize("gone", ["results.git", "results.git/objects", "results.git/refs"])
def test_a_copy_that_vanishes_is_made_again(gone: str, tmp_path: Path) -> None:
    host = RealHost(tmp_path / "host", str)
    branch = branch_in(host, tmp_path)
    added(branch, "r0")
    shutil.rmtree(tmp_path / gone)
    with pytest.raises(Retryable):
        branch.show("r0/execution.json")
    assert branch.show("r0/execution.json") == content("r0")
    added(branch, "r1")
    assert git("log", "--format=%s", BRANCH, cwd=host.bare).split() == ["r1", "r0"]


def test_a_disk_that_is_full_delays_results_and_loses_none(tmp_path: Path) -> None:
    host = RealHost(tmp_path / "host", str)
    with small_disk(tmp_path / "disk", "2m") as disk:
        branch = branch_in(host, disk)
        added(branch, "r0")
        ballast = disk / "ballast"
        with pytest.raises(OSError, match="No space"):
            ballast.write_bytes(bytes(4_000_000))
        for _ in range(3):
            with pytest.raises((Retryable, Stalled)):
                branch.add([("r1", {"r1/execution.json": random.Random(1).randbytes(100_000)})])
        assert git("log", "--format=%s", BRANCH, cwd=host.bare).split() == ["r0"]
        ballast.unlink()
        added(branch, "r1")
    assert git("log", "--format=%s", BRANCH, cwd=host.bare).split() == ["r1", "r0"]
