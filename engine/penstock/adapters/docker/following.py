"""One follower's loop: hand over output, stop the container when asked, outlast an engine that goes away, tell the end.

What the engine does not say is unknown, and unknown is not failed: while it is away nothing is concluded until its
patience is used up. A stream that ends proves nothing either; the engine is always asked.
"""

from __future__ import annotations

import re
import signal
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from penstock.adapters.docker.engine import Away, Engine
from penstock.adapters.docker.logs import REMEMBERED, Broken, OutputStream, Pieces, ends_with, frames, kept_output
from penstock.duration import humane
from penstock.errors import Conflict, NotFound, UserError
from penstock.ports.runner import Ending, Exit, Halt, Stream, Tail

_TICK_S = 0.05
_CHECK_S = 5.0
_SOON_S, _LATER_S = 0.002, 0.25
_LINGER_S = 2.0
_AGAIN_S = 1.0
_CONNECT_S = 10.0

_RATHER_READ_AGAIN = 256 * 1024
_LAST_WORDS = 4

_STOPS_WITHIN_S = 5.0
"""So long an engine through which a container was told to end is watched: it may be the one that is stopping."""

_TOLD_BEFORE = timedelta(seconds=30)

_SIGNALS = frozenset(int(number) for number in signal.valid_signals())

Found = Mapping[str, Any]
"""What the engine tells of a container: `GET /containers/{name}/json`."""


