"""Secrets in clear: where they are found, what is none, and that nothing that is shown holds any."""

from __future__ import annotations

import json
from pathlib import Path
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.validation.advice.samples import CORE, SHELL, advised, flow, places

from penstock.diagnostic import Diagnostic, Position, Range, Severity
from penstock.diagnostic_record import diagnostic_record
from penstock.flow.catalogue.catalog import load_catalog
from penstock.flow.layout.tree import FlowFile
from penstock.validation.advice.secrets import no_secrets_in_clear
from penstock.validation.check import Report, check_files
from penstock.validation.secret_shapes import SHAPES, is_secret_name, looks_random
from penstock.validation.veil import Veil, veil_over
from penstock_cli.render import findings as render
from penstock_cli.render.annotations import as_github, as_summary
from penstock_cli.render.gitlab import as_gitlab
from penstock_cli.render.junit import as_junit
from penstock_cli.render.sarif import as_sarif

# Made of pieces: a scanner of this repository shall find no token in it.
LETTERS = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0u1V2w3X4y5Z6"
HEXADECIMAL = "0123456789abcdef" * 4
TOKENS = {
    "AKIA" + "IOSFODNN7EXAMPLE": "an access key of AWS",
    "ghp" + "_" + LETTERS[:36]: "a token of GitHub",
    "github" + "_pat_" + LETTERS[:40]: "a token of GitHub",
    "glpat" + "-" + LETTERS[:20]: "a token of GitLab",
    "xoxb" + "-" + "123456789012-" + LETTERS[:24]: "a token of Slack",
    "sk" + "_live_" + LETTERS[:24]: "a key of Stripe",
    "AIza" + LETTERS[:35]: "a key of Google",
    "sk-" + "ant-" + LETTERS[:40]: "a key of Anthropic",
    "sk-" + "proj-" + LETTERS[:48]: "a key of OpenAI",
    "npm" + "_" + LETTERS[:36]: "a token of npm",
    "pypi" + "-" + LETTERS[:50]: "a token of PyPI",
    "hf" + "_" + LETTERS[:34]: "a token of Hugging Face",
    "SG." + LETTERS[:22] + "." + LETTERS[:43]: "a key of SendGrid",
    "dapi" + HEXADECIMAL[:32]: "a token of Databricks",
    "dop" + "_v1_" + HEXADECIMAL: "a token of DigitalOcean",
    "dckr" + "_pat_" + LETTERS[:27]: "a token of Docker",
    "eyJ" + LETTERS[:20] + ".eyJ" + LETTERS[:20] + "." + LETTERS[:20]: "a JSON Web Token",
}
KEY = "-----BEGIN RSA " + "PRIVATE KEY-----"


@pytest.mark.parametrize(("token", "noun"), TOKENS.items())
def test_a_token_is_known_by_its_form_wherever_it_stands(token: str, noun: str) -> None:
    for text, line, column in (
        (f"variables: {{a: {token}}}", 3, 16),
        (f'variables:\n  a: "x {token} y"', 4, 9),
        (f"variables:\n  a: |\n    one\n    use {token}", 6, 9),
        (f"description: x  # {token}", 3, 19),
    ):
        found = advised(no_secrets_in_clear, flow(text))
        assert places(found) == [(line, column, column + len(token))]
        assert [(one.code, one.severity, one.message) for one in found] == [
            ("PEN601", Severity.WARNING, f"{noun} stands here in clear")
        ]


def test_every_shape_has_its_lead() -> None:
    for token, noun in TOKENS.items():
        assert any(shape.noun == noun and token.startswith(shape.leads) for shape in SHAPES)


