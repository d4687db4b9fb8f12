"""Which agent a command is about: its data folder, its flows by name, and whether it runs."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from penstock.errors import NotFound, UserError

if TYPE_CHECKING:
    from penstock.diagnostic import FlowName
    from penstock.ports.deployment import Deployed
    from penstock.ports.store import Store
    from penstock.wiring import Workplace


@dataclass(frozen=True, slots=True)
class AgentFolder:
    """An agent's data folder. `words` are the options that name it, for the commands that a hint shows."""

    path: Path
    words: str

    @contextmanager
    def open(self) -> Iterator[Workplace]:
        """Its workplace. Raises NotFound where no agent has worked."""
        from penstock.wiring import workplace
        from penstock_cli.options import settings_now

        if not (self.path / "store.db").exists():
            raise NotFound(
                f"no agent has worked in {self.path} yet",
                help="--data DIR names its data folder; --repo, --branch and --path must be as the agent has them",
            )
        with workplace(self.path, settings=settings_now()) as place:
            yield place


def agent_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--data`, or `--repo`, `--branch` and `--path`, as `agent` has them; the command is given a `folder`."""

    @wraps(command)
    def with_folder(*args: Any, repo: str | None, branch: str, prefix: str, data: Path | None, **kwargs: Any) -> Any:
        return command(*args, folder=_folder(repo, branch, prefix, data), **kwargs)

    for option in (
        click.option("--path", "prefix", default="", help="The agent's --path."),
        click.option(
            "--branch", default="main", show_default=True, envvar="PENSTOCK_BRANCH", help="The agent's --branch."
        ),
        click.option("--repo", metavar="URL", envvar="PENSTOCK_REPO", help="The agent's repository."),
        click.option("--data", type=click.Path(path_type=Path), help="The agent's data folder, instead."),
    ):
        with_folder = option(with_folder)
    return with_folder


def _folder(repo: str | None, branch: str, prefix: str, data: Path | None) -> AgentFolder:
    from penstock.settings import data_folder
    from penstock.wiring import Repository

    if repo is None and data is None and not os.environ.get("PENSTOCK_DATA"):
        raise click.UsageError("name the agent's data folder with --data DIR, or its repository with --repo URL")
    identity = Repository(repo, branch, prefix).identity if repo is not None else None
    return AgentFolder(data_folder(data, agent=identity), _words(repo, branch, prefix, data))


def _words(repo: str | None, branch: str, prefix: str, data: Path | None) -> str:
    told: list[str] = []
    if data is not None:
        told = ["--data", str(data)]
    elif repo is not None:
        told = ["--repo", repo, "--branch", branch, *(["--path", prefix] if prefix else [])]
    return "".join(f" {shlex.quote(word)}" for word in told)


def agent_runs(place: Workplace) -> bool:
    """Whether an agent has the folder now: also one that is only beginning, or leaving."""
    from penstock.ports.presence import AGENT_PLACE

    return place.presence.is_alive(AGENT_PLACE)


def poke_agent_of(place: Workplace) -> bool:
    """Have the agent look now at what was written. False where none runs: the next one sees it."""
    from penstock.ports.presence import AGENT_PLACE

    return place.presence.poke(AGENT_PLACE)


def repository_of(place: Workplace) -> str:
    """The URL that the deployed flows are from, as executions tell it."""
    generation = place.store.generation()
    return generation.source.partition("#")[0] if generation is not None else ""


def deployed_named(store: Store, text: str) -> Deployed:
    """The deployed flow that `text` names: `namespace/id`, or `namespace.id` where only one reading is known.

    Raises NotFound, with what is wrong with its file where one is known; UserError where there are two readings.
    """
    from penstock.diagnostic import did_you_mean
    from penstock.operations.start import name_of

    name = name_of(text)
    if name is not None and (found := store.deployed_flow(name)) is not None:
        return found
    known = store.deployed()
    meant = [each for each in known if _is_named(each, text)]
    if len(meant) > 1:
        raise UserError(f"`{text}` is {' or '.join(f'`{each}`' for each in meant)}", help="name it as `namespace/id`")
    if meant:
        return known[meant[0]]
    hint = _problem_of(store, text) or did_you_mean(text, map(str, known))
    raise NotFound(f"the flow `{text}` is not deployed", help=hint or "`penstock flows list` shows what is")


def _is_named(name: FlowName, text: str) -> bool:
    return text in (str(name), f"{name.namespace}.{name.id}")


def _problem_of(store: Store, text: str) -> str | None:
    """Why a flow that is in the tree was never deployed."""
    for seen in store.observations():
        for file in store.tree(seen.source)[1]:
            if file.problem is not None and file.flow is not None and _is_named(file.flow, text):
                return f"its file was never valid: {file.problem}"
    return None
