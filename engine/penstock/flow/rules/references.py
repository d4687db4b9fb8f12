"""What expressions refer to: variables that are ever there, inputs, variables and tasks that the flow has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock.diagnostic import Edit, Range, Severity, did_you_mean
from penstock.flow.defaults import PROPERTIES
from penstock.flow.mends import meant, replacing
from penstock.flow.rules.names import Declared, asked_on_resume, declared, near, spelled, variables_of
from penstock.flow.rules.templates import Dash, Piece, Written, gravity, templates
from penstock.flow.survey import Survey

if TYPE_CHECKING:  # only for speed: a flow without expressions is judged without their package
    from penstock.expression import Path as ReadPath

_NOUNS = {"inputs": "input", "vars": "variable", "tasks": "task", "outputs": "task", "labels": "label"}
_FLOW_TRIGGER = "io.kestra.plugin.core.trigger.Flow"
_SET_VARIABLES = "io.kestra.plugin.core.execution.SetVariables"
_SUBFLOW = "io.kestra.plugin.core.flow.Subflow"
_WITHOUT_OUTPUTS = frozenset({"triggers", "inputs", "checks"})
"""Where `outputs` is nothing yet, or what another execution left."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One path that an expression reads, where it stands; `start` is the offset of its tag in the text."""

    written: Written
    start: int
    path: ReadPath

    @property
    def root(self) -> str:
        return str(self.path.parts[0])

    @property
    def name(self) -> str | None:
        """The constant behind the variable: of an input, a task, …"""
        second = self.path.parts[1] if len(self.path.parts) > 1 else None
        return second if isinstance(second, str) else None


def suspects(survey: Survey) -> tuple[Reference, ...]:
    """Every path that must be there when it is evaluated, but for those that plainly are: most of a flow's are.

    What `??`, `default` and the like catch is left out, and so are the parts of names with dashes that lack brackets.
    """
    known = survey.once(declared)
    variables = variables_of(survey.dialect)
    plain = {"inputs": known.names("inputs"), "vars": known.names("vars"), "labels": known.labels}
    found = []
    for written in survey.once(templates):
        if _is_of_another(written):
            continue
        for start, piece in written.pieces:
            torn = _torn(survey, known, piece) if piece.dashes else frozenset[int]()
            for at, path in enumerate(piece.paths):
                root = path.parts[0]
                is_plain = root in variables and (
                    root not in _NOUNS
                    or len(path.parts) == 1
                    or (path.parts[1] in plain.get(str(root), ()) and (root != "vars" or len(path.parts) == 2))
                )
                if not (is_plain or path.optional or at in torn):
                    found.append(Reference(written, start, path))
    return tuple(found)


def _is_of_another(written: Written) -> bool:
    """Whether it is rendered over another execution, or judged in another place.

    Conditions and Flow triggers look at whatever started them, as a trigger without a schema may (Kestra core,
    FlowTriggerService); the outputs of a Subflow are rendered where the subflow has ended, and plugin defaults are
    judged in the tasks that take them.
    """
    site = written.site
    if site is None:
        return not written.is_whole and written.path[0] in PROPERTIES
    if site.type == _SUBFLOW:
        return not written.is_whole and written.path[len(site.path)] == "outputs"
    if site.group == "condition" or site.type == _FLOW_TRIGGER:
        return True
    return site.group == "trigger" and not written.rendered


def _sees(one: Reference) -> bool:
    """Whether the type of the part gives a variable of that name to the expressions of this property."""
    site = one.written.site
    if site is None or site.info is None or one.written.is_whole:
        return False
    own = site.info.sees.get(str(one.written.path[len(site.path)]), ())
    return one.root in own or "*" in own


def known_variables(survey: Survey) -> None:
    """PEN302: the first name of a path is a variable that is ever there.

    What only the type itself knows to render may see variables of its own, and where a part is not evaluated every
    time a name that is nowhere may be meant to fail: there only a slip is told.
    """
    variables = variables_of(survey.dialect)
    for one in survey.once(suspects):
        if one.root in variables or _sees(one):
            continue
        hint = did_you_mean(one.root, variables)
        is_certain = bool(one.written.rendered) and not one.path.conditional
        if not is_certain and hint is None:
            continue
        severity = gravity(survey, one.written, conditional=not is_certain)
        likely = meant(one.root, variables) if hint is not None else None
        _report(
            survey, one, "PEN302", f"there is no variable `{one.root}`", len(one.root), hint, severity,
            (one.root, likely),
        )  # fmt: skip


def known_names(survey: Survey) -> None:
    """PEN229: an input, a variable, a task is one of the flow's. Labels come from elsewhere too, so a slip is noted.

    A variable that is a mapping is followed into it, as far as it says what it holds.
    """
    known = survey.once(declared)
    for one in survey.once(suspects):
        name = one.name
        if name is None or one.root not in _NOUNS or _has(survey, known, one, name):
            continue
        lack = _lack(survey, one.path.parts[1:]) if one.root == "vars" else None
        shown = ".".join(map(str, lack)) if lack else _shown(one, known)
        hint = near(one.root, shown, _names_beside(survey, lack) if lack else known.names(one.root))
        severity = gravity(survey, one.written, conditional=one.path.conditional)
        if one.path.conditional and hint is None:
            severity = Severity.INFO
        if one.root == "labels":
            if hint is None:
                continue
            severity = Severity.INFO
        elif one.root in ("tasks", "outputs") and not known.is_whole:
            severity = Severity.WARNING
        noun = _NOUNS[one.root]
        width = one.path.width if lack or len(one.path.parts) == 2 else len(spelled(one.root, name))
        likely = meant(shown, known.names(one.root)) if hint is not None else None
        _report(
            survey, one, "PEN229", f"the flow has no {noun} `{shown}`", width, hint, severity,
            (spelled(one.root, shown), spelled(one.root, likely) if likely else None),
        )  # fmt: skip


