"""The front page of a results branch: a README to be browsed on a Git host, and the same as data beside it.

`latest.json` is what the README is drawn from, and what the next push goes on from: so the page tells of every run on
the branch, also where the agent's data folder is new. Whatever stands in either comes from flows, tasks and whoever may
push: it is read with suspicion, and written so that it cannot be anything but text.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from penstock.agent.results import Result, json_bytes
from penstock.duration import humane
from penstock.execution.event import Instant
from penstock.execution.state import State
from penstock.execution.variables import iso

if TYPE_CHECKING:
    from jinja2 import Template

README = "README.md"
INDEX = "latest.json"
SCHEMA_VERSION = 1

MOST_RUNS = 50
MOST_README = 90_000
"""Bytes: what is longer shows fewer runs. Git hosts show less than 512 kB, people less than that."""

LONGEST_SHOWN = 80

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_PATH = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
_LONGEST_PATH = 1_000
_LONGEST_TEXT = 300
_MEANING = re.compile(r"([!#$&()*+:<>@\[\\\]^_`{|}~]|(?<=www)\.)", re.IGNORECASE)
"""What may mean something within a line of Markdown; `-`, `.` and `/` alone do not."""

_SIGNS = {
    State.SUCCESS: "\N{WHITE HEAVY CHECK MARK}",
    State.WARNING: "\N{WARNING SIGN}\N{VARIATION SELECTOR-16}",
    State.FAILED: "\N{CROSS MARK}",
    State.KILLED: "\N{BLACK SQUARE FOR STOP}\N{VARIATION SELECTOR-16}",
    State.CANCELLED: "\N{NO ENTRY SIGN}",
    State.SKIPPED: "\N{BLACK RIGHT-POINTING DOUBLE TRIANGLE WITH VERTICAL BAR}\N{VARIATION SELECTOR-16}",
    State.RETRIED: "\N{CLOCKWISE RIGHTWARDS AND LEFTWARDS OPEN CIRCLE ARROWS}",
}


@dataclass(frozen=True, slots=True)
class Run:
    """One line of the page. `log` is where the first task that failed, `task`, has spoken."""

    id: str
    flow: str
    state: State
    created: Instant
    ended: Instant
    folder: str
    repository: str = ""
    commit: str = ""
    task: str = ""
    log: str = ""


@dataclass(frozen=True, slots=True)
class Index:
    """What the page tells: how many runs of the month ended how, and the latest of them, newest first."""

    counts: Mapping[State, int]
    runs: tuple[Run, ...] = ()

    def with_runs(self, more: Iterable[Run]) -> Index:
        """The index once `more` runs are on the branch. Those it knows already are counted once."""
        known = {run.id for run in self.runs}
        new = [run for run in more if run.id not in known]
        counts = dict(self.counts)
        for run in new:
            counts[run.state] = counts.get(run.state, 0) + 1
        latest = sorted((*self.runs, *new), key=lambda run: (run.created, run.id), reverse=True)
        return Index(counts, tuple(latest[:MOST_RUNS]))


@dataclass(frozen=True, slots=True)
class PageHead:
    """Whose results they are, where its flows are from (as may be shown), on which branch, and when it was written."""

    agent: str
    repository: str
    branch: str
    at: Instant


def run_of(result: Result) -> Run:
    execution = result.execution
    source = execution.source
    return Run(
        execution.result_id,
        str(execution.flow),
        execution.state,
        execution.created,
        execution.ended or execution.created,
        result.folder,
        str(source.get("repository") or ""),
        str(source.get("commit") or ""),
        result.failed_task or "",
        result.failed_log or "",
    )


def written(index: Index, head: PageHead) -> dict[str, bytes]:
    """The files of the page, by path."""
    return {README: readme(index, head), INDEX: _index_bytes(index, head)}


def readme(index: Index, head: PageHead) -> bytes:
    """The page in Markdown, always of less than 100 kB."""
    runs = index.runs
    while True:
        text = _rendered(replace(index, runs=runs), head).encode(errors="replace")
        if len(text) <= MOST_README or not runs:
            return text
        runs = runs[: len(runs) // 2]


# ── the same as data ──


def read_index(content: bytes | None) -> Index:
    """What a branch tells of itself; an empty one when that cannot be read. Lines that are none are left out."""
    try:
        data = json.loads(content or b"")
    except (ValueError, RecursionError):
        return Index({})
    if not isinstance(data, dict):
        return Index({})
    told = data.get("counts")
    counts = {state: told[state.value] for state in State if state.value in told} if isinstance(told, dict) else {}
    runs = data.get("runs")
    found = [_run_of(each) for each in runs[:MOST_RUNS]] if isinstance(runs, list) else []
    return Index(
        {state: count for state, count in counts.items() if type(count) is int and 0 < count < 1 << 53},
        tuple(run for run in found if run is not None),
    )


def _index_bytes(index: Index, head: PageHead) -> bytes:
    return json_bytes(
        {
            "schemaVersion": SCHEMA_VERSION,
            "agent": head.agent,
            "repository": head.repository,
            "branch": head.branch,
            "date": iso(head.at),
            "counts": {state.value: index.counts[state] for state in State if state in index.counts},
            "runs": [_run_record(run) for run in index.runs],
        }
    )


def _run_record(run: Run) -> dict[str, Any]:
    record = {
        "id": run.id,
        "flow": run.flow,
        "state": run.state.value,
        "startDate": iso(run.created),
        "endDate": iso(run.ended),
        "folder": run.folder,
        "repository": run.repository,
        "commit": run.commit,
        "failedTask": run.task,
        "failedLog": run.log,
    }
    return {key: value for key, value in record.items() if value}


def _run_of(record: Any) -> Run | None:
    if not isinstance(record, dict):
        return None
    texts = {key: value[:_LONGEST_PATH] for key, value in record.items() if isinstance(value, str)}
    try:
        created, ended = (_instant(texts[key]) for key in ("startDate", "endDate"))
        return Run(
            texts["id"][:_LONGEST_TEXT],
            texts["flow"][:_LONGEST_TEXT],
            State(texts["state"]),
            created,
            ended,
            texts["folder"],
            texts.get("repository", ""),
            texts.get("commit", ""),
            texts.get("failedTask", "")[:_LONGEST_TEXT],
            texts.get("failedLog", ""),
        )
    except (KeyError, ValueError):
        return None


def _instant(text: str) -> Instant:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None or not 2000 <= moment.year <= 9000:
        raise ValueError(f"{text} is no date of a run")
    return moment


# ── Markdown ──


class Markdown(str):
    """Text that is Markdown already; any other is escaped when it is put into the page."""

    __slots__ = ()


def escaped(text: str, longest: int = LONGEST_SHOWN) -> Markdown:
    """`text` as one line that means nothing in Markdown, HTML or to a Git host: no link, no mention, no table cell."""
    line = " ".join("".join(_visible(each) for each in text[: 4 * longest]).split())
    if len(line) > longest:
        line = line[: longest - 1].rstrip() + "…"
    line = line or "-"  # emphasis around nothing would be stars
    # Hosts look for mentions and addresses in what is left after Markdown, so `\@` would not do.
    return Markdown(_MEANING.sub(r"\\\1", line).replace("\\@", "@&#8203;"))


def _visible(each: str) -> str:
    """Controls, marks that turn the direction of text, and halves of surrogate pairs are not shown."""
    kind = unicodedata.category(each)
    if kind in ("Cf", "Cs", "Co", "Cn"):
        return "\N{REPLACEMENT CHARACTER}"
    return " " if kind[0] in "CZ" else each


def _moment(at: Instant) -> Markdown:
    return Markdown(f"{at:%Y-%m-%d %H:%M:%S}")


def _signed(state: State) -> Markdown:
    return Markdown(f"{_SIGNS.get(state, '')} {state.value}".strip())


def _link(text: str, target: str) -> Markdown:
    """A link within the branch; plain text where the path is not one that we would have made."""
    shown = escaped(text)
    if len(target) > _LONGEST_PATH or _PATH.fullmatch(target) is None:
        return shown
    return Markdown(f"[{shown}]({target})")


def _repository_link(url: str) -> Markdown:
    base = _web_address(url)
    return Markdown(f"[{escaped(url)}]({base})") if base else escaped(url)


def _commit_link(run: Run) -> Markdown:
    if _COMMIT.fullmatch(run.commit) is None:
        return Markdown("")
    base = _web_address(run.repository)
    if not base:
        return Markdown(f"`{run.commit[:7]}`")
    return Markdown(f"[`{run.commit[:7]}`]({base}/{_commits_of(base)}/{run.commit})")


def _web_address(url: str) -> str:
    """Where a repository is browsed, by its https URL; empty for any other."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    if parts.scheme != "https" or len(url) > _LONGEST_TEXT or not re.fullmatch(r"[a-z0-9.-]+", host):
        return ""
    path = quote(parts.path.removesuffix("/").removesuffix(".git"), safe="/-._~%")
    return f"https://{host}{f':{port}' if port else ''}{path}"


