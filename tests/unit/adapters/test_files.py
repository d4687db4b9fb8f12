"""The local storage itself: crashes in the middle, full disks, sweeping."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import threading
import time
from contextlib import suppress
from datetime import timedelta
from functools import partial
from itertools import groupby
from pathlib import Path

import pytest

from fakes.small_disk import small_disk
from penstock.adapters.files import LocalFiles
from penstock.errors import NotFound, Stalled
from until import until

URI = "kestra:///n/flow/executions/1/x"
NOW = timedelta(0)


@pytest.fixture
def files(tmp_path: Path) -> LocalFiles:
    return LocalFiles(tmp_path)


@pytest.mark.parametrize("torn", [b"", b"abc", b"0" * 64, b"0" * 63 + b"\n", b"\xff" * 65])
def test_a_pointer_that_is_not_whole_leads_to_nothing_and_can_be_written_again(
    files: LocalFiles, tmp_path: Path, torn: bytes
) -> None:
    digest = files.put(b"x")
    files.name(URI, digest)
    next(iter(tmp_path.glob("names/**/=x"))).write_bytes(torn)
    with pytest.raises(NotFound):
        files.resolve(URI)
    assert list(files.list("kestra:///")) == []
    files.name(URI, digest)
    assert files.resolve(URI) == digest


def test_sweeping_frees_what_nothing_leads_to(files: LocalFiles, tmp_path: Path) -> None:
    named, kept, loose, young = (files.put(text) for text in (b"named", b"kept", b"loose", b"young"))
    files.name(URI, named)
    old = time.time() - 100
    for digest in (named, kept, loose):
        os.utime(next(iter(tmp_path.glob(f"contents/*/*/{digest}"))), (old, old))
    assert files.sweep(keep=[kept], older_than=timedelta(seconds=50)) == 1
    assert [files.has(each) for each in (named, kept, loose, young)] == [True, True, False, True]
    assert files.sweep(older_than=timedelta(seconds=50)) == 1
    assert not files.has(kept)


def test_what_is_put_again_is_young_again(files: LocalFiles, tmp_path: Path) -> None:
    digest = files.put(b"text")
    old = time.time() - 100
    os.utime(next(iter(tmp_path.glob(f"contents/*/*/{digest}"))), (old, old))
    files.put(b"text")
    assert files.sweep(older_than=timedelta(seconds=50)) == 0


def test_content_that_is_put_while_it_is_swept_is_there(files: LocalFiles, tmp_path: Path) -> None:
    stop = threading.Event()

    def sweep() -> None:
        while not stop.is_set():
            files.sweep(older_than=timedelta(seconds=50))

    sweeper = threading.Thread(target=sweep)
    sweeper.start()
    for _ in range(150):
        digest = files.put(b"contested")
        for path in tmp_path.glob(f"contents/*/*/{digest}"):
            old = time.time() - 100
            with suppress(FileNotFoundError):
                os.utime(path, (old, old))
        digest = files.put(b"contested")
        files.name(URI, digest)
        until(partial(files.has, digest), 1)
        files.delete(URI)
    stop.set()
    sweeper.join()


def test_two_who_put_the_same_content_at_once_are_both_right(files: LocalFiles, tmp_path: Path) -> None:
    data = os.urandom(3_000_000)
    digests: list[str] = []
    threads = [threading.Thread(target=lambda: digests.append(files.put(io.BytesIO(data)))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(digests)) == 1
    assert len(digests) == 4
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_full_disk_stalls_and_leaves_nothing_half(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "1m") as disk:
        files = LocalFiles(disk)
        kept = files.put(b"small")
        with pytest.raises(Stalled, match="is full"):
            files.put(io.BytesIO(b"x" * (2 << 20)))
        assert list((disk / "tmp").iterdir()) == []
        with files.open(kept) as content:
            assert content.read() == b"small"
        files.name(URI, files.put(b"there is room again"))
        assert files.size(URI) == 19


def test_a_disk_that_fills_up_among_many_stalls_and_leaves_only_what_is_whole(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "1m") as disk:
        files = LocalFiles(disk)
        with pytest.raises(Stalled, match="is full"):
            files.put_each((f"{URI}/{number}", os.urandom(1_000)) for number in range(3_000))
        assert list((disk / "tmp").iterdir()) == []
        assert all(files.has(files.resolve(uri)) for uri in files.list(URI))
        files.put_each([(f"{URI}/last", b"there is room again")])
        assert files.size(f"{URI}/last") == 19


KEEPS_MANY = """
import sys
from pathlib import Path
from penstock.adapters.files import LocalFiles
LocalFiles(Path(sys.argv[1])).put_each((f"kestra:///n/{number}", b"%d" % number) for number in range(50))
"""


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace shows what is synced, and when")
def test_content_is_durable_before_its_digest_vouches_for_it_and_all_is_in_the_end(tmp_path: Path) -> None:
    calls = "trace=rename,renameat,renameat2,fsync,syncfs,openat"
    command = ["strace", "-f", "-e", calls, "-o", str(tmp_path / "calls"), sys.executable, "-c", KEEPS_MANY]
    subprocess.run([*command, str(tmp_path / "files")], check=True, timeout=60)

    words = []
    for line in (tmp_path / "calls").read_text().splitlines():
        word = line.split("(")[0].split()[-1]
        if word.startswith("rename"):
            words.append("named")
        elif word in ("fsync", "syncfs"):
            words.append("synced")
        elif word == "openat" and "/names/" in line and "O_EXCL" in line:
            words.append("pointed")
    assert [word for word, _ in groupby(words)] == ["synced", "named", "pointed", "synced"]
    assert words.count("named") == words.count("pointed") == 50
