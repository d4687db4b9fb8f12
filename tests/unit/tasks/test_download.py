"""`http.Download`: a body becomes a file that is whole, or none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import UserError
from penstock.ports.http import Response
from penstock.ports.storage import MOST_NAME_BYTES
from penstock.tasks.base import TaskFailed, TaskStopped
from penstock.tasks.http_download import MOST_DOWNLOADED, file_name
from unit.tasks.fakes import AskedHttp, HandContext, context, run

DOWNLOAD = "io.kestra.plugin.core.http.Download"
URL = "https://example.org/data/orders.csv?day=1"


def downloading(answer: Response, **properties: Any) -> HandContext:
    world = context(DOWNLOAD, {"uri": URL, **properties})
    world.http = AskedHttp(answer)
    return world


def kept(world: HandContext) -> list[str]:
    return list(world.files.list("kestra:///"))


def test_the_body_is_a_file_of_the_task_run() -> None:
    world = downloading(Response(URL, 200, {"content-length": ("3",), "x": ("1", "2")}, b"a,b"))
    outputs = run(world).outputs
    assert outputs == {
        "uri": world.uri("orders.csv"),
        "code": 200,
        "length": 3,
        "headers": {"content-length": ["3"], "x": ["1", "2"]},
    }
    with world.files.open(world.files.resolve(outputs["uri"])) as file:
        assert file.read() == b"a,b"


def test_the_older_name_is_the_same_type() -> None:
    world = context("io.kestra.plugin.fs.http.Download", {"uri": URL})
    world.http = AskedHttp(Response(URL, 200, {}, b"x"))
    assert run(world).outputs["length"] == 1


def test_a_download_may_be_larger_than_an_answer_and_has_a_bound_of_its_own() -> None:
    world = downloading(Response(URL, 200, {}, b"x"))
    run(world)
    other = downloading(Response(URL, 200, {}, b"x"), options={"maxContentLength": 7})
    run(other)
    assert (world.http.asked[0].max_content, other.http.asked[0].max_content) == (MOST_DOWNLOADED, 7)


def test_a_body_of_another_length_than_told_is_no_file() -> None:
    world = downloading(Response(URL, 200, {"content-length": ("9",)}, b"a,b"))
    with pytest.raises(TaskFailed, match=r"Invalid size, got 3, expected 9$"):
        run(world)
    assert kept(world) == []


def test_a_status_of_400_is_no_file() -> None:
    world = downloading(Response(URL, 404, {"a": ("b",)}, b"not here"))
    with pytest.raises(TaskFailed, match="status 404") as failed:
        run(world)
    assert failed.value.outputs == {"code": 404, "headers": {"a": ["b"]}}
    assert kept(world) == []


def test_an_empty_answer_fails_unless_it_may_be_empty() -> None:
    world = downloading(Response(URL, 200, {}, b""))
    with pytest.raises(TaskFailed, match=r"No response from server$"):
        run(world)
    assert kept(world) == []
    allowed = downloading(Response(URL, 200, {}, b""), failOnEmptyResponse=False)
    assert run(allowed).outputs["length"] == 0
    assert ("WARN", f"File '{URL}' is empty") in allowed.said()


def test_a_download_stops_when_it_is_told_to() -> None:
    world = downloading(Response(URL, 200, {}, b"x" * 10))
    world.halt.throw()
    with pytest.raises(TaskStopped):
        run(world)
    assert kept(world) == []


def test_what_cannot_be_honoured_is_refused() -> None:
    with pytest.raises(UserError, match="cannot be honoured"):
        run(downloading(Response(URL, 200, {}, b"x"), options={"proxy": {"address": "proxy"}}))


@pytest.mark.parametrize(
    ("wanted", "header", "url", "name"),
    [
        ("report 1.csv", 'attachment; filename="b"', "https://a/c", "report_1.csv"),
        (None, 'attachment; filename="b.csv"', "https://a/c", "b.csv"),
        (None, "attachment; filename=b.csv; size=3", "https://a/c", "b.csv"),
        (None, "attachment; filename=\"a.csv\"; filename*=UTF-8''%c3%a4.csv", "https://a/c", "ä.csv"),
        (None, "attachment; filename*=no-such-code''x.csv", "https://a/c", "x.csv"),
        (None, 'attachment; filename="../../etc/passwd"', "https://a/c", "passwd"),
        (None, 'attachment; filename="C:\\\\\\\\temp\\\\\\\\x.exe"', "https://a/c", "x.exe"),
        (None, 'attachment; filename=".."', "https://a/c.txt", "c.txt"),
        (None, None, "https://a/b/c%20d.txt?x=/y.bin", "c_d.txt"),
        (None, None, "https://a/%2e%2e", "download"),
        (None, None, "https://a/", "download"),
        (None, None, "https://a/$(reboot);x", "_reboot_x"),
    ],
)
def test_the_name_of_the_file(wanted: str | None, header: str | None, url: str, name: str) -> None:
    assert file_name(wanted, {"content-disposition": (header,)} if header is not None else {}, url) == name


@given(st.text(), st.text())
def test_no_name_leads_anywhere_else(wanted: str, header: str) -> None:
    name = file_name(wanted, {"content-disposition": (f"attachment; filename={header}",)}, "https://a/b")
    assert name.strip("._")
    assert not set(name) & set("/\\ '\"$`;&|<>\0\n")
    assert len(name.encode()) <= MOST_NAME_BYTES
