"""Benchmarks of `penstock validate`: `python benchmarks/validate.py`. Floors and a peer in the same run.

A thousand flows of twenty tasks, about ten kilobytes each. The floor reads and hashes the same files, as a program of
its own: Python starts there too. The peer is check-jsonschema with our schema for editors, grown to 300 types; it only
holds files against a schema, where we hold them against one another as well.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from flows import repository
from measure import PENSTOCK, Timing, quietly, timed

import penstock_schemas

WORK = Path(__file__).with_name(".work") / "validate"
FLOWS, PEER_FLOWS, TYPES = 1000, 40, 300
PEER = str(Path(sys.executable).with_name("check-jsonschema"))
FLOOR = """
import hashlib, os, sys
for here, _, names in os.walk(sys.argv[1]):
    for name in sorted(names):
        with open(os.path.join(here, name), "rb") as file:
            data = file.read()
        hashlib.sha1(b"blob %d\\0" % len(data) + data).hexdigest()
"""
FLOOR_WITHIN = """
import hashlib, os, sys, time
begun = time.perf_counter()
for here, _, names in os.walk(sys.argv[1]):
    for name in sorted(names):
        with open(os.path.join(here, name), "rb") as file:
            data = file.read()
        hashlib.sha1(b"blob %d\\0" % len(data) + data).hexdigest()
print(time.perf_counter() - begun)
"""


def validate(*args: str | Path) -> None:
    quietly([PENSTOCK, "validate", "-q", *args], cwd=WORK)


def prepare() -> None:
    shutil.rmtree(WORK, ignore_errors=True)
    size = repository(WORK / "flows", FLOWS)
    os.environ["PENSTOCK_CACHE"] = str(WORK / "cache")
    print(f"  {FLOWS} flows, {size / 1e6:.1f} MB, {len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}")


def cold_and_warm() -> None:
    """every rule, without and with what is kept, against reading and hashing the same files"""
    cold = timed(lambda: validate("--no-cache"), runs=3, warm=0)
    validate()
    warm = timed(validate, runs=9)
    floor = timed(lambda: quietly([sys.executable, "-c", FLOOR, WORK / "flows"]), runs=9)
    start = timed(lambda: quietly([PENSTOCK, "--version"]), runs=9)
    told("cold", cold, f"{cold.median / FLOWS * 1000:.2f} ms a flow")
    told(
        "warm", warm, f"{warm.median / floor.median:.1f} times the floor, {start.median / warm.median:.0%} is the start"
    )
    told("floor", floor, "Python, reading, hashing")
    told("start", start, "`penstock --version`")
    inner()


def inner() -> None:
    """The same without the start of programs: what `check` takes, and what reading and hashing takes."""
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom penstock.flow.catalogue.catalog import load_catalog\n"
        "from penstock.settings import cache_folder, load_settings\nfrom penstock.validation.cache import Cache\n"
        "from penstock.validation.check import check\nfrom penstock.validation.folder import sources_in\n"
        "from penstock.validation.options import options_of\n"
        "settings = load_settings()\noptions, cache = options_of(settings), Cache(cache_folder())\n"
        "begun = time.perf_counter()\ncheck(sources_in(Path(), (), settings), load_catalog(), options, cache=cache)\n"
        "print(time.perf_counter() - begun)\n"
    )
    ours = best(lambda: seconds_of(code))
    floor = best(lambda: seconds_of(FLOOR_WITHIN, WORK / "flows"))
    print(f"  within the program: {ours * 1000:.0f} ms, the floor {floor * 1000:.0f} ms: {ours / floor:.1f} times")


def one_changed() -> None:
    """one file of a thousand differs from what is known"""
    file = WORK / "flows" / "flow-0500.yaml"
    text = file.read_text()
    turns = iter(range(1000))

    def change() -> None:
        file.write_text(text + f"# {next(turns)}\n")
        validate()

    told("one changed", timed(change, runs=5), "")
    file.write_text(text)


def peer() -> None:
    """check-jsonschema, by what each file adds"""
    if not Path(PEER).exists():
        print("  check-jsonschema is not installed (it is one of the `dev` extras)")
        return
    schema = WORK / "schema.json"
    schema.write_text(json.dumps(grown()))
    files = sorted((WORK / "flows").iterdir())
    theirs = added(lambda count: quietly([PEER, "--schemafile", schema, *files[:count]]), PEER_FLOWS)
    ours = added(lambda count: validate("--no-cache", *files[:count]) if count > 1 else one(files[0]), FLOWS)
    print(f"  check-jsonschema {theirs * 1000:.1f} ms a flow, ours {ours * 1000:.2f} ms: {theirs / ours:.0f} times")


def one(file: Path) -> None:
    """A file that has no repository around it."""
    alone = WORK / "alone"
    alone.mkdir(exist_ok=True)
    shutil.copy(file, alone)
    quietly([PENSTOCK, "validate", "-q", "--no-cache", alone / file.name], cwd=alone)


def added(run: Callable[[int], object], count: int) -> float:
    """Seconds that each further file takes, the start of the program left out."""
    return (timed(lambda: run(count), runs=3, warm=0).median - timed(lambda: run(1), runs=3).median) / (count - 1)


def grown() -> dict[str, object]:
    """The schema for editors with as many types as TYPES: those of other plugins are like the ones that are there."""
    found: dict[str, object] = json.loads((Path(penstock_schemas.__path__[0]) / "v1/flow.schema.json").read_bytes())
    defs = found["$defs"]
    assert isinstance(defs, dict)
    tasks = defs["task"]["allOf"]
    known = sum(len(defs[group]["allOf"]) for group in ("task", "trigger", "condition", "runner"))
    for number in range(TYPES - known):
        like, name = tasks[number % len(tasks)]["then"]["$ref"], f"org.example.plugin{number}.Task"
        defs[name] = defs[like.rpartition("/")[2]]
        condition = {"properties": {"type": {"enum": [name]}}, "required": ["type"]}
        tasks.append({"if": condition, "then": {"$ref": f"#/$defs/{name}"}})
    return found


def seconds_of(code: str, *args: str | Path) -> float:
    import subprocess

    argv = [sys.executable, "-c", code, *map(str, args)]
    return float(subprocess.run(argv, cwd=WORK, capture_output=True, text=True, check=True).stdout)


def best(once: Callable[[], float], runs: int = 7) -> float:
    return min(once() for _ in range(runs))


def told(name: str, timing: Timing, more: str) -> None:
    print(f"  {name:<12} {timing}  {more}")


ALL: dict[str, Callable[[], None]] = {
    "cold-and-warm": cold_and_warm, "one-changed": one_changed, "peer": peer,
}  # fmt: skip


def main() -> None:
    wanted = sys.argv[1:] or list(ALL)
    unknown = [name for name in wanted if name not in ALL]
    if unknown:
        sys.exit(f"no benchmark {unknown[0]}; there are: {', '.join(ALL)}")
    try:
        prepare()
        for name in wanted:
            print(f"{name}: {(ALL[name].__doc__ or '').strip()}")
            ALL[name]()
    finally:
        shutil.rmtree(WORK, ignore_errors=True)


if __name__ == "__main__":
    main()
