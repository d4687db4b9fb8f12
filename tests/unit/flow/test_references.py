"""What expressions refer to, on the least flow: code, gravity, place, words; and what must not be told."""

from __future__ import annotations

import pytest

from penstock.diagnostic import Diagnostic, Severity
from penstock.expression import FILTERS, FUNCTIONS, Spec
from penstock.flow.catalogue.catalog import load_catalog
from penstock.flow.model import Dialect
from penstock.flow.parse import parse_flow

CATALOG = load_catalog()
CORE = "io.kestra.plugin.core"
HEAD = "id: f\nnamespace: n\n"
ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO


def log(name: str, message: str = "x") -> str:
    return f'{{id: {name}, type: {CORE}.log.Log, message: "{message}"}}'


def sequence(*tasks: str) -> str:
    return HEAD + "tasks:\n" + "".join(f"  - {one}\n" for one in tasks)


def task(expression: str) -> str:
    """A flow that declares a little, with one task that says `expression`; it stands in line 12."""
    return (
        HEAD + "labels: {team: data}\ninputs:\n  - {id: name, type: STRING}\n  - {id: my-name, type: STRING}\n"
        "  - {id: db.host, type: STRING}\nvariables: {first: 1}\ntasks:\n"
        f'  - {log("early")}\n  - id: reader\n    type: {CORE}.log.Log\n    message: "{expression}"\n'
    )


def told(source: str, dialect: Dialect = Dialect.AUTO) -> list[Diagnostic]:
    return list(parse_flow(source, "f.yaml", catalog=CATALOG, dialect=dialect).diagnostics)


def briefly(source: str, dialect: Dialect = Dialect.AUTO) -> list[tuple[str, Severity, str, str | None]]:
    return [(one.code, one.severity, one.message, one.help) for one in told(source, dialect)]


DECLARE = "declare it, or correct its name"

NAMES = [
    ("{{ inputs.nme }}", "PEN229", ERROR, "the flow has no input `nme`", "did you mean `inputs.name`?"),
    ("{{ inputs['my-nam'] }}", "PEN229", ERROR, "the flow has no input `my-nam`", "did you mean `inputs['my-name']`?"),
    ("{{ inputs.db.port }}", "PEN229", ERROR, "the flow has no input `db.port`", "did you mean `inputs.db.host`?"),
    ("{{ vars.frist }}", "PEN229", ERROR, "the flow has no variable `frist`", "did you mean `vars.first`?"),
    ("{{ tasks.erly.state }}", "PEN229", ERROR, "the flow has no task `erly`", "did you mean `tasks.early`?"),
    ("{{ outputs.erly.value }}", "PEN229", ERROR, "the flow has no task `erly`", "did you mean `outputs.early`?"),
    ("{{ outputs.quite_else }}", "PEN229", ERROR, "the flow has no task `quite_else`", DECLARE),
    ("{{ labels.taem }}", "PEN229", INFO, "the flow has no label `taem`", "did you mean `labels.team`?"),
    ("{% if x is defined %}{{ inputs.nme }}{% endif %}", "PEN229", WARNING, "the flow has no input `nme`",
     "did you mean `inputs.name`?"),
    ("{{ true ? 1 : outputs.quite_else }}", "PEN229", INFO, "the flow has no task `quite_else`", DECLARE),
    ("{{ input.name }}", "PEN302", ERROR, "there is no variable `input`", "did you mean `inputs`?"),
    ("{{ quite }}", "PEN302", ERROR, "there is no variable `quite`", "`penstock eval` shows what is there"),
    ("{{ true ? 1 : output.early }}", "PEN302", WARNING, "there is no variable `output`", "did you mean `outputs`?"),
    ("{{ inputs.my-name }}", "PEN304", ERROR, "`my-name` behind a dot is a subtraction: its dashes need brackets",
     "write `inputs['my-name']`"),
    ("{{ outputs.e-rly.value }}", "PEN304", ERROR, "`e-rly` behind a dot is a subtraction: its dashes need brackets",
     "write `outputs['e-rly']`"),
    ("{{ schedule.date }}", "PEN704", INFO, "the variable `schedule` is deprecated", "write `trigger`"),
    ("{{ read('a', version=1) }}", "PEN704", INFO, "the argument `version` is deprecated", "write `revision`"),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "code", "severity", "message", "hint"), NAMES)
def test_a_name_that_the_flow_has_not(expression: str, code: str, severity: Severity, message: str, hint: str) -> None:
    assert briefly(task(expression)) == [(code, severity, message, hint)]


