"""What `read()` in an expression may read, and how much of it."""

from __future__ import annotations

import pytest

from fakes.files import MemoryFiles
from fakes.namespace_files import MemoryNamespaceFiles
from penstock.adapters.secrets import EnvSecrets
from penstock.adapters.secrets.masking import Masker
from penstock.agent.world import MOST_READ, World
from penstock.diagnostic import FlowName
from penstock.errors import NotFound, UserError
from penstock.execution.model import Execution
from penstock.execution.state import State
from penstock.flow.model import Flow
from penstock.ports.clock import HeldClock
from penstock.ports.storage import input_file

FLOW = FlowName("team.data", "f")
OWN = input_file(FLOW, "e1", "x", "own.txt")
OTHERS = input_file(FLOW, "e2", "x", "others.txt")


@pytest.fixture
def world() -> World:
    files, clock = MemoryFiles(), HeldClock()
    for uri, content in {OWN: "größer".encode(), OTHERS: b"secret", OWN + "s": b"x" * (MOST_READ + 1)}.items():
        files.name(uri, files.put(content))
    beside = MemoryNamespaceFiles({"team.data": {"a/b.txt": b"b", "e.txt": b"e"}, "other": {"a/b.txt": b"other"}})
    execution = Execution("e1", FLOW, 1, "", clock.now(), State.RUNNING, ())
    return World(Flow(FLOW.namespace, FLOW.id, ()), execution, EnvSecrets({}), files, clock, Masker(), beside)


@pytest.mark.parametrize(
    ("path", "namespace", "text"),
    [
        (OWN, None, "größer"),
        ("a/b.txt", None, "b"),
        ("/a/b.txt", None, "b"),
        ("a/b.txt", "other", "other"),
        ("nsfile:///a/b.txt", None, "b"),
        ("nsfile://other/a/b.txt", None, "other"),
        ("kestra:///other/_files/a/b.txt", None, "other"),
    ],
)
def test_own_files_and_those_of_namespaces_are_read(path: str, namespace: str | None, text: str, world: World) -> None:
    assert world.read(path, namespace) == text


@pytest.mark.parametrize(
    ("path", "error", "said"),
    [
        (OTHERS, UserError, f"Unable to read the file '{OTHERS}' as it didn't belong to the current execution"),
        (f"{OWN}/../../../../e2/inputs/x/others.txt", UserError, "out of the storage|is no file of this storage"),
        ("../a/b.txt", NotFound, "there is no file"),
        ("a", NotFound, "there is no file"),
        ("file:///etc/passwd", NotFound, "there is no file"),
        ("/etc/passwd", NotFound, "there is no file"),
        (OWN + "s", UserError, f"at most {MOST_READ} bytes"),
    ],
)
def test_nothing_else_is(path: str, error: type[UserError], said: str, world: World) -> None:
    with pytest.raises(error, match=said):
        world.read(path, None)
