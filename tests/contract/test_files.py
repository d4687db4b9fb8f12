"""A name leads to whole content or to nothing, on every adapter of Files."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pytest

from fakes.files import MemoryFiles
from penstock.adapters.files import LocalFiles
from penstock.errors import NotFound, UserError
from penstock.ports.files import Files

HERE = "kestra:///company/team/flow/executions/1/tasks/t/r"


@pytest.fixture(params=["local", "memory"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    return LocalFiles(tmp_path / "files") if request.param == "local" else MemoryFiles()


def read(files: Files, uri: str) -> bytes:
    with files.open(files.resolve(uri)) as content:
        return content.read()


def test_content_is_kept_by_its_digest(files: Files) -> None:
    digest = files.put(b"text")
    assert digest == hashlib.sha256(b"text").hexdigest()
    assert files.put(io.BytesIO(b"text")) == digest
    assert files.has(digest)
    with files.open(digest) as content:
        assert content.read() == b"text"
    other = "0" * 64
    assert not files.has(other)
    with pytest.raises(NotFound):
        files.open(other)


def test_a_name_leads_to_content_and_can_be_led_elsewhere(files: Files) -> None:
    files.name(f"{HERE}/a.csv", files.put(b"one"))
    assert (read(files, f"{HERE}/a.csv"), files.size(f"{HERE}/a.csv")) == (b"one", 3)
    files.name(f"{HERE}/a.csv", files.put(b"other"))
    assert read(files, f"{HERE}/a.csv") == b"other"
    with pytest.raises(NotFound, match=r"b\.csv"):
        files.resolve(f"{HERE}/b.csv")


def test_a_name_may_also_be_a_folder(files: Files) -> None:
    for name in ("a", "a/b", "a-b", "a/b/c", "=x", "+x/y", ".hidden", "ü b"):
        files.name(f"{HERE}/{name}", files.put(name.encode()))
    named = [f"{HERE}/{name}" for name in ("+x/y", ".hidden", "=x", "a", "a-b", "a/b", "a/b/c", "ü b")]
    assert list(files.list(HERE)) == named
    assert list(files.list("kestra:///")) == named
    assert list(files.list(f"{HERE}/a")) == [f"{HERE}/a", f"{HERE}/a/b", f"{HERE}/a/b/c"]
    assert list(files.list(f"{HERE}/a/")) == [f"{HERE}/a/b", f"{HERE}/a/b/c"]
    assert [read(files, uri).decode() for uri in named] == [uri.removeprefix(f"{HERE}/") for uri in named]


def test_deleting_forgets_what_is_below_and_nothing_beside(files: Files) -> None:
    for name in ("1/x", "1/y/z", "12/x"):
        files.name(f"kestra:///n/{name}", files.put(name.encode()))
    files.delete("kestra:///n/1")
    files.delete("kestra:///n/none")
    assert list(files.list("kestra:///n")) == ["kestra:///n/12/x"]
    files.delete("kestra:///n/12/x")
    assert list(files.list("kestra:///")) == []


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "file:///etc/passwd",
        "kestra://host/x",
        "kestra:///",
        "kestra:///../x",
        "kestra:///a/../../x",
        "kestra:///a//b",
        "kestra:///a/./b",
        "kestra:///a/",
        "kestra:////etc/passwd",
        "kestra:///a\0b",
        "kestra:///" + "x" * 241,
        "kestra:///" + "/".join(["x" * 100] * 40),
    ],
)
def test_a_uri_that_leads_out_or_nowhere_is_refused(files: Files, uri: str) -> None:
    digest = files.put(b"x")
    with pytest.raises(UserError):
        files.name(uri, digest)
    with pytest.raises(UserError):
        files.resolve(uri)
    assert list(files.list("kestra:///")) == []


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", "A" * 64, "0" * 63])
def test_what_is_no_digest_is_refused(files: Files, digest: str) -> None:
    with pytest.raises(UserError):
        files.open(digest)
    with pytest.raises(UserError):
        files.name(f"{HERE}/x", digest)


def test_many_contents_are_kept_as_one_by_one(files: Files) -> None:
    files.name(f"{HERE}/3", files.put(b"another"))
    wanted = {f"{HERE}/{number}": f"text {number % 1_500}".encode() for number in range(2_100)}
    files.put_each((uri, io.BytesIO(text) if text.endswith(b"7") else text) for uri, text in wanted.items())
    assert [read(files, uri) for uri in wanted] == list(wanted.values())
    files.put_each(())
    with pytest.raises(UserError):
        files.put_each([("kestra:///../x", b"x")])
