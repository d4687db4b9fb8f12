"""The guide to what is deprecated or not portable (PEN7xx)."""

from __future__ import annotations

from penstock.validation.guide.entry import Guide, flow

_LOG = "io.kestra.plugin.core.log.Log"
_CACHED = flow(f"tasks:\n  - id: hello\n    type: {_LOG}\n    message: Hello\n    taskCache:\n      enabled: true")

GUIDES: tuple[Guide, ...] = (
    Guide(
        "PEN701",
        "Kestra has renamed most of its types at some time and accepted the older names for years. Kestra 2 does not "
        "know them any more: with `dialect: 2` this is an error, otherwise a note.",
        flow("tasks:\n  - id: hello\n    type: io.kestra.core.tasks.log.Log\n    message: Hello"),
        flow("tasks:\n  - id: hello\n    type: io.kestra.plugin.core.log.Log\n    message: Hello"),
    ),
    Guide(
        "PEN702",
        "The property has a successor, and one day only that will be read.",
        flow("inputs:\n  - name: user\n    type: STRING\n    defaults: me"),
        flow("inputs:\n  - id: user\n    type: STRING\n    defaults: me"),
    ),
    Guide(
        "PEN703",
        "Penstock reads the property and keeps it, and does not act upon it: the flow runs as if it were not there. "
        "That is no fault of the flow, but somebody may rely on it, as on a quota that should hold the flow back, or "
        "on a group of workers: one agent runs every task here, whatever `workerGroup` and its `fallback` say.",
        flow("quotas:\n  - duration: PT1H\n    limit: 10"),
        flow("concurrency:\n  limit: 1"),
    ),
    Guide(
        "PEN704",
        "Expressions have changed with Kestra's versions: `json()` has become `fromJson()`, the filter `json` has "
        "become `toJson`. The older names are still understood here, and some are gone in Kestra 2.",
        flow("tasks:\n  - id: hello\n    type: io.kestra.plugin.core.log.Log\n"
             "    message: \"{{ json('[1, 2]') | first }}\""),
        flow("tasks:\n  - id: hello\n    type: io.kestra.plugin.core.log.Log\n"
             "    message: \"{{ fromJson('[1, 2]') | first }}\""),
    ),
    Guide(
        "PEN705",
        "The open edition of Kestra reads the property, or refuses it, and does not do what it says; so does Penstock. "
        "A flow that relies on it works in one place only.",
        flow(f"tasks:\n  - id: hello\n    type: {_LOG}\n    message: Hello\n    version: 1.2.0"),
        flow(f"tasks:\n  - id: hello\n    type: {_LOG}\n    message: Hello"),
    ),
    Guide(
        "PEN706",
        "The type is in the catalogue, so the flow can be checked, compared and deployed to a server; Penstock itself "
        "cannot run it yet. An agent holds such a flow back as blocked. Each type is told once a flow.",
        flow("tasks:\n  - id: step\n    type: io.kestra.plugin.core.storage.Reverse\n    from: kestra:///a/b"),
        flow(f"tasks:\n  - id: step\n    type: {_LOG}\n    message: Hello"),
    ),
    Guide(
        "PEN707",
        "With `dialect` in `penstock.yaml` a repository says which Kestra its flows are for, and is warned of what "
        "that one does not have yet, or has no more; what Kestra 2 has no more is an error there, for it refuses the "
        "flow. Without `dialect` a repository is warned of a flow that no version has all of.",
        {"penstock.yaml": "dialect: '0.21'\n", "flows/example.yaml": _CACHED},
        {"penstock.yaml": "dialect: '1'\n", "flows/example.yaml": _CACHED},
    ),
)  # fmt: skip
