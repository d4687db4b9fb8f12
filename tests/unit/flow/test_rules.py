"""Each rule on the least flow that breaks it: code, place, and words."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.diagnostic import Edit, Position, Range, Severity
from penstock.expression import ExpressionSyntaxError, parse
from penstock.flow.catalogue.catalog import load_catalog
from penstock.flow.codes import CODES
from penstock.flow.model import Dialect
from penstock.flow.parse import parse_flow
from penstock.flow.rules.schedules import cron_fault, mended_cron
from penstock.flow.rules.templates import Fault, fault_in

CATALOG = load_catalog()
CORE = "io.kestra.plugin.core"
HEAD = "id: f\nnamespace: n\n"
TASK = f"tasks:\n  - {{id: t, type: {CORE}.log.Log, message: x}}\n"
TRIGGER = f"triggers:\n  - id: s\n    type: {CORE}.trigger.Schedule\n"


def log(name: str) -> str:
    return f"{{id: {name}, type: {CORE}.log.Log, message: x}}"


def flowable(kind: str, body: str) -> str:
    return HEAD + f"tasks:\n  - id: b\n    type: {CORE}.flow.{kind}\n{body}"


RETRY = HEAD + f"tasks:\n  - id: t\n    type: {CORE}.log.Log\n    message: x\n    retry:\n"

CASES = [
    (HEAD + f"tasks:\n  - {log('a')}\n  - {log('a')}\n", "PEN212", 5, 10, "Duplicate task id with name [a]"),
    (flowable("Parallel", f"    tasks:\n      - {log('b')}\n"), "PEN212", 7, 14, "Duplicate task id with name [b]"),
    (HEAD + TASK + f"finally:\n  - {log('t')}\n", "PEN212", 6, 10, "Duplicate task id with name [t]"),
    (HEAD + "tasks: []\n", "PEN206|PEN216", 3, None, "must not be empty"),
    (HEAD, "PEN201", 1, 1, "`tasks` is missing"),
    (flowable("Sequential", "    tasks: []\n"), "PEN206|PEN216", 6, None, "must not be empty"),
    (
        flowable("Switch", "    value: x\n    cases: {}\n"),
        "PEN217",
        4,
        5,
        "No task defined, neither cases or default have any tasks",
    ),
    (
        flowable("Dag", f"    tasks:\n      - task: {log('a')}\n        dependsOn: [z]\n"),
        "PEN225",
        8,
        21,
        "Not existing task id in dependency: z",
    ),
    (
        flowable("Dag", f"    tasks:\n      - task: {log('x')}\n        dependsOn: [x]\n"),
        "PEN225",
        6,
        5,
        "Cyclic dependency detected: x",
    ),
    (
        flowable("WorkingDirectory", f"    tasks:\n      - id: p\n        type: {CORE}.flow.Pause\n"),
        "PEN218",
        8,
        15,
        "Only runnable tasks are allowed as children of a WorkingDirectory task",
    ),
    (flowable("Subflow", "    namespace: n\n    flowId: f\n"), "PEN219", 7, 13, "Recursive call to flow [n.f]"),
    (
        HEAD + TASK + "sla:\n  - {id: s, type: MAX_DURATION, behavior: FAIL}\n",
        "PEN240",
        6,
        5,
        "`MAX_DURATION` needs `duration`",
    ),
    (
        HEAD + TASK + "sla:\n  - {id: s, type: EXECUTION_ASSERTION, behavior: NONE}\n",
        "PEN240",
        6,
        5,
        "`EXECUTION_ASSERTION` needs `assert`",
    ),
    (
        HEAD + TASK + "sla:\n" + "  - {id: s, type: MAX_DURATION, duration: PT1H, behavior: FAIL}\n" * 2,
        "PEN240",
        7,
        10,
        "Duplicate SLA with id [s]",
    ),
    (HEAD + TASK + "sla:\n  - {id: s, type: MAX_DURATION, duration: 1h, behavior: FAIL}\n", "PEN208", 6, 43, None),
    (
        HEAD + f"tasks:\n  - {{id: t, type: {CORE}.execution.Labels, labels: {{system.username: me}}}}\n",
        "PEN215",
        4,
        68,
        "System labels can only be set by Kestra itself, offending label: system.username=me",
    ),
    (
        HEAD + TASK + "sla:\n  - {id: s, type: MAX_DURATION, duration: PT1H, behavior: NONE, labels: {system.x: a}}\n",
        "PEN215",
        6,
        74,
        "System labels can only be set by Kestra itself, offending label: system.x=a",
    ),
    (HEAD + TASK + "checks:\n  - {message: m}\n", "PEN241", 6, 5, "a check needs a condition"),
    (HEAD + TASK + "checks:\n  - {condition: '{{ true }}'}\n", "PEN241", 6, 5, "a check needs a `message`"),
    (
        HEAD + "inputs:\n  - {id: f, type: FORM, inputs: [{id: g, type: FORM, inputs: []}]}\n" + TASK,
        "PEN221",
        4,
        48,
        "A FORM input cannot contain another FORM input; grouping is limited to a single level.",
    ),
    (
        HEAD + "inputs:\n  - {id: f, type: FORM, defaults: x, inputs: [{id: g, type: INT}]}\n" + TASK,
        "PEN221",
        4,
        35,
        "A FORM input groups other inputs and cannot declare a default value or a prefill.",
    ),
    (HEAD + "inputs:\n  - {id: f, type: FORM}\n" + TASK, "PEN201", 4, 5, "`inputs` is missing"),
    (
        HEAD + "inputs:\n  - {id: f, type: FORM, inputs: [{id: g, type: INT, defaults: x}]}\n" + TASK,
        "PEN222",
        4,
        63,
        "Invalid default for input 'g': Expected `INT` but received `x`",
    ),
    (
        HEAD + "inputs:\n  - {id: f, type: FORM, inputs: [{id: g, type: INT}]}\n  - {id: f.g, type: INT}\n" + TASK,
        "PEN213",
        5,
        10,
        "Duplicate input with name [f.g]",
    ),
    (
        HEAD
        + "inputs:\n"
        + "  - {id: f, type: FORM, inputs: [{id: g, type: INT, dependsOn: {inputs: [h]}}, {id: h, type: INT}]}\n"
        + TASK,
        "PEN228",
        4,
        74,
        "Input with id 'f.g' depends on a non-existent input 'h'.",
    ),
    (
        HEAD + "inputs:\n  - {id: m, type: MULTISELECT, values: [a], itemType: ARRAY}\n" + TASK,
        "PEN221",
        4,
        55,
        "`itemType` cannot be `ARRAY`",
    ),
    ("id: kill\nnamespace: n\n" + TASK, "PEN223", 1, 5, "`kill` is reserved and cannot be the id of a flow"),
    (
        HEAD + "labels:\n  system.x: y\n" + TASK,
        "PEN215",
        4,
        3,
        "System labels can only be set by Kestra itself, offending label: system.x=y",
    ),
    (
        HEAD + "labels:\n  - {key: system.x, value: y}\n" + TASK,
        "PEN215",
        4,
        11,
        "System labels can only be set by Kestra itself, offending label: system.x=y",
    ),
    (HEAD + f"tasks:\n  - id: t\n    type: {CORE}.log.Logg\n", "PEN210", 5, 11, f"Invalid type: {CORE}.log.Logg"),
    (
        HEAD + f"tasks:\n  - id: t\n    type: {CORE}.trigger.Schedule\n",
        "PEN211",
        5,
        11,
        f"`{CORE}.trigger.Schedule` is a trigger, not a task",
    ),
    (HEAD + "tasks:\n  - just text\n", "PEN203", 4, 5, "expected a task, got a single value"),
    (HEAD + "tasks:\n  - id: t\n", "PEN201", 4, 5, "`type` is missing"),
    (HEAD + "inputs:\n  - {id: i, type: FOO}\n" + TASK, "PEN205", 4, 19, "Invalid type: FOO"),
    (
        HEAD + "inputs:\n  - {id: i, type: STRING}\n  - {id: i, type: INT}\n" + TASK,
        "PEN213",
        5,
        10,
        "Duplicate input with name [i]",
    ),
    (
        HEAD + "outputs:\n  - {id: o, type: STRING, value: x}\n  - {id: o, type: STRING, value: x}\n" + TASK,
        "PEN213",
        5,
        10,
        "Duplicate output with name [o]",
    ),
    (
        HEAD + "inputs:\n  - {id: a, type: STRING}\n  - {id: a.b, type: STRING}\n" + TASK,
        "PEN226",
        5,
        10,
        "Input path 'a' conflicts with 'a.b'; one cannot be nested under the other.",
    ),
    (
        HEAD + "inputs:\n  - {id: i, type: FILE, defaults: x}\n" + TASK,
        "PEN221",
        4,
        35,
        "i: no `defaults` can be set for inputs of type 'FILE'",
    ),
    (
        HEAD + "inputs:\n  - {id: i, type: INT, defaults: x}\n" + TASK,
        "PEN222",
        4,
        34,
        "Invalid default for input 'i': Expected `INT` but received `x`",
    ),
    (HEAD + "inputs:\n  - {id: i, type: STRING, validator: '('}\n" + TASK, "PEN227", 4, 38, None),
    (
        HEAD + "inputs:\n  - {id: i, type: STRING, dependsOn: {inputs: [j]}}\n" + TASK,
        "PEN228",
        4,
        48,
        "Input with id 'i' depends on a non-existent input 'j'.",
    ),
    (
        HEAD + "inputs:\n  - {id: i, type: STRING, dependsOn: {inputs: [i]}}\n" + TASK,
        "PEN228",
        4,
        48,
        "Cycle dependency detected for input with id 'i': [i]",
    ),
    (
        HEAD + "inputs:\n  - {id: i, type: INT, min: 5, max: 4}\n" + TASK,
        "PEN221",
        4,
        29,
        "`min` is greater than `max`, so no value fits",
    ),
    (
        RETRY + "      {type: constant, interval: PT2S, maxDuration: PT1S}\n",
        "PEN220",
        8,
        34,
        "'interval' must be less than 'maxDuration' but is PT2S",
    ),
    (
        RETRY + "      {type: random, minInterval: PT2S, maxInterval: PT1S}\n",
        "PEN220",
        8,
        35,
        "'minInterval' must be less than 'maxInterval' but is PT2S",
    ),
    (HEAD + TRIGGER + "    cron: '* * * *'\n" + TASK, "PEN401", 6, 12, None),
    (
        HEAD + TRIGGER + "    cron: '0 25 * * *'\n" + TASK,
        "PEN401",
        6,
        14,
        "invalid cron expression '0 25 * * *': `25` is no hour",
    ),
    (
        HEAD + TRIGGER + "    cron: '0 0 30 2 *'\n" + TASK,
        "PEN405",
        6,
        11,
        "`0 0 30 2 *` never fires: no month of `2` has a day `30`",
    ),
    (
        HEAD + TRIGGER + "    cron: 0 0 31 APR,JUN *\n" + TASK,
        "PEN405",
        6,
        11,
        "`0 0 31 APR,JUN *` never fires: no month of `APR,JUN` has a day `31`",
    ),
    (
        HEAD + "inputs:\n  - {id: d, type: DATETIME, after: tomorrow}\n" + TASK,
        "PEN221",
        4,
        36,
        "`after` is no value of type DATETIME: `tomorrow`",
    ),
    (
        HEAD + "inputs:\n  - {id: d, type: DATE, after: '2026-02-01', before: '2026-01-01'}\n" + TASK,
        "PEN221",
        4,
        32,
        "`after` is later than `before`, so no value fits",
    ),
    (
        HEAD + "inputs:\n  - {id: d, type: DURATION, min: PT2H, max: PT1H}\n" + TASK,
        "PEN221",
        4,
        34,
        "`min` is greater than `max`, so no value fits",
    ),
    (
        HEAD + "inputs:\n  - {id: d, type: TIME, before: noon}\n" + TASK,
        "PEN221",
        4,
        33,
        "`before` is no value of type TIME: `noon`",
    ),
    (
        HEAD + "inputs:\n  - {id: d, type: MULTISELECT, values: [a], itemType: NOPE}\n" + TASK,
        "PEN221",
        4,
        55,
        "`NOPE` is no type of items",
    ),
    (
        HEAD + "inputs:\n"
        "  - {id: a, type: FORM, inputs: [{id: x, type: INT}]}\n"
        "  - {id: a, type: FORM, inputs: [{id: y, type: INT}]}\n" + TASK,
        "PEN213",
        5,
        10,
        "Duplicate input with name [a]",
    ),
    (HEAD + "outputs:\n  - {id: a, type: FORM, value: x}\n" + TASK, "PEN205", 4, 19, "cannot be of type `FORM`"),
    (
        RETRY + "      {type: constant, interval: PT1S, minInterval: PT1S}\n",
        "PEN220",
        8,
        40,
        "a constant retry has no `minInterval`",
    ),
    (
        RETRY + "      {type: random, interval: PT1S, minInterval: PT1S, maxInterval: PT2S}\n",
        "PEN220",
        8,
        22,
        "a random retry has no `interval`",
    ),
    (
        RETRY + "      {type: exponential, interval: PT1S, maxInterval: PT2S, delayFactor: -1}\n",
        "PEN220",
        8,
        75,
        "'delayFactor' must not be less than 0 but is -1",
    ),
    (
        HEAD + "sla:\n  - {id: a, type: MAX_DURATION, duration: PT1H, assert: x, behavior: FAIL}\n" + TASK,
        "PEN240",
        4,
        49,
        "`MAX_DURATION` has no `assert`",
    ),
    (
        flowable("WorkingDirectory", f"    tasks:\n      - {log('a')[:-1]}, workerGroup: {{key: gpu}}}}\n"),
        "PEN218",
        7,
        None,
        "sub-tasks, it is only supported at the WorkingDirectory level",
    ),
    (HEAD + "disabled: 'true'\n" + TASK, "PEN203", 3, 11, "expected true or false, got the text `true`"),
    (HEAD + "concurrency: {limit: '2'}\n" + TASK, "PEN203", 3, 22, "expected a whole number, got the text `2`"),
    (HEAD + f"tasks:\n  - {log('t')[:-1]}, timeout: 10}}\n", "PEN208", 4, None, "`10` is not a duration"),
    (
        HEAD + TRIGGER + "    cron: '@often'\n" + TASK,
        "PEN401",
        6,
        12,
        "invalid cron expression '@often': unknown nickname",
    ),
    (
        HEAD + TRIGGER + "    cron: '0 9 * * *'\n    timezone: Europe/Pariss\n" + TASK,
        "PEN402",
        7,
        15,
        "timezone '(Europe/Pariss)' is not a valid time-zone ID",
    ),
    (HEAD + "pluginDefaults:\n  - type: x\n" + TASK, "PEN201|PEN224", 4, 5, None),
    (
        HEAD + "variables:\n  a: '{{ 1 + }}'\ntasks:\n  - {id: t, type: " + CORE + ".log.Log, message: '{{ 1 + }}'}\n",
        "PEN301",
        6,
        None,
        None,
    ),
    (
        HEAD + f"tasks:\n  - {{id: t, type: {CORE}.log.Log, message: '{{{{ {'(' * 60}1{')' * 60} }}}}'}}\n",
        "PEN303",
        4,
        None,
        "the expression is nested deeper than the depth bound of 50 levels",
    ),
]


@pytest.mark.parametrize(
    ("source", "code", "line", "column", "message"), CASES, ids=[f"{row[1]}-{n}" for n, row in enumerate(CASES)]
)
def test_each_rule_tells_code_place_and_words(
    source: str, code: str, line: int, column: int | None, message: str | None
) -> None:
    parsed = parse_flow(source, "f.yaml", catalog=CATALOG)
    errors = [found for found in parsed.diagnostics if found.is_error]
    assert len(errors) == 1, errors
    [found] = errors
    assert found.code in code.split("|")
    assert found.range.start.line == line
    assert column is None or found.range.start.column == column
    assert message is None or found.message.endswith(message)
    assert found.help
    assert found.code in CODES
    assert parsed.flow is None


def test_an_exit_after_the_end_is_told() -> None:
    source = HEAD + TASK + f"afterExecution:\n  - {{id: e, type: {CORE}.execution.Exit}}\n"
    [found] = parse_flow(source, "f.yaml", catalog=CATALOG).diagnostics
    assert (found.code, found.severity, found.range.start) == ("PEN255", Severity.WARNING, Position(6, 19))


@pytest.mark.parametrize(
    "cron",
    [
        "* * * * *",
        "*/15 * * * *",
        "0 9 * * 1#1",
        "0 9 1,15 * MON-FRI",
        "0 0 L * *",
        "@daily",
        "5 4 * JAN sun",
        "0 0 * * 7",
    ],
)
def test_crons_that_are_read(cron: str) -> None:
    assert cron_fault(cron) is None


def test_seconds_come_first_when_they_are_asked_for() -> None:
    assert cron_fault("*/5 0 9 * * *", with_seconds=True) is None
    assert cron_fault("61 0 9 * * *", with_seconds=True) == ("`61` is no second", 0, 2, None)
    fault = cron_fault("0 0 9 * * *")
    assert fault is not None
    assert fault[3] == "set `withSeconds: true` for six fields"


@pytest.mark.parametrize(
    "cron", ["", " ", "@", "a b c d e", "* * * * * * *", "0 0 31 2 * x", "H H * * *", "R * * * *", "0 0 * * 1#9"]
)
def test_crons_that_are_not(cron: str) -> None:
    assert cron_fault(cron) is not None


@pytest.mark.parametrize(
    ("cron", "with_seconds", "better"),
    [
        ("0 24 * * *", False, "0 0 * * *"),
        ("60 9 * * *", False, "0 9 * * *"),
        ("0 9 * * monday-Friday", False, "0 9 * * MON-FRI"),
        ("0 9 1 september *", False, "0 9 1 SEP *"),
        ("0 9, 17 * * *", False, "0 9,17 * * *"),
        ("0 9 * * MON - FRI", False, "0 9 * * MON-FRI"),
        ("0 0 12 * * ?", False, "0 12 * * ?"),
        ("0 0 12 ? * MON *", False, "0 12 ? * MON"),
        ("0 9 * * *", True, "0 0 9 * * *"),
        ("0 0 9 * * *", False, None),
        ("0 25 * * *", False, None),
        ("0 9 * *", False, None),
        ("0 9 * * someday", False, None),
        ("30 0 12 * * ?", False, None),
        ("", False, None),
        ("@often", False, None),
    ],
)
def test_what_a_cron_must_have_meant(cron: str, with_seconds: bool, better: str | None) -> None:
    assert mended_cron(cron, with_seconds=with_seconds) == better


def test_a_cron_is_mended_where_it_is_clear_what_was_meant() -> None:
    source = HEAD + TRIGGER + "    cron: 0 24 * * *  # at midnight\n" + TASK
    [found] = parse_flow(source, "f.yaml", catalog=CATALOG).diagnostics
    assert (found.code, found.help) == ("PEN401", "write `0 0 * * *`")
    assert found.fix == Edit(Range.at(6, 11, 10), '"0 0 * * *"', safe=False)


@pytest.mark.parametrize(
    "cron", ["0 0 29 2 *", "0 0 31 * *", "0 0 31 2,3 *", "0 0 30 2 MON", "0 0 L 2 *", "0 0 30 2 1#1", "0 0 28-31 2 *"]
)
def test_crons_that_come(cron: str) -> None:
    source = HEAD + TRIGGER + f"    cron: '{cron}'\n" + TASK
    assert parse_flow(source, "f.yaml", catalog=CATALOG).diagnostics == ()


def test_a_schedule_that_leaves_out_a_required_input_warns_and_is_refused_by_kestra_2() -> None:
    source = HEAD + "inputs:\n  - {id: i, type: STRING}\n" + TRIGGER + "    cron: '@daily'\n" + TASK
    [found] = parse_flow(source, "f", catalog=CATALOG).diagnostics
    assert (found.code, found.severity, found.range.start) == ("PEN403", Severity.WARNING, Position(6, 5))
    [refused] = parse_flow(source, "f", catalog=CATALOG, dialect=Dialect.V2).diagnostics
    assert refused.is_error


def test_a_runner_in_the_place_of_a_task_warns_only() -> None:
    source = HEAD + "tasks:\n  - id: t\n    type: io.kestra.plugin.core.runner.Process\n    commands: [x]\n"
    parsed = parse_flow(source, "f", catalog=CATALOG)
    assert [(found.code, found.severity) for found in parsed.diagnostics] == [("PEN211", Severity.WARNING)]
    assert parsed.flow is not None
    assert not parsed.flow.tasks[0].runnable


def test_the_docker_runner_in_the_place_of_a_task_is_a_task_in_a_container() -> None:
    source = HEAD + "tasks:\n  - id: t\n    type: io.kestra.plugin.scripts.runner.docker.Docker\n    commands: [x]\n"
    parsed = parse_flow(source, "f", catalog=CATALOG)
    assert parsed.diagnostics == ()
    assert parsed.flow is not None
    assert (parsed.flow.tasks[0].type, parsed.flow.tasks[0].runnable) == (
        "io.kestra.plugin.scripts.docker.Commands",
        True,
    )
    wrong = parse_flow(source.replace("commands:", "comands:"), "f", catalog=CATALOG)
    assert {found.code for found in wrong.diagnostics} == {"PEN201", "PEN202"}


_PIECES = st.sampled_from(
    [
        "{{ a }}", "{{ a.b['c'] }}", "{{", "}}", "{", "}", "{% if a %}", "{% endif %}", "{# x #}", " text ", "'", '"',
        "{{ 1 + }}", "{{ '}}' }}", '{{ "a" }}', "{{- a -}}", "\\", "\n", "{{ {'a': 1} }}", "{{ (a }}", "%}", "#}",
        "{{}}", "{{ '\\'' }}",
    ]
)  # fmt: skip


@given(st.lists(_PIECES, max_size=6).map("".join))
@settings(max_examples=400)
def test_judging_a_text_tag_by_tag_finds_what_judging_it_whole_finds(text: str) -> None:
    try:
        parse(text)
        expected = None
    except ExpressionSyntaxError as error:
        expected = Fault(error.code, error.message, error.offset, error.width, error.help)
    assert fault_in(text) == expected


@pytest.mark.parametrize(
    ("text", "code", "place", "message", "refused_by"),
    [
        (
            "inputs:\n  - {id: i, type: INT}\n" + TASK + TRIGGER + "    cron: '0 0 * * *'\n    inputs: {i: many}\n",
            "PEN243",
            Position(11, 17),
            "Invalid value for input 'i' supplied by Schedule Trigger 's': Expected `INT` but received `many`",
            {Dialect.V2},
        ),
        (
            "outputs:\n  - {id: o, type: ARRAY, itemType: INT, value: '[a]'}\n" + TASK,
            "PEN243",
            Position(4, 48),
            "Invalid value for output 'o': Expected `ARRAY` but received `[a]`: write a list, or a JSON array as text",
            {Dialect.V2},
        ),
        (
            "outputs:\n  - {id: o, type: DATE, value: soon}\n" + TASK,
            "PEN243",
            Position(4, 32),
            "Invalid value for output 'o': Expected `DATE` but received `soon`",
            {Dialect.V2},
        ),
    ],
)
def test_what_kestra_2_refuses_is_warned_of_before(
    text: str, code: str, place: Position, message: str, refused_by: set[Dialect]
) -> None:
    for dialect in Dialect:
        [found] = parse_flow(HEAD + text, "f.yaml", catalog=CATALOG, dialect=dialect).diagnostics
        assert (found.code, found.range.start, found.message) == (code, place, message)
        assert found.is_error == (dialect in refused_by)


@pytest.mark.parametrize(
    ("text", "code", "place", "message"),
    [
        (
            "labels: {Team: x}\n",
            "PEN242",
            Position(3, 10),
            '`Team` must match "^[\\p{Ll}][\\p{L}0-9._-]*$"',
        ),
        ("labels: [{key: a b, value: x}]\n", "PEN242", Position(3, 16), None),
        (
            "inputs:\n  - {id: i, type: INT, defaults: 1, required: false}\n",
            "PEN221",
            Position(4, 47),
            "Inputs with a default value must be required, since the default is always applied.",
        ),
        (
            "inputs:\n  - {id: i, type: INT, defaults: 1, prefill: 2}\n",
            "PEN221",
            Position(4, 46),
            "Inputs with a default value cannot also have a prefill.",
        ),
    ],
)
def test_what_only_kestra_2_refuses(text: str, code: str, place: Position, message: str | None) -> None:
    for dialect in Dialect:
        errors = [
            one for one in parse_flow(HEAD + text + TASK, "f.yaml", catalog=CATALOG, dialect=dialect).diagnostics
            if one.is_error
        ]  # fmt: skip
        assert [(one.code, one.range.start) for one in errors] == ([(code, place)] if dialect is Dialect.V2 else [])
        assert message is None or all(one.message == message for one in errors)


def test_a_cache_of_a_flowable_has_no_effect() -> None:
    body = f"    taskCache: {{enabled: true}}\n    tasks:\n      - {log('t')}\n"
    [found] = parse_flow(flowable("Sequential", body), "f.yaml", catalog=CATALOG).diagnostics
    assert (found.code, found.severity, found.range.start) == ("PEN703", Severity.WARNING, Position(6, 5))


def test_before_0_22_an_expression_in_a_default_is_told_to_stay_as_it_is() -> None:
    source = HEAD + "inputs:\n  - {id: i, type: STRING, defaults: '{{ flow.id }}'}\n" + TASK
    [found] = parse_flow(source, "f.yaml", catalog=CATALOG, dialect=Dialect.V0_21).diagnostics
    assert (found.code, found.severity, found.range.start) == ("PEN305", Severity.WARNING, Position(4, 38))
    assert found.message == "`defaults` is not rendered, so the expression stays as it is written"
    assert parse_flow(source, "f.yaml", catalog=CATALOG).diagnostics == ()


def told(source: str, dialect: Dialect = Dialect.AUTO) -> list[tuple[str, Severity, int, str]]:
    found = parse_flow(source, "f.yaml", catalog=CATALOG, dialect=dialect).diagnostics
    return [(one.code, one.severity, one.range.start.line, one.help or "") for one in found]


@pytest.mark.parametrize(
    ("fallback", "never"),
    [
        ("", "nothing waits for one"),
        (", fallback: WAIT", "nothing waits for one"),
        (", fallback: FAIL", "`fallback: FAIL` never fails anything"),
        (", fallback: CANCEL", "`fallback: CANCEL` never cancels anything"),
    ],
)
def test_groups_of_workers_are_told_of_wherever_they_stand(fallback: str, never: str) -> None:
    group = f"workerGroup: {{key: gpu{fallback}}}"
    task = f"tasks:\n  - {log('t')[:-1]}, {group}}}\n"
    source = HEAD + group + "\n" + task + TRIGGER + f"    cron: '@daily'\n    {group}\n"
    assert told(source) == [
        ("PEN703", Severity.WARNING, line, f"there are no groups of workers: this agent runs {work}, and {never}")
        for line, work in ((3, "every task"), (5, "the task"), (10, "the trigger"))
    ]


def test_a_fallback_of_workers_is_one_of_three() -> None:
    [(code, severity, line, _)] = [
        one for one in told(HEAD + "workerGroup: {key: gpu, fallback: IGNORE}\n" + TASK) if one[1] is Severity.ERROR
    ]
    assert (code, severity, line) == ("PEN205", Severity.ERROR, 3)


def test_quotes_that_are_too_many_are_taken_away() -> None:
    parsed = parse_flow(HEAD + "disabled: 'true'\n" + TASK, "f.yaml", catalog=CATALOG)
    assert [one.fix for one in parsed.diagnostics] == [Edit(Range(Position(3, 11), Position(3, 17)), "true")]


_BY_EXPRESSIONS = (
    ("n", "'{{ flow.id }}'"),
    ("'{{flow.namespace}}'", "f"),
    ("'{{ flow.namespace }}'", "'{{flow.id}}'"),
)


def test_a_flow_that_names_itself_by_expressions_is_told_of() -> None:
    call = f"tasks:\n  - {{id: t, type: {CORE}.flow.Subflow, namespace: %s, flowId: %s}}\n"
    for namespace, name in _BY_EXPRESSIONS:
        [(code, severity, line, _)] = told(HEAD + call % (namespace, name))
        assert (code, severity, line) == ("PEN219", Severity.WARNING, 4)
    assert told(HEAD + call % ("'{{ flow.id }}'", "f")) == []
    assert told(HEAD + call % ("n", "'{{ flow.id }}-next'")) == []


def test_an_older_name_of_what_is_deprecated_says_what_to_write_instead() -> None:
    older = HEAD + "tasks:\n  - {id: t, type: io.kestra.core.tasks.flows.Template, namespace: n, templateId: x}\n"
    [(code, _, _, mend)] = told(older)
    assert code == "PEN701"
    assert mend.endswith("use io.kestra.plugin.core.flow.Subflow")


def test_a_word_of_the_api_is_an_id_in_0_21() -> None:
    source = "id: search\nnamespace: n\n" + TASK
    assert [one[:2] for one in told(source, Dialect.V0_21)] == [("PEN223", Severity.WARNING)]
    assert [one[:2] for one in told(source)] == [("PEN223", Severity.ERROR)]


def test_items_that_newer_versions_refuse_are_told_of() -> None:
    source = HEAD + "inputs:\n  - {id: d, type: %s, itemType: %s}\n" + TASK
    for kind in ("ARRAY", "MULTISELECT, values: [a]"):
        assert [one[:3] for one in told(source % (kind, "SELECT"))] == [("PEN221", Severity.WARNING, 4)]
        assert [one[:3] for one in told(source % (kind, "SECRET"))] == [("PEN221", Severity.ERROR, 4)]
    output = HEAD + "outputs:\n  - {id: d, type: ARRAY, itemType: SECRET, value: '[]'}\n" + TASK
    assert [one[:3] for one in told(output)] == [("PEN221", Severity.ERROR, 4)]


def test_a_task_that_kestra_has_given_up_says_what_has_taken_its_place() -> None:
    source = HEAD + "tasks:\n  - {id: t, type: io.kestra.core.tasks.scripts.Bash, commands: [ls]}\n"
    [(code, severity, line, mend)] = told(source)
    assert (code, severity, line) == ("PEN210", Severity.ERROR, 4)
    assert mend == "Kestra has given it up: write `io.kestra.plugin.scripts.shell.Commands`"


@pytest.mark.parametrize(
    ("part", "code", "column"),
    [
        ("sla: [{id: s, type: EXECUTION_ASSERTION, assert: '{{ nope }}', behavior: FAIL}]", "PEN302", 54),
        ("checks: [{condition: '{{ nope }}', message: x}]", "PEN302", 26),
        ("checks: [{when: '{{ outputs.t.value }}', message: x}]", "PEN204", 21),
        ("inputs: [{id: a, type: SELECT, expression: '{{ nope }}'}]", "PEN302", 48),
        ("inputs: [{id: a, type: STRING, dependsOn: {condition: '{{ nope }}'}}]", "PEN302", 59),
    ],
)
def test_what_is_rendered_beside_the_tasks_names_what_is_there(part: str, code: str, column: int) -> None:
    source = HEAD + part + "\n" + TASK
    for dialect, severity in ((Dialect.AUTO, Severity.ERROR), (Dialect.V0_21, Severity.WARNING)):
        found = parse_flow(source, "f.yaml", catalog=CATALOG, dialect=dialect).diagnostics
        assert [(one.code, one.severity, one.range.start) for one in found] == [(code, severity, Position(3, column))]


def test_a_default_that_reads_outputs_is_warned_of() -> None:
    source = HEAD + "inputs: [{id: a, type: STRING, defaults: '{{ outputs.t.value }}'}]\n" + TASK
    assert [one[:3] for one in told(source)] == [("PEN204", Severity.WARNING, 3)]
    assert [one[:3] for one in told(source, Dialect.V0_21)] == [("PEN305", Severity.WARNING, 3)]


def test_the_message_of_a_check_is_not_rendered() -> None:
    source = HEAD + "checks: [{when: '{{ true }}', message: 'no {{ inputs.a }}'}]\n" + TASK
    [found] = parse_flow(source, "f.yaml", catalog=CATALOG).diagnostics
    assert (found.code, found.severity) == ("PEN305", Severity.WARNING)
    assert found.message.startswith("`message` is not rendered")


def test_a_property_of_a_plugin_default_is_told_once_and_who_cannot_take_it() -> None:
    whole = HEAD + f"pluginDefaults:\n  - {{type: {CORE}.log.Log, values: {{massage: x}}}}\n" + TASK
    assert [one[0] for one in told(whole)] == ["PEN202"]
    broad = HEAD + f"pluginDefaults:\n  - {{type: {CORE}, values: {{format: x}}}}\n" + TASK
    [(code, _, line, mend)] = told(broad)
    assert (code, line) == ("PEN202", 4)
    assert mend == "a plugin default gives it to `t`, whose type has no such property"


def test_a_file_that_is_to_be_included_is_told_of() -> None:
    source = HEAD + "variables:\n  query: '[[> sql/a.sql ]]'\n  test: '[[ 2 > 1 ]]'\n" + TASK
    [found] = parse_flow(source, "f.yaml", catalog=CATALOG).diagnostics
    assert (found.code, found.severity) == ("PEN305", Severity.WARNING)
    assert found.range == Range(Position(4, 11), Position(4, 27))
    assert found.message == "`[[> sql/a.sql ]]` stays as it is written: no file is included"
    assert found.help == "keep it as a namespace file, and write {{ read('sql/a.sql') }}"


def test_a_draft_runs_and_is_told_so() -> None:
    assert [one[:3] for one in told(HEAD + "draft: true\n" + TASK)] == [("PEN703", Severity.WARNING, 3)]
    assert told(HEAD + "draft: false\n" + TASK) == []
