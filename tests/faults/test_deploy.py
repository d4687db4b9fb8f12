"""A server that fails at one call, whichever: what is told is true, nothing is lost, and a second run converges."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from kestra_api.server import Fault, Flow, KestraApi, serving
from penstock.adapters.http import GuardedHttp, Reach
from penstock.adapters.kestra.api import Api
from penstock.adapters.kestra.target import KestraTarget
from penstock.deploy.carry_out import Carried, Outcome
from penstock.deploy.plan import Action, Change
from penstock.deploy.stamp import unstamped
from penstock.errors import PenstockError
from penstock.settings import load_settings
from penstock.validation.cache import Cache
from penstock.wiring.deployments import Asked, Deployments
from penstock.wiring.destinations import Destination

LOG, SUBFLOW = "io.kestra.plugin.core.log.Log", "io.kestra.plugin.core.flow.Subflow"
PAGE = b"<!doctype html><title>Sign in</title>"
BY_HAND = f"id: by-hand\nnamespace: sales\ntasks: [{{id: say, type: {LOG}, message: mine}}]\n"


def flow(name: str, message: str = "hello") -> str:
    return f"id: {name}\nnamespace: sales\ntasks:\n  - {{id: say, type: {LOG}, message: {message}}}\n"


def caller(name: str, callee: str) -> str:
    return f"{flow(name)}  - {{id: call, type: {SUBFLOW}, namespace: sales, flowId: {callee}}}\n"


BEFORE = {"load": flow("load"), "old": flow("old"), "calls-old": caller("calls-old", "old")}
AFTER = {"load": flow("load", "changed"), "fresh": caller("fresh", "load")}
FILES_BEFORE = {"q.sql": "select 1", "gone.sql": "select 0"}
FILES_AFTER = {"q.sql": "select 2"}


@dataclass
class Scene:
    """A repository that has been deployed and has changed since; the server as it was left, and as it shall be."""

    api: KestraApi
    http: GuardedHttp
    deployments: Deployments
    start: tuple[dict[tuple[str, str], Flow], dict[str, dict[str, bytes]]]
    calls: int = 0

    def reset(self, fault: Fault | None) -> None:
        flows, files = self.start
        self.api.flows = {name: replace(each) for name, each in flows.items()}
        self.api.files = {namespace: dict(each) for namespace, each in files.items()}
        self.api.asked, self.api.fault = [], fault

    def run(self) -> Carried | PenstockError:
        """A deployment as a new process would do it: nothing is known of the server."""
        waited: list[timedelta] = []
        fresh = Api(self.http, self.api.url, wait=waited.append)
        new = replace(self.deployments, destination=Destination(KestraTarget(fresh)))
        try:
            plan = new.plan()
        except PenstockError as error:
            return error
        return new.carry_out(plan, fail_fast=False, told=lambda _: None)

    @property
    def state(self) -> tuple[dict[str, str], dict[str, bytes]]:
        return self.api.sources(), self.api.files["sales"]

    def is_there(self, change: Change) -> bool:
        """Whether the server has what the change was to bring."""
        if change.flow is not None:
            held = self.api.flows.get((change.namespace, change.flow))
            return (
                (held is None) if change.action is Action.DELETE else (held is not None and held.source == change.text)
            )
        assert change.file is not None
        content = self.api.files["sales"].get(change.file)
        return content is None if change.action is Action.DELETE else content == change.content


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    root = tmp_path_factory.mktemp("flows")
    root.joinpath("penstock.yaml").write_text("flows: [flows/**]\n")
    with serving(KestraApi()) as api, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PENSTOCK_DATA", str(root / "data"))
        write(root, BEFORE, FILES_BEFORE)
        http = GuardedHttp(Reach(private=True))
        api.put(BY_HAND)
        api.files["sales"] = {"by-hand.sql": b"mine"}
        scene = Scene(api, http, judged(root, KestraTarget(Api(http, api.url))), ({}, {}))
        assert isinstance(scene.run(), Carried)
        scene.start = dict(api.flows), {"sales": dict(api.files["sales"])}
        for file in (*root.glob("flows/*"), *root.glob("sales/files/*")):
            file.unlink()
        write(root, AFTER, FILES_AFTER)
        scene.deployments = judged(root, KestraTarget(Api(http, api.url)))
        scene.reset(None)
        assert isinstance(scene.run(), Carried)
        scene.calls = len(api.asked)
        yield scene
        http.close()


def write(root: Path, flows: dict[str, str], files: dict[str, str]) -> None:
    for name, text in flows.items():
        root.joinpath("flows").mkdir(exist_ok=True)
        root.joinpath("flows", f"{name}.yaml").write_text(text)
    for name, text in files.items():
        root.joinpath("sales/files").mkdir(parents=True, exist_ok=True)
        root.joinpath("sales/files", name).write_text(text)


def judged(root: Path, target: KestraTarget) -> Deployments:
    destination = Destination(target)
    asked = Asked(prune=True)
    made = Deployments(root, load_settings(folder=root), Cache(root / "cache"), asked, destination, "team/flows")
    report = made.judged()
    assert report is not None
    return made


FAULTS: dict[str, Callable[[int, int], Fault]] = {
    "cut before": lambda at, times: Fault(at, 0, times),
    "cut after": lambda at, times: Fault(at, 0, times, is_after=True),
    "refused": lambda at, times: Fault(at, 400, times),
    "stumbles": lambda at, times: Fault(at, 500, times),
    "stumbles after": lambda at, times: Fault(at, 500, times, is_after=True),
    "too many": lambda at, times: Fault(at, 429, times, retry_after="7"),
    "not known": lambda at, times: Fault(at, 401, times),
    "a page instead": lambda at, times: Fault(at, 200, times, body=PAGE),
    "a page instead of the answer": lambda at, times: Fault(at, 200, times, body=PAGE, is_after=True),
}
PASSING = {"cut before", "cut after", "stumbles", "stumbles after", "too many"}


@pytest.mark.parametrize("times", [1, pytest.param(1_000, marks=pytest.mark.long)])
@pytest.mark.parametrize("kind", FAULTS)
def test_whichever_call_fails_what_is_told_is_true_and_a_second_run_converges(
    scene: Scene, kind: str, times: int
) -> None:
    for at in range(1, scene.calls + 1):
        scene.reset(FAULTS[kind](at, times))
        before = scene.state[0].copy(), scene.state[1].copy()

        first = scene.run()

        assert_nothing_of_others_is_touched(scene)
        if isinstance(first, PenstockError):
            assert scene.state == before, "where there is no plan nothing is done"
            assert not scene.api.writes
        else:
            assert_true(scene, first, is_lost="after" in kind or "instead" in kind)
        if kind in PASSING and times == 1:
            assert isinstance(first, Carried)
            assert first.outcome == "deployed"
        elif times > 1:
            assert isinstance(first, PenstockError) or first.outcome != "deployed"

        scene.api.fault = None
        second = scene.run()
        assert isinstance(second, Carried)
        assert second.outcome in ("deployed", "unchanged")
        assert_converged(scene)


def assert_true(scene: Scene, carried: Carried, *, is_lost: bool) -> None:
    """Of each change what is told is what is; only of one whose answer was lost it cannot be known."""
    for result in carried.results:
        if result.outcome is Outcome.DONE:
            assert scene.is_there(result.change), result
        elif result.outcome is Outcome.SKIPPED or not is_lost:
            assert not scene.is_there(result.change), result
    assert len(carried.results) == sum(one.is_change for one in carried.plan.changes)
    done = carried.count(Outcome.DONE)
    is_whole = done == len(carried.results) and carried.stopped is None
    assert carried.outcome == ("deployed" if is_whole else "partly" if done else "failed")


def assert_nothing_of_others_is_touched(scene: Scene) -> None:
    sources, files = scene.state
    assert sources["sales/by-hand"] == BY_HAND
    assert files["by-hand.sql"] == b"mine"
    ours = {"flows/sales/calls-old", "flows/sales/old", "namespaces/sales/files"}
    deletes = [one for one in scene.api.asked if one.method == "DELETE"]
    assert {one.path for one in deletes} <= ours
    assert {one.text("path") for one in deletes if "files" in one.path} <= {"/gone.sql"}


def assert_converged(scene: Scene) -> None:
    sources, files = scene.state
    bodies = {name: unstamped(text)[0] for name, text in sources.items()}
    assert bodies == {**{f"sales/{name}": text for name, text in AFTER.items()}, "sales/by-hand": BY_HAND}
    held = {name: content.decode() for name, content in files.items() if not name.startswith("_penstock/")}
    assert held == {**FILES_AFTER, "by-hand.sql": "mine"}
