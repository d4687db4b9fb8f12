"""Files judged, each alone: read, held against schemas, rules and advice. Many are shared among processes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from penstock.flow.catalogue.catalog import Catalog
from penstock.flow.codes import is_unalterable
from penstock.flow.parse import ParsedFlow, parse_flow
from penstock.flow.reading.comments import ignored
from penstock.validation.advice import ADVICE, ASKED
from penstock.validation.codec import VERDICT
from penstock.validation.facts import Facts
from penstock.validation.harvest import claimed, facts_of
from penstock.validation.options import Options
from penstock.validation.schedule_facts import schedules_of
from penstock.validation.shares import processes_for, shared
from penstock.validation.veil import veil_over
from penstock.validation.verdict import Verdict

PARALLEL_FROM = 60
"""From so many files on it pays to fork: a fork costs about 20 ms, a flow 1 to 2."""


def judged(texts: Sequence[bytes], catalog: Catalog, options: Options, processes: int | None) -> list[str]:
    """The verdict about each content, as one line of JSON."""
    count = processes if processes is not None else processes_for(len(texts), pays_from=PARALLEL_FROM)
    return shared(texts, partial(_judged, catalog=catalog, options=options), count)


def _judged(data: bytes, *, catalog: Catalog, options: Options) -> str:
    return json.dumps(VERDICT.write(judge(data, catalog, options)), ensure_ascii=True, separators=(",", ":"))


def judge(data: bytes, catalog: Catalog, options: Options) -> Verdict:
    """Reads one file and holds it against schemas, rules and advice."""
    parsed = parse_flow(
        data, "", catalog=catalog, dialect=options.dialect, defaults=options.defaults,
        unknown_types=options.unknown_types,
    )  # fmt: skip
    found, survey = parsed.found, parsed.survey
    if survey is not None:
        survey.found.clear()
        survey.cut = 0
        survey.hold_against((*ADVICE, *(ASKED[code] for code in options.asked_for if code in ASKED)))
        found = (*found, *survey.found)
    found = veil_over(found, parsed.document.line).over(tuple(dict.fromkeys(found)))
    schedules = schedules_of(survey) if survey is not None else ()
    return Verdict(parsed.is_flow, found, _facts(parsed), ignored(parsed.document.text), schedules)


def _facts(parsed: ParsedFlow) -> Facts | None:
    """Also of a file that is broken: whoever calls that flow calls one that is there. What it takes and gives is not
    known before it is mended."""
    facts = facts_of(parsed) or (claimed(parsed.document) if not parsed.document.is_sound else None)
    if facts is not None and any(one.is_error and is_unalterable(one.code) for one in parsed.found):
        return replace(facts, inputs=None, outputs=None)
    return facts
