"""Benchmarks of the flow language: `python benchmarks/language.py NAME…`. Ratios within one run, as in `run.py`."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice

import flows
from agent import Bed, cpu_s, noop
from measure import commits, cpu_seconds, quietly
from run import WORK, file, run_argv, said

from penstock.execution.apply import extend
from penstock.execution.decide import decide, due
from penstock.execution.event import ExecutionCreated
from penstock.execution.state import State
from penstock.flow.catalogue.catalog import load_catalog
from penstock.flow.model import Flow
from penstock.flow.parse import parse_flow
from penstock.operations.start import Start, prepare
from penstock.ports.store import AGENT, Creation
from penstock.wiring import new_execution_id, workplace

PAUSED = b"id: waits\nnamespace: bench\ntasks:\n  - id: wait\n    type: io.kestra.plugin.core.flow.Pause\n"
MANY_PAUSED = int(os.environ.get("BENCH_PAUSED", "100000"))
BATCH = 1_000
TRIES = 5
CALLS = "calls/flows"
"""A tree of its own: what is called is found there."""
WATCHED_S = 30.0
ROWS = 20
"""So many rows a call writes: its events and those of the child, their task runs, and both executions."""
COMMITS = 200
_pause = threading.Event()


def spent(name: str, text: str) -> float:
    """CPU seconds of `penstock run`, the best of some: what it waits for the disk is left out."""
    flow = file(f"{name}.yaml", text)
    return min(cpu_seconds(run_argv(flow, "-q")) for _ in range(TRIES))


def machine() -> None:
    """How fast this machine computes now: a busy one gives every figure below more CPU than it needs."""
    count = [sys.executable, "-c", "for _ in range(10**7): pass"]
    said(
        "floor: ten million turns of an empty loop", f"{min(cpu_seconds(count) for _ in range(TRIES)):.2f} s", "", None
    )


def loop() -> None:
    """ForEach over 10,000 values without a process, CPU alone: commits come on top."""
    at = {count: spent(f"loop{count}", flows.loop_noop(count)) for count in (100, 1_000, 10_000)}
    early, late = (at[1_000] - at[100]) / 900, (at[10_000] - at[1_000]) / 9_000
    said("ForEach of 10,000 no-op values, each", f"{late * 1000:.3f} ms", "≤ 0.3 ms", late <= 0.0003)
    said("the late ones against the early ones", f"{late / early:.2f} times", "≤ 1.3 times", late <= 1.3 * early)


def parallel() -> None:
    """1,000 tasks side by side, against as many in Parallels of 10."""
    none = spent("none", flows.sequential_noop(1))
    wide = (spent("wide", flows.parallels_noop(1_000, 1_000)) - none) / 1_001
    narrow = (spent("narrow", flows.parallels_noop(1_000, 10)) - none) / 1_100
    said("of 1,000 side by side, each task run", f"{wide * 1000:.3f} ms", "", None)
    said("against those side by side by 10", f"{wide / narrow:.2f} times", "≤ 1.1 times", wide <= 1.1 * narrow)


def subflow() -> None:
    """A call of another flow that is waited for, CPU alone, and without that of its commits."""
    (WORK / CALLS).mkdir(parents=True, exist_ok=True)
    file(f"{CALLS}/called.yaml", flows.called_noop())
    few, many = ("calls1", 1), ("calls201", 201)
    cpu = [spent(f"{CALLS}/{name}", flows.loop_of_calls(count)) for name, count in (few, many)]
    made = [commits(quietly(run_argv(WORK / CALLS / f"{name}.yaml"))) for name, _ in (few, many)]
    calls = many[1] - few[1]
    each, made_each, commit = (cpu[1] - cpu[0]) / calls, (made[1] - made[0]) / calls, commit_cpu()
    said(f"floor: the CPU of a commit of {ROWS} rows", f"{commit * 1000:.2f} ms", "", None)
    said("one call of a one-task flow, commits and all", f"{each * 1000:.2f} ms", f"{made_each:.1f} commits", None)
    alone = each - made_each * commit
    said("without them", f"{alone * 1000:.2f} ms", "≤ 3 ms", alone <= 0.003)


def commit_cpu() -> float:
    """What a durable transaction of as many rows as a call writes costs in CPU seconds, on the same disk."""
    import apsw

    path = WORK / "floor.db"
    path.unlink(missing_ok=True)
    connection = apsw.Connection(str(path))
    for statement in (
        "pragma journal_mode=wal",
        "pragma synchronous=full",
        "create table t (k integer primary key, x)",
    ):
        connection.execute(statement).fetchall()
    rows, begun = [("x" * 300,)] * ROWS, time.process_time()
    for _ in range(COMMITS):
        connection.execute("begin immediate")
        connection.executemany("insert into t (x) values (?)", rows)
        connection.execute("commit")
    spent = time.process_time() - begun
    connection.close()
    return spent / COMMITS


def paused() -> None:
    """What 100,000 executions that wait for people cost an agent that has nothing to do."""
    shares = {}
    for count in (0, MANY_PAUSED):
        bed = Bed(f"paused{count}")
        bed.push({"f0": noop(0)})
        begun = time.perf_counter()
        fill(bed, count)
        print(f"    {count} paused executions written in {time.perf_counter() - begun:.0f} s", flush=True)
        with bed.agent(interval="300s"):
            bed.until(lambda bed=bed: bed.said("flows.deployed"))
            _pause.wait(10)
            begun, spent = time.monotonic(), cpu_s(bed.pid)
            _pause.wait(WATCHED_S)
            shares[count] = (cpu_s(bed.pid) - spent) / (time.monotonic() - begun) * 100
    more = shares[MANY_PAUSED] - shares[0]
    said("floor: an agent that has nothing", f"{shares[0]:.2f} % of a core", "", None)
    said(
        f"{MANY_PAUSED} paused executions, more than that", f"{more:+.2f} % of a core", "nothing (≤ 0.1 %)", more <= 0.1
    )


def fill(bed: Bed, count: int) -> None:
    """Write executions that wait, as an agent that is gone has left them."""
    with workplace(bed.data) as place:
        flow = parse_flow(PAUSED, "waits.yaml", catalog=load_catalog()).flow
        assert flow is not None
        digest, now = place.pin(flow, PAUSED), datetime.now(UTC)
        gone = place.store.open_session(name="bench", kind=AGENT, pid=0, at=now)
        first = paused_execution(flow, digest, now)
        others = (another(first) for _ in range(count))
        while batch := list(islice(others, BATCH)):
            place.store.create(batch, session=gone)


def paused_execution(flow: Flow, digest: str, now: datetime) -> Creation:
    """One that has come to its Pause."""
    creation = prepare(Start(new_execution_id(), flow, digest), at=now)
    execution, events = creation.execution, list(creation.events)
    while decided := decide(flow, execution, now):
        execution = extend(execution, decided)
        events += decided
    assert execution.state is State.PAUSED
    return Creation(execution, tuple(events), due(flow, execution))


def another(creation: Creation) -> Creation:
    """The same again under another id."""
    id_, (created, *events) = new_execution_id(), creation.events
    assert isinstance(created, ExecutionCreated)
    execution = replace(creation.execution, id=id_)
    return replace(creation, execution=execution, events=(replace(created, id=id_), *events))


ALL: dict[str, Callable[[], None]] = {
    "machine": machine,
    "loop": loop,
    "parallel": parallel,
    "subflow": subflow,
    "paused": paused,
}


def main() -> None:
    wanted = sys.argv[1:] or list(ALL)
    unknown = [name for name in wanted if name not in ALL]
    if unknown:
        sys.exit(f"no benchmark {unknown[0]}; there are: {', '.join(ALL)}")
    try:
        for name in wanted:
            print(f"{name}: {(ALL[name].__doc__ or '').strip()}")
            ALL[name]()
    finally:
        shutil.rmtree(WORK, ignore_errors=True)


if __name__ == "__main__":
    main()
