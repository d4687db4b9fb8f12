"""What is a matter of security, and what only looks like one."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.difference.classes import Class, classes_of, of_part
from penstock.difference.leaf import ABSENT
from penstock.difference.normal import Kind

SECURITY, BEHAVIOUR = Class.SECURITY, Class.BEHAVIOUR


@pytest.mark.parametrize(
    ("path", "old", "new", "is_grave"),
    [
        (("containerImage",), "python:3.11", "python:3.13", False),
        (("containerImage",), "reg.eu:5000/team/py:1", "reg.eu:5000/team/py:2", False),
        (("containerImage",), "python:3.11", "python:3.11@sha256:ab", False),
        (("containerImage",), "python:latest", "python:3.13", False),
        (("containerImage",), "python:3.11", "python", True),
        (("containerImage",), "python:3.11", "python:latest", True),
        (("containerImage",), "python:3.11", "evil/python:3.11", True),
        (("containerImage",), "reg.eu:5000/py:1", "reg.us:5000/py:1", True),
        (("containerImage",), ABSENT, "python:3.11", True),
        (("taskRunner", "privileged"), ABSENT, True, True),
        (("taskRunner", "volumes", 0), ABSENT, "/:/host", True),
        (("taskRunner", "networkMode"), "none", "host", True),
        (("options", "insecureTrustAllCertificates"), False, True, True),
        (("uri",), "https://api.example.com", "http://api.example.com", True),
        (("env", "TOKEN"), "x", "{{ secret('TOKEN') }}", True),
        (("env", "TOKEN"), "{{ secret('TOKEN') }}", "{{ secret( 'TOKEN') }}", False),
        (("commands", 0), "echo hello", "echo {{ inputs.name }}", True),
        (("script",), "print(1)", "print({{ trigger.body.x }})", True),
        (("commands", 0), "echo {{ inputs.name }}", "printf {{ inputs.name }}", False),
        (("commands", 0), "echo a", "echo {{ flow.id }}", False),
        (("message",), "a", "{{ inputs.name }}", False),
        (("env", "NAME"), "a", "{{ inputs.name }}", False),
    ],
)
def test_a_value_that_differs(path: tuple[str | int, ...], old: Any, new: Any, is_grave: bool) -> None:
    found = classes_of(Kind.TASK, path, old, new)

    assert (SECURITY in found) is is_grave
    assert BEHAVIOUR in found


@pytest.mark.parametrize(
    ("body", "is_grave"),
    [
        ({"containerImage": "python:3.13"}, False),
        ({"containerImage": "python"}, True),
        ({"taskRunner": {"type": "x", "image": "a@sha256:ab"}}, True),
        ({"commands": ["true"]}, False),
    ],
)
def test_a_task_that_comes_or_goes(body: dict[str, Any], is_grave: bool) -> None:
    assert (SECURITY in of_part(Kind.TASK, body)) is is_grave
