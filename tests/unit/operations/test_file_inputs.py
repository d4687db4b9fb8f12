"""Inputs that are files: kept under the execution they are for, or refused in Kestra's words."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fakes.files import MemoryFiles
from fakes.namespace_files import MemoryNamespaceFiles
from penstock.errors import NotFound, UserError
from penstock.execution.model import Execution
from penstock.expression import render, render_value
from penstock.flow.convert import LocalFile
from penstock.flow.declaration import declared_input
from penstock.flow.inputs import InvalidInputs
from penstock.flow.model import Flow, Kind, Task
from penstock.operations.file_inputs import keep_files
from penstock.operations.start import Intake, Start, prepare
from penstock.ports.files import SCHEME
from penstock.tasks.registry import MODELS

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
OWN = "kestra:///team/data/my-flow/executions/e1/inputs/"
OTHERS = "kestra:///team/secret/executions/e9/tasks/t/r/salaries.csv"
BESIDE = MemoryNamespaceFiles({"team.data": {"ref/a.csv": b"1,2"}, "other": {"b.csv": b"3"}})


def wanted(*inputs: dict[str, Any], **given: Any) -> Start:
    declared = tuple(declared_input({"type": "FILE", **each}) for each in inputs)
    flow = Flow("team.data", "My_flow", (Task("t", next(iter(MODELS)), Kind.FLOWABLE, {}),), inputs=declared)
    return Start("e1", flow, "0" * 64, inputs=given)


def kept(start: Start, files: MemoryFiles, *, by_person: bool = True) -> dict[str, Any]:
    """What expressions will see of the inputs."""
    return dict(prepare(keep_files(start, files, BESIDE, by_person=by_person, at=NOON), at=NOON).execution.inputs)


def content(files: MemoryFiles, uri: str) -> bytes:
    with files.open(files.resolve(uri)) as file:
        return file.read()


def test_a_file_of_this_machine_is_kept_in_kestras_layout(tmp_path: Path) -> None:
    (tmp_path / "my data.csv").write_bytes(b"1,2\n")
    files = MemoryFiles()
    found = kept(wanted({"id": "f"}, {"id": "g", "required": False}, f=LocalFile(str(tmp_path / "my data.csv"))), files)
    assert found == {"f": f"{OWN}f/my_data.csv", "g": None}
    assert content(files, found["f"]) == b"1,2\n"
    assert list(files.list(SCHEME)) == [found["f"]]


def test_a_dotted_input_is_nested_and_its_name_is_not(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"1")
    found = kept(wanted({"id": "a.b"}, **{"a.b": LocalFile(str(tmp_path / "x"))}), MemoryFiles())
    assert found == {"a": {"b": f"{OWN}a.b/x"}}


def test_the_name_ends_as_the_extension_says(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"1")
    found = kept(wanted({"id": "f", "extension": ".csv"}, f=LocalFile(str(tmp_path / "x"))), MemoryFiles())
    assert found == {"f": f"{OWN}f/x.csv"}


@pytest.mark.parametrize(
    ("uri", "name"),
    [("nsfile:///ref/a.csv", "a.csv"), ("nsfile://other/b.csv", "b.csv"), ("kestra:///other/_files/b.csv", "b.csv")],
)
@pytest.mark.parametrize("by_default", [True, False])
def test_a_namespace_file_is_kept_too_also_by_default(uri: str, name: str, by_default: bool) -> None:
    files = MemoryFiles()
    start = wanted({"id": "f", "defaults": uri}) if by_default else wanted({"id": "f"}, f=uri)
    found = kept(start, files, by_person=False)
    assert found == {"f": f"{OWN}f/{name}"}
    assert content(files, found["f"]) in (b"1,2", b"3")


def rendering(_: Flow, __: Execution, value: Any, more: Mapping[str, Any], /, *, typed: bool = False) -> Any:
    return render(value, more, typed=True) if typed else render_value(value, more)


INTAKE = Intake(rendering, str, lambda value: value)


def test_a_file_that_is_left_out_is_not_kept_and_a_default_may_name_another_by_an_expression(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"1")
    start = wanted(
        {"id": "kind", "type": "STRING"},
        {"id": "f", "dependsOn": {"inputs": ["kind"], "condition": "{{ inputs.kind == 'mine' }}"}},
        {"id": "g", "defaults": "nsfile:///ref/{{ inputs.kind }}.csv"},
        f=LocalFile(str(tmp_path / "x")),
        kind="a",
    )
    files = MemoryFiles()
    ready = keep_files(start, files, BESIDE, by_person=True, at=NOON, intake=INTAKE)
    found = dict(prepare(ready, at=NOON, intake=INTAKE).execution.inputs)
    assert found == {"kind": "a", "g": f"{OWN}g/a.csv"}
    assert list(files.list(SCHEME)) == [found["g"]]


def test_a_person_may_hand_on_a_file_that_is_kept_already() -> None:
    files = MemoryFiles()
    files.name(OTHERS, files.put(b"42"))
    found = kept(wanted({"id": "f"}, f=OTHERS), files)
    assert found == {"f": f"{OWN}f/salaries.csv"}
    assert content(files, found["f"]) == b"42"


@pytest.mark.parametrize(
    "start", [wanted({"id": "f"}, f=OTHERS), wanted({"id": "f", "defaults": OTHERS})], ids=["given", "by default"]
)
def test_no_flow_gets_the_files_of_another(start: Start) -> None:
    files = MemoryFiles()
    files.name(OTHERS, files.put(b"42"))
    for by_person in [False] if start.inputs else [False, True]:
        with pytest.raises(InvalidInputs, match="as it didn't belong to the current execution"):
            kept(start, files, by_person=by_person)
    with pytest.raises(InvalidInputs, match="as it didn't belong to the current execution"):
        prepare(start, at=NOON)
    assert list(files.list(SCHEME)) == [OTHERS]


def no_file(folder: Path) -> Path:
    return folder / "gone"


def a_folder(folder: Path) -> Path:
    return folder


def a_socket(folder: Path) -> Path:
    import socket

    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(folder / "s"))
    return folder / "s"


def an_empty_file(folder: Path) -> Path:
    (folder / "empty.csv").touch()
    return folder / "empty.csv"


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (no_file, NotFound, "the input `f`: there is no file "),
        (a_folder, UserError, "is a folder"),
        (a_socket, UserError, "is no regular file"),
        (an_empty_file, InvalidInputs, "Can't upload file: "),
    ],
)
def test_what_is_no_file_is_told(
    make: Callable[[Path], Path], error: type[UserError], said: str, tmp_path: Path
) -> None:
    files = MemoryFiles()
    with pytest.raises(error, match=said):
        kept(wanted({"id": "f"}, f=LocalFile(str(make(tmp_path)))), files)
    assert list(files.list(SCHEME)) == []


def test_a_file_of_the_wrong_kind_is_refused_before_it_is_read(tmp_path: Path) -> None:
    start = wanted({"id": "f", "allowedFileExtensions": [".csv"]}, f=LocalFile(str(tmp_path / "gone.exe")))
    with pytest.raises(InvalidInputs) as refused:
        kept(start, MemoryFiles())
    reason = "File type not allowed. Accepted extensions: .csv"
    assert str(refused.value) == f"Invalid input for `f`, {reason}, but received `{tmp_path / 'gone.exe'}`"


def test_nothing_stays_of_a_start_that_fails_halfway(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"1")
    files = MemoryFiles()
    start = wanted({"id": "f"}, {"id": "g"}, f=LocalFile(str(tmp_path / "x")), g="nsfile:///gone")
    with pytest.raises(NotFound, match="gone"):
        kept(start, files)
    assert list(files.list(SCHEME)) == []


def test_a_required_file_that_is_missing_has_kestras_words() -> None:
    with pytest.raises(InvalidInputs) as refused:
        kept(wanted({"id": "f"}), MemoryFiles())
    assert str(refused.value) == "Invalid input for `f`, missing required input, but received `null`"


def test_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = subprocess.Popen([sys.executable, "-c", f"open({str(tmp_path / 'pipe')!r}, 'wb').write(b'piped')"])
    files = MemoryFiles()
    found = kept(wanted({"id": "f"}, f=LocalFile(str(tmp_path / "pipe"))), files)
    assert (writer.wait(10), content(files, found["f"])) == (0, b"piped")


_KEEP_IN_A_CHILD = """
import resource, sys
from pathlib import Path
from penstock.adapters.files import LocalFiles
from penstock.adapters.namespace_files import NoNamespaceFiles
from penstock.operations.file_inputs import keep_files
from penstock.flow.convert import LocalFile
from unit.operations.test_file_inputs import NOON, wanted
files = LocalFiles(Path(sys.argv[2]))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = wanted({"id": "f"}, f=LocalFile(sys.argv[1]))
uri = keep_files(start, files, NoNamespaceFiles(), by_person=True, at=NOON).inputs["f"]
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, files.size(uri))
"""


def test_a_large_file_is_not_read_into_memory(tmp_path: Path) -> None:
    size = 300 * 1024 * 1024
    with (tmp_path / "large").open("wb") as large:
        large.truncate(size)
    argv = [sys.executable, "-c", _KEEP_IN_A_CHILD, str(tmp_path / "large"), str(tmp_path / "files")]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(argv, capture_output=True, text=True, check=True, env=env)
    grown_kib, told = map(int, done.stdout.split())
    assert told == size
    assert grown_kib < 20 * 1024
