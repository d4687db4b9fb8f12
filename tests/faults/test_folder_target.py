"""A folder as a target that is not as one would wish: links, a full disk, folders that may not be written."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from fakes.small_disk import small_disk
from penstock.adapters.folder_target import FolderTarget
from penstock.diagnostic import FlowName
from penstock.errors import PenstockError, Refused, Stalled, UserError

LOAD = FlowName("sales", "load")
TEXT = "id: load\nnamespace: sales\ntasks: []\n"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A place beside the target that nothing may be read from or written to."""
    folder = tmp_path / "outside"
    (folder / "flows").mkdir(parents=True)
    (folder / "secret").write_text("keep")
    (folder / "flows/load.yaml").write_text(TEXT)
    return folder


def kept(outside: Path) -> bool:
    files = {file.relative_to(outside).as_posix(): file.read_text() for file in outside.rglob("*") if file.is_file()}
    return files == {"secret": "keep", "flows/load.yaml": TEXT}


def test_links_are_never_written_through_nor_read(tmp_path: Path, outside: Path) -> None:
    root = tmp_path / "out"
    root.mkdir()
    (root / "sales").symlink_to(outside)
    target = FolderTarget(root)

    assert dict(target.flows()) == {}
    for call in (
        lambda: target.put_flow(LOAD, TEXT + "#", is_new=True),
        lambda: target.delete_flow(LOAD),
        lambda: target.files("sales"),
        lambda: target.put_file("sales", "secret", b"x"),
        lambda: target.delete_file("sales", "secret"),
    ):
        with pytest.raises(Refused, match="is a link"):
            call()
    assert kept(outside)


@pytest.mark.parametrize("link", ["sales/files/lib", "sales/files"])
def test_a_folder_below_that_is_a_link_is_none(tmp_path: Path, outside: Path, link: str) -> None:
    root = tmp_path / "out"
    (root / link).parent.mkdir(parents=True)
    (root / link).symlink_to(outside)
    target = FolderTarget(root)

    with pytest.raises(Refused, match="is a link"):
        target.put_file("sales", "lib/secret", b"x")
    with pytest.raises(Refused, match="is a link"):
        target.delete_file("sales", "lib/secret")
    assert kept(outside)


def test_a_file_that_is_a_link_is_not_seen_and_not_replaced(tmp_path: Path, outside: Path) -> None:
    root = tmp_path / "out"
    (root / "sales/flows").mkdir(parents=True)
    (root / "sales/flows/load.yaml").symlink_to(outside / "flows/load.yaml")
    target = FolderTarget(root)

    assert dict(target.flows()) == {}
    with pytest.raises(Refused, match="is a link"):
        target.put_flow(LOAD, TEXT + "#", is_new=True)
    assert kept(outside)


def test_what_has_become_a_link_since_it_was_seen_is_refused(tmp_path: Path, outside: Path) -> None:
    root = tmp_path / "out"
    target = FolderTarget(root)
    target.put_flow(LOAD, TEXT, is_new=True)
    target.flows()
    (root / "sales").rename(root / "moved")
    (root / "sales").symlink_to(outside)

    with pytest.raises(Refused, match="is a link"):
        target.put_flow(LOAD, TEXT + "#", is_new=False)
    assert kept(outside)


@pytest.mark.parametrize("path", ["../x", "a/../../x", "a\\b", "", "."])
def test_a_path_that_leads_out_is_refused(tmp_path: Path, path: str) -> None:
    target = FolderTarget(tmp_path / "out")

    with pytest.raises(Refused):
        target.put_file("sales", path, b"x")
    with pytest.raises(Refused):
        target.put_flow(FlowName("..", "x"), TEXT, is_new=True)
    assert not (tmp_path / "x").exists()


def test_a_full_disk_is_told_and_what_was_there_is_whole(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "256k") as disk:
        target = FolderTarget(disk)
        target.put_file("sales", "before", b"whole")

        def fill() -> None:
            for number in range(100):
                target.put_file("sales", f"file-{number}", bytes(8192))

        with pytest.raises(Stalled, match="No space left"):
            fill()
        with pytest.raises(Stalled, match="No space left"):
            target.put_file("sales", "before", bytes(64_000))
        found = target.files("sales")

        assert found["before"] == b"whole"
        assert {len(content) for path, content in found.items() if path != "before"} == {8192}
        assert list(disk.rglob("*.part")) == []


AS_NOBODY = """
import os, sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from penstock.adapters.folder_target import FolderTarget
from penstock.diagnostic import FlowName
from penstock.errors import PenstockError
if os.geteuid() == 0:
    os.setgid(65534); os.setuid(65534)
target = FolderTarget(Path(sys.argv[1]))
for call in (
    lambda: target.put_flow(FlowName("sales", "load"), "x", is_new=False),
    lambda: target.put_file("new", "q", b"x"),
    lambda: target.delete_flow(FlowName("sales", "load")),
    lambda: target.files("hidden"),
):
    try:
        call()
        print("done")
    except PenstockError as error:
        print(type(error).__name__, error.message)
"""


def test_folders_that_may_not_be_written_or_read_are_told(tmp_path: Path) -> None:
    """Root may write everything: so it is asked of a process that is nobody."""
    root = tmp_path / "out"
    target = FolderTarget(root)
    target.put_flow(LOAD, TEXT, is_new=True)
    target.put_file("hidden", "sub/q", b"1")
    (root / "hidden/files/sub").chmod(0)
    for folder in (root, root / "sales", root / "sales/flows"):
        folder.chmod(0o555)
    for above in (tmp_path, *tmp_path.parents):
        if above.stat().st_mode & stat.S_IXOTH and above.stat().st_mode & stat.S_IROTH:
            break
        above.chmod(above.stat().st_mode | stat.S_IXOTH | stat.S_IROTH)

    asked = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, str(root), *sys.path], capture_output=True, text=True, check=False
    )
    (root / "hidden/files/sub").chmod(0o755)

    assert asked.stderr == ""
    said = asked.stdout.splitlines()
    assert [line.split()[0] for line in said] == ["Refused", "Refused", "Refused", "UserError"]
    assert all("Permission denied" in line for line in said)
    assert (root / "sales/flows/load.yaml").read_text() == TEXT


def test_two_cannot_hold_it_at_once(tmp_path: Path) -> None:
    one, other = FolderTarget(tmp_path / "out"), FolderTarget(tmp_path / "out")

    with one.held(), pytest.raises(Refused, match=r"another deployment to .* runs"), other.held():
        raise AssertionError("it was let in")
    with other.held():
        assert list((tmp_path / "out").iterdir()) == [], "a lock leaves nothing behind"


def test_a_file_in_place_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    target = FolderTarget(tmp_path / "out")

    with pytest.raises(UserError, match="cannot write"), target.held():
        raise AssertionError("it was let in")
    with pytest.raises(PenstockError, match="cannot write"):
        target.put_file("sales", "q", b"1")
