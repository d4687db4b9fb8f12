"""`types`, `explain` and `schema`: what they print, and how they miss."""

from __future__ import annotations

import json
from dataclasses import replace

import click
import pytest
from click.testing import CliRunner, Result

from penstock.errors import PenstockError
from penstock.expression import Parameter, Spec
from penstock_cli import callables
from penstock_cli.commands import explain, schema, types
from penstock_cli.globals import Globals
from penstock_cli.options import with_common_options

CORE = "io.kestra.plugin.core."


def invoked(command: click.Command, *arguments: str) -> Result:
    settled = with_common_options(command)
    return CliRunner().invoke(settled, list(arguments), obj=Globals(color="never"), catch_exceptions=False)


def said(command: click.Command, *arguments: str) -> str:
    result = invoked(command, *arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(command: click.Command, *arguments: str) -> PenstockError:
    with pytest.raises(PenstockError) as told:
        invoked(command, *arguments)
    return told.value


def test_types_are_listed_and_filtered() -> None:
    assert said(types.command, "LOG.log", "-o", "table").splitlines() == [
        "TYPE                           GROUP  RUNS  TITLE",
        "io.kestra.plugin.core.log.Log  task   yes   Writes to the log",
    ]
    assert said(types.command, "WaitFor", "-o", "name") == f"{CORE}flow.LoopUntil\n"
    assert said(types.command, "--group", "runner", "--runnable", "-o", "name").splitlines() == [
        f"{CORE}runner.Process",
        "io.kestra.plugin.scripts.runner.docker.Docker",
    ]
    assert said(types.command, "nothing like that", "-o", "name") == ""


def test_types_as_data() -> None:
    (row,) = json.loads(said(types.command, "debug.Echo", "-o", "json"))["items"]
    assert row == {
        "type": f"{CORE}debug.Echo",
        "group": "task",
        "title": "Writes a text to the log",
        "kind": "inline",
        "runnable": True,
        "aliases": ["io.kestra.core.tasks.debugs.Echo"],
        "deprecated": "use io.kestra.plugin.core.log.Log",
        "since": None,
        "until": "2.0",
        "enterprise": False,
    }


def test_a_type_is_explained() -> None:
    assert said(explain.command, "log.Log") == (
        "io.kestra.plugin.core.log.Log  (task)\n"
        "  Writes one or several messages to the log of the execution.\n"
        "\n"
        "Older names: io.kestra.core.tasks.log.Log\n"
        "\n"
        "Properties:\n"
        "  message*  text or list of text\n"
        "            The message, or a list of them\n"
        "  level     TRACE | DEBUG | INFO | WARN | ERROR or expression, default INFO\n"
        "            How severe it is\n"
        "\n"
        "What every task may have: allowFailure, allowWarning, assets, description, disabled, id, logLevel,\n"
        "logToFile, policyRefs, retry, runIf, taskCache, timeout, version, when, workerGroup, workerSelector\n"
        "\n"
        "Example:\n"
        "  tasks:\n"
        "    - id: log\n"
        "      type: io.kestra.plugin.core.log.Log\n"
        "      message: Hello\n"
    )


def test_history_nested_names_and_places_are_told() -> None:
    weekend = said(explain.command, "condition.Weekend")
    assert "\nGone from Kestra 2.0 on.\n" in weekend
    assert weekend.endswith("Example:\n  conditions:\n    - type: io.kestra.plugin.core.condition.Weekend\n")
    assert "Holds: namespace*, flowId, labels, states" in said(explain.command, "trigger.Flow.preconditions")
    assert said(explain.command, "trigger.Flow.preconditions.flows.namespace").splitlines()[1].endswith(", required")
    assert "\n  taskRunner:\n    type: io.kestra.plugin.core.runner.Process\n" in said(
        explain.command, "runner.Process"
    )
    assert json.loads(said(explain.command, "condition.Weekend", "-o", "json"))["until"] == "2.0"


def test_a_type_that_cannot_run_and_one_without_properties() -> None:
    told = said(explain.command, "storage.Reverse")
    assert told.startswith(f"{CORE}storage.Reverse  (task, cannot run in this version)\n")
    assert "  from*" in told
    assert "It has no properties of its own." in said(explain.command, "runner.Process")
    assert "Deprecated: use io.kestra.plugin.core.flow.ForEach." in said(explain.command, "flow.EachSequential")


def test_a_property_is_explained() -> None:
    assert said(explain.command, "log.Log.message") == (
        "io.kestra.plugin.core.log.Log: message\n"
        "  text or list of text, required\n"
        "  The message, or a list of them\n"
    )  # fmt: skip
    nested = said(explain.command, "http.Request.options.auth")
    assert nested.startswith(
        "io.kestra.plugin.core.http.Request: options.auth\n  mapping\n  Who asks (since Kestra 0.22)\n"
    )
    assert "  type*      BASIC | BEARER\n" in nested
    assert json.loads(said(explain.command, "log.Log.level", "-o", "json"))["default"] == "INFO"
    assert json.loads(said(explain.command, "log.Log", "-o", "json"))["schema"]["title"] == "Writes to the log"


def test_a_code_is_explained() -> None:
    text = said(explain.command, "pen210")
    assert text.startswith(
        "PEN210  A type is not in the catalogue\n  error, mended by `penstock validate --fix --unsafe-fixes`\n\n"
    )
    assert "  wrong:\n    id: example\n" in text
    assert json.loads(said(explain.command, "PEN210", "-o", "json"))["code"] == "PEN210"


def test_codes_are_listed_by_how_they_begin() -> None:
    assert said(explain.command, "PEN29").splitlines()[3] == "PEN293  warning      A waiver has expired"
    assert {code[:4] for code in said(explain.command, "PEN").splitlines()} == {f"PEN{n}" for n in range(1, 9)}
    assert [one["code"] for one in json.loads(said(explain.command, "PEN70", "-o", "json"))][:2] == ["PEN701", "PEN702"]


@pytest.mark.parametrize(
    ("what", "message", "hint"),
    [
        ("log.Logg", "there is no type `log.Logg`", f"did you mean `{CORE}log.Log`?"),
        ("log.Log.levl", f"`{CORE}log.Log` has no property `levl`", "did you mean `level`?"),
        ("log.Log.level.x", f"`{CORE}log.Log.level` has no property `x`", "it has no properties that are known"),
        ("PEN999", "there is no finding with the code PEN999", None),
    ],
)
def test_slips_get_an_answer(what: str, message: str, hint: str | None) -> None:
    error = refused(explain.command, what)
    assert error.message == message
    assert hint is None or error.help == hint


def test_schemas_are_printed() -> None:
    assert json.loads(said(schema.command))["$id"].endswith("/flow.schema.json")
    for name in ("penstock.yaml", "diagnostics", "execution", "policy"):
        assert json.loads(said(schema.command, name))["$id"].endswith(f"/{name.removesuffix('.yaml')}.json")
    assert json.loads(said(schema.command, "log.Log"))["title"] == "Writes to the log"
    assert "title: Writes to the log\n" in said(schema.command, "log.Log", "-o", "yaml")
    assert json.loads(said(schema.command, "flow.Dag"))["title"] == "Tasks in the order of what they depend on"
    assert refused(schema.command, "flow.Dg").help == f"did you mean `{CORE}flow.Dag`?"


# ── functions, filters and tests of expressions ──


def test_a_callable_is_told_with_its_signature() -> None:
    assert said(explain.command, "filter:dateAdd").splitlines()[0] == (
        "value | dateAdd(amount, unit, format='iso', timeZone=null, existingFormat=null, locale=null)  (filter)"
    )
    assert said(explain.command, "function:max").splitlines()[0] == "max(…)  (function)"
    assert said(explain.command, "test:defined").splitlines()[0] == "value is defined  (test)"


def test_a_callable_as_data() -> None:
    told = json.loads(said(explain.command, "filter:substringBefore", "-o", "json"))
    assert told.keys() == {
        "schemaVersion", "kind", "name", "signature", "parameters", "says", "example", "result", "since", "instead",
    }  # fmt: skip
    assert (told["kind"], told["name"], told["instead"]) == ("filter", "substringBefore", None)
    assert told["parameters"] == [{"name": "separator", "required": True}]


def test_all_of_a_kind_are_listed() -> None:
    names = [line.split()[0] for line in said(explain.command, "test:").splitlines()]
    assert names == sorted(names)
    assert {"defined", "empty", "null", "iterable"} <= set(names)
    assert [one["name"] for one in json.loads(said(explain.command, "test:", "-o", "json"))["items"]] == names


def test_a_callable_that_is_not_there() -> None:
    assert refused(explain.command, "filter:dateAd").help == "did you mean `dateAdd`?"
    assert "(filter)" in said(explain.command, "function:upper"), "what only another kind has is shown from there"
    assert refused(explain.command, "filter:raw").message.startswith("Kestra takes `raw` out of Pebble")
    assert refused(explain.command, "function:quite").help == "`penstock explain function:` lists them"


def test_an_example_comes_with_what_it_says() -> None:
    spec = Spec(
        "shout", lambda *_: "", (Parameter("times", 1), Parameter("mark")), says="Says it louder.",
        example="{{ 'a' | upper }}", since="1.2", instead="upper",
    )  # fmt: skip
    assert callables.lines_of("filter", spec) == [
        "value | shout(times=1, mark)  (filter, deprecated)",
        "  Says it louder.",
        "",
        "  {{ 'a' | upper }}",
        "  → A",
        "",
        "Since Kestra 1.2.",
        "",
        "Deprecated: write `upper`.",
    ]
    assert callables.data_of("filter", spec)["result"] == "A"
    assert callables.data_of("filter", replace(spec, example="{{ now() }}"))["result"] is None
    assert callables.data_of("filter", replace(spec, example="{{ inputs.a }}"))["result"] is None
