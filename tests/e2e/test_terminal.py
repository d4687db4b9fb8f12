"""What a person at a terminal sees and is asked: the program in a pseudo-terminal."""

from __future__ import annotations

from pathlib import Path

from terminal import Terminal
from until import until


def test_a_live_tree_shows_the_tasks_as_they_nest(tmp_path: Path) -> None:
    terminal = Terminal("run", "examples/flows/each-file.yaml", data=tmp_path)
    assert terminal.ended() == 0
    assert "count[parts/river.txt]" in terminal.shown
    assert terminal.shown.count("SUCCESS: examples.patterns/each-file") == 1
    assert "\x1b[32m" in terminal.raw


def test_a_pause_asks_until_the_answer_fits_and_goes_on(tmp_path: Path) -> None:
    terminal = Terminal("run", "examples/flows/ask-before-release.yaml", data=tmp_path)
    until(lambda: "Release it?" in terminal.text, 30)
    terminal.type("true\n")
    until(lambda: "reason (string)" in terminal.text, 30)
    terminal.type("looks good\n")
    assert terminal.ended() == 0
    assert "released release 1.4.0: looks good" in terminal.shown


def test_no_input_never_asks(tmp_path: Path) -> None:
    terminal = Terminal("--no-input", "run", "examples/flows/ask-before-release.yaml", data=tmp_path)
    assert terminal.ended() == 8
    assert "penstock executions resume" in terminal.shown
