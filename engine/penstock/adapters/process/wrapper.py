"""The shell that stands between the agent and a program, so that the program's end is told though nobody listens.

`sh` costs 1-2 ms where a Python shim costs 8. The wrapper
- claims the attempt: `pid` is created with O_EXCL, so that of two wrappers of one attempt only one goes on;
- holds HUP, INT and TERM off itself by a handler (an ignored signal would be inherited by the program);
- runs the program in a subshell that becomes it: one fork, limits and cgroup on the program alone;
- tells the exit code and the CPU times in a file that appears whole, by a rename that is its last act.
"""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from penstock.adapters.process.tree import WRAPPER
from penstock.errors import Retryable, UserError
from penstock.ports.runner import Limits

SHELL = "/bin/sh"
DEFAULT_OPEN_FILES = 4096
"""A leak of file handles ends there, not with the machine."""

NOT_STARTED = "not-started"

# $1 private folder of the wrapper · $2 working directory · $3 ulimit commands · $4 mv · $5 cgroup or nothing · program
SCRIPT = f"""umask 077
trap : HUP INT TERM
[ ! -r /proc/$$/stat ] || read -r {"_ " * 21}penstock_started _ < /proc/$$/stat
set -C
echo "$$ ${{penstock_started:-0}}" > "$1/pid" || exit 0
set +C
if cd "$2"
then
(
[ -z "$5" ] || echo 0 > "$5/cgroup.procs" || exit 126
eval "$3" || exit 126
unset OLDPWD
shift 5
exec "$@"
) < /dev/null >> "$1/out" 2>> "$1/err"
{{ echo "$?"; times; }} > "$1/exit.tmp"
else
echo "{NOT_STARTED}" > "$1/exit.tmp"
fi
exec "$4" -f "$1/exit.tmp" "$1/exit"
"""

_PASSING = {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE}


@dataclass(frozen=True, slots=True)
class Place:
    """Where one wrapper works, as it will see it."""

    run: Path
    work: Path
    cgroup: Path | None = None


def limit_commands(limits: Limits, *, in_cgroup: bool, count_processes: bool) -> str:
    """`ulimit` commands, never above what this process may have itself.

    Memory is bounded by address space only where no cgroup does it better. RLIMIT_NPROC counts all processes of
    the user, so it is set only when asked. `file_bytes` binds the raw output too: it is a file like any other.
    """
    import resource  # not on Windows, where this module is imported and never used

    commands = ["ulimit -c 0"]
    files = limits.open_files or DEFAULT_OPEN_FILES
    commands.append(f"ulimit -n {_at_most(files, resource.RLIMIT_NOFILE)}")
    if limits.memory_bytes is not None and not in_cgroup:
        commands.append(f"ulimit -v {max(1, _at_most(limits.memory_bytes, resource.RLIMIT_AS) // 1024)}")
    if limits.file_bytes is not None:
        commands.append(f"ulimit -f {max(1, _at_most(limits.file_bytes, resource.RLIMIT_FSIZE) // 512)}")
    if count_processes and limits.processes is not None:
        commands.append(f"ulimit -u {_at_most(limits.processes, resource.RLIMIT_NPROC)}")
    return " && ".join(commands)


def _at_most(value: int, kind: int) -> int:
    import resource

    _, hard = resource.getrlimit(kind)
    return value if hard == resource.RLIM_INFINITY else min(value, hard)


def spawn(place: Place, argv: Sequence[str], env: Mapping[str, str], limits: str, mover: str) -> int:
    """The pid of a wrapper in a session of its own. Raises UserError or Retryable when there is none."""
    command = [SHELL, "-c", SCRIPT, WRAPPER]
    command += [str(place.run), str(place.work), limits, mover, str(place.cgroup or ""), *argv]
    own_output = (os.POSIX_SPAWN_OPEN, 1, str(place.run / "wrapper"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return os.posix_spawn(
            SHELL,
            command,
            env,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                own_output,
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
            setsigmask=(),
            # Python ignores SIGPIPE and SIGXFSZ, `nohup` ignores SIGHUP: a program would inherit that, and `sh`
            # cannot undo it.
            setsigdef=[signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE, signal.SIGTERM, signal.SIGXFSZ],
        )
    except OSError as error:
        if error.errno == errno.E2BIG:
            raise UserError(
                "the arguments and the environment of the program are too large for this machine",
                help="hand large values over as input files; Linux allows 128 KiB for one of them",
            ) from error
        if error.errno in _PASSING:
            raise Retryable(f"no process could be made: {os.strerror(error.errno or 0)}") from error
        raise
