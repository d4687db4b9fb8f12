"""Images from a real registry: when they are fetched, how an engine proves itself, and what is told when it cannot."""

from __future__ import annotations

import base64
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from docker_engine import shared
from docker_engine.images import BUSYBOX
from docker_engine.registry import ADDRESS, PASSWORD, USER, Registry, missing_for_registry
from docker_engine.shared import Engine
from fakes.halt import HandHalt
from penstock.errors import PenstockError
from penstock.ports.container import Container, Credentials, Pull
from penstock.ports.runner import Ending, Exit, Order, Runner, Tell
from penstock.wiring.containers import ContainerSetup, docker_runner

REPOSITORY = f"{ADDRESS}/team/tool"
PULLS = {"type": "image", "event": "pull"}
MINE = Credentials(registry=ADDRESS, username=USER, password=PASSWORD)


@pytest.fixture
def registry(engine: Engine) -> Iterator[Registry]:
    """One that answers, with nothing in it."""
    if not engine.is_ours:
        pytest.skip("the engine was there before: no registry is put beside it")
    if (why := missing_for_registry()) is not None:
        pytest.skip(why)
    with tempfile.TemporaryDirectory(prefix="registry") as root:
        made = Registry(Path(root), shared.NAMESPACE)
        made.start()
        yield made
        made.stop()


@pytest.fixture
def runner(engine: Engine, tmp_path: Path) -> Iterator[Runner]:
    made = docker_runner(tmp_path, ContainerSetup(engine=engine.host), {})
    yield made
    for name in list(made.names()):
        made.remove(name)
    made.close()


def push(client: docker.APIClient, tag: str, says: str) -> None:
    """An image that says `says`, in the registry and not on the engine."""
    made = client.create_container(BUSYBOX, ["true"])
    client.commit(made, REPOSITORY, tag, conf={"Cmd": ["echo", says]}, changes=[f'CMD ["echo", "{says}"]'])
    client.remove_container(made)
    told = client.push(REPOSITORY, tag, auth_config={"username": USER, "password": PASSWORD})
    assert "error" not in told, told
    client.remove_image(f"{REPOSITORY}:{tag}")


def said(runner: Runner, image: str, tell: Tell | None = None, **wish: Any) -> str:
    name = f"image-{threading.get_ident()}-{image.rpartition(':')[2]}"
    heard: list[bytes] = []
    try:
        runner.launch(Order(name, [], container=Container(image, is_entered=True, **wish)), None, tell)
        ended = runner.follow(name, lambda _, data, __: heard.append(data), HandHalt(), offsets={})
    finally:
        runner.remove(name)
    assert ended == Exit(Ending.EXITED, 0)
    return b"".join(heard).decode().strip()


def refusal(runner: Runner, image: str, **wish: Any) -> PenstockError:
    with pytest.raises(PenstockError) as refused:
        said(runner, image, **wish)
    assert refused.value.code == "PEN051"
    return refused.value


def test_when_an_image_is_fetched(registry: Registry, runner: Runner, client: docker.APIClient) -> None:
    image = f"{REPOSITORY}:when"
    push(client, "when", "first")
    assert "NEVER" in refusal(runner, image, pull=Pull.NEVER, credentials=MINE).message
    assert said(runner, image, credentials=MINE) == "first"
    client.tag(image, f"{ADDRESS}/kept", "when")
    push(client, "when", "second")
    client.tag(f"{ADDRESS}/kept:when", REPOSITORY, "when")
    client.remove_image(f"{ADDRESS}/kept:when")
    assert said(runner, image, credentials=MINE) == "first"
    registry.stop()
    assert said(runner, image, credentials=MINE) == "first", "what is there is not asked for"
    registry.start()
    assert said(runner, image, pull=Pull.ALWAYS, credentials=MINE) == "second"
    client.remove_image(image)


@pytest.mark.parametrize(
    "wish",
    [
        {"credentials": MINE},
        {"credentials": Credentials(username=USER, password=PASSWORD)},
        {"credentials": Credentials(auth=base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode())},
        {"config": {"auths": {ADDRESS: {"username": USER, "password": PASSWORD}}}},
        {
            "config": {
                "auths": {f"http://{ADDRESS}/v2/": {"auth": base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()}}
            }
        },
    ],
    ids=["registry-and-password", "password", "auth", "config", "config-of-a-client"],
)
def test_how_an_engine_proves_itself(
    registry: Registry, runner: Runner, client: docker.APIClient, wish: dict[str, Any]
) -> None:
    push(client, "proof", "let in")
    assert said(runner, f"{REPOSITORY}:proof", **wish) == "let in"
    client.remove_image(f"{REPOSITORY}:proof")


@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"credentials": Credentials(username=USER, password="wrong")},
        {"credentials": Credentials(registry="docker.io", username=USER, password=PASSWORD)},
    ],
    ids=["none", "wrong", "another-registrys"],
)
def test_who_cannot_prove_itself_is_told_what_to_check(
    registry: Registry, runner: Runner, wish: dict[str, Any]
) -> None:
    refused = refusal(runner, f"{REPOSITORY}:secret", **wish)
    assert REPOSITORY in refused.message
    assert "credentials" in (refused.help or "")
    assert PASSWORD not in refused.message


def test_an_image_that_is_not_there_is_told_at_once(registry: Registry, runner: Runner) -> None:
    refused = refusal(runner, f"{REPOSITORY}:no-such-tag", credentials=MINE)
    assert refused.message.startswith(f"there is no image `{REPOSITORY}:no-such-tag`")


def test_a_registry_that_is_away_is_asked_again(registry: Registry, runner: Runner, client: docker.APIClient) -> None:
    push(client, "later", "after all")
    registry.stop()
    heard: list[str] = []
    told: list[str] = []
    fetching = threading.Thread(
        target=lambda: heard.append(said(runner, f"{REPOSITORY}:later", told.append, credentials=MINE)), daemon=True
    )
    fetching.start()
    fetching.join(0.5)
    assert fetching.is_alive()
    registry.start()
    fetching.join(30)
    assert heard == ["after all"]
    assert told[0] == f"Fetching the image {REPOSITORY}:later"
    assert "connection refused; it is tried again in 1 s" in told[1]
    assert told[-1].startswith(f"The image {REPOSITORY}:later is there after ")
    client.remove_image(f"{REPOSITORY}:later")


def test_a_registry_that_stays_away_is_given_up_and_a_stop_is_heeded(registry: Registry, runner: Runner) -> None:
    registry.stop()
    assert "connection refused" in refusal(runner, f"{REPOSITORY}:away", credentials=MINE).message
    halt = HandHalt()
    halt.throw()
    with pytest.raises(PenstockError):
        runner.launch(Order("stopped", ["true"], container=Container(f"{REPOSITORY}:away", credentials=MINE)), halt)
    assert not runner.knows("stopped")


def test_many_that_want_the_same_image_fetch_it_once(
    registry: Registry, runner: Runner, client: docker.APIClient
) -> None:
    began = int(time.time())
    push(client, "once", "shared")
    heard: list[str] = []
    threads = [
        threading.Thread(target=lambda: heard.append(said(runner, f"{REPOSITORY}:once", credentials=MINE)))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert heard == ["shared"] * 6
    pulls = client.events(since=began, until=int(time.time()) + 1, decode=True, filters=PULLS)
    assert [event["id"] for event in pulls].count(f"{REPOSITORY}:once") == 1
    client.remove_image(f"{REPOSITORY}:once")
