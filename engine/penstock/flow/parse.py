"""A flow file to a Flow, with everything that is wrong with it: read, defaults merged, schemas, rules, build."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from penstock.diagnostic import Diagnostic, Edit, FlowName, Range, Severity, did_you_mean, ordered
from penstock.errors import NotFound, UserError
from penstock.flow.catalogue.catalog import Catalog
from penstock.flow.codes import is_unalterable
from penstock.flow.defaults import Default, merge_defaults, own_defaults
from penstock.flow.judge import judge_of
from penstock.flow.mends import bare, quoted, replacing
from penstock.flow.reading.comments import Heeded, ignored
from penstock.flow.reading.document import Document, read_document
from penstock.flow.rules import OF_EXPRESSIONS, RULES
from penstock.flow.rules.declared import inputs
from penstock.flow.rules.templates import alone
from penstock.flow.survey import Survey, take_survey
from penstock.flow.words import Dialect, InputType

if TYPE_CHECKING:  # who only judges flows builds none
    from penstock.flow.judging.violations import Violation
    from penstock.flow.model import Flow

_NOT_RENDERED = "no expression is rendered here: write the value itself"
_ROOT_KEYS = ("id", "namespace", "tasks")


@dataclass(slots=True)
class ParsedFlow:
    """What came of one file. `diagnostics` are in reading order; `document` is as written, without defaults merged.

    `found` is all that was found, in no order, and what comments ignore too.
    """

    document: Document
    diagnostics: tuple[Diagnostic, ...]
    digest: str
    name: FlowName | None = None
    is_flow: bool = True
    survey: Survey | None = field(default=None, repr=False)
    found: tuple[Diagnostic, ...] = field(default=(), repr=False)
    _flow: Flow | None = field(default=None, repr=False)

    @property
    def is_valid(self) -> bool:
        return self.survey is not None and not any(found.is_error for found in self.diagnostics)

    @property
    def flow(self) -> Flow | None:
        """The flow, built when first asked for; None when there is any error, or when the file is no flow."""
        if self._flow is None and self.is_valid and self.survey is not None:
            from penstock.flow.build import build_flow  # who only judges flows builds none

            self._flow = build_flow(self.survey, self.digest)
        return self._flow

    def judge(self, template: str, task: str | None = None) -> tuple[Diagnostic, ...]:
        """What is wrong with `template` as a property of a task of this flow, or of the flow itself, in reading order.

        The places are those of the template alone. Raises UserError when this is no flow, NotFound without the task.
        """
        survey = self.survey
        if survey is None:
            raise UserError(f"{self.document.path} is no flow that can be read", help="`penstock validate` says why")
        site = next((site for site in survey.tasks if site.id == task), None) if task is not None else None
        if task is not None and site is None:
            known = [site.id for site in survey.tasks if site.id is not None]
            raise NotFound(f"the flow has no task `{task}`", help=did_you_mean(task, known))
        judged = alone(survey, template, site)
        for rule in OF_EXPRESSIONS:
            rule(judged)
        return tuple(ordered(dict.fromkeys(judged.found)))


def parse_flow(
    source: bytes | str,
    path: str,
    *,
    catalog: Catalog,
    dialect: Dialect = Dialect.AUTO,
    defaults: Sequence[Default] = (),
    unknown_types: Severity | None = Severity.ERROR,
) -> ParsedFlow:
    """Reads one flow. Never raises for what the file holds.

    `path` is how diagnostics name the file. `defaults` are plugin defaults from outside the flow, the strongest
    first; the flow's own win over them. `unknown_types` is the severity of a type that the catalogue does not know;
    None ignores it.
    """
    data = source.encode("utf-8", "surrogatepass") if isinstance(source, str) else source
    digest = sha256(data).hexdigest()
    document = read_document(source, path)
    root = document.value
    if not document.is_sound:
        read = document.diagnostics
        return ParsedFlow(document, kept(document, read), digest, _name(root), found=read)
    found = list(document.diagnostics)
    if not isinstance(root, dict) or not any(key in root for key in _ROOT_KEYS):
        found.append(_no_flow(document, root))
        return ParsedFlow(document, tuple(found), digest, is_flow=False, found=tuple(found))
    survey = Survey(document, root, catalog, dialect, unknown_types)
    own = own_defaults(root, document.place)
    if own or defaults:
        merged, place = merge_defaults(root, document.place, [*own, *defaults], catalog.canonical)
        survey.document, survey.flow = replace(document, value=merged, place=place), merged
    is_whole = survey.hold_against((take_survey, _hold_against_schemas, *RULES))
    found += survey.found
    known = survey if is_whole else None
    return ParsedFlow(document, kept(document, found), digest, survey.name, survey=known, found=tuple(found))


def _hold_against_schemas(survey: Survey) -> None:
    judge = judge_of(survey.catalog)
    for path, raw in inputs(survey):
        kind = raw.get("type")
        if isinstance(kind, str) and kind in InputType.__members__:
            _report(survey, path, judge.input(kind, raw))
        else:  # a rule tells of the type; what every input must have is judged all the same
            faults = judge.input("STRING", raw)
            _report(survey, path, [one for one in faults if one.path == ("id",) or one.message == "`id` is missing"])
    for site in survey.everything():
        if site.info is not None and site.info.has_schema:
            _report(survey, site.path, judge.typed(site.info.name, site.raw))
    _report(survey, (), judge.flow(survey.flow))


def _report(survey: Survey, path: tuple[str | int, ...], faults: list[Violation]) -> None:
    for fault in faults:
        whole = (*path, *fault.path)
        if fault.code == "PEN202" and whole[:-1] in survey.faulty:
            continue  # the mapping is told to be another thing than it should be: what it has is not the point
        if fault.at_key:
            _report_key(survey, whole, fault)
        elif not survey.is_faulty(whole):
            hint = _NOT_RENDERED if _holds_template(survey.flow, whole) else fault.help
            survey.report(fault.code, fault.message, whole, hint=hint, fix=_mend(survey, whole, fault))


def _report_key(survey: Survey, path: tuple[str | int, ...], fault: Violation) -> None:
    """A key that is missing or unknown. One that is missing is told where it stands a level too deep, if it does."""
    if fault.missing == "type" and survey.is_faulty(path):
        return  # the survey has told it
    if fault.code == "PEN202" and fault.help is None and len(path) == 1:
        fault = replace(fault, help="`penstock schema` tells what a flow may have")
    elif fault.code == "PEN202" and fault.meant is None and _is_from_defaults(survey, path):
        taker = _value_at(survey.flow, path[:-1])
        noun = f"`{taker.get('id') or taker.get('type')}`" if isinstance(taker, dict) else "a task"
        fault = replace(fault, help=f"a plugin default gives it to {noun}, whose type has no such property")
    holder = fault.missing and _holder_of(survey.flow, path, fault.missing)
    if holder and fault.missing:
        hint = f"it stands within `{holder}`, a level too deep"
        survey.report(fault.code, fault.message, (*path, holder, fault.missing), at_key=True, hint=hint)
    else:
        survey.report(
            fault.code, fault.message, path, at_key=True, hint=fault.help, fix=_mend(survey, path, fault)
        )  # fmt: skip


def _is_from_defaults(survey: Survey, path: tuple[str | int, ...]) -> bool:
    """Whether a property stands elsewhere than in the mapping that has it."""
    where, around = survey.where(path, at_key=True), survey.document.range_of(path[:-1])
    return not around.start <= where.start < around.end


def _holder_of(flow: Any, path: tuple[str | int, ...], missing: str) -> str | None:
    """The property of the mapping at `path` whose own mapping has the key that the outer one lacks."""
    mapping = _value_at(flow, path)
    for name, value in mapping.items() if isinstance(mapping, dict) else ():
        if isinstance(value, dict) and missing in value and name != "values":
            return str(name)
    return None


def _mend(survey: Survey, path: tuple[str | int, ...], fault: Violation) -> Edit | None:
    """What a schema's violation plainly asks for: a slip of a name mended, a length written so, a number in quotes."""
    where, old = survey.where(path, at_key=fault.at_key), path[-1] if path else None
    if not fault.at_key:
        old = _value_at(survey.flow, path)
    if fault.is_text:
        return quoted(survey.document, where)
    if fault.is_bare:
        return bare(survey.document, where)
    if fault.meant is None or not isinstance(old, str):
        return None
    return replacing(survey.document, where, old, fault.meant, safe=fault.code == "PEN208")


