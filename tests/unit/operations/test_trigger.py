"""An execution that a person starts finds its way to an agent, whenever that begins and ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from penstock.adapters.sqlite import SqliteStore
from penstock.diagnostic import FlowName
from penstock.errors import NotFound
from penstock.execution.model import Execution
from penstock.execution.state import State
from penstock.operations.start import Start, start_of
from penstock.operations.trigger import trigger
from penstock.ports.store import Creation, Session, Unadmitted
from penstock.wiring import Workplace, new_execution_id, workplace
from unit.agent.bench import NOON, Bench, bench, flow
from until import until

A = FlowName("team", "a")


def wanted(place: Workplace) -> Start:
    found = place.store.deployed_flow(A)
    assert found is not None
    return start_of(found, place.deployed_flow(found), {}, repository="repo", id_=new_execution_id())


def deploy(folder: Path) -> None:
    """What an agent leaves that has deployed a flow and is gone."""
    with bench(folder) as agent:
        agent.deploy({"a": flow("a")})


def until_done(agent: Bench, execution: Execution) -> None:
    until(lambda: [(each.id, each.state) for each in agent.executions()] == [(execution.id, State.SUCCESS)], 20)


def test_the_agent_that_runs_is_told_at_once(tmp_path: Path) -> None:
    deploy(tmp_path)
    with bench(tmp_path) as agent, workplace(tmp_path / "data") as place:
        execution, session = trigger(place.store, place.presence, wanted(place), at=NOON)
        assert session.id == agent.live.session.id
        until_done(agent, execution)


def test_the_next_agent_takes_up_what_was_started_while_none_ran(tmp_path: Path) -> None:
    deploy(tmp_path)
    with workplace(tmp_path / "data") as place:
        execution, session = trigger(place.store, place.presence, wanted(place), at=NOON)
        assert not place.presence.is_alive(session.id)
    with bench(tmp_path) as agent:
        until_done(agent, execution)


class Meanwhile(SqliteStore):
    """A store around whose `create` something happens: between two looks of the caller at who is there."""

    def __init__(self, path: Path, before: Callable[[], object], after: Callable[[], object]) -> None:
        super().__init__(path)
        self._before, self._after = before, after

    def create(
        self, creations: Sequence[Creation], *, session: Session | None, told: bool = False
    ) -> list[Execution | Unadmitted]:
        self._before()
        written = super().create(creations, session=session, told=told)
        self._after()
        return written


def test_an_agent_that_begins_just_then_gets_it_too(tmp_path: Path) -> None:
    """It has looked at what the one before it left, and at what it was told, before the execution is its own."""
    deploy(tmp_path)
    with ExitStack() as stack:
        agents: list[Bench] = []
        place = stack.enter_context(workplace(tmp_path / "data"))
        start = wanted(place)
        store = Meanwhile(
            tmp_path / "data" / "store.db",
            before=lambda: agents.append(stack.enter_context(bench(tmp_path))),
            after=lambda: agents[0].live.executor.catch_up(),
        )
        stack.callback(store.close)
        execution, session = trigger(store, place.presence, start, at=NOON)
        assert session.id == agents[0].live.session.id
        until_done(agents[0], execution)


def test_a_folder_in_which_only_runs_were_made_has_nobody_to_start_it(tmp_path: Path) -> None:
    deploy(tmp_path)
    with workplace(tmp_path / "data") as place, workplace(tmp_path / "other") as other:
        other.store.open_session(name="box", kind="run", pid=1, at=NOON)
        with pytest.raises(NotFound, match="no agent has run"):
            trigger(other.store, other.presence, wanted(place), at=NOON)
