"""The container that a task asks for: from its task runner, the older options, its image; and tasks that are one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from penstock.errors import UserError
from penstock.ports.container import Container, Credentials, DeviceRequest, Memory, Pull
from penstock.ports.runner import WORKING_DIR_MARK, Order
from penstock.size import parse_size
from penstock.tasks.filling import render_late
from penstock.tasks.registry import prepare, task_type
from penstock.tasks.scripts.program import Program
from unit.tasks.fakes import HandContext, context

SCRIPTS = "io.kestra.plugin.scripts."
COMMANDS, PYTHON, NODE = SCRIPTS + "shell.Commands", SCRIPTS + "python.Script", SCRIPTS + "node.Commands"
DOCKER = SCRIPTS + "runner.docker.Docker"
TASK, RUN = SCRIPTS + "docker.Commands", "io.kestra.plugin.docker.Run"
PROCESS = "io.kestra.plugin.core.runner.Process"
MIB = 1 << 20


def ordered(type_name: str, properties: Mapping[str, Any], **more: Any) -> tuple[Order, HandContext]:
    """What the runner is told to run."""
    world = context(type_name, properties, **more)
    kind = task_type(type_name)
    assert isinstance(kind, Program)
    filled = render_late(prepare(kind, world.task, world.render_value), world.task, world.render_value)
    return kind.order(filled, world), world  # type: ignore[arg-type]


def wished(options: Mapping[str, Any] | None = None, **more: Any) -> Container:
    """The wish of a task that names the Docker runner with these options."""
    variables = more.pop("variables", {})
    runner = {"type": DOCKER, **(options or {})}
    order, _ = ordered(COMMANDS, {"commands": ["true"], "taskRunner": runner, **more}, variables=variables)
    assert order.container is not None
    return order.container


# ── which image ──


@pytest.mark.parametrize(
    ("type_name", "properties", "image"),
    [
        (COMMANDS, {}, "ubuntu"),
        (PYTHON, {}, "python:3.13-slim"),
        (NODE, {}, "node"),
        (COMMANDS, {"containerImage": "busybox"}, "busybox"),
        (COMMANDS, {"containerImage": "{{ i }}"}, "from/input:1"),
        (COMMANDS, {"runner": "DOCKER", "docker": {"image": "old"}}, "old"),
        (COMMANDS, {"runner": "DOCKER", "docker": {"image": "old"}, "containerImage": "new"}, "old"),
        (COMMANDS, {"docker": {"user": "1"}, "containerImage": "new"}, "new"),
        (COMMANDS, {"taskRunner": {"type": DOCKER, "image": "{{ i }}"}, "containerImage": "new"}, "from/input:1"),
        (COMMANDS, {"taskRunner": {"type": PROCESS}, "containerImage": "new"}, "new"),
        (TASK, {}, "ubuntu"),
        (DOCKER, {"containerImage": "busybox"}, "busybox"),
    ],
)
def test_whose_image_it_is(type_name: str, properties: Mapping[str, Any], image: str) -> None:
    program = {"script": "x"} if type_name == PYTHON else {"commands": ["true"]}
    info = TASK if type_name == DOCKER else type_name
    order, _ = ordered(info, {**program, **properties}, variables={"i": "from/input:1"})
    assert order.container is not None
    assert order.container.image == image


def test_an_image_without_options_is_all_that_is_wished_for() -> None:
    assert wished(containerImage="busybox") == Container("busybox")


@pytest.mark.parametrize("image", ["a b", "   ", "a\nb"])
def test_what_is_no_image(image: str) -> None:
    with pytest.raises(UserError, match="is no name of an image"):
        wished(containerImage=image)


# ── every option ──

ALL: dict[str, Any] = {
    "host": "tcp://engine:2375",
    "config": {"auths": {"r.example": {"auth": "dTpw"}}},
    "credentials": {
        "registry": "https://r.example/v2/",
        "username": "u",
        "password": "p",
        "registryToken": "t",
        "identityToken": "i",
        "auth": "dTpw",
    },
    "user": 1000,
    "entryPoint": ["/e"],
    "extraHosts": ["a:1.2.3.4"],
    "networkMode": "none",
    "portBindings": ["8080:80", 53],
    "volumes": ["/srv/a:/a:ro"],
    "pullPolicy": "ALWAYS",
    "deviceRequests": [
        {"driver": "nvidia", "count": 2, "deviceIds": [0, "b"], "capabilities": [["gpu"]], "options": {"o": 1}}
    ],
    "cpu": {"cpus": 1.5},
    "memory": {
        "memory": "512Mb",
        "memorySwap": "1g",
        "memorySwappiness": 10,
        "memoryReservation": 268435456,
        "kernelMemory": "16m",
        "oomKillDisable": True,
    },
    "shmSize": "64MB",
    "privileged": True,
    "fileHandlingStrategy": "MOUNT",
    "killGracePeriod": "PT3S",
    "delete": False,
    "wait": False,
    "resume": True,
}
WISH = Container(
    "busybox",
    pull=Pull.ALWAYS,
    credentials=Credentials("r.example", "u", "p", "t", "i", "dTpw"),
    config={"auths": {"r.example": {"auth": "dTpw"}}},
    user="1000",
    entry_point=["/e"],
    extra_hosts=("a:1.2.3.4",),
    network="none",
    cpus=1.5,
    memory=Memory(512 * MIB, 1024 * MIB, 10, 256 * MIB, 16 * MIB, oom_kill_disable=True),
    shm_bytes=64 * MIB,
    volumes=("/srv/a:/a:ro",),
    ports=("8080:80", "53"),
    device_requests=[DeviceRequest("nvidia", 2, ("0", "b"), (("gpu",),), {"o": "1"})],
    privileged=True,
    host="tcp://engine:2375",
    delete=False,
    wait=False,
    kill_grace=timedelta(seconds=3),
)


def _plain(wish: Container | None) -> Any:
    from dataclasses import asdict

    assert wish is not None
    return json.loads(json.dumps(asdict(wish), default=str))


@pytest.mark.parametrize("type_name", [COMMANDS, TASK])
def test_every_option(type_name: str) -> None:
    properties: dict[str, Any] = {"commands": ["true"], "containerImage": "busybox"}
    properties |= ALL if type_name == TASK else {"taskRunner": {"type": DOCKER, **ALL}}
    order, _ = ordered(type_name, properties)
    assert _plain(order.container) == _plain(WISH)


def test_every_option_of_old() -> None:
    old = {"runner": "DOCKER", "docker": {**ALL, "image": "busybox"}, "commands": ["true"]}
    assert _plain(ordered(COMMANDS, old)[0].container) == _plain(WISH)


@pytest.mark.parametrize("type_name", [COMMANDS, TASK])
def test_every_option_may_be_an_expression(type_name: str) -> None:
    """Whole values, and the values within."""

    def hidden(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: hidden(each) for name, each in value.items()}
        return "{{ v[" + str(kept.setdefault(json.dumps(value), len(kept))) + "] }}"

    kept: dict[str, int] = {}
    options = {name: hidden(value) for name, value in ALL.items()}
    variables = {"v": [json.loads(text) for text in kept]}
    properties: dict[str, Any] = {"commands": ["true"], "containerImage": "busybox"}
    properties |= options if type_name == TASK else {"taskRunner": {"type": DOCKER, **options}}
    assert _plain(ordered(type_name, properties, variables=variables)[0].container) == _plain(WISH)


def test_a_wish_does_not_show_its_secrets() -> None:
    shown = repr(wished({"credentials": {"username": "u", "password": "s3cret"}}))
    assert "username='u'" in shown
    assert "s3cret" not in shown


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"colour": 1}, "`colour`: extra inputs are not permitted"),
        ({"memory": {"memory": "much"}}, "`memory.memory` of the Docker runner: `much` is no amount of bytes"),
        ({"shmSize": "-1"}, "`shmSize` of the Docker runner"),
        ({"memory": {"memorySwappiness": 101}}, "lies between 0 and 100, and is 101"),
        ({"memory": {"memorySwappiness": "x"}}, "is no whole number: `x`"),
        ({"cpu": {"cpus": 0}}, "`cpu.cpus` must be more than 0"),
        ({"cpu": {"cpus": "{{ 'many' }}"}}, "`cpu.cpus`"),
        ({"pullPolicy": "SOMETIMES"}, "`pullPolicy`"),
        ({"config": "{"}, "`config` of the Docker runner is text that is not JSON"),
        ({"config": "[1]"}, "`config` of the Docker runner must be a mapping"),
        ({"volumes": "{{ 'x' }}"}, "`volumes` must be a list, and its expression gave `x`"),
    ],
)
def test_an_option_that_makes_no_sense(options: Mapping[str, Any], why: str) -> None:
    with pytest.raises(UserError) as caught:
        wished(options)
    assert why in caught.value.message


def test_small_print_of_options() -> None:
    assert wished({"memory": {"memory": "1g", "memorySwap": -1}}).memory == Memory(1 << 30, -1)
    assert wished({"config": '{"auths": {}}'}).config == {"auths": {}}
    assert wished({"config": " "}).config == {}
    for hub in ("https://index.docker.io/v1/", "registry-1.docker.io", "docker.io"):
        found = wished({"credentials": {"registry": hub}}).credentials
        assert found is not None
        assert found.registry == "docker.io"


@pytest.mark.parametrize(
    ("text", "size"),
    [("512MB", 512 * MIB), ("512Mb", 512 * MIB), ("512mib", 512 * MIB), ("0.5g", 512 * MIB), (" 1 k ", 1024),
     ("7", 7), (7, 7), ("7b", 7), ("1p", 1 << 50)],
)  # fmt: skip
def test_sizes(text: str | int, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "MB", "1 apple", "-1", -1, "1ib", "1e3", "9" * 400 + "p", 1 << 61, "1,5g"])
def test_what_is_no_size(text: str | int) -> None:
    with pytest.raises(ValueError, match="is no amount of bytes"):
        parse_size(text)


# ── whose it is ──


def test_the_labels_are_kestras_and_ours() -> None:
    order, _ = ordered(COMMANDS, {"commands": ["true"]}, attempt=2)
    assert order.namespace == "demo"
    assert order.labels == {
        "kestra.io/namespace": "demo",
        "kestra.io/flow-id": "f",
        "kestra.io/task-id": "t",
        "kestra.io/execution-id": "e1",
        "kestra.io/taskrun-id": "r1",
        "kestra.io/taskrun-attempt": "1",
        "penstock.namespace": "demo",
        "penstock.flow": "f",
        "penstock.task": "t",
        "penstock.execution": "e1",
        "penstock.run": "r1",
        "penstock.attempt": "2",
        "penstock.epoch": "1",
    }


# ── tasks that are containers ──


def test_the_runner_as_a_task_runs_shell_commands() -> None:
    order, _ = ordered(TASK, {"containerImage": "busybox", "beforeCommands": ["a"], "commands": ["b", "c"]})
    assert order.argv == ["/bin/sh", "-c", "set -e\na\nb\nc"]
    assert order.container == Container("busybox")


def test_docker_run_gives_its_words_to_the_image() -> None:
    files = {"a.txt": "x"}
    order, _ = ordered(
        RUN,
        {"containerImage": "busybox", "commands": ["--out", "{{ workingDir }}/o", 5], "inputFiles": files},
        variables={"workingDir": WORKING_DIR_MARK},
    )
    assert order.argv == ["--out", f"{WORKING_DIR_MARK}/o", "5"]
    assert order.container == Container("busybox", is_entered=True)
    assert {str(path): content for path, content in order.files.items()} == {"a.txt": b"x"}


@pytest.mark.parametrize("commands", [{}, {"commands": []}, {"commands": "{{ [] }}"}])
def test_docker_run_without_words_runs_what_the_image_runs(commands: Mapping[str, Any]) -> None:
    order, _ = ordered(RUN, {"containerImage": "redis", **commands})
    assert order.argv == []


@pytest.mark.parametrize(
    ("image", "registry", "whole"),
    [
        ("team/tool", "r.example:5000", "r.example:5000/team/tool"),
        ("r.example:5000/team/tool", "https://r.example:5000/v2/", "r.example:5000/team/tool"),
        ("team/tool", "https://index.docker.io/v1/", "team/tool"),
    ],
)
def test_docker_run_looks_where_its_credentials_are_for(image: str, registry: str, whole: str) -> None:
    order, _ = ordered(RUN, {"containerImage": image, "credentials": {"registry": registry}})
    assert order.container is not None
    assert order.container.image == whole


def test_a_secret_among_the_words_is_told_of() -> None:
    properties = {"containerImage": "b", "commands": ["--token", "s3cret"]}
    order, world = ordered(RUN, properties, secrets=("s3cret",))
    assert order.argv == ["--token", "s3cret"]
    [(level, message)] = world.said()
    assert level == "WARN"
    assert "use `env`" in message


@pytest.mark.parametrize(
    ("type_name", "name"),
    [(RUN, "beforeCommands"), (RUN, "interpreter"), (RUN, "taskRunner"), (TASK, "taskRunner"), (TASK, "docker")],
)
def test_what_would_be_left_out_silently_is_refused(type_name: str, name: str) -> None:
    with pytest.raises(UserError, match=f"`{name}`: extra inputs are not permitted"):
        ordered(type_name, {"containerImage": "b", "commands": ["true"], name: ["x"]})


def test_docker_run_needs_an_image() -> None:
    with pytest.raises(UserError, match="`containerImage`: field required"):
        ordered(RUN, {"commands": ["true"]})
