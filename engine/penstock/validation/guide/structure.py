"""The guide to structure and references (PEN2xx)."""

from __future__ import annotations

from penstock.validation.guide.entry import EXAMPLE_FILE, Guide, flow

_LOG = "io.kestra.plugin.core.log.Log"
_RETURN = "io.kestra.plugin.core.debug.Return"
_FLOW = "io.kestra.plugin.core.flow"
_SCHEDULE = "io.kestra.plugin.core.trigger.Schedule"


def _hello(more: str = "", *, message: str = "Hello", kind: str = _LOG) -> str:
    return flow(f"tasks:\n  - id: hello\n    type: {kind}\n    message: {message}\n{more}")


def _inputs(text: str) -> str:
    return flow(f"inputs:\n{text}")


def _dag(needs: str) -> str:
    return flow(f"""
        tasks:
          - id: all
            type: {_FLOW}.Dag
            tasks:
              - task: {{id: first, type: {_LOG}, message: One}}
              - task: {{id: second, type: {_LOG}, message: Two}}
                dependsOn: [{needs}]
    """)


def _two(first: str, second: str, message: str) -> str:
    return flow(f"""
        tasks:
          - id: {first}
            type: io.kestra.plugin.core.debug.Return
            format: rows
          - id: {second}
            type: {_LOG}
            message: "{message}"
    """)


def _schedules(first: str, second: str) -> str:
    return flow(f"""
        triggers:
          - {{id: {first}, type: {_SCHEDULE}, cron: "0 6 * * *"}}
          - {{id: {second}, type: {_SCHEDULE}, cron: "0 18 * * *"}}
    """)


_EACH = f"""  - id: each
    type: {_FLOW}.ForEachItem
    items: "{{{{ inputs.rows }}}}"
    namespace: company.team
    flowId: "{{{{ flow.id }}}}-of-rows"
"""
_COUNT = """  - id: count
    type: io.kestra.plugin.core.execution.Count
    startDate: "{{ now() }}"
    expression: "{{ count == 0 }}"
"""
_PURGE = """  - id: purge
    type: io.kestra.plugin.core.log.PurgeLogs
    endDate: "{{ now() }}"
"""


def _rows(tasks: str) -> str:
    """A flow of these tasks, which has a file as an input."""
    return flow(f"inputs:\n  - {{id: rows, type: FILE}}\ntasks:\n{tasks}")