def test_a_private_key_is_found_with_all_its_lines() -> None:
    source = flow(f"variables:\n  a: |\n    {KEY}\n    {LETTERS}\n    {KEY.replace('BEGIN', 'END')}\n  b: 1")
    (found,) = advised(no_secrets_in_clear, source)
    assert found.message == "a private key stands here in clear"
    assert found.range == Range(Position(5, 5), Position(7, 5 + len(KEY) - 2))


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("variables: {db_password: hunter2}", (3, 26, 33), "`db_password` holds a secret in clear"),
        ("variables: {apiKey: 'open sesame'}", (3, 22, 33), "`apiKey` holds a secret in clear"),
        ("variables: {password: 1234}", (3, 23, 27), "`password` holds a secret in clear"),
        ("variables: {password: changeme}", (3, 23, 31), "`password` holds a secret in clear"),
        ("variables:\n  client_secret: >\n    abc123", (5, 5, 11), "`client_secret` holds a secret in clear"),
        ("variables: {signature: a8Kd02mfQp49xZ7rTb1cW}", (3, 24, 45), "`signature` holds a secret in clear"),
        ("labels:\n  - {key: api-token, value: abc}", (4, 29, 32), "`api-token` holds a secret in clear"),
        (
            "inputs:\n  - {id: s, type: SECRET, defaults: x-y-z}",
            (4, 37, 42),
            "the default of a SECRET input stands here in clear",
        ),
        (
            "inputs:\n  - {id: db.password, type: STRING, defaults: x-y-z}",
            (4, 47, 52),
            "`db.password` holds a secret in clear",
        ),
        ("variables: {uri: 'postgres://bob:hunter2@db/x'}", (3, 34, 41), "the address holds a password in clear"),
        (
            f"triggers:\n  - {{id: w, type: {CORE}.trigger.Webhook, key: all-may-call}}",
            (4, 63, 75),
            "the key is all that guards this webhook, and stands here in clear",
        ),
        (
            (f"tasks:\n  - id: t\n    type: {CORE}.http.Request\n    uri: https://x.com\n    headers:\n"
            "      Authorization: Bearer qwertyuiop"),
            (8, 29, 39),
            "`Authorization` holds a secret in clear",
        ),
        (
            (f"pluginDefaults:\n  - type: {CORE}.http.Request\n    values: {{options: {{basicAuthPassword: hunter2}}}}"
             "\n"
            f"tasks:\n  - {{id: a, type: {CORE}.http.Request, uri: https://x.com}}\n"
            f"  - {{id: b, type: {CORE}.http.Request, uri: https://x.com}}"),
            (5, 43, 50),
            "`basicAuthPassword` holds a secret in clear",
        ),
    ],
)  # fmt: skip
def test_a_secret_is_known_by_its_name(text: str, place: tuple[int, int, int], message: str) -> None:
    found = advised(no_secrets_in_clear, flow(text))
    assert places(found) == [place]
    assert [one.message for one in found] == [message]


@pytest.mark.parametrize(
    ("command", "start", "secret"),
    [
        ("export API_TOKEN=9f8a7s6d5f4g3h2j", 17, "9f8a7s6d5f4g3h2j"),
        ("curl -u bob:hunter22 https://x.com", 12, "hunter22"),
        ("curl -H 'Authorization: Bearer abc123def456ghi' x", 31, "abc123def456ghi"),
        ("mysql --password=s3cr3tpw1 -h db", 17, "s3cr3tpw1"),
        ("x --api-key k3yf0rth1s y", 12, "k3yf0rth1s"),
        ("password = 'letmein'", 12, "letmein"),
        ('c = {"client_secret": "abcd1234efgh"}', 23, "abcd1234efgh"),
        ("git clone https://bob:hunter22@x.com/r.git", 22, "hunter22"),
        ("psql 'host=db password=\"hunter22\"'", 24, "hunter22"),
    ],
)
def test_a_secret_within_a_command(command: str, start: int, secret: str) -> None:
    found = advised(
        no_secrets_in_clear, flow(f"tasks:\n  - id: t\n    type: {SHELL}\n    commands:\n      - |\n        {command}")
    )
    assert places(found) == [(8, 9 + start, 9 + start + len(secret))]


