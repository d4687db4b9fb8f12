"""A flowable is lanes: sequences of tasks, and how many of them move at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from penstock.execution.event import Instant
from penstock.execution.state import State
from penstock.flow.model import Dialect, Task, nothing


@dataclass(frozen=True, slots=True)
class Lane:
    """Tasks that follow one another. In a loop they see `value` and `iteration`."""

    tasks: tuple[Task, ...]
    value: str | None = None
    iteration: int | None = None


@dataclass(frozen=True, slots=True)
class Lanes:
    """`count` lanes, `width` of them at once (0: all). A lane is made when it is asked for."""

    count: int
    width: int
    lane: Callable[[int], Lane]


@dataclass(frozen=True, slots=True)
class Wait:
    """Before its lanes open, the flowable waits for a person; after `delay` it does what `then` says."""

    delay: timedelta | None
    then: str


def templates_of(task: Task, *names: str) -> tuple[str, ...]:
    """Those of the named properties that are expressions: what is written out need not be asked."""
    return tuple(
        name
        for name in names
        if isinstance(value := task.properties.get(name), str) and ("{{" in value or "{%" in value)
    )


def enabled(tasks: tuple[Task, ...]) -> tuple[Task, ...]:
    """Disabled tasks are as if they were not there: no task run is created for them (Kestra 0.21)."""
    return tuple(task for task in tasks if not task.disabled)


def one_lane(tasks: tuple[Task, ...]) -> Lanes:
    """One sequence; none when nothing of it is enabled."""
    lane = Lane(enabled(tasks))
    return Lanes(1 if lane.tasks else 0, 1, lambda _: lane)


class Flowable:
    """What the flowables have in common: nothing to ask, no wait, no outputs. Stateless."""

    def asks(self, task: Task) -> tuple[str, ...]:
        """The properties that must be rendered before the lanes are known."""
        return ()

    def interpret(self, task: Task, rendered: Mapping[str, Any]) -> Mapping[str, Any]:
        """The facts that the rendered properties amount to. Raises UserError: the task run fails with its words."""
        return rendered

    def wait(self, task: Task, facts: Mapping[str, Any]) -> Wait | None:
        return None

    def before(self, task: Task) -> tuple[Task, ...]:
        """What runs before the wait."""
        return ()

    def lanes(self, task: Task, facts: Mapping[str, Any]) -> Lanes:
        raise NotImplementedError

    def followers(self, task: Task, facts: Mapping[str, Any]) -> tuple[tuple[int, ...], ...]:
        """For each lane, which others wait for it; empty where none waits. Asked once, when the lanes open."""
        return ()

    def others_end_as(self, task: Task, facts: Mapping[str, Any]) -> State | None:
        """What the children that still run end as once one of them has failed; None where they go on."""
        return None

    def ends(self, task: Task, facts: Mapping[str, Any], children: State) -> State:
        """What it ends as when its children have come to `children`."""
        return children

    def exits(self, task: Task, facts: Mapping[str, Any], children: State) -> State | None:
        """What the whole execution is to end as when the children have come to `children`; None where it goes on."""
        return None

    def asks_after(self, task: Task) -> tuple[str, ...]:
        """The properties that must be rendered when its tasks have ended well: whether they are done again."""
        return ()

    def next_round(self, dialect: Dialect, facts: Mapping[str, Any], since: Instant, now: Instant) -> Instant | None:
        """When its tasks are done again, the flowable running `since`; None when they are not."""
        return None

    def objects(self, facts: Mapping[str, Any]) -> str | None:
        """Why it has failed although its tasks have ended well."""
        return None

    @property
    def is_whole(self) -> bool:
        """Whether nothing of it can be done again but all of it: its children share what is gone with them."""
        return False

    @property
    def waits_itself(self) -> bool:
        """Whether its `timeout` bounds its own wait, and not what goes on within it."""
        return False

    @property
    def lends_value(self) -> bool:
        """Whether its children go by its own loop value."""
        return False

    def closes(self, task: Task) -> bool:
        """Whether a worker has work to do for it when its children have ended, well or not."""
        return False

    def outputs(self, task: Task, facts: Mapping[str, Any]) -> Mapping[str, Any]:
        """What its children, and later tasks, see of it."""
        return nothing()