GUIDES: tuple[Guide, ...] = (
    Guide(
        "PEN201",
        "Without the property the task cannot do what it is for, and Kestra refuses the flow. Plugin defaults, those "
        "of the flow and those of the repository, are filled in before it is asked what is missing.",
        flow(f"tasks:\n  - id: hello\n    type: {_LOG}\n"),
        _hello(),
    ),
    Guide(
        "PEN202",
        "Kestra refuses a flow with a property that its type does not have. Where it is not refused, a slip in a name "
        "is worse: what was to be set is not.",
        _hello("    levle: INFO\n"),
        _hello("    level: INFO\n"),
    ),
    Guide(
        "PEN203",
        "Text stands where a list belongs, or a mapping where text does. Most often a dash is missing, or quotes "
        "around an expression.",
        flow("tasks: hello\n"),
        _hello(),
    ),
    Guide(
        "PEN204",
        "Outputs come to be when their task ends. A task that stands earlier, in another branch, or beside it in a "
        "`Parallel`, finds nothing there, and its expression fails when it is rendered.",
        _two("load", "extract", "done").replace("format: rows", 'format: "{{ outputs.extract.value }}"'),
        _two("extract", "load", "{{ outputs.extract.value }}"),
    ),
    Guide(
        "PEN205",
        "The property takes one of a few words, and this is none of them. Case counts.",
        _hello("    level: INFORMATION\n"),
        _hello("    level: INFO\n"),
    ),
    Guide(
        "PEN206",
        "Ids become parts of paths, names of containers and keys of expressions, so that only letters, digits, `-` and "
        "`_` are allowed in them. Lists that must hold something may not be empty.",
        _hello().replace("id: hello", "id: say hello"),
        _hello().replace("id: hello", "id: say_hello"),
    ),
    Guide(
        "PEN207",
        "A number beyond its bounds would mean nothing: no execution at once, a negative number of attempts.",
        flow("concurrency:\n  limit: 0"),
        flow("concurrency:\n  limit: 1"),
    ),
    Guide(
        "PEN208",
        "Lengths of time are ISO-8601: `PT30S`, `PT5M`, `PT1H`, `P1D`. `30s` is common elsewhere and not read here.",
        _hello("    timeout: 30s\n"),
        _hello("    timeout: PT30S\n"),
    ),
    Guide(
        "PEN210",
        "A flow with a type that the server does not know is refused. Types of plugins that are not in the catalogue "
        "can be given to Penstock as JSON schemas, or let pass with `--unknown-types`.",
        _hello(kind="io.kestra.plugin.core.log.Logg"),
        _hello(),
    ),
    Guide(
        "PEN211",
        "The type exists and is of another kind: a trigger among the tasks, a task among the triggers. Kestra would "
        "look for it among the wrong ones and not find it.",
        flow(f"triggers:\n  - id: hello\n    type: {_LOG}\n    message: Hello\n"),
        _hello(),
    ),
    Guide(
        "PEN212",
        "Outputs, logs and retries are kept by the id of the task, so it is the only one of its flow: nested tasks, "
        "`errors` and `finally` included.",
        _two("hello", "hello", "Hello"),
        _two("hello", "goodbye", "Hello"),
    ),
    Guide(
        "PEN213",
        "Of two inputs with one id nobody could say which one a value is for.",
        _inputs("  - {id: day, type: STRING, defaults: monday}\n  - {id: day, type: INT, defaults: 1}\n"),
        _inputs("  - {id: day, type: STRING, defaults: monday}\n  - {id: number, type: INT, defaults: 1}\n"),
    ),
    Guide(
        "PEN214",
        "What a trigger has done is kept under its id. Two of them would take each other's last date and backfill.",
        _schedules("daily", "daily"),
        _schedules("morning", "evening"),
    ),
    Guide(
        "PEN215",
        "Labels that begin with `system.` are Kestra's own: correlation, replays, restarts. A flow may set "
        "`system.readOnly` and no other.",
        flow("labels:\n  system.owner: data"),
        flow("labels:\n  owner: data"),
    ),
    Guide(
        "PEN216",
        "A list without tasks runs nothing, and Kestra refuses it. Often the tasks below are indented too little.",
        flow(f"tasks:\n  - id: all\n    type: {_FLOW}.Sequential\n    tasks: []\n"),
        flow(f"tasks:\n  - id: all\n    type: {_FLOW}.Sequential\n    tasks:\n"
             f"      - {{id: hello, type: {_LOG}, message: Hello}}\n"),
    ),
    Guide(
        "PEN217",
        "A Switch chooses among its cases, and takes `defaults` where none fits. With neither there is nothing to "
        "choose.",
        flow(f"tasks:\n  - id: choose\n    type: {_FLOW}.Switch\n    value: a\n    cases: {{}}\n"),
        flow(f"tasks:\n  - id: choose\n    type: {_FLOW}.Switch\n    value: a\n    defaults:\n"
             f"      - {{id: hello, type: {_LOG}, message: Hello}}\n"),
    ),
    Guide(
        "PEN218",
        "The tasks of a WorkingDirectory share a folder, and therefore one worker. What no worker runs, such as a "
        "`Pause` or a `Subflow`, cannot be among them.",
        flow(f"""
            tasks:
              - id: folder
                type: {_FLOW}.WorkingDirectory
                tasks:
                  - id: wait
                    type: {_FLOW}.Pause
                    pauseDuration: PT1M
        """),
        flow(f"""
            tasks:
              - id: folder
                type: {_FLOW}.WorkingDirectory
                tasks:
                  - id: hello
                    type: {_LOG}
                    message: Hello
        """),
    ),
    Guide(
        "PEN219",
        "A flow that calls itself as a subflow starts another of itself each time, without end. Circles through other "
        "flows are PEN507.",
        flow(f"tasks:\n  - id: again\n    type: {_FLOW}.Subflow\n    namespace: company.team\n    flowId: example\n"),
        {
            "flows/example.yaml": flow(
                f"tasks:\n  - id: next\n    type: {_FLOW}.Subflow\n    namespace: company.team\n    flowId: next\n"
            ),
            "flows/next.yaml": _hello().replace("id: example", "id: next"),
        },
    ),
    Guide(
        "PEN220",
        "A retry needs an interval for its type, and intervals that fit into one another. Kestra refuses one that "
        "could never make its second attempt.",
        _hello("    retry:\n      type: constant\n      interval: PT1H\n      maxDuration: PT10M\n"),
        _hello("    retry:\n      type: constant\n      interval: PT1M\n      maxDuration: PT10M\n"),
    ),
    Guide(
        "PEN221",
        "The options of an input speak of its type, and must not speak against one another: bounds that no value is "
        "within, a list whose items have no type, a choice without anything to choose from.",
        _inputs("  - id: percent\n    type: INT\n    min: 100\n    max: 0\n    required: false\n"),
        _inputs("  - id: percent\n    type: INT\n    min: 0\n    max: 100\n    required: false\n"),
    ),
    Guide(
        "PEN222",
        "Whoever starts the flow without the input gets the default, and every such execution would fail before its "
        "first task.",
        _inputs("  - id: count\n    type: INT\n    defaults: many\n"),
        _inputs("  - id: count\n    type: INT\n    defaults: 3\n"),
    ),
    Guide(
        "PEN223",
        "Kestra's API has paths such as `/executions/kill`: a flow of that name could not be told from them.",
        _hello().replace("id: example", "id: search"),
        _hello().replace("id: example", "id: search_all"),
    ),
    Guide(
        "PEN224",
        "A plugin default says for which type it is, and which values its tasks get. A property that the type does not "
        "have would reach every task of it; where a task takes it already, that is PEN202.",
        flow(f"pluginDefaults:\n  - type: {_RETURN}\n    values:\n      formt: Hello\n"),
        flow(f"pluginDefaults:\n  - type: {_RETURN}\n    values:\n      format: Hello\n"),
    ),
    Guide(
        "PEN225",
        "A Dag starts each task when those it depends on have ended. One that waits for itself, or for a task that is "
        "not of the same Dag, would never start.",
        _dag("third"),
        _dag("first"),
    ),
    Guide(
        "PEN226",
        "A dot in the id of an input makes a group: `db.host` is `host` within `db`. Then `db` cannot be a value too.",
        _inputs("  - {id: db, type: STRING, defaults: x}\n  - {id: db.host, type: STRING, defaults: y}\n"),
        _inputs("  - {id: db.name, type: STRING, defaults: x}\n  - {id: db.host, type: STRING, defaults: y}\n"),
    ),
    Guide(
        "PEN227",
        "The pattern judges what people give at the start of an execution. It is read in linear time, so that no input "
        "can hold up a server: look-around and back references are not part of it.",
        _inputs("  - id: code\n    type: STRING\n    required: false\n    validator: '[A-Z'\n"),
        _inputs("  - id: code\n    type: STRING\n    required: false\n    validator: '[A-Z]+'\n"),
    ),
    Guide(
        "PEN228",
        "An input that depends on another is asked for after that one. One that is not there, or depends on it in "
        "turn, never comes before it.",
        _inputs("  - id: city\n    type: STRING\n    required: false\n    dependsOn:\n      inputs: [country]\n"),
        _inputs("  - id: country\n    type: STRING\n    defaults: NL\n"
                "  - id: city\n    type: STRING\n    required: false\n    dependsOn:\n      inputs: [country]\n"),
    ),
    Guide(
        "PEN229",
        "The expression names an input, a variable or a task that the flow does not declare, and fails when it is "
        "rendered. Where that is meant, a comment lets it in: `# penstock: ignore[PEN229]`.",
        flow('inputs:\n  - {id: user, type: STRING, defaults: me}\n'
             f'tasks:\n  - id: hello\n    type: {_LOG}\n    message: "Hello {{{{ inputs.usr }}}}"\n'),
        flow('inputs:\n  - {id: user, type: STRING, defaults: me}\n'
             f'tasks:\n  - id: hello\n    type: {_LOG}\n    message: "Hello {{{{ inputs.user }}}}"\n'),
    ),
    Guide(
        "PEN240",
        "A promise of `MAX_DURATION` is about a length of time, one of `EXECUTION_ASSERTION` about an expression that "
        "must stay true. Without it nothing could ever break the promise. Its id tells which one was broken.",
        _hello("sla:\n  - id: quick\n    type: MAX_DURATION\n    behavior: FAIL\n"),
        _hello("sla:\n  - id: quick\n    type: MAX_DURATION\n    duration: PT1H\n    behavior: FAIL\n"),
    ),
    Guide(
        "PEN241",
        "A check is looked at before an execution begins: its condition says what must hold, its message tells who "
        "starts the flow what does not.",
        _hello("checks:\n  - message: Not on Sundays\n"),
        _hello("checks:\n  - condition: \"{{ inputs is not empty }}\"\n    message: Give me inputs\n"),
    ),
    Guide(
        "PEN242",
        "Kestra 2 takes a label only where its key begins with a small letter and has letters, digits, `.`, `_` and "
        "`-` after it. It is told where the flow is written for that version.",
        {"penstock.yaml": "dialect: '2'\n", EXAMPLE_FILE: _hello("labels:\n  Team: data\n")},
        {"penstock.yaml": "dialect: '2'\n", EXAMPLE_FILE: _hello("labels:\n  team: data\n")},
    ),
    Guide(
        "PEN243",
        "A trigger gives an input something that the input refuses, so that every execution it starts would fail at "
        "once; or an output says what is none of its type, so that every execution would fail at its end.",
        _hello("outputs:\n  - {id: count, type: INT, value: many}\n"),
        _hello("outputs:\n  - {id: count, type: INT, value: 3}\n"),
    ),
    Guide(
        "PEN255",
        "What stands in `afterExecution` is done when the execution has its state: an Exit there comes too late.",
        _hello("afterExecution:\n  - id: leave\n    type: io.kestra.plugin.core.execution.Exit\n    state: WARNING\n"),
        _hello("  - id: leave\n    type: io.kestra.plugin.core.execution.Exit\n    state: WARNING\n"),
    ),
    Guide(
        "PEN260",
        "A ForEachItem is three tasks: `<id>_split` cuts the file, `<id>_items` calls the flow, `<id>_merge` joins "
        "what came of it. Expressions read their outputs by these ids, so no other task may have one.",
        _rows(_EACH + "  - {id: each_merge, type: io.kestra.plugin.core.log.Log, message: done}\n"),
        _rows(_EACH + "  - {id: tell, type: io.kestra.plugin.core.log.Log, message: done}\n"),
    ),
    Guide(
        "PEN261",
        "A ForEachItem cuts a file of the internal storage, line by line. A path or a list is none: the task would "
        "fail when it runs.",
        _rows(_EACH.replace("\"{{ inputs.rows }}\"", "rows.csv")),
        _rows(_EACH),
    ),
    Guide(
        "PEN262",
        "A Count without flows and namespaces has nothing to count, and fails.",
        _rows(_COUNT),
        _rows(_COUNT + "    namespaces: [company.team]\n"),
    ),
    Guide(
        "PEN263",
        "A flow is named by its namespace and its id together: the id alone says nothing, and the purge fails.",
        _rows(_PURGE + "    flowId: hello\n"),
        _rows(_PURGE + "    flowId: hello\n    namespace: company.team\n"),
    ),
)  # fmt: skip
