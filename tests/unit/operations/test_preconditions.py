"""Every word that people may say, in every state that an execution can be in: what is taken, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from penstock.errors import PenstockError, Refused
from penstock.execution.state import State
from penstock.operations import overrule, reopen, request
from stage.stage import Stage, stage

CORE = "io.kestra.plugin.core."
SHELL = "{id: work, type: io.kestra.plugin.scripts.shell.Commands, commands: [%s]%s}"
WORK, FAILS = f"  - {SHELL % ('sleep 60', '')}\n", f"  - {SHELL % ('exit 3', '')}\n"
SAY = f"  - {{id: say, type: {CORE}log.Log, message: hello}}\n"
PAUSE = f"  - {{id: wait, type: {CORE}flow.Pause}}\n"
LATER = f"afterExecution:\n  - {SHELL.replace('work', 'later') % ('sleep 600', '')}\n"
RETRY = "{type: constant, interval: PT1H, maxAttempts: 2%s}"
ANEW = f"retry: {RETRY % ', behavior: CREATE_NEW_EXECUTION'}\n"
ROUNDS = f"""  - id: loop
    type: {CORE}flow.LoopUntil
    condition: "{{{{ outputs.loop.iterationCount == 3 }}}}"
    checkFrequency: {{interval: PT1H}}
    tasks:
    {SAY.strip()}
