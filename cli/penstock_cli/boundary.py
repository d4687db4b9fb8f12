"""The one error boundary: whatever escapes from a command becomes a message, and an exit code that scripts rely on."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NoReturn

import click

from penstock.errors import PenstockError, Retryable, Unauthorised
from penstock_cli.exits import Exit
from penstock_cli.render.terminal import wants_colour

USAGE = "PEN001"
UNREADABLE = "PEN005"
"""The codes of what click, and what the operating system, refuses."""

_OF_THE_MACHINE = frozenset(
    getattr(errno, name)
    for name in (
        "EACCES", "EPERM", "ENOENT", "ENOTDIR", "EISDIR", "EEXIST", "ENOTEMPTY", "ENOSPC", "EDQUOT", "EROFS",
        "EMFILE", "ENFILE", "EFBIG", "EIO", "ENAMETOOLONG", "ELOOP", "ENODEV", "ENXIO", "ESTALE", "ETXTBSY", "ENOMEM",
    )
    if hasattr(errno, name)
)  # fmt: skip
"""What a file system may answer to a right program: the mend is outside of it."""


class Terminated(BaseException):
    """TERM came. Raised in the main thread, so that everything that is open is closed on the way out."""


def guarded(run: Callable[[], int | None], arguments: Sequence[str]) -> int:
    """Call `run` and return the exit code; everything that it may raise is told on stderr. Never raises."""
    try:
        with _terminable():
            code = _code_of(run, arguments)
            return _flushed(code)
    except KeyboardInterrupt:
        return _say_interrupted(arguments)
    except Terminated:
        return Exit.TERMINATED
    except BrokenPipeError:
        return _reader_gone()
    except OSError as error:
        _drop(sys.stdout)
        return _tell_os_error(error, arguments)


def _code_of(run: Callable[[], int | None], arguments: Sequence[str]) -> int:
    try:
        return run() or Exit.FINE
    except SystemExit as error:
        return _left_with(error, arguments)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.Abort:
        return _say_interrupted(arguments)
    except click.ClickException as error:
        return _tell_click(error, arguments)
    except PenstockError as error:
        tell(f"error[{error.code}]", error.message, error.help, arguments)
        if isinstance(error, Unauthorised):
            return Exit.UNAUTHORISED
        return Exit.UNREACHABLE if isinstance(error, Retryable) else Exit.USAGE
    except (KeyboardInterrupt, Terminated, BrokenPipeError):
        raise
    except OSError as error:
        if error.errno in _OF_THE_MACHINE:
            return _tell_os_error(error, arguments)
        return _tell_bug(error, arguments)
    except BaseException as error:  # noqa: BLE001 - the boundary: nothing may pass it without a report
        if isinstance(error.__cause__, KeyboardInterrupt | Terminated):
            raise error.__cause__ from None  # a signal hit the making of a class, where Python wraps what is raised
        return _tell_bug(error, arguments)


def tell(head: str, message: str, hint: str | None, arguments: Sequence[str]) -> None:
    """One error on stderr: `error[CODE]: message`, and what to do about it below."""
    if wants_colour(colour_asked(arguments), sys.stderr):
        head = click.style(head, fg="red", bold=True)
    click.echo(f"{head}: {message}", err=True, color=True)
    if hint:
        click.echo(f"  = help: {hint}", err=True)


def colour_asked(arguments: Sequence[str]) -> str:
    """What `--color` or PENSTOCK_COLOR said, read from the arguments: errors come also before they are parsed."""
    choice = os.environ.get("PENSTOCK_COLOR", "auto")
    for at, argument in enumerate(arguments):
        if argument == "--":
            break
        name, equals, value = argument.partition("=")
        if name == "--color":
            choice = value if equals else next(iter(arguments[at + 1 : at + 2]), "")
    return choice if choice in ("always", "never") else "auto"


def _left_with(error: SystemExit, arguments: Sequence[str]) -> int:
    if error.code is None or isinstance(error.code, int):
        return error.code or Exit.FINE
    tell("error", str(error.code), None, arguments)
    return Exit.FINDINGS


def _tell_click(error: click.ClickException, arguments: Sequence[str]) -> int:
    context = getattr(error, "ctx", None)
    if isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ())):
        click.echo(error.format_message(), err=True)
        return Exit.USAGE
    near = getattr(error, "possibilities", None)
    hint = getattr(error, "hint", None)
    if near:
        hint = f"did you mean `{near[0]}`?"
    elif hint is None and context is not None:
        hint = f"`{context.command_path} --help` tells what it takes"
    message = error.message if near else error.format_message()
    tell(f"error[{USAGE}]", message.strip().removesuffix("."), hint, arguments)
    return Exit.USAGE


def _tell_os_error(error: OSError, arguments: Sequence[str]) -> int:
    where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
    hint = {
        errno.ENOSPC: "the disk is full: make room, or name another folder with --data",
        errno.EACCES: "change its permissions, or name another folder with --data",
        errno.EROFS: "the file system is read-only: name another folder with --data",
    }.get(error.errno or 0)
    tell(f"error[{UNREADABLE}]", f"cannot read or write {where}{error.strerror or error}", hint, arguments)
    return Exit.USAGE


def _tell_bug(error: BaseException, arguments: Sequence[str]) -> int:
    from penstock_cli.report import bug_report, keep

    text = bug_report(error, arguments)
    path = keep(text)
    kept = f" It lies in {path} too." if path is not None else ""
    name = type(error).__name__
    tell(f"error[{PenstockError.code}]", f"this is a bug in Penstock, not in what you did ({name})", None, arguments)
    click.echo(f"Please report it with the following; look it over first.{kept}\n\n{text}", err=True)
    return Exit.BUG


def _say_interrupted(arguments: Sequence[str]) -> int:
    with suppress(OSError), _deaf():
        tell("interrupted", "stopped as you asked", None, arguments)
    return Exit.INTERRUPTED


def _flushed(code: int) -> int:
    """The code, when everything that was said has arrived."""
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def _reader_gone() -> int:
    """Nobody reads any more: be quiet, also when the interpreter flushes at its end."""
    _drop(sys.stdout)
    _drop(sys.stderr)
    return Exit.READER_GONE


def _drop(stream: object) -> None:
    """Point what is below a stream nowhere, so that what it still holds cannot fail a second time."""
    with suppress(OSError, ValueError, AttributeError):
        number = stream.fileno()  # type: ignore[attr-defined]
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)


@contextmanager
def _deaf() -> Iterator[None]:
    """A second Ctrl-C does not break into the last words."""
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ValueError:  # not the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _terminable() -> Iterator[None]:
    """TERM as an exception, while a command runs; `run` puts its own in its place and puts this one back."""

    def terminated(*_: object) -> NoReturn:
        raise Terminated

    try:
        before = signal.signal(signal.SIGTERM, terminated)
    except ValueError:  # not the main thread: an embedding program keeps its own handler
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
