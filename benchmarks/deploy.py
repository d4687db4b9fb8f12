"""Benchmark of `penstock plan`: `python benchmarks/deploy.py`. 1,000 flows that a server on loopback has already.

The server is the double that the tests use. Told is the whole program with warm verdicts, the requests that it makes,
and beside it what the double alone needs for the one answer that holds all flows.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from urllib.request import urlopen

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from flows import repository
from measure import PENSTOCK, cpu_s, quietly, timed

from kestra_api.server import KestraApi, serving

FLOWS = 1_000
TARGET_S, MOST_REQUESTS = 2.0, 6


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, serving(KestraApi()) as api:
        root = Path(folder, "repository")
        os.environ["PENSTOCK_DATA"] = str(Path(folder, "data"))
        repository(root / "flows", FLOWS)
        quietly([PENSTOCK, "deploy", "-q", "--target", api.url], cwd=root)
        written = len(api.writes)
        asked = len(api.asked)
        quietly([PENSTOCK, "plan", "--detailed-exitcode", "--target", api.url], cwd=root)
        requests = [one.line for one in api.asked[asked:]]
        spent = timed(lambda: quietly([PENSTOCK, "plan", "--target", api.url], cwd=root), runs=5, warm=1)
        worked = cpu_s(lambda: quietly([PENSTOCK, "plan", "--target", api.url], cwd=root))
        floor = timed(lambda: _export(api.url), runs=5, warm=1)
    met = spent.median <= TARGET_S and len(requests) <= MOST_REQUESTS
    print(f"{FLOWS:,} unchanged flows, {written:,} writes to bring them there")
    print(f"  penstock plan                 {spent}   target {TARGET_S:g} s   {'met' if met else 'MISSED'}")
    print(f"    of which it works           {worked * 1000:.1f} ms of CPU")
    print(f"  its requests                  {len(requests)}: {', '.join(requests)}")
    print(f"  the double's export alone     {floor}")


def _export(url: str) -> None:
    with urlopen(f"{url}/api/v1/main/flows/export/by-query") as answer:
        answer.read()


if __name__ == "__main__":
    main()