"""


@pytest.fixture
def on_stage() -> Iterator[Stage]:
    with stage() as made:
        yield made


def begun(on_stage: Stage, tasks: str, rest: str = "", *, times: int = 1, **how: object) -> str:
    """An execution of such a flow, a moment after its start."""
    [name] = on_stage.deploy(f"id: flow\nnamespace: demo\n{rest}tasks:\n{tasks}".encode())
    ids = [on_stage.start(name, **how) for _ in range(times)]  # type: ignore[arg-type]
    on_stage.passes(timedelta(seconds=1))
    return ids[-1]


def ended(on_stage: Stage, tasks: str, rest: str = "") -> str:
    id_ = begun(on_stage, tasks, rest)
    on_stage.rest()
    return id_


def killed(on_stage: Stage) -> str:
    id_ = begun(on_stage, WORK)
    on_stage.kill(id_)
    on_stage.rest()
    return id_


def told(on_stage: Stage, id_: str, word: Callable[..., object]) -> str:
    """`id_`, told something of which nothing has followed yet."""
    word(id_, **on_stage.told(id_))
    return id_


STANDS: dict[str, Callable[[Stage], str]] = {
    "CREATED": lambda on: begun(on, WORK, date=on.clock.now() + timedelta(hours=1)),
    "QUEUED": lambda on: begun(on, WORK, "concurrency: {limit: 1}\n", times=2),
    "RUNNING": lambda on: begun(on, WORK),
    "PAUSED": lambda on: begun(on, PAUSE + SAY),
    "PAUSED by a person": lambda on: told(on, begun(on, WORK + SAY), request.pause),
    "PAUSED between rounds": lambda on: begun(on, ROUNDS),
    "BREAKPOINT": lambda on: begun(on, WORK, breakpoints=["work"]),
    "RETRYING": lambda on: begun(on, f"  - {SHELL % ('exit 3', ', retry: ' + RETRY % '')}\n"),
    "RESTARTED": lambda on: told(on, ended(on, FAILS), reopen.restart),
    "KILLING": lambda on: told(on, begun(on, WORK), request.kill),
    "SUCCESS": lambda on: ended(on, SAY),
    "WARNING": lambda on: ended(on, f"  - {SHELL % ('exit 3', ', allowFailure: true')}\n"),
    "FAILED": lambda on: ended(on, FAILS),
    "FAILED and goes on": lambda on: begun(on, FAILS, LATER),
    "KILLED": killed,
    "CANCELLED": lambda on: ended(on, f"  - {{id: exit, type: {CORE}execution.Exit, state: CANCELED}}\n"),
    "RETRIED": lambda on: begun(on, FAILS, ANEW),
}


def first_run(on_stage: Stage, id_: str) -> str:
    return next((each.id for each in on_stage.execution(id_).in_order()), "nobody")


def ask(word: Callable[..., object], **more: object) -> Callable[[Stage, str], object]:
    return lambda on, id_: word(id_, **on.told(id_), **more)


WORDS: dict[str, Callable[[Stage, str], object]] = {
    "kill": ask(request.kill),
    "pause": ask(request.pause),
    "resume": ask(request.resume, values={}),
    "restart": ask(reopen.restart),
    "replay": lambda on, id_: on.replay(id_),
    "replay a task": lambda on, id_: on.replay(id_, run=first_run(on, id_)),
    "set-status": ask(reopen.set_status, state=State.SKIPPED),
    "set-status of a task": lambda on, id_: on.change_status(id_, first_run(on, id_), "SKIPPED"),
    "force-run": ask(overrule.force_run),
    "unqueue": ask(overrule.unqueue),
    "labels": ask(overrule.set_labels, labels={"a": "b"}),
    "delete": lambda on, id_: on.delete(id_),
}

ENDS = "SUCCESS WARNING FAILED KILLED CANCELLED RETRIED"
TAKEN = {
    "kill": "CREATED QUEUED RUNNING PAUSED PAUSED-by-a-person PAUSED-between-rounds BREAKPOINT RETRYING RESTARTED "
    "FAILED-and-goes-on",
    "pause": "RUNNING",
    "resume": "PAUSED PAUSED-by-a-person BREAKPOINT",
    "restart": "PAUSED FAILED",
    "replay": "RUNNING SUCCESS",
    "replay a task": f"PAUSED PAUSED-between-rounds {ENDS}",
    "set-status": ENDS,
    "set-status of a task": "SUCCESS WARNING FAILED CANCELLED RETRIED",
    "force-run": "CREATED QUEUED PAUSED PAUSED-by-a-person BREAKPOINT",
    "unqueue": "QUEUED",
    "labels": ENDS,
    "delete": ENDS,
}
"""In which states a word is taken, and something comes of it."""

SAID = {
    "kill": "the execution is over|is being killed already",
    "pause": "^The execution is not running$",
    "resume": "^Execution 'x[12]' is not paused, can't resume it$",
    "restart": "Execution must be terminated .*to be restarted, current state is '.* !|No task found to restart"
    "|tasks of the execution still run",
    "replay a task": "Execution must be terminated to be replayed, current state is '.*!|has no task run nobody"
    "|tasks of the execution still run",
    "set-status": "only an execution that is over can be given a state, current state is '.* !",
    "set-status of a task": "^You can only change the state of a task run for a terminated non killed execution.$"
    "|has no task run nobody",
    "force-run": "only an execution that is not over|nothing keeps the execution|is being killed|which is not forced",
    "unqueue": "^Execution must be queued to be unqueued, current state is '.* !$",
    "labels": "labels can be set once an execution is over, current state is '.* !",
    "delete": "is not over, current state is '",
}


def is_taken(word: str, stands: str) -> bool:
    return stands.replace(" ", "-") in TAKEN[word].split()


@pytest.mark.parametrize("stands", STANDS)
def test_what_does_not_fit_is_refused_and_leaves_everything_as_it_is(on_stage: Stage, stands: str) -> None:
    id_ = STANDS[stands](on_stage)
    before = on_stage.execution(id_)
    assert before.state.value == stands.split(" ")[0]
    for word in WORDS:
        if not is_taken(word, stands) and word != "replay":  # that is taken of every execution, and leaves it alone
            with pytest.raises(PenstockError, match=SAID[word]):
                WORDS[word](on_stage, id_)
        assert on_stage.execution(id_) == before
    on_stage.replay(id_)
    assert on_stage.execution(id_) == before
    on_stage.rest()


FITS = [(stands, word) for stands in STANDS for word in WORDS if is_taken(word, stands)]


@pytest.mark.parametrize(("stands", "word"), FITS)
def test_what_fits_is_taken_and_leaves_nothing_that_moves_by_itself(on_stage: Stage, stands: str, word: str) -> None:
    id_ = STANDS[stands](on_stage)
    WORDS[word](on_stage, id_)
    if word == "delete":
        assert on_stage.store.load(id_) is None
        return
    on_stage.rest()
    ended = on_stage.execution(id_)
    assert ended.is_over or request.waits_for_person(ended)
    on_stage.check()


@pytest.mark.parametrize(
    "word", [ask(overrule.unqueue, state=State.RETRIED), ask(overrule.unqueue, state=State.PAUSED)]
)
def test_what_leaves_the_queue_runs_or_is_over(on_stage: Stage, word: Callable[[Stage, str], object]) -> None:
    with pytest.raises(Refused, match="an execution does not leave the queue as"):
        word(on_stage, STANDS["QUEUED"](on_stage))
    on_stage.rest()


def test_nobody_gives_the_state_that_another_execution_follows(on_stage: Stage) -> None:
    with pytest.raises(Refused, match="RETRIED is no state that an execution ends in"):
        reopen.set_status(id_ := ended(on_stage, SAY), State.RETRIED, **on_stage.told(id_))


def test_one_answer_lifts_a_persons_pause_too(on_stage: Stage) -> None:
    both = f"  - id: both\n    type: {CORE}flow.Parallel\n    tasks:\n" + "".join(
        f"      {each.strip()}\n" for each in (WORK, PAUSE)
    )
    id_ = begun(on_stage, both + SAY)
    on_stage.pause(id_)

    on_stage.resume(id_)
    on_stage.rest()

    assert on_stage.execution(id_).state is State.SUCCESS


def test_nobody_forgets_an_execution_whose_caller_waits_to_hear_of_its_end(on_stage: Stage) -> None:
    call = f"  - {{id: call, type: {CORE}flow.Subflow, namespace: demo, flowId: child}}\n"
    child = f"id: child\nnamespace: demo\nconcurrency: {{limit: 1}}\ntasks:\n{WORK}"
    on_stage.deploy(child.encode())
    id_ = begun(on_stage, call, times=2)
    [queued] = [each.id for each in on_stage.executions() if each.state is State.QUEUED]
    overrule.unqueue(queued, state=State.CANCELLED, **on_stage.told(queued))

    with pytest.raises(Refused, match=f"the execution {id_}, which has called it, has not heard of its end yet"):
        on_stage.delete(queued)
    on_stage.rest()
    on_stage.delete(queued)

    assert on_stage.execution(id_).state is State.SUCCESS


def test_whoever_holds_what_is_ended_by_a_word_hears_of_it_and_forgets_it(on_stage: Stage) -> None:
    heard: list[State] = []
    id_ = STANDS["QUEUED"](on_stage)
    on_stage.executor.listen(lambda execution, _: heard.append(execution.state) if execution.id == id_ else None)

    overrule.unqueue(id_, state=State.CANCELLED, **on_stage.told(id_))
    on_stage.settle()
    overrule.set_labels(id_, {"a": "b"}, **on_stage.told(id_))
    on_stage.rest()

    assert heard[0] is State.CANCELLED
    assert on_stage.execution(id_).labels["a"] == "b"
