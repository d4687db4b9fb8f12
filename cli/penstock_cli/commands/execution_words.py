"""`penstock executions kill|pause|restart|replay|set-status|force-run|unqueue|labels|delete`: words to executions."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from penstock.errors import NotFound
from penstock_cli.completing import executions as ids_offered
from penstock_cli.completing import states as states_offered
from penstock_cli.operating import Choice, Done, confirmed, person, place_of, say_to, state_named

if TYPE_CHECKING:
    from penstock.execution.model import Execution
    from penstock.operations.reopen import Means, Revision, Wanted
    from penstock.wiring import Workplace

F = TypeVar("F", bound=Callable[..., Any])

OUTPUTS = ["table", "json", "yaml", "ndjson", "name"]


def choosing(command: Callable[..., Any]) -> Callable[..., Any]:
    """The arguments and options by which executions are meant, as one `choice`; and where they are, and `-o`."""

    @wraps(command)
    def chosen(
        ids: tuple[str, ...],
        states: tuple[str, ...],
        flow: str | None,
        namespace: str | None,
        which: tuple[str, ...],
        **more: Any,
    ) -> Any:
        return command(choice=Choice(ids, states, flow, namespace, which), **more)

    for decorate in reversed(
        (
            click.argument("ids", metavar="[ID...]", nargs=-1, shell_complete=ids_offered),
            click.option(
                "--state", "states", multiple=True, shell_complete=states_offered, help="All in this state; repeat it."
            ),
            click.option("--flow", metavar="NAMESPACE/ID", help="All of this flow."),
            click.option("--namespace", help="All of this namespace, and of those below it."),
            click.option("--with-label", "which", multiple=True, metavar="KEY:VALUE", help="All with this label."),
            click.option("--data", type=click.Path(path_type=Path), help="The data folder."),
            click.option("-o", "--output", "--format", "output", type=click.Choice(OUTPUTS)),
        )
    ):
        chosen = decorate(chosen)
    return chosen


def told_to(place: Workplace, execution: Execution) -> dict[str, Any]:
    """What every operation is told."""
    return {
        "by": person(),
        "at": place.clock.now(),
        "store": place.store,
        "presence": place.presence,
        "flow": place.flow_of(execution),
    }


@click.command("kill", short_help="Stop everything in it.")
@choosing
@click.option("--cascade/--no-cascade", default=True, help="Also what it has called; it is, unless told not to.")
@click.option("--wait/--no-wait", default=False, help="Until it is KILLED.")
def kill(choice: Choice, data: Path | None, output: str | None, *, cascade: bool, wait: bool) -> None:
    """Kill executions: TERM, the grace, KILL of whatever they have started."""
    from penstock.operations.request import kill as operation
    from penstock_cli.watching import wait_until_over

    told: list[str] = []

    def act(place: Workplace, execution: Execution) -> Done:
        after = operation(execution.id, cascade=cascade, **told_to(place, execution))
        told.append(after.id)
        return Done(after, f"{after.id} is being killed")

    with place_of(data) as place:
        code = say_to(place, choice, act, output)
        for id_ in told if wait else ():
            wait_until_over(place, id_)
    raise SystemExit(code)


@click.command("pause", short_help="Let what runs end, begin nothing new.")
@choosing
def pause(choice: Choice, data: Path | None, output: str | None) -> None:
    """Pause running executions until somebody resumes them."""
    from penstock.operations.request import pause as operation

    def act(place: Workplace, execution: Execution) -> Done:
        after = operation(execution.id, **told_to(place, execution))
        return Done(after, f"{after.id} is paused")

    with place_of(data) as place:
        raise SystemExit(say_to(place, choice, act, output))


@click.command("restart", short_help="Go on at the tasks that have failed.")
@choosing
@click.option("--revision", type=click.IntRange(min=1), help="On this revision of the flow: as another execution.")
@click.option("--latest-revision", is_flag=True, help="On the revision that is deployed: as another execution.")
def restart(
    choice: Choice, data: Path | None, output: str | None, *, revision: int | None, latest_revision: bool
) -> None:
    """Go on with executions that have failed: at every task that failed, keeping what went well.

    The execution keeps its id, unless another revision is asked for.
    """
    from penstock.operations import reopen

    def act(place: Workplace, execution: Execution) -> Done:
        other = _revision(place, execution, revision, latest=latest_revision)
        if other is None:
            after = reopen.restart(execution.id, **told_to(place, execution))
            return Done(after, f"{after.id} is restarted")
        wanted = _wanted(execution, other)
        after = reopen.restart_as(wanted, _means(place), by=person(), at=place.clock.now())
        return Done(after, f"{execution.id} is restarted on revision {other.number} as {after.id}")

    with place_of(data) as place:
        raise SystemExit(say_to(place, choice, act, output))


@click.command("replay", short_help="Run it once more, whole or from a task on.")
@choosing
@click.option("--task-run", "run", metavar="ID", help="From this task run on.")
@click.option("--task", metavar="TASK[=VALUE]", help="From this task on; in a loop from that of one value.")
@click.option("--revision", type=click.IntRange(min=1), help="On this revision of the flow.")
@click.option("--latest-revision", is_flag=True, help="On the revision that is deployed.")
@click.option("-i", "--input", "inputs", multiple=True, metavar="KEY=VALUE", help="An input that is another one.")
@click.option("--inputs", "inputs_file", type=click.Path(path_type=Path), help="Inputs from a YAML or JSON file.")
@click.option("--breakpoint", "breakpoints", multiple=True, metavar="TASK[=VALUE]", help="Stop before this task.")
def replay(
    choice: Choice,
    data: Path | None,
    output: str | None,
    *,
    run: str | None,
    task: str | None,
    revision: int | None,
    latest_revision: bool,
    inputs: tuple[str, ...],
    inputs_file: Path | None,
    breakpoints: tuple[str, ...],
) -> None:
    """Run executions once more, as other executions with the same inputs: whole, or from one task on, keeping what
    came before it. The id of the new execution is printed."""
    from penstock.operations import reopen

    if run is not None and task is not None:
        raise click.UsageError("name a --task-run or a --task, not both")

    def act(place: Workplace, execution: Execution) -> Done:
        other = _revision(place, execution, revision, latest=latest_revision)
        wanted = _with_inputs(
            place, _wanted(execution, other or _own(place, execution), breakpoints), inputs, inputs_file
        )
        if run is None and task is None:
            after = reopen.replay(wanted, _means(place), at=place.clock.now())
        else:
            start = reopen.named_run(execution, run=run, task=task)
            after = reopen.replay_from(wanted, start.id, _means(place), by=person(), at=place.clock.now())
        return Done(after, f"{execution.id} is replayed as {after.id}")

    with place_of(data) as place:
        raise SystemExit(say_to(place, choice, act, output or "name"))


@click.command("set-status", short_help="Give an execution, or a task run of it, another state.")
@click.argument("state", shell_complete=states_offered)
@choosing
@click.option("--task-run", "run", metavar="ID", help="Of this task run; the execution goes on from there.")
@click.option("--task", metavar="TASK[=VALUE]", help="Of this task's run; in a loop of one value.")
def set_status(
    choice: Choice, data: Path | None, output: str | None, *, state: str, run: str | None, task: str | None
) -> None:
    """Give executions that are over another STATE, or a task run of theirs, after which they go on."""
    from penstock.operations import reopen

    wanted = state_named(state)

    def act(place: Workplace, execution: Execution) -> Done:
        if run is None and task is None:
            after = reopen.set_status(execution.id, wanted, **told_to(place, execution))
            return Done(after, f"{after.id} is {wanted} now")
        marked = reopen.named_run(execution, run=run, task=task)
        after = reopen.change_status(execution.id, marked.id, wanted, **told_to(place, execution))
        return Done(after, f"`{marked.task}` of {after.id} is {wanted} now, and it goes on")

    with place_of(data) as place:
        raise SystemExit(say_to(place, choice, act, output))


@click.command("force-run", short_help="Let it begin, or go on, at once.")
@choosing
def force_run(choice: Choice, data: Path | None, output: str | None) -> None:
    """Let executions begin or go on at once: before their date, past their queue, past every pause."""
    from penstock.operations.overrule import force_run as operation

    def act(place: Workplace, execution: Execution) -> Done:
        after = operation(execution.id, **told_to(place, execution))
        return Done(after, f"{after.id} is forced to run")

    with place_of(data) as place:
        raise SystemExit(say_to(place, choice, act, output))


@click.command("unqueue", short_help="Take it out of its flow's queue.")
@choosing
@click.option("--to", "state", default="RUNNING", show_default=True, shell_complete=states_offered, help="The state.")
def unqueue(choice: Choice, data: Path | None, output: str | None, *, state: str) -> None:
    """Take executions out of the queue of their flow: to run now, or with a state in which they are over."""
    from penstock.operations.overrule import unqueue as operation

    wanted = state_named(state)

    def act(place: Workplace, execution: Execution) -> Done:
        after = operation(execution.id, state=wanted, **told_to(place, execution))
        return Done(after, f"{after.id} has left the queue")

    with place_of(data) as place:
        raise SystemExit(say_to(place, choice, act, output))


@click.command("labels", short_help="Set the labels of an execution that is over.")
@choosing
@click.option("--set", "given", multiple=True, metavar="KEY:VALUE", help="A label that it is to have.")
@click.option("--remove", "removed", multiple=True, metavar="KEY", help="A label that it is not to have.")
@click.option("--replace", "replaced", is_flag=True, help="Take away every other label that is not the system's.")
def labels(
    choice: Choice,
    data: Path | None,
    output: str | None,
    *,
    given: tuple[str, ...],
    removed: tuple[str, ...],
    replaced: bool,
) -> None:
    """Set labels of executions that are over."""
    from penstock.operations.overrule import set_labels
    from penstock_cli.flow_files import given_labels

    wanted = given_labels(given)
    if not wanted and not removed and not replaced:
        raise click.UsageError("say --set KEY:VALUE, --remove KEY or --replace")

    def act(place: Workplace, execution: Execution) -> Done:
        told = told_to(place, execution)
        after = set_labels(execution.id, wanted, removed=removed, replaced=replaced, **told)
        return Done(after, f"{after.id} has its labels")

    with place_of(data) as place:
        raise SystemExit(say_to(place, choice, act, output))


@click.command("delete", short_help="Forget an execution that is over, with its logs and files.")
@choosing
@click.option("--keep-logs", is_flag=True, help="Leave its logs.")
@click.option("--keep-files", is_flag=True, help="Leave its files.")
@click.option("--dry-run", is_flag=True, help="Say what would go, and let it be.")
@click.option("--yes", is_flag=True, help="Do not ask before those go that a query finds.")
def delete(
    choice: Choice,
    data: Path | None,
    output: str | None,
    *,
    keep_logs: bool,
    keep_files: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Forget executions that are over, with their logs and files. Results that were recorded stay where they are."""
    from penstock.operations.overrule import deletable
    from penstock.operations.overrule import delete as operation

    def act(place: Workplace, execution: Execution) -> Done:
        if dry_run:
            return Done(deletable(place.store, execution.id), f"{execution.id} would be deleted", waits=False)
        gone = operation(
            execution.id,
            store=place.store,
            logs=place.logs,
            files=place.files,
            keep_logs=keep_logs,
            keep_files=keep_files,
        )
        return Done(gone, f"{gone.id} is deleted", waits=False)

    with place_of(data) as place:
        if not dry_run:
            confirmed(place, choice, "delete", yes=yes)
        raise SystemExit(say_to(place, choice, act, output))


