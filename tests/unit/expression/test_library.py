"""Functions and filters over structures, the execution and the world; the pure library stands in data files."""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime

import pytest

from penstock.errors import NotFound
from penstock.expression import ExpressionError, render
from penstock.expression.solitary import Solitary

CONTEXT: dict[str, object] = {
    "flow": {"namespace": "io.acme"},
    "parents": [{"taskrun": {"value": "in"}}, {"outputs": {}}, {"taskrun": {"value": "out"}}],
    "taskrun": {"value": "own"},
    "outputs": {"t": {"out": {"in": {"own": {"v": 1}}}}},
    "tasks": {
        "a": {"state": "FAILED"},
        "b": {"x": {"state": "failed"}, "y": {"state": "SUCCESS"}},
        "c": {"state": "SUCCESS"},
    },
}


class World(Solitary):
    def secret(self, name: str, namespace: str | None, subkey: str | None) -> str:
        if name == "NOPE":
            raise NotFound("Cannot find secret for key 'NOPE'.")
        return f"{name}/{namespace}/{subkey}"

    def read(self, uri_or_path: str, namespace: str | None) -> str:
        return f"<{uri_or_path}>"

    def now(self) -> datetime:
        return datetime(2024, 1, 2, 3, 4, 5, 123000, tzinfo=UTC)

    def random(self) -> random.Random:
        return random.Random(7)

    def new_id(self) -> str:
        return "n3wId"

    def error_logs(self) -> list[dict[str, object]]:
        return [{"taskId": "a", "message": "boom"}]


CASES = [
    ("'a b&c=~*' | urlencode", "a+b%26c%3D%7E*"),
    ("'a+b%26' | urldecode", "a b&"),
    ("'é' | base64encode | base64decode", "é"),
    ("'x' | md5", "9dd4e461268c8034f5c8564e155c67a6"),
    ("'x' | sha1", "11f6ad8ec52a2984abaafd7c3b516503785c2072"),
    # structures
    ("fromJson('{\"a\": [1, null]}').a", "[1,null]"),
    ("{'a': [1, null], 'b': null} | toJson", '{"a":[1,null]}'),
    ("'[1]' is json", "true"),
    ("'{a' is json", "false"),
    # the execution
    ("currentEachOutput(outputs.t).v", "1"),
    ("tasksWithState('failed')", '[{"taskId":"a","state":"FAILED"},{"taskId":"b","state":"FAILED","value":"x"}]'),
    ("printContext().flow", '{"namespace":"io.acme"}'),
    ("fileURI('a/b.txt')", "kestra:///io/acme/_files/a/b.txt"),
    # the world
    ("secret('K')", "K/None/None"),
    ("secret('K', subkey='s', namespace='ns')", "K/ns/s"),
    ("read('f.txt')", "<f.txt>"),
    ("now()", "2024-01-02T03:04:05.123000Z"),
    ("now('yyyy', timeZone='Europe/Paris')", "2024"),
    ("id()", "n3wId"),
    ("errorLogs()[0].message", "boom"),
    ("randomInt(3, 4)", "3"),
    ("nanoId(length=4, alphabet='a')", "aaaa"),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "wanted"), CASES)
def test_it_gives(expression: str, wanted: str) -> None:
    assert render("{{ " + expression + " }}", CONTEXT, world=World()) == wanted


FAULTS = [
    ("'%%%' | base64decode", "this is not base64"),
    ("fromJson('{')", "Invalid json"),
    ("fromJson('NaN')", "Invalid json"),
    ("fileURI('../x')", "cannot go up"),
    ("randomInt(2, 2)", "upper must be greater than lower"),
    ("read('x', version=2)", "files are as Git has them"),
    ("currentEachOutput(flow)", "No execution outputs"),
]


@pytest.mark.parametrize(("expression", "reason"), FAULTS)
def test_it_refuses(expression: str, reason: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        render("{{ " + expression + " }}", CONTEXT, world=World())
    assert reason in caught.value.message


def test_what_the_world_raises_passes_through_untouched() -> None:
    with pytest.raises(NotFound) as caught:
        render("{{ secret('NOPE') ?? 'x' }}", {}, world=World())
    assert caught.value.message == "Cannot find secret for key 'NOPE'."


@pytest.mark.parametrize(
    ("expression", "shape"),
    [
        ("uuid()", r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
        ("ksuid()", r"[0-9A-Za-z]{27}"),
        ("nanoId()", r"[\w-]{21}"),
        ("randomPort()", r"(49|5\d|6[0-5])\d{3}"),
    ],
)
def test_what_is_drawn_has_its_shape(expression: str, shape: str) -> None:
    assert re.fullmatch(shape, str(render("{{ " + expression + " }}", {}, world=World())))