@pytest.mark.parametrize(
    "expression",
    [
        "{{ inputs.name }}", "{{ inputs }}", "{{ inputs[x ?? 'a'] }}", "{{ inputs['my-name'] }}", "{{ inputs.db }}",
        "{{ inputs.db.host }}", "{{ inputs.name.length() }}", "{{ inputs.nme ?? 1 }}", "{{ quite is defined }}",
        "{{ inputs.nme | default('x') }}", "{{ true ? 'ok' : ko }}", "{{ vars.first-1 }}", "{{ vars.first - 1 }}",
        "{{ vars.first-outputs.early.x }}", "{{ labels.owner }}", "{{ labels.team }}", "{{ outputs[quite ?? 1] }}",
        "{% set a = 1 %}{{ a }}", "{% for one in [1] %}{{ one }}{{ loop.index }}{% endfor %}", "{{ envs.any }}",
        "{{ globals.any }}", "{{ trigger.any }}", "{{ outputs.early.value }}", "{{ tasks.early.state }}",
        "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1) }}", "{{ taskrun.value }}", "{{ parents[0].taskrun.value }}",
    ],
)  # fmt: skip
def test_what_is_there_or_may_be_is_no_fault(expression: str) -> None:
    assert briefly(task(expression)) == []


def test_under_0_21_a_wrong_name_warns_because_kestra_lets_it_in() -> None:
    assert [one.severity for one in told(task("{{ inputs.nme }}"), Dialect.V0_21)] == [WARNING]
    assert briefly(task("{{ item }}"), Dialect.V2) == []
    assert [one.code for one in told(task("{{ item }}"), Dialect.V1)] == ["PEN302"]


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        (kind, spec)
        for kind, specs in (("function", FUNCTIONS), ("filter", FILTERS))
        for spec in specs.values()
        if spec.instead is not None
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_what_is_deprecated_is_told_with_what_takes_its_place(kind: str, spec: Spec) -> None:
    [found] = told(sequence("{id: t, type: " + CORE + ".log.Log, message: '" + spec.example.replace("'", "''") + "'}"))
    assert (found.code, found.severity) == ("PEN704", INFO)
    assert found.message == f"the {kind} `{spec.name}` is deprecated"
    assert found.help == f"write `{spec.instead}`"


def test_what_kestra_2_took_out_is_an_error_there() -> None:
    assert [one.severity for one in told(task("{{ '1' | json }}"), Dialect.V2)] == [ERROR]
    assert [one.severity for one in told(task("{{ schedule.date }}"), Dialect.V2)] == [ERROR]


def test_triggers_and_filters_of_rows_see_variables_of_their_own() -> None:
    when = f"triggers:\n  - {{id: s, type: {CORE}.trigger.Flow, when: '{{{{ flowId == 1 }}}}'}}\n"
    assert briefly(sequence(log("t")) + when) == []
    rows = f"{{id: r, type: {CORE}.storage.FilterItems, from: x, filterCondition: '{{{{ input > 1 }}}}'}}"
    assert briefly(sequence(rows)) == []


def test_a_finding_points_at_the_path_in_a_block_scalar() -> None:
    block = "    message: |\n      one\n      {{ 1 }} {{ vars.a.b }}\n"
    source = HEAD + f"tasks:\n  - id: t\n    type: {CORE}.log.Log\n{block}"
    [found] = told(source)
    assert (found.range.start.line, found.range.start.column, found.range.end.column) == (8, 18, 24)
    assert parse_flow(source, "f.yaml", catalog=CATALOG).document.line(8)[17:23] == "vars.a"


def test_a_wrong_reference_can_be_ignored_and_the_flow_runs_until_there() -> None:
    ignored = "    message: '{{ inputs.a }}' # penstock: ignore[PEN229]\n"
    source = HEAD + f"tasks:\n  - id: t\n    type: {CORE}.log.Log\n{ignored}"
    parsed = parse_flow(source, "f.yaml", catalog=CATALOG)
    assert parsed.diagnostics == ()
    assert parsed.flow is not None


def test_what_is_disabled_or_of_an_unknown_type_only_warns() -> None:
    disabled = sequence(log("a"), f"{{id: b, type: {CORE}.log.Log, message: '{{{{ inputs.a }}}}', disabled: true}}")
    assert [one.severity for one in told(disabled)] == [WARNING]
    unknown = (
        HEAD + "tasks:\n  - {id: a, type: com.example.Other, what: '{{ inputs.a }} {{ quite }} {{ outputs.inner }}'}\n"
    )
    found = [one for one in told(unknown) if one.code != "PEN210"]
    assert [(one.code, one.severity) for one in found] == [("PEN229", WARNING), ("PEN229", WARNING)]


