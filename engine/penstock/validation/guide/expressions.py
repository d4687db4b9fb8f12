"""The guide to expressions (PEN3xx)."""

from __future__ import annotations

from penstock.validation.guide.entry import Guide, flow


def _log(message: str, more: str = "") -> str:
    return flow(f"{more}tasks:\n  - id: hello\n    type: io.kestra.plugin.core.log.Log\n    message: {message}\n")


GUIDES: tuple[Guide, ...] = (
    Guide(
        "PEN301",
        "An expression that does not parse fails each time it is rendered, which may be hours into an execution, "
        "behind the tasks that have already changed the world. `penstock eval` tries one at once.",
        _log("\"{{ flow.id | upper( }}\""),
        _log('"{{ flow.id | upper }}"'),
    ),
    Guide(
        "PEN302",
        "There is a fixed set of names that an expression can begin with: `inputs`, `outputs`, `vars`, `trigger`, "
        "`taskrun` and some more. Kestra fails where the name is rendered.",
        _log('"{{ input.name }}"', "inputs:\n  - id: name\n    type: STRING\n    defaults: you\n"),
        _log('"{{ inputs.name }}"', "inputs:\n  - id: name\n    type: STRING\n    defaults: you\n"),
    ),
    Guide(
        "PEN303",
        "Expressions are rendered within bounds of depth and size, so that no flow can bring down whoever renders it. "
        "One beyond them could be parsed, and is refused all the same.",
        _log('"{{ ' + "(" * 200 + "1" + ")" * 200 + ' }}"'),
        _log('"{{ (1 + 2) * 3 }}"'),
    ),
    Guide(
        "PEN304",
        "`inputs.my-name` is a subtraction: `inputs.my` minus `name`. Neither is there, so the expression fails, or "
        "gives a number where a text was expected. A name with dashes needs brackets.",
        _log('"{{ inputs.first-name }}"', "inputs:\n  - id: first-name\n    type: STRING\n    defaults: you\n"),
        _log("\"{{ inputs['first-name'] }}\"", "inputs:\n  - id: first-name\n    type: STRING\n    defaults: you\n"),
    ),
    Guide(
        "PEN305",
        "Kestra renders some properties and takes others as they are written. In one that is taken as it is, the "
        "expression stays the text that it is, and a schedule has a time zone named `{{ … }}`.",
        flow("variables:\n  zone: Europe/Paris\ntriggers:\n  - id: daily\n"
             "    type: io.kestra.plugin.core.trigger.Schedule\n    cron: '0 9 * * *'\n"
             "    timezone: \"{{ vars.zone }}\"\n"),
        flow("triggers:\n  - id: daily\n    type: io.kestra.plugin.core.trigger.Schedule\n    cron: '0 9 * * *'\n"
             "    timezone: Europe/Paris\n"),
    ),
)  # fmt: skip
