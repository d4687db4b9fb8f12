"""Verdicts as rows of plain values, for JSON, and back.

What was written by another version is not read: whoever keeps it files it under a fingerprint of the program. Any
other text that is no verdict raises ValueError, TypeError, KeyError or IndexError.
"""

from __future__ import annotations

from penstock.flow.reading.comments import Comment, Named
from penstock.validation.facts import Awaited, Call, DeclaredInput, Facts, FlowTrigger, Given, Kept, Read, Stored
from penstock.validation.finding_rows import FINDING, NAME, PLAIN, RANGE, TEXTS, Codec, many, maybe, row
from penstock.validation.schedule_facts import ScheduleFacts
from penstock.validation.verdict import Verdict

_INPUT = row(DeclaredInput, id=PLAIN, is_needed=PLAIN)
_READ = row(Read, name=PLAIN, at=RANGE, is_conditional=PLAIN)
_STORED = row(Stored, namespace=PLAIN, name=PLAIN, at=RANGE)
_KEPT = row(Kept, namespace=PLAIN, name=PLAIN)
_BELOW: Codec[tuple[Given, ...]] = Codec(
    lambda given: [_GIVEN.write(one) for one in given], lambda rows: tuple([_GIVEN.read(one) for one in rows])
)
_GIVEN: Codec[Given] = row(Given, name=PLAIN, at=RANGE, below=_BELOW)
_CALL = row(
    Call, flow=NAME, namespace_at=RANGE, flow_at=RANGE, given=maybe(_BELOW), is_open=PLAIN, inputs_at=RANGE,
    is_conditional=PLAIN, revision=PLAIN, revision_at=maybe(RANGE), reads=many(_READ),
)  # fmt: skip
_AWAITED = row(Awaited, flow=NAME, namespace_at=RANGE, flow_at=RANGE, suffices=PLAIN)
_TRIGGER = row(FlowTrigger, id=PLAIN, awaited=many(_AWAITED), is_open=PLAIN, reads=many(_READ), task_reads=many(_READ))
FACTS = row(
    Facts, name=NAME, at=RANGE, inputs=maybe(many(_INPUT)), outputs=maybe(TEXTS), calls=many(_CALL),
    triggers=many(_TRIGGER), trigger_reads=many(_READ), files_read=many(_STORED), files_kept=many(_KEPT),
    keys_read=many(_STORED), keys_kept=many(_KEPT), tasks=maybe(TEXTS),
)  # fmt: skip
_NAMED = row(Named, code=PLAIN, range=RANGE)
_COMMENT = row(
    Comment, range=RANGE, named=many(_NAMED), first=PLAIN, last=PLAIN, reason=PLAIN, whole=maybe(RANGE),
    is_within=PLAIN,
)  # fmt: skip
_SCHEDULE: Codec[ScheduleFacts] = Codec(ScheduleFacts.to_data, lambda data: ScheduleFacts.from_data(data, ""))
VERDICT = row(
    Verdict, is_flow=PLAIN, found=many(FINDING), facts=maybe(FACTS), comments=many(_COMMENT), schedules=many(_SCHEDULE)
)
