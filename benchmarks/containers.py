"""Benchmarks of container tasks: `python benchmarks/containers.py NAME…`, against docker-py in the same run.

Needs an engine (DOCKER_HOST, or the usual socket) that has the image `busybox`. The installed program, its default
store on this disk. Absolutes are this machine's; each figure stands beside its floor.
"""

from __future__ import annotations

import io
import json
import os
import statistics
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import docker
from measure import PENSTOCK, peak_megabytes, quietly
from run import WORK, file, said

IMAGE = "busybox"
AT_ONCE = 8
LOG_MB = 200
RUNS = 5


def flow(name: str, tasks: str) -> Path:
    return file(f"{name}.yaml", f"id: {name}\nnamespace: bench\ntasks:\n{tasks}")


def shell(name: str, command: str, indent: str = "  ") -> str:
    text = f"""- id: {name}
  type: io.kestra.plugin.scripts.shell.Commands
  containerImage: {IMAGE}
  commands: [{json.dumps(command)}]
"""
    return "".join(f"{indent}{line}\n" for line in text.splitlines())


def argv(path: Path, *more: str) -> list[str | Path]:
    return [PENSTOCK, "-v", "run", path, "--runner", "docker", "--data", WORK / f"data-{time.monotonic_ns()}", *more]


def seconds(once: Callable[[], object]) -> float:
    begun = time.perf_counter()
    once()
    return time.perf_counter() - begun


def archive() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in ("work", "work/outputs"):
            info = tarfile.TarInfo(name)
            info.type, info.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(info)
    return buffer.getvalue()


def bare(client: docker.APIClient, name: str, command: str = "true") -> None:
    """What docker-py itself needs for one container with a file laid into it."""
    made = client.create_container(IMAGE, ["sh", "-c", command], name=name, host_config=client.create_host_config())
    client.put_archive(made, "/tmp", archive())
    client.start(made)
    client.wait(made)
    client.logs(made)
    client.remove_container(made, v=True, force=True)


def fresh() -> str:
    return f"penstock-bench-{time.monotonic_ns()}"


def client() -> docker.APIClient:
    return docker.APIClient(base_url=os.environ.get("DOCKER_HOST"), version="auto", num_pools=32)


def one() -> None:
    """One container task beyond docker-py's create, put, start, wait, logs and remove."""
    few, many = 1, 11
    small = flow("one", "".join(shell(f"t{number}", "true") for number in range(few)))
    large = flow("many", "".join(shell(f"t{number}", "true") for number in range(many)))
    engine = client()
    bare(engine, fresh())
    floors, ours = [], []
    for _ in range(RUNS):  # in pairs, so that whatever else the machine does meets both
        floors.append(statistics.median(seconds(lambda: bare(engine, fresh())) for _ in range(10)))
        ours.append((seconds(lambda: quietly(argv(large))) - seconds(lambda: quietly(argv(small)))) / (many - few))
    floor, each = statistics.median(floors), statistics.median(ours)
    said("floor: one container by docker-py", f"{floor * 1000:.0f} ms", "", None)
    said(
        "one container task",
        f"{each * 1000:.0f} ms, {(each - floor) * 1000:.0f} beyond",
        "≤ 60 ms beyond",
        each - floor <= 0.060,
    )


def eight() -> None:
    """Eight at once, for five rounds, against docker-py on eight threads."""
    count = 5 * AT_ONCE
    tasks = "".join(shell(f"t{number}", "true", indent="      ") for number in range(count))
    head = "  - id: all\n    type: io.kestra.plugin.core.flow.Parallel\n    tasks:\n"
    wide = flow("wide", head + tasks)
    single = flow("single", head + shell("t0", "true", indent="      "))
    engine = client()

    def pool() -> None:
        with ThreadPoolExecutor(AT_ONCE) as executor:
            list(executor.map(lambda _: bare(engine, fresh()), range(count)))

    floors, ours = [], []
    for _ in range(3):
        floors.append(seconds(pool))
        base = seconds(lambda: quietly(argv(single)))
        alone = seconds(lambda: bare(engine, fresh()))
        ours.append(seconds(lambda: quietly(argv(wide, "--slots", str(AT_ONCE)))) - max(base - alone, 0))
    floor, spent = statistics.median(floors), statistics.median(ours)
    said(f"floor: {count} containers, eight at once, by docker-py", f"{floor:.2f} s", "", None)
    said(
        f"{count} container tasks at eight slots",
        f"{spent:.2f} s, {spent / floor:.2f} times",
        "≤ 1.2 times",
        spent <= 1.2 * floor,
    )


