"""Child processes: what they answer, what they cannot see or do, and that nothing of them stays behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple
from pathlib import Path

import pytest

from conftest import ROOT
from penstock.expression.apart.children import MEMORY_BYTES, MOST_BYTES, Children, Job, ask
from penstock.expression.apart.parcel import pack, unpack
from penstock.expression.budget import Budget
from penstock.expression.errors import BudgetExceeded, ExpressionError
from until import until

HANGS = "def f: f; f"
ON_LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc shows what a process has")


@pytest.fixture
def children() -> Iterator[Children]:
    made = Children()
    yield made
    made.close()


def jq(
    children: Children, program: str, value: object = None, *, deadline_s: float = 10, memory: int = MEMORY_BYTES
) -> str:
    job = Job("jq", json.dumps([program, json.dumps(value)]).encode())
    return children.ask(job, deadline_s=deadline_s, memory_bytes=memory).decode()


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").exists() and " Z " in Path(f"/proc/{pid}/stat").read_text()


def test_nothing_is_started_before_something_is_asked(children: Children) -> None:
    assert children.pids() == frozenset()


def test_one_child_answers_one_ask_after_another(children: Children) -> None:
    assert jq(children, ".a", {"a": [1]}) == "[1]"
    [pid] = children.pids()
    assert jq(children, ".[]", [1, 2]) == "1\n2"
    assert children.pids() == {pid}


def test_a_refusal_has_the_childs_own_sentence_and_leaves_it_well(children: Children) -> None:
    with pytest.raises(ExpressionError, match=r"^nope/0 is not defined$"):
        jq(children, "nope")
    [pid] = children.pids()
    with pytest.raises(ExpressionError, match="Cannot index number"):
        jq(children, ".a", 1)
    assert children.pids() == {pid}


def test_a_hundred_ask_at_once_and_two_answer(children: Children) -> None:
    seen: set[int] = set()

    def one(number: int) -> str:
        answer = jq(children, ". * 2", number)
        pids = children.pids()
        assert len(pids) <= 2
        seen.update(pids)
        return answer

    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(one, range(100)))
    assert answers == [str(number * 2) for number in range(100)]
    assert len(seen) == 2


def test_what_hangs_is_killed_in_time_and_the_next_ask_gets_another_child(children: Children) -> None:
    jq(children, ".")
    [pid] = children.pids()
    began = time.monotonic()
    with pytest.raises(BudgetExceeded, match="wall bound of 300 ms in a child process"):
        jq(children, HANGS, deadline_s=0.3)
    assert time.monotonic() - began < 2
    assert is_gone(pid)
    assert jq(children, "1") == "1"


def test_a_child_that_hangs_does_not_hold_this_interpreter(children: Children) -> None:
    jq(children, ".")
    waiting = threading.Event()

    def hang() -> None:
        waiting.set()
        with pytest.raises(BudgetExceeded):
            jq(children, HANGS, deadline_s=1)

    thread = threading.Thread(target=hang)
    thread.start()
    waiting.wait()
    assert jq(children, "2") == "2"
    thread.join()


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="only Linux holds every process to its address space")
@pytest.mark.parametrize("program", ['"a" * 900000000', "[range(1e9)]", "def f: [f, f]; f"])
def test_what_eats_memory_ends(children: Children, program: str) -> None:
    with pytest.raises(BudgetExceeded, match="memory bound of 200 MiB"):
        jq(children, program, memory=200 * 2**20, deadline_s=60)
    assert jq(children, "1") == "1"


def test_too_many_results_and_too_long_ones_name_their_bound(children: Children) -> None:
    with pytest.raises(BudgetExceeded, match="output bound of 10,000,000 characters"):
        jq(children, 'range(100) | "a" * 200000', deadline_s=30)
    with pytest.raises(BudgetExceeded, match="more than 1,000,000 results"):
        jq(children, "range(2000000)", deadline_s=60)


def test_what_is_asked_is_bounded(children: Children) -> None:
    with pytest.raises(BudgetExceeded, match="what a child process is given passes the bound of 64 MiB"):
        children.ask(Job("jq", b"x" * MOST_BYTES), deadline_s=1, memory_bytes=MEMORY_BYTES)


def test_a_child_that_is_killed_at_rest_is_replaced(children: Children) -> None:
    jq(children, ".")
    [pid] = children.pids()
    os.kill(pid, signal.SIGKILL)
    until(lambda: not children.pids())
    assert jq(children, "3") == "3"
    assert children.pids() != {pid}


def test_a_child_that_is_killed_at_work_is_told_and_replaced(children: Children) -> None:
    jq(children, ".")
    [pid] = children.pids()
    killer = threading.Timer(0.2, os.kill, (pid, signal.SIGKILL))
    killer.start()
    with pytest.raises(BudgetExceeded, match="the child process of the expression died"):
        jq(children, HANGS, deadline_s=10)
    killer.join()
    assert jq(children, "3") == "3"


def test_a_child_without_work_ends_itself_and_leaves_no_zombie() -> None:
    children = Children(idle_s=0.05)
    try:
        for number in range(5):  # also when that happens just as something is asked
            assert jq(children, ".", number) == str(number)
        pids = children.pids()
        until(lambda: not children.pids())
        for pid in pids:
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)
        assert jq(children, "4") == "4"
    finally:
        children.close()


@ON_LINUX
def test_a_child_has_no_environment_no_files_and_no_folder_of_ours(
    children: Children, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TOKEN", "shh")
    monkeypatch.chdir(tmp_path)
    with (tmp_path / "open").open("w") as mine:
        os.set_inheritable(mine.fileno(), True)
        assert jq(children, "[env, $ENV]") == "[{},{}]"
        [pid] = children.pids()
        process = Path(f"/proc/{pid}")
        assert b"TOKEN" not in (process / "environ").read_bytes()
        assert (process / "cwd").readlink() == Path("/")
        opened = {str(entry.readlink()).partition(":")[0] for entry in (process / "fd").iterdir()}
        assert opened == {"/dev/null", "pipe"}


@pytest.mark.parametrize(
    "program",
    [
        'import "secret" as $s {search: "FOLDER"}; $s',
        'import "code" as c {search: "FOLDER"}; c::secret',
        'include "code" {search: "FOLDER"}; secret',
        '"FOLDER/code" | modulemeta',
        'import "FOLDER/secret" as $s; $s',
        '1) | (include "code" {search: "FOLDER"}; secret',
    ],
)
def test_a_program_reads_no_file(children: Children, tmp_path: Path, program: str) -> None:
    (tmp_path / "secret.json").write_text('"shh"')
    (tmp_path / "code.jq").write_text('def secret: "shh";')
    with pytest.raises(ExpressionError) as caught:
        jq(children, program.replace("FOLDER", str(tmp_path)))
    assert "shh" not in caught.value.message
    assert jq(children, "1") == "1"


@pytest.mark.parametrize(
    ("program", "result"),
    [
        ("input_filename", "null"),
        ("[inputs]", "[]"),
        ("get_search_list", "[]"),
        ("debug", "null"),
        ("stderr", "null"),
        ("halt", ""),
        ("halt_error", ""),
        ("$__loc__", '{"file":"<top-level>","line":1}'),
    ],
)
def test_what_belongs_to_jqs_command_line_is_inert(children: Children, program: str, result: str) -> None:
    assert jq(children, program).replace('"line":2', '"line":1') == result
    assert jq(children, "1") == "1"


def test_children_start_while_threads_hold_locks(children: Children) -> None:
    """Nothing of this process is copied into a child, so no lock that another thread holds is ever waited for there."""
    stop = threading.Event()
    lock = threading.Lock()

    def busy() -> None:
        while not stop.is_set():
            with lock:
                json.loads(json.dumps(list(range(50))))

    threads = [threading.Thread(target=busy) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for number in range(3):
            with lock:
                assert jq(children, ".", number) == str(number)
            for pid in children.pids():
                os.kill(pid, signal.SIGKILL)
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@ON_LINUX
def test_nothing_is_left_open_after_many_children(children: Children) -> None:
    def opened() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    jq(children, ".")
    before = opened()
    for _ in range(4):
        for pid in children.pids():
            os.kill(pid, signal.SIGKILL)
        until(lambda: not children.pids())
        jq(children, ".")
    assert opened() == before
    children.close()
    assert opened() == before - 2


def run(code: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PRELUDE + code],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(ROOT / "engine")},
    )


PRELUDE = """
import json, os, sys
from penstock.expression.apart import children
from penstock.expression.apart.children import Job, ask
def jq(program):
    return ask(Job("jq", json.dumps([program, "null"]).encode())).decode()
