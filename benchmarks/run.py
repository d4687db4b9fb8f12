"""Benchmarks: `make bench`, or `python benchmarks/run.py NAME…`. Ratios within one run; absolutes are this machine's.

The installed program, the default store on this disk, `--runner process`. Each figure stands beside its floor or its
target; a missed target is marked, never hidden.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import DEVNULL, PIPE

import flows
from measure import PENSTOCK, Timing, commits, peak_megabytes, quietly, timed

WORK = Path(__file__).resolve().parent / ".work"
SLOTS = 8


def said(name: str, figure: str, target: str, met: bool | None) -> None:
    mark = {True: "met", False: "MISSED", None: ""}[met]
    print(f"  {name:<58} {figure:<40} {target:<34} {mark}", flush=True)


def file(name: str, text: str) -> Path:
    WORK.mkdir(exist_ok=True)
    path = WORK / name
    path.write_text(text, encoding="utf-8")
    return path


def run_argv(flow: Path, *more: str) -> list[str | Path]:
    data = WORK / f"data-{time.monotonic_ns()}"
    return [PENSTOCK, "-v", "run", flow, "--runner", "process", "--data", data, *more]


def start_up() -> None:
    """Program start: help, validate of one file, run of one task, above the bare interpreter."""
    one = file("one.yaml", flows.sequential_true(1))
    floor = timed(lambda: quietly([sys.executable, "-c", "pass"]))
    said("floor: the interpreter", str(floor), "", None)
    for name, argv, most in (
        ("--help", [PENSTOCK, "--help"], 0.070),
        ("validate of one file", [PENSTOCK, "validate", one], 0.150),
        ("run of a one-task flow", None, 0.350),
    ):
        once = (lambda: quietly(run_argv(one))) if argv is None else (lambda argv=argv: quietly(argv))
        spent = timed(once).median - floor.median
        said(name, f"{spent * 1000:.0f} ms above the interpreter", f"≤ {most * 1000:.0f} ms", spent <= most)


def wrapper_floor() -> Timing:
    """What a shell that runs `true` and renames a file costs: the least any durable process task needs."""
    script = "true > out 2> err; echo $? > exit.tmp; exec mv exit.tmp exit"
    return timed(lambda: quietly(["/bin/sh", "-c", script], cwd=WORK), runs=50)


def commit_floor() -> Timing:
    """One durable transaction of the store's kind, on the same disk."""
    import apsw

    path = WORK / "floor.db"
    path.unlink(missing_ok=True)
    connection = apsw.Connection(str(path))
    for statement in ("pragma journal_mode=wal", "pragma synchronous=full", "create table t (x)"):
        connection.execute(statement).fetchall()

    def once() -> None:
        for statement in ("begin immediate", "insert into t values ('0123456789')", "commit"):
            connection.execute(statement)

    timing = timed(once, runs=300)
    connection.close()
    return timing


def sequential() -> None:
    """A sequential process task: at most 2 commits, the wrapper, and 1 ms."""
    few, many = 1, 41
    WORK.mkdir(exist_ok=True)
    wrapper, commit = wrapper_floor(), commit_floor()
    stderr = {}

    def once(count: int) -> None:
        stderr[count] = quietly(run_argv(file(f"seq{count}.yaml", flows.sequential_true(count))))

    small, large = timed(lambda: once(few), runs=5), timed(lambda: once(many), runs=5)
    each = (large.median - small.median) / (many - few)
    made = (commits(stderr[many]) - commits(stderr[few])) / (many - few)
    bound = 2 * commit.median + wrapper.median + 0.001
    said("floor: wrapper of `true`", str(wrapper), "", None)
    said("floor: one commit", str(commit), "", None)
    said("one sequential process task", f"{each * 1000:.2f} ms, {made:.1f} commits, 1 spawn", "≤ 2 commits", made <= 2)
    said("", "", f"≤ {bound * 1000:.2f} ms (2 commits+wrapper+1)", each <= bound)


