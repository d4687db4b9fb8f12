"""The one engine of a test run and its workers: started by whoever comes first, stopped by whoever leaves last."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from docker_engine.daemon import Daemon, answers, missing
from docker_engine.images import cache

ROOT = Path("/run/penstock-tests")
NAMESPACE = "penstock-tests"
_STARTED: list[Daemon] = []  # a child that is let go of while it runs is complained of


@dataclass(frozen=True)
class Engine:
    """An engine that answers. `is_ours`: it was started for tests, and may be used as they like."""

    host: str
    is_ours: bool


def daemon() -> Daemon:
    return Daemon(ROOT, NAMESPACE, data=cache() / "docker")


def use(user: int) -> Engine | str:
    """An engine, kept at least until `user` (a process) releases it; a sentence where there can be none.

    One that answers already, at DOCKER_HOST or the usual socket, is used as it is.
    """
    from penstock.adapters.docker.address import answering

    found = answering(os.environ)
    if found is not None and found.text != daemon().host:
        return Engine(found.text, is_ours=False)
    if (why := missing()) is not None:
        return why
    with _locked() as users:
        (users / str(user)).touch()
        if not answers(daemon().host):
            _STARTED.append(daemon())
            _STARTED[-1].start()
    return Engine(daemon().host, is_ours=True)


def release(user: int) -> None:
    """`user` needs it no more. Nothing happens to an engine that was there before."""
    if not ROOT.is_dir():
        return
    with _locked() as users:
        (users / str(user)).unlink(missing_ok=True)
        for other in users.iterdir():
            if Path(f"/proc/{other.name}").exists():
                return
            other.unlink()
        daemon().stop()


@contextmanager
def _locked() -> Iterator[Path]:
    users = ROOT / "users"
    users.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (ROOT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield users


def main() -> None:
    """`python -m docker_engine.shared up|down`: for work by hand; `up` prints what DOCKER_HOST must be."""
    import docker

    from docker_engine.images import give_busybox, give_debian

    if sys.argv[1:] == ["down"]:
        daemon().stop()
        return
    found = use(1)
    if isinstance(found, str):
        sys.exit(found)
    client = docker.APIClient(base_url=found.host, timeout=300)
    give_busybox(client)
    give_debian(client)
    print(f"export DOCKER_HOST={found.host}")


if __name__ == "__main__":
    main()