def _commits_of(base: str) -> str:
    host = urlsplit(base).hostname or ""
    if "gitlab" in host:
        return "-/commit"
    return "commits" if host == "bitbucket.org" else "commit"


_TEMPLATE = """\
# Results of {{ head.agent }}, {{ month }}

What the Penstock agent **{{ head.agent }}** has run in {{ month }} of the flows in {{ repository }}. \
The agent adds each run once it has ended, and is the only one to write here. \
Last written {{ head.at | moment }} UTC.

{% if counts %}
|{% for state, _ in counts %} {{ state | signed }} |{% endfor %}

|{% for _ in counts %} ---: |{% endfor %}

|{% for _, count in counts %} {{ count }} |{% endfor %}


{% endif %}
## Latest runs

{% if index.runs %}
| State | Flow | Started (UTC) | Took | Commit | Results |
| :--- | :--- | :--- | ---: | :--- | :--- |
{% for run in index.runs %}
| {{ run.state | signed }} | {{ run.flow }} | {{ run.created | moment }} | {{ run | took }} | {{ run | commit }} \
| {{ run | results }}{% if run.log %}, {{ run | log }}{% endif %} |
{% endfor %}
{% else %}
None yet.
{% endif %}

## What lies where

Each run has a folder of its own, by the hour in which it was created (UTC): \
`yyyy/mm/dd/HH/namespace/flow/execution`.

| File | What it holds |
| :--- | :--- |
| `execution.json` | the whole execution: states with their times, task runs, attempts, inputs, outputs |
| `outputs.json` | the outputs of the flow alone, when it has any |
| `logs/*.log.gz` | what each task said; read one with `zcat` |
| `files/` | files that tasks have kept; of a large one a pointer: its URI, size and SHA-256 |

The latest runs as data: [`latest.json`](latest.json). \
Nothing that runs depends on this branch: it may be deleted when nobody wants it any more.
"""


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    page = Environment(
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - HTML's escapes are not Markdown's: every value goes through `escaped`
        finalize=lambda value: value if isinstance(value, Markdown) else escaped(str(value)),
    )
    page.filters |= {
        "moment": _moment,
        "signed": _signed,
        "took": lambda run: humane(run.ended - run.created),
        "commit": _commit_link,
        "results": lambda run: _link("results", run.folder),
        "log": lambda run: _link(f"log of {run.task}", run.log),
    }
    return page.from_string(_TEMPLATE)


def _rendered(index: Index, head: PageHead) -> str:
    shown = [(state, index.counts[state]) for state in State if index.counts.get(state)]
    month = head.branch.rpartition("/")[2]
    repository = _repository_link(head.repository)
    return _template().render(head=head, index=index, counts=shown, month=month, repository=repository)