class Following:
    """Follows one container to its end. For one thread, once."""

    def __init__(
        self,
        engine: Engine,
        name: str,
        tail: Tail,
        halt: Halt,
        offsets: Mapping[Stream, int],
        grace: timedelta | None = None,
        live: OutputStream | None = None,
    ) -> None:
        """`grace` None: the halt's. `live`: its output since it was started; None where that cannot be had."""
        self._engine = engine
        self._name = name
        self._halt = halt
        self._grace = halt.grace if grace is None else grace
        self._pieces = Pieces(self._heard, offsets)
        self._tail = tail
        self._complaint = b""
        self._live = live
        self._is_whole = self._was_live = False
        self._was_away = False
        self._stopping = False
        self._kill_at = 0.0
        self._unheard = True

    def run(self) -> tuple[Exit, Found | None]:
        """Block until the container is over and its output is handed over; how it ended, and the engine's last word.

        None instead of that where the engine has none.
        """
        try:
            found = self._asked()
            while is_running(found):
                self._listen()
                found = self._look_again()
            if has_begun(found) and not (self._is_whole and self._is_complete()):
                self._read_all()
        except NotFound:
            return Exit(Ending.LOST, reason="its container was removed by somebody else"), None
        except Away as away:
            while_ = humane(self._engine.patience)
            return Exit(Ending.LOST, reason=f"{away.message}; that is so since {while_}"), None
        finally:
            if self._live is not None:
                self._live.close()
        self._pieces.finish()
        return self._exit(found), found

    # ── output ──

    def _heard(self, stream: Stream, data: bytes, offset: int) -> None:
        """Hand over, and remember what the container's first process complained of at its very beginning."""
        if stream is Stream.STDERR and offset == len(data):
            self._complaint = data[:_MOST_COMPLAINT]
        self._tail(stream, data, offset)

    def _listen(self) -> None:
        """Hand over what comes until the stream ends or breaks. It is whole only when it ended by itself."""
        self._is_whole = False
        stream, self._live = self._live, None
        self._was_live = stream is not None
        self._pieces.begin_anew(is_live=self._was_live)
        try:
            stream = stream or self._kept(follow=True)
        except (OSError, Broken):
            self._was_away = True
            return
        try:
            checked = time.monotonic()
            while True:
                data = stream.read(_TICK_S)
                self._heed_halt()
                if data:
                    self._pieces.feed(data)
                elif data is not None:
                    self._is_whole = not self._pieces.is_within
                    return
                elif time.monotonic() - checked > _CHECK_S:
                    checked = time.monotonic()
                    if not self._still_runs():
                        return
        except (OSError, Broken):
            self._was_away = True
        finally:
            stream.close()

    def _kept(self, *, follow: bool, tail: int | None = None) -> OutputStream:
        version = self._engine.api_version
        return kept_output(self._engine.address, version, self._name, follow=follow, timeout=_CONNECT_S, tail=tail)

    def _still_runs(self) -> bool:
        """A silent stream may be one that was cut where nobody saw it. An engine that hangs is asked again later."""
        try:
            return is_running(self._engine.ask_once(lambda api: api.inspect_container(self._name)))
        except Away:
            self._was_away = True
            return True

    def _look_again(self) -> Found:
        """The stream is over: so is the container within moments, else it is listened to once more."""
        until, wait = time.monotonic() + _LINGER_S, _SOON_S
        while True:
            found = self._asked()
            if not is_running(found) or time.monotonic() > until:
                return found
            self._halt.wait(wait)
            self._heed_halt()
            wait = min(wait * 2, _LATER_S)

    def _asked(self) -> Found:
        """What the engine tells, asked until its patience is used up, and stopped meanwhile where that was wished.

        Raises Away, NotFound.
        """
        until, wait = time.monotonic() + self._engine.patience.total_seconds(), _SOON_S
        while True:
            try:
                found: Found = self._engine.ask_once(lambda api: api.inspect_container(self._name))
            except Away:
                self._was_away, self._is_whole = True, False
                if time.monotonic() > until:
                    raise
                threading.Event().wait(wait)
                wait = min(wait * 2, _AGAIN_S)
            else:
                return found

    def _read_all(self) -> None:
        """Read what is there from the beginning, until it was read to its end once."""
        until, wait = time.monotonic() + self._engine.patience.total_seconds(), _SOON_S
        while True:
            try:
                self._pieces.begin_anew()
                stream = self._kept(follow=False)
                try:
                    while data := stream.read(_CONNECT_S):
                        self._pieces.feed(data)
                finally:
                    stream.close()
            except (OSError, Broken) as broken:
                fault: Exception = broken
            else:
                # Nothing within the time, or cut short, is no end; an engine that answers now has told all.
                if data is not None and not self._pieces.is_within and self._answers():
                    return
                fault = Broken("it gave an answer that is not whole")
            if time.monotonic() > until:
                raise Away(f"the container engine does not give the output: {fault}") from fault
            threading.Event().wait(wait)
            wait = min(wait * 2, _AGAIN_S)

    def _is_complete(self) -> bool:
        """Whether nothing is missing at the end, by the last words that the engine keeps.

        What is kept and followed may be ended by its engine a little before them, and counts only when nothing repeats
        itself there; small output is rather read again as a whole.
        """
        if not self._was_live and self._pieces.received < _RATHER_READ_AGAIN:
            return False
        try:
            stream = self._kept(follow=False, tail=_LAST_WORDS if self._was_live else REMEMBERED)
            try:
                data = b""
                while more := stream.read(_CONNECT_S):
                    data += more
            finally:
                stream.close()
            if more is None:
                return False
            told = frames(data)
            return self._pieces.end_as(told) if self._was_live else ends_with(self._pieces.last, told)
        except (OSError, Broken):
            return False

    def _answers(self) -> bool:
        try:
            self._engine.ask_once(lambda api: api.inspect_container(self._name))
        except Away:
            return False
        return True

    # ── stopping ──

    def _heed_halt(self) -> None:
        if not self._stopping:
            if not self._halt.requested:
                return
            self._stopping = True
            self._kill_at = time.monotonic() + self._grace.total_seconds()
        if time.monotonic() >= self._kill_at:
            self._kill_at = time.monotonic() + _AGAIN_S
            self._send(signal.SIGKILL)
        elif self._unheard:
            self._unheard = not self._send(signal.SIGTERM)

    def _send(self, number: signal.Signals) -> bool:
        """Whether the engine has taken it. One that is away is asked again; a container that is over needs none."""
        try:
            self._engine.ask_once(lambda api: api.kill(self._name, int(number)))
        except Away:
            self._was_away = True
            return False
        except Conflict as conflict:
            if "paused" in conflict.message:
                with suppress(Away, UserError, Conflict):
                    self._engine.ask_once(lambda api: api.unpause(self._name))
                return False
        except UserError:
            return True  # it is over, or gone: the next look tells
        return True

    # ── the end ──

    def _exit(self, found: Found) -> Exit:
        state = found["State"]
        code, number = int(state.get("ExitCode") or 0), _signal_of(int(state.get("ExitCode") or 0))
        fault = str(state.get("Error") or "").strip()
        if not has_begun(found):
            if fault:
                return Exit(Ending.NOT_STARTED, reason=fault)
            return Exit(Ending.LOST, reason="its container was made, and never started")
        if state.get("OOMKilled") and number == signal.SIGKILL and not self._stopping:
            return Exit(Ending.OUT_OF_MEMORY, code, number, _memory_told(found))
        if self._stopping or self._halt.requested:
            return Exit(Ending.STOPPED, code, number)
        if number in (signal.SIGKILL, signal.SIGTERM) or code == _LOST_TRACK:
            by_engine = self._engine_began_after(found) or (
                number is not None and self._was_told_to_end(found) and self._engine_is_stopping()
            )
            if by_engine:
                return Exit(Ending.LOST, code, number, "the container engine was stopped, and its containers with it")
        if code in _NOT_EXECUTED and (said := _INIT.match(self._complaint)) is not None:
            return Exit(Ending.NOT_STARTED, code, reason=_named(found, said[1].decode(errors="replace").strip()))
        if number is not None:
            is_unsaid = number == signal.SIGKILL and self._engine.is_podman
            return Exit(Ending.KILLED, code, number, _memory_guessed(found) if is_unsaid else "")
        return Exit(Ending.EXITED, code)

    def _was_told_to_end(self, found: Found) -> bool:
        """Whether the signal came through the engine: from a person with its client, or from an engine that stops."""
        ended = moment(found["State"].get("FinishedAt"))
        if ended is None:
            return False
        since, until = ended - _TOLD_BEFORE, ended + timedelta(seconds=1)
        wanted = {"container": [found["Id"]], "event": ["kill"]}
        try:
            events = self._engine.ask_once(
                lambda api: list(api.events(since=since, until=until, filters=wanted, decode=True))
            )
        except Away:
            return True
        except UserError:
            return False
        return bool(events)

    def _engine_is_stopping(self) -> bool:
        """An engine that is being stopped ends its containers first, and still answers while it does."""
        until = time.monotonic() + _STOPS_WITHIN_S
        while time.monotonic() < until:
            try:
                self._engine.ask_once(lambda api: api.ping())
            except Away:
                return True
            threading.Event().wait(_LATER_S)
        return False

    def _engine_began_after(self, found: Found) -> bool:
        """Whether the engine that answers now was started after the container had ended.

        An engine makes its default network anew when it starts, which is the one thing that tells when that was.
        """
        try:
            network = self._engine.ask(lambda api: api.inspect_network("bridge"))
        except (Away, UserError):
            return False
        began, ended = moment(network.get("Created")), moment(found["State"].get("FinishedAt"))
        return began is not None and ended is not None and ended <= began


