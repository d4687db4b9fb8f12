"""Every code that reading and checking flows can give, with its meaning: what `penstock explain CODE` tells.

Codes are stable: a meaning never moves to another code. PEN1xx YAML and encoding, PEN2xx structure and references,
PEN3xx expressions, PEN4xx triggers and schedules, PEN5xx cross-flow, PEN6xx security and policy, PEN7xx deprecated
or portability, PEN8xx style.
"""

from __future__ import annotations

from dataclasses import dataclass

from penstock.diagnostic import Severity


@dataclass(frozen=True, slots=True)
class Code:
    """A code's meaning in one line, how grave it usually is, and the help of a finding that has none of its own."""

    code: str
    title: str
    help: str
    severity: Severity


_TABLE = (
    ("PEN101", "The file is not UTF-8 text", "save the file as UTF-8"),
    ("PEN102", "The file is larger than 3 MiB", "move scripts and data into namespace files"),
    ("PEN103", "A tab stands in the indentation", "indent with spaces"),
    ("PEN104", "The text is not YAML", "check the indentation, the quotes and the brackets around this place"),
    ("PEN105", "A key is not text", "use text as the key"),
    ("PEN106", "The file holds more than one YAML document", "put each flow into a file of its own"),
    ("PEN107", "The document is nested or aliased beyond the bounds", "write it flatter, or with fewer aliases"),
    ("PEN108", "An alias or a merge key does not lead anywhere", "name an anchor that stands before it"),
    ("PEN109", "A scalar is no number that can be kept", "put it in quotes if it is text"),
    ("PEN110", "A tag is not allowed in a flow", "remove the tag"),
    ("PEN111", "A key stands twice in one mapping", "keep one of the two"),
    ("PEN112", "The document is not a mapping", "begin with `id:`"),
    ("PEN113", "The file is no flow (noted, not an error)", "name it in .penstockignore"),
    ("PEN114", "A plain scalar that readers of YAML 1.1 and 1.2 take differently", "put it in quotes"),
    ("PEN115", "An anchor that nothing refers to", "remove it"),
    ("PEN190", "penstock.yaml cannot be read", "`penstock config view` shows what is read of it"),
    ("PEN116", "A file has more findings than are told", "mend those that are told, and validate again"),
    ("PEN201", "A required property is missing", "add it"),
    ("PEN202", "A property is unknown to its type", "`penstock explain TYPE` lists the properties"),
    ("PEN203", "A value is of the wrong kind", "`penstock explain TYPE` tells what is expected"),
    ("PEN204", "An expression uses outputs that are not there yet", "use outputs of a task that has ended by then"),
    ("PEN205", "A value is not one of those allowed", "use one of those allowed"),
    ("PEN206", "A text or list has the wrong form or length", "`penstock explain TYPE` tells what is expected"),
    ("PEN207", "A number is out of its bounds", "use a number within the bounds"),
    ("PEN208", "A duration cannot be read", "write PT30S, PT5M, PT1H or P1D"),
    ("PEN210", "A type is not in the catalogue", "`penstock types` lists the types"),
    ("PEN211", "A type stands where another kind of type belongs", "`penstock types` lists the types by kind"),
    ("PEN212", "Two tasks have the same id", "rename one of them"),
    ("PEN213", "Two inputs or two outputs have the same id", "rename one of them"),
    ("PEN214", "Two triggers have the same id", "rename one of them"),
    ("PEN215", "A label begins with `system.`", "choose another label"),
    ("PEN216", "A list of tasks is empty", "add a task"),
    ("PEN217", "A Switch has neither cases nor defaults", "add `cases:` or `defaults:` with tasks"),
    ("PEN218", "A WorkingDirectory holds a task that no worker runs", "move it out"),
    ("PEN219", "A flow calls itself", "call another flow"),
    ("PEN220", "A retry contradicts itself or is incomplete", "see Kestra's documentation of retries"),
    ("PEN221", "The options of an input contradict one another or its type", "leave out the one that does not fit"),
    ("PEN222", "The default of an input is no value of its type", "write a value of that type"),
    ("PEN223", "The id of the flow is a reserved word", "choose another id"),
    ("PEN224", "A plugin default is incomplete or does not fit its type", "write `type:` and `values:`"),
    ("PEN225", "A Dag has no tasks, a cycle, or needs what is not there", "name tasks of the same Dag"),
    ("PEN226", "One input's id lies within another's", "rename one of them"),
    ("PEN227", "A pattern cannot be read", "write a regular expression of RE2"),
    ("PEN228", "An input depends on one that is not there, or on itself", "name another input of the same list"),
    ("PEN229", "An expression names what the flow does not have", "declare it, or correct its name"),
    ("PEN240", "A promise (`sla`) is incomplete, or has the id of another", "`penstock explain PEN240` shows one"),
    ("PEN241", "A check is incomplete", "add `condition:` and `message:`"),
    ("PEN242", "The key of a label is of a form that Kestra 2 refuses", "begin with a small letter"),
    ("PEN243", "A value is none of the type of the input or output that it is for", "write a value of that type"),
    ("PEN255", "An Exit stands where the execution has its state already", "move it into `tasks`"),
    ("PEN260", "A task has the id of a part of a ForEachItem", "choose another id"),
    ("PEN261", "A ForEachItem cuts what is no file of the storage", "write an expression that gives its URI"),
    ("PEN262", "A Count says nothing to be counted", "add `flows:` or `namespaces:`"),
    ("PEN263", "A purge names a flow without its namespace", "add `namespace:`"),
    ("PEN290", "A key of penstock.yaml is unknown", "`penstock config view` lists the settings"),
    ("PEN291", "A value of penstock.yaml, or of a variable, is not what it takes", "`penstock schema penstock.yaml`"),
    ("PEN292", "The repository asks for another version of Penstock", "install the version that it asks for"),
    ("PEN293", "A waiver has expired", "mend what it waived, or decide anew and say until when"),
    ("PEN294", "A waiver that nothing needs", "remove it"),
    ("PEN295", "A catalogue of types cannot be read", "`catalogs:` names files of JSON Schemas in the repository"),
    ("PEN301", "An expression does not parse", "`penstock eval` tries an expression"),
    ("PEN302", "An expression names a variable that is never there", "`penstock eval` shows what is there"),
    ("PEN303", "An expression is beyond a bound", "write it flatter or shorter, with `set` for its parts"),
    ("PEN304", "A name with a dash stands behind a dot", "put it in brackets: inputs['my-name']"),
    ("PEN305", "An expression stands where none is rendered", "write the value itself"),
    ("PEN401", "A cron expression cannot be read", "write five fields: minute, hour, day, month, day of the week"),
    ("PEN402", "A time zone does not exist", "write a name such as Europe/Paris, or an offset"),
    ("PEN403", "A schedule lacks a required input", "give it under `inputs:` of the trigger, or a default"),
    ("PEN404", "Two schedules start the flow at the same moment", "leave one of them out, or let them differ"),
    ("PEN405", "A schedule never fires", "write times that come"),
    ("PEN406", "A schedule falls into a change of the clocks", "choose another hour, or a zone without such changes"),
    ("PEN407", "When a schedule fires next (off unless asked for)", "nothing needs to be done"),
    ("PEN501", "Two files define the same flow", "rename or remove one of them"),
    ("PEN502", "A flow calls a flow that is not there", "correct the name, or add the flow"),
    ("PEN503", "A call gives an input that the called flow does not declare", "correct its name, or leave it out"),
    ("PEN504", "A call lacks an input that the called flow requires", "give it under `inputs:`"),
    ("PEN505", "An output is read that the called flow does not declare", "declare it in the called flow"),
    ("PEN506", "A call pins a revision that is not known here", "leave `revision` out"),
    ("PEN507", "A flow calls itself through other flows", "break the circle"),
    ("PEN508", "A flow trigger waits for a flow that is not there", "correct the name, or add the flow"),
    ("PEN509", "A flow trigger reads an output that the awaited flow does not declare", "declare it in that flow"),
    ("PEN510", "A namespace file that nothing in the repository provides", "add the file, or upload it beforehand"),
    ("PEN511", "A key of the KV store that nothing in the repository sets", "set it beforehand"),
    ("PEN512", "Flow triggers start each other in a circle", "break the circle, or add a condition"),
    ("PEN601", "A secret stands in the flow in clear", "keep it as a secret, and write {{ secret('NAME') }}"),
    ("PEN602", "The version of an image is not pinned", "name a tag other than `latest`, or a digest"),
    ("PEN603", "A container has power over its host", "leave it out, or waive the rule with a reason"),
    ("PEN604", "An input is written into a shell command", "hand it over in `env:`, and write \"$NAME\""),
    ("PEN605", "HTTP without TLS", "write https://"),
    ("PEN606", "A secret is written into the log", "leave it out of the message"),
    ("PEN701", "A type has an older name, or a successor", "`penstock migrate` rewrites it"),
    ("PEN702", "A property is deprecated", "`penstock migrate` rewrites it"),
    ("PEN703", "A property has no effect in this version", "the flow runs as if it were not there"),
    ("PEN704", "An expression uses a deprecated name", "write what has taken its place"),
    ("PEN705", "Only Kestra's Enterprise Edition has this", "leave it out, or run the flow there"),
    ("PEN706", "A type is known, and cannot run in this version", "`penstock types --runnable` lists what can"),
    ("PEN707", "It does not belong to the version of Kestra that the flow is written for", "see `dialect`"),
    ("PEN801", "Keys are not in the usual order (off unless asked for)", "put `id` and `type` first"),
    ("PEN802", "Ids are written in several manners (off unless asked for)", "write all of them in one manner"),
    ("PEN803", "A flow has no description (off unless asked for)", "add `description:`"),
    ("PEN804", "A long script stands in the flow (off unless asked for)", "move it into a namespace file"),
)  # fmt: skip

