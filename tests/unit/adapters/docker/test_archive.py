"""Archives in and out: whole, owned, and nothing that leads out, is no file, or is more than may be."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.adapters.docker.archive import Folder, Haul, Owner, packed
from penstock.errors import UserError
from penstock.glob import matcher
from penstock.ports.runner import WORKING_DIR_MARK

names = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=200).filter(
    lambda name: name not in (".", "..")
)


def pack(files: dict[PurePosixPath, bytes | str]) -> bytes:
    folders = [Folder("work", 0o755)]
    return b"".join(packed(folders, files, below="work", owner=Owner(7, 8), seen_as="/there", last={}))


def members(data: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {member.name: member for member in archive}


@given(st.dictionaries(names, st.binary(max_size=2000), max_size=5))
def test_what_is_packed_is_what_an_engine_unpacks(files: dict[str, bytes]) -> None:
    wanted = {name: content for name, content in files.items() if PurePosixPath(name).parts}
    data = pack({PurePosixPath(name): content for name, content in wanted.items()})
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        found = {member.name: archive.extractfile(member) for member in archive if member.isreg()}
        read = {name: file.read() for name, file in found.items() if file is not None}
    assert read == {f"work/{name}": content for name, content in wanted.items()}


def test_owner_folders_and_the_working_directory_as_it_will_be_seen(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"b" * 3_000_001)
    data = pack(
        {PurePosixPath("a/b/c.txt"): f"in {WORKING_DIR_MARK}".encode(), PurePosixPath("a/big"): str(tmp_path / "big")}
    )
    found = members(data)
    assert list(found) == ["work", "work/a", "work/a/b", "work/a/b/c.txt", "work/a/big"]
    assert {(member.uid, member.gid) for member in found.values()} == {(7, 8)}
    assert found["work/a/big"].size == 3_000_001
    assert b"in /there" in data


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", "a\0b"])
def test_a_path_that_leads_out_is_refused_on_the_way_in(path: str) -> None:
    with pytest.raises(UserError, match="leads out"):
        pack({PurePosixPath(path): b""})


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        pack({PurePosixPath("a"): str(tmp_path / "none")})


# ── out ──


def given_by_engine(fill: Callable[[tarfile.TarFile], None]) -> Iterator[bytes]:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        fill(archive)
    data = buffer.getvalue()
    for at in range(0, len(data), 777):
        yield data[at : at + 777]


def entry(name: str, kind: bytes = tarfile.REGTYPE, *, size: int = 0, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, size, target
    return info


def haul(
    *entries: tarfile.TarInfo, place: str = "", patterns: tuple[str, ...] = ("**",), **bounds: int
) -> dict[str, bytes]:
    def fill(archive: tarfile.TarFile) -> None:
        for info in entries:
            archive.addfile(info, io.BytesIO(b"z" * info.size) if info.isreg() else None)

    found = Haul(matcher(patterns), **bounds).unpack(given_by_engine(fill), place)
    return {str(path): file.read() for path, file in found}


def test_files_are_named_by_their_path_below_the_working_directory() -> None:
    top = entry("work", tarfile.DIRTYPE)
    assert haul(top, entry("work/a.csv", size=3), entry("work/b/c.txt", size=1)) == {"a.csv": b"zzz", "b/c.txt": b"z"}
    assert haul(entry("c", tarfile.DIRTYPE), entry("c/d.csv", size=2), place="a/c") == {"a/c/d.csv": b"zz"}
    assert haul(entry("one.csv", size=1), place="deep/one.csv") == {"deep/one.csv": b"z"}


def test_only_what_matches_is_taken_and_only_that_is_judged() -> None:
    link = entry("work/l", tarfile.SYMTYPE, target="/etc/passwd")
    assert haul(link, entry("work/a.csv", size=1), patterns=("*.csv",)) == {"a.csv": b"z"}


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (tarfile.SYMTYPE, "symbolic link"),
        (tarfile.LNKTYPE, "second name"),
        (tarfile.CHRTYPE, "no regular file"),
        (tarfile.BLKTYPE, "no regular file"),
        (tarfile.FIFOTYPE, "no regular file"),
    ],
)
def test_what_is_no_file_is_refused(kind: bytes, said: str) -> None:
    with pytest.raises(UserError, match=said):
        haul(entry("work/x", kind, target="/etc/passwd"))


@pytest.mark.parametrize("name", ["../x", "work/../../x", "/etc/passwd"])
def test_an_archive_that_leads_out_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="leads out"):
        haul(entry(name, size=1))


def test_bombs_are_refused_before_they_are_read() -> None:
    many = [entry(f"work/{number}", size=1) for number in range(11)]
    with pytest.raises(UserError, match="more than 10 files"):
        haul(*many, most_files=10)
    with pytest.raises(UserError, match="more than 100 bytes"):
        haul(entry("work/a", size=60), entry("work/b", size=60), most_bytes=100)


def test_a_file_over_its_bound_is_not_read_at_all() -> None:
    """A sparse file says a size that nothing has to hold: only its header is looked at."""

    def endless() -> Iterator[bytes]:
        yield entry("work/hole", size=1 << 50).tobuf(tarfile.PAX_FORMAT)
        yield bytes(tarfile.RECORDSIZE)  # which is what is read at once
        raise AssertionError("its content was asked for")

    with pytest.raises(UserError, match="have more than"):
        list(Haul(matcher(["**"])).unpack(endless(), ""))


def test_folders_that_are_too_deep_and_archives_that_are_none() -> None:
    with pytest.raises(UserError, match="200 folders deep"):
        haul(entry("/".join(["d"] * 300), size=1))
    with pytest.raises(UserError, match="cannot be read"):
        list(Haul(matcher(["**"])).unpack([b"no archive" * 200], ""))
