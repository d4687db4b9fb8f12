"""Images without a version, and containers with power over their host."""

from __future__ import annotations

import pytest
from tests.unit.validation.advice.samples import DOCKER, SHELL, advised, flow, places

from penstock.diagnostic import Severity
from penstock.validation.advice.images import images_are_pinned
from penstock.validation.advice.privileges import containers_have_no_power


def task(more: str) -> str:
    """A task whose properties begin in line 6."""
    return flow(f"tasks:\n  - id: t\n    type: {SHELL}\n    {more}\n    commands: ['true']")


@pytest.mark.parametrize(
    ("more", "place", "message"),
    [
        ("containerImage: alpine", (6, 21, 27), "`alpine` names no version: whatever is `latest` will run"),
        (
            "containerImage: 'ghcr.io/x/pydata:latest'",
            (6, 21, 46),
            "`ghcr.io/x/pydata:latest` is another image whenever somebody publishes one",
        ),
        (
            "containerImage: registry:5000/x/y",
            (6, 21, 38),
            "`registry:5000/x/y` names no version: whatever is `latest` will run",
        ),
        (
            f"taskRunner: {{type: {DOCKER}, image: alpine}}",
            (6, 78, 84),
            "`alpine` names no version: whatever is `latest` will run",
        ),
        ("docker: {image: alpine}", (6, 21, 27), "`alpine` names no version: whatever is `latest` will run"),
    ],
)
def test_an_image_that_is_not_pinned(more: str, place: tuple[int, int, int], message: str) -> None:
    found = advised(images_are_pinned, task(more))
    assert places(found) == [place]
    assert [(one.code, one.severity, one.message) for one in found] == [("PEN602", Severity.WARNING, message)]


@pytest.mark.parametrize(
    "more",
    [
        "containerImage: alpine:3.20",
        "containerImage: registry:5000/x/y:1",
        f"containerImage: alpine@sha256:{'0' * 64}",
        f"containerImage: alpine:latest@sha256:{'0' * 64}",
        "containerImage: \"{{ vars.image ?? 'x' }}\"",
        "containerImage: \"alpine:{{ vars.version ?? '3' }}\"",
        "containerImage: alpine\n    taskRunner: {type: io.kestra.plugin.core.runner.Process}",
        "timeout: PT1M",
    ],
)
def test_an_image_that_is_pinned_or_not_ours_to_judge(more: str) -> None:
    assert advised(images_are_pinned, task(more)) == []


def test_a_default_that_many_tasks_share_is_told_of_once_and_where_it_stands() -> None:
    tasks = "".join(f"  - {{id: t{n}, type: {SHELL}, commands: ['true']}}\n" for n in range(3))
    source = flow(f"pluginDefaults:\n  - {{type: {SHELL}, values: {{containerImage: alpine}}}}\ntasks:\n{tasks}")
    assert [one.range.start.line for one in advised(images_are_pinned, source)] == [4]


@pytest.mark.parametrize(
    ("more", "place", "message"),
    [
        ("privileged: true", (8, 19, 23), "nothing of the host is held back from a privileged container"),
        ("networkMode: host", (8, 20, 24), "the container shares the network of its host"),
        (
            "volumes: ['/var/run/docker.sock:/var/run/docker.sock']",
            (8, 17, 60),
            "whoever has the socket of the engine has the host",
        ),
        (
            "volumes: ['/run/podman/podman.sock:/s']",
            (8, 17, 45),
            "whoever has the socket of the engine has the host",
        ),
        ("volumes: [/:/host]", (8, 17, 24), "the container has `/` of its host"),
        ("volumes: [/etc/:/x:ro]", (8, 17, 28), "the container has `/etc/` of its host"),
    ],
)
def test_a_container_with_power_over_its_host(more: str, place: tuple[int, int, int], message: str) -> None:
    found = advised(containers_have_no_power, task(f"taskRunner:\n      type: {DOCKER}\n      {more}"))
    assert places(found) == [place]
    assert [(one.code, one.severity, one.message) for one in found] == [("PEN603", Severity.WARNING, message)]


@pytest.mark.parametrize(
    "more",
    [
        "privileged: false",
        "privileged: '{{ inputs.p }}'",
        "networkMode: bridge",
        "volumes: ['/data:/data', 'cache:/root', '/etc/app:/etc/app', '{{ vars.folder }}:/x']",
        "extraHosts: ['host:10.0.0.1']",
    ],
)
def test_a_container_without_power(more: str) -> None:
    assert advised(containers_have_no_power, task(f"taskRunner:\n      type: {DOCKER}\n      {more}")) == []


def test_variables_that_are_named_alike_are_no_containers() -> None:
    assert advised(containers_have_no_power, flow("variables: {privileged: true, hostNetwork: true}")) == []
