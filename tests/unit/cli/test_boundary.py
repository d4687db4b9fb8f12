"""The error boundary: every kind of failure has its exit code, its words and its stream."""

from __future__ import annotations

import base64
import errno
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import click
import pytest

from penstock.errors import Conflict, NotFound, Refused, Retryable, Stalled, UserError
from penstock_cli.boundary import Terminated, guarded
from penstock_cli.exits import Exit
from penstock_cli.main import Entry, run
from penstock_cli.options import with_common_options
from penstock_cli.report import HIDDEN, bug_report, masked

FULL = """\
error[PEN005]: cannot read or write /data/store.db: No space left on device
  = help: the disk is full: make room, or name another folder with --data
"""


def raising(error: BaseException) -> Callable[[], int]:
    def run() -> int:
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UserError("no such thing", help="make one"), 2, "error[PEN001]: no such thing\n  = help: make one\n"),
        (NotFound("it is gone"), 2, "error[PEN002]: it is gone\n"),
        (Refused("it runs"), 2, "error[PEN003]: it runs\n"),
        (Retryable("the server is away", help="later"), 3, "error[PEN010]: the server is away\n  = help: later\n"),
        (Stalled("a key is missing"), 2, "error[PEN020]: a key is missing\n"),
        (Conflict("too late"), 2, "error[PEN030]: too late\n"),
        (click.UsageError("one FLOW, please."), 2, "error[PEN001]: one FLOW, please\n"),
        (KeyboardInterrupt(), 130, "interrupted: stopped as you asked\n"),
        (click.Abort(), 130, "interrupted: stopped as you asked\n"),
        (Terminated(), 143, ""),
        (BrokenPipeError(), 141, ""),
        (SystemExit(Exit.PAUSED), 8, ""),
        (SystemExit(None), 0, ""),
        (click.exceptions.Exit(4), 4, ""),
        (
            OSError(errno.ENOSPC, "No space left on device", "/data/store.db"),
            2,
            FULL,
        ),
    ],
)
def test_each_failure_has_its_code_and_its_words(
    error: BaseException, code: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in_for_streams(monkeypatch)
    assert guarded(raising(error), ["--color", "never"]) == code
    assert sys.stderr.getvalue() == said  # type: ignore[attr-defined]
    assert sys.stdout.getvalue() == ""  # type: ignore[attr-defined]


def stand_in_for_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams of our own: the boundary redirects the real ones when a reader is gone."""
    from io import StringIO

    monkeypatch.setattr(sys, "stdout", StringIO())
    monkeypatch.setattr(sys, "stderr", StringIO())


def test_a_bug_is_reported_with_everything_but_secrets(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("SECRET_DB", base64.b64encode(b"hunter22").decode())
    monkeypatch.setenv("PENSTOCK_GIT_TOKEN", "ghp_abcdef")
    command = click.Command("boom", params=[click.Option(["-i", "pairs"], multiple=True)], callback=_boom)
    _provide(monkeypatch, "penstock_cli.commands.boom", command)
    entries = {"boom": Entry("penstock_cli.commands.boom", "Fails.", everywhere=True)}
    arguments = ["--color=never", "boom", "-i", "password=swordfish"]

    code = guarded(lambda: run(arguments, entries), arguments)

    told = capsys.readouterr()
    assert (code, told.out) == (70, "")
    assert told.err.startswith("error[PEN000]: this is a bug in Penstock, not in what you did (ZeroDivisionError)\n")
    for fact in (
        "penstock 0.1.0",
        "python   3.",
        "platform ",
        f"argv     penstock --color=never boom -i password={HIDDEN}",
    ):
        assert fact in told.err
    assert "ZeroDivisionError: with *** and *** and ***" in told.err
    [kept] = tmp_path.glob("penstock-bug-*.txt")
    assert kept.read_text() in told.err + "\n"
    assert kept.stat().st_mode & 0o077 == 0
    for secret in ("hunter22", "ghp_abcdef", "swordfish"):
        assert secret not in told.err


def _boom(pairs: tuple[str, ...]) -> None:
    raise ZeroDivisionError(f"with hunter22 and ghp_abcdef and {pairs[0].partition('=')[2]}")


def _provide(monkeypatch: pytest.MonkeyPatch, name: str, command: click.Command) -> None:
    module = ModuleType(name)
    module.__spec__ = ModuleSpec(name, None)
    module.command = command  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, name, module)


def test_a_missing_module_inside_of_a_command_is_a_bug_and_not_a_missing_command(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert guarded(raising(ModuleNotFoundError("No module named 'immutables'")), []) == 70
    assert "No module named 'immutables'" in capsys.readouterr().err


def test_a_command_whose_module_is_not_there_is_told_and_not_listed(capsys: pytest.CaptureFixture[str]) -> None:
    entries = {"later": Entry("penstock_cli.commands.not_there_yet", "Comes later.")}
    assert guarded(lambda: run(["later"], entries), []) == 2
    assert "`later` is not part of this version of Penstock" in capsys.readouterr().err
    assert guarded(lambda: run(["--help"], entries), []) == 0
    assert "later" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (["run", "a.yaml", "-i", "name=x"], ["run", "a.yaml", "-i", "name=***"]),
        (["run", "--input=name=x"], ["run", "--input=name=***"]),
        (["run", "-iname=x"], ["run", "-iname=***"]),
        (["agent", "--git-token-file", "/x"], ["agent", "--git-token-file", "***"]),
        (["agent", "--password=x"], ["agent", "--password=***"]),
        (["agent", "--repo", "https://u:p@host/x.git"], ["agent", "--repo", "https://***@host/x.git"]),
        (["run", "a.yaml", "-i"], ["run", "a.yaml", "-i"]),
    ],
)
def test_arguments_are_masked_where_they_may_be_secret(given: list[str], shown: list[str]) -> None:
    assert list(masked(given)) == shown


def test_a_report_is_made_also_of_an_error_without_a_traceback() -> None:
    assert bug_report(RecursionError("deep"), [], {}).endswith("RecursionError: deep")


@pytest.mark.parametrize(
    ("arguments", "coloured"), [([], False), (["--color", "always"], True), (["--color=never"], False)]
)
def test_an_error_is_coloured_as_the_arguments_ask(
    arguments: list[str], coloured: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("FORCE_COLOR", "PENSTOCK_COLOR"):
        monkeypatch.delenv(name, raising=False)
    guarded(raising(UserError("no")), arguments)
    assert ("\x1b[" in capsys.readouterr().err) is coloured


def test_a_command_is_given_the_common_options_once() -> None:
    command = with_common_options(click.Command("x", callback=lambda: None))
    names, callback = [option.name for option in command.params], command.callback
    again = with_common_options(command)
    assert ([option.name for option in again.params], again.callback) == (names, callback)


def test_a_command_keeps_an_option_of_its_own_that_has_a_common_name() -> None:
    own = click.Option(["-q", "--quick"], is_flag=True)
    command = with_common_options(click.Command("x", params=[own], callback=lambda quick: None))
    assert [option.name for option in command.params if "-q" in option.opts] == ["quick"]
