"""Two sets of files to their difference: which flow is which, and what else of a repository counts."""

from __future__ import annotations

from comparing import report_of
from penstock.diagnostic import FlowName
from penstock.difference.report import Status

LOG = "io.kestra.plugin.core.log.Log"


def flow(id_: str, message: str = "hello", *, namespace: str = "n") -> bytes:
    return f"id: {id_}\nnamespace: {namespace}\ntasks:\n  - id: t\n    type: {LOG}\n    message: {message}\n".encode()


def test_a_namespace_may_be_renamed_as_a_whole() -> None:
    base = {f"flows/f{at}.yaml": flow(f"f{at}", f"number {at}") for at in range(80)}
    head = {path: data.replace(b"namespace: n", b"namespace: m") for path, data in base.items()}

    report = report_of(base, head)

    assert {one.old_name for one in report.flows} == {FlowName("n", f"f{at}") for at in range(80)}
    assert {one.status for one in report.flows} == {Status.CHANGED}


def test_a_flow_that_is_renamed_and_moved_is_found_by_what_it_does() -> None:
    report = report_of({"flows/a.yaml": flow("a")}, {"flows/sub/b.yaml": flow("b")})

    (one,) = report.flows
    assert (one.old_name, one.old_path, one.status) == (FlowName("n", "a"), "flows/a.yaml", Status.CHANGED)


def test_flows_that_have_nothing_in_common_are_not_renamed() -> None:
    report = report_of({"flows/a.yaml": flow("a", "one")}, {"flows/a.yaml": flow("b", "two")})

    assert sorted(one.status for one in report.flows) == [Status.ADDED, Status.REMOVED]


def test_flows_that_change_places_are_told_by_their_names() -> None:
    base = {"flows/a.yaml": flow("a", "one"), "flows/b.yaml": flow("b", "two")}
    head = {"flows/a.yaml": base["flows/b.yaml"], "flows/b.yaml": base["flows/a.yaml"]}

    report = report_of(base, head)

    assert [(str(one.name), one.old_path, one.parts) for one in report.flows] == [
        ("n/a", "flows/a.yaml", ()), ("n/b", "flows/b.yaml", ()),
    ]  # fmt: skip


def test_how_lines_end_is_no_difference_at_all() -> None:
    report = report_of({"flows/a.yaml": flow("a")}, {"flows/a.yaml": flow("a").replace(b"\n", b"\r\n")})

    assert report.flows == ()


def test_a_file_that_cannot_be_read_hides_no_other() -> None:
    base = {"flows/a.yaml": flow("a"), "flows/b.yaml": flow("b")}
    head = {"flows/a.yaml": b"id: [\n", "flows/b.yaml": flow("b", "other")}

    report = report_of(base, head)

    assert [(str(one.name), one.status) for one in report.flows] == [
        ("n/a", Status.UNREADABLE), ("n/b", Status.CHANGED),
    ]  # fmt: skip


def test_a_new_file_that_cannot_be_read_goes_by_its_path() -> None:
    (one,) = report_of({}, {"flows/a.yaml": b"id: [\n"}).flows

    assert (one.title, one.status, one.problem) == (
        "flows/a.yaml",
        Status.UNREADABLE,
        "line 1: a value is missing here",
    )


def test_a_file_that_was_broken_and_is_mended_is_a_flow_that_came() -> None:
    report = report_of({"flows/a.yaml": b"id: [\n"}, {"flows/a.yaml": flow("a")})

    assert [(str(one.name), one.status) for one in report.flows] == [("n/a", Status.ADDED)]


def test_files_that_are_no_flows_are_left_out() -> None:
    report = report_of({"flows/values.yaml": b"a: 1\n"}, {"flows/values.yaml": b"a: 2\n"})

    assert report.flows == ()
    assert report.is_empty


def test_a_circle_of_flows_is_walked_once() -> None:
    call = "  - id: call\n    type: io.kestra.plugin.core.flow.Subflow\n    namespace: n\n    flowId: {}\n"
    base = {f"flows/{one}.yaml": flow(one) + call.format(other).encode() for one, other in ("ab", "bc", "ca")}
    head = {**base, "flows/a.yaml": base["flows/a.yaml"].replace(b"hello", b"bye")}

    (changed,) = report_of(base, head).flows

    assert [(str(one.flow), len(one.links)) for one in changed.touched] == [("n/c", 1), ("n/b", 2)]
