"""`engine`, `debian`, `podman` and `own_daemon`: the container engine as tests ask for it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest

from docker_engine import shared
from docker_engine.daemon import Daemon, missing
from docker_engine.images import DEBIAN, give_busybox, give_debian, missing_for_busybox, missing_for_debian
from docker_engine.podman import Podman, missing_for_podman
from docker_engine.shared import Engine

IS_WORKER = "PYTEST_XDIST_WORKER" in os.environ


def _user() -> int:
    return os.getppid() if IS_WORKER else os.getpid()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Whoever started the run lets go for all of its workers."""
    del config
    if not IS_WORKER:
        shared.release(os.getpid())


@pytest.fixture(scope="session")
def engine() -> Engine:
    """A real engine that has the small images."""
    if (why := missing_for_busybox()) is not None:
        pytest.skip(why)
    found = shared.use(_user())
    if isinstance(found, str):
        pytest.skip(found)
    client = docker.APIClient(base_url=found.host, timeout=300)
    give_busybox(client)
    client.close()
    return found


@pytest.fixture(scope="session")
def debian(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of an image with Python, pip and apt, on the engine."""
    import fcntl

    if (why := missing_for_debian()) is not None:
        pytest.skip(why)
    client = docker.APIClient(base_url=engine.host, timeout=300)
    lock = Path(tempfile.gettempdir()) / "penstock-tests-debian.lock"
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        give_debian(client)
    client.close()
    return DEBIAN[0]


@pytest.fixture(scope="session")
def podman() -> Iterator[Engine]:
    """Podman behind its compatible socket, with the small images."""
    if (why := missing_for_podman() or missing_for_busybox()) is not None:
        pytest.skip(why)
    service = Podman(Path(tempfile.mkdtemp(prefix="pp")), f"pp{os.getpid()}")
    try:
        service.start()
        client = docker.APIClient(base_url=service.host, timeout=300)
        give_busybox(client)
        yield Engine(service.host, is_ours=True)
        for left in client.containers(all=True):
            client.remove_container(left["Id"], force=True, v=True)
        client.close()
    finally:
        service.remove()


@pytest.fixture
def client(engine: Engine) -> Iterator[docker.APIClient]:
    """The engine's own word."""
    made = docker.APIClient(base_url=engine.host)
    yield made
    made.close()


@pytest.fixture
def own_daemon() -> Iterator[Callable[..., Daemon]]:
    """Makes daemons that a test may do anything to; each has the small images."""
    if (why := missing() or missing_for_busybox()) is not None:
        pytest.skip(why)
    made: list[Daemon] = []

    def make(*, live_restore: bool = False) -> Daemon:
        name = f"pt{os.getpid()}-{len(made)}"
        daemon = Daemon(Path(tempfile.mkdtemp(prefix="pt")), name, live_restore=live_restore)
        made.append(daemon)
        daemon.start()
        client = docker.APIClient(base_url=daemon.host)
        give_busybox(client)
        client.close()
        return daemon

    yield make
    for daemon in made:
        daemon.remove()