def test_variables_that_a_task_sets_and_inputs_that_a_pause_asks_for_are_there() -> None:
    sets = f"{{id: s, type: {CORE}.execution.SetVariables, variables: {{late: 1}}}}"
    assert briefly(sequence(sets, log("t", "{{ vars.late }}"))) == []
    asks = (
        f"tasks:\n  - id: p\n    type: {CORE}.flow.Pause\n    onResume:\n      - {{id: kind, type: STRING}}\n"
        "      - {id: more, type: STRING, dependsOn: {inputs: [kind], condition: \"{{ inputs.kind == 'a' }}\"}}\n"
    )
    assert briefly(HEAD + asks) == []


def test_outputs_of_a_subflow_are_rendered_where_it_has_ended() -> None:
    calls = (
        f"{{id: c, type: {CORE}.flow.Subflow, namespace: n, flowId: g, outputs: {{a: '{{{{ outputs.other.x }}}}'}}}}"
    )
    assert briefly(sequence(calls)) == []
    assert [one.code for one in told(sequence(calls.replace("outputs: {", "inputs: {")))] == ["PEN229"]


def test_plugin_defaults_are_judged_in_the_tasks_that_take_them() -> None:
    defaults = f"pluginDefaults:\n  - type: {CORE}.log.Log\n    values: {{message: '{{{{ outputs.b.value }}}}'}}\n"
    first = f"{{id: a, type: {CORE}.log.Log}}"
    found = told(sequence(first, log("b")) + defaults)
    assert [(one.code, one.message, one.range.start.line) for one in found] == [
        ("PEN204", "task `a` uses output of `b`, which runs after it", 8)
    ]
    assert briefly(sequence(f"{{id: b, type: {CORE}.debug.Return, format: x}}") + defaults) == []


def test_outputs_of_a_trigger_are_those_of_another_execution() -> None:
    trigger = f"triggers:\n  - {{id: s, type: {CORE}.trigger.Flow, inputs: {{a: '{{{{ outputs.other.value }}}}'}}}}\n"
    assert briefly(HEAD + f"tasks:\n  - {log('t')}\n" + trigger) == []


# ── keys, conditions, properties that nothing renders ──


def test_keys_and_conditions_of_inputs_are_parsed() -> None:
    keyed = (
        HEAD + f"tasks:\n  - id: t\n    type: {CORE}.output.OutputValues\n    values:\n      '{{{{ 1 | uper }}}}': 1\n"
    )
    [found] = told(keyed)
    assert (found.code, found.range.start.line, found.range.start.column) == ("PEN301", 7, 15)
    depends = (
        HEAD + "inputs:\n  - {id: a, type: STRING}\n  - id: b\n    type: STRING\n    dependsOn:\n      inputs: [a]\n"
        f'      condition: "{{{{ inputs.a | uper }}}}"\ntasks:\n  - {log("t")}\n'
    )
    [found] = told(depends)
    assert (found.code, found.range.start.line, found.range.start.column) == ("PEN301", 9, 33)


def test_an_expression_that_nothing_renders_is_told() -> None:
    source = HEAD + f"tasks:\n  - {{id: t, type: {CORE}.log.Log, message: x, version: '1.{{{{ vars.a }}}}'}}\n"
    [found] = told(source)
    assert (found.code, found.severity, found.range.start.column) == ("PEN305", WARNING, 74)
    assert found.message == "`version` is not rendered, so the expression stays as it is written"
    described = HEAD + f"tasks:\n  - {{id: t, type: {CORE}.log.Log, message: x, description: 'see {{{{ x }}}}'}}\n"
    assert briefly(described) == []


def test_where_the_schema_refuses_an_expression_the_help_says_why() -> None:
    [found] = told(
        HEAD + f"tasks:\n  - {{id: t, type: {CORE}.log.Log, message: x, disabled: '{{{{ inputs.off }}}}'}}\n"
    )
    assert (found.code, found.help) == ("PEN203", "no expression is rendered here: write the value itself")


# ── order ──


def flowable(name: str, kind: str, **branches: list[str] | str) -> str:
    parts = [f"id: {name}", f"type: {CORE}.flow.{kind}"]
    for key, value in branches.items():
        parts.append(f"{key}: {value}" if isinstance(value, str) else f"{key}: [{', '.join(value)}]")
    return "{" + ", ".join(parts) + "}"


USES = "{{ outputs.source.value }}"
SOURCE, READER = log("source"), log("reader", USES)


def test_a_task_that_runs_later_is_told_with_its_place_and_the_mend() -> None:
    source = sequence(log("fetch"), log("load", "{{ outputs.extract.vars.rows }}"), log("extract"), log("last"))
    [found] = told(source)
    assert (found.code, found.severity) == ("PEN204", ERROR)
    assert found.message == "task `load` uses output of `extract`, which runs after it"
    assert found.label == "`extract` is task 3 of 4"
    assert found.help == "move `extract` before `load`"
    column = source.splitlines()[4].index("outputs") + 1
    assert (found.range.start.line, found.range.start.column) == (5, column)
    assert found.range.end.column == column + len("outputs.extract")


