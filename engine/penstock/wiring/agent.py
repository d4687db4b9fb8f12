"""The agent's own parts: repository, results, loops, put together over a workplace."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.diagnostic import FlowName
from penstock.errors import UserError
from penstock.flow.model import Dialect
from penstock.ports.git import Mirror, ResultsBranch
from penstock.tasks.placement import CONTAINER
from penstock.wiring.choice import RunnerChoice
from penstock.wiring.containers import ContainerSetup, look_at_engine
from penstock.wiring.surroundings import local_zone
from penstock.wiring.workplaces import MIRROR, Workplace, new_execution_id

if TYPE_CHECKING:
    from penstock.agent.live import LiveSession
    from penstock.agent.news import Teller
    from penstock.agent.once import Round
    from penstock.agent.recorder import Recorder
    from penstock.agent.service import AgentService
    from penstock.agent.sinks.sink import Sink


GIT, API = "git", "api"
"""The sinks of results."""


@dataclass(frozen=True, slots=True)
class Repository:
    """Where flows are read from. `prefix` is the folder that is looked into; the whole tree when it is empty."""

    url: str
    branch: str
    prefix: str = ""
    dialect: Dialect = Dialect.AUTO
    token_file: Path | None = None
    ssh_key: Path | None = None

    @property
    def identity(self) -> tuple[str, str, str]:
        """What tells one agent's data folder from another's."""
        return self.shown, self.branch, self.prefix

    @property
    def source(self) -> str:
        """What names it in the store."""
        return f"{self.shown}#{self.branch}:{self.prefix}"

    @property
    def shown(self) -> str:
        """The URL without user and password."""
        scheme, separator, rest = self.url.partition("://")
        if not separator:
            return self.url
        host, slash, path = rest.partition("/")
        return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


@dataclass(frozen=True, slots=True)
class Recording:
    """Where results go: `sinks` are of `git` and `api`. `results` is the repository for them, `token_file` holds what
    the receiver of the POST wants to see, `every` is how long a result waits for company before a push."""

    sinks: tuple[str, ...] = ("git",)
    results: Repository | None = None
    url: str | None = None
    token_file: Path | None = None
    every: timedelta | None = None


@dataclass(frozen=True, slots=True)
class AgentSetup:
    """What an agent is told. `interval` is how often it asks its repository; `reach` which private networks may be
    asked (`agent.http.allow`)."""

    name: str | None
    repository: Repository
    recording: Recording
    interval: timedelta
    reach: tuple[str, ...] = ()

    def named(self, name: str) -> AgentSetup:
        return replace(self, name=name)


def agent_service(place: Workplace, live: LiveSession, setup: AgentSetup, tell: Teller) -> AgentService:
    """The loops of an agent around a live session of `place`."""
    from penstock.agent.backfills import Backfills
    from penstock.agent.reconciler import Reconciler
    from penstock.agent.scheduler import Scheduler
    from penstock.agent.service import AgentService
    from penstock.agent.starter import Starter

    wish = setup.repository
    reconciler = Reconciler(mirror_of(place, wish), place.store, place.clock, wish.source, wish.prefix, wish.dialect)
    starter = Starter(
        place.store,
        live.executor,
        place.clock,
        local_zone(os.environ),
        wish.shown,
        place.deployed_flow,
        partial(place.keep_files, by_person=False),
        place.intake,
        new_execution_id,
        live.worker.fill,
    )
    scheduler, backfills = Scheduler(starter, tell), Backfills(starter, tell)
    recorder = recorder_of(place, setup, tell)
    return AgentService(
        live,
        reconciler,
        scheduler,
        backfills,
        recorder,
        place.clock,
        tell,
        setup.interval,
        sinks=setup.recording.sinks,
    )


def tell_of_engine(service: AgentService, choice: RunnerChoice, setup: ContainerSetup) -> None:
    """Say where scripts run that name no runner; it is trouble when no engine answers, though an agent goes on."""
    from penstock.agent.news import News, Topic

    if choice.default != CONTAINER:
        return
    found = look_at_engine(setup, os.environ)
    where = f"scripts run in containers of {found.address}"
    text = f"{where} ({found.product})" if found.product else f"{where}, which is waited for: {found.why}"
    fields = {"engine": found.address, "product": found.product}
    service.tell(News(service.clock.now(), Topic.ENGINE, text, fields, is_trouble=found.product is None))


def one_round(service: AgentService, starts: Sequence[FlowName]) -> Round:
    """One round of the main job: `penstock agent --once`."""
    from penstock.agent.once import run_once

    return run_once(service, starts=starts)


def agent_name(place: Workplace, wished: str | None, host: str) -> str:
    """What the agent of this folder is called: as wished, else as it was called at its first start, else by the host.
    Kept: its results and its tasks are found by it."""
    kept = place.data / "agent-name"
    before = kept.read_text(encoding="utf-8").strip() if kept.is_file() else ""
    name = wished or before or host or "agent"
    if name != before:
        staged = kept.with_suffix(".new")
        staged.write_text(name + "\n", encoding="utf-8")
        staged.replace(kept)
    return name


def mirror_of(place: Workplace, wish: Repository) -> Mirror:
    from penstock.adapters.git import Credentials, GitMirror

    credentials = Credentials(wish.token_file, wish.ssh_key)
    return GitMirror(wish.url, wish.branch, place.data / MIRROR, credentials=credentials)


def recorder_of(place: Workplace, setup: AgentSetup, tell: Teller) -> Recorder | None:
    """Over the sinks that are asked for; None where there is none. Raises UserError for one that cannot be."""
    from penstock.agent.recorder import Recorder
    from penstock.agent.sinks.sink import Sink

    wish, sinks = setup.recording, list[Sink]()
    if GIT in wish.sinks:
        sinks.append(_git_sink(place, setup, tell))
    if API in wish.sinks:
        sinks.append(_api_sink(place, setup, tell))
    return Recorder(place.store, sinks, place.clock, tell, draw=random.random) if sinks else None


def _git_sink(place: Workplace, setup: AgentSetup, tell: Teller) -> Sink:
    from penstock.adapters.git import Credentials, GitResultsBranch
    from penstock.agent.results import Results
    from penstock.agent.sinks.git import GitSink
    from penstock.agent.sinks.pace import Pace

    flows = setup.repository
    to = setup.recording.results or flows
    credentials = Credentials(to.token_file, to.ssh_key)

    def branch_of(name: str) -> ResultsBranch:
        folder = place.data / "results" / (sha256(f"{to.url}\n{name}".encode()).hexdigest()[:16] + ".git")
        return GitResultsBranch(to.url, name, folder, author=f"Penstock {setup.name}", credentials=credentials)

    return GitSink(
        place.store,
        Results(place.logs, place.files, place.store),
        branch_of,
        place.clock,
        tell,
        agent=setup.name or "agent",
        repository=flows.shown,
        flows_branch=flows.branch,
        pace=Pace(longest_wait=setup.recording.every) if setup.recording.every is not None else None,
    )


def _api_sink(place: Workplace, setup: AgentSetup, tell: Teller) -> Sink:
    from penstock.agent.sinks.api import ApiSink

    wish = setup.recording
    token = (lambda: read_token(wish.token_file)) if wish.token_file is not None else (lambda: None)
    http = place.http(setup.reach)
    return ApiSink(place.store, http, wish.url or "", place.clock, tell, token=token, draw=random.random)


def read_token(file: Path) -> str:
    """The token that a file holds. Raises UserError."""
    try:
        token = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the token file {file}") from error
    if not token:
        raise UserError(f"the token file {file} is empty")
    return token
