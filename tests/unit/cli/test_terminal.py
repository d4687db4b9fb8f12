"""Who gets colours, and who is asked."""

from __future__ import annotations

import pytest

from penstock_cli.render.terminal import click_colour, wants_colour, watches


class Screen:
    def isatty(self) -> bool:
        return True


class Pipe:
    def isatty(self) -> bool:
        return False


@pytest.mark.parametrize(
    ("choice", "environ", "on_screen", "in_pipe"),
    [
        ("auto", {}, True, False),
        ("auto", {"TERM": "xterm"}, True, False),
        ("auto", {"TERM": "dumb"}, False, False),
        ("auto", {"NO_COLOR": "1"}, False, False),
        ("auto", {"NO_COLOR": ""}, True, False),
        ("auto", {"FORCE_COLOR": "1"}, True, True),
        ("auto", {"FORCE_COLOR": "0"}, True, False),
        ("auto", {"FORCE_COLOR": "1", "TERM": "dumb"}, True, True),
        ("auto", {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
        ("auto", {"CI": "true"}, True, False),
        ("always", {"NO_COLOR": "1", "TERM": "dumb"}, True, True),
        ("never", {"FORCE_COLOR": "1"}, False, False),
    ],
)
def test_colour_is_decided_by_choice_then_variables_then_terminal(
    choice: str, environ: dict[str, str], on_screen: bool, in_pipe: bool
) -> None:
    assert wants_colour(choice, Screen(), environ) is on_screen
    assert wants_colour(choice, Pipe(), environ) is in_pipe
    assert click_colour(choice, environ) is (on_screen if on_screen == in_pipe else None)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [({}, True), ({"TERM": "dumb"}, False), ({"CI": "true"}, False), ({"CI": "false"}, True), ({"CI": "1"}, False)],
)
def test_a_person_watches_a_terminal_that_is_not_dumb_and_not_ci(environ: dict[str, str], expected: bool) -> None:
    assert watches(Screen(), environ) is expected
    assert watches(Pipe(), environ) is False


def test_a_closed_stream_is_no_terminal(tmp_path: object) -> None:
    import io

    stream = io.StringIO()
    stream.close()
    assert wants_colour("auto", stream, {}) is False
