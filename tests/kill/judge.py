"""What must hold when the killing is over: the tasks' notes, the client's journal and the results branch first."""

from __future__ import annotations

from collections import defaultdict

from kill.harness import Harness
from penstock.adapters.sqlite import SqliteStore
from penstock.execution.apply import fold
from penstock.execution.event import AttemptEnded, AttemptStarted
from penstock.execution.identity import idempotency_key
from penstock.execution.model import Execution
from penstock.execution.state import State


def judge(harness: Harness) -> None:
    """Raises AssertionError with everything that is wrong."""
    wrong = [*side_effects(harness), *_results(harness), *_store(harness), *_left_over(harness)]
    assert not wrong, "\n".join([f"seed {harness.seed}, kills {dict(harness.kills)}", *wrong])


def side_effects(harness: Harness) -> list[str]:
    """No finished task runs again, and none runs twice at the same time: from the append-only notes alone."""
    wrong: list[str] = []
    open_now: dict[str, int] = {}
    finished: set[str] = set()
    for word, key, pid, at in harness.notes():
        if word == "start":
            if key in finished:
                wrong.append(f"{key} was started at {at} although it had ended")
            if key in open_now:
                wrong.append(f"{key} was started at {at} by {pid} while {open_now[key]} had not ended")
            open_now[key] = pid
        else:
            if open_now.get(key) != pid:
                wrong.append(f"{key} ended at {at} in {pid}, which had not started it")
            open_now.pop(key, None)
            if word == "end":
                finished.add(key)
    wrong += [f"{key} was started by {pid} and never ended" for key, pid in open_now.items()]
    return wrong


def _results(harness: Harness) -> list[str]:
    recorded = harness.recorded()
    lost = [f"{id_} was acknowledged and is not on the branch" for id_ in harness.acknowledged if id_ not in recorded]
    return lost + [f"{id_} is on the branch {count} times" for id_, count in recorded.items() if count != 1]


def _left_over(harness: Harness) -> list[str]:
    """Private folders of attempts, with their raw output, that nobody will ever look at."""
    store = SqliteStore(harness.data / "store.db", read_only=True)
    open_runs = {run for id_, _ in store.at_work() for run in _loaded(store, id_).running}
    store.close()
    work = harness.data / "work"
    left = [each.name for each in work.iterdir() if not each.name.startswith(".")] if work.exists() else []
    return [f"{name} was left behind" for name in left if not any(run in name for run in open_runs)]


def _loaded(store: SqliteStore, id_: str) -> Execution:
    loaded = store.load(id_)
    assert loaded is not None
    return loaded


def _store(harness: Harness) -> list[str]:
    wrong: list[str] = []
    store = SqliteStore(harness.data / "store.db", read_only=True)
    noted = defaultdict(list)
    for word, key, _, _ in harness.notes():
        noted[key].append(word)
    try:
        for id_ in store.find("", limit=100_000):
            events = store.events(id_)
            loaded, folded = store.load(id_), fold(events)
            if loaded != folded:
                wrong.append(f"{id_}: the projection is not the fold of the log")
            if not folded.is_over:
                continue  # of a schedule, begun while the last agent was told to leave
            if id_ in harness.acknowledged and folded.state not in (State.SUCCESS, State.FAILED):
                wrong.append(f"{id_} ended as {folded.state}")
            starts = [(each.run, each.attempt) for each in events if isinstance(each, AttemptStarted)]
            ends = [(each.run, each.attempt) for each in events if isinstance(each, AttemptEnded)]
            wrong += [f"{id_}: {each} is recorded twice" for each in set(starts) if starts.count(each) > 1]
            wrong += [f"{id_}: the end of {each} is recorded twice" for each in set(ends) if ends.count(each) > 1]
            for run in folded.in_order():
                key = idempotency_key(id_, run.id, run.iteration)
                ran = run.state is State.SUCCESS and run.attempts and run.attempts[-1].exit_code is not None
                if ran and not noted[key]:
                    wrong.append(f"{id_}: {run.task} is said to have run, and noted nothing")
    finally:
        store.close()
    return wrong
