"""The guide to what is deprecated or not portable (PEN7xx)."""

from __future__ import annotations

from penstock.validation.guide.entry import Guide, flow

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
        "That is no fault of the flow, but somebody may rely on it, as on a check that should hold the flow back.",
        flow("checks:\n  - condition: \"{{ now() is defined }}\""),
        flow("description: Without checks"),
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
)  # fmt: skip
