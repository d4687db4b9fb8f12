"""`python -m sim --seed N`: play one seed again and tell it. `--seeds N`: play the first N and print what happened."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from sim.bugs import BUGS
from sim.world import World


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m sim", description=__doc__)
    parser.add_argument("--seed", type=int, help="play this one and tell every step")
    parser.add_argument("--seeds", type=int, default=1_000, help="how many to play (default 1000)")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--bugs", action="store_true", help="look for the planted bugs instead")
    given = parser.parse_args()
    if given.seed is not None:
        return _tell(given.seed)
    return _find_bugs(given.seeds) if given.bugs else _play(given.first, given.seeds)


def _tell(seed: int) -> int:
    world = World(seed, tell=print)
    try:
        world.play()
    finally:
        for execution in world.acknowledged:
            print(f"\n{execution}, as the store has it:")
            for seq, event in enumerate(world.store.events(execution), 1):
                print(f"{seq:5} {event}")
    return 0


def _play(first: int, seeds: int) -> int:
    exercised: Counter[str] = Counter()
    began = time.perf_counter()
    for seed in range(first, first + seeds):
        try:
            exercised.update(World(seed).play())
        except Exception:
            print(f"seed {seed} fails: replay it with `python -m sim --seed {seed}`", file=sys.stderr)
            raise
    print(f"{seeds} seeds in {time.perf_counter() - began:.1f} s")
    for kind, times in sorted(exercised.items()):
        print(f"{times:8} {kind}")
    return 0


def _find_bugs(seeds: int) -> int:
    missed = 0
    for bug, parts in BUGS.items():
        for seed in range(seeds):
            try:
                World(seed, parts).play()
            except AssertionError as error:
                print(f"{bug}: found at seed {seed}: {error}")
                break
        else:
            missed += 1
            print(f"{bug}: not found within {seeds} seeds")
    return missed


if __name__ == "__main__":
    sys.exit(main())