@pytest.mark.parametrize(
    "text",
    [
        "variables: {password: \"{{ secret('PW') }}\", token: '{{ inputs.token }}', secret: '', api_key: ~}",
        "variables: {token: <your-token>, apiKey: your_api_key, password: '***', secret: xxx, pwd: $PASSWORD}",
        "variables: {apiKey: OPENAI_API_KEY, token: '${TOKEN}', password: '%PASSWORD%'}",
        "variables: {private_key: /run/secrets/key.pem, ssh_key: ~/.ssh/id}",
        "variables: {tokenUrl: https://x/y, secretName: foo, token_type: bearer, nextToken: abc123, maxTokens: 100}",
        "variables: {usePassword: true, hasToken: false, imagePullSecret: regcred, passwordFile: /run/pw}",
        "variables: {primary_key: customer_id, key: name, partitionKey: day, sortKey: a, hash: md5}",
        "variables: {id: 3f2504e0-4f89-11d3-9a0c-0305e82c3301, commit: " + HEXADECIMAL[:40] + "}",
        "variables: {image: 'x@sha256:" + HEXADECIMAL + "', signature: " + HEXADECIMAL + "}",
        "variables: {uri: 'postgres://db/x', b: 'postgres://bob@db/x', c: \"postgres://bob:{{ secret('X') }}@db\"}",
        "variables: {uri: 'https://user:password@example.com', token: https://x.com/token, b: 'kestra:///a/b'}",
        "variables: {text: a password is asked for, token: 'the token that was given to you', b: x}",
        f"variables: {{b: 'task-{LETTERS}'}}",
        "inputs:\n  - {id: t, type: SECRET, defaults: \"{{ secret('X') }}\"}\n  - {id: password, type: STRING}",
        "inputs:\n  - {id: name, type: STRING, defaults: opensesame}",
        f"triggers:\n  - {{id: w, type: {CORE}.trigger.Webhook, key: \"{{{{ secret('KEY') }}}}\"}}",
        "description: The password is kept as a secret, its token too.",
    ],
)  # fmt: skip
def test_what_is_no_secret(text: str) -> None:
    assert advised(no_secrets_in_clear, flow(text)) == []


@pytest.mark.parametrize(
    "command",
    [
        "export TOKEN=$(cat /run/token)",
        'export TOKEN="$OTHER"',
        'curl -u "$USER:$PASS" https://x.com',
        'curl -H "Authorization: Bearer $TOKEN" https://x.com',
        "curl -H \"Authorization: Bearer {{ secret('X') }}\" https://x.com",
        "mysql --password=$PASSWORD -h db",
        'token = os.environ["TOKEN"]',
        "password = get_password(name)",
        "for token in tokens: print(token)",
        "if token == 'end': break",
        "docker run -u 1000:1000 x",
        "grep -c -- '-----BEGIN " + "PRIVATE KEY-----' f",
        "SECRET_NAME=my-secret-name",
    ],
)
def test_a_command_without_a_secret(command: str) -> None:
    assert (
        advised(
            no_secrets_in_clear,
            flow(f"tasks:\n  - id: t\n    type: {SHELL}\n    commands:\n      - |\n        {command}"),
        )
        == []
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("password", True), ("DB_PASSWORD", True), ("dbPassword2", True), ("X-Api-Key", True), ("apiKey", True),
        ("APIKey", True), ("aws_secret_access_key", True), ("accessToken", True), ("PGPASSWORD", True),
        ("key", False), ("tokenUrl", False), ("secretName", False), ("pageToken", False), ("author", False),
        ("keyboard", False), ("tokens", False), ("", False),
    ],
)  # fmt: skip
def test_names_of_secrets(name: str, expected: bool) -> None:
    assert is_secret_name(name) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("9f8a7s6d5f4g3h2j", True), ("aaaa1111", False), ("abcdefgh", False), ("12345678", False), ("a1", False),
        (HEXADECIMAL[:32], False), ("3f2504e0-4f89-11d3-9a0c-0305e82c3301", False),
    ],
)  # fmt: skip
def test_what_looks_random(text: str, expected: bool) -> None:
    assert looks_random(text) is expected


def judged(source: str, folder: Path) -> Report:
    file = folder / "f.yaml"
    file.write_text(source)
    return check_files([FlowFile("f.yaml", file)], load_catalog())


def shown(report: Report) -> str:
    """All that a person could see of it, in every format."""
    summary = render.Summary(0, 0, 0, 1, 0.0, "passed")
    return "\n".join(
        (
            render.as_text(report.diagnostics, summary, report.line),
            render.as_concise(report.diagnostics, summary),
            render.as_json(report.diagnostics, summary),
            as_github(report.diagnostics, summary),
            as_summary(report.diagnostics, summary),
            as_gitlab(report.diagnostics),
            as_sarif(report.diagnostics),
            as_junit(report.diagnostics, report.given, lambda _: True),
        )
    )


SECRETS = st.text(
    "abcdefghijkmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.+/=-", min_size=8, max_size=40
).filter(
    lambda text: looks_random(text, bits=3.0) and text[0].isalnum() and text[-1].isalnum() and text not in "PEN601"
)


