"""What is heard in the log of a step: our commands, and nobody else's, also after a bug."""

from __future__ import annotations

import io

import pytest

from action_runner.log import Annotation
from action_runner.log import Log as Heard
from penstock_cli.github.log import Log

HOSTILE = "::error::owned\n  ::set-env name=A::b\r::add-path::/tmp\n##[add-path]/tmp\n::stop-commands::x"


def heard(stream: io.StringIO) -> Heard:
    log = Heard()
    log.hear(stream.getvalue())
    return log


def test_lines_are_lines_and_commands_are_ours() -> None:
    stream = io.StringIO()
    log = Log(stream)
    with log.quoted():
        log.say(HOSTILE)
        stream.write(HOSTILE + "\n")
        log.fold(HOSTILE, [HOSTILE])
        log.annotate("error", HOSTILE, title=HOSTILE, file=f"a,b:{HOSTILE}", places="line=3,col=1")
    stream.write("::notice::after\n")
    found = heard(stream)
    assert found.forbidden == []
    assert len(found.groups) == 1
    assert [one.severity for one in found.annotations] == ["error", "notice"]
    first, last = found.annotations
    assert first.message.startswith("::error::owned\n  ::set-env name=A::b")
    assert {name: first.properties[name] for name in ("line", "col")} == {"line": "3", "col": "1"}
    assert set(first.properties) == {"file", "line", "col", "title"}
    assert last == Annotation("notice", "after", {})


def test_after_a_bug_nothing_is_heard() -> None:
    stream = io.StringIO()
    with pytest.raises(ZeroDivisionError), Log(stream).quoted():
        raise ZeroDivisionError
    stream.write(HOSTILE)
    assert heard(stream).annotations == []
    assert heard(stream).forbidden == []


def test_what_quotes_for_itself_is_heard() -> None:
    stream = io.StringIO()
    log = Log(stream)
    with log.quoted():
        with log.heard():
            stream.write("::group::a task\n")
        stream.write("::group::not me\n")
    assert heard(stream).groups == ["a task"]


def test_no_token_is_used_twice() -> None:
    texts = []
    for _ in range(2):
        stream = io.StringIO()
        with Log(stream).quoted():
            pass
        texts.append(stream.getvalue())
    assert texts[0] != texts[1]
