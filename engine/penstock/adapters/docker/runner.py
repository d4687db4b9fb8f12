"""Starts programs in containers that outlive the agent, follows them, and finds them again.

What an attempt has on the engine hangs on its container, which has the attempt's name: the name is the claim (an
engine refuses a second one), its labels say whose it is, and the volume with its files goes with it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from penstock import failpoint
from penstock.adapters.docker.engine import ANSWER_WITHIN_S, Away, Engine
from penstock.adapters.docker.following import Following, Found, has_begun, is_running, moment
from penstock.adapters.docker.images import Images
from penstock.adapters.docker.logs import Broken, OutputStream, live_output
from penstock.adapters.docker.metadata import DeadEnd
from penstock.adapters.docker.rules import Rules
from penstock.adapters.docker.volumes import IMAGE_LABEL, MOUNT, WORKING_DIR, Volumes
from penstock.errors import Conflict, NotFound, UserError
from penstock.failpoint import Failpoint
from penstock.ports.container import Container
from penstock.ports.runner import Ending, Exit, Halt, Order, Runner, Stream, Tail, Tell, is_shell

OWNER_LABEL = "penstock.owner"
"""Whose container or volume it is: the id of a data folder. Nobody else's is ever touched."""

RUN_LABEL, ATTEMPT_LABEL = "penstock.run", "penstock.attempt"
_GRACE_LABEL = "penstock.kill-grace"
_STAYS_LABEL, _RUNS_ON_LABEL = "penstock.stays", "penstock.runs-on"
_YES = "yes"

_HEED = "trap 'exit 143' TERM"

_BRIEF = timedelta(seconds=5)
"""How long whoever removes something waits for an engine that is away: what is left is found by the next sweep."""

_AT_ONCE = timedelta(0)
"""An agent looks for what was left before it does anything else: an engine that is away is not waited for."""