_NOT_EXECUTED = frozenset({1, 126, 127})
_INIT = re.compile(rb"(?:\[FATAL tini \(\d+\)\] (?:exec )?|ERROR \(catatonit:\d+\): )(.*)")
"""What the engine's own init says of a program that it cannot execute."""

_MOST_COMPLAINT = 1024

_LOST_TRACK = 255
"""What some engines report of a container that they found dead when they were started."""


def is_running(found: Found) -> bool:
    """Whether it lives, or its end is not written down yet: Podman says that it does not run before it says how it
    ended."""
    state = found["State"]
    if state.get("Running") or state.get("Paused") or state.get("Restarting"):
        return True
    # A quick one may have ended before its start was written down: the moments themselves say nothing.
    return moment(state.get("StartedAt")) is not None and moment(state.get("FinishedAt")) is None


def has_begun(found: Found) -> bool:
    return moment(found["State"].get("StartedAt")) is not None


def _named(found: Found, said: str) -> str:
    """What init complains of, with the name of the program: Podman's leaves it out."""
    program = next(iter(found["Config"].get("Cmd") or ()), "")
    return said if str(program) in said else f"{program}: {said}"


def _memory_told(found: Found) -> str:
    limit = (found.get("HostConfig") or {}).get("Memory")
    return f"it may have {int(limit) >> 20} MiB" if limit else ""


def _memory_guessed(found: Found) -> str:
    """Podman does not tell that memory was short where control groups are of version 1 (seen with 4.3)."""
    told = _memory_told(found)
    return f"{told}: perhaps that was too little, which Podman does not always say" if told else ""


def _signal_of(code: int) -> int | None:
    """A container tells a death by signal as 128 + its number, as a shell does."""
    return code - 128 if code - 128 in _SIGNALS else None


def moment(text: Any) -> datetime | None:
    """A moment as engines write it, to the microsecond; None for the one that means never."""
    if not isinstance(text, str) or not text or text.startswith("0001-"):
        return None
    whole, dot, rest = text.partition(".")
    digits = len(rest) - len(rest.lstrip("0123456789"))
    zone = rest[digits:] if dot else ""
    fraction = rest[:digits][:6].ljust(6, "0") if dot else ""
    normal = f"{whole}.{fraction}{zone}" if dot else whole
    try:
        read = datetime.fromisoformat(normal)
    except ValueError:
        return None
    return read if read.tzinfo is not None else read.replace(tzinfo=UTC)
