"""What is written into commands, what they write into the log, and addresses without TLS."""

from __future__ import annotations

import pytest
from tests.unit.validation.advice.samples import CORE, PYTHON, SHELL, advised, flow, mended, places

from penstock.diagnostic import Severity
from penstock.validation.advice.injection import no_inputs_in_commands
from penstock.validation.advice.leaks import no_secrets_in_logs
from penstock.validation.advice.transport import addresses_use_tls

INPUTS = """
inputs:
  - {id: name, type: STRING}
  - {id: n, type: INT}
  - {id: kind, type: SELECT, values: [a, b]}
  - {id: any, type: SELECT, values: [a, b], allowCustomValue: true}
  - {id: slug, type: STRING, validator: '^[a-z0-9-]+$'}
  - {id: loose, type: STRING, validator: '^a.*$'}
  - {id: file, type: FILE}
  - {id: a.b, type: STRING}
  - {id: numbers, type: ARRAY, itemType: INT}
  - {id: pw, type: SECRET}
"""

NAME = 'hand it over in `env:` as NAME, and write "$NAME"'


def command(text: str, kind: str = SHELL) -> str:
    """The command stands in line 19, and begins in column 9."""
    return flow(INPUTS + f"tasks:\n  - id: t\n    type: {kind}\n    commands:\n      - >-\n        {text}")


@pytest.mark.parametrize(
    ("text", "start", "read", "hint"),
    [
        ("echo {{ inputs.name }}", 8, "inputs.name", NAME),
        ("echo '{{ inputs[\"name\"] | upper }}'", 9, "inputs.name", NAME),
        ("echo {{ inputs.any }}", 8, "inputs.any", 'hand it over in `env:` as ANY, and write "$ANY"'),
        ("echo {{ inputs.loose }}", 8, "inputs.loose", 'hand it over in `env:` as LOOSE, and write "$LOOSE"'),
        ("echo {{ inputs.a.b }}", 8, "inputs.a.b", 'hand it over in `env:` as B, and write "$B"'),
        ("echo {{ labels.team ?? 'x' }}", 8, "labels.team", 'hand it over in `env:` as TEAM, and write "$TEAM"'),
        ("{% if inputs.n %}echo {{ inputs.name }}{% endif %}", 25, "inputs.name", NAME),
    ],
)  # fmt: skip
def test_an_input_that_becomes_part_of_a_command(text: str, start: int, read: str, hint: str) -> None:
    (found,) = advised(no_inputs_in_commands, command(text))
    assert (found.code, found.severity, found.help) == ("PEN604", Severity.WARNING, hint)
    assert found.message == f"`{read}` becomes part of the command: whoever gives it may write code there"
    assert (found.range.start.line, found.range.start.column) == (19, 9 + start)


def test_an_input_that_becomes_part_of_a_program() -> None:
    source = flow(
        f"inputs:\n  - {{id: name, type: STRING}}\ntasks:\n  - id: t\n    type: {PYTHON}\n    script: |\n"
        '      import os\n      name = "{{ inputs.name }}"'
    )
    (found,) = advised(no_inputs_in_commands, source)
    assert found.message == "`inputs.name` becomes part of the program: whoever gives it may write code there"
    assert found.help == 'hand it over in `env:` as NAME, and write os.environ["NAME"]'
    assert places([found]) == [(10, 18, 29)]


def test_the_body_of_a_request_that_becomes_part_of_a_command() -> None:
    (found,) = advised(no_inputs_in_commands, command("echo {{ trigger.body.name }} {{ trigger.date }}"))
    assert places([found]) == [(19, 17, 34)]


@pytest.mark.parametrize(
    "text",
    [
        "echo {{ inputs.n }} {{ inputs.kind }} {{ inputs.slug }} {{ inputs.numbers }}",
        "cat {{ inputs.file }}",
        "echo {{ inputs.name | escapeChar('shell') }} {{ inputs.name | length }} {{ inputs.name | slugify }}",
        "echo {{ inputs.name == 'a' ? 1 : 2 }}",
        "{% if inputs.name == 'a' %}echo a{% endif %}",
        "echo {{ taskrun.id }} {{ flow.id }} {{ trigger.date }} {{ outputs.x }}",
        'echo "$NAME" # inputs.name',
    ],
)
def test_what_no_starter_can_write_code_with(text: str) -> None:
    assert advised(no_inputs_in_commands, command(text)) == []