WORDS = (kill, pause, restart, replay, set_status, force_run, unqueue, labels, delete)


# ── as another execution ──


def _means(place: Workplace) -> Means:
    from penstock.operations.reopen import Means

    return Means(place.store, place.presence, place.files, place.intake)


def _wanted(execution: Execution, revision: Revision, breakpoints: tuple[str, ...] = ()) -> Wanted:
    from penstock.operations.reopen import Wanted
    from penstock.wiring import new_execution_id

    return Wanted(new_execution_id(), execution, revision, breakpoints=breakpoints)


def _own(place: Workplace, execution: Execution) -> Revision:
    from penstock.operations.reopen import Revision

    return Revision(place.flow_of(execution), execution.flow_digest, execution.revision)


def _revision(place: Workplace, execution: Execution, number: int | None, *, latest: bool) -> Revision | None:
    """The other revision that is asked for; None where none is. Raises NotFound."""
    from penstock.operations.reopen import Revision

    if number is None and not latest:
        return None
    found = [each for each in place.store.revisions(execution.flow) if latest or each.revision == number]
    if not found:
        known = ", ".join(str(each.revision) for each in place.store.revisions(execution.flow)) or "none"
        raise NotFound(
            f"the flow {execution.flow} has no revision {number or 'that is deployed'} here",
            help=f"revisions that were deployed: {known}",
        )
    deployed = found[0]
    source = {"commit": deployed.commit, "path": deployed.path, "blob": deployed.blob}
    return Revision(place.deployed_flow(deployed), deployed.source_digest, deployed.revision, source)


def _with_inputs(place: Workplace, wanted: Wanted, pairs: tuple[str, ...], file: Path | None) -> Wanted:
    """`wanted` with the inputs that are given, files among them brought into the storage."""
    from dataclasses import replace

    from penstock.operations.start import Start
    from penstock_cli.flow_files import given_inputs

    if not pairs and file is None:
        return wanted
    flow = wanted.revision.flow
    given = given_inputs(pairs, file, flow.inputs)
    asked = replace(flow, inputs=tuple(each for each in flow.inputs if each.id in given))
    start = Start(id=wanted.id, flow=asked, flow_digest=wanted.revision.digest, inputs=given)
    return replace(wanted, inputs=place.keep_files(start, by_person=True).inputs)
