"""The guide to what holds between flows (PEN5xx)."""

from __future__ import annotations

from penstock.validation.guide.entry import Guide

_CORE = "io.kestra.plugin.core."
_LOG = f"tasks:\n  - id: hello\n    type: {_CORE}log.Log\n    message: "
_INPUTS = "inputs:\n  - id: day\n    type: STRING\n  - id: limit\n    type: INT\n    defaults: 100\n"
_OUTPUTS = "outputs:\n  - id: rows\n    type: INT\n    value: 12\n"


def _named(name: str, body: str) -> str:
    return f"id: {name}\nnamespace: company.team\n{body}"


def _says(name: str, message: str = "Hello", before: str = "") -> str:
    return _named(name, f"{before}{_LOG}{message}\n")


def _calls(name: str, called: str, more: str = "", then: str = "") -> str:
    task = f"tasks:\n  - id: call\n    type: {_CORE}flow.Subflow\n    namespace: company.team\n    flowId: {called}\n"
    return _named(name, task + more + then)


def _waits(name: str, awaited: str, message: str = "Hello") -> str:
    trigger = (
        f"triggers:\n  - id: after\n    type: {_CORE}trigger.Flow\n    preconditions:\n      id: done\n"
        f"      flows:\n        - namespace: company.team\n          flowId: {awaited}\n"
    )
    return _says(name, message, trigger)


def _of(**flows: str) -> dict[str, str]:
    return {f"flows/{name}.yaml": text for name, text in flows.items()}


_LOAD = _says("load", before=_INPUTS)
_COUNT = _says("count", before=_OUTPUTS)
_READS = f'  - id: tell\n    type: {_CORE}log.Log\n    message: "{{{{ outputs.call.outputs.NAME }}}}"\n'

GUIDES: tuple[Guide, ...] = (
    Guide(
        "PEN501",
        "A flow is known by its namespace and id. Of two files that claim the same one, whichever is deployed last "
        "wins, and the other is never heard of again.",
        _of(load=_says("load"), load_again=_says("load", "Good day")),
        _of(load=_says("load"), greet=_says("greet", "Good day")),
    ),
    Guide(
        "PEN502",
        "The call fails when it is made, however long the flow has run by then.\n\n"
        "It is an error where the repository has flows of that very namespace. A flow of another namespace may come "
        "from another repository, so there it warns, as it does where single files outside of any repository are "
        "judged. A name with an expression in it is known to the run alone, and nothing is said.",
        _of(nightly=_calls("nightly", "lode"), load=_says("load")),
        _of(nightly=_calls("nightly", "load"), load=_says("load")),
    ),
    Guide(
        "PEN503",
        "Kestra leaves such a value out without a word: the called flow runs with its default, or without.",
        _of(nightly=_calls("nightly", "load", "    inputs:\n      day: monday\n      limmit: 5\n"), load=_LOAD),
        _of(nightly=_calls("nightly", "load", "    inputs:\n      day: monday\n      limit: 5\n"), load=_LOAD),
    ),
    Guide(
        "PEN504",
        "An execution that lacks a required input is refused, and with it the task that asks for it. What has a "
        "default, is not required, or depends on another input (`dependsOn`) may be left out; null is as good as "
        "absent.",
        _of(nightly=_calls("nightly", "load"), load=_LOAD),
        _of(nightly=_calls("nightly", "load", "    inputs:\n      day: monday\n"), load=_LOAD),
    ),
    Guide(
        "PEN505",
        "`outputs.<task>.outputs.<name>` reads what the called flow declares under `outputs:`. A name that it does not "
        "declare fails the task that reads it; behind `??` or `default` nothing is said.",
        _of(nightly=_calls("nightly", "count", then=_READS.replace("NAME", "rowz")), count=_COUNT),
        _of(nightly=_calls("nightly", "count", then=_READS.replace("NAME", "rows")), count=_COUNT),
    ),
    Guide(
        "PEN506",
        "Revisions count from 1, so any other is an error. Which ones there are is known to whoever deploys the flows, "
        "and not to the files: for a revision of a flow of this repository that is noted, for the file says what the "
        "next one will be and not what that one was.",
        _of(nightly=_calls("nightly", "load", "    revision: 0\n"), load=_says("load")),
        _of(nightly=_calls("nightly", "load"), load=_says("load")),
    ),
    Guide(
        "PEN507",
        "Each execution starts another, without an end. It is an error where every call on the way around is made "
        "whatever happens, and a warning where one of them stands under a condition, in a loop, in an error handler, "
        "or behind a task that may end the execution. A flow that calls itself is PEN219.",
        _of(ping=_calls("ping", "pong"), pong=_calls("pong", "ping")),
        _of(ping=_calls("ping", "pong"), pong=_says("pong")),
    ),
    Guide(
        "PEN508",
        "Nothing fails, and nobody is told: the trigger waits for what never happens, and the flow never starts.",
        _of(report=_waits("report", "lode"), load=_says("load")),
        _of(report=_waits("report", "load"), load=_says("load")),
    ),
    Guide(
        "PEN509",
        "`trigger.outputs.<name>` is an output of the flow whose end has started this one; in Kestra 2 the id of that "
        "flow may stand between. Nothing is said where the trigger waits for flows that it does not name, or where "
        "other triggers may give outputs of their own.",
        _of(report=_waits("report", "count", '"{{ trigger.outputs.rowz }}"'), count=_COUNT),
        _of(report=_waits("report", "count", '"{{ trigger.outputs.rows }}"'), count=_COUNT),
    ),
    Guide(
        "PEN510",
        "Someone may have uploaded the file; from this repository nobody can. Looked for are names that stand in the "
        "text: in `read('…')`, behind `nsfile:///` and under `namespaceFiles.include`.",
        _of(report=_says("report", "\"{{ read('sql/report.sql') }}\"")),
        {
            "flows/report.yaml": _says("report", "\"{{ read('sql/report.sql') }}\""),
            "company.team/files/sql/report.sql": "select 1\n",
        },
    ),
    Guide(
        "PEN511",
        "Someone may have set the key by hand; no flow of this repository does, in that namespace or in one above it. "
        "Where a flow sets keys whose names only the run knows, nothing is said.",
        _of(report=_says("report", "\"{{ kv('region') }}\"")),
        _of(
            report=_says("report", "\"{{ kv('region') }}\""),
            settle=_named("settle", f"tasks:\n  - id: put\n    type: {_CORE}kv.Set\n    key: region\n    value: eu\n"),
        ),
    ),
    Guide(
        "PEN512",
        "The end of each flow starts the other. States and conditions may break the circle, so it warns. A flow is "
        "never started by its own end.",
        _of(ping=_waits("ping", "pong"), pong=_waits("pong", "ping")),
        _of(ping=_says("ping"), pong=_waits("pong", "ping")),
    ),
)