def _shown(one: Reference, known: Declared) -> str:
    """The name as far as it must be told: of an input within a group, with the group."""
    keys = one.path.parts[1:]
    if one.root != "inputs" or len(keys) < 2 or not any(key[0] == keys[0] for key in known.inputs or ()):
        return str(keys[0])
    return ".".join(str(key) for key in keys)


def _has(survey: Survey, known: Declared, one: Reference, name: str) -> bool:
    written = one.written
    match one.root:
        case "inputs":
            if known.has_input(one.path.parts[1:]):
                return True
            return "onResume" in written.path and name in asked_on_resume(survey, written.path)
        case "vars":
            return known.vars is None or (name in known.vars and _lack(survey, one.path.parts[1:]) is None)
        case "labels":
            return not known.labels or name in known.labels or any(key.startswith(f"{name}.") for key in known.labels)
    if not written.is_whole and written.path[0] in _WITHOUT_OUTPUTS:
        return True
    return known.task(name) is not None


def _lack(survey: Survey, keys: tuple[str | int | None, ...]) -> tuple[str | int | None, ...] | None:
    """The first keys, up to that which leads to no variable within mappings that are written down; None if none is."""
    value = survey.flow.get("variables")
    if any(site.type == _SET_VARIABLES for site in survey.tasks):
        return None  # it may change what lies within
    for at, key in enumerate(keys):
        if not isinstance(value, dict) or not value or key is None:
            return None
        if key not in value:
            return keys[: at + 1] if at > 0 else None
        value = value[key]
    return None


def _names_beside(survey: Survey, lack: tuple[str | int | None, ...]) -> frozenset[str]:
    """The names of variables that stand where one is lacking."""
    value = survey.flow["variables"]
    for key in lack[:-1]:
        value = value[key]
    return frozenset(".".join(map(str, (*lack[:-1], key))) for key in value)


def dashes_have_brackets(survey: Survey) -> None:
    """PEN304: a name with a dash behind a dot is read as a subtraction."""
    known = survey.once(declared)
    for written in survey.once(templates):
        for start, piece in written.pieces:
            for dash in piece.dashes:
                if not _is_torn(survey, known, piece, dash):
                    continue
                path = piece.paths[dash.at]
                root = str(path.parts[0])
                right = spelled(root, dash.name) if len(path.parts) == 2 else f"…['{dash.name}']"
                where = written.range(survey.document, start + path.offset, dash.width)
                survey.report(
                    "PEN304", f"`{dash.name}` behind a dot is a subtraction: its dashes need brackets", written.path,
                    hint=f"write `{right}`", severity=gravity(survey, written, conditional=path.conditional),
                    where=where, fix=_bracketed(survey, known, written, where, dash.name, root),
                )  # fmt: skip


def _torn(survey: Survey, known: Declared, piece: Piece) -> frozenset[int]:
    """The indexes of paths that are parts of names with dashes."""
    return frozenset(
        index
        for dash in piece.dashes
        if _is_torn(survey, known, piece, dash)
        for index in range(dash.at, dash.at + dash.swallowed + 1)
    )


def _is_torn(survey: Survey, known: Declared, piece: Piece, dash: Dash) -> bool:
    """A dash is meant where the whole name is declared, or where what follows the dash is no variable."""
    path = piece.paths[dash.at]
    if len(path.parts) == 2 and dash.name in known.names(str(path.parts[0])):
        return True
    behind = piece.paths[dash.at + 1 : dash.at + 1 + dash.swallowed]
    variables = variables_of(survey.dialect)
    return any(other.parts[0] not in variables for other in behind)


def _bracketed(survey: Survey, known: Declared, written: Written, where: Range, name: str, root: str) -> Edit | None:
    """A name with dashes put into brackets; of one that the flow does not declare, nobody knows how far it goes."""
    document = survey.document
    text = document.between(where)
    before = text.removesuffix(f".{name}")
    if before == text:
        return None
    place = document.find(written.path)
    single = place is not None and not written.is_key and document.text[place[0] : place[0] + 1] == "'"
    quote = '"' if single else "'"
    safe = before == root and name in known.names(root)
    return Edit(where, f"{before}[{quote}{name}{quote}]", safe)


def _report(
    survey: Survey, one: Reference, code: str, message: str, width: int, hint: str | None, severity: Severity,
    slip: tuple[str, str | None],
) -> None:  # fmt: skip
    """`slip` is what is written, and what must have been meant."""
    where = one.written.range(survey.document, one.start + one.path.offset, width)
    written, likely = slip
    fix = replacing(survey.document, where, written, likely, safe=False) if likely else None
    survey.report(code, message, one.written.path, hint=hint, severity=severity, where=where, fix=fix)
