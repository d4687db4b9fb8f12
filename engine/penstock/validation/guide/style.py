"""The guide to style (PEN8xx)."""

from __future__ import annotations

from penstock.validation.guide.entry import Guide, flow

_LOG = "io.kestra.plugin.core.log.Log"
_SCRIPT = "io.kestra.plugin.scripts.python.Script"


def _script(lines: int) -> str:
    body = "".join(f"      print({n})\n" for n in range(lines))
    return flow(f"tasks:\n  - id: count\n    type: {_SCRIPT}\n    script: |\n{body}")


def _tasks(*names: str) -> str:
    return flow("tasks:\n" + "".join(f"  - {{id: {name}, type: {_LOG}, message: Hello}}\n" for name in names))


GUIDES: tuple[Guide, ...] = (
    Guide(
        "PEN801",
        "Flows that are written in the same order are read and compared at a glance: a flow from its name over what "
        "it takes to what it does and what starts it, a task from its `id` and `type` on.",
        flow(f"tasks:\n  - type: {_LOG}\n    message: Hello\n    id: hello"),
        flow(f"tasks:\n  - id: hello\n    type: {_LOG}\n    message: Hello"),
        asked=True,
    ),
    Guide(
        "PEN802",
        "`load-rows` beside `send_mail` makes everybody look up which it was, and a name with a dash needs brackets in "
        "expressions: `outputs['load-rows']`. The manner that most ids of the flow have is taken for the usual one.",
        _tasks("load_rows", "sort_rows", "send-mail"),
        _tasks("load_rows", "sort_rows", "send_mail"),
        asked=True,
    ),
    Guide(
        "PEN803",
        "The description is what people see of a flow beside its name: in lists, when it fails at night, and when "
        "nobody is left who wrote it.",
        flow(""),
        flow("description: Greets whoever looks at the log"),
        asked=True,
    ),
    Guide(
        "PEN804",
        "A program of more than fifty lines deserves an editor that knows its language, and tests. As a namespace file "
        "it has both, and the flow stays readable.",
        _script(51),
        _script(5),
        asked=True,
    ),
)  # fmt: skip