def end() -> None:
    """From the moment that the engine says of an end to who waits for it, to the end that the execution records."""
    count = 10
    path = flow("ends", "".join(shell(f"t{number}", "sleep 0.7") for number in range(count)))
    engine, reported, seen = client(), dict[str, float](), set[str]()
    waiting = []

    def wait(name: str, run: str) -> None:
        engine.wait(name)
        reported[run] = time.time()

    program = subprocess.Popen(
        [str(each) for each in argv(path, "-o", "ndjson")], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    while program.poll() is None and len(seen) < count:
        for found in engine.containers(filters={"label": "penstock.run"}):
            run = found["Labels"]["penstock.run"]
            if run not in seen:
                seen.add(run)
                waiting.append(threading.Thread(target=wait, args=(found["Id"], run)))
                waiting[-1].start()
        threading.Event().wait(0.05)
    told, _ = program.communicate()
    for each in waiting:
        each.join()
    ended = [event for event in map(json.loads, told.splitlines()) if event["type"] == "AttemptEnded"]
    late = [datetime.fromisoformat(event["at"]).timestamp() - reported[event["run"]] for event in ended]
    middle, worst = statistics.median(late), max(late)
    said(
        "an end, after the engine says it",
        f"{middle * 1000:.0f} ms median, {worst * 1000:.0f} worst",
        "≤ 50 ms",
        worst <= 0.05,
    )


def logs() -> None:
    """A container that prints as fast as it can: lines of 100 bytes, and of 1,000; kept, and not shown."""
    idle = flow("idle", shell("t", "true"))
    base = statistics.median(peak_megabytes(unshown(idle)) for _ in range(3))
    engine = client()
    for length in (100, 1000):
        line = "x" * (length - 1)
        command = f"yes {line} | head -c {LOG_MB}000000"
        floor = statistics.median(seconds(lambda command=command: printed(engine, command)) for _ in range(3))
        floor -= statistics.median(seconds(lambda: printed(engine, "true")) for _ in range(3))
        path = flow(f"logs{length}", shell("t", command))
        alone = statistics.median(seconds(lambda: quietly(unshown(idle))) for _ in range(3))
        spent = statistics.median(seconds(lambda path=path: quietly(unshown(path))) for _ in range(3)) - alone
        more = statistics.median(peak_megabytes(unshown(path)) for _ in range(3)) - base
        rate = LOG_MB / spent
        said(f"floor: lines of {length} bytes that nobody reads", f"{LOG_MB / floor:.0f} MB/s", "", None)
        said(f"{LOG_MB} MB of output, lines of {length} bytes", f"{rate:.0f} MB/s", "≥ 50 MB/s", rate >= 50)
        said("", f"{more:.0f} MB more memory", "≤ 20 MB", more <= 20)


def unshown(path: Path) -> list[str | Path]:
    return [PENSTOCK, "-q", *argv(path)[2:]]


def printed(engine: docker.APIClient, command: str) -> None:
    """A container to its end, its output kept by the engine and read by nobody."""
    made = engine.create_container(IMAGE, ["sh", "-c", command])
    engine.start(made)
    engine.wait(made)
    engine.remove_container(made, v=True, force=True)


ALL = {each.__name__: each for each in (one, eight, end, logs)}


def main() -> None:
    try:
        client().inspect_image(IMAGE)
    except docker.errors.DockerException as error:
        sys.exit(f"these need a container engine with the image {IMAGE}: {error}")
    for name in sys.argv[1:] or ALL:
        print(ALL[name].__doc__.splitlines()[0])
        ALL[name]()


if __name__ == "__main__":
    main()
