"""Which runner takes the scripts of a run: as the person says, else as the task says, else where there is an engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from penstock.errors import UserError
from penstock.flow.model import Flow, Task
from penstock.tasks.placement import CONTAINER, PROCESS, named_runner, runs_program


@dataclass(frozen=True, slots=True)
class RunnerChoice:
    """`default` takes the tasks that name none; `forced` all of them, whatever they name. `allowed` may be used at all.

    `told` says it in a sentence; empty where no task runs a program.
    """

    default: str = PROCESS
    forced: str | None = None
    allowed: frozenset[str] = frozenset({PROCESS, CONTAINER})
    told: str = ""

    def kind(self, named: str | None) -> str:
        """The runner of a task that names `named`. Raises UserError for one that is not allowed."""
        kind = self.forced or named or self.default
        if kind not in self.allowed:
            raise UserError(
                f"the runner `{kind}` is not allowed here",
                help="start the agent with --allow-process-runner" if kind == PROCESS else None,
            )
        return kind


def choose_for_run(flow: Flow, wished: str | None, environ: Mapping[str, str]) -> RunnerChoice:
    """The choice of `penstock run` for one flow. Raises UserError where a container is named and no engine answers:
    what names a container is never run on the host instead."""
    programs = [task for task in flow.by_id.values() if runs_program(task) and not task.disabled]
    if not programs:
        return RunnerChoice(forced=wished)
    if wished == PROCESS:
        return RunnerChoice(PROCESS, PROCESS, told="scripts run as processes of this machine (--runner process)")
    engine = _engine(environ)
    named = _named(programs)
    if wished == CONTAINER or CONTAINER in named:
        if engine is None:
            raise _no_engine(programs, wished)
        return RunnerChoice(CONTAINER, CONTAINER if wished else None, told=_told(named, CONTAINER, engine))
    default = CONTAINER if engine is not None else PROCESS
    return RunnerChoice(default, told=_told(named, default, engine))


def _named(programs: Iterable[Task]) -> frozenset[str | None]:
    return frozenset(named_runner(task) for task in programs)


def _told(named: frozenset[str | None], default: str, engine: str | None) -> str:
    if named == {PROCESS}:
        return "scripts run as processes of this machine, as their tasks say"
    if default == PROCESS:
        return "scripts run as processes of this machine: no container engine answers"
    rest = ", but for those that name the process runner" if PROCESS in named else ""
    return f"scripts run in containers of {engine}{rest}"


def _engine(environ: Mapping[str, str]) -> str | None:
    from penstock.adapters.docker.address import answering

    address = answering(environ)
    return address.text if address is not None else None


def _no_engine(programs: Iterable[Task], wished: str | None) -> UserError:
    who = next((task.id for task in programs if named_runner(task) == CONTAINER), None)
    why = "--runner docker asks for one" if wished == CONTAINER or who is None else f"the task `{who}` names one"
    return UserError(
        f"no container engine answers, and {why}",
        help="start Docker or Podman, say where it is with DOCKER_HOST, or have everything run as processes of this "
        "machine with --runner process",
    )


def choose_for_agent(wished: str | None, *, allow_process: bool) -> RunnerChoice:
    """The choice of an agent: containers, unless it was told otherwise. A process only where that was allowed; what
    names a runner gets that one or none."""
    allowed = {CONTAINER} | ({PROCESS} if allow_process or wished == PROCESS else set())
    return RunnerChoice(wished or CONTAINER, None, frozenset(allowed))