def test_a_task_that_may_have_been_meant_is_named_beside_the_mend() -> None:
    [found] = told(sequence(log("extract_1"), log("load", "{{ outputs.extract_2.x }}"), log("extract_2")))
    assert found.help == "move `extract_2` before `load`, or did you mean `outputs.extract_1`?"


ORDERS = [
    (sequence(READER, flowable("s", "Sequential", tasks=[SOURCE])), ERROR, "which runs after it"),
    (sequence(flowable("s", "Sequential", tasks=[READER]), SOURCE), ERROR, "which runs after it"),
    (sequence(flowable("i", "If", condition="true", then=[READER], **{"else": [SOURCE]})), ERROR,
     "which runs in another branch"),
    (sequence(flowable("i", "If", condition=f'"{USES}"', then=[SOURCE])), ERROR, "which runs within it"),
    (sequence(flowable("w", "Switch", value="a", cases=f"{{a: [{READER}], b: [{SOURCE}]}}")), ERROR,
     "which runs in another branch"),
    (sequence(flowable("p", "Parallel", tasks=[SOURCE, READER])), WARNING, "which runs beside it"),
    (sequence(flowable("p", "Parallel", tasks=[READER, SOURCE], concurrent="1")), ERROR, "which runs after it"),
    (sequence(READER) + f"errors:\n  - {SOURCE}\n", ERROR, "which runs after it"),
    (sequence(log("a")) + f"errors:\n  - {READER}\nfinally:\n  - {SOURCE}\n", ERROR, "which runs after it"),
    (sequence(flowable("d", "Dag", tasks=[f"{{task: {READER}}}", f"{{task: {SOURCE}, dependsOn: [reader]}}"])), ERROR,
     "which runs after it"),
    (sequence(flowable("d", "Dag", tasks=[f"{{task: {READER}}}", f"{{task: {SOURCE}}}"])), WARNING,
     "which runs beside it"),
    (sequence(f"{{id: source, type: {CORE}.log.Log, message: x, disabled: true}}", READER), WARNING,
     "which is disabled"),
    (sequence(log("reader", "{{ true ? 1 : outputs.source.value }}"), SOURCE), WARNING, "which runs after it"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "severity", "how"), ORDERS, ids=range(len(ORDERS)))
def test_outputs_that_are_not_there_yet(source: str, severity: Severity, how: str) -> None:
    [found] = [one for one in told(source) if one.code != "PEN703"]
    assert (found.code, found.severity) == ("PEN204", severity)
    assert found.message.endswith(f" uses output of `source`, {how}")


def test_a_task_has_no_outputs_before_it_has_ended() -> None:
    assert [one.message for one in told(sequence(log("a", "{{ outputs.a.value }}")))] == [
        "task `a` uses its own output"
    ]


@pytest.mark.parametrize(
    "source",
    [
        sequence(SOURCE, READER),
        sequence(flowable("s", "Sequential", tasks=[SOURCE]), READER),
        sequence(READER.replace("source.value", "source.value ?? 1"), SOURCE),
        sequence(flowable("e", "ForEach", values="[1]", tasks=[READER, SOURCE])),
        sequence(flowable("e", "ForEach", values="[1]", tasks=[log("source", USES)])),
        sequence(flowable("l", "LoopUntil", condition=f'"{USES}"', tasks=[READER, SOURCE])),
        sequence(flowable("source", "If", condition="true", then=[READER])),
        sequence(flowable("p", "Parallel", tasks=[SOURCE, READER], concurrent="1")),
        sequence(SOURCE) + f"errors:\n  - {READER}\n",
        sequence(flowable("i", "If", condition="true", then=[SOURCE]), READER),
        sequence(
            flowable("d", "Dag", tasks=[
                f"{{task: {READER}, dependsOn: [b]}}", f"{{task: {log('b')}, dependsOn: [source]}}",
                f"{{task: {SOURCE}}}",
            ])
        ),
        sequence(flowable("w", "WorkingDirectory", tasks=[SOURCE, READER])),
        sequence("{id: w, type: com.example.Other, tasks: [" + READER + ", " + SOURCE + "]}"),
        sequence(SOURCE) + "outputs:\n  - {id: o, type: STRING, value: '{{ outputs.source.value }}'}\n",
    ],
    ids=range(14),
)  # fmt: skip
def test_outputs_that_are_there_or_may_be(source: str) -> None:
    assert [one for one in told(source) if one.code not in ("PEN210", "PEN703")] == []
