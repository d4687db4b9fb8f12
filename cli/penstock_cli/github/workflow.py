"""The workflow that this runs in: what has happened, whose token it is, and the files that GitHub reads afterwards."""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.errors import UserError

MOST_SUMMARY_BYTES = 1_000_000
"""GitHub throws away the whole summary of a step that has more than 1 MiB."""

PULL_REQUEST = ("pull_request", "pull_request_target")
PRIVILEGED = ("pull_request_target", "workflow_run")
"""Events of which GitHub gives a token that may write, and secrets, to a workflow about somebody else's commit."""

_OBJECT_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Pull:
    """A pull request as its event tells it. `is_foreign` means that its head lies in another repository."""

    number: int
    base: str
    head: str
    is_foreign: bool


@dataclass(frozen=True, slots=True)
class Workflow:
    """What the variables of a step say (GitHub docs, "Variables reference", 2026-10).

    `before` is what a branch was at before a push; `triggered_by` is the head that another workflow was run for.
    """

    event: str
    repository: str
    workspace: Path
    temp: Path
    commit: str
    api: str
    run_page: str
    pull: Pull | None
    before: str | None
    triggered_by: str | None
    outputs: Path | None
    summary: Path | None

    @property
    def is_privileged(self) -> bool:
        return self.event in PRIVILEGED

    def tell(self, outputs: Mapping[str, str]) -> None:
        """Set outputs of the step. No value can set another one: each has an end that cannot be known beforehand."""
        if self.outputs is None:
            return
        end = f"end_{secrets.token_hex(16)}"
        text = "".join(f"{name}<<{end}\n{value}\n{end}\n" for name, value in outputs.items())
        with self.outputs.open("a", encoding="utf-8", newline="\n") as file:
            file.write(text)

    def summarise(self, markdown: str) -> None:
        """Add to the summary of the job, as far as GitHub takes it."""
        if self.summary is None:
            return
        room = MOST_SUMMARY_BYTES - (self.summary.stat().st_size if self.summary.exists() else 0)
        encoded = markdown.encode("utf-8")
        if len(encoded) > room:
            end = b"\n\n(cut: GitHub shows no more)\n"
            encoded = encoded[: max(0, room - len(end))].rpartition(b"\n")[0] + end if room > len(end) else b""
        with self.summary.open("ab") as file:
            file.write(encoded)


def read_workflow(environ: Mapping[str, str]) -> Workflow:
    """The workflow that the variables tell of. Raises UserError outside of one, or for an event that makes no sense."""
    missing = [name for name in ("GITHUB_EVENT_NAME", "GITHUB_REPOSITORY", "GITHUB_WORKSPACE") if name not in environ]
    if missing:
        raise UserError(
            f"this is no step of a GitHub workflow: {missing[0]} is not set",
            help="on your own machine use `penstock validate`, `penstock diff` and `penstock run`",
        )
    event = _event(environ.get("GITHUB_EVENT_PATH", ""))
    server = environ.get("GITHUB_SERVER_URL", "https://github.com")
    repository = environ["GITHUB_REPOSITORY"]
    return Workflow(
        event=environ["GITHUB_EVENT_NAME"],
        repository=repository,
        workspace=Path(environ["GITHUB_WORKSPACE"]),
        temp=Path(environ.get("RUNNER_TEMP") or environ["GITHUB_WORKSPACE"]),
        commit=environ.get("GITHUB_SHA", ""),
        api=environ.get("GITHUB_API_URL", "https://api.github.com").rstrip("/"),
        run_page=f"{server}/{repository}/actions/runs/{environ.get('GITHUB_RUN_ID', '')}",
        pull=_pull(event.get("pull_request"), repository),
        before=_object_id(event.get("before")),
        triggered_by=_object_id(_at(event, "workflow_run", "head_sha")),
        outputs=_file(environ, "GITHUB_OUTPUT"),
        summary=_file(environ, "GITHUB_STEP_SUMMARY"),
    )


def from_workspace(path: str, environ: Mapping[str, str]) -> str:
    """The path of a file as annotations have it: from the root of the workflow's checkout, wherever this runs."""
    workspace = environ.get("GITHUB_WORKSPACE")
    if not workspace or not Path(path).exists():
        return path
    return Path(os.path.relpath(Path(path).resolve(), Path(workspace).resolve())).as_posix()


def _event(path: str) -> Mapping[str, Any]:
    if not path or not Path(path).exists():
        return {}
    try:
        event = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path} is not the JSON of an event") from error
    return event if isinstance(event, dict) else {}


def _pull(told: object, repository: str) -> Pull | None:
    base, head, number = _at(told, "base", "sha"), _at(told, "head", "sha"), _at(told, "number")
    if not isinstance(number, int) or _object_id(base) is None or _object_id(head) is None:
        return None
    return Pull(number, str(base), str(head), is_foreign=_at(told, "head", "repo", "full_name") != repository)


def _at(value: object, *names: str) -> object:
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _object_id(value: object) -> str | None:
    """A commit's id; None for what is none, and for the zeros that stand for "there was none"."""
    return value if isinstance(value, str) and _OBJECT_ID.fullmatch(value) and set(value) != {"0"} else None


def _file(environ: Mapping[str, str], name: str) -> Path | None:
    return Path(environ[name]) if environ.get(name) else None
