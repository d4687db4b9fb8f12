"""What every target promises: a server, a folder, and the fake that tests of the core use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from fakes.target import MemoryTarget
from kestra_api.server import KestraApi, serving
from penstock.adapters.folder_target import FolderTarget
from penstock.adapters.http import GuardedHttp, Reach
from penstock.adapters.kestra.api import Api
from penstock.adapters.kestra.target import KestraTarget
from penstock.diagnostic import FlowName
from penstock.ports.target import Target

LOG = "io.kestra.plugin.core.log.Log"
LOAD = FlowName("sales", "load")


def flow(name: FlowName, message: str = "hello") -> str:
    return f"id: {name.id}\nnamespace: {name.namespace}\ntasks:\n  - {{id: say, type: {LOG}, message: {message}}}\n"


@pytest.fixture(params=["memory", "folder", "kestra 0.21", "kestra 1.1", "kestra 2.0"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Target]:
    makers: dict[str, Callable[[], Target]] = {"memory": MemoryTarget, "folder": lambda: FolderTarget(tmp_path)}
    with ExitStack() as stack:
        if request.param in makers:
            yield makers[request.param]()
            return
        version = request.param.partition(" ")[2]
        tenant = None if version.startswith("0.") else "main"
        api = stack.enter_context(serving(KestraApi(version=f"{version}.0", tenant=tenant)))
        http = GuardedHttp(Reach(private=True))
        stack.callback(http.close)
        yield KestraTarget(Api(http, api.url))


def test_what_is_put_is_there(target: Target) -> None:
    target.put_flow(LOAD, flow(LOAD), is_new=True)

    assert dict(target.flows()) == {LOAD: flow(LOAD)}


def test_nothing_is_there_at_first(target: Target) -> None:
    assert dict(target.flows()) == {}
    assert dict(target.files("sales")) == {}


@pytest.mark.parametrize("is_new", [True, False])
def test_what_was_seen_may_have_changed_meanwhile(target: Target, is_new: bool) -> None:
    if is_new:
        target.put_flow(LOAD, flow(LOAD, "before"), is_new=True)

    target.put_flow(LOAD, flow(LOAD), is_new=is_new)

    assert dict(target.flows()) == {LOAD: flow(LOAD)}


def test_an_update_takes_the_place_of_what_was_there(target: Target) -> None:
    target.put_flow(LOAD, flow(LOAD), is_new=True)
    target.put_flow(LOAD, flow(LOAD, "other"), is_new=False)

    assert dict(target.flows()) == {LOAD: flow(LOAD, "other")}


def test_names_with_dots_and_dashes_are_told_apart(target: Target) -> None:
    names = [FlowName("a.b", "c"), FlowName("a", "b.c"), FlowName("a", "b-c"), FlowName("a-b", "c")]
    for name in names:
        target.put_flow(name, flow(name), is_new=True)

    assert dict(target.flows()) == {name: flow(name) for name in names}


def test_deleting_can_be_repeated(target: Target) -> None:
    target.put_flow(LOAD, flow(LOAD), is_new=True)

    target.delete_flow(LOAD)
    target.delete_flow(LOAD)

    assert dict(target.flows()) == {}


def test_files_keep_every_byte_whatever_they_are_called(target: Target) -> None:
    files = {"a.zip": b"PK\x03\x04 no archive", "sql/ä b+c&d.sql": b"select 1\r\n--x", "empty": b""}
    for path, content in files.items():
        target.put_file("sales.eu", path, content)

    assert dict(target.files("sales.eu")) == files
    assert dict(target.files("sales")) == {}


def test_a_file_is_replaced_and_deleted_more_than_once(target: Target) -> None:
    target.put_file("sales", "q.sql", b"1")
    target.put_file("sales", "q.sql", b"2")
    target.put_file("sales", "other", b"3")
    target.delete_file("sales", "other")
    target.delete_file("sales", "other")

    assert dict(target.files("sales")) == {"q.sql": b"2"}