def parallel() -> None:
    """100 parallel process tasks against a pool of the same width."""
    WORK.mkdir(exist_ok=True)
    flow = file("par.yaml", flows.parallel_true(100))
    empty = file("par1.yaml", flows.parallel_true(1))

    def pool() -> None:
        with ThreadPoolExecutor(SLOTS) as executor:
            list(executor.map(lambda _: quietly(["/bin/sh", "-c", "true"]), range(100)))

    floor = timed(pool, runs=5)
    base = timed(lambda: quietly(run_argv(empty, "--slots", str(SLOTS))), runs=3)
    spent = timed(lambda: quietly(run_argv(flow, "--slots", str(SLOTS))), runs=5)
    ratio = (spent.median - base.median) / floor.median
    said("floor: a pool of 8, 100 times `sh -c true`", str(floor), "", None)
    said("100 parallel process tasks, 8 slots", f"{ratio:.2f} times the pool", "≤ 1.5 times", ratio <= 1.5)


def noop() -> None:
    """Tasks without a process."""
    stderr = {}

    def once(count: int) -> None:
        stderr[count] = quietly(run_argv(file(f"noop{count}.yaml", flows.sequential_noop(count)), "-q"))

    small, large = timed(lambda: once(1), runs=5), timed(lambda: once(101), runs=5)
    each = (large.median - small.median) / 100
    told = quietly(run_argv(file("noop100.yaml", flows.sequential_noop(100))))
    said("100 no-op tasks, each", f"{each * 1000:.3f} ms", "≤ 0.3 ms", each <= 0.0003)
    said("100 no-op tasks, commits in all", str(commits(told)), "≤ 4", commits(told) <= 4)


def loop() -> None:
    """ForEach over 10,000 values."""
    timings: dict[int, float] = {}
    for count in (100, 1_000, 10_000):
        flow = file(f"loop{count}.yaml", flows.loop_noop(count))
        timings[count] = timed(lambda flow=flow: quietly(run_argv(flow, "-q")), runs=3, warm=0).median
    early = (timings[1_000] - timings[100]) / 900
    late = (timings[10_000] - timings[1_000]) / 9_000
    said("ForEach of 10,000 no-op values, each", f"{late * 1000:.3f} ms", "≤ 0.3 ms + commits", late <= 0.0003)
    said("the late ones against the early ones", f"{late / early:.2f} times", "≤ 1.3 times", late <= 1.3 * early)
    peak = peak_megabytes(run_argv(file("loop10000.yaml", flows.loop_noop(10_000)), "-q"))
    said("memory at its peak", f"{peak:.0f} MB", "≤ 150 MB", peak <= 150)


def validate() -> None:
    """1,000 flows of 20 tasks, cold, against libyaml's compose of the same bytes."""
    folder = WORK / "thousand"
    shutil.rmtree(folder, ignore_errors=True)
    written = flows.repository(folder, 1_000)
    compose = (
        "import gc, sys, yaml, pathlib; gc.disable()\n"
        "for p in pathlib.Path(sys.argv[1]).iterdir(): yaml.compose(p.read_bytes(), Loader=yaml.CSafeLoader)"
    )
    floor = timed(lambda: quietly([sys.executable, "-c", compose, folder]), runs=3)
    spent = timed(lambda: quietly([PENSTOCK, "validate", folder]), runs=3)
    said(f"floor: libyaml composes {written / 1e6:.1f} MB", str(floor), "", None)
    ratio = spent.median / floor.median
    said("validate of 1,000 flows", f"{ratio:.2f} times the floor", "≤ 3 times", ratio <= 3)
    said("", str(spent), "≤ 2,500 ms", spent.median <= 2.5)


def latency() -> None:
    """From a line written to the line read by `executions logs -f`, and from a kill to KILLED."""
    data = WORK / "latency"
    ticks = "while true; do date +tick:%s%N; sleep 0.05; done"
    flow = file("ticks.yaml", flows.one_command(ticks))
    process = subprocess.Popen([PENSTOCK, "-q", "run", flow, "--data", data], stdout=DEVNULL, stderr=DEVNULL)
    try:
        execution = await_id(data)
        follower = subprocess.Popen(
            [PENSTOCK, "executions", "logs", "-f", execution, "--data", data], stdout=PIPE, stderr=DEVNULL, text=True
        )
        assert follower.stdout is not None
        late: list[float] = []
        for line in follower.stdout:
            seen = time.time_ns()
            late.append((seen - int(line.rpartition("tick:")[2])) / 1e9)
            if len(late) >= 80:
                break
        follower.kill()
        settled = sorted(late[20:])
        worst = settled[-1]
        said(
            "a line written to a line read, 60 lines",
            f"median {settled[30] * 1e3:.0f} ms, most {worst * 1e3:.0f} ms",
            "≤ 200 ms",
            worst <= 0.2,
        )
        begun = time.perf_counter()
        quietly([PENSTOCK, "executions", "kill", execution, "--wait", "--data", data])
        spent = time.perf_counter() - begun
        said("kill to KILLED, the command's start included", f"{spent * 1e3:.0f} ms", "≤ 1,000 ms", spent <= 1.0)
    finally:
        process.kill()
        process.wait()


