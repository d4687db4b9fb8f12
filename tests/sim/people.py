"""What people do to executions that are over, or that wait: each word is taken whole or refused, at any moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fakes.files import MemoryFiles
from flows_strategy import chance, one_of
from penstock.errors import Refused
from penstock.execution.model import Execution
from penstock.execution.state import State
from penstock.operations import overrule, reopen
from sim.runner import Violation

if TYPE_CHECKING:
    from sim.world import World

WORDS = (
    *["restart"] * 3,
    *["replay", "replay from", "set status", "labels"] * 2,
    *["change status", "force run"] * 4,
    "unqueue",
)


def meddle(world: World) -> None:
    """A random word to a random execution, which somebody takes up where it goes on by that."""
    found = [world.store.load(each) for each in world.acknowledged]
    known = [each for each in found if each is not None and not any(run.orphan for run in each.runs.values())]
    if not known:
        return
    over = [each for each in known if each.is_over]
    execution = one_of(world.dice, over if over and chance(world.dice, 70) else known)
    word = one_of(world.dice, WORDS)
    before = world.store.events(execution.id)
    try:
        after = _say(world, execution, word)
    except Refused:
        if world.store.events(execution.id) != before:
            raise Violation(f"{execution.id} refused a {word}, and has changed all the same") from None
        world.told("person: refused")
        return
    world.told(f"person: {word}")
    if after is not None and not after.is_over:
        world.take_up_again(after.id)


def _say(world: World, execution: Execution, word: str) -> Execution | None:
    told: dict[str, Any] = {
        "by": "ada",
        "at": world.clock.now(),
        "store": world.store,
        "presence": world.presence(),
        "flow": world.flow_of(execution.id),
    }
    run = one_of(world.dice, sorted(execution.runs)) if execution.runs else "none"
    state = one_of(world.dice, (State.SUCCESS, State.FAILED, State.WARNING))
    match word:
        case "restart":
            return reopen.restart(execution.id, **told)
        case "change status":
            return reopen.change_status(execution.id, run, state, **told)
        case "set status":
            return reopen.set_status(execution.id, state, **told)
        case "labels":
            return overrule.set_labels(execution.id, {"seen": str(execution.seq)}, **told)
        case "force run":
            return overrule.force_run(execution.id, **told)
        case "unqueue":
            return overrule.unqueue(execution.id, **told)
        case _:
            return _again(world, execution, run if word == "replay from" else None, told)


def _again(world: World, execution: Execution, run: str | None, told: dict[str, Any]) -> Execution | None:
    if len(world.acknowledged) >= 6:
        return None
    flow = told["flow"]
    wanted = reopen.Wanted(
        f"{execution.id}r{len(world.acknowledged)}",
        execution,
        reopen.Revision(flow, execution.flow_digest, execution.revision),
    )
    means = reopen.Means(world.store, told["presence"], MemoryFiles())
    if run is None:
        made = reopen.replay(wanted, means, at=told["at"])
    else:
        made = reopen.replay_from(wanted, run, means, by="ada", at=told["at"])
    world.acknowledged.append(made.id)
    return made