def test_an_input_elsewhere_is_data() -> None:
    source = flow(
        INPUTS + f"tasks:\n  - id: t\n    type: {SHELL}\n    env: {{NAME: '{{{{ inputs.name }}}}'}}\n"
        f"    commands: ['echo \"$NAME\"']\n  - {{id: l, type: {CORE}.log.Log, message: '{{{{ inputs.name }}}}'}}"
    )
    assert advised(no_inputs_in_commands, source) == []


@pytest.mark.parametrize(
    ("task", "secret"),
    [
        (f"type: {CORE}.log.Log, message: \"x {{{{ secret('X') }}}}\"", "secret('X')"),
        (f"type: {CORE}.debug.Return, format: \"{{{{ secret('X') }}}}\"", "secret('X')"),
        (f"type: {CORE}.log.Log, message: '{{{{ inputs.pw }}}}'", "inputs.pw"),
        (f"type: {SHELL}, commands: [\"echo {{{{ secret('X') }}}}\"]", "secret('X')"),
        (f"type: {PYTHON}, script: \"print('{{{{ secret('X') }}}}')\"", "secret('X')"),
    ],
)
def test_a_secret_that_is_logged(task: str, secret: str) -> None:
    line = f"  - {{id: t, {task}}}"
    found = advised(no_secrets_in_logs, flow(INPUTS + f"tasks:\n{line}"))
    column = line.index(secret) + 1
    assert places(found) == [(15, column, column + len(secret))]
    what = "a secret" if secret.startswith("secret") else "the secret input `pw`"
    assert [(one.code, one.severity, one.message) for one in found] == [
        ("PEN606", Severity.WARNING, f"{what} is written into the log")
    ]


@pytest.mark.parametrize(
    "text",
    [
        "echo {{ secret('X') }} | docker login --password-stdin",
        "echo {{ secret('X') }} > /run/file",
        "login -p {{ secret('X') }}",
        "echo done; login {{ secret('X') }}",
        "echo {% if secret('X') == 'y' %}a{% endif %}",
        "echo secret('X')",
    ],
)
def test_a_secret_that_is_not_logged(text: str) -> None:
    assert advised(no_secrets_in_logs, command(text)) == []


def request(uri: str, kind: str = f"{CORE}.http.Request") -> str:
    """The address stands in line 6."""
    return flow(f"tasks:\n  - id: t\n    type: {kind}\n    uri: {uri}")


def test_an_address_without_tls() -> None:
    source = request("'http://bob@api.example.com:8080/x?y=1'")
    found = advised(addresses_use_tls, source)
    assert places(found) == [(6, 11, 15)]
    assert [(one.code, one.severity, one.message) for one in found] == [
        ("PEN605", Severity.WARNING, "what is exchanged with api.example.com can be read on the way")
    ]
    assert mended(source, found) == source
    assert "'https://bob@api.example.com:8080/x?y=1'" in mended(source, found, unsafe=True)


@pytest.mark.parametrize(
    "uri",
    [
        "https://api.example.com",
        "http://localhost:8080/x",
        "http://127.0.0.1/x",
        "http://10.1.2.3",
        "http://192.168.1.1",
        "http://172.16.0.1",
        "http://printer.local/x",
        "http://service:8080/x",
        "http://service.namespace.svc.cluster.local/x",
        "http://[::1]/x",
        "'http://{{ vars.host ?? 1 }}/x'",
        "'http://{{ vars.host ?? 1 }}.example.com/x'",
        "'{{ vars.uri ?? 1 }}'",
    ],
)
def test_an_address_that_may_do_without(uri: str) -> None:
    assert advised(addresses_use_tls, request(uri)) == []


def test_an_address_that_nothing_is_sent_to() -> None:
    assert (
        advised(addresses_use_tls, flow("description: see http://example.com\nlabels: {a: http://example.com}")) == []
    )
