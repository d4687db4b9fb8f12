"""The one comment of a pull request: written where the token may, else handed over as a report."""

from __future__ import annotations

import re
from dataclasses import replace

from penstock.errors import PenstockError, Refused, UserError
from penstock_cli.exits import Exit
from penstock_cli.github import pages, report
from penstock_cli.github.conversation import Conversation, Kept, Place
from penstock_cli.github.differing import Differed, is_different
from penstock_cli.github.report import Report, read_report
from penstock_cli.github.step import Step
from penstock_cli.github.validating import Judged

_KEY = re.compile(r"[\w.-]{1,64}", re.ASCII)


def tell_pull(step: Step, judged: Judged | None, differed: Differed | None) -> None:
    """Write the report, and the comment if it may be written here. What GitHub refuses is told, and fails nothing."""
    pull = step.workflow.pull
    if pull is None:
        return
    between = step.revisions() or (pull.base, pull.head)
    told = Report(pull.number, between[0], pull.head)
    if judged is not None and judged.said is not None:
        told = told.with_validation(judged.said)
    if differed is not None and differed.said is not None:
        told = replace(told, difference=differed.said, text=differed.text)
    step.write(report.FILE, told.as_json())
    if not step.inputs.flag("comment", otherwise=True):
        return
    if pull.is_foreign:
        step.log.say("a pull request from another repository: the report waits for a workflow that may comment")
        return
    _keep(step, told)


def comment_for_another(step: Step) -> int:
    """The second half: the comment of a report that a workflow without a token to write has left.

    The report is a stranger's: it is data of one shape, of which this makes the text; and it counts only for the very
    commit that GitHub says the first workflow ran at.
    """
    told = read_report(step.folder / (step.inputs.text("report") or ".") / report.FILE)
    expected = step.workflow.triggered_by
    if expected is None or told.head != expected:
        raise Refused("the report is of another commit than the workflow that has left it: no comment is written")
    try:
        proposed = _conversation(step, told).head()
    except PenstockError as error:
        _warn(step, error)
        return Exit.FINE
    if proposed != expected:
        step.log.say(f"pull request {told.pull} is at another commit by now: no comment is written")
        return Exit.FINE
    _keep(step, told)
    return Exit.FINE


def _keep(step: Step, told: Report) -> None:
    key = step.inputs.text("comment-id") or "flows"
    if not _KEY.fullmatch(key):
        raise UserError(f"the input `comment-id` is {key!r}", help="letters, digits, `.`, `_` and `-`, at most 64")
    body = pages.comment(told, key, step.workflow.run_page)
    try:
        kept = _conversation(step, told).keep(pages.marker(key), body, only_update=not _has_news(told))
    except PenstockError as error:
        _warn(step, error)
        return
    step.log.say(f"comment {kept}" if kept is not Kept.LEFT_OUT else "nothing to tell: no comment")


def _conversation(step: Step, told: Report) -> Conversation:
    from penstock.wiring import trusted_http

    token = step.inputs.text("token")
    if not token:
        raise UserError("the input `token` is empty", help="it is `${{ github.token }}` unless you give another")
    return Conversation(trusted_http(), Place(step.workflow.api, step.workflow.repository, token), told.pull)


def _has_news(told: Report) -> bool:
    found = told.validation is not None and bool(told.validation["diagnostics"])
    return found or (told.difference is not None and is_different(told.difference))


def _warn(step: Step, error: PenstockError) -> None:
    help_ = f"\n{error.help}" if error.help else ""
    step.log.annotate("warning", step.hidden(f"{error.message}{help_}"), title="the comment was not written")
    step.workflow.summarise("> The comment of the pull request could not be written; this summary has all of it.\n\n")
