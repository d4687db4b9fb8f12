"""The verdict about every file: the one that is kept, or else a new one, which then is."""

from __future__ import annotations

import json

from penstock.flow.catalogue.catalog import Catalog
from penstock.validation.codec import VERDICT
from penstock.validation.kept import Shelf
from penstock.validation.options import Options
from penstock.validation.sources import Contents
from penstock.validation.verdict import Verdict


def verdicts_for(
    shelf: Shelf, contents: Contents, catalog: Catalog, options: Options | None, processes: int | None
) -> tuple[dict[str, Verdict], int]:
    """By the ids of contents, and how many were not kept. The same content is judged once, wherever it lies."""
    verdicts: dict[str, Verdict] = {}
    missing: dict[str, str] = {}
    for file, id_ in contents.ids.items():
        if id_ in verdicts or id_ in missing:
            continue
        line = shelf.verdict(id_)
        verdict = _read(line) if line is not None else None
        if verdict is None:
            missing[id_] = file
        else:
            verdicts[id_] = verdict
    if missing:
        from penstock.validation.judging import judged  # only where something is to be judged

        lines = judged(contents.of(list(missing.values())), catalog, options or Options(), processes)
        found = dict(zip(missing, lines, strict=True))
        verdicts |= {id_: VERDICT.read(json.loads(line)) for id_, line in found.items()}
        shelf.keep_verdicts(found)
    return verdicts, len(missing)


def _read(line: str) -> Verdict | None:
    try:
        return VERDICT.read(json.loads(line))
    except (ValueError, TypeError, KeyError, IndexError):  # whatever it is, it can be had anew
        return None