@given(SECRETS)
@settings(max_examples=60, deadline=None)
def test_nothing_that_is_shown_holds_a_secret(tmp_path_factory: pytest.TempPathFactory, secret: str) -> None:
    report = judged(
        "id: f\nnamespace: n\n"
        f"variables: {{password: \"{secret}\", uri: \"http://bob:{secret}@example.com\"}}\n"
        f"inputs:\n  - {{id: s, type: SECRET, defaults: \"{secret}\", other: \"{secret}\"}}\n"
        "tasks:\n"
        f"  - {{id: t, type: {CORE}.http.Request, uri: \"http://bob:{secret}@example.com\", method: \"{secret}\"}}\n"
        f"  - {{id: t, type: {CORE}.log.Log, message: \"{{{{ inputs.s }}}} {secret} {{{{ nothing }}}}\"}}\n",
        tmp_path_factory.mktemp("flow"),
    )  # fmt: skip
    assert {one.code for one in report.diagnostics} >= {"PEN601", "PEN212", "PEN202", "PEN205"}
    assert secret not in shown(report)


@pytest.mark.parametrize("token", TOKENS)
def test_a_file_that_cannot_be_read_shows_no_token(token: str, tmp_path: Path) -> None:
    report = judged(f"id: f\nnamespace: n\nvariables: {{a: {token}, b: [\n", tmp_path)
    assert report.diagnostics != []
    assert token not in shown(report)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("  password: hunter2", "  password: *******"),
        ('  apiKey: "open sesame"  # it is', '  apiKey: "***********"  # it is'),
        ("  {a: 1, token: abcdef, b: 2}", "  {a: 1, token: ******, b: 2}"),
        ("  password: \"{{ secret('X') }}\"", "  password: \"{{ secret('X') }}\""),
        ("  uri: postgres://bob:hunter2@db/x", "  uri: postgres://bob:*******@db/x"),
        ("  name: hunter2", "  name: hunter2"),
    ],
)
def test_a_line_hides_what_looks_like_a_secret(line: str, expected: str) -> None:
    assert Veil(lambda _: line).line(1) == expected


def test_a_line_hides_what_was_found_in_it() -> None:
    ranges = [Range(Position(3, 4), Position(5, 3)), Range.at(3, 1, 2)]
    veil = Veil(lambda _: "abcde", ranges)
    assert [veil.line(number) for number in range(2, 7)] == ["abcde", "**c**", "*****", "**cde", "abcde"]


def test_a_secret_that_stands_elsewhere_too_is_hidden_there() -> None:
    lines = {1: "password: hunter2", 2: "other: [a, hunter2]", 3: "short: abc"}
    veil = Veil(lines.__getitem__, [Range.at(1, 11, 7), Range.at(3, 8, 1)])
    assert [veil.line(number) for number in lines] == ["password: *******", "other: [a, *******]", "short: *bc"]


def test_a_finding_quotes_no_secret_of_another() -> None:
    lines = {1: "password: hunter2", 2: "b: hunter2"}
    secret = Diagnostic("PEN601", Severity.WARNING, "a secret", "f", Range.at(1, 11, 7))
    other = Diagnostic(
        "PEN203", Severity.ERROR, "`hunter2` is no number", "f", Range.at(2, 4, 7), "not `hunter2`", "hunter2"
    )
    assert veil_over([secret, other], lines.__getitem__).over([secret, other])[1] == Diagnostic(
        "PEN203", Severity.ERROR, "`*******` is no number", "f", Range.at(2, 4, 7), "not `*******`", "*******"
    )


def test_findings_stay_json() -> None:
    (found,) = advised(no_secrets_in_clear, flow("variables: {password: hunter2}"))
    assert "hunter2" not in json.dumps(diagnostic_record(found))


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "password",
        "password=",
        "https://a:",
        "eyJ",
        "-----BEGIN ",
        " -u a",
        " --token ",
        "a.b-c_",
        "x = '",
        "apiKey: x ",
    ],
)
def test_a_long_text_costs_what_its_length_costs(piece: str) -> None:
    line = piece * (200_000 // len(piece))
    source = flow(f"variables:\n  a: |\n    {line}")
    began = process_time()
    found = advised(no_secrets_in_clear, source)
    veil_over(found, lambda _: line).line(1)
    assert process_time() - began < 5  # a second at most; it was minutes where each letter began a search
