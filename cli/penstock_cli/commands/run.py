"""`penstock run`: one flow, here and now, no server."""

from __future__ import annotations

from pathlib import Path

import click

from penstock_cli.globals import Globals


@click.command("run", short_help="Run one flow here and now: live tree of tasks, logs, outputs.")
@click.argument("flow", required=False)
@click.option("-i", "--input", "inputs", multiple=True, metavar="KEY=VALUE", help="An input; KEY=@FILE reads a file.")
@click.option("--inputs", "inputs_file", type=click.Path(path_type=Path), help="Inputs from a YAML or JSON file.")
@click.option("--label", "labels", multiple=True, metavar="KEY:VALUE", help="A label of the execution.")
@click.option("--runner", type=click.Choice(["docker", "process"]), help="Where scripts run, whatever they name.")
@click.option("--policy", type=click.Path(path_type=Path), envvar="PENSTOCK_POLICY", help="What containers may do.")
@click.option("--secrets", "secrets_file", type=click.Path(path_type=Path), help="Secrets from a file, NAME=value.")
@click.option("--dialect", type=click.Choice(["auto", "0.21", "1", "2"]), default="auto", show_default=True)
@click.option("-o", "--output", "--format", "output", type=click.Choice(["table", "json", "yaml", "ndjson", "name"]))
@click.option("--data", type=click.Path(path_type=Path), help="The data folder.")
@click.option("--ephemeral", is_flag=True, help="Keep nothing of it.")
@click.option("--resume", "resume_id", metavar="ID", help="Take up a run whose process is gone.")
@click.option("--timeout", metavar="DURATION", help="Kill it after that long (PT5M) and exit with 124.")
@click.option("--fail-on-warning", is_flag=True, help="Exit with 6 when it ends with WARNING.")
@click.option("--mock", "mocks", multiple=True, metavar="TASK=FILE", help="A task's outputs, instead of running it.")
@click.option("--breakpoint", "breakpoints", multiple=True, metavar="TASK[=VALUE]", help="Stop before this task.")
@click.option("--dry-run", is_flag=True, help="Render everything, run nothing, show what each task would do.")
@click.option("--keep", is_flag=True, help="Leave the working folders, and say how to enter them.")
@click.option("--slots", type=click.IntRange(min=1), help="So many tasks at once.")
@click.pass_obj
def command(
    globals_: Globals,
    flow: str | None,
    inputs: tuple[str, ...],
    inputs_file: Path | None,
    labels: tuple[str, ...],
    runner: str | None,
    policy: Path | None,
    secrets_file: Path | None,
    dialect: str,
    output: str | None,
    data: Path | None,
    ephemeral: bool,
    resume_id: str | None,
    timeout: str | None,
    fail_on_warning: bool,
    mocks: tuple[str, ...],
    breakpoints: tuple[str, ...],
    dry_run: bool,
    keep: bool,
    slots: int | None,
) -> None:
    """Run FLOW: a file, `-`, or `namespace/id` of this repository.

    Exit codes: 0 SUCCESS, SKIPPED or WARNING · 1 FAILED, or the flow is not valid · 2 usage · 5 KILLED ·
    6 WARNING with --fail-on-warning · 7 CANCELLED · 8 paused, or at a breakpoint, and no terminal to ask ·
    124 --timeout · 130 Ctrl-C · 143 TERM.
    """
    from penstock_cli.run_wish import RunWish
    from penstock_cli.running import run

    if (flow is None) == (resume_id is None):
        raise click.UsageError("name one FLOW, or an execution with --resume ID")
    wish = RunWish(
        flow=flow,
        inputs=inputs,
        inputs_file=inputs_file,
        labels=labels,
        runner=runner,
        policy=policy,
        secrets_file=secrets_file,
        dialect=dialect,
        output=output,
        data=data,
        ephemeral=ephemeral or dry_run,
        resume=resume_id,
        timeout=timeout,
        fail_on_warning=fail_on_warning,
        mocks=mocks,
        breakpoints=breakpoints,
        dry_run=dry_run,
        keep=keep,
        slots=slots,
    )
    raise SystemExit(run(wish, globals_))
