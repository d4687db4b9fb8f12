"""What a shell offers for an execution: the latest ids that begin with what was typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

MOST_OFFERED = 50


def executions(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Ids with flow and state. A shell asks at every key: what is wrong is told when the command is run."""
    from click.shell_completion import CompletionItem

    from penstock.errors import PenstockError
    from penstock.ports.store import Query
    from penstock.settings import data_folder
    from penstock.wiring import workplace

    del param
    folder = data_folder(ctx.params.get("data"))
    if not (folder / "store.db").exists():
        return []
    try:
        with workplace(folder) as place:
            found = [each for each in place.store.summaries(Query(limit=500)) if each.id.startswith(incomplete)]
    except (PenstockError, OSError):
        return []
    return [CompletionItem(each.id, help=f"{each.flow} {each.state.value}") for each in found[:MOST_OFFERED]]


def states(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
    from click.shell_completion import CompletionItem

    from penstock.execution.state import State

    del ctx, param
    return [CompletionItem(name) for name in State.__members__ if name.startswith(incomplete.upper())]
