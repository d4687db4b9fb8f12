"""The guide to penstock.yaml, waivers and comments (PEN29x)."""

from __future__ import annotations

from penstock.validation.guide.entry import EXAMPLE_FILE, Guide, flow

_HELLO = flow("")
_LIMITED = flow("quotas:\n  - duration: PT1H\n    limit: 10")


_MINE = (
    '{"title": "com.example.Mine", "type": "object", "required": ["id", "type"],\n'
    ' "properties": {"id": {"type": "string"}, "type": {"const": "com.example.Mine"}}}\n'
)


def _with(settings: str, text: str = _HELLO) -> dict[str, str]:
    return {"penstock.yaml": settings, EXAMPLE_FILE: text}


def _waiver(until: str) -> str:
    return (
        "rules:\n  PEN703:\n    waivers:\n      - path: flows/example.yaml\n"
        f"        reason: the server that runs it heeds its quotas\n        until: {until}\n"
    )


GUIDES: tuple[Guide, ...] = (
    Guide(
        "PEN290",
        "A setting with a slip in its name has no effect, and nothing else says so: a rule that was to be stricter is "
        "not, a glob that was to leave files out does not.",
        _with("flow: [flows/**]\n"),
        _with("flows: [flows/**]\n"),
    ),
    Guide(
        "PEN291",
        "A value that a setting does not take is refused rather than guessed at. It may stand in `penstock.yaml`, in "
        "the user's own file, or in a `PENSTOCK_*` variable.",
        _with("dialect: latest\n"),
        _with("dialect: 2\n"),
    ),
    Guide(
        "PEN292",
        "`requires` says which versions of Penstock may judge and deploy the repository, so that a laptop, the CI and "
        "an agent find the same. Another version stops at once, before it does anything.",
        _with("requires: '>=1000'\n"),
        _with("requires: '>=0.0.1'\n"),
    ),
    Guide(
        "PEN293",
        "A waiver lets something be until a day, and that day is over. What it waived is told again, and this finding "
        "says where the decision stands that is now to be made anew.",
        _with(_waiver("2020-01-31"), _LIMITED),
        _with(_waiver("2199-12-31"), _LIMITED),
    ),
    Guide(
        "PEN294",
        "What a waiver or a comment was for has been mended, or its code or place is not what was meant. Left standing "
        "it would hide the next finding there, which nobody has decided about. It is told only where the whole "
        "repository is judged, since otherwise nobody knows.",
        flow("description: Nothing to see # penstock: ignore[PEN602]"),
        flow("description: Nothing to see"),
    ),
    Guide(
        "PEN295",
        "`catalogs:` brings types of your own plugins as JSON schemas, and flows are judged by them. Without one of "
        "them no finding would be true, so the command stops. A catalogue that a repository names lies within it.",
        _with("catalogs: types/mine.json\n") | {"types/mine.json": "{"},
        _with("catalogs: types\n") | {"types/com.example.Mine.json": _MINE},
    ),
)
