"""A repository with a pull request, checked out as GitHub checks it out, and a job that uses our actions in it."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from action_runner.doubles import Services
from action_runner.runner import Job, Outcome, use_action
from conftest import ROOT
from fakes.git import git
from github_api import GithubApi
from program import NO_ENGINE

ACTIONS = ROOT / "action"
NUMBER = 7

GOOD = """\
id: etl
namespace: company.team
tasks:
  - id: hello
    type: io.kestra.plugin.core.log.Log
    message: Hello
"""
BROKEN = GOOD + "    levl: INFO\n"


@dataclass
class PullRequest:
    """`base` is what is there, `head` what the pull request proposes; `merge` is what GitHub checks out."""

    folder: Path
    api: GithubApi
    title: str = "A change"
    branch: str = "change"
    author: str = "ada"
    repository: str = "team/flows"
    runs: int = 0
    base: str = ""
    head: str = ""
    merge: str = ""
    env: dict[str, str] = field(default_factory=dict)

    @property
    def workspace(self) -> Path:
        return self.folder / "work"

    def make(self, before: Mapping[str, str], after: Mapping[str, str]) -> PullRequest:
        """The files before, and those that the pull request adds or changes; an empty text deletes one."""
        self.workspace.mkdir(parents=True)
        git("init", "--quiet", "--initial-branch=main", cwd=self.workspace)
        self.base = self._commit(before, "before")
        git("checkout", "--quiet", "-b", "proposed", cwd=self.workspace)
        self.head = self._commit(after, "after")
        git("checkout", "--quiet", "--detach", self.base, cwd=self.workspace)
        git("merge", "--quiet", "--no-ff", "--message", "merge", self.head, cwd=self.workspace)
        self.merge = git("rev-parse", "HEAD", cwd=self.workspace)
        self.api.pulls[NUMBER] = {"number": NUMBER, "head": {"sha": self.head}}
        return self

    def event(self) -> dict[str, Any]:
        return {
            "action": "synchronize",
            "pull_request": {
                "number": NUMBER,
                "title": self.title,
                "user": {"login": self.author},
                "base": {"sha": self.base, "ref": "main", "repo": {"full_name": "team/flows"}},
                "head": {"sha": self.head, "ref": self.branch, "repo": {"full_name": self.repository}},
            },
        }

    def use(
        self,
        name: str,
        given: Mapping[str, str] | None = None,
        *,
        event_name: str = "pull_request",
        event: Mapping[str, Any] | None = None,
        commit: str | None = None,
    ) -> Outcome:
        """Use `action/<name>` in a job of its own; an empty name is the action that does the usual."""
        told = dict(self.event() if event is None else event)
        return use_action(ACTIONS / name, self.job(event_name, told, commit or self.merge), given)

    def job(
        self,
        event_name: str,
        event: Mapping[str, Any],
        commit: str,
        *,
        services: Services | None = None,
        own: Mapping[str, Path] | None = None,
    ) -> Job:
        """A job at a commit that is checked out, with an event that GitHub would tell."""
        self.runs += 1
        temp = self.folder / f"temp-{self.runs}"
        temp.mkdir(parents=True)
        installed(temp / "penstock-home" / "bin" / "penstock")
        (temp / "event.json").write_text(json.dumps(event), encoding="utf-8")
        github = {
            "event_name": event_name,
            "event": event,
            "event_path": str(temp / "event.json"),
            "repository": "team/flows",
            "workspace": str(self.workspace),
            "sha": commit,
            "ref": "refs/pull/7/merge",
            "head_ref": self.branch,
            "actor": self.author,
            "run_id": str(self.runs),
            "token": self.api.token,
            "api_url": self.api.url,
            "server_url": "https://github.example",
        }
        env = {"DOCKER_HOST": NO_ENGINE, "PENSTOCK_DATA": str(temp / "data"), **self.env}
        return Job(self.workspace, temp, services or Services(self.folder / "services"), github, env, own=own or {})

    def _commit(self, files: Mapping[str, str], message: str) -> str:
        for name, text in files.items():
            path = self.workspace / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if text:
                path.write_text(text, encoding="utf-8")
            else:
                path.unlink()
        git("add", "--all", cwd=self.workspace)
        git("commit", "--quiet", "--allow-empty", "--message", message, cwd=self.workspace)
        return git("rev-parse", "HEAD", cwd=self.workspace)


def installed(program: Path) -> None:
    """What an installation would bring: the program that is tested, where it is looked for."""
    program.parent.mkdir(parents=True, exist_ok=True)
    paths = ":".join(str(ROOT / name) for name in ("engine", "cli", "schemas"))
    program.write_text(
        f'#!/bin/sh\nPYTHONPATH={shlex.quote(paths)} exec {shlex.quote(sys.executable)} -m penstock_cli "$@"\n'
    )
    program.chmod(0o755)
