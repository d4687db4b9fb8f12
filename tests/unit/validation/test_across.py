"""What holds between flows: a repository of small flows, the findings of one rule, whole."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.diagnostic import START, Diagnostic, FlowName
from penstock.flow.catalogue.catalog import load_catalog
from penstock.flow.layout.tree import FlowFile
from penstock.validation.across import Repository, Told, circles
from penstock.validation.check import check
from penstock.validation.facts import Call, Facts
from penstock.validation.options import Options
from penstock.validation.sources import Sources

CORE = "io.kestra.plugin.core."
LOG = f"  - {{id: say, type: {CORE}log.Log, message: x}}\n"


def flow(name: str, *parts: str, tasks: str = LOG, namespace: str = "n") -> str:
    return f"id: {name}\nnamespace: {namespace}\n" + "".join(parts) + f"tasks:\n{tasks}"


def call(flow_id: str, more: str = "", task: str = "go", namespace: str = "n") -> str:
    return f"  - id: {task}\n    type: {CORE}flow.Subflow\n    namespace: {namespace}\n    flowId: {flow_id}\n{more}"


def waits(trigger: str) -> str:
    return f"triggers:\n  - id: after\n    type: {CORE}trigger.Flow\n{trigger}"


def after(flow_id: str, namespace: str = "n") -> str:
    kind = f"{CORE}condition.ExecutionFlow"
    return waits(f"    conditions:\n      - {{type: {kind}, namespace: {namespace}, flowId: {flow_id}}}\n")


INPUTS = "inputs:\n  - {id: day, type: STRING}\n  - {id: limit, type: INT, defaults: 5}\n"
OUTPUTS = "outputs:\n  - {id: rows, type: INT, value: 1}\n"


def judged(
    *flows: str, only: int | None = None, is_whole: bool = True, files: tuple[str, ...] | None = None
) -> list[Diagnostic]:
    """What is found, but for what this version cannot run."""
    texts = [FlowFile(f"{n}.yaml", Path(f"{n}.yaml"), text.encode()) for n, text in enumerate(flows)]
    given = texts if only is None else [texts[only]]
    around = [] if only is None else [one for one in texts if one is not texts[only]]
    sources = Sources(tuple(given), tuple(around), is_whole=is_whole, namespace_files=files)
    found = check(sources, load_catalog(), Options(), processes=1).diagnostics
    return [one for one in found if not one.code.startswith("PEN7")]


def told(*flows: str, is_whole: bool = True, files: tuple[str, ...] | None = None) -> list[str]:
    """Every finding between flows, as `file:line:column severity[code] message`."""
    return [shown(one) for one in judged(*flows, is_whole=is_whole, files=files) if one.code.startswith("PEN5")]


def shown(one: Diagnostic) -> str:
    start = one.range.start
    return f"{one.file}:{start.line}:{start.column} {one.severity}[{one.code}] {one.message}"


def test_a_call_of_a_flow_that_is_there_is_fine() -> None:
    assert told(flow("a", tasks=call("b", "    inputs: {day: x}\n")), flow("b", INPUTS)) == []


def test_a_call_of_a_flow_that_is_not_there_is_an_error_in_a_namespace_of_ours() -> None:
    found = judged(flow("a", tasks=call("lode")), flow("load"))
    assert [shown(one) for one in found] == ["0.yaml:7:13 error[PEN502] there is no flow `n/lode` here"]
    assert found[0].help == "did you mean `load`?"
    assert told(flow("a", tasks=call("b", namespace="other"))) == [
        "0.yaml:7:13 warning[PEN502] there is no flow `other/b` here"
    ]
    assert told(flow("a", tasks=call("b")), is_whole=False) == [
        "0.yaml:7:13 warning[PEN502] there is no flow `n/b` here"
    ]


def test_a_flow_that_lies_in_another_namespace_is_told_at_the_namespace() -> None:
    found = judged(flow("a", tasks=call("b")), flow("b", namespace="n.sub"))
    assert [(one.code, one.range.start.line, one.help) for one in found] == [
        ("PEN502", 6, "did you mean the namespace `n.sub`?")
    ]


@pytest.mark.parametrize("name", ["'{{ inputs.which }}'", "'{{ vars.x }}-load'"])
def test_a_name_that_only_the_run_knows_is_nobodys_fault(name: str) -> None:
    assert told(flow("a", "inputs: [{id: which, type: STRING}]\nvariables: {x: y}\n", tasks=call(name))) == []


def test_the_namespace_of_the_flow_itself_is_known() -> None:
    assert told(flow("a", tasks=call("b", namespace="'{{ flow.namespace }}'"))) == [
        "0.yaml:7:13 error[PEN502] there is no flow `n/b` here"
    ]


def test_disabled_calls_do_not_count() -> None:
    assert told(flow("a", tasks=call("b", "    disabled: true\n"))) == []


def test_inputs_that_the_called_flow_does_not_declare() -> None:
    found = judged(flow("a", tasks=call("b", "    inputs: {day: x, limt: 3}\n")), flow("b", INPUTS))
    assert [shown(one) for one in found] == ["0.yaml:8:22 warning[PEN503] flow `n/b` has no input `limt`"]
    assert found[0].help == "did you mean `limit`?"


def test_inputs_that_are_required_and_not_given() -> None:
    assert told(flow("a", tasks=call("b")), flow("b", INPUTS)) == [
        "0.yaml:4:5 error[PEN504] flow `n/b` requires the input `day`"
    ]
    assert told(flow("a", tasks=call("b", "    inputs: {day: null}\n")), flow("b", INPUTS)) == [
        "0.yaml:8:5 error[PEN504] flow `n/b` requires the input `day`"
    ]


@pytest.mark.parametrize(
    "declared",
    [
        "{id: x, type: STRING, required: false}",
        "{id: x, type: STRING, defaults: y}",
        "{id: x, type: STRING, dependsOn: {inputs: [day]}}",
    ],
)
def test_inputs_that_may_be_left_out(declared: str) -> None:
    inputs = f"inputs:\n  - {{id: day, type: STRING}}\n  - {declared}\n"
    assert told(flow("a", tasks=call("b", "    inputs: {day: x}\n")), flow("b", inputs)) == []


def test_dotted_inputs_may_be_given_as_mappings() -> None:
    inputs = "inputs:\n  - {id: db.host, type: STRING}\n  - {id: db.port, type: INT}\n"
    assert told(flow("a", tasks=call("b", "    inputs: {db: {host: x, port: 1}}\n")), flow("b", inputs)) == []
    assert told(flow("a", tasks=call("b", "    inputs: {db.host: x, db.port: 1}\n")), flow("b", inputs)) == []
    assert told(flow("a", tasks=call("b", "    inputs: {db: {host: x, prt: 1}}\n")), flow("b", inputs)) == [
        "0.yaml:8:5 error[PEN504] flow `n/b` requires the input `db.port`",
        "0.yaml:8:28 warning[PEN503] flow `n/b` has no input `db.prt`",
    ]


def test_inputs_as_one_expression_are_not_judged() -> None:
    assert told(flow("a", tasks=call("b", "    inputs: '{{ trigger.body }}'\n")), flow("b", INPUTS)) == []


def test_for_each_item_gives_inputs_too() -> None:
    task = (
        f"  - id: each\n    type: {CORE}flow.ForEachItem\n    items: '{{{{ trigger.uri }}}}'\n"
        "    namespace: n\n    flowId: b\n    inputs: {dai: '{{ taskrun.items }}'}\n"
    )
    assert told(flow("a", tasks=task), flow("b", INPUTS)) == [
        "0.yaml:9:5 error[PEN504] flow `n/b` requires the input `day`",
        "0.yaml:9:14 warning[PEN503] flow `n/b` has no input `dai`",
    ]


def reading(name: str) -> str:
    return call("b") + f'  - {{id: say, type: {CORE}log.Log, message: "{{{{ outputs.go.outputs.{name} }}}}"}}\n'


def test_outputs_that_the_called_flow_does_not_declare() -> None:
    assert told(flow("a", tasks=reading("rows")), flow("b", OUTPUTS)) == []
    found = judged(flow("a", tasks=reading("rws")), flow("b", OUTPUTS))
    assert [(one.code, str(one.severity), one.message, one.help) for one in found] == [
        ("PEN505", "error", "flow `n/b` has no output `rws`", "did you mean `rows`?")
    ]
    text = flow("a", tasks=reading("rws")).splitlines()[found[0].range.start.line - 1]
    assert text[found[0].range.start.column - 1 : found[0].range.end.column - 1] == "outputs.go.outputs.rws"
    assert told(flow("a", tasks=reading("rws ?? 0")), flow("b", OUTPUTS)) == []


def test_outputs_of_a_call_that_does_not_wait_or_makes_its_own_are_not_judged() -> None:
    own = reading("x").replace("flowId: b\n", "flowId: b\n    outputs: {x: '{{ outputs.t.value }}'}\n")
    assert told(flow("a", tasks=own), flow("b", OUTPUTS)) == []


@pytest.mark.parametrize(
    ("revision", "expected"),
    [
        ("0", ["0.yaml:8:15 error[PEN506] there is no revision `0`: they count from 1"]),
        ("'{{ inputs.r ?? 1 }}'", []),
        (
            "3",
            [
                (
                    "0.yaml:8:15 information[PEN506] revision 3 of `n/b` is whatever was deployed as such;"
                    " its file here may differ"
                )
            ],
        ),
    ],
)
def test_revisions(revision: str, expected: list[str]) -> None:
    assert told(flow("a", tasks=call("b", f"    revision: {revision}\n")), flow("b")) == expected


def test_a_circle_of_calls_is_an_error_at_each_of_them() -> None:
    flows = [flow("a", tasks=call("b")), flow("b", tasks=call("c")), flow("c", tasks=call("a"))]
    assert told(*flows) == [
        "0.yaml:7:13 error[PEN507] flow `n/a` calls itself through `n/b`, `n/c`",
        "1.yaml:7:13 error[PEN507] flow `n/b` calls itself through `n/c`, `n/a`",
        "2.yaml:7:13 error[PEN507] flow `n/c` calls itself through `n/a`, `n/b`",
    ]


@pytest.mark.parametrize(
    "back",
    [
        call("a", "    runIf: '{{ inputs.again }}'\n"),
        (
            f"  - id: each\n    type: {CORE}flow.ForEachItem\n    items: '{{{{ trigger.uri }}}}'\n"
            "    namespace: n\n    flowId: a\n"
        ),
        f"  - id: maybe\n    type: {CORE}flow.If\n    condition: '{{{{ 1 == 2 }}}}'\n    then:\n"
        + call("a").replace("  - id", "      - id").replace("\n    ", "\n        "),
    ],
)
def test_a_circle_with_a_way_out_warns(back: str) -> None:
    found = told(
        flow("a", tasks=call("b")), flow("b", "inputs: [{id: again, type: BOOLEAN, defaults: false}]\n", tasks=back)
    )
    assert [one.split(" ", 1)[1] for one in found] == [
        "warning[PEN507] flow `n/a` calls itself through `n/b`",
        "warning[PEN507] flow `n/b` calls itself through `n/a`",
    ]


def test_a_sure_circle_beside_one_with_a_way_out() -> None:
    flows = [
        flow("a", tasks=call("b") + call("c", "    runIf: '{{ 1 == 2 }}'\n", task="maybe")),
        flow("b", tasks=call("a")),
        flow("c", tasks=call("a")),
    ]
    assert told(*flows) == [
        "0.yaml:7:13 error[PEN507] flow `n/a` calls itself through `n/b`",
        "0.yaml:11:13 warning[PEN507] flow `n/a` calls itself through `n/c`",
        "1.yaml:7:13 error[PEN507] flow `n/b` calls itself through `n/a`",
        "2.yaml:7:13 warning[PEN507] flow `n/c` calls itself through `n/a`",
    ]


def test_a_trigger_that_waits_for_nobody() -> None:
    found = judged(flow("a", after("extrct")), flow("extract"))
    assert [(shown(one), one.help) for one in found if one.code == "PEN508"] == [
        (
            "0.yaml:7:85 warning[PEN508] trigger `after` waits for `n/extrct`, and there is no such flow here",
            "did you mean `extract`?",
        )
    ]


@pytest.mark.parametrize(
    "trigger",
    [
        "    preconditions:\n      id: p\n      flows:\n        - {namespace: n, flowId: gone}\n",
        "    dependsOn:\n      - {namespace: n, flowId: gone}\n",
        (
            f"    conditions:\n      - type: {CORE}condition.Or\n        conditions:\n"
            f"          - {{type: {CORE}condition.ExecutionFlow, namespace: n, flowId: gone}}\n"
        ),
    ],
)
def test_every_manner_of_waiting_is_known(trigger: str) -> None:
    assert [one.code for one in judged(flow("a", waits(trigger))) if one.code == "PEN508"] == ["PEN508"]


def test_outputs_of_the_flow_that_was_waited_for() -> None:
    message = f'  - {{id: say, type: {CORE}log.Log, message: "{{{{ trigger.outputs.NAME }}}}"}}\n'
    fine = flow("a", after("b"), tasks=message.replace("NAME", "rows"))
    wrong = flow("a", after("b"), tasks=message.replace("NAME", "rowz"))
    assert told(fine, flow("b", OUTPUTS)) == []
    assert [one.split(" ", 1)[1] for one in told(wrong, flow("b", OUTPUTS))] == [
        "error[PEN509] `n/b` has no output `rowz`"
    ]
    hook = f"  - {{id: hook, type: {CORE}trigger.Webhook, key: abcdefgh}}\n"
    assert told(wrong.replace("tasks:", hook + "tasks:"), flow("b", OUTPUTS)) == []


def test_tasks_of_the_flow_that_was_waited_for() -> None:
    def listening(task: str) -> str:
        return flow("a", after("b") + f'    inputs: {{day: "{{{{ outputs.{task}.value }}}}"}}\n')

    say = f"  - {{id: say, type: {CORE}debug.Return, format: x}}\n"
    assert told(listening("say"), flow("b", tasks=say)) == []
    assert [one.split(" ", 1)[1] for one in told(listening("sya"), flow("b", tasks=say))] == [
        "error[PEN509] `n/b` has no task `sya`"
    ]
    assert [one for one in told(listening("sya")) if "PEN509" in one] == []


def test_namespace_files_that_nothing_provides() -> None:
    read = f"  - {{id: say, type: {CORE}log.Log, message: \"{{{{ read('sql/report.sql') }}}}\"}}\n"
    uri = f"  - {{id: say, type: {CORE}log.Log, message: 'nsfile:///sql/report.sql'}}\n"
    for task in (read, uri):
        found = told(flow("a", tasks=task), files=("n/files/sql/other.sql",))
        assert [one.split(" ", 1)[1] for one in found] == [
            "information[PEN510] nothing here provides the file `sql/report.sql` of the namespace `n`"
        ]
        assert told(flow("a", tasks=task), files=("n/files/sql/report.sql",)) == []
        assert told(flow("a", tasks=task), files=("_files/sql/report.sql",)) == []
        assert told(flow("a", tasks=task)) == []


def test_keys_that_nothing_sets() -> None:
    read = flow(
        "a", tasks=f"  - {{id: say, type: {CORE}log.Log, message: \"{{{{ kv('region') }}}}\"}}\n", namespace="n.s"
    )
    sets = f"  - {{id: put, type: {CORE}kv.Set, key: KEY, value: x}}\n"
    assert [one.split(" ", 1)[1] for one in told(read)] == [
        "information[PEN511] nothing here sets the key `region` of the namespace `n.s`"
    ]
    assert told(read, flow("b", tasks=sets.replace("KEY", "region"), namespace="n")) == []
    assert told(read, flow("b", tasks=sets.replace("KEY", "'{{ flow.id }}'"), namespace="n.s")) == []
    assert len(told(read, flow("b", tasks=sets.replace("KEY", "region"), namespace="other"))) == 1


def test_triggers_that_start_each_other() -> None:
    assert [one.split(" ", 1)[1] for one in told(flow("a", after("b")), flow("b", after("a")))] == [
        "warning[PEN512] flow `n/a` starts itself again through `n/b`",
        "warning[PEN512] flow `n/b` starts itself again through `n/a`",
    ]
    assert told(flow("a", after("a"))) == []
    assert [one.split(" ", 1)[1] for one in told(flow("a", after("b"), tasks=call("b")), flow("b"))] == [
        "warning[PEN512] flow `n/a` starts itself again through `n/b`"
    ]


@pytest.mark.parametrize(
    "broken", ["id: b\nnamespace: n\ntasks: [\n", "id: b\nnamespace: n\n\tx: 1\n", flow("b") + "inputs: 5\n"]
)
def test_a_flow_that_is_broken_itself_is_told_of_once(broken: str) -> None:
    found = judged(flow("a", tasks=reading("x")), broken)
    assert {one.file for one in found} == {"1.yaml"}


def test_findings_are_of_the_given_files_and_all_others_are_listened_to() -> None:
    flows = [flow("a", tasks=call("b")), flow("b", INPUTS, tasks=call("gone"))]
    assert [(one.file, one.code) for one in judged(*flows, only=0)] == [("0.yaml", "PEN504")]
    assert [(one.file, one.code) for one in judged(*flows, only=1)] == [("1.yaml", "PEN502")]


def test_a_comment_silences_a_finding_between_flows() -> None:
    silenced = call("b").replace("flowId: b\n", "flowId: b # penstock: ignore[PEN502]\n")
    assert told(flow("a", tasks=silenced)) == []


NAMES = ("a", "b", "c", "d")


@st.composite
def repositories(draw: st.DrawFn) -> list[str]:
    flows = []
    for name in draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=6)):
        parts = draw(st.sets(st.sampled_from((INPUTS, OUTPUTS)))) if draw(st.booleans()) else set()
        waited = [after(draw(st.sampled_from(NAMES)))] if draw(st.booleans()) else []
        tasks = "".join(
            call(draw(st.sampled_from(NAMES)), draw(st.sampled_from(("", "    inputs: {day: x, no: y}\n"))), f"t{n}")
            for n in range(draw(st.integers(0, 3)))
        )
        flows.append(flow(name, *sorted(parts), *waited, tasks=tasks or LOG))
    return flows


@given(repositories(), st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_the_order_of_files_does_not_matter(flows: list[str], shuffler: random.Random) -> None:
    files = [FlowFile(f"{n}.yaml", Path(f"{n}.yaml"), text.encode()) for n, text in enumerate(flows)]
    other = list(files)
    shuffler.shuffle(other)
    found = [check(Sources(tuple(order)), load_catalog(), processes=1).diagnostics for order in (files, other)]
    assert found[0] == found[1]


def test_a_knot_of_a_thousand_flows_costs_no_square() -> None:
    """Each calls two others, so that all lie on ways around one another; none of those is searched for."""
    size = 1000
    told_by = [
        Told(
            f"{n:04}.yaml",
            Facts(FlowName("n", str(n)), START, calls=(calling((n + 1) % size), calling((n * 7) % size))),
        )
        for n in range(size)
    ]
    found = list(circles.calls_end(Repository(told_by)))
    assert {one.code for one in found} == {"PEN507"}
    assert len(found) > size
    assert found[0].message == "flow `n/0` calls itself through 999 others"


def calling(number: int) -> Call:
    return Call(FlowName("n", str(number)), START, START, (), False, START, False)