def _holds_template(flow: Any, path: tuple[str | int, ...]) -> bool:
    """Whether the value at `path` is text with an expression."""
    value = _value_at(flow, path)
    return isinstance(value, str) and ("{{" in value or "{%" in value)


def _value_at(flow: Any, path: tuple[str | int, ...]) -> Any:
    """The value at a path; of what is nothing further down, the last that there was."""
    value = flow
    for step in path:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int):
            value = value[step]
    return value


def _no_flow(document: Document, root: Any) -> Diagnostic:
    """A mapping of something else, or nothing, is noted; a list or a bare value in a flow file is an error."""
    if root is None or isinstance(root, dict):
        message = "this file is no flow: it has neither `id` nor `namespace` nor `tasks`"
        return Diagnostic("PEN113", Severity.INFO, message, document.path, Range.at(1, 1), "name it in .penstockignore")
    given = "a list" if isinstance(root, list) else "a single value"
    where = document.value_range((document.place[0], document.place[0] + 1))
    return Diagnostic(
        "PEN112", Severity.ERROR, f"a flow is a mapping, and this is {given}", document.path, where, "begin with `id:`"
    )


def _name(root: Any) -> FlowName | None:
    if isinstance(root, dict) and isinstance(root.get("id"), str) and isinstance(root.get("namespace"), str):
        return FlowName(root["namespace"], root["id"])
    return None


def kept(document: Document, found: Sequence[Diagnostic]) -> tuple[Diagnostic, ...]:
    """In reading order, each once, without what comments ignore.

    Errors of reading and structure cannot be ignored.
    """
    if not found:
        return ()
    comments = Heeded(ignored(document.text))
    return tuple(ordered(one for one in dict.fromkeys(found) if not _is_ignored(one, comments)))


def _is_ignored(found: Diagnostic, comments: Heeded) -> bool:
    if found.is_error and is_unalterable(found.code):
        return False
    return comments.covers(found.code, found.range.start.line)
