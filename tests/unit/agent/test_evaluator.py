"""What has to wait for the world is waited for off every lock: nothing else stands still, and no answer is lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from fakes.files import MemoryFiles
from fakes.kv import MemoryKv
from fakes.logs import MemoryLogs
from fakes.namespace_files import MemoryNamespaceFiles
from fakes.store import MemoryStore
from flows_strategy import CORE
from penstock.adapters.secrets.masking import Masker
from penstock.agent.evaluator import AT_ONCE, OF_ONE, Evaluator
from penstock.agent.executor import Executor
from penstock.agent.shell import DecisionShell
from penstock.agent.vault import Vault
from penstock.agent.world import World
from penstock.errors import Retryable
from penstock.execution.event import AttemptEnded, Evaluated, Event, KillRequested
from penstock.execution.model import Execution, TaskRun
from penstock.execution.state import State
from penstock.execution.variables import Surroundings
from penstock.expression import Budget, WallTimeExceeded
from penstock.flow.model import Flow, Kind, Task
from penstock.operations.start import Start, start
from penstock.ports.clock import HeldClock
from penstock.ports.http import Request, Response
from penstock.ports.secrets import Seal, Secrets
from sim.world import Flows
from unit.tasks.fakes import AskedHttp
from until import until

WITHIN = 5.0
SAYS = Task("said", CORE + "debug.Return", Kind.INLINE, properties={"format": "{{ secret('SAID') }}"})


class Vaultless(Seal):
    def seal(self, clear: bytes) -> str:
        return clear.hex()

    def open(self, sealed: str) -> bytes:
        return bytes.fromhex(sealed)


@dataclass
class SlowSecrets(Secrets):
    """A secret `HANG` is not there before somebody lets go. `asked` is what was asked for, in order."""

    let_go: threading.Event = field(default_factory=threading.Event)
    asked: list[str] = field(default_factory=list)

    def get(self, name: str, *, namespace: str) -> str:
        self.asked.append(name)
        if name.startswith("HANG"):
            assert self.let_go.wait(4 * WITHIN)
        return "true"


class SlowHttp(AskedHttp):
    """The other side does not answer before somebody lets go."""

    def __init__(self) -> None:
        super().__init__(Response("https://example.org/", 200, {"content-type": ("application/json",)}, b"true"))
        self.let_go = threading.Event()

    def send(self, request: Request) -> Response:
        answer = super().send(request)
        assert self.let_go.wait(4 * WITHIN)
        return answer


class Sayers:
    """Inline tasks say what they render."""

    def make_inline(
        self, flow: Flow, execution: Execution, run: TaskRun, seen: Mapping[str, Any], world: World, *, is_hurried: bool
    ) -> list[Event]:
        if is_hurried and run.task == "long":
            raise WallTimeExceeded("the expression takes longer than 250 ms")
        said = world.secret("SAID", None, None)
        at = world.now()
        outputs = {"value": said}
        return [AttemptEnded(at=at, run=run.id, attempt=len(run.attempts), state=State.SUCCESS, outputs=outputs)]


@dataclass
class Scene:
    """Executions of one session, with the evaluator and the shell that ship, in memory."""

    store: MemoryStore = field(default_factory=MemoryStore)
    clock: HeldClock = field(default_factory=HeldClock)
    secrets: SlowSecrets = field(default_factory=SlowSecrets)
    http: SlowHttp = field(default_factory=SlowHttp)
    answered: list[str] = field(default_factory=list)
    faults: list[BaseException] = field(default_factory=list)
    flows: dict[str, Flow] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.session = self.store.open_session(name="test", kind="run", pid=1, at=self.clock.now())
        self.evaluator = self.process()

    def process(self, hurry: Budget | None = None) -> Evaluator:
        """A fresh executor, as after a restart."""
        mask = Masker()
        vault = Vault(mask, Vaultless())
        shell = DecisionShell(self._world, Sayers(), vault, self.clock, Surroundings(), hurry or Budget())
        self.executor = Executor(self.store, self.session, Flows(self.flows), shell, self.clock)
        return Evaluator(
            self.executor,
            shell,
            on_answered=lambda: self.answered.append("answered"),
            on_fault=self.faults.append,
            tell_tries=3,
        )

    def _world(self, flow: Flow, execution: Execution) -> World:
        beside = MemoryNamespaceFiles({})
        return World(
            flow,
            execution,
            self.secrets,
            MemoryFiles(),
            self.clock,
            Masker(),
            beside,
            MemoryKv(),
            self.http,
            MemoryLogs(),
            str,
        )

    def begin(self, name: str, *tasks: Task) -> None:
        self.flows[name] = flow = Flow("team", name, tasks, source_digest=name)
        start(self.store, Start(name, flow, name), session=self.session, at=self.clock.now())
        self.executor.settle(name)

    def state(self, name: str) -> State:
        loaded = self.store.load(name)
        assert loaded is not None
        return loaded.state


def choose(id_: str, condition: str, *then: Task) -> Task:
    return Task(id_, CORE + "flow.If", Kind.FLOWABLE, {"condition": condition}, branches={"then": then})


@contextmanager
def scene() -> Iterator[Scene]:
    made = Scene()
    try:
        yield made
    finally:
        made.secrets.let_go.set()
        made.http.let_go.set()
        made.evaluator.leave()
    assert made.faults == []


def test_a_condition_that_asks_who_does_not_answer_holds_up_no_other_execution() -> None:
    with scene() as here:
        here.begin("hangs", choose("if", "{{ http('https://example.org') }}"))
        until(lambda: here.http.asked)
        here.begin("quick", choose("if", "{{ secret('QUICK') }}"), choose("pure", "{{ 1 == 1 }}"))

        until(lambda: here.state("quick") is State.SUCCESS)
        assert here.executor.wake() == here.executor.catch_up() == 0
        assert here.state("hangs") is State.RUNNING
        here.http.let_go.set()
        until(lambda: here.state("hangs") is State.SUCCESS)


def test_a_condition_that_hangs_holds_up_no_other_execution() -> None:
    with scene() as here:
        here.begin("hangs", choose("if", "{{ secret('HANG') }}"))
        here.begin("quick", choose("if", "{{ secret('QUICK') }}"), choose("pure", "{{ 1 == 1 }}"))

        until(lambda: here.state("quick") is State.SUCCESS)
        assert here.state("hangs") is State.RUNNING
        here.secrets.let_go.set()
        until(lambda: here.state("hangs") is State.SUCCESS)
        assert "answered" in here.answered


def test_an_execution_whose_condition_hangs_can_be_killed() -> None:
    with scene() as here:
        here.begin("hangs", choose("if", "{{ secret('HANG') }}"))
        until(lambda: here.secrets.asked == ["HANG"])

        here.executor.submit("hangs", KillRequested(at=here.clock.now()))

        assert here.state("hangs") is State.KILLED
        events = len(here.store.events("hangs"))
        here.secrets.let_go.set()
        here.begin("after", choose("if", "{{ secret('QUICK') }}"))
        until(lambda: here.state("after") is State.SUCCESS)
        assert len(here.store.events("hangs")) == events


def test_what_hangs_in_one_execution_leaves_room_for_others() -> None:
    with scene() as here:
        crowd = [choose(f"if{n}", f"{{{{ secret('HANG{n}') }}}}") for n in range(2 * AT_ONCE)]
        parallel = Task("all", CORE + "flow.Parallel", Kind.FLOWABLE, branches={"tasks": tuple(crowd)})
        here.begin("crowd", parallel)
        until(lambda: len(here.secrets.asked) == OF_ONE)

        here.begin("other", choose("if", "{{ secret('QUICK') }}"))

        until(lambda: here.state("other") is State.SUCCESS)
        assert len(here.secrets.asked) == OF_ONE + 1
        here.secrets.let_go.set()
        until(lambda: here.state("crowd") is State.SUCCESS)


def test_a_process_that_died_before_the_answer_leaves_the_question_to_the_next() -> None:
    with scene() as here:
        here.begin("hangs", choose("if", "{{ secret('HANG') }}"))
        until(lambda: here.secrets.asked == ["HANG"])
        here.evaluator.leave()

        here.evaluator = here.process()
        here.executor.settle("hangs")

        until(lambda: here.secrets.asked == ["HANG", "HANG"])
        here.secrets.let_go.set()
        until(lambda: here.state("hangs") is State.SUCCESS)
        assert sum(isinstance(event, Evaluated) for event in here.store.events("hangs")) == 1


def test_an_answer_outlasts_a_store_that_is_busy() -> None:
    with scene() as here:
        here.begin("hangs", choose("if", "{{ secret('HANG') }}"))
        until(lambda: here.secrets.asked == ["HANG"])
        busy = iter((True, True))

        def is_busy(_: str) -> None:
            if next(busy, False):
                raise Retryable("the store is busy")

        here.store.before_append = is_busy
        here.secrets.let_go.set()

        until(lambda: here.state("hangs") is State.SUCCESS)
        assert here.secrets.asked == ["HANG"]


def test_what_takes_longer_than_a_settlement_may_is_answered_off_the_lock() -> None:
    with scene() as here:
        here.evaluator.leave()
        here.evaluator = here.process(Budget(wall_s=0))
        here.begin("long", choose("if", "{% for i in range(1, 3) %}{% if i == 3 %}true{% endif %}{% endfor %}", SAYS))
        until(lambda: here.state("long") is State.SUCCESS)
        loaded = here.store.load("long")
        assert loaded is not None
        assert [run.task for run in loaded.in_order()] == ["if", "said"]
        assert here.answered


def test_an_inline_task_that_takes_longer_than_a_settlement_may_is_done_off_the_lock() -> None:
    with scene() as here:
        long = Task("long", CORE + "debug.Return", Kind.INLINE, properties={"format": "{{ flow.id }}"})
        quick = Task("quick", CORE + "debug.Return", Kind.INLINE, properties={"format": "{{ flow.id }}"})
        here.begin("says", long, quick)
        until(lambda: here.state("says") is State.SUCCESS)
        loaded = here.store.load("says")
        assert loaded is not None
        assert [(run.task, len(run.attempts)) for run in loaded.in_order()] == [("long", 1), ("quick", 1)]
        assert here.answered


def test_a_fault_of_an_expression_is_the_answer() -> None:
    with scene() as here:
        here.begin("fails", choose("if", "{{ secret('QUICK') ~ nothing.there }}"))
        until(lambda: here.state("fails") is State.FAILED)


def test_an_inline_task_with_a_secret_starts_and_ends_off_the_lock() -> None:
    with scene() as here:
        here.begin("says", SAYS)
        until(lambda: here.state("says") is State.SUCCESS)
        loaded = here.store.load("says")
        assert loaded is not None
        [run] = loaded.in_order()
        assert (run.outputs, len(run.attempts)) == ({"value": "true"}, 1)


def test_of_many_questions_that_follow_on_one_another_none_is_lost() -> None:
    with scene() as here:
        asks = "{{ secret('QUICK') }}"
        steps = tuple(replace(choose(f"if{n}", asks, replace(SAYS, id=f"said{n}")), run_if=asks) for n in range(4))
        names = [f"x{n}" for n in range(40)]
        threads = [threading.Thread(target=here.begin, args=(name, *steps)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        until(lambda: all(here.state(name) is State.SUCCESS for name in names), 60)
        answers = [event for name in names for event in here.store.events(name) if isinstance(event, Evaluated)]
        assert len(answers) == 40 * 4 * 2
