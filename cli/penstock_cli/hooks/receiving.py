"""What `pre-receive` says of a push: the flows of its branch judged, the push let in or refused.

Whatever keeps it from judging refuses too: a push can be made again, and what is in force stays so meanwhile.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from penstock.errors import PenstockError
from penstock_cli.globals import Globals
from penstock_cli.hooks.updates import Update, updates_of
from penstock_cli.render.findings_frame import clean, style_for

if TYPE_CHECKING:
    from penstock.diagnostic import Diagnostic
    from penstock.validation.check import Report

SKIP = "penstock.skip"
_MOST_SHOWN = 20
_MOST_WORDS = 400
_ONCE_MORE_S = 5.0
"""So often the deadline comes again, should the first time have hit where Python drops what is raised."""


class _TimeUp(BaseException):
    """The deadline came. No handler on the way takes it for a failure of its own."""


def push_options(environ: Mapping[str, str] = os.environ) -> list[str]:
    """What the pusher gave with `-o`, where the repository takes such."""
    count = environ.get("GIT_PUSH_OPTION_COUNT", "")
    return [environ.get(f"GIT_PUSH_OPTION_{at}", "") for at in range(int(count))] if count.isdigit() else []


@dataclass(frozen=True, slots=True)
class Deployed:
    """What of a repository an agent deploys, as its options say it; `dialect` None is as settings say."""

    branch: str
    prefix: str = ""
    dialect: str | None = None


def pre_receive(told: bytes, deployed: Deployed, globals_: Globals, *, within: timedelta) -> bool:
    """Whether the push is let in; why not is said on standard error, which git shows to the pusher."""
    try:
        with _deadline(within):
            wanted = [one for one in updates_of(deployed.branch, told) if not one.is_deletion]
            return all(_is_fit(one, deployed, globals_) for one in wanted)
    except _TimeUp:
        _say(f"the flows were not judged within {within.total_seconds():g} s")
    except PenstockError as error:
        _say(clean(error.message)[:_MOST_WORDS])
        if error.help:
            click.echo(f"  = help: {clean(error.help)[:_MOST_WORDS]}", err=True)
    except OSError as error:
        _say(f"the flows could not be judged: {clean(str(error))[:_MOST_WORDS]}")
    except Exception as error:  # noqa: BLE001 - what cannot be judged is not let in, and a traceback helps no pusher
        _say(f"the flows could not be judged, for a bug in Penstock ({type(error).__name__}){_reported(error)}")
    _refuse(deployed.branch)
    return False


def _is_fit(update: Update, deployed: Deployed, globals_: Globals) -> bool:
    from penstock.settings import cache_folder
    from penstock.validation.cache import Cache
    from penstock.validation.check import check
    from penstock.validation.options import options_of
    from penstock.wiring.pushed import PushedTo, pushed

    here = Path()
    if SKIP in push_options():
        if PushedTo(here).allows_skip:
            _say("not checked, as you asked")
            return True
        _say(f"this repository lets nobody skip the check; `{SKIP}` needs its setting `penstock.allowSkip`")
    there = pushed(here, update.new, deployed.prefix)
    if not there.sources.given and not there.settings.diagnostics:
        return True
    options = options_of(there.settings, dialect=deployed.dialect)
    report = check(there.sources, there.catalog, options, cache=Cache(cache_folder()))
    report.add(there.settings.diagnostics)
    errors = [found for found in report.diagnostics if found.is_error]
    if errors:
        _show(report, errors, globals_)
        _refuse(deployed.branch)
    elif not globals_.quiet:
        _say(_summary(report, 0))
    return not errors


def _show(report: Report, errors: Sequence[Diagnostic], globals_: Globals) -> None:
    """So many errors as a person reads on a terminal that is not ours, each on lines of bounded length."""
    from penstock_cli.render.findings import as_text

    style = style_for(globals_.color, sys.stderr)
    click.echo(as_text([_bounded(one) for one in errors[:_MOST_SHOWN]], None, report.line, style), err=True, color=True)
    if len(errors) > _MOST_SHOWN:
        click.echo(f"... and {len(errors) - _MOST_SHOWN:,} more errors", err=True)
    _say(_summary(report, len(errors)))


def _summary(report: Report, errors: int) -> str:
    rest = len(report.diagnostics) - errors
    found = f"{errors:,} error{'s' * (errors != 1)}" if errors else "no errors"
    advice = f" (and {rest:,} of lesser weight: `penstock validate` tells them)" if rest else ""
    return f"{found} in {report.flows:,} flow{'s' * (report.flows != 1)}{advice}"


def _bounded(found: Diagnostic) -> Diagnostic:
    return replace(
        found,
        message=_cut(found.message),
        label=_cut(found.label) if found.label else found.label,
        help=_cut(found.help) if found.help else found.help,
    )


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_WORDS else text[:_MOST_WORDS] + " …"


def _refuse(branch: str) -> None:
    _say(f"the push is refused, and `{clean(branch)}` stays as it was")


def _say(text: str) -> None:
    click.echo(f"penstock: {text}", err=True)


def _reported(error: Exception) -> str:
    from penstock_cli.report import bug_report, keep

    path = keep(bug_report(error, ("hook", "pre-receive")))
    return f"; a report lies in {path} of the server" if path is not None else ""


@contextmanager
def _deadline(within: timedelta) -> Iterator[None]:
    """The block ends in time, or with _TimeUp."""

    def up(*_: object) -> NoReturn:
        raise _TimeUp

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGALRM, up)
    signal.setitimer(signal.ITIMER_REAL, max(within.total_seconds(), 0.001), _ONCE_MORE_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