def pid():
    [found] = children._children.pids()
    return found
"""


def test_a_process_that_ends_takes_its_children_along() -> None:
    with run("jq('1'); print(pid())") as parent:
        out, _ = parent.communicate(timeout=30)
    assert parent.returncode == 0
    assert is_gone(int(out))


@pytest.mark.skipif(sys.platform == "win32", reason="there are no signals")
@pytest.mark.parametrize("program", ["1", HANGS])
def test_a_process_that_is_killed_leaves_no_child_behind(program: str) -> None:
    code = f"jq('1'); print(pid(), flush=True); jq({program!r}); print('done', flush=True); sys.stdin.read()"
    with run(code) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
    until(lambda: is_gone(child), within=15)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing is forked there")
def test_a_process_that_was_forked_has_children_of_its_own() -> None:
    code = """
assert jq('1') == '1'
mine = pid()
forked = os.fork()
if not forked:
    assert not children._children.pids()
    assert jq('2') == '2' and pid() != mine
    children._children.close()
    os._exit(0)
assert os.waitpid(forked, 0)[1] == 0
assert jq('3') == '3' and pid() == mine
"""
    with run(code) as parent:
        parent.communicate(timeout=30)
    assert parent.returncode == 0


def test_without_jq_it_says_what_to_install() -> None:
    code = """