def await_id(data: Path) -> str:
    """The id of the one execution in a data folder, once it has said something."""
    argv = [PENSTOCK, "executions", "list", "-o", "name", "--data", data]
    for _ in range(100):
        found = subprocess.run(list(map(str, argv)), capture_output=True, text=True, check=False).stdout.strip()
        if found:
            return found
    sys.exit("the run did not begin")


def peers() -> None:
    """100 no-op tasks in a row, beside others that install from PyPI; one that does not is listed with its error."""
    ours = timed(lambda: quietly(run_argv(file("noop100.yaml", flows.sequential_noop(100)), "-q")), runs=3)
    said("penstock, 100 no-op tasks, whole process, durable", str(ours), "", None)
    for name, script in PEERS.items():
        folder = WORK / f"peer-{name}"
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = folder / "bin" / "python"
        pip = subprocess.run(
            [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", name],
            capture_output=True,
            text=True,
            check=False,
        )
        if pip.returncode:
            said(name, "did not install: " + pip.stderr.strip().splitlines()[-1][:60], "", None)
            continue
        path = file(f"peer_{name}.py", script)
        tried = subprocess.run([python, path], cwd=folder, capture_output=True, text=True, check=False)
        if tried.returncode:
            said(name, "did not run: " + (tried.stderr.strip().splitlines() or ["no word"])[-1][:60], "", None)
            continue
        argv = [str(python), str(path)]
        spent = timed(lambda argv=argv, folder=folder: quietly(argv, cwd=folder), runs=3)
        said(f"{name}, 100 no-op tasks, whole process", str(spent), "", None)


PEERS = {
    "doit": (
        "import sys\nfrom doit.cmd_base import ModuleTaskLoader\nfrom doit.doit_cmd import DoitMain\n"
        "def task_n():\n    for n in range(100):\n        yield {'name': str(n), 'actions': [lambda: None]}\n"
        "sys.exit(DoitMain(ModuleTaskLoader({'task_n': task_n})).run(['-v0']))\n"
    ),
    "luigi": (
        "import luigi\nclass T(luigi.Task):\n    n = luigi.IntParameter()\n    done = False\n"
        "    def requires(self):\n        return [T(self.n - 1)] if self.n else []\n"
        "    def run(self):\n        self.done = True\n    def complete(self):\n        return self.done\n"
        "luigi.build([T(99)], local_scheduler=True, log_level='WARNING')\n"
    ),
    "dbos": (
        "from dbos import DBOS\nDBOS(config={'name': 'bench', 'system_database_url': 'sqlite:///bench.sqlite'})\n"
        "@DBOS.step()\ndef step(n):\n    return n\n@DBOS.workflow()\ndef flow():\n"
        "    for n in range(100):\n        step(n)\nDBOS.launch()\nflow()\nDBOS.destroy()\n"
    ),
    "prefect": (
        "from prefect import flow, task\n@task\ndef step(n):\n    return n\n@flow\ndef many():\n"
        "    for n in range(100):\n        step(n)\nmany()\n"
    ),
}


ALL: dict[str, Callable[[], None]] = {
    "start-up": start_up,
    "sequential": sequential,
    "parallel": parallel,
    "noop": noop,
    "loop": loop,
    "validate": validate,
    "latency": latency,
    "peers": peers,
}


def main() -> None:
    wanted = sys.argv[1:] or list(ALL)
    unknown = [name for name in wanted if name not in ALL]
    if unknown:
        sys.exit(f"no benchmark {unknown[0]}; there are: {', '.join(ALL)}")
    try:
        for name in wanted:
            print(f"{name}: {(ALL[name].__doc__ or '').strip()}")
            ALL[name]()
    finally:
        shutil.rmtree(WORK, ignore_errors=True)


if __name__ == "__main__":
    main()
