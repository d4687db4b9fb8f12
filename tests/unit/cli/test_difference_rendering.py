"""What comes out of a repository is foreign text: on a page, in a log and on a terminal it stays text."""

from __future__ import annotations

import json
import re

import pytest
from markdown_it import MarkdownIt

from comparing import report_of
from penstock.difference.report import Report
from penstock_cli.render.difference_json import as_json
from penstock_cli.render.difference_markdown import MOST, as_markdown
from penstock_cli.render.difference_mermaid import as_mermaid
from penstock_cli.render.difference_text import as_text
from penstock_cli.render.inert import prose

LOG = "io.kestra.plugin.core.log.Log"
HOSTILE = (
    "@everyone hello", "<img src=x onerror=alert(1)>", "[x](https://evil.example)", "::error::owned",
    "##[error]owned", "```\n@octocat\n```", "</details><script>1</script>", "![x](https://evil.example/x.png)",
    "www.evil.example", "https://evil.example", "a|b\n| - |\n", "#1 GH-2", "\x1b[31mred", "\u202egnp", "`@me`", "$(id)",
    "<!-- hidden -->", "&#64;everyone", "mail@evil.example", "\\`@me", "``` `` `", "click x href \"javascript:1\"",
)  # fmt: skip
TAGS = {"<details>", "<summary>", "</summary>", "</details>", "<code>", "</code>", "<sub>", "</sub>"}


def flow(id_: str, message: str, *, namespace: str = "n", task: str = "t", name: str = "message") -> bytes:
    """A flow of one task, with any text in any place."""
    said = {
        "id": id_, "namespace": namespace,
        "tasks": [{"id": task, "type": LOG, name: message, "script": f"one\n  {message}\ntwo"}],
        "inputs": [{"id": task, "type": message}],
        "triggers": [{"id": task, "type": "io.kestra.plugin.core.trigger.Schedule", "cron": message}],
    }  # fmt: skip
    return json.dumps(said).encode()


def hostile_report(text: str) -> Report:
    base = {f"flows/{text.replace('/', '_')[:40]}.yaml": flow(text, "a", namespace=text, task=text, name=text)}
    head = {path: flow(text, text, namespace=text, task="new" + text, name=text) for path in base}
    head["flows/more.yaml"] = flow("more" + text, text)
    return report_of(base, head)


FORMATS = {"text": as_text, "markdown": as_markdown, "json": as_json, "mermaid": as_mermaid}


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("name", FORMATS)
def test_no_format_commands_a_workflow_or_a_terminal(name: str, text: str) -> None:
    written = FORMATS[name](hostile_report(text))

    assert not [line for line in written.split("\n") if line.lstrip().startswith("::")]
    assert "##[" not in written
    assert "\x1b" not in written
    assert name == "json" or "\u202e" not in written


@pytest.mark.parametrize("text", HOSTILE)
def test_a_page_holds_no_markup_mention_or_link_of_others(text: str) -> None:
    page = as_markdown(hostile_report(text))

    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(page)

    inline = [child for token in tokens for child in token.children or ()]
    html = "".join(token.content for token in [*tokens, *inline] if token.type in ("html_block", "html_inline"))
    assert set(re.findall(r"<[^>]*>", html)) <= TAGS
    assert not [child for child in inline if child.type in ("link_open", "image")]
    assert not [token for token in tokens if token.type == "table_open"]
    words = re.sub(r"<code>.*?</code>", "", html) + " ".join(one.content for one in inline if one.type == "text")
    assert not re.search(r"@\w|#\d|https?://|www\.|GH-\d", words), words


def test_prose_keeps_its_words() -> None:
    assert prose("task `a`: message x → *y*") == "task `a`: message x → \\*y\\*"
    assert prose("one ` alone") == "one ' alone"


def many(count: int, lines: int, *, changed: str = "2") -> dict[str, bytes]:
    script = "".join(f"      print({number} * {changed})\n" for number in range(lines))
    type_ = "io.kestra.plugin.scripts.python.Script"
    text = f"id: f{{0}}\nnamespace: n\ntasks:\n  - id: t\n    type: {type_}\n    script: |\n{{1}}"
    return {f"flows/f{at}.yaml": text.format(at, script).encode() for at in range(count)}


@pytest.mark.parametrize(("count", "lines"), [(1, 9_000), (40, 400), (1_500, 3)])
def test_a_page_is_never_too_long_and_every_fence_is_closed(count: int, lines: int) -> None:
    page = as_markdown(report_of(many(count, lines, changed="1"), many(count, lines)))

    assert len(page) <= MOST < 65_536
    assert page.count("<details>") == page.count("</details>")
    assert len(re.findall(r"^```", page, re.MULTILINE)) % 2 == 0
    told = len(re.findall(r"^- 🟡", page, re.MULTILINE))
    assert told == count or f"and {count - told} more flows" in page


def test_a_huge_flow_leaves_room_for_the_small_ones() -> None:
    base = many(12, 2, changed="1") | {"flows/f0.yaml": many(1, 9_000, changed="1")["flows/f0.yaml"]}
    head = many(12, 2) | {"flows/f0.yaml": many(1, 9_000)["flows/f0.yaml"]}

    page = as_markdown(report_of(base, head))

    assert page.count("+     print(1 * 2)") == 11
    assert "lines more: `penstock diff` shows them" in page
    assert len(page) > MOST * 0.9


TOKEN, PASSWORD = "ghp_" + "a1B2c3D4e5F6" * 3, "hunter-" + "2-of-twelve"
SECRETS = f"""id: s
namespace: n
variables:
  api_token: {PASSWORD}
inputs:
  - id: key
    type: SECRET
    defaults: {PASSWORD}
tasks:
  - id: t
    type: io.kestra.plugin.scripts.shell.Commands
    env:
      DB_PASSWORD: {PASSWORD}
    headers:
      - name: Authorization
        value: Bearer {PASSWORD}
    url: postgres://me:{PASSWORD}@db.example.com/x
    script: |
      export TOKEN={TOKEN}
      curl -u me:{PASSWORD} https://example.com
triggers:
  - id: hook
    type: io.kestra.plugin.core.trigger.Webhook
    key: {PASSWORD}
"""


@pytest.mark.parametrize("name", FORMATS)
def test_no_format_tells_a_secret(name: str) -> None:
    other = SECRETS.replace(PASSWORD, PASSWORD + "x9").replace(TOKEN, TOKEN[:-3] + "zzz")
    with_secrets, changed = {"flows/s.yaml": SECRETS.encode()}, {"flows/s.yaml": other.encode()}

    for base, head in (({}, with_secrets), (with_secrets, {}), (with_secrets, changed)):
        written = FORMATS[name](report_of(base, head))

        assert PASSWORD not in written
        assert TOKEN[:-3] not in written


def test_that_a_hidden_value_is_another_one_is_told() -> None:
    other = SECRETS.replace(PASSWORD, PASSWORD + "x9")

    written = as_text(report_of({"flows/s.yaml": SECRETS.encode()}, {"flows/s.yaml": other.encode()}))

    assert "variables.api_token: (hidden) → (hidden, another value)" in written
    assert "env.DB_PASSWORD: (hidden) → (hidden, another value)" in written
