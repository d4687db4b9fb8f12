"""The programs of the stage: scripts of a few words, which take virtual time alone.

sleep SECONDS     echo WORDS [> FILE]     cat FILE     exit CODE     true     false
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from fakes.runner import Program, Running, ScriptedRunner
from penstock.ports.runner import Ending, Exit, Halt, Stream, Tail
from stage.machine import Machine

STOPPED = 143
"""What a shell says of a program that was told to stop."""


@dataclass
class _Script:
    """One run of a script."""

    running: Running
    machine: Machine
    halt: Halt
    fails_fast: bool = False

    def run(self) -> int:
        code = 0
        for line in self.running.argv[-1].splitlines():
            for part in line.split(";"):
                words = shlex.split(part)
                if words == ["set", "-e"]:
                    self.fails_fast = True
                elif words and words[0] == "exit":
                    return int(words[1]) if len(words) > 1 else code
                elif words:
                    code = self.do(words)
                    if self.running.stop.is_set() or (code and self.fails_fast):
                        return code
        return code

    def do(self, words: list[str]) -> int:
        match words:
            case ["sleep", seconds]:
                return self.sleep(float(seconds))
            case ["echo", *said, ">", path]:
                self.running.files[path] = (" ".join(said) + "\n").encode()
            case ["echo", *said]:
                self.running.out((" ".join(said) + "\n").encode())
            case ["cat", path]:
                if path not in self.running.files:
                    self.running.err(f"cat: {path}: No such file or directory\n".encode())
                    return 1
                self.running.out(self.running.files[path])
            case ["true"]:
                pass
            case ["false"]:
                return 1
            case _:
                self.running.err(f"sh: 1: {words[0]}: not found\n".encode())
                return 127
        return 0

    def sleep(self, seconds: float) -> int:
        if self.machine.sleep(seconds, self.halt):
            self.running.stop.set()
            return STOPPED
        return 0


def _never(_: Running) -> int:
    raise AssertionError("programs of the stage are run where they are followed")


class StageRunner(ScriptedRunner):
    """Runs a script in the thread of whoever follows it."""

    def __init__(self, machine: Machine) -> None:
        super().__init__({"/bin/sh": _never})
        self._machine = machine

    def _spawn(self, program: Program, running: Running) -> None:
        return

    def follow(self, name: str, tail: Tail, halt: Halt, *, offsets: Mapping[Stream, int]) -> Exit:
        running = self._running.get(name)
        if running is not None and running.exit is None:
            code = _Script(running, self._machine, halt).run()
            ending = Ending.STOPPED if running.stop.is_set() else Ending.EXITED
            running.exit, running.ended = Exit(ending, code, None), running.began
        return super().follow(name, tail, halt, offsets=offsets)