from penstock.expression import ExpressionError, render
try:
    render("{{ [1] | jq('.') }}", {})
except ExpressionError as error:
    print(error.message.partition(" in the expression")[0], "|", error.help)
"""
    with subprocess.Popen(  # -S: without the installed packages, which its children then do not see either
        [sys.executable, "-S", "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(ROOT / "engine")},
    ) as bare:
        out, _ = bare.communicate(timeout=30)
    assert out == "Unable to apply jq: jq is not installed | pip install jq\n"


def test_what_answering_raises_reaches_whoever_asked(children: Children) -> None:
    """Even an error like those of the pipes; and the child that waited in vain is ended."""
    jq(children, ".")
    [pid] = children.pids()

    def answer(question: bytes) -> bytes:
        raise BrokenPipeError("the disk is away")

    content = pack(("{{ a }}", ["a"], False, astuple(Budget()), "auto", 1))
    with pytest.raises(BrokenPipeError, match="the disk is away"):
        children.ask(Job("render", content), deadline_s=10, memory_bytes=MEMORY_BYTES, answer=answer)
    assert is_gone(pid)
    assert jq(children, "1") == "1"


def test_the_time_that_answering_takes_is_not_the_childs(children: Children) -> None:
    thought = threading.Event()

    def answer(question: bytes) -> bytes:
        assert not thought.wait(2)  # longer than the child may take
        return pack((True, "ada"))

    content = pack(("{{ a }}", ["a"], False, astuple(Budget(wall_s=10)), "auto", 1))
    result = children.ask(Job("render", content), deadline_s=1.5, memory_bytes=MEMORY_BYTES, answer=answer)
    assert unpack(result) == "ada"


def test_whoever_asks_without_a_pool_of_its_own_shares_one() -> None:
    assert ask(Job("jq", b'["1", "null"]')) == b"1"
