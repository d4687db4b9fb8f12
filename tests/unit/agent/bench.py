"""An agent's parts over a real store, real processes and a clock held in the hand; stepped by the test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from fakes.git import MemoryHost, MemoryMirror
from penstock.agent.backfills import Backfills
from penstock.agent.live import LiveSession
from penstock.agent.news import News
from penstock.agent.reconciler import Reconciler
from penstock.agent.scheduler import Scheduler
from penstock.agent.starter import Starter
from penstock.diagnostic import FlowName
from penstock.execution.model import Execution
from penstock.flow.model import Dialect
from penstock.ports.clock import HeldClock
from penstock.ports.store import Query
from penstock.settings import Settings
from penstock.wiring import Allowance, Workplace, new_execution_id, workplace
from until import until

LOG = "io.kestra.plugin.core.log.Log"
SHELL = "io.kestra.plugin.scripts.shell.Commands"
SCHEDULE = "io.kestra.plugin.core.trigger.Schedule"
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def flow(name: str, *, task: str | None = None, cron: str | None = None, more: str = "", trigger: str = "") -> bytes:
    """A flow of one task: a log line, or what `task` says."""
    text = f"id: {name}\nnamespace: team\n{more}tasks:\n"
    text += task or f"  - id: say\n    type: {LOG}\n    message: hello\n"
    if cron is not None:
        text += f"triggers:\n  - id: tick\n    type: {SCHEDULE}\n    cron: '{cron}'\n    timezone: UTC\n{trigger}"
    return text.encode()


def waiting_for(file: Path) -> str:
    """A task that lasts until `file` is there."""
    return f"  - id: wait\n    type: {SHELL}\n    commands:\n      - 'while [ ! -e {file} ]; do sleep 0.02; done'\n"


@dataclass
class Bench:
    """Everything of one agent but its loops. `news` is what it told."""

    place: Workplace
    live: LiveSession
    host: MemoryHost
    clock: HeldClock
    news: list[News] = field(default_factory=list)

    def __post_init__(self) -> None:
        mirror = MemoryMirror(self.host, "main")
        self.reconciler = Reconciler(mirror, self.place.store, self.clock, "repo", "", Dialect.AUTO)
        self.starter = Starter(
            self.place.store,
            self.live.executor,
            self.clock,
            "UTC",
            "repo",
            self.place.deployed_flow,
            partial(self.place.keep_files, by_person=False),
            self.place.intake,
            new_execution_id,
            self.live.worker.fill,
        )
        self.scheduler = Scheduler(self.starter, self.news.append)
        self.backfills = Backfills(self.starter, self.news.append)
        self.live.executor.listen(self._hear)
        self.live.inherit()
        self.scheduler.refresh()

    def _hear(self, execution: Execution, _: object) -> None:
        self.scheduler.hear(execution)
        self.backfills.hear(execution)

    def deploy(self, files: Mapping[str, bytes]) -> None:
        self.host.commit({f"flows/{name}.yaml": content for name, content in files.items()})
        found = self.reconciler.step()
        assert found is not None
        self.scheduler.refresh([step.flow for step in found.plan.steps])

    def to(self, moment: datetime) -> list[str]:
        """Set the clock, and take a step; the slots that fired, as HH:MM:SS."""
        self.clock.set(moment)
        before = set(self.slots())
        self.scheduler.step()
        return sorted(set(self.slots()) - before)

    def slots(self, name: str = "a") -> list[str]:
        return sorted(
            f"{each.schedule_date:%H:%M:%S}" for each in self.executions(name) if each.schedule_date is not None
        )

    def executions(self, name: str = "a") -> list[Execution]:
        store = self.place.store
        found = store.summaries(Query(flow=FlowName("team", name), limit=10_000))
        loaded = [store.load(each.id) for each in found]
        return sorted((each for each in loaded if each is not None), key=lambda each: (each.created, each.id))

    def states(self, name: str = "a") -> list[str]:
        return [each.state.value for each in self.executions(name)]

    def until_over(self, name: str = "a") -> None:
        until(lambda: all(each.is_over for each in self.executions(name)), 20)


@contextmanager
def bench(
    folder: Path,
    host: MemoryHost | None = None,
    *,
    at: datetime = NOON,
    slots: int = 4,
    settings: Settings | None = None,
) -> Iterator[Bench]:
    """A new agent on `folder`, as after a start at `at`."""
    clock = HeldClock(at)
    with workplace(folder / "data", settings=settings) as place:
        place.clock = clock
        allowance = Allowance(reach=())
        with place.session(name="bench", kind="agent", slots=slots, allowance=allowance) as live:
            yield Bench(place, live, host or MemoryHost(), clock)
