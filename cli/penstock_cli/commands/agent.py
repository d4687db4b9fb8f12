"""`penstock agent`: the flows of a Git repository, reconciled, started, run, recorded."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import click

from penstock_cli.agent_folder import AgentFolder, agent_options, poke_agent_of
from penstock_cli.exits import Exit
from penstock_cli.globals import Globals
from penstock_cli.options import settings_now

_PATH = click.Path(path_type=Path)
_repo = click.option("--repo", metavar="URL", envvar="PENSTOCK_REPO", help="The repository: a URL, or a path.")
_branch = click.option("--branch", default="main", show_default=True, envvar="PENSTOCK_BRANCH")
_path = click.option("--path", "prefix", default="", help="Only flows below this folder.")
_data = click.option("--data", type=_PATH, help="The data folder.")

_ENGINE_WITHIN = timedelta(minutes=1)
"""So long a single round waits for an engine that is away: whoever starts rounds comes again."""


@click.group(
    "agent", invoke_without_command=True, short_help="Run the flows of a Git repository, and record the results."
)
@_repo
@_branch
@_path
@click.option("--interval", metavar="DURATION", help="How often the repository is asked (30s, PT30S).  [default: 30s]")
@click.option("--once", is_flag=True, help="One round: reconcile, start what is due, drain, record, leave.")
@click.option("--start", "starts", multiple=True, metavar="FLOW", help="Start this flow too, as `namespace/id`.")
@click.option(
    "--record",
    "records",
    multiple=True,
    type=click.Choice(["git", "api", "none"]),
    help="Where results go; repeat for both.  [default: git]",
)
@click.option("--results-repo", metavar="URL", help="Another repository for the results.")
@click.option("--results-token-file", type=_PATH, envvar="PENSTOCK_RESULTS_TOKEN_FILE", help="Its token.")
@click.option("--results-ssh-key", type=_PATH, envvar="PENSTOCK_RESULTS_SSH_KEY", help="Its deploy key.")
@click.option("--record-url", metavar="URL", help="Where each result is POSTed, with `--record api`.")
@click.option("--record-token-file", type=_PATH, envvar="PENSTOCK_RECORD_TOKEN_FILE", help="Its bearer token.")
@click.option("--record-every", metavar="DURATION", help="How long results wait before a push.  [default: 15s]")
@click.option("--name", help="The agent's name.  [default: this machine's, kept at the first start]")
@click.option("--slots", type=click.IntRange(min=1), help="So many tasks at once.")
@click.option("--runner", type=click.Choice(["docker", "process"]), help="For scripts naming none.  [default: docker]")
@click.option("--allow-process-runner", is_flag=True, help="Let scripts that name it run as processes of this machine.")
@click.option("--engine", metavar="ADDRESS", help="The container engine.  [default: DOCKER_HOST, or the usual socket]")
@click.option("--policy", type=_PATH, envvar="PENSTOCK_POLICY", help="The administrator's file on containers.")
@click.option("--git-token-file", type=_PATH, envvar="PENSTOCK_GIT_TOKEN_FILE", help="A token, or user:password.")
@click.option("--ssh-key", type=_PATH, envvar="PENSTOCK_GIT_SSH_KEY", help="A deploy key; reading is enough.")
@click.option("--dialect", type=click.Choice(["auto", "0.21", "1", "2"]), help="How flows are read.  [default: auto]")
@click.option("--drain", metavar="DURATION", default="0s", help="How long a stop waits for tasks.  [default: 0s]")
@click.option("--listen", metavar="HOST:PORT", help="Serve /healthz and /metrics there.")
@click.option("--listen-token-file", type=_PATH, help="A bearer token for /metrics; needed beyond loopback.")
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True)
@_data
@click.pass_context
def command(
    context: click.Context,
    repo: str | None,
    branch: str,
    prefix: str,
    interval: str | None,
    once: bool,
    starts: tuple[str, ...],
    records: tuple[str, ...],
    results_repo: str | None,
    results_token_file: Path | None,
    results_ssh_key: Path | None,
    record_url: str | None,
    record_token_file: Path | None,
    record_every: str | None,
    name: str | None,
    slots: int | None,
    runner: str | None,
    allow_process_runner: bool,
    engine: str | None,
    policy: Path | None,
    git_token_file: Path | None,
    ssh_key: Path | None,
    dialect: str | None,
    drain: str,
    listen: str | None,
    listen_token_file: Path | None,
    log_format: str,
    data: Path | None,
) -> None:
    """Mirror REPO, keep what is valid, start what is due, run it, and record the results.

    It stays until a signal: the first one stops claiming and leaves running tasks to the next agent (or waits for them
    with --drain), a second one leaves at once.

    Exit codes: 0 all is well · 1 an execution failed, or a file is not valid (--once) · 2 usage · 3 the repository
    could not be reached (--once) · 130 Ctrl-C · 143 TERM.
    """
    if context.invoked_subcommand is not None:
        return
    if repo is None:
        raise click.UsageError("name the repository with --repo URL")
    from penstock.flow.model import Dialect
    from penstock.settings import data_folder
    from penstock.wiring import AgentSetup, ContainerSetup, Recording, Repository, choose_for_agent
    from penstock_cli.tending import AgentWish, tend

    globals_: Globals = context.obj
    told = settings_now().agent
    sinks = tuple(dict.fromkeys(each for each in (records or told.record) if each != "none"))
    if record_url is None and "api" in sinks:
        raise click.UsageError("say where results are to be POSTed, with --record-url URL")
    repository = Repository(repo, branch, prefix, Dialect(dialect or "auto"), git_token_file, ssh_key)
    results = None
    if results_repo is not None:
        results = Repository(results_repo, branch, token_file=results_token_file, ssh_key=results_ssh_key)
    every = _length(record_every, "--record-every") if record_every is not None else None
    setup = AgentSetup(
        name=name or told.name,
        repository=repository,
        recording=Recording(sinks, results, record_url, record_token_file, every),
        interval=_length(interval, "--interval") if interval is not None else told.interval,
        reach=told.http_allow,
    )
    wish = AgentWish(
        setup=setup,
        starts=starts,
        once=once,
        slots=slots or told.slots,
        runners=choose_for_agent(runner or told.runner, allow_process=allow_process_runner),
        containers=ContainerSetup(engine or told.engine, policy or told.policy, _ENGINE_WITHIN if once else None),
        drain=_length(drain, "--drain"),
        log_format=log_format,
        listen=listen,
        listen_token_file=listen_token_file,
        data=data_folder(data, agent=repository.identity),
    )
    raise SystemExit(tend(wish, globals_))


def _length(text: str, option: str) -> timedelta:
    from penstock.settings.kinds import parse_length

    try:
        return parse_length(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint=option) from error


@command.command("status", short_help="What is deployed, from which commit, and how it is.")
@agent_options
@click.option("-o", "--output", "--format", "output", type=click.Choice(["table", "json", "yaml", "ndjson", "name"]))
def status(folder: AgentFolder, output: str | None) -> None:
    """Tell it from the store: the same while the agent runs, when it does not, and after a crash."""
    from penstock_cli.agent_status import show_status

    show_status(folder, output)


@command.command("poke", short_help="Have the agent look at its repository now.")
@agent_options
def poke(folder: AgentFolder) -> None:
    """For a hook that hears of pushes before the next poll. Exits with 1 when no agent listens."""
    with folder.open() as place:
        if poke_agent_of(place):
            return
    click.echo("no agent listens: it looks at its repository when it is started", err=True)
    raise SystemExit(Exit.FINDINGS)