_WARNINGS = frozenset(
    {
        "PEN114", "PEN116", "PEN243", "PEN255", "PEN290", "PEN293", "PEN305", "PEN403", "PEN404", "PEN503", "PEN508",
        "PEN512",
        "PEN601", "PEN602", "PEN603", "PEN604", "PEN605", "PEN606", "PEN703", "PEN707",
    }
)  # fmt: skip
_NOTES = frozenset(
    {
        "PEN113", "PEN115", "PEN294", "PEN406", "PEN407", "PEN510", "PEN511", "PEN701", "PEN702", "PEN704", "PEN705",
        "PEN706", "PEN801", "PEN802", "PEN803", "PEN804",
    }
)  # fmt: skip


def _usual(code: str) -> Severity:
    """What most findings of a code are; some depend on the dialect or on an option."""
    return Severity.INFO if code in _NOTES else Severity.WARNING if code in _WARNINGS else Severity.ERROR


CODES: dict[str, Code] = {code: Code(code, title, mend, _usual(code)) for code, title, mend in _TABLE}


ASKED = frozenset({"PEN407", "PEN801", "PEN802", "PEN803", "PEN804"})
"""Codes that are told only where a repository asks for them."""

FIXED = {
    "PEN103": True, "PEN111": True, "PEN114": True, "PEN115": True, "PEN202": False, "PEN203": True, "PEN205": False,
    "PEN208": True,
    "PEN210": False, "PEN229": False, "PEN294": True, "PEN302": False, "PEN304": True, "PEN401": False, "PEN402": False,
    "PEN605": False, "PEN701": True, "PEN702": True, "PEN704": True,
}  # fmt: skip
"""Codes of findings that may bring the edit that mends them: whether it can be a safe one, or is to be asked for."""

UNREADABLE_CATALOG = "PEN295"
"""A catalogue is data that flows are judged by: without it no finding would be true, so this is raised."""

_REFERENCES = frozenset({"PEN204", "PEN229"})


def is_unalterable(code: str) -> bool:
    """Whether errors with this code cannot be ignored or softened, because such a flow could not be read.

    One with a wrong reference can be, and fails where it is rendered.
    """
    return code.startswith(("PEN1", "PEN2")) and code not in _REFERENCES


def help_for(code: str) -> str | None:
    """What to do about a finding that says nothing of its own; None for a code of another room."""
    known = CODES.get(code)
    return known.help if known is not None else None
