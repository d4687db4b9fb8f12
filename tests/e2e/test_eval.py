"""`penstock eval`: a template and what it sees, the exit code and the whole output."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path

import pytest

from program import PENSTOCK, environment, flow_file, penstock

LOG, RETURN = "io.kestra.plugin.core.log.Log", "io.kestra.plugin.core.debug.Return"
HEAVY = {"pydantic", "docker", "git", "httpx", "jinja2", "importlib.metadata", "rich", "apsw", "jsonschema"}
FLOW = (
    "id: flow\nnamespace: team\ninputs:\n  - {id: name, type: STRING, defaults: ada}\ntasks:\n"
    f"  - {{id: early, type: {RETURN}, format: '{{{{ inputs.name | upper }}}}'}}\n"
    f"  - {{id: late, type: {RETURN}, format: \"{{{{ secret('TOKEN') }}}}\"}}\n"
)
TOKEN = "correct-horse-battery"


def eval_(*args: str | Path, stdin: str | None = None, data: Path | None = None, code: int = 0) -> tuple[str, str]:
    done = penstock("eval", *args, stdin=stdin, data=data)
    assert done.code == code, done.err
    return done.out, done.err


# ── over a context ──


def test_a_template_is_rendered_over_a_context(tmp_path: Path) -> None:
    file = tmp_path / "context.json"
    file.write_text(json.dumps({"inputs": {"name": "ada"}, "items": [1, 2.5, None]}))
    assert eval_("Hello {{ inputs.name | upper }}", "--context", file) == ("Hello ADA\n", "")
    assert eval_("{{ items }}", "--context", file) == ("[1,2.5,null]\n", "")
    file.write_text("inputs:\n  name: grace\n")
    assert eval_("{{ inputs.name }}", "--context", file) == ("grace\n", "")


@pytest.mark.parametrize(
    ("template", "shown"),
    [
        ("{{ n }}", "3"), ("{{ n / 2.0 }}", "1.5"), ("{{ t }}", '"3"'), ("{{ m }}", '{"a":[1]}'),
        ("{{ none }}", "null"), ("{{ n == 3 }}", "true"), ("as it is", '"as it is"'),
    ],
)  # fmt: skip
def test_typed_prints_json_that_keeps_the_type(template: str, shown: str) -> None:
    context = json.dumps({"n": 3, "t": "3", "m": {"a": [1]}})
    assert eval_("--typed", template, "--context", "-", stdin=context) == (f"{shown}\n", "")


def test_a_template_comes_from_standard_input_without_its_last_line_break() -> None:
    assert eval_("--typed", "-", stdin="{{ 1 + 1 }}\n") == ("2\n", "")
    assert "cannot both come from standard input" in eval_("-", "--context", "-", stdin="x", code=2)[1]


def test_what_cannot_be_parsed_or_rendered_is_told_with_a_frame() -> None:
    assert eval_("one\n{{ x | uper }}", code=1) == (
        "",
        (
            "error[PEN301]: there is no filter `uper`\n"
            " --> expression:2:8\n"
            "  |\n"
            "2 | {{ x | uper }}\n"
            "  |        ^^^^\n"
            "  = help: did you mean `upper`?\n"
        ),
    )
    assert eval_("{{ inputs.nme }}", "--context", "-", stdin='{"inputs": {}}', code=1) == (
        "",
        (
            "error[PEN302]: Unable to find `nme` used in the expression `{{ inputs.nme }}` at line 1\n"
            " --> expression:1:4\n"
            "  |\n"
            "1 | {{ inputs.nme }}\n"
            "  |    ^^^^^^^^^^\n"
        ),
    )
    [shown] = eval_("{{ render(inner) }}", "--context", "-", stdin='{"inner": "{{ 1 / 0 }}"}', code=1)[1:]
    assert "1 | {{ 1 / 0 }}\n" in shown


def test_a_context_that_is_no_map_or_not_there_is_wrong_usage(tmp_path: Path) -> None:
    assert "holds no map of variables" in eval_("x", "--context", "-", stdin="[1]", code=2)[1]
    assert "cannot read" in eval_("x", "--context", tmp_path / "absent.json", code=2)[1]
    assert "--task names a task" in eval_("x", "--task", "a", code=2)[1]


def test_what_needs_an_execution_says_so() -> None:
    assert "the function `secret` is not available here" in eval_("{{ secret('A') }}", code=1)[1]


# ── against a flow ──


def test_references_are_checked_against_a_flow(tmp_path: Path) -> None:
    path = flow_file(tmp_path, FLOW)
    assert eval_("{{ inputs.name }} {{ outputs.late.value }}", "--flow", path) == ("", "")
    told = eval_("{{ inputs.nme }}", "--flow", path, code=1)[1]
    assert told.startswith("error[PEN229]: the flow has no input `nme`\n --> expression:1:4\n")
    assert told.endswith("help: did you mean `inputs.name`?\n")
    later = eval_("{{ outputs.late.value }}", "--flow", path, "--task", "early", code=1)[1]
    assert "task `early` uses output of `late`, which runs after it" in later
    assert "there is no variable" in eval_("'{{ quite }}'", "--flow", path, code=1)[1]
    assert "the flow has no task `lat`" in eval_("x", "--flow", path, "--task", "lat", code=2)[1]


def test_with_a_context_it_is_rendered_when_the_references_hold(tmp_path: Path) -> None:
    path = flow_file(tmp_path, FLOW)
    context = '{"inputs": {"name": "ada"}}'
    assert eval_("{{ inputs.name }}", "--flow", path, "--context", "-", stdin=context) == ("ada\n", "")
    assert eval_("{{ inputs.nme }}", "--flow", path, "--context", "-", stdin=context, code=1)[0] == ""


# ── over an execution ──


def test_it_is_rendered_over_a_past_execution_and_its_secrets_stay_hidden(tmp_path: Path) -> None:
    path, data = flow_file(tmp_path, FLOW), tmp_path / "data"
    more = {"SECRET_TOKEN": base64.b64encode(TOKEN.encode()).decode()}
    ran = penstock("run", path, "-o", "name", data=data, env=more)
    assert ran.code == 0, ran.err
    execution = penstock("executions", "list", "-o", "name", data=data).out.strip()

    def over(template: str, *args: str, code: int = 0) -> str:
        done = penstock("eval", template, "--execution", execution[:12], *args, data=data, env=more)
        assert done.code == code, done.err
        assert TOKEN not in done.out + done.err
        return done.out + done.err

    assert over("{{ outputs.early.value }} {{ flow.id }} {{ execution.state }}") == "ADA flow SUCCESS\n"
    assert over("{{ outputs.late.value }} {{ secret('TOKEN') | base64encode }}") == "****** ******\n"
    assert over("{{ outputs.late.value }}", "--typed") == '"******"\n'
    assert over("{{ task.id }}", "--task", "early") == "early\n"
    assert over("{{ outputs.late.value | number }}", code=1).startswith("error[")
    assert over("{{ render('{{ x }}' ~ secret('TOKEN')) }}", code=1).startswith("error[")
    assert "has no run of `erly`" in over("x", "--task", "erly", code=2)
    assert "no execution `zzz`" in penstock("eval", "x", "--execution", "zzz", data=data).err


# ── price ──


@pytest.mark.parametrize("args", [("{{ 1 + 1 }}",), ("{{ inputs.name }}", "--flow")])
def test_it_imports_none_of_the_heavy_packages(args: tuple[str, ...], tmp_path: Path) -> None:
    call = [*args, flow_file(tmp_path, FLOW)] if args[-1] == "--flow" else list(args)
    told = subprocess.run(
        [PENSTOCK[0], "-X", "importtime", *PENSTOCK[1:], "eval", *map(str, call)],
        env=environment(tmp_path), capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    imported = {line.rpartition("|")[2].strip() for line in told.stderr.splitlines() if line.startswith("import time:")}
    assert "penstock.expression" in imported
    assert imported & HEAVY == set()
