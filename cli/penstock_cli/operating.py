"""One word said to one or to many executions: who is meant, what came of each, and the exit code of it all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from penstock.errors import PenstockError, Refused, UserError
from penstock_cli.exits import Exit

if TYPE_CHECKING:
    from penstock.execution.model import Execution
    from penstock.execution.state import State
    from penstock.ports.store import Query
    from penstock.wiring import Workplace

MOST = 10_000
"""So many executions are meant by one call at most."""


@contextmanager
def place_of(data: Path | None) -> Iterator[Workplace]:
    """The data folder in which executions are. Raises NotFound where nothing has run yet."""
    from penstock.errors import NotFound
    from penstock.settings import data_folder
    from penstock.wiring import workplace
    from penstock_cli.options import settings_now

    folder = data_folder(data)
    if not (folder / "store.db").exists():
        raise NotFound(f"nothing has run with the data folder {folder} yet", help="--data DIR names another one")
    with workplace(folder, settings=settings_now()) as place:
        yield place


def person() -> str:
    return os.environ.get("USER") or os.environ.get("USERNAME") or "somebody"


@dataclass(frozen=True, slots=True)
class Choice:
    """Who is meant: executions by their ids, or all of which every given condition is true."""

    ids: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    flow: str | None = None
    namespace: str | None = None
    labels: tuple[str, ...] = ()

    @property
    def is_query(self) -> bool:
        return bool(self.states or self.flow or self.namespace or self.labels)

    def query(self, limit: int = MOST) -> Query:
        """Raises UserError for what is no state, no name of a flow, no label."""
        from penstock.operations.start import name_of
        from penstock.ports.store import Query
        from penstock_cli.flow_files import given_labels

        name = name_of(self.flow) if self.flow else None
        if self.flow and name is None:
            raise UserError(f"`{self.flow}` does not name a flow", help="name it as `namespace/id`")
        return Query(
            flow=name,
            namespace=self.namespace,
            states=tuple(state_named(state) for state in self.states),
            labels=given_labels(self.labels),
            limit=limit,
        )

    def found(self, place: Workplace) -> list[str]:
        """The ids of who is meant, oldest first where they were asked for. Raises UserError, NotFound."""
        from penstock_cli.lookup import full_id

        if bool(self.ids) == self.is_query:
            raise click.UsageError("name executions by ID, or ask for them with --state, --flow, --namespace, --label")
        if self.ids:
            return list(dict.fromkeys(full_id(place.store, each) for each in self.ids))
        return [each.id for each in reversed(place.store.summaries(self.query()))]


def state_named(text: str) -> State:
    from penstock.execution.state import State

    if text.upper() not in State.__members__:
        raise UserError(f"`{text}` is no state", help=", ".join(State.__members__))
    return State(text.upper())


@dataclass(frozen=True, slots=True)
class Done:
    """What came of it: a sentence for a person, and the execution as it is now: another one where it was run anew."""

    execution: Execution
    told: str
    waits: bool = True
    """Whether it is of interest who takes it up."""


Act = Callable[["Workplace", "Execution"], Done]


def say_to(place: Workplace, choice: Choice, act: Act, output: str | None, *, quiet: bool = False) -> int:
    """Do `act` for each of those who are meant, and tell what came of it; the exit code.

    One execution that refuses is an error as everywhere; of several each is told, and the code is 1 where one refused.
    """
    ids = choice.found(place)
    if not ids:
        click.echo("no execution fits", err=True)
    rows: list[dict[str, Any]] = []
    for id_ in ids:
        execution = place.store.load(id_)
        if execution is None:
            continue  # it was deleted meanwhile
        try:
            done = act(place, execution)
        except PenstockError as error:
            if len(ids) == 1 and not choice.is_query:
                raise
            rows.append(_row(execution, "refused", error.message))
            click.echo(f"{id_}: {error.message}", err=True)
            continue
        rows.append(_row(done.execution, "done", done.told) | {"of": id_})
        if not quiet:
            click.echo(done.told, err=True)
            _tell_holder(place, done)
    refused = sum(row["outcome"] == "refused" for row in rows)
    if len(ids) > 1:
        click.echo(f"{len(rows) - refused} done, {refused} refused", err=True)
    _show(rows, output)
    return Exit.FINDINGS if refused else Exit.FINE


def _row(execution: Execution, outcome: str, told: str) -> dict[str, Any]:
    return {
        "id": execution.id,
        "of": execution.id,
        "flow": str(execution.flow),
        "state": execution.state.value,
        "outcome": outcome,
        "message": told,
    }


def _show(rows: Sequence[dict[str, Any]], output: str | None) -> None:
    if output is None:
        return
    from penstock_cli.render.tables import show_rows

    done = [row for row in rows if output != "name" or row["outcome"] == "done"]
    show_rows(done, output, columns=("id", "flow", "state", "outcome", "message"), name="id")


def _tell_holder(place: Workplace, done: Done) -> None:
    """Who acts on the word now; and how to have it acted on when nobody is there."""
    from penstock.ports.store import AGENT

    execution = done.execution
    holder = place.store.holder(execution.id)
    if not done.waits or execution.is_over or (holder is not None and place.presence.is_alive(holder.id)):
        return
    if holder is not None and holder.kind == AGENT:
        click.echo("noted, but no agent runs: the next one takes it up", err=True)
        return
    click.echo(f"noted, but no process holds it: penstock run --resume {execution.id} takes it up", err=True)


def confirmed(place: Workplace, choice: Choice, what: str, *, yes: bool) -> None:
    """Ask before what cannot be taken back is done to whatever a query finds. Raises Refused where nobody answers."""
    from penstock_cli.render.terminal import watches

    if yes or not choice.is_query:
        return
    import sys

    count = len(choice.found(place))
    if count and watches(sys.stdin) and watches(sys.stderr):
        click.confirm(f"{what} {count} executions?", abort=True, err=True)
    elif count:
        raise Refused(f"{count} executions fit, and nobody is there to confirm it", help="say --yes")