class DockerRunner(Runner):
    """On one engine. `owner` marks what is ours; `rules` decide how a container may be."""

    def __init__(self, engine: Engine, rules: Rules, *, owner: str) -> None:
        self._engine = engine
        self._rules = rules
        self._dead_end = DeadEnd(engine)
        self._owner = owner
        self._images = Images(engine)
        self._volumes = Volumes(engine)
        self._live: dict[str, OutputStream] = {}
        self._over: dict[str, Found] = {}
        self._said: dict[str, str] = {}
        self._lock = threading.Lock()

    # ── starting ──

    def launch(self, order: Order, halt: Halt | None = None, tell: Tell | None = None) -> None:
        wish = order.container
        if wish is None:
            raise UserError("a container needs an image, and the task names none", help="give it a `containerImage`")
        body = self._body(order, wish)
        if wish.pull.value == "ALWAYS":
            self._images.ensure(wish, halt, tell)
        self._outdo(order)
        if order.workspace is not None:
            self._volumes.share(order.workspace.name, {OWNER_LABEL: self._owner, IMAGE_LABEL: wish.image})
        if not self._made(order, wish, body, halt, tell):
            return
        try:
            found = self._inspect(order.name)
            self._volumes.lay(order.name, order, self._images.owner(order.name, found))
            if self._rules.closes_metadata:
                self._dead_end.attach(order.name, body)
            if wish.wait:
                self._hear(order.name)
            self._start(order.name)
        except UserError:
            self._removed(order.name)
            raise
        failpoint.reached(Failpoint.TASK_LAUNCHED)

    def _body(self, order: Order, wish: Container) -> dict[str, Any]:
        labels = {**order.labels, OWNER_LABEL: self._owner}
        if wish.kill_grace is not None:
            labels[_GRACE_LABEL] = str(wish.kill_grace.total_seconds())
        if not wish.delete:
            labels[_STAYS_LABEL] = _YES
        if not wish.wait:
            labels[_RUNS_ON_LABEL] = _YES
        volume: dict[str, Any] = {"NoCopy": True}
        mount: dict[str, Any] = {"Type": "volume", "Target": MOUNT, "VolumeOptions": volume}
        if order.workspace is not None:
            mount["Source"] = order.workspace.name
        body = self._rules.body(_heeding(order), mounts=[mount], labels=labels)
        body["HostConfig"]["LogConfig"] = dict(self._engine.logging)
        return body

    def _made(self, order: Order, wish: Container, body: dict[str, Any], halt: Halt | None, tell: Tell | None) -> bool:
        """Make the container; False when the attempt was begun before, and is to be followed only.

        One that was made and not started was left by a crash in between: its successor knows better what to run.
        """
        for _ in range(3):
            try:
                self._engine.ask(lambda api: api.create_container_from_config(body, order.name))
            except NotFound:
                self._images.ensure(wish, halt, tell)
            except Conflict:
                with suppress(NotFound):
                    found = self._inspect(order.name)
                    if (found["Config"].get("Labels") or {}).get(OWNER_LABEL) != self._owner:
                        raise UserError(
                            f"the name `{order.name}` is taken by a container that is not ours",
                            help="rename or remove that container",
                        ) from None
                    if is_running(found) or has_begun(found):
                        return False
                    self._removed(order.name)
            else:
                return True
        raise UserError(
            f"the container could not be made: the image `{wish.image}` is not there, though it was fetched"
        )

    def _hear(self, name: str) -> None:
        """Hear its output from the start. Where that cannot be had, it is read from what the engine keeps.

        Not with Podman, which may end such a connection before the last words; nor from another machine, for a slow
        network would slow the program down.
        """
        if self._engine.is_podman or not self._engine.address.text.startswith("unix:"):
            return
        with suppress(OSError, Broken, NotFound):
            self._live[name] = live_output(
                self._engine.address, self._engine.api_version, name, timeout=ANSWER_WITHIN_S
            )

    def _forget(self, name: str) -> None:
        live = self._live.pop(name, None)
        if live is not None:
            live.close()

    def _start(self, name: str) -> None:
        """An engine that goes away now may have started it: whoever follows finds out."""
        with suppress(Away):
            try:
                self._engine.ask(lambda api: api.start(name))
            except (NotFound, Conflict) as error:
                raise UserError(f"the container could not be started: {_plain(error.message)}") from error
            except Away:
                raise
            except UserError as error:
                raise UserError(f"the container could not be started: {_plain(error.message)}") from error

    def _outdo(self, order: Order) -> None:
        """An earlier attempt that was given up for lost may still be there: it ends before the next one begins (P3)."""
        run, attempt = order.labels.get(RUN_LABEL), order.labels.get(ATTEMPT_LABEL, "1")
        if run is None or not attempt.isdigit() or int(attempt) < 2:
            return
        for found in self._ours(f"{RUN_LABEL}={run}"):
            number = (found.get("Labels") or {}).get(ATTEMPT_LABEL, "")
            if number.isdigit() and int(number) < int(attempt):
                self._removed(found["Id"])

    # ── following ──

    def knows(self, name: str) -> bool:
        if name in self._over:
            return True
        try:
            found = self._inspect(name)
        except NotFound:
            return False
        return is_running(found) or has_begun(found) or bool(found["State"].get("Error"))

    def follow(self, name: str, tail: Tail, halt: Halt, *, offsets: Mapping[Stream, int]) -> Exit:
        labels: Mapping[str, str] = {}
        with suppress(NotFound, Away):
            labels = self._inspect(name)["Config"].get("Labels") or {}
        if labels.get(_RUNS_ON_LABEL) == _YES:
            return Exit(Ending.EXITED, 0)
        grace = timedelta(seconds=float(labels[_GRACE_LABEL])) if _GRACE_LABEL in labels else None
        exit_, found = Following(self._engine, name, tail, halt, offsets, grace, self._live.pop(name, None)).run()
        if found is not None:
            self._over[name] = found
        return exit_

    # ── afterwards ──

    def collect(self, name: str, patterns: Iterable[str]) -> Iterator[tuple[PurePosixPath, BinaryIO]]:
        try:
            if name not in self._over:
                self._inspect(name)
        except NotFound:
            yield from self._collect_shared(name, patterns)
        else:
            yield from self._volumes.collect(name, patterns)

    def _collect_shared(self, workspace: str, patterns: Iterable[str]) -> Iterator[tuple[PurePosixPath, BinaryIO]]:
        try:
            with self._volumes.carrier(workspace, {OWNER_LABEL: self._owner}) as container:
                yield from self._volumes.collect(container, patterns)
        except NotFound:
            return  # no program has ever named it

    def usage(self, name: str) -> Mapping[str, float]:
        try:
            found = self._over.get(name) or self._inspect(name)
        except NotFound:
            return {}
        began, ended = moment(found["State"].get("StartedAt")), moment(found["State"].get("FinishedAt"))
        if began is None or ended is None:
            return {}
        # An engine notes the start when it hears of it: a program may have ended before that.
        return {"wall_s": max(0.0, (ended - began).total_seconds())}

    def remove(self, name: str) -> None:
        found = self._over.pop(name, None)
        with suppress(NotFound):
            found = found or self._inspect(name, patience=_BRIEF)
        if found is None:
            with suppress(NotFound):
                self._engine.ask(lambda api: api.remove_volume(name, force=True), patience=_BRIEF)
        elif not _stays(found["Config"].get("Labels") or {}, is_running=is_running(found)):
            self._removed(name)

    def names(self) -> Iterator[str]:
        label = f"{OWNER_LABEL}={self._owner}"
        volumes = self._engine.ask(lambda api: api.volumes(filters={"label": label}), patience=_AT_ONCE)
        found = self._ours(label, patience=_AT_ONCE)
        yield from sorted(
            container["Names"][0].removeprefix("/")
            for container in found
            if not _stays(container.get("Labels") or {}, is_running=container.get("State") == "running")
        )
        yield from sorted(volume["Name"] for volume in volumes.get("Volumes") or ())

    def shell(self, name: str) -> str:
        image = (self._over.get(name) or self._inspect(name))["Config"]["Image"]
        return f"docker run --rm -it --volumes-from {name} -w {WORKING_DIR} {image} sh"

    def close(self) -> None:
        """Let go of the connections. What runs, runs on."""
        for name in list(self._live):
            self._forget(name)
        self._engine.close()

    # ── asking ──

    def _inspect(self, name: str, *, patience: timedelta | None = None) -> Found:
        found: Found = self._engine.ask(lambda api: api.inspect_container(name), patience=patience)
        return found

    def _ours(self, label: str, *, patience: timedelta | None = None) -> list[dict[str, Any]]:
        filters = {"label": [label, f"{OWNER_LABEL}={self._owner}"]}
        return list(self._engine.ask(lambda api: api.containers(all=True, filters=filters), patience=patience))

    def _removed(self, name: str) -> None:
        """Gone with its volume, whatever state it is in."""
        self._forget(name)
        with suppress(NotFound, Conflict):  # somebody else removes it right now
            self._engine.ask(lambda api: api.remove_container(name, force=True, v=True), patience=_BRIEF)


def _heeding(order: Order) -> Order:
    """The order, with a shell that outlives its command when it is told to end, so that the command can end in peace.

    A container is over with its first command: a shell that TERM ends at once would have the rest killed with it.
    """
    if not is_shell(order.argv[:-1]):
        return order
    argv = [*order.argv[:-1], f"{_HEED}\n{order.argv[-1]}"]
    return replace(order, argv=argv, env={**order.env, "TINI_KILL_PROCESS_GROUP": "1"})


def _stays(labels: Mapping[str, str], *, is_running: bool) -> bool:
    """Whether its task wants the container to be left where it is."""
    return labels.get(_STAYS_LABEL) == _YES or (is_running and labels.get(_RUNS_ON_LABEL) == _YES)


def _plain(said: str) -> str:
    """What the innermost part of an engine complains about: each part around it repeats it with a preface."""
    said = said.removeprefix("the container engine refused: ").removesuffix(": unknown")
    return said.rpartition("caused: ")[2].rpartition("OCI runtime create failed: ")[2].strip()
